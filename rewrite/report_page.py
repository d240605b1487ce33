"""The report as one self-contained page. Captions are untrusted: the template escapes every value."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from rewrite.errors import one_line
from rewrite.records import Rewrite

SAMPLES = 20  # rows shown of the kept, and of the dropped
_FOLDER = Path(__file__).resolve().parent / "pages"


def corpus_page(report: Mapping[str, Any], judged: Sequence[Rewrite], filters: Sequence[str]) -> str:
    """The page of a corpus: equal reports and rows give equal bytes. No script, nothing from outside."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    measure = "vendi_per_k" if any(d["vendi_per_k"] is not None for d in report["dots"]) else "distinct_2"
    return environment.get_template("corpus.html.jinja").render(
        report=report,
        by_model="nli" in filters,
        across="Vendi / k" if measure == "vendi_per_k" else "distinct-2",
        dots=list(_dots(report["dots"], measure)),
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


def _dots(dots: Sequence[Mapping[str, Any]], measure: str) -> Iterator[dict[str, Any]]:
    for dot in dots:
        if dot[measure] is not None:
            x, y = round(40 + 360 * min(1.0, dot[measure]), 1), round(220 - 200 * dot["kept_share"], 1)
            yield {"x": x, "y": y, "name": f"{dot['template']} T={dot['temperature']:g}"}


def _bars(tokens: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Bar heights of at most 100, as shares of each histogram's own sum; what lies beyond 100 tokens is one bar."""
    before, after = ({int(k): v for k, v in tokens[name].items()} for name in ("before", "after"))
    tops = [max(h.values(), default=0) / max(1, sum(h.values())) for h in (before, after)]
    most = max(tops) or 1.0
    starts = sorted(s for s in before.keys() | after.keys() if s < 100)
    for start in range(min(starts, default=0), max(starts, default=0) + 1, int(tokens["bin"])):
        heights = (round(100 * h.get(start, 0) / max(1, sum(h.values())) / most, 1) for h in (before, after))
        yield dict(zip(("start", "before", "after"), (start, *heights), strict=True))
