"""Scoring: the captions of any video become anomaly scores, events and a curve.

Also what every use of a finished run needs: `load`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewrite import manifest
from rewrite.captions import read_captions
from rewrite.errors import InputError, ModelError, SettingError, one_line
from rewrite.records import Caption, text_id
from rewrite.reporter import Reporter, Silent
from rewrite.settings import pick, revive
from trclip_vad import checkpoint
from trclip_vad.batch import STRIDE
from trclip_vad.config import Config
from trclip_vad.encoders import ENCODERS, Encoder
from trclip_vad.text_bank import grid, span, spread

if TYPE_CHECKING:
    import numpy as np

    from trclip_vad.model import Detector

THRESHOLD = 0.5  # of an event; the published curves use it too
LONGEST = 1_000_000  # snippets, six days at 30 frames a second: beyond it a time is a mistake, not a video


def score(
    run: Path,
    source: Path,
    out: Path,
    encoder_model: str | None = None,
    reporter: Reporter = Silent(),
    *,
    fps: float = 30.0,
) -> dict[str, Any]:
    """Scores every video of a caption file.

    Args:
        run: a sealed run.
        source: captions, each with its video and a snippet or start and end in seconds.
        out: folder for `scores.jsonl` and a `.png` curve per video; files of these names are replaced.
        encoder_model: folder or hub name of the run's sentence encoder; by default where it was when the bank was made.
        fps: frames per second of the videos, to place times on the snippets of 16 frames.

    Returns:
        `{"run_id", "videos", "events", "scores"}`, counts and the path of the scores.

    Raises:
        InputError: a caption without its video or its place in time.
        ModelError: the encoder is missing, or is not the one the run was trained with.
        CorpusError: the run is not finished, or was edited.
        StorageError: the disk refused.
    """
    if not 0 < fps < 10_000:
        raise SettingError("fps", f"{fps} is no frame rate", "Give frames per second, e.g. 30.")
    by_video = _by_video(source)
    found, detector = load(run)
    encoder = _encoder(run, found, encoder_model)
    with manifest.storage(out):
        out.mkdir(parents=True, exist_ok=True)
    rows = []
    with reporter.step("score", len(by_video), "videos") as step:
        for video, captions in by_video.items():
            scores = _scores(detector, encoder, captions, fps, source)
            place = {"video": video, "fps": fps, "stride": STRIDE, "threshold": THRESHOLD}
            rows.append({**place, "scores": [round(float(s), 6) for s in scores], "events": events(scores, fps)})
            manifest.write_atomic(out / curve_name(video), _curve(video, scores, fps))
            step.advance()
    manifest.write_atomic(out / "scores.jsonl", manifest.jsonl_chunks(rows))
    count = sum(len(row["events"]) for row in rows)
    reporter.say(f"{len(rows)} videos, {count} events above {THRESHOLD}, in {out / 'scores.jsonl'}.")
    return {"run_id": found["run_id"], "videos": len(rows), "events": count, "scores": str(out / "scores.jsonl")}


def load(run: Path) -> tuple[dict[str, Any], Detector]:
    """The manifest of a sealed run and its detector, in evaluation mode.

    Raises:
        CorpusError: not a run, not finished, or edited.
        SettingError: made by another version.
    """
    from trclip_vad.model import build

    found = manifest.verify(run, "run")
    config = revive(Config, found["asked"]["config"], str(run))
    detector = build(config.model, found["width"])
    detector.load_state_dict(checkpoint.load_weights(run / checkpoint.WEIGHTS))
    return found, detector.eval()


def events(scores: Sequence[float] | np.ndarray, fps: float) -> list[list[float]]:
    """Half-open [start, end) seconds of the runs of snippets that score at least the threshold."""
    found: list[list[float]] = []
    above = [float(s) >= THRESHOLD for s in scores]
    for index, now in enumerate(above):
        if now and (index == 0 or not above[index - 1]):
            found.append([index * STRIDE / fps, 0.0])
        if now:
            found[-1][1] = (index + 1) * STRIDE / fps
    return [[round(start, 3), round(end, 3)] for start, end in found]


def curve_name(video: str) -> str:
    """A file name for a video's curve: safe whatever the video is called, and different for different names."""
    safe = re.sub(r"[^A-Za-z0-9_-]+", "_", video)[:80]
    return f"{safe}.png" if safe and safe == video else f"{safe}-{text_id(video)}.png"


def _by_video(source: Path) -> dict[str, list[Caption]]:
    found: dict[str, list[Caption]] = {}
    for caption in read_captions(source):
        if caption.video is None:
            raise InputError(source, f"caption {caption.id!r} names no video", "Give each caption its video.")
        found.setdefault(caption.video, []).append(caption)
    return found


def _encoder(run: Path, found: dict[str, Any], model: str | None) -> Encoder:
    """The run's encoder, its weights held against the digest of those it was trained with."""
    wanted = found["encoder"]
    kind = pick(ENCODERS, wanted["encoder"], "encoder")
    hint = model or checkpoint.read_places(run).get("encoder")
    encoder: Encoder = kind(model=hint) if hint else kind()
    if encoder.identity() != wanted:
        todo = "Give the path of the encoder that its bank was made with."
        raise ModelError(encoder.model, "is not the encoder this run was trained with", todo)
    return encoder


def _scores(detector: Detector, encoder: Encoder, captions: list[Caption], fps: float, source: Path) -> np.ndarray:
    """(T,) scores in [0, 1]; the video ends with its last caption."""
    import torch

    spans = [where for c in captions if (where := span(c, fps, LONGEST, source))]
    if len(spans) < len(captions):
        what = f"a caption of {captions[0].video!r} lies past snippet {LONGEST:,}"
        raise InputError(source, what, "Check its snippet, or its time in seconds.")
    texts = list(dict.fromkeys(c.text for c in captions))
    vectors = encoder.encode(texts)[[texts.index(c.text) for c in captions]]
    text, covered = spread(grid(spans, max(end for _, end in spans)), vectors)
    scores: np.ndarray = detector.scores(torch.from_numpy(text), torch.from_numpy(covered)).numpy()
    return scores


def _curve(video: str, scores: np.ndarray, fps: float) -> bytes:
    """A PNG of the scores over time, the events shaded."""
    import io
    import warnings

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    edges = [index * STRIDE / fps for index in range(len(scores) + 1)]
    figure = Figure(figsize=(8, 2.5), layout="constrained")
    axes = figure.add_subplot()
    axes.stairs(scores, edges, color="tab:red")
    for start, end in events(scores, fps):
        axes.axvspan(start, end, color="tab:red", alpha=0.15, linewidth=0)
    axes.axhline(THRESHOLD, color="grey", linewidth=0.8, linestyle="--")
    axes.set(xlabel="seconds", ylabel="anomaly score", ylim=(0, 1), xlim=(0, edges[-1]))
    axes.set_title(one_line(video)[:100], parse_math=False)  # a name is untrusted: `$` in it is no formula
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a name may be in any script
        FigureCanvasAgg(figure).print_png(file)
    return file.getvalue()
