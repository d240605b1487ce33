"""What captions say of the classes by themselves: an equation, heard when a video is judged and never in training."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from small_world import CLASSES, World, bank_of, features_of, videos
from test_text_bank import HashEncoder

from rewrite.errors import ModelError, SettingError
from trclip_vad import checkpoint, class_names
from trclip_vad.class_names import words
from trclip_vad.evaluate import evaluate
from trclip_vad.paired import open_paired
from trclip_vad.prior import ClassPrior
from trclip_vad.recipes import configure
from trclip_vad.reopen import load
from trclip_vad.sampling import whole
from trclip_vad.train import train

SMALL = ["epochs=1", "batch=4", "validation=0.3", "threads=1", "text.rewrites=false", "select=last"]
SMALL += ["classes.encoder=sentence", "model.temporal=identity"]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder, world = tmp_path_factory.mktemp("both"), World(videos())
    return bank_of(world, folder / "bank"), features_of(world, folder / "features")


@pytest.fixture(scope="module")
def runs(both: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run without a prior and one with it; all else is equal."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(class_names, "SentenceEncoder", HashEncoder)
        train(configure("demo", both[0], SMALL, both[1]), folder / "without")
        train(configure("demo", both[0], [*SMALL, "classes.prior=0.5"], both[1]), folder / "with")
    return folder / "without", folder / "with"


def test_the_log_odds_are_of_their_equation() -> None:
    vectors = torch.nn.functional.normalize(torch.randn(3, 8), dim=1)
    text = torch.nn.functional.normalize(torch.randn(1, 2, 8), dim=2)
    odds, likeness = ClassPrior(vectors, 2.0, 0.1)(text, torch.tensor([[True, True]]))
    s = [float(text[0, 0] @ v) / 0.1 for v in vectors]
    assert float(odds[0, 0]) == pytest.approx(2 * (math.log((math.exp(s[1]) + math.exp(s[2])) / 2) - s[0]), abs=1e-4)
    assert likeness[0, 0].tolist() == pytest.approx([2 * value for value in s], abs=1e-4)


def test_silence_between_captions_goes_over_from_one_to_the_next_and_says_nothing_itself() -> None:
    text = torch.nn.functional.normalize(torch.randn(2, 7, 8), dim=2)
    covered = torch.tensor([[False, True, False, False, False, True, False], [True] * 7])
    _, found = ClassPrior(torch.eye(3, 8), 1.0, 0.1)(text, covered)
    _, told = ClassPrior(torch.eye(3, 8), 1.0, 0.1)(text, torch.ones_like(covered))
    first, last = told[0, 1], told[0, 5]
    expected = [first, first, *(torch.lerp(first, last, share) for share in (0.25, 0.5, 0.75)), last, last]
    torch.testing.assert_close(found[0], torch.stack(expected))
    torch.testing.assert_close(found[1], told[1])


def test_of_a_video_without_captions_nothing_is_held() -> None:
    odds, likeness = ClassPrior(torch.eye(3, 8), 1.0, 0.1)(torch.randn(1, 4, 8), torch.zeros(1, 4, dtype=torch.bool))
    assert not odds.any()
    assert not likeness.any()


def test_a_prior_changes_nothing_that_is_learned(runs: tuple[Path, Path]) -> None:
    one, other = (checkpoint.load_weights(run / checkpoint.WEIGHTS) for run in runs)
    assert other.keys() - one.keys() == {"prior.vectors"}
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())
    losses = [json.loads((run / "metrics.jsonl").read_text())["loss"] for run in runs]
    assert losses[0] == losses[1]


def test_a_judged_video_hears_it_in_both_branches(both: tuple[Path, Path], runs: tuple[Path, Path]) -> None:
    sealed = [json.loads((run / "manifest.json").read_text()) for run in runs]
    without, heard = (load(run, about) for run, about in zip(runs, sealed, strict=True))
    video = whole(open_paired(*both, "test"), 1)
    vectors = torch.from_numpy(HashEncoder().encode([words(name) for name in CLASSES]))
    odds, likeness = ClassPrior(vectors, 0.5, 0.05)(video.text, video.covered)
    torch.testing.assert_close(heard.infer(video).logits, without.infer(video).logits + odds)
    torch.testing.assert_close(heard.infer(video).aligned, without.infer(video).aligned + likeness)
    torch.testing.assert_close(heard.scores(video), torch.sigmoid(heard.infer(video).logits[0]))


def test_where_both_branches_judge_the_score_is_their_mean_log_odds_and_the_prior(
    both: tuple[Path, Path], runs: tuple[Path, Path]
) -> None:
    sealed = [json.loads((run / "manifest.json").read_text()) for run in runs]
    without, heard = (load(run, about) for run, about in zip(runs, sealed, strict=True))
    video = whole(open_paired(*both, "test"), 1)
    learned, odds = without.infer(video), heard.infer(video).logits - without.infer(video).logits
    heard.both = True
    p = torch.softmax(learned.aligned, dim=2)
    expected = (learned.logits + ((1 - p[..., 0]) / p[..., 0]).log()) / 2 + odds
    torch.testing.assert_close(heard.infer(video, classes=False).judged, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(heard.scores(video), torch.sigmoid(expected[0]), atol=1e-4, rtol=1e-4)


def test_both_branches_are_asked_only_where_there_are_both() -> None:
    with pytest.raises(SettingError, match="needs an F-branch"):
        configure("demo_text", None, ["model.judge=both"])
    alone = ["classes.prior=0", "model.judge=c", "classes.encoder=none"]
    for given, todo in ((alone[2:], "or classes.prior=0"), ([alone[0], alone[2]], "or model.judge=c")):
        with pytest.raises(SettingError, match=todo):
            configure("ucf_text", None, given)
    assert configure("ucf_text", None, alone).model.judge == "c"


def test_an_evaluation_hears_it(runs: tuple[Path, Path]) -> None:
    curves = []
    for run in runs:
        evaluate(run, resamples=2)
        lines = (run / "test_scores.jsonl").read_text().splitlines()
        curves.append(np.concatenate([json.loads(line)["scores"] for line in lines]))
    assert np.abs(curves[0] - curves[1]).max() > 0.01


def test_a_prior_compares_vectors_of_one_encoder(both: tuple[Path, Path], minilm: Path, tmp_path: Path) -> None:
    for bank in (both[0], None):
        config = configure("demo", bank, [*SMALL, f"classes.model={minilm}", "classes.prior=1"], both[1])
        with pytest.raises(ModelError, match="is not the encoder of the captions"):
            train(config, tmp_path / "run")
    with pytest.raises(SettingError, match="compares sentences with sentences"):
        configure("demo", both[0], [*SMALL, "classes.encoder=clip", "classes.prior=1"])
