"""Scoring: timed captions of any video become a score per snippet, events, and a picture of the curve."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewrite import manifest
from rewrite.captions import read_captions
from rewrite.errors import CorpusError, InputError, ModelError
from rewrite.lock import one_writer
from rewrite.records import Caption, text_id
from rewrite.reporter import Reporter, Silent
from rewrite.settings import setting
from trclip_vad import checkpoint
from trclip_vad.batch import STRIDE
from trclip_vad.encoders import ENCODERS, Encoder
from trclip_vad.evaluate import load
from trclip_vad.grid import grid, span, spread

if TYPE_CHECKING:
    import numpy as np

ROWS = "scores.jsonl"
LONGEST = 1_000_000  # snippets, six days at 30 frames a second: beyond that a time is a mistake


@dataclass(frozen=True)
class ScoreSettings:
    """How captions are laid on a grid and curves become events."""

    fps: float = setting(30.0, "frames per second of the videos, to place captions timed in seconds")
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
) -> dict[str, Any]:
    """Scores every video of a caption file.

    Args:
        source: captions that name their `video`, and `snippet` or `start` and `end`.
        out: gets `scores.jsonl` and a `<video>.png` each; what lies there of an earlier scoring is replaced.
        encoder_model: the sentence encoder's folder; none: where the bank was embedded with it.

    Returns:
        `{"run_id", "videos": [{"video", "fps", "stride", "scores", "covered", "events": [[start, end) seconds]}]}`.

    Raises:
        InputError: a caption without video or place in time.
        ModelError: the encoder is missing, or is not the one the run was trained with.
        CorpusError: the run is missing, unfinished or edited.
    """
    import torch

    trained = manifest.verify(run, "run")
    encoder = _encoder(run, trained, encoder_model)
    videos = _by_video(source)
    detector = load(run, trained)
    rows = []
    with one_writer(out):
        with reporter.step("score", len(videos), "videos") as step:
            for name, captions in videos.items():
                length = _length(captions, settings.fps)
                spans = [span(c, settings.fps, length, source) or (0, 0) for c in captions]
                text, covered = spread(grid(spans, length), encoder.encode([c.text for c in captions]))
                scores = detector.scores(torch.from_numpy(text), torch.from_numpy(covered)).numpy()
                row = {
                    "video": name,
                    "fps": settings.fps,
                    "stride": STRIDE,
                    "scores": [round(float(s), 6) for s in scores],
                    "covered": [bool(c) for c in covered],
                    "events": events(scores, settings),
                }
                if settings.pictures:
                    manifest.write_atomic(out / picture_name(name), draw(row, settings.threshold))
                rows.append(row)
                step.advance()
        manifest.write_atomic(out / ROWS, manifest.jsonl_chunks(rows))
    return {"run_id": trained["run_id"], "videos": rows}


def table(found: dict[str, Any]) -> list[str]:
    """A scoring as lines for people; names are untrusted and escaped by the caller's terminal."""
    from rewrite.errors import one_line

    lines = []
    for row in found["videos"]:
        shown = ", ".join(f"{start:.1f}-{end:.1f} s" for start, end in row["events"]) or "no event"
        lines.append(f"{one_line(row['video'])}: {len(row['scores'])} snippets, top {max(row['scores']):.3f}; {shown}")
    return lines


def events(scores: np.ndarray, settings: ScoreSettings) -> list[list[float]]:
    """Half-open [start, end) seconds of each run of snippets at or above the threshold."""
    seconds = STRIDE / settings.fps
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


def _by_video(source: Path) -> dict[str, list[Caption]]:
    videos: dict[str, list[Caption]] = {}
    for caption in read_captions(source):
        if caption.video is None:
            raise InputError(source, f"caption {caption.id!r} names no video", "Give each caption its video.")
        videos.setdefault(caption.video, []).append(caption)
    return videos


def _length(captions: list[Caption], fps: float) -> int:
    """T: up to the end of the last caption; nothing is known of the video behind it."""
    ends = [place[1] for c in captions if (place := span(c, fps, LONGEST, f"video {c.video}"))]
    if len(ends) < len(captions) or max(ends) == LONGEST:
        raise InputError(f"video {captions[0].video}", "a caption lies days behind its start", "Are its times seconds?")
    return max(ends)


def _encoder(run: Path, trained: dict[str, Any], model: str | None) -> Encoder:
    """The encoder the run was trained with, proven by its digest."""
    name = trained["encoder"]["encoder"]
    if name not in ENCODERS:
        raise CorpusError(run, f"was trained with the encoder {name!r}, unknown here", "Use the version that made it.")
    place = model or checkpoint.read_places(run).get("encoder")
    if place is None:
        raise ModelError(run, "does not say where its encoder lies", "Give it by --encoder.")
    found: Encoder = ENCODERS[name](model=place)
    if found.identity() != trained["encoder"]:
        raise ModelError(place, "is not the encoder this run was trained with", "Give that one by --encoder.")
    return found
