"""Evaluation: a run meets the test half of its bank. The only verb that opens frame truth, and it counts how often."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewrite import manifest
from rewrite.errors import SettingError
from rewrite.lock import one_writer
from rewrite.reporter import Reporter, Silent
from trclip_vad.batch import STRIDE
from trclip_vad.paired import Paired
from trclip_vad.reopen import data_of, load
from trclip_vad.sampling import whole

if TYPE_CHECKING:
    import numpy as np

    from trclip_vad.metrics import Frames
    from trclip_vad.model import Detector

REPORT = "eval.json"
SCORES = "test_scores.jsonl"


def evaluate(
    run: Path,
    reporter: Reporter = Silent(),
    bank: Path | None = None,
    resamples: int = 1000,
    features: Path | None = None,
) -> dict[str, Any]:
    """Scores every test video with its source captions and measures frames against the truth.

    Writes `eval.json` and `test_scores.jsonl` beside the run's sealed files.

    Args:
        bank, features: where the run's data lies now; none: where it lay when the run was trained.
        resamples: draws of the bootstrap over videos.

    Returns:
        `{"auc", "ap", "ano_auc"}` of the score, each `{"value", "low", "high"}` (95 %), `more` measures of it and
        `per_class` AUC; `c_branch` and `f_branch` with the same, of the second mAP too; counts, and `opened`, how often
        this run has met the test set.

    Raises:
        CorpusError: the run or its data is missing, unfinished, edited, or does not belong to the other.
    """
    if resamples < 1:
        raise SettingError("resamples", f"{resamples} is not a number of draws", "Give 1 or more.")
    trained = manifest.verify(run, "run")
    test = data_of(run, trained, "test", bank, features)
    with one_writer(run):
        opened = _opened(run) + 1
        detector = load(run, trained)
        outputs = _infer(detector, test, reporter)
        reporter.say(f"Measuring, {resamples} draws of the bootstrap over videos.")
        measured = _measure(test, [one.scores for one in outputs], resamples)
        found = {
            **measured,
            "c_branch": _measure(test, [one.c for one in outputs], resamples) if detector.both else measured,
            "f_branch": _fine(test, [one.classes for one in outputs], resamples),
            "videos": len(test.names),
            "frames": sum(test.frames),
            "run_id": trained["run_id"],
            **test.ids,
            "seed": trained["asked"]["seed"],
            "recipe": trained["asked"]["config"]["recipe"],
            "opened": opened,
        }
        rows = (
            {"video": name, "labels": labels, "scores": [float(s) for s in judged.scores]}
            for name, labels, judged in zip(test.names, test.labels, outputs, strict=True)
        )
        manifest.write_atomic(run / SCORES, manifest.jsonl_chunks(rows))
        manifest.write_atomic(run / REPORT, manifest.json_bytes(found))
    return found


def table(found: dict[str, Any]) -> list[str]:
    """An evaluation as lines for people."""
    made = "imported" if found["seed"] is None else f"seed {found['seed']}"
    lines = [f"{found['recipe']}, {made}: {found['videos']} test videos, {found['frames']} frames"]
    branches = {"score": found, "C-branch": found["c_branch"], "F-branch": found["f_branch"]}
    for branch, measured in branches.items():
        if measured is None or (branch == "C-branch" and measured["auc"] == found["auc"]):
            continue
        lines.append(f"  {branch}")
        for name, shown in (("auc", "AUC"), ("ap", "AP"), ("ano_auc", "Ano-AUC")):
            lines.append(f"    {shown:<8}{_number(measured[name])}")
    detected = (found["f_branch"] or {}).get("detection")
    if detected is not None and detected["map_13"] is not None:
        lines.append(f"    mAP@IoU 0.1-0.5 over the classes  {detected['map_13']:.4f}")
    often = "once" if found["opened"] == 1 else f"{found['opened']} times"
    lines.append(f"  the test set was opened {often} by this run")
    return lines


def _number(measure: dict[str, float | None]) -> str:
    if measure["value"] is None:
        return "undefined"
    if measure["low"] is None:
        return f"{measure['value']:.4f}  no interval: undefined in every resample"
    return f"{measure['value']:.4f}  [{measure['low']:.4f}, {measure['high']:.4f}] over videos"


def _opened(run: Path) -> int:
    """How often the run has met the test set before."""
    try:
        return int(json.loads((run / REPORT).read_bytes())["opened"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


@dataclass(frozen=True, slots=True)
class Judged:
    """A whole video: its scores and the C-branch's, (T,) each, and the classes' probabilities (T, C), if any.

    In float64: in float32 every logit above 17 is a score of 1, and the surest frames would all be tied.
    """

    scores: np.ndarray
    c: np.ndarray
    classes: np.ndarray | None


def _infer(detector: Detector, test: Paired, reporter: Reporter) -> list[Judged]:
    import torch

    found = []
    with reporter.step("score", len(test.names), "videos") as step:
        for index in range(len(test.names)):
            outputs = detector.infer(whole(test, index))
            classes = None if outputs.aligned is None else torch.softmax(outputs.aligned[0].double(), dim=1).numpy()
            assert outputs.judged is not None, "infer judges"
            scores, c = (torch.sigmoid(logits[0].double()).numpy() for logits in (outputs.judged, outputs.logits))
            found.append(Judged(scores, c, classes))
            step.advance()
    return found


def frames_of(test: Paired, scores: list[np.ndarray]) -> Frames:
    """Scores, (T,) per video, beside the truth of the test half."""
    import numpy as np

    from trclip_vad.metrics import Frames, anomalous_frames

    counts = [
        anomalous_frames(ranges, frames, snippets, STRIDE)
        for ranges, frames, snippets in zip(test.truth(), test.frames, test.lengths, strict=True)
    ]
    both = np.concatenate(counts)
    normal = (test.classes[0],)
    return Frames(
        scores=np.concatenate(scores),
        positive=both[:, 0],
        negative=both[:, 1],
        video=np.repeat(np.arange(len(scores)), test.lengths),
        abnormal=np.array([labels != normal for labels in test.labels]),
    )


def _measure(test: Paired, scores: list[np.ndarray], resamples: int) -> dict[str, Any]:
    import numpy as np

    from trclip_vad.metrics import auc, bootstrap, measure_all

    found = frames_of(test, scores)
    ranges = bootstrap(found, resamples)
    values = measure_all(found)
    measured: dict[str, Any] = {}
    for name, spread in ranges.items():
        low, high = spread or (None, None)
        measured[name] = {"value": values.pop(name), "low": low, "high": high}
    per_class = {}
    for name in test.classes[1:]:
        own = np.array([name in labels for labels in test.labels])
        per_class[name] = auc(found.only(own)) if own.any() else None
    return {**measured, "more": values, "per_class": per_class}


def _fine(test: Paired, classes: list[np.ndarray | None], resamples: int) -> dict[str, Any] | None:
    """Of the F-branch: its score, 1 - p(normal), measured as the C-branch's, and mAP where a video has one class."""
    from trclip_vad.detection import detection

    known = [probabilities for probabilities in classes if probabilities is not None]
    if not known:
        return None
    measured = _measure(test, [1 - probabilities[:, 0] for probabilities in known], resamples)
    if any(len(labels) > 1 for labels in test.labels):
        return {**measured, "detection": None}  # truth does not say which of a video's classes a range is of
    truth = [
        [(test.classes.index(labels[0]), start, end) for start, end in ranges]
        for labels, ranges in zip(test.labels, test.truth(), strict=True)
    ]
    frames = [min(count, STRIDE * len(p)) for count, p in zip(test.frames, known, strict=True)]
    return {**measured, "detection": detection(known, truth, frames, STRIDE)}
