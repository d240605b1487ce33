"""The examples run from end to end, on a world small enough for a test, and what they save can be loaded."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from handmade import corpus

from examples.contrastive import ARMS, Settings, contrast, train_encoder
from examples.street_frames import read_frames
from examples.tiny_clip import contrastive_loss, saved
from examples.zero_shot import zero_shot
from rewrite.errors import InputError
from rewrite.pipeline import rewrite
from rewrite.recipe import configure
from trclip_vad.clip import ClipImages, ClipTexts
from trclip_vad.datasets.street_grammar import LABELS
from trclip_vad.datasets.synthetic import Synthetic, write_world
from trclip_vad.video import Film

TINY = Settings(epochs=2, batch=32, seeds=1)
CLASSES = {
    "Normal": ["People walk along the street.", "A car drives by."],
    "Fighting": ["Two men hit each other.", "A man lies on the pavement."],
    "Robbery": ["A man snatches a bag from a woman."],
    "Vandalism": ["Somebody smashes the glass of the bus stop."],
    "road accident": ["A car hits somebody on the road."],
    "Arson": ["A bin burns with high flames."],
    "Burglary": ["Somebody breaks the shop door open at night."],
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("examples") / "world"
    write_world(out, train=4, test=2)
    return out


@pytest.fixture(scope="module")
def trained(world: Path) -> Path:
    recipe = configure(backend="fake", filters=["form"], variants=2, assignments=["source.split=train"])
    rewrite(world / "captions.jsonl", world.parent / "corpus", recipe)
    contrast(world, world.parent / "corpus", world.parent / "out", TINY)
    return world.parent / "out"


def test_contrastive_training_reports_every_arm_on_held_out_videos(trained: Path, world: Path) -> None:
    found = json.loads((trained / "report.json").read_text())
    assert set(found["arms"]) == set(ARMS) >= {"captions", "rewrites", "random_words", "shuffled"}
    held_out = [caption for video in Synthetic(world).videos("test") for caption in video.captions]
    assert found["judged_on"] == len(held_out)
    for measures in found["arms"].values():
        assert all(0 <= m["low"] <= m["value"] <= m["high"] <= 1 for m in measures.values())
    assert "toy" in found["note"].lower()


def test_the_same_training_gives_the_same_encoder_and_is_not_done_twice(trained: Path, world: Path) -> None:
    again = world.parent / "again"
    train_encoder(world, world.parent / "corpus", again, TINY)
    weights = again / "model.safetensors"
    assert weights.read_bytes() == (trained / "rewrites-0" / "model.safetensors").read_bytes()
    before = weights.stat().st_mtime_ns
    train_encoder(world, world.parent / "corpus", again, TINY)
    assert weights.stat().st_mtime_ns == before


def test_a_saved_encoder_says_that_it_is_a_toy_and_opens_by_the_doors_of_any_clip(trained: Path, world: Path) -> None:
    folder = trained / "rewrites-0"
    assert "toy" in (folder / "README.md").read_text()
    pictures, texts = ClipImages(model=str(folder)), ClipTexts(model=str(folder))
    frames = read_frames(world, "test", videos=1)
    film = Film(next((world / "videos").glob("test-000.mp4")))
    np.testing.assert_array_equal(pictures.encode(film), pictures.encode(frames.pixels.numpy()))
    assert texts.encode(["A man walks."]).shape == (1, pictures.width)
    assert pictures.crops == (0, 5)


def test_an_encoder_of_something_else_is_trained_anew(trained: Path) -> None:
    assert not saved(trained / "rewrites-0", arm="else")


def test_equal_captions_are_no_negatives_of_each_other() -> None:
    vectors = torch.nn.functional.normalize(torch.randn(3, 8, generator=torch.Generator().manual_seed(0)), dim=1)
    pictures, texts = vectors[[0, 0, 1]], vectors[[0, 0, 1]]
    same = torch.tensor([[True, True, False], [True, True, False], [False, False, True]])
    alone = contrastive_loss(pictures, texts, torch.tensor(5.0), torch.eye(3, dtype=torch.bool))
    assert contrastive_loss(pictures, texts, torch.tensor(5.0), same) < alone


def test_zero_shot_puts_names_descriptions_and_random_words_side_by_side(trained: Path, world: Path) -> None:
    classes = corpus(world.parent / "classes", CLASSES)
    found = zero_shot(trained / "rewrites-0", world, classes, draws=2)
    present = set(read_frames(world, "test").labels)
    assert set(found["classes"]) == present <= set(LABELS.names)
    assert found["chance"] == 1 / len(present)
    for value in (found["name"], found["descriptions"], *found["random_words"].values()):
        assert 0 <= value <= 1


def test_a_class_without_description_is_refused(trained: Path, world: Path, tmp_path: Path) -> None:
    classes = corpus(tmp_path / "classes", {**CLASSES, "Normal": []})
    with pytest.raises(InputError, match="has no description of 'Normal'"):
        zero_shot(trained / "rewrites-0", world, classes)


def test_a_corpus_of_another_world_is_refused(world: Path, tmp_path: Path) -> None:
    other = corpus(tmp_path / "c", {"A cat sleeps.": ["A sleeping cat."], "Rain.": ["It rains."]})
    with pytest.raises(InputError, match="describes no training snippet"):
        contrast(world, other, tmp_path / "out", Settings(epochs=1, seeds=1))
