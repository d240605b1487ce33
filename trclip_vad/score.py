"""Scoring: timed captions, or the frames of any video, become a score per snippet, events, and a picture."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewrite import manifest
from rewrite.lock import one_writer
from rewrite.records import text_id
from rewrite.reporter import Reporter, Silent
from rewrite.settings import setting
from trclip_vad.batch import STRIDE
from trclip_vad.reopen import load
from trclip_vad.score_input import Whole, read_inputs

if TYPE_CHECKING:
    import numpy as np

    from trclip_vad.model import Outputs

ROWS = "scores.jsonl"


@dataclass(frozen=True)
class ScoreSettings:
    """How captions are laid on a grid and curves become events."""

    fps: float = setting(30.0, "frames per second, to place captions in seconds, where no video file tells it")
    threshold: float = setting(0.5, "score from which a snippet belongs to an event")
    pictures: bool = setting(True, "draw a PNG per video")

    def __post_init__(self) -> None:
        if self.fps <= 0 or not 0 <= self.threshold <= 1:
            raise ValueError("fps must be positive, the threshold lie in [0, 1]")


def score(
    run: Path,
    source: Path,
    out: Path,
    encoder_model: str | None = None,
    settings: ScoreSettings = ScoreSettings(),
    reporter: Reporter = Silent(),
    captions: Path | None = None,
    image_model: str | None = None,
) -> dict[str, Any]:
    """Scores every video of a caption file, or of a folder of videos, whichever the run was trained to read.

    Args:
        source: captions that name their `video`, and `snippet` or `start` and `end`; for a run that sees frames, a
            video or a folder of them.
        out: gets `scores.jsonl` and a `<video>.png` each; what lies there of an earlier scoring is replaced.
        encoder_model, image_model: folders of the encoders; none: where they were when the run was trained.
        captions: of the videos, for a run that was trained with both.

    Returns:
        `{"run_id", "videos": [{"video", "fps", "stride", "scores", "covered", "events": [[start, end) seconds]}]}`;
        of a run with an F-branch also `classes`, the likeliest anomaly of each event.

    Raises:
        InputError: nothing to score, a broken video, a caption without video or place in time.
        ModelError: an encoder is missing, or is not the one the run was trained with.
        SettingError: captions that the run cannot read, or none where it was never trained without.
        CorpusError: the run is missing, unfinished or edited.
    """
    trained = manifest.verify(run, "run")
    inputs = read_inputs(run, trained, source, captions, encoder_model, image_model, settings.fps)
    detector = load(run, trained)
    labels, rows = trained["labels"], []
    with one_writer(out):
        with reporter.step("score", len(inputs), "videos") as step:
            for video in inputs:
                row = _row(video, detector.infer(video.batch), labels, settings)
                if settings.pictures:
                    manifest.write_atomic(out / picture_name(video.name), draw(row, settings.threshold))
                rows.append(row)
                step.advance()
        manifest.write_atomic(out / ROWS, manifest.jsonl_chunks(rows))
    return {"run_id": trained["run_id"], "videos": rows}


def _row(video: Whole, found: Outputs, labels: Sequence[str], settings: ScoreSettings) -> dict[str, Any]:
    import torch

    assert found.judged is not None, "infer judges"
    scores = torch.sigmoid(found.judged[0]).numpy()
    covered = video.batch.covered
    row: dict[str, Any] = {
        "video": video.name,
        "fps": video.fps,
        "stride": STRIDE,
        "scores": [round(float(s), 6) for s in scores],
        "covered": [bool(c) for c in covered[0]] if covered is not None else [],
        "events": events(scores, settings, video.fps),
    }
    if found.aligned is not None:  # the class of an event: the likeliest anomaly over its snippets
        seconds, classes = STRIDE / video.fps, torch.softmax(found.aligned[0], dim=1)
        spans = [(round(start / seconds), round(end / seconds)) for start, end in row["events"]]
        row["classes"] = [labels[1 + int(classes[a:b, 1:].mean(dim=0).argmax())] for a, b in spans]
    return row


def table(found: dict[str, Any]) -> list[str]:
    """A scoring as lines for people; names are untrusted and escaped by the caller's terminal."""
    from rewrite.errors import one_line

    lines = []
    for row in found["videos"]:
        kinds = row.get("classes") or [""] * len(row["events"])
        spans = zip(row["events"], kinds, strict=True)
        shown = ", ".join(f"{start:.1f}-{end:.1f} s {one_line(kind)}".rstrip() for (start, end), kind in spans)
        shown = shown or "no event"
        lines.append(f"{one_line(row['video'])}: {len(row['scores'])} snippets, top {max(row['scores']):.3f}; {shown}")
    return lines


def events(scores: np.ndarray, settings: ScoreSettings, fps: float | None = None) -> list[list[float]]:
    """Half-open [start, end) seconds of each run of snippets at or above the threshold."""
    seconds = STRIDE / (fps or settings.fps)
    found: list[list[float]] = []
    for index, value in enumerate(scores):
        if value < settings.threshold:
            continue
        begin, end = round(index * seconds, 3), round((index + 1) * seconds, 3)
        if found and found[-1][1] == begin:
            found[-1][1] = end
        else:
            found.append([begin, end])
    return found


def picture_name(video: str) -> str:
    """A file name for a video's name, whatever it holds; two videos never share one."""
    safe = re.sub(r"[^A-Za-z0-9_.-]", "_", video).lstrip(".")[:80]
    return f"{safe}.png" if safe and safe == video else f"{safe or 'video'}-{text_id(video)[:8]}.png"


def draw(row: dict[str, Any], threshold: float) -> bytes:
    """A PNG of one curve: score against seconds, events shaded, snippets without a caption hatched."""
    import io

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    seconds = row["stride"] / row["fps"]
    times = [index * seconds for index in range(len(row["scores"]) + 1)]
    figure = Figure(figsize=(9, 2.6), layout="constrained")
    axes = figure.subplots()
    axes.stairs(row["scores"], times, linewidth=1.5)
    axes.axhline(threshold, linestyle=":", linewidth=1, color="grey")
    for start, end in row["events"]:
        axes.axvspan(start, end, alpha=0.2, color="tab:red")
    for index, covered in enumerate(row["covered"]):
        if not covered:
            axes.axvspan(times[index], times[index + 1], alpha=0.1, color="grey", hatch="//", linewidth=0)
    axes.set(xlim=(0, times[-1]), ylim=(0, 1), xlabel="seconds", ylabel="anomaly score")
    # A name is data: without parse_math a dollar sign would be read as a formula.
    axes.set_title(row["video"].encode("unicode_escape").decode()[:100], parse_math=False, fontsize=10)
    file = io.BytesIO()
    FigureCanvasAgg(figure).print_png(file, metadata={"Software": None})
    return file.getvalue()
