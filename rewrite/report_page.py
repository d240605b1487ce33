"""The report as one self-contained page. Captions are untrusted: the template escapes every value."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from rewrite.errors import one_line
from rewrite.records import Rewrite

SAMPLES = 20  # rows shown of the kept, and of the dropped
_MEASURES = (
    ("vendi_per_k", "Vendi / k"),
    ("vendi_with_source", "Vendi of source and rewrites / (k + 1)"),
    ("distinct_2", "distinct-2"),
)
_LAST_BAR = 100  # CLIP tokens: longer texts share one bar
_FOLDER = Path(__file__).resolve().parent / "pages"


def corpus_page(report: Mapping[str, Any], judged: Sequence[Rewrite], filters: Sequence[str]) -> str:
    """The page of a corpus: equal reports and rows give equal bytes. No script, nothing from outside."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["plain"] = one_line  # control characters shown escaped, before html is
    measure, across = _measure(report["dots"])
    return environment.get_template("corpus.html.jinja").render(
        report=report,
        by_model="nli" in filters,
        measure=measure,
        across=across,
        figure=_figure(report["dots"], measure),
        bars=list(_bars(report["clip_tokens"])),
        samples={
            "Kept, as drawn": _samples([r for r in judged if r.kept]),
            "Dropped, as drawn": _samples([r for r in judged if not r.kept]),
        },
    )


def word_diff(before: str, after: str) -> list[tuple[str, str]]:
    """("same" | "gone" | "new", words) in reading order."""
    old, new = before.split(), after.split()
    found = []
    for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            found.append(("same", " ".join(old[a:b])))
            continue
        found += [("gone", " ".join(old[a:b]))] if b > a else []
        found += [("new", " ".join(new[c:d]))] if d > c else []
    return found


def _samples(rows: Sequence[Rewrite]) -> list[dict[str, Any]]:
    chosen = random.Random(0).sample(range(len(rows)), min(SAMPLES, len(rows)))
    return [_sample(rows[i]) for i in sorted(chosen)]


def _sample(r: Rewrite) -> dict[str, Any]:
    return {
        "diff": word_diff(one_line(r.draft.source), one_line(r.text)[:600]),
        "verdict": "kept" if r.kept else f"{r.filter}: {r.reason}",
        "template": r.draft.template,
        "variant": r.draft.variant,
        "scores": dict(r.scores),
    }


def _measure(dots: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """(key, name) of the measure of diversity that every faithful dot has, the most telling one first."""
    alive = [dot for dot in dots if dot["faithful_share"]]
    for measure, name in _MEASURES:
        if any(dot[measure] is not None for dot in alive) and all(dot[measure] is not None for dot in alive):
            return measure, name
    return _MEASURES[-1]


def _figure(dots: Sequence[Mapping[str, Any]], measure: str) -> dict[str, Any]:
    """Places of the dots and of the ticks in a plane of 360 x 200, both axes cut to tenths around what is there."""
    alive = [dot for dot in dots if dot[measure] is not None and dot["faithful_share"] is not None]
    spans = [_span([dot[key] for dot in alive]) for key in (measure, "faithful_share")]

    def place(value: float, axis: int) -> float:
        low, high = spans[axis]
        share = (value - low) / (high - low)
        return round(50 + 360 * share, 1) if axis == 0 else round(215 - 200 * share, 1)

    ticks = [[{"at": place(n / 10, axis), "value": n / 10} for n in _tenths(spans[axis])] for axis in (0, 1)]
    points = [
        {"x": place(dot[measure], 0), "y": place(dot["faithful_share"], 1), "number": dots.index(dot) + 1}
        for dot in alive
    ]
    return {"points": points, "across": ticks[0], "up": ticks[1]}


def _span(values: Sequence[float]) -> tuple[float, float]:
    low = math.floor(10 * min(values, default=0) + 1e-9) / 10
    high = math.ceil(10 * max(values, default=1) - 1e-9) / 10
    return low, max(high, round(low + 0.1, 1))


def _tenths(span: tuple[float, float]) -> range:
    return range(round(10 * span[0]), round(10 * span[1]) + 1)


def _bars(tokens: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Bar heights of at most 100, as shares of each histogram's own sum; what lies beyond 100 tokens is one bar."""
    before, after = (_shares(tokens[name]) for name in ("before", "after"))
    most = max([*before.values(), *after.values()], default=1.0)
    starts = before.keys() | after.keys()
    for start in range(min(starts, default=0), max(starts, default=0) + 1, int(tokens["bin"])):
        name = f"{_LAST_BAR}+" if start == _LAST_BAR else str(start)
        heights = {key: round(100 * h.get(start, 0.0) / most, 1) for key, h in (("before", before), ("after", after))}
        yield {"start": name, **heights}


def _shares(histogram: Mapping[str, int]) -> dict[int, float]:
    shares: dict[int, float] = {}
    for start, times in histogram.items():
        bar = min(int(start), _LAST_BAR)
        shares[bar] = shares.get(bar, 0.0) + times / sum(histogram.values())
    return shares
