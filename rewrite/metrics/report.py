"""The body of report.json: what the filters kept and why not, how diverse it is, how long, in how many words."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rewrite.chain import report as counts
from rewrite.filters.length import clip_tokens
from rewrite.metrics.diversity import bleu, distinct, mean_cosine, self_bleu, vendi, words
from rewrite.plan import temperature_of
from rewrite.records import Caption, Rewrite

SOURCES = 1_000  # sources whose diversity is measured: a seeded draw of larger corpora
BIN = 5  # CLIP tokens per bar of the length histogram
CLIP_CONTEXT = 77
PASSED = {"duplicate", "surplus"}  # reasons at the chain's end: what they drop has passed every test of meaning
COPIES = {"copy", "too_near"}  # dropped before anybody looked at the meaning


def corpus_report(
    captions: Iterable[Caption],
    judged: Sequence[Rewrite],
    filters: Sequence[str],
    *,
    encoder: str | None = None,
    temperature: float = 0.0,
    warmer: float = 0.0,
) -> dict[str, Any]:
    """Counts per filter, reason and template (`chain.report`), rates, refusals per class, diversity, lengths, words.

    Diversity is measured on at most SOURCES of the sources that have a rewrite: `diversity.sources` of `diversity.of`.

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
    counted = counts(list(judged), filters)
    return {
        **counted,
        "filters": [{**stage, **_rates(stage)} for stage in counted["filters"]],
        "attempts_per_source": {str(n): times for n, times in sorted(attempts.items())},
        "refusals_per_class": _refusals(judged, labels),
        "diversity": {"sources": len(drawn), "of": len(kept), **_diversity([kept[s] for s in drawn], encoder)},
        "dots": _dots(judged, set(drawn), encoder, temperature, warmer),
        **_texts(judged),
    }


def _rates(stage: Mapping[str, Any]) -> dict[str, Any]:
    """Shares of the drafts that a filter saw: what it kept, and what it dropped for each reason."""
    seen = stage["seen"]
    return {
        "pass_rate": round(stage["kept"] / seen, 4) if seen else None,
        "drop_rates": {reason: round(count / seen, 4) for reason, count in stage["reasons"].items()},
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
    """A dot per template x temperature: how many drafts are faithful against how diverse those are.

    `faithful_share` counts, of the drafts that are no copies, those that passed every filter of form and meaning.
    The diversity is that of these, equal and surplus ones among them: `vendi_per_k` over sources with several,
    `vendi_with_source` over all of them (the source counts as one more text: a ladder of temperatures gives each dot
    one draft of a source).
    """
    groups: dict[tuple[str, float], list[Rewrite]] = {}
    for r in judged:
        warmth = temperature_of(r.draft.variant, temperature, warmer)
        groups.setdefault((r.draft.template, warmth), []).append(r)
    return [
        {"template": template, "temperature": warmth, "drafts": len(some), **_dot(some, drawn, encoder)}
        for (template, warmth), some in sorted(groups.items())
    ]


def _dot(some: Sequence[Rewrite], drawn: set[str], encoder: str | None) -> dict[str, float | None]:
    faithful = [r for r in some if r.kept or r.reason in PASSED]
    judged = sum(r.reason not in COPIES for r in some)
    by_source: dict[str, list[str]] = {}
    for r in faithful:
        if r.draft.source_id in drawn:
            by_source.setdefault(r.draft.source, []).append(r.text)
    several = [texts for texts in by_source.values() if len(texts) > 1]
    found: dict[str, float | None] = {
        "kept_share": round(sum(r.kept for r in some) / len(some), 4),
        "faithful_share": round(len(faithful) / judged, 4) if judged else None,
        "distinct_2": _mean([distinct(texts, 2) for texts in several]),
        "vendi_per_k": None,
        "vendi_with_source": None,
    }
    if encoder is not None:
        together = [[source, *texts] for source, texts in by_source.items()]
        found["vendi_per_k"] = _mean([vendi(_vectors(texts, encoder)) / len(texts) for texts in several])
        found["vendi_with_source"] = _mean([vendi(_vectors(texts, encoder)) / len(texts) for texts in together])
    return found


def _texts(judged: Sequence[Rewrite]) -> dict[str, Any]:
    """Lengths and words of the sources and of the kept rewrites."""
    sources = sorted({r.draft.source for r in judged})
    kept = [r.text for r in judged if r.kept]
    before, after = ([clip_tokens(text) for text in texts] for texts in (sources, kept))
    said, retold = ({word for text in texts for word in words(text)} for texts in (sources, kept))
    return {
        "clip_tokens": {"bin": BIN, "before": _histogram(before), "after": _histogram(after)},
        "over_77_tokens": {"before": _share(before), "after": _share(after)},
        "vocabulary": {"before": len(said), "after": len(retold), "together": len(said | retold)},
    }


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
