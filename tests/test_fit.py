"""How a run is fitted: named losses, averages, parts, precision, rates, and exact resumption of all of it."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from conftest import trclip
from safetensors.torch import load_file
from small_world import CLASSES, World, bank_of, corpus, features_of, video, videos
from test_text_bank import HashEncoder

from rewrite import manifest
from rewrite.errors import SettingError
from trclip_vad import checkpoint, class_names, scan
from trclip_vad.evaluate import evaluate
from trclip_vad.fit import Fit
from trclip_vad.paired import open_paired
from trclip_vad.recipes import configure
from trclip_vad.sampling import collate
from trclip_vad.train import train

SMALL = ["epochs=2", "batch=4", "validation=0.3", "threads=1", "select=last", "model.temporal=identity"]
SENTENCE = "classes.encoder=sentence"
EVERYTHING = ["losses.consistency=0.3", "losses.distillation=0.4", "text.dropout=0.3", "optimiser.ema=0.9"]
EVERYTHING += ["optimiser.accumulate=2", "optimiser.precision=bfloat16", "optimiser.schedule=milestones"]
EVERYTHING += ["optimiser.milestones=1,2", "model.temporal=lgm_mamba", "crops=all"]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder, world = tmp_path_factory.mktemp("both"), World(videos())
    return bank_of(world, folder / "bank", [corpus(folder)]), features_of(world, folder / "features", crops=(0, 1))


@pytest.fixture(scope="module", autouse=True)
def hashed() -> Iterator[None]:
    """Class names through a sentence encoder of 16 numbers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(class_names, "SentenceEncoder", HashEncoder)
        yield


def fitted(both: tuple[Path | None, Path | None], out: Path, *changes: str) -> dict[str, Any]:
    encoder = () if any(c.startswith("classes.") for c in changes) else ("classes.encoder=none",)
    return train(configure("demo", both[0], [*SMALL, *encoder, *changes], both[1]), out)


def rows(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / checkpoint.WEIGHTS)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ([], {"mil_bce"}),
        ([SENTENCE], {"mil_bce", "mil_align", "text_divergence"}),
        ([SENTENCE, "losses.mil_bce=0", "losses.text_divergence=0"], {"mil_align"}),
        (["losses.consistency=1", "losses.distillation=2"], {"mil_bce", "consistency", "distillation"}),
        ([SENTENCE, "losses.mil_align=0", "losses.consistency=1"], {"mil_bce", "text_divergence", "consistency"}),
    ],
)
def test_every_term_is_named_and_a_weight_of_nothing_leaves_it_out(
    changes: list[str], named: set[str], both: tuple[Path, Path], tmp_path: Path
) -> None:
    sealed = fitted(both, tmp_path / "run", *changes)
    given = sealed["asked"]["config"]["losses"]
    for row in rows(tmp_path / "run"):
        assert set(row) - {"epoch", "loss", "auc", "ap", "splice"} == named
        assert row["loss"] == pytest.approx(sum(given[name] * row[name] for name in named), abs=1e-5)
    card = (tmp_path / "run" / "card.md").read_text()
    assert all(f" {name} |" in card for name in named)


def test_a_run_that_would_learn_nothing_is_refused(both: tuple[Path, Path], tmp_path: Path) -> None:
    for changes in (["losses.mil_bce=0"], [SENTENCE, "losses.mil_bce=0", "losses.mil_align=0"]):
        with pytest.raises(SettingError, match="nothing would learn from the videos' labels"):
            fitted(both, tmp_path / "run", *changes)


def test_consistency_needs_two_versions(both: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="compares two versions of the captions, and there is one"):
        fitted(both, tmp_path / "run", "losses.consistency=1", "text.rewrites=false")


