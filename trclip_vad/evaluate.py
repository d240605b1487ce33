"""Evaluation: a finished run meets the test half of its bank. The only verb that opens it, and it counts how often."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewrite import manifest
from rewrite.errors import CorpusError, SettingError
from rewrite.lock import one_writer
from rewrite.reporter import Reporter, Silent
from trclip_vad import checkpoint
from trclip_vad.batch import STRIDE
from trclip_vad.score import load
from trclip_vad.text_bank import Bank, open_bank

if TYPE_CHECKING:
    import numpy as np

    from trclip_vad.metrics import Frames

REPORT = "eval.json"
SCORES = "test_scores.jsonl"


def evaluate(
    run: Path, reporter: Reporter = Silent(), bank: Path | None = None, resamples: int = 1000
) -> dict[str, Any]:
    """Scores the test videos by their source captions and writes `eval.json` and `test_scores.jsonl` into the run.

    Args:
        run: a sealed run.
        bank: its bank; by default where it was when the run was trained.
        resamples: draws of the videos for the 95 % intervals.

    Returns:
        What `eval.json` holds: each measure as `{"value", "interval"}` (None where undefined), per-class AUC of the
        frames of a class's videos and the normal ones, counts, and how often the test set was opened for this run.

    Raises:
        CorpusError: the run is not finished or was edited, or the bank is not the one it was trained on.
        StorageError: the disk refused.
    """
    import torch

    from trclip_vad import metrics

    if resamples < 1:
        raise SettingError("resamples", f"{resamples} is not a number of draws", "Give 1 or more.")
    found, detector = load(run)
    with one_writer(run):
        opened = _openings(run) + 1
        test = open_test(run, found, bank)
        scores = []
        with reporter.step("evaluate", len(test.names), "videos") as step:
            for index in range(len(test.names)):
                text, covered = (torch.from_numpy(part) for part in test.text(index))
                scores.append(detector.scores(text, covered).numpy())
                step.advance()
        frames = gather(test, scores)
        measured, intervals = metrics.measure(frames), metrics.bootstrap(frames, resamples)
        report = {
            "run_id": found["run_id"],
            "bank_id": test.id,
            "test_set_opened": opened,
            "videos": len(test.names),
            "abnormal_videos": int(frames.abnormal.sum()),
            "frames": int(frames.positive.sum() + frames.negative.sum()),
            "anomalous_frames": int(frames.positive.sum()),
            "resamples": resamples,
            "metrics": {name: {"value": measured[name], "interval": intervals[name]} for name in measured},
            "auc_by_class": by_class(test, frames),
        }
        rows = [
            {"video": name, "scores": [round(float(s), 6) for s in said]}
            for name, said in zip(test.names, scores, strict=True)
        ]
        manifest.write_atomic(run / SCORES, manifest.jsonl_chunks(rows))
        manifest.write_atomic(run / REPORT, manifest.json_bytes(report))
    reporter.say(", ".join(_shown(name, report["metrics"][name]) for name in measured) + f" on {len(rows)} videos.")
    return report


def open_test(run: Path, found: dict[str, Any], bank: Path | None = None) -> Bank:
    """The test half of a run's bank.

    Raises:
        CorpusError: it is not where it was, was edited, or is another bank.
    """
    hint = bank or checkpoint.read_places(run).get("bank")
    if hint is None:
        raise CorpusError(run, "does not say where its bank lies", "Give the folder of its bank.")
    test = open_bank(Path(hint), "test")
    if test.id != found["asked"]["bank_id"]:
        raise CorpusError(hint, "is not the bank this run was trained on", "Give the folder of its bank.")
    return test


def gather(test: Bank, scores: list[np.ndarray]) -> Frames:
    """Scores per video and the bank's frame truth, as the snippets of one long row.

    Args:
        scores: (T,) per test video, in the bank's order.
    """
    import numpy as np

    from trclip_vad.metrics import Frames, anomalous_frames

    counts = [
        anomalous_frames(ranges, frames, length, STRIDE)
        for ranges, frames, length in zip(test.truth(), test.frames, test.lengths, strict=True)
    ]
    both = np.concatenate(counts)
    return Frames(
        scores=np.concatenate(scores).astype(float),
        positive=both[:, 0],
        negative=both[:, 1],
        video=np.repeat(np.arange(len(scores)), [len(s) for s in scores]),
        abnormal=np.array([labels != (test.classes[0],) for labels in test.labels]),
    )


def by_class(test: Bank, frames: Frames) -> dict[str, dict[str, Any]]:
    """Per anomaly class: the AUC over its videos and all normal ones, and how many videos it has."""
    import numpy as np

    from trclip_vad.metrics import auc

    found = {}
    for name in test.classes[1:]:
        members = np.array([name in labels for labels in test.labels])
        if members.any():
            found[name] = {"auc": auc(frames.only(members | ~frames.abnormal)), "videos": int(members.sum())}
    return found


def _openings(run: Path) -> int:
    """How often the test set was opened for this run before, by its last report."""
    path = run / REPORT
    if not path.is_file():
        return 0
    try:
        return int(json.loads(path.read_bytes())["test_set_opened"])
    except (ValueError, KeyError, TypeError):
        todo = "It was edited: restore it, or delete it to start the count anew."
        raise CorpusError(path, "does not say how often the test set was opened", todo) from None


def _shown(name: str, measured: dict[str, Any]) -> str:
    value, interval = measured["value"], measured["interval"]
    if value is None:
        return f"{name} undefined"
    return f"{name} {value:.4f}" + (f" [{interval[0]:.4f}, {interval[1]:.4f}]" if interval else "")
