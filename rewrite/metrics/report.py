"""The body of report.json: what the filters kept and why not, how diverse it is, how long, in how many words."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rewrite.chain import report as counts
from rewrite.filters.length import clip_tokens
from rewrite.metrics.diversity import bleu, distinct, mean_cosine, self_bleu, vendi, words
from rewrite.records import Caption, Rewrite

SOURCES = 1_000  # sources whose diversity is measured: a seeded draw of larger corpora
BIN = 5  # CLIP tokens per bar of the length histogram
CLIP_CONTEXT = 77


def corpus_report(
    captions: Iterable[Caption],
    judged: Sequence[Rewrite],
    filters: Sequence[str],
    *,
    encoder: str | None = None,
    temperature: float = 0.0,
    warmer: float = 0.0,
) -> dict[str, Any]:
    """Counts per filter, reason and template (`chain.report`), refusals per class, diversity, lengths, vocabulary.

    Args:
        encoder: sentence encoder for cosines and Vendi scores; None leaves them out and says so by null.
        temperature, warmer: of variant 0, and what each further variant adds.
    """
    labels = _labels(captions)
    kept: dict[str, list[Rewrite]] = {}
    for r in judged:
        if r.kept:
            kept.setdefault(r.draft.source_id, []).append(r)
    drawn = random.Random(0).sample(sorted(kept), min(SOURCES, len(kept)))
    attempts = Counter(Counter(r.draft.source_id for r in judged).values())
    return {
        **counts(list(judged), filters),
        "attempts_per_source": {str(n): times for n, times in sorted(attempts.items())},
        "refusals_per_class": _refusals(judged, labels),
        "diversity": {"sources": len(drawn), **_diversity([kept[s] for s in drawn], encoder)},
        "dots": _dots(judged, set(drawn), encoder, temperature, warmer),
        **_texts(judged),
    }


def _labels(captions: Iterable[Caption]) -> dict[str, str]:
    """source_id -> class; a text of several classes counts for the first by name."""
    found: dict[str, str] = {}
    for c in captions:
        if c.label is not None:
            found[c.source_id] = min(found.get(c.source_id, c.label), c.label)
    return found


def _refusals(judged: Iterable[Rewrite], labels: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    counted: dict[str, Counter[str]] = {}
    for r in judged:
        if label := labels.get(r.draft.source_id):
            counted.setdefault(label, Counter()).update(drafts=1, refusals=int(r.reason == "refusal"), kept=int(r.kept))
    return {label: {**c, "refusal_rate": round(c["refusals"] / c["drafts"], 4)} for label, c in sorted(counted.items())}


def _diversity(groups: Sequence[Sequence[Rewrite]], encoder: str | None) -> dict[str, Any]:
    """Means over sources; of what needs two rewrites, over the sources that have two."""
    several = [[r.text for r in group] for group in groups if len(group) > 1]
    found: dict[str, Any] = {
        "rewrites_per_source": _mean([len(group) for group in groups]),
        "sources_with_several": len(several),
        "distinct_1": _mean([distinct(texts, 1) for texts in several]),
        "distinct_2": _mean([distinct(texts, 2) for texts in several]),
        "self_bleu": _mean([self_bleu(texts) for texts in several]),
        "bleu_to_source": _mean([bleu(r.text, [r.draft.source]) for group in groups for r in group]),
        "mean_cosine": None,
        "vendi": None,
        "vendi_per_k": None,
    }
    if encoder is not None and several:
        scored = [_vectors(texts, encoder) for texts in several]
        found["mean_cosine"] = _mean([mean_cosine(v) for v in scored])
        found["vendi"] = _mean([vendi(v) for v in scored])
        found["vendi_per_k"] = _mean([vendi(v) / len(v) for v in scored])
    return found


def _dots(
    judged: Sequence[Rewrite], drawn: set[str], encoder: str | None, temperature: float, warmer: float
) -> list[dict[str, Any]]:
    """A dot per template x temperature: the share that was kept against Vendi/k of what was kept."""
    groups: dict[tuple[str, float], list[Rewrite]] = {}
    for r in judged:
        warmth = min(2.0, round(temperature + warmer * r.draft.variant, 3))
        groups.setdefault((r.draft.template, warmth), []).append(r)
    found = []
    for (template, warmth), some in sorted(groups.items()):
        by_source: dict[str, list[str]] = {}
        for r in some:
            if r.kept and r.draft.source_id in drawn:
                by_source.setdefault(r.draft.source_id, []).append(r.text)
        several = [texts for texts in by_source.values() if len(texts) > 1]
        spread = [vendi(_vectors(t, encoder)) / len(t) for t in several] if encoder is not None else []
        share = round(sum(r.kept for r in some) / len(some), 4)
        dot = {"template": template, "temperature": warmth, "drafts": len(some), "kept_share": share}
        found.append({**dot, "vendi_per_k": _mean(spread), "distinct_2": _mean([distinct(t, 2) for t in several])})
    return found


def _texts(judged: Sequence[Rewrite]) -> dict[str, Any]:
    """Lengths and words of the sources and of the kept rewrites."""
    sources = sorted({r.draft.source for r in judged})
    kept = [r.text for r in judged if r.kept]
    before, after = ([clip_tokens(text) for text in texts] for texts in (sources, kept))
    return {
        "clip_tokens": {"bin": BIN, "before": _histogram(before), "after": _histogram(after)},
        "over_77_tokens": {"before": _share(before), "after": _share(after)},
        "vocabulary": {name: len({w for t in texts for w in words(t)}) for name, texts in _named(sources, kept)},
    }


def _named(sources: list[str], kept: list[str]) -> Iterable[tuple[str, list[str]]]:
    return (("before", sources), ("after", kept), ("together", sources + kept))


def _histogram(lengths: Iterable[int]) -> dict[str, int]:
    return {str(start): times for start, times in sorted(Counter(n // BIN * BIN for n in lengths).items())}


def _share(lengths: Sequence[int]) -> float:
    return round(sum(n > CLIP_CONTEXT for n in lengths) / len(lengths), 4) if lengths else 0.0


def _vectors(texts: Sequence[str], encoder: str) -> Any:
    from rewrite.embeddings import vectors

    return vectors(encoder, texts)


def _mean(values: Sequence[float]) -> float | None:
    # Three digits: the last bits of a cosine differ between machines, a sealed report should not.
    return round(sum(values) / len(values), 3) if values else None