def watched(monkeypatch: pytest.MonkeyPatch) -> tuple[list[dict[str, torch.Tensor]], list[float]]:
    """The weights behind every step, and its rate."""
    after: list[dict[str, torch.Tensor]] = []
    rates: list[float] = []
    step = Fit._step

    def watching(self: Fit, *given: Any) -> dict[str, float]:
        found = step(self, *given)
        after.append({name: t.clone() for name, t in self.detector.state_dict().items()})
        rates.append(self.optimiser.param_groups[0]["lr"])
        return found

    monkeypatch.setattr(Fit, "_step", watching)
    return after, rates


def test_the_kept_weights_are_the_averaged_ones(
    both: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    after, _ = watched(monkeypatch)
    fitted(both, tmp_path / "run", "optimiser.ema=0.8", "optimiser.lr=0.01")
    average = after[0]
    for step in after[1:]:
        average = {n: t.lerp(step[n], 0.2) if t.is_floating_point() else t for n, t in average.items()}
    kept = weights(tmp_path / "run")
    for name, tensor in average.items():
        if tensor.is_floating_point():
            torch.testing.assert_close(kept[name], tensor, atol=1e-6, rtol=1e-5)
    assert not torch.equal(kept["c_branch.classifier.weight"], after[-1]["c_branch.classifier.weight"])


def test_a_batch_in_parts_is_the_whole_batch_where_nothing_is_normalised_over_it(
    both: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The adapter and the heads see each video alone; only MaskedNorm, left out here, sees a batch."""
    frames = (None, both[1])
    more = ["text.rewrites=false", "batch=8", "model.temporal=lgt", "model.dropout=0", SENTENCE]
    more += ["classes.model=hash", "epochs=1"]
    fitted(frames, tmp_path / "whole", *more)
    fitted(frames, tmp_path / "parts", *more, "optimiser.accumulate=3")
    one, other = rows(tmp_path / "whole")[0], rows(tmp_path / "parts")[0]
    assert one == pytest.approx(other, abs=1e-5)
    found, wanted = weights(tmp_path / "parts"), weights(tmp_path / "whole")
    for name in wanted:
        if not name.endswith("read.bias"):  # a third of it, the keys' bias, is nothing to a softmax
            torch.testing.assert_close(found[name], wanted[name], atol=1e-5, rtol=0, msg=name)


def test_a_step_in_parts_sees_fewer_videos_at_a_time(
    both: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    terms = Fit._terms
    monkeypatch.setattr(Fit, "_terms", lambda self, items, epoch: seen.append(len(items)) or terms(self, items, epoch))
    fitted(both, tmp_path / "run", "batch=8", "optimiser.accumulate=3", "epochs=1")
    assert seen == [4, 2, 2]


@pytest.mark.parametrize("temporal", ["lgt", "lgm_mamba"])
def test_bfloat16_stays_near_float32_and_a_scan_is_given_float32(
    temporal: str, both: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dtypes: list[torch.dtype] = []
    native = scan.SCANS["native"]

    def spied(*given: torch.Tensor) -> Any:
        dtypes.extend(x.dtype for x in given if x is not None)
        return native(*given)

    monkeypatch.setitem(scan.SCANS, "native", spied)
    more = [f"model.temporal={temporal}", "model.dropout=0", "model.lgm_mamba.dropout=0", SENTENCE]
    fitted(both, tmp_path / "full", *more)
    sealed = fitted(both, tmp_path / "low", *more, "optimiser.precision=bfloat16")
    assert set(dtypes) <= {torch.float32}
    assert bool(dtypes) == (temporal == "lgm_mamba")
    assert {t.dtype for t in weights(tmp_path / "low").values()} <= {torch.float32, torch.int64}
    assert sealed["kept"]["loss"] == pytest.approx(rows(tmp_path / "full")[-1]["loss"], abs=0.03)
    curves = []
    for name in ("full", "low"):
        evaluate(tmp_path / name, resamples=2)
        lines = (tmp_path / name / "test_scores.jsonl").read_text().splitlines()
        curves.append(torch.cat([torch.tensor(json.loads(line)["scores"]) for line in lines]))
    torch.testing.assert_close(curves[1], curves[0], atol=0.03, rtol=0)


def test_the_rate_falls_to_a_tenth_behind_each_milestone(
    both: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, rates = watched(monkeypatch)
    schedule = ["optimiser.schedule=milestones", "optimiser.milestones=2,3", "optimiser.lr=0.1", "epochs=4"]
    fitted(both, tmp_path / "run", *schedule, "batch=64")
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.001])


def test_the_rate_falls_along_half_a_cosine(
    both: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, rates = watched(monkeypatch)
    fitted(both, tmp_path / "run", "optimiser.lr=0.1", "batch=64", "epochs=4")
    assert rates == pytest.approx([0.1, 0.0853553, 0.05, 0.0146447], abs=1e-6)


def test_a_video_of_several_classes_shares_its_target_among_them(tmp_path: Path) -> None:
    some = [
        video("train0", "Fight", "RoadAccidents"),
        video("test0", "Fight", "RoadAccidents"),
        *(v for v in videos()[1:] if v.name != "test0"),
    ]
    world = World(some)
    both = bank_of(world, tmp_path / "bank", [corpus(tmp_path)]), features_of(world, tmp_path / "features")
    data = open_paired(*both, "train")
    assert collate(data, [(0, 0), (1, 0)], [0, 0], None).target.tolist() == [[0, 0.5, 0.5], [0, 1, 0]]
    sealed = fitted(both, tmp_path / "run", SENTENCE)
    assert {"mil_align", "mil_bce"} <= set(sealed["kept"])
    found = evaluate(tmp_path / "run", resamples=5)
    assert found["f_branch"]["detection"] is None
    assert set(found["f_branch"]["per_class"]) == set(CLASSES[1:])


def broken_off(both: tuple[Path, Path], out: Path, done: int, monkeypatch: pytest.MonkeyPatch, *changes: str) -> None:
    """A run that stops when it has saved its `done`-th epoch."""
    save = checkpoint.save_state

    def dying(path: Path, state: dict[str, Any]) -> None:
        save(path, state)
        if state["epoch"] == done:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save_state", dying)
        with pytest.raises(KeyboardInterrupt):
            fitted(both, out, *changes)


@pytest.mark.parametrize("names", ["sentence", "clip"])
def test_with_everything_on_a_broken_run_ends_in_the_same_bytes(
    names: str, both: tuple[Path, Path], clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = [f"classes.model={clip}"] if names == "clip" else []
    changes = [*EVERYTHING, f"classes.encoder={names}", *model, "epochs=3", "select=ap"]
    fitted(both, tmp_path / "whole", *changes)
    for done in (1, 2, 3):
        broken_off(both, tmp_path / "broken", done, monkeypatch, *changes)
    fitted(both, tmp_path / "broken", *changes)
    for name in (checkpoint.WEIGHTS, "metrics.jsonl", "card.md", "manifest.json"):
        assert (tmp_path / "broken" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not (tmp_path / "broken" / checkpoint.STATE).exists()


def test_the_card_says_what_was_learned_from_and_shows_no_name_as_markup(tmp_path: Path) -> None:
    evil = "Fight | <b>x</b> `y` [z](http://a)\n# h"
    some = [replace(v, labels=tuple(evil if label == "Fight" else label for label in v.labels)) for v in videos()]
    world = World(some, classes=tuple(evil if c == "Fight" else c for c in CLASSES))
    sealed = fitted((bank_of(world, tmp_path / "bank", [corpus(tmp_path)]), None), tmp_path / "run")
    card = (tmp_path / "run" / "card.md").read_text()
    line = next(line for line in card.splitlines() if line.startswith("- classes:"))
    assert "<b>" not in line.replace("\\<b\\>", "")
    assert "\\`y\\` \\[z\\]" in line
    assert not [part for part in card.splitlines() if part.startswith("# h")]
    assert sealed["asked"]["bank_id"] in card
    assert sealed["versions"][1]["corpus_id"] in card
    assert "card.md" in sealed["files"]
    assert sealed["environment"]["python"] in card
    (tmp_path / "run" / "card.md").write_text(card + "\nThe best run ever.\n")
    with pytest.raises(Exception, match="was changed after sealing"):
        manifest.verify(tmp_path / "run", "run")


def test_without_tensorboard_it_is_said_in_one_line(
    both: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(SettingError, match=r"TensorBoard is not installed.*pip install 'trclip-vad\[tensorboard\]'"):
        fitted(both, tmp_path / "run", "tensorboard=true")


def test_with_tensorboard_an_epochs_metrics_are_its_scalars(
    both: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[Any, ...]] = []

    class Writer:
        def __init__(self, folder: str) -> None:
            told.append(("open", folder))

        def add_scalar(self, *given: Any) -> None:
            told.append(given)

        def flush(self) -> None: ...

        def close(self) -> None:
            told.append(("close",))

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", SimpleNamespace(SummaryWriter=Writer))
    fitted(both, tmp_path / "run", "tensorboard=true", "epochs=1")
    scalars = [(name, value, 1) for name, value in rows(tmp_path / "run")[0].items() if name != "epoch"]
    assert (told[0], told[-1]) == (("open", str(tmp_path / "run" / "events")), ("close",))
    assert sorted(told[1:-1]) == sorted(scalars)


def test_a_rate_that_breaks_the_numbers_is_named(both: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"optimiser\.lr=1e\+30: led to scores that are no numbers, in epoch 1"):
        fitted(both, tmp_path / "run", "optimiser.lr=1e30")
    with pytest.raises(SettingError, match=r"led to scores that are no numbers, on the held-out videos"):
        fitted(both, tmp_path / "run", "optimiser.lr=1e30", "batch=64")  # its one step is taken behind the losses


def test_a_user_is_told_of_a_wrong_loss_in_one_line(both: tuple[Path, Path], tmp_path: Path) -> None:
    words = ["train", "--recipe", "demo_text", "--bank", both[0], "--out", tmp_path / "run"]
    for assignment in ("losses.mil_bce=-1", "losses.distillation=1"):
        said = trclip(*words, "--set", assignment)
        assert (said.code, len(said.err.strip().splitlines())) == (2, 1), said.err


@pytest.mark.parametrize("whole", [False, True])
def test_stopped_at_any_write_a_run_ends_in_the_same_bytes(
    whole: bool, both: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped before a file takes its name, or right after."""
    fitted(both, tmp_path / "whole", SENTENCE)
    replace_, stopped = os.replace, 0
    for moment in range(20):
        left = moment

        def dying(*given: Any) -> None:
            nonlocal left
            left -= 1
            if left >= 0 or whole:
                replace_(*given)
            if left < 0:
                raise KeyboardInterrupt

        out = tmp_path / f"run{moment}"
        with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
            patch.setattr(os, "replace", dying)
            fitted(both, out, SENTENCE)
            break
        stopped += 1
        fitted(both, out, SENTENCE)
        assert {p.name: p.read_bytes() for p in out.iterdir()} == {
            p.name: p.read_bytes() for p in (tmp_path / "whole").iterdir()
        }
    assert stopped == 7  # a state an epoch, weights, metrics, places, card, manifest


def test_a_gradient_longer_than_the_clip_is_shortened_to_it(
    both: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    norms: dict[float, list[float]] = {}
    real = Fit._step
    for clip in (0.0, 1e-3):

        def step(self: Fit, *given: Any, clip: float = clip) -> dict[str, float]:
            found = real(self, *given)
            rows = [p.grad.flatten() for p in self.learned if p.grad is not None]
            norms.setdefault(clip, []).append(float(torch.cat(rows).norm()))
            return found

        monkeypatch.setattr(Fit, "_step", step)
        fitted(both, tmp_path / str(clip), f"optimiser.clip={clip}", "epochs=1")
    assert min(norms[0.0]) > 1e-3
    assert max(norms[1e-3]) == pytest.approx(1e-3, rel=1e-3)
    with pytest.raises(SettingError, match="clip must not be negative"):
        configure("demo", both[0], ["optimiser.clip=-1"], both[1])
