"""The demo's report: one self-contained page. Captions are untrusted, so the template escapes every value."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from rewrite.corpus import Corpus, open_corpus
from rewrite.manifest import write_atomic

MEASURES = (("auc", "AUC"), ("ap", "AP"), ("ano_auc", "Ano-AUC"))
SAMPLES = 12  # source captions shown with all their drafts
WIDTH, HEIGHT = 640, 120  # of a curve, in SVG units
STRIDE = 16  # frames per snippet


def write_report(
    out: Path,
    *,
    corpus: Path,
    evaluations: dict[str, dict[str, Any]],
    curves: list[dict[str, Any]],
    notes: list[str],
) -> None:
    """Writes the page.

    Args:
        corpus: a sealed corpus.
        evaluations: run name -> `{"auc": {"value", "low", "high"}, "ap": ..., "ano_auc": ..., "seeds"}`.
        curves: `{"video", "label", "frames", "truth": [[start, end) frames], "scores": {run name: [per snippet]}}`.
        notes: sentences under the table.

    Raises:
        CorpusError: the corpus is not sealed, or was edited.
        StorageError: the disk refused.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    opened = open_corpus(corpus)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    page = environment.get_template("demo_report.html.jinja").render(
        report=opened.report(),
        asked=opened.manifest["asked"],
        corpus_id=opened.id,
        samples=_samples(opened),
        measures=MEASURES,
        evaluations=evaluations,
        curves=[_drawn(curve) for curve in curves],
        width=WIDTH,
        height=HEIGHT,
        notes=notes,
    )
    write_atomic(out, page)


def _samples(corpus: Corpus) -> list[dict[str, Any]]:
    """Sources drawn by a fixed seed, not by taste, each with every one of its drafts and its verdict."""
    drafts: dict[str, list[dict[str, Any]]] = {}
    for name in ("rewrites", "rejected"):
        for row in corpus.rows(name):
            drafts.setdefault(row["source_id"], []).append(row)
    chosen = random.Random(0).sample(sorted(drafts), min(SAMPLES, len(drafts)))
    return [
        {
            "source": drafts[source][0]["source"],
            "drafts": sorted(drafts[source], key=lambda r: (r["template"], r["variant"])),
        }
        for source in chosen
    ]


def _drawn(curve: dict[str, Any]) -> dict[str, Any]:
    """Frames and scores as coordinates of the drawing."""
    per_frame = WIDTH / curve["frames"]
    spans = [(start * per_frame, (end - start) * per_frame) for start, end in curve["truth"]]
    lines = {name: _steps(scores, curve["frames"], per_frame) for name, scores in curve["scores"].items()}
    return {**curve, "spans": spans, "lines": lines}


def _steps(scores: list[float], frames: int, per_frame: float) -> str:
    """A stair line: every frame of a snippet has its score."""
    points = []
    for index, value in enumerate(scores):
        y = HEIGHT * (1 - value)
        for frame in (index * STRIDE, min((index + 1) * STRIDE, frames)):
            points.append(f"{frame * per_frame:.1f},{y:.1f}")
    return " ".join(points)
