"""Evaluation: a run meets the test half of its bank. The only verb that opens frame truth, and it counts how often."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewrite import manifest
from rewrite.errors import CorpusError, SettingError
from rewrite.lock import one_writer
from rewrite.reporter import Reporter, Silent
from rewrite.settings import revive
from trclip_vad import checkpoint
from trclip_vad.assembly import Widths, build
from trclip_vad.batch import STRIDE
from trclip_vad.config import Config
from trclip_vad.paired import Paired, open_paired
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
        `{"auc", "ap", "ano_auc"}` of the C-branch, each `{"value", "low", "high"}` (95 %), `more` measures of it,
        `per_class` AUC, `f_branch` with the same and its mAP, counts, and `opened`, how often this run has met the
        test set.

    Raises:
        CorpusError: the run or its data is missing, unfinished, edited, or does not belong to the other.
    """
    if resamples < 1:
        raise SettingError("resamples", f"{resamples} is not a number of draws", "Give 1 or more.")
    trained = manifest.verify(run, "run")
    test = data_of(run, trained, "test", bank, features)
    with one_writer(run):
        opened = _opened(run) + 1
        outputs = _infer(load(run, trained), test, reporter)
        reporter.say(f"Measuring, {resamples} draws of the bootstrap over videos.")
        found = {
            **_measure(test, [scores for scores, _ in outputs], resamples),
            "f_branch": _fine(test, [classes for _, classes in outputs], resamples),
            "videos": len(test.names),
            "frames": sum(test.frames),
            "run_id": trained["run_id"],
            **test.ids,
            "seed": trained["asked"]["seed"],
            "recipe": trained["asked"]["config"]["recipe"],
            "opened": opened,
        }
        rows = (
            {"video": name, "labels": labels, "scores": [float(s) for s in scores]}
            for name, labels, (scores, _) in zip(test.names, test.labels, outputs, strict=True)
        )
        manifest.write_atomic(run / SCORES, manifest.jsonl_chunks(rows))
        manifest.write_atomic(run / REPORT, manifest.json_bytes(found))
    return found


def load(run: Path, trained: dict[str, Any]) -> Detector:
    """The detector of a sealed run, in eval mode on the CPU. Its class features are those that training ended with.

    A scan that runs on a GPU alone is computed in chunks here: the same function of the same weights.

    Raises:
        CorpusError: its weights do not fit its config.
    """
    from trclip_vad.prior import ClassPrior
    from trclip_vad.prompts import FixedNames

    config = revive(Config, trained["asked"]["config"], "config")
    model = config.model
    if model.lgm_mamba.scan in ("triton", "mamba_ssm"):
        model = replace(model, lgm_mamba=replace(model.lgm_mamba, scan="chunked"))
    weights = checkpoint.load_weights(run / checkpoint.WEIGHTS)
    classes = weights.pop(checkpoint.CLASSES, None)
    weights = {name: tensor for name, tensor in weights.items() if not name.startswith("names.")}
    widths = Widths(
        visual=trained["visual_width"],
        text=trained["text_width"],
        unit=(trained["encoder"] or {}).get("norm") == "unit",
        classes=0 if classes is None else classes.shape[1],
    )
    vectors = weights.get("prior.vectors")
    prior = None if vectors is None else ClassPrior(vectors, config.classes.prior, config.classes.temperature)
    detector = build(model, widths, prior=prior)
    try:
        detector.load_state_dict(weights)
    except RuntimeError as error:
        what = f"does not fit its config ({str(error).splitlines()[0]})"
        raise CorpusError(run / checkpoint.WEIGHTS, what, "Train again.") from error
    detector.names = None if classes is None else FixedNames(classes)
    return detector.eval()


