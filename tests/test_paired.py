"""Frames and captions of the same videos: paired by name, laid on the frames' grid, refused where they disagree."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_world import CLASSES, D, World, bank_of, corpus, features_of, rows_of, video, videos
from test_text_bank import HashEncoder

from rewrite.errors import CorpusError, SettingError
from rewrite.settings import apply
from trclip_vad.evaluate import evaluate
from trclip_vad.paired import open_paired
from trclip_vad.recipes import configure
from trclip_vad.sampling import Draws, collate, whole
from trclip_vad.train import train

SMALL = ["epochs=1", "batch=4", "validation=0.3", "threads=1", "classes.encoder=none", "model.temporal=identity"]


def shuffled(world: World, seed: int = 1) -> World:
    return replace(world, all=random.Random(seed).sample(list(world.all), len(world.all)))


@pytest.fixture(scope="module")
def world() -> World:
    return World(videos())


@pytest.fixture(scope="module")
def both(world: World, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(bank, features), in two orders of the same videos."""
    folder = tmp_path_factory.mktemp("both")
    return bank_of(world, folder / "bank", [corpus(folder)]), features_of(
        shuffled(world), folder / "features", crops=(2, 0, 5)
    )


def test_videos_in_any_order_keep_their_own_captions_and_frames(world: World, both: tuple[Path, Path]) -> None:
    for split in ("train", "test"):
        data = open_paired(*both, split)
        assert sorted(data.names) == sorted(v.name for v in world.videos(split))
        assert data.names != tuple(v.name for v in world.videos(split))
        known = {v.name: v for v in world.videos(split)}
        for index, name in enumerate(data.names):
            given, batch = known[name], whole(data, index)
            assert (data.labels[index], data.lengths[index]) == (given.labels, given.snippets)
            assert batch.names == (name,)
            np.testing.assert_array_equal(batch.visual[0], rows_of(given, 0, given.snippets))
            said = HashEncoder().encode([c.text for c in given.captions])
            np.testing.assert_allclose(batch.text[0, : len(said)], said, atol=1e-6)
            assert batch.covered[0].tolist() == [t < len(said) for t in range(given.snippets)]


@pytest.mark.parametrize("frames", [254, 255, 256, 257, 600])
@pytest.mark.parametrize("said", [-1, 0, 1])
def test_captions_are_laid_on_the_frames_own_snippets(frames: int, said: int, tmp_path: Path) -> None:
    """The captions' grid is shorter by one, as long, or longer by one."""
    given = [
        video(f"{half}{n}", CLASSES[n], snippets=frames + said, captions=0)
        for half in ("train", "test")
        for n in (0, 1)
    ]
    told = [replace(v, captions=video(v.name, *v.labels, captions=frames + said).captions) for v in given]
    world = World(told)
    bank = bank_of(world, tmp_path / "bank")
    data = open_paired(
        bank, features_of(world, tmp_path / "features", snippets={v.name: frames for v in told}), "train"
    )
    text, covered = data.text(1)
    wanted = HashEncoder().encode([c.text for c in told[1].captions])
    wanted = np.concatenate([wanted, wanted[-1:]])[:frames]
    np.testing.assert_allclose(text, wanted, atol=1e-6)
    assert covered.all()
    batch = collate(data, [(1, 0)], [0], 256)
    assert batch.mask.shape[1] == min(frames, 256) == batch.text.shape[1] == batch.visual.shape[1]
    edges = np.linspace(0, frames, min(frames, 256) + 1).astype(int)
    for t in (0, 100, min(frames, 256) - 1):
        own = slice(edges[t], edges[t + 1])
        np.testing.assert_allclose(batch.text[0, t], wanted[own].mean(axis=0), atol=1e-6)
        np.testing.assert_allclose(batch.visual[0, t], rows_of(told[1], 0, frames)[own].mean(axis=0), atol=1e-5)


def test_a_bin_that_is_partly_told_is_the_mean_of_what_is_told(tmp_path: Path) -> None:
    world = World([video("train0", "Normal", snippets=8, captions=3), video("test0", "Normal", snippets=8)])
    data = open_paired(
        bank_of(world, tmp_path / "b"), features_of(world, tmp_path / "f", snippets={"train0": 7}), "train"
    )
    text, covered = data.text(0, at_most=2)
    said = HashEncoder().encode([c.text for c in world.all[0].captions])
    np.testing.assert_allclose(text[0], said.mean(axis=0), atol=1e-6)
    assert covered.tolist() == [True, False]
    assert not text[1].any()


