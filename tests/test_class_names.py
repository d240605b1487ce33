"""The F-branch from names to probabilities: encoders are needed to train, and never again."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_world import CLASSES, World, bank_of, features_of, video, videos
from test_text_bank import HashEncoder

from rewrite.classes import classes, configure_classes
from rewrite.errors import ModelError, SettingError
from trclip_vad import checkpoint, class_names, encoders
from trclip_vad import clip_towers as towers
from trclip_vad.batch import Batch
from trclip_vad.class_names import names_of, words
from trclip_vad.config import ClassSettings
from trclip_vad.evaluate import evaluate
from trclip_vad.fit import Fit
from trclip_vad.paired import Paired, open_paired
from trclip_vad.prompts import ResidualNames
from trclip_vad.recipes import configure
from trclip_vad.reopen import load
from trclip_vad.sampling import whole
from trclip_vad.score import score
from trclip_vad.train import train

SMALL = [
    "epochs=2",
    "select=last",
    "batch=4",
    "validation=0.3",
    "threads=1",
    "text.rewrites=false",
    "model.temporal=identity",
]


@pytest.fixture(scope="module")
def world() -> World:
    return World(videos())


@pytest.fixture(scope="module")
def both(world: World, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("both")
    return bank_of(world, folder / "bank"), features_of(world, folder / "features")


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sentence encoder of 16 numbers."""
    monkeypatch.setattr(class_names, "SentenceEncoder", HashEncoder)
    monkeypatch.setitem(encoders.ENCODERS, "hash, tests only", HashEncoder)


def test_a_class_is_called_as_people_write_it() -> None:
    assert [words(label) for label in ("RoadAccidents", "road_accidents", "Normal", "B1 G", "RoadAccidents ")] == [
        "road accidents",
        "road accidents",
        "normal",
        "b1 g",
        "road accidents",
    ]


