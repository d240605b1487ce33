"""Training is exactly repeatable, resumes where it was killed, and the whole way to a score holds together."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score
from test_text_bank import HashEncoder, Street

from rewrite.errors import CorpusError, ModelError, SettingError
from trclip_vad import checkpoint, encoders
from trclip_vad.batch import Batch
from trclip_vad.config import Config
from trclip_vad.embed import embed
from trclip_vad.evaluate import evaluate
from trclip_vad.metrics import Frames, anomalous_frames, bootstrap, measure
from trclip_vad.model import Detector, Outputs
from trclip_vad.paired import open_paired
from trclip_vad.recipes import RECIPES, configure
from trclip_vad.sampling import Draws, carve, version_of
from trclip_vad.score import ROWS, ScoreSettings, events, picture_name, score
from trclip_vad.train import train


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bank") / "bank"
    embed(Street(), [], HashEncoder(), folder)
    return folder


def config(bank: Path, epochs: int = 4) -> Config:
    return configure("demo_text_source", bank, [f"epochs={epochs}", "batch=4", "validation=0.3", "threads=1"])


def weights(run: Path) -> bytes:
    return (run / "weights.safetensors").read_bytes()


def test_equal_seeds_give_equal_bytes_and_other_seeds_do_not(bank: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train(config(bank), tmp_path / name, seed)
    assert weights(tmp_path / "a") == weights(tmp_path / "b") != weights(tmp_path / "c")


@pytest.mark.parametrize("done", [1, 3])
def test_a_run_broken_off_after_an_epoch_ends_in_the_same_bytes(
    done: int, bank: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(config(bank), tmp_path / "whole")
    save, saved = checkpoint.save_state, []

    def dying(path: Path, state: dict) -> None:
        save(path, state)
        saved.append(path)
        if len(saved) == done:
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "save_state", dying)
    with pytest.raises(KeyboardInterrupt):
        train(config(bank), tmp_path / "broken")
    monkeypatch.setattr(checkpoint, "save_state", save)
    train(config(bank), tmp_path / "broken")
    for name in ("weights.safetensors", "metrics.jsonl", "manifest.json"):
        assert (tmp_path / "broken" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not (tmp_path / "broken" / "state.pt").exists()


def test_training_needs_no_file_of_the_test_half(tmp_path: Path) -> None:
    embed(Street(), [], HashEncoder(), tmp_path / "bank")
    for path in (tmp_path / "bank").glob("test_*"):
        path.unlink()
    train(config(tmp_path / "bank", epochs=1), tmp_path / "run")


def test_torch_is_left_as_it_was_found(bank: Path, tmp_path: Path) -> None:
    before = torch.get_rng_state(), torch.are_deterministic_algorithms_enabled()
    train(config(bank, epochs=1), tmp_path / "run")
    assert torch.equal(before[0], torch.get_rng_state())
    assert torch.are_deterministic_algorithms_enabled() == before[1]


def test_a_sealed_run_is_not_trained_again_and_another_not_over_it(bank: Path, tmp_path: Path) -> None:
    train(config(bank, epochs=1), tmp_path / "run")
    before = (tmp_path / "run" / "manifest.json").stat().st_mtime_ns
    train(config(bank, epochs=1), tmp_path / "run")
    assert (tmp_path / "run" / "manifest.json").stat().st_mtime_ns == before
    with pytest.raises(CorpusError, match="asked differently"):
        train(config(bank, epochs=2), tmp_path / "run")


def test_rewrites_are_asked_for_only_where_there_are_some(bank: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="source captions only, and rewrites are asked for"):
        train(configure("demo_text", bank), tmp_path / "run")


def test_the_version_of_a_video_is_a_hash_of_seed_and_epoch() -> None:
    picks = [version_of(0, epoch, "v", 3) for epoch in range(300)]
    assert picks == [version_of(0, epoch, "v", 3) for epoch in range(300)]
    assert all(70 < picks.count(version) < 130 for version in range(3))
    assert picks != [version_of(1, epoch, "v", 3) for epoch in range(300)]


def test_held_out_videos_come_from_every_class_and_from_training_only(bank: Path) -> None:
    opened = open_paired(bank, None, "train")
    fitted, held = carve(opened, 0.25, 0)
    assert sorted(fitted + held) == list(range(8))
    assert {opened.labels[i] for i in held} == {("Normal",), ("Fight",)}


def test_no_class_is_held_out_as_a_whole(bank: Path) -> None:
    opened = open_paired(bank, None, "train")
    fitted, _ = carve(opened, 0.99, 0)
    assert {opened.labels[i] for i in fitted} == set(opened.labels)


def test_a_batch_is_half_normal(bank: Path) -> None:
    opened = open_paired(bank, None, "train")
    for items in Draws(opened, range(8), config(bank), 0).batches(0):
        assert [opened.labels[i] for i, _ in items] == [("Normal",)] * 2 + [("Fight",)] * 2


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_a_recipe_knows_its_name(recipe: str) -> None:
    assert configure(recipe).recipe == recipe


def test_the_measures_are_scikit_learns_over_frames() -> None:
    draw = np.random.default_rng(0)
    truth = (((10, 40),), (), ((0, 5), (50, 64)))
    scores = [draw.random(4).round(1) for _ in truth]
    counts = np.concatenate([anomalous_frames(t, 60, 4, 16) for t in truth])
    video = np.repeat([0, 1, 2], 4)
    found = Frames(np.concatenate(scores), counts[:, 0], counts[:, 1], video, np.array([True, False, True]))
    frames = np.zeros((3, 60), bool)
    for row, ranges in zip(frames, truth, strict=True):
        for start, end in ranges:
            row[start:end] = True
    shown = np.stack([np.repeat(s, 16)[:60] for s in scores])
    measured = measure(found)
    assert measured["auc"] == pytest.approx(roc_auc_score(frames.ravel(), shown.ravel()))
    assert measured["ap"] == pytest.approx(average_precision_score(frames.ravel(), shown.ravel()))
    assert measured["ano_auc"] == pytest.approx(roc_auc_score(frames[[0, 2]].ravel(), shown[[0, 2]].ravel()))
    for name, interval in bootstrap(found, 200).items():
        assert interval is not None
        assert interval[0] <= measured[name] <= interval[1]


@pytest.fixture(scope="module")
def run(bank: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "run"
    train(replace(config(bank, epochs=12)), folder)
    return folder


def test_an_evaluation_is_written_and_counts_how_often_the_test_set_was_met(run: Path) -> None:
    first = evaluate(run, resamples=50)
    second = evaluate(run, resamples=50)
    assert second["opened"] == first["opened"] + 1
    assert {**second, "opened": 0} == {**first, "opened": 0}
    assert json.loads((run / "eval.json").read_bytes())["videos"] == 4
    assert first["auc"]["low"] <= first["auc"]["value"] <= first["auc"]["high"]


def test_a_run_is_evaluated_on_its_own_bank_only(run: Path, tmp_path: Path) -> None:
    @encoders_renamed
    class Other(HashEncoder):
        pass

    embed(Street(), [], Other(), tmp_path / "bank")
    with pytest.raises(CorpusError, match="is not the bank this run was trained on"):
        evaluate(run, bank=tmp_path / "bank")


def encoders_renamed(kind: type) -> type:
    kind.identity = lambda self: {"encoder": "another"}  # type: ignore[attr-defined]
    kind.encode = lambda self, texts: -HashEncoder().encode(texts)  # type: ignore[attr-defined]
    return kind


def test_captions_become_scores_events_and_a_picture(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(encoders.ENCODERS, "hash, tests only", HashEncoder)
    source = tmp_path / "captions.jsonl"
    rows = [
        {"text": "Two men fight hard.", "video": "../a $x^2$ <b>", "start": 1.0, "end": 2.0},
        {"text": "A man walks.", "video": "b", "snippet": 2},
    ]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = score(run, source, tmp_path / "out")
    assert [len(v["scores"]) for v in found["videos"]] == [4, 3]
    assert found["videos"][1]["covered"] == [False, False, True]
    assert len((tmp_path / "out" / ROWS).read_text().splitlines()) == 2
    pictures = list((tmp_path / "out").glob("*.png"))
    assert len(pictures) == 2
    assert all(p.read_bytes().startswith(b"\x89PNG") for p in pictures)
    assert not list(tmp_path.glob("*.png"))


def test_another_encoder_than_the_runs_is_refused(run: Path, minilm: Path, tmp_path: Path) -> None:
    source = tmp_path / "captions.jsonl"
    source.write_text(json.dumps({"text": "A man walks.", "video": "b", "snippet": 2}) + "\n")
    with pytest.raises((ModelError, CorpusError)):
        score(run, source, tmp_path / "out", encoder_model=str(minilm))


def test_neighbouring_snippets_above_the_threshold_are_one_event() -> None:
    found = events(np.array([0.1, 0.9, 0.6, 0.2, 0.5]), ScoreSettings(fps=16.0))
    assert found == [[1.0, 3.0], [4.0, 5.0]]


def test_two_videos_never_share_a_picture() -> None:
    names = ["a/b", "a_b", "a?b", "..", "", "x" * 200]
    assert len({picture_name(name) for name in names}) == len(names)
    assert all("/" not in picture_name(name) and not picture_name(name).startswith(".") for name in names)


def test_the_surest_snippets_are_not_tied(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def sure(self: Detector, video: Batch) -> Outputs:
        logits = torch.linspace(18.0, 19.0, video.mask.shape[1])[None]
        return Outputs(logits, judged=logits)

    monkeypatch.setattr(Detector, "infer", sure)
    evaluate(run, resamples=5)
    for line in (run / "test_scores.jsonl").read_text().splitlines():
        scores = json.loads(line)["scores"]
        assert len(set(scores)) == len(scores)