def data_of(
    run: Path, trained: dict[str, Any], split: str, bank: Path | None = None, features: Path | None = None
) -> Paired:
    """A split of what a run was trained on; of what is given, for an imported run, if that can be read by it.

    Raises:
        CorpusError: it is not where it was, or is not what the run was trained on.
        SettingError: an imported run is given too little or too much.
    """
    if "imported" in trained["asked"]:
        return _fitting(run, trained, split, bank, features)
    config = revive(Config, trained["asked"]["config"], "config")
    places = checkpoint.read_places(run)
    given = {"bank": bank, "features": features}
    found: dict[str, Path | None] = {}
    for name, shown in (("bank", "text bank"), ("features", "features")):
        if f"{name}_id" not in trained["asked"]:
            if given[name] is not None:
                raise SettingError(f"--{name}", f"is of no use to {run}, which was trained without", "Leave it out.")
            found[name] = None
            continue
        place = given[name] or Path(places.get(name, ""))
        if given[name] is None and (name not in places or not place.is_dir()):
            raise CorpusError(run, f"its {shown} is not where it was", f"Give its folder by --{name}.")
        found[name] = place
    data = open_paired(found["bank"], found["features"], split, config.text.missing)
    for name, value in data.ids.items():
        if value != trained["asked"][name]:
            kind = name.removesuffix("_id")
            raise CorpusError(found[kind] or run, f"is not the {kind} this run was trained on", f"Give it by --{kind}.")
    return data


def _fitting(run: Path, trained: dict[str, Any], split: str, bank: Path | None, features: Path | None) -> Paired:
    """Data for an imported run, which is bound to none. Where it came from is for the user to know."""
    for name, place in (("bank", bank), ("features", features)):
        width = trained["text_width" if name == "bank" else "visual_width"]
        if width and place is None:
            raise SettingError(f"--{name}", f"is not given, and the imported {run} names none", "Give its folder.")
        if place is not None and not width:
            raise SettingError(f"--{name}", f"is of no use to {run}, which reads none", "Leave it out.")
    config = revive(Config, trained["asked"]["config"], "config")
    data = open_paired(bank, features, split, config.text.missing)
    if list(data.classes) != trained["labels"]:
        raise CorpusError(data.folder, f"has other classes than {run}", "Give data of the run's own data set.")
    for part, width in ((data.bank, trained["text_width"]), (data.features, trained["visual_width"])):
        if part is not None and part.width != width:
            what = f"has vectors of width {part.width}, and {run} reads {width}"
            raise CorpusError(part.folder, what, "Give those of the published encoder.")
    return data


def table(found: dict[str, Any]) -> list[str]:
    """An evaluation as lines for people."""
    made = "imported" if found["seed"] is None else f"seed {found['seed']}"
    lines = [f"{found['recipe']}, {made}: {found['videos']} test videos, {found['frames']} frames"]
    for branch, measured in (("C-branch", found), ("F-branch", found["f_branch"])):
        if measured is None:
            continue
        lines.append(f"  {branch}")
        for name, shown in (("auc", "AUC"), ("ap", "AP"), ("ano_auc", "Ano-AUC")):
            lines.append(f"    {shown:<8}{_number(measured[name])}")
    detected = (found["f_branch"] or {}).get("detection")
    if detected is not None and detected["map_13"] is not None:
        lines.append(f"    mAP@IoU 0.1-0.5 over the classes  {detected['map_13']:.4f}")
    lines.append(f"  the test set was opened {found['opened']} times by this run")
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


def _infer(detector: Detector, test: Paired, reporter: Reporter) -> list[tuple[np.ndarray, np.ndarray | None]]:
    """Per video its scores (T,), and the classes' probabilities (T, C), of the whole video at once.

    In float64: in float32 every logit above 17 is a score of 1, and the surest frames would all be tied.
    """
    import torch

    found = []
    with reporter.step("score", len(test.names), "videos") as step:
        for index in range(len(test.names)):
            outputs = detector.infer(whole(test, index))
            classes = None if outputs.aligned is None else torch.softmax(outputs.aligned[0].double(), dim=1).numpy()
            found.append((torch.sigmoid(outputs.logits[0].double()).numpy(), classes))
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
