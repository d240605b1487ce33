"""Evaluation: a run meets the test half of its bank. The only verb that opens frame truth, and it counts how often."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewrite import manifest
from rewrite.errors import CorpusError, SettingError
from rewrite.lock import one_writer
from rewrite.reporter import Reporter, Silent
from rewrite.settings import revive
from trclip_vad import checkpoint
from trclip_vad.batch import STRIDE
from trclip_vad.config import Config
from trclip_vad.text_bank import Bank, open_bank

if TYPE_CHECKING:
    import numpy as np

    from trclip_vad.metrics import Frames
    from trclip_vad.model import Detector

REPORT = "eval.json"
SCORES = "test_scores.jsonl"


def evaluate(
    run: Path, reporter: Reporter = Silent(), bank: Path | None = None, resamples: int = 1000
) -> dict[str, Any]:
    """Scores every test video with its source captions and measures frames against the truth.

    Writes `eval.json` and `test_scores.jsonl` beside the run's sealed files.

    Args:
        bank: where the run's bank lies now; none: where it lay when the run was trained.
        resamples: draws of the bootstrap over videos.

    Returns:
        `{"auc", "ap", "ano_auc"}`, each `{"value", "low", "high"}` (95 %), `per_class` AUC, counts, and
        `opened`, how often this run has met the test set.

    Raises:
        CorpusError: the run or the bank is missing, unfinished, edited, or does not belong to the other.
    """
    if resamples < 1:
        raise SettingError("resamples", f"{resamples} is not a number of draws", "Give 1 or more.")
    trained = manifest.verify(run, "run")
    test = open_bank(_bank_of(run, bank), "test")
    if test.id != trained["asked"]["bank_id"]:
        raise CorpusError(test.folder, "is not the bank this run was trained on", "Give that one by --bank.")
    with one_writer(run):
        opened = _opened(run) + 1
        detector = load(run, trained)
        scores = _score(detector, test, reporter)
        found = {
            **_measure(test, scores, resamples, reporter),
            "videos": len(test.names),
            "frames": sum(test.frames),
            "run_id": trained["run_id"],
            "bank_id": test.id,
            "seed": trained["asked"]["seed"],
            "recipe": trained["asked"]["config"]["recipe"],
            "opened": opened,
        }
        rows = (
            {"video": name, "labels": labels, "scores": [round(float(s), 6) for s in values]}
            for name, labels, values in zip(test.names, test.labels, scores, strict=True)
        )
        manifest.write_atomic(run / SCORES, manifest.jsonl_chunks(rows))
        manifest.write_atomic(run / REPORT, manifest.json_bytes(found))
    return found


def load(run: Path, trained: dict[str, Any]) -> Detector:
    """The detector of a sealed run, in eval mode.

    Raises:
        CorpusError: its weights do not fit its config.
    """
    from trclip_vad.model import build

    config = revive(Config, trained["asked"]["config"], "config")
    detector = build(config.model, trained["width"])
    try:
        detector.load_state_dict(checkpoint.load_weights(run / checkpoint.WEIGHTS))
    except RuntimeError as error:
        what = f"does not fit its config ({str(error).splitlines()[0]})"
        raise CorpusError(run / checkpoint.WEIGHTS, what, "Train again.") from error
    return detector.eval()


def table(found: dict[str, Any]) -> list[str]:
    """An evaluation as lines for people."""
    lines = [f"{found['recipe']}, seed {found['seed']}: {found['videos']} test videos, {found['frames']} frames"]
    for name, shown in (("auc", "AUC"), ("ap", "AP"), ("ano_auc", "Ano-AUC")):
        lines.append(f"  {shown:<8}{_number(found[name])}")
    lines.append(f"  the test set was opened {found['opened']} times by this run")
    return lines


def _number(measure: dict[str, float | None]) -> str:
    if measure["value"] is None:
        return "undefined"
    return f"{measure['value']:.4f}  [{measure['low']:.4f}, {measure['high']:.4f}] over videos"


def _bank_of(run: Path, bank: Path | None) -> Path:
    if bank is not None:
        return bank
    place = checkpoint.read_places(run).get("bank")
    if place is None or not Path(place).is_dir():
        raise CorpusError(run, "its text bank is not where it was", "Give its folder by --bank.")
    return Path(place)


def _opened(run: Path) -> int:
    """How often the run has met the test set before."""
    try:
        return int(json.loads((run / REPORT).read_bytes())["opened"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _score(detector: Detector, test: Bank, reporter: Reporter) -> list[np.ndarray]:
    """(T,) per video, the whole video at once: no bins, no padding."""
    import torch

    scores = []
    with reporter.step("score", len(test.names), "videos") as step:
        for index in range(len(test.names)):
            text, covered = test.text(index)
            scores.append(detector.scores(torch.from_numpy(text), torch.from_numpy(covered)).numpy())
            step.advance()
    return scores


def frames_of(test: Bank, scores: list[np.ndarray]) -> Frames:
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


def _measure(test: Bank, scores: list[np.ndarray], resamples: int, reporter: Reporter) -> dict[str, Any]:
    import numpy as np

    from trclip_vad.metrics import auc, bootstrap, measure

    found = frames_of(test, scores)
    reporter.say(f"Measuring, {resamples} draws of the bootstrap over videos.")
    ranges = bootstrap(found, resamples)
    measured: dict[str, Any] = {}
    for name, value in measure(found).items():
        low, high = ranges[name] or (None, None)
        measured[name] = {"value": value, "low": low, "high": high}
    per_class = {}
    for name in test.classes[1:]:
        own = np.array([name in labels for labels in test.labels])
        per_class[name] = auc(found.only(own)) if own.any() else None
    return {**measured, "per_class": per_class}
