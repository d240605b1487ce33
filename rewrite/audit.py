"""Judges rewrites that anyone made, by any tool: a verdict per row in the file's order, and a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rewrite import chain, manifest
from rewrite.errors import InputError, one_line
from rewrite.filters.length import clip_tokens
from rewrite.pairs import Pair, described_classes, read_pairs
from rewrite.records import Draft, Rewrite, text_id
from rewrite.reporter import Reporter, Silent

CLIP_CONTEXT = 77  # BPE tokens


def audit(
    path: Path,
    filters: Mapping[str, Any],
    *,
    sources: Path | None = None,
    out: Path | None = None,
    reporter: Reporter = Silent(),
) -> dict[str, Any]:
    """`{"verdicts": [{keep, filter, reason, scores, ...}], "report": {...}}`, verdicts in the file's order.

    Args:
        path: pairs (jsonl, txt with `sources`, CuPL json) or a sealed corpus.
        filters: name -> plug, in order. Of class descriptions only form, length and duplicates are asked: a
            description is no rewrite of a name.
        out: gets the verdicts as jsonl.

    Raises:
        InputError: the file is not what it should be.
        ModelError: a filter's model is missing.
        StorageError: `out` cannot be written.
    """
    pairs = read_pairs(path, sources)
    classes = described_classes(path)
    if classes is not None:
        filters = {name: plug for name, plug in filters.items() if name in ("form", "length", "duplicates")}
    identities = [{"filter": name, **plug.identity()} for name, plug in filters.items()]
    judged = judge_pairs(pairs, filters, reporter)
    verdicts = [_verdict(r) for r in judged]
    if out is not None:
        if out.resolve() == path.resolve():
            raise InputError(out, "is the file that is audited", "Choose another --out.")
        manifest.write_atomic(out, manifest.jsonl_chunks(verdicts))
    return {"verdicts": verdicts, "report": report(pairs, judged, list(filters), classes or ()), "filters": identities}


def judge_pairs(pairs: Sequence[Pair], filters: Mapping[str, Any], reporter: Reporter = Silent()) -> list[Rewrite]:
    """A judged rewrite per pair, in their order. Of equal rewrites of one source the first stays."""
    drafts = [
        Draft(f"{place:09d}", text_id(p.source), p.source, "pair", place, p.rewrite, "stop")
        for place, p in enumerate(pairs)
    ]
    return sorted(chain.judge(drafts, filters, reporter), key=lambda r: r.draft.id)


def report(
    pairs: Sequence[Pair], judged: Sequence[Rewrite], filters: Sequence[str], classes: Sequence[str] = ()
) -> dict[str, Any]:
    """Counts that a user looks for first; a class is a pair's label.

    Args:
        classes: names of classes that may have no pair at all.
    """
    refused: dict[str, Counter[str]] = {}
    by_text: dict[str, set[str]] = {}
    kept_of: Counter[str] = Counter()
    for pair, r in zip(pairs, judged, strict=True):
        label = pair.label or ""
        refused.setdefault(label, Counter()).update({"rows": 1, "refusals": r.reason == "refusal"})
        kept_of[label] += r.kept
        if pair.label:
            by_text.setdefault(r.text.casefold(), set()).add(pair.label)
    labelled = {label: dict(counted) for label, counted in sorted(refused.items()) if label}
    reasons = Counter(r.reason for r in judged if not r.kept)
    return {
        **chain.report(list(judged), filters),
        "reasons": dict(reasons.most_common()),
        "judged_by_model": "nli" in filters,
        "duplicates": reasons["duplicate"],
        "near_copies": reasons["copy"] + reasons["too_near"],
        "label_flips": reasons["label_flip"] + reasons["label_lost"] + reasons["label_new"],
        "over_77_tokens": sum(clip_tokens(r.text) > CLIP_CONTEXT for r in judged),
        "refusals": reasons["refusal"],
        "refusals_per_class": labelled,
        "empty_classes": sorted(label for label in {*labelled, *classes} if not kept_of[label]),
        "colliding_classes": sorted({tuple(sorted(found)) for found in by_text.values() if len(found) > 1}),
    }


def lines(found: dict[str, Any]) -> Iterator[str]:
    """An audit for people. Texts are untrusted: control characters come out escaped."""
    report = found["report"]
    yield f"{report['kept']} of {report['drafts']} rewrites kept"
    for stage in report["filters"]:
        reasons = ", ".join(f"{reason} {count}" for reason, count in stage["reasons"].items())
        yield f"  {stage['filter']:<12}{stage['seen']:>7} -> {stage['kept']:<7}{reasons}"
    for name in ("duplicates", "near_copies", "label_flips", "over_77_tokens", "refusals"):
        yield f"  {name.replace('_', ' ')}: {report[name]}"
    for label, counted in report["refusals_per_class"].items():
        if counted["refusals"]:
            yield f"  refusals of {one_line(label)}: {counted['refusals']} of {counted['rows']}"
    for label in report["empty_classes"]:
        yield f"  nothing is left of {one_line(label)}"
    for labels in report["colliding_classes"]:
        yield f"  one text stands for {one_line(' and '.join(labels))}"
    if not report["judged_by_model"]:
        yield "  judged by rules and similarity alone: --filters strict --set nli.model=PATH asks a language model too"


def _verdict(r: Rewrite) -> dict[str, Any]:
    row = {"keep": r.kept, "filter": r.filter, "reason": r.reason, "scores": dict(r.scores)}
    return {**row, "source": r.draft.source, "rewrite": r.draft.text, "flags": list(r.flags)}