def test_a_video_without_captions_is_refused_or_told_nothing(
    world: World, both: tuple[Path, Path], tmp_path: Path
) -> None:
    told = replace(world, all=[v for v in world.all if v.name not in ("train3", "test1")])
    bank = bank_of(told, tmp_path / "bank")
    with pytest.raises(SettingError, match=r"has 1 train videos without captions, train3 .*text\.missing=null"):
        open_paired(bank, both[1], "train")
    config = configure("demo", bank, [*SMALL, "text.rewrites=false", "text.missing=null"], both[1])
    train(config, tmp_path / "run")
    data = open_paired(bank, both[1], "train", "null")
    text, covered = data.text(data.names.index("train3"))
    assert text.shape == (4, 16)
    assert not text.any()
    assert not covered.any()
    assert evaluate(tmp_path / "run", resamples=5)["videos"] == 6


def test_captions_of_unknown_videos_are_refused(world: World, both: tuple[Path, Path], tmp_path: Path) -> None:
    features = features_of(replace(world, all=world.all[1:]), tmp_path / "features")
    with pytest.raises(SettingError, match="has captions of 1 train videos without features, train0 among them"):
        open_paired(both[0], features, "train")


def test_two_that_disagree_are_refused(world: World, both: tuple[Path, Path], tmp_path: Path) -> None:
    renamed = [replace(v, labels=("Fight",)) if v.name == "train0" else v for v in world.all]
    with pytest.raises(CorpusError, match=r"calls train0 \('Normal',\), not \('Fight',\)"):
        open_paired(both[0], features_of(replace(world, all=renamed), tmp_path / "labels"), "train")
    other = replace(world, classes=(*CLASSES, "Arson"))
    with pytest.raises(CorpusError, match="has other classes than"):
        open_paired(both[0], features_of(other, tmp_path / "classes"), "train")
    with pytest.raises(SettingError, match="the config names neither"):
        open_paired(None, None, "train")


def test_one_crop_an_epoch_or_all_of_them(both: tuple[Path, Path]) -> None:
    data = open_paired(*both, "train")
    assert set(data.features.crops) == {(0, 2, 5)}
    config = configure("demo", both[0], SMALL, both[1])
    one, every = (Draws(data, range(16), apply(config, [f"crops={crops}"]), 0) for crops in ("one", "all"))
    seen = [[item for items in one.batches(epoch) for item in items] for epoch in range(20)]
    assert all(len(items) == 16 == len({video for video, _ in items}) for items in seen)
    assert {crop for items in seen for _, crop in items} == {0, 2, 5}
    items = [item for items in every.batches(0) for item in items]
    assert sorted(items) == [(video, crop) for video in range(16) for crop in (0, 2, 5)]
    batch = every.batch(items[:4], 0)
    for row, (index, crop) in enumerate(items[:4]):
        named = next(v for v in videos() if v.name == data.names[index])
        np.testing.assert_array_equal(batch.visual[row, : named.snippets], rows_of(named, crop, named.snippets))


def test_frames_and_captions_go_from_training_to_an_evaluation(both: tuple[Path, Path], tmp_path: Path) -> None:
    config = configure("demo", both[0], [*SMALL[:-1], "crops=all"], both[1])
    sealed = train(config, tmp_path / "run")
    assert (sealed["text_width"], sealed["visual_width"]) == (16, D)
    found = evaluate(tmp_path / "run", resamples=5)
    assert found["videos"] == 6
    rows = [json.loads(line) for line in (tmp_path / "run" / "test_scores.jsonl").read_text().splitlines()]
    assert {r["video"]: len(r["scores"]) for r in rows} == {v.name: v.snippets for v in videos() if v.split == "test"}


def test_frames_alone_are_enough_and_what_hides_captions_is_then_refused(
    both: tuple[Path, Path], tmp_path: Path
) -> None:
    train(configure("demo", None, SMALL, both[1]), tmp_path / "run")
    assert evaluate(tmp_path / "run", resamples=5)["videos"] == 6
    for change in ("losses.distillation=1", "text.dropout=0.2"):
        for bank, features in ((None, both[1]), (both[0], None)):
            with pytest.raises(SettingError, match="nothing left to see"):
                train(configure("demo", bank, [*SMALL, change], features), tmp_path / "other")


def test_a_run_is_not_measured_on_other_features_than_its_own(
    both: tuple[Path, Path], world: World, tmp_path: Path
) -> None:
    train(configure("demo", both[0], SMALL, both[1]), tmp_path / "run")
    with pytest.raises(CorpusError, match="is not the features this run was trained on"):
        evaluate(tmp_path / "run", features=features_of(world, tmp_path / "features"))