def test_class_features_are_those_that_training_ended_with(
    both: tuple[Path, Path], hashed: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[int, torch.Tensor] = {}
    keep = Fit._keep

    def watched(self: Fit, state: dict[str, Any], measured: dict[str, Any], judged: Any) -> None:
        keep(self, state, measured, judged)
        seen[measured["epoch"]] = judged.names().detach().clone()

    monkeypatch.setattr(Fit, "_keep", watched)
    config = configure("demo", both[0], [*SMALL, "classes.encoder=sentence", "optimiser.lr=0.01"], both[1])
    sealed = train(config, tmp_path / "run")
    kept = load(tmp_path / "run", sealed).names()
    assert torch.equal(kept, seen[sealed["kept"]["epoch"]])
    assert not torch.equal(seen[1], seen[2])
    first = HashEncoder().encode([words(name) for name in CLASSES]) * 4  # sqrt(E)
    assert 0 < np.abs(kept.numpy() - first).max() < 0.2
    assert set(sealed["kept"]) >= {"loss", "mil_bce", "mil_align", "text_divergence"}
    found = evaluate(tmp_path / "run", resamples=5)
    assert found["f_branch"]["auc"]["value"] is not None
    assert set(found["f_branch"]["detection"]) >= {"map_13"}


def test_class_features_are_found_once_a_step_and_not_once_a_video(
    both: tuple[Path, Path], hashed: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[None] = []
    found = ResidualNames.forward
    monkeypatch.setattr(ResidualNames, "forward", lambda self: asked.append(None) or found(self))
    train(configure("demo", both[0], [*SMALL, "classes.encoder=sentence"], both[1]), tmp_path / "run")
    assert len(asked) == 2 * (3 + 1)  # three steps an epoch, and once where it is the best yet


def test_sentence_names_of_the_real_encoder_lie_apart(both: tuple[Path, Path], minilm: Path) -> None:
    found = names_of(ClassSettings(encoder="sentence", model=str(minilm)), open_paired(*both, "train"))
    assert found.width == 384
    vectors = found.module()().detach()
    near = torch.nn.functional.normalize(vectors, dim=1) @ torch.nn.functional.normalize(vectors, dim=1).T
    assert torch.allclose(near.diagonal(), torch.ones(3))
    assert (near - torch.eye(3)).max() < 0.6
    assert found.identity["classes"] == list(CLASSES)


def test_names_through_a_clip_learn_and_are_read_without_it(
    both: tuple[Path, Path], clip: Path, hashed: None, tmp_path: Path
) -> None:
    shutil.copytree(clip, tmp_path / "clip")
    more = ["classes.encoder=clip", f"classes.model={tmp_path / 'clip'}", "model.variant=published"]
    sealed = train(configure("demo", both[0], [*SMALL, *more], both[1]), tmp_path / "run")
    assert str(tmp_path) not in json.dumps(sealed)
    weights = checkpoint.load_weights(tmp_path / "run" / checkpoint.WEIGHTS)
    assert weights[checkpoint.CLASSES].shape == (3, 24)
    assert not any("tower" in name for name in weights)
    towers._tower.cache_clear()
    shutil.rmtree(tmp_path / "clip")
    found = evaluate(tmp_path / "run", resamples=5)
    assert found["f_branch"] is not None
    detector = load(tmp_path / "run", sealed)
    data = open_paired(*both, "test")
    assert detector.infer(whole(data, 0)).aligned.shape == (1, data.lengths[0], 3)
    with pytest.raises(ModelError):
        train(configure("demo", both[0], [*SMALL, *more], both[1]), tmp_path / "again")


def test_captions_are_scored_and_classed_with_the_tower_gone(
    both: tuple[Path, Path], clip: Path, hashed: None, tmp_path: Path
) -> None:
    shutil.copytree(clip, tmp_path / "clip")
    more = ["classes.encoder=clip", f"classes.model={tmp_path / 'clip'}"]
    train(configure("demo_text", both[0], [*SMALL, *more]), tmp_path / "run")
    towers._tower.cache_clear()
    shutil.rmtree(tmp_path / "clip")
    source = tmp_path / "said.jsonl"
    source.write_text('{"text": "Two men fight hard.", "video": "v", "snippet": 1}\n')
    found = score(tmp_path / "run", source, tmp_path / "out")["videos"][0]
    assert len(found["scores"]) == 2
    assert len(found["classes"]) == len(found["events"])
    assert set(found["classes"]) <= set(CLASSES[1:])


def test_descriptions_take_the_place_of_bare_names(both: tuple[Path, Path], hashed: None, tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("Normal\nFight\nRoadAccidents\n")
    recipe = configure_classes(variants=2, backend="fake", filters=["form"])
    classes(str(tmp_path / "classes.txt"), tmp_path / "described", recipe)
    data = open_paired(*both, "train")
    found = names_of(ClassSettings(encoder="sentence", descriptions=tmp_path / "described"), data)
    bare = names_of(ClassSettings(encoder="sentence"), data)
    assert found.identity["texts"] != bare.identity["texts"]
    vectors = found.module()().detach()
    torch.testing.assert_close(vectors.norm(dim=1), torch.full((3,), 4.0))
    assert not torch.allclose(vectors, bare.module()().detach())
    with pytest.raises(SettingError, match="cannot be read by learned prompts"):
        names_of(ClassSettings(encoder="clip", descriptions=tmp_path / "described"), data)


def test_descriptions_that_lack_a_class_are_refused(both: tuple[Path, Path], hashed: None, tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("Normal\nFight\n")
    recipe = configure_classes(variants=1, backend="fake", filters=["form"])
    classes(str(tmp_path / "classes.txt"), tmp_path / "described", recipe)
    with pytest.raises(SettingError, match="has no description of 'RoadAccidents'"):
        names_of(ClassSettings(encoder="sentence", descriptions=tmp_path / "described"), open_paired(*both, "train"))


def test_without_a_place_the_sentence_encoder_is_asked_for(both: tuple[Path, Path]) -> None:
    with pytest.raises(ModelError, match=r"does not say where .*classes\.model=FOLDER"):
        names_of(ClassSettings(encoder="sentence"), open_paired(None, both[1], "train"))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Paired]:
    """A published detector of frames and captions with an F-branch, and a test video of 600 snippets."""
    folder = tmp_path_factory.mktemp("published")
    long = video("test1", "Fight", snippets=600, captions=400)
    world = World([*videos(test=1), long])
    bank, features = bank_of(world, folder / "bank"), features_of(world, folder / "features")
    more = ["model.temporal=lgm_mamba", "model.lgm_mamba.state=4", "model.variant=published", "epochs=1"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(class_names, "SentenceEncoder", HashEncoder)
        config = configure("demo", bank, [*SMALL, *more, "classes.encoder=sentence"], features)
        sealed = train(config, folder / "run")
    return load(folder / "run", sealed), open_paired(bank, features, "test")


def cut(video: Batch, part: slice) -> Batch:
    return replace(
        video,
        text=video.text[:, part],
        covered=video.covered[:, part],
        mask=video.mask[:, part],
        visual=video.visual[:, part],
    )


def test_the_published_model_reads_a_long_video_in_chunks_that_know_nothing_of_each_other(
    published: tuple[Any, Paired],
) -> None:
    detector, data = published
    video = whole(data, 1)
    found = detector.infer(video)
    assert found.logits.shape == (1, 600)
    assert found.aligned.shape == (1, 600, 3)
    for begin in (0, 256, 512):
        part = slice(begin, min(begin + 256, 600))
        alone = detector.infer(cut(video, part))
        torch.testing.assert_close(found.logits[:, part], alone.logits, atol=1e-5, rtol=0)
        torch.testing.assert_close(found.aligned[:, part], alone.aligned, atol=1e-4, rtol=0)


def test_the_published_model_sees_every_video_padded_to_256(published: tuple[Any, Paired]) -> None:
    detector, data = published
    short = cut(whole(data, 1), slice(0, 40))
    sizes: list[int] = []
    hook = detector.f_branch.register_forward_pre_hook(lambda _, given: sizes.append(given[0].shape[1]))
    found = detector.infer(short)
    hook.remove()
    assert sizes == [256]
    assert found.logits.shape == (1, 40)
    padded = replace(
        short,
        text=torch.nn.functional.pad(short.text, (0, 0, 0, 216)),
        visual=torch.nn.functional.pad(short.visual, (0, 0, 0, 216)),
        covered=torch.nn.functional.pad(short.covered, (0, 216)),
        mask=torch.nn.functional.pad(short.mask, (0, 216)),
    )
    torch.testing.assert_close(found.aligned, detector.infer(padded).aligned[:, :40], atol=1e-4, rtol=0)


def test_averaged_weights_leave_the_tokens_of_a_name_as_they_are(
    both: tuple[Path, Path], clip: Path, hashed: None, tmp_path: Path
) -> None:
    more = ["classes.encoder=clip", f"classes.model={clip}", "optimiser.ema=0.9"]
    train(configure("demo", both[0], [*SMALL, *more], both[1]), tmp_path / "run")
    features = checkpoint.load_weights(tmp_path / "run" / checkpoint.WEIGHTS)[checkpoint.CLASSES]
    assert len({tuple(row.tolist()) for row in features}) == len(features)
