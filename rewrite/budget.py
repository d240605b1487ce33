"""Rounds of asking: all at once, or (with a target of diversity) an attempt at a time for those who still need one.

A round depends on the drafts of the rounds before and on nothing else: a run that was stopped comes to the same ones.
"""

from __future__ import annotations

from collections.abc import Iterator

from rewrite import chain
from rewrite.embeddings import vectors
from rewrite.journal import Journal
from rewrite.metrics.diversity import vendi
from rewrite.recipe import Recipe
from rewrite.records import Draft, Request
from rewrite.reporter import Silent


def rounds(requests: list[Request], recipe: Recipe, journal: Journal) -> Iterator[list[Request]]:
    """The requests of each round; the journal must hold the drafts of one before the next is taken."""
    if recipe.budget.target_vendi is None:
        yield requests
        return
    names = sorted(recipe.templates)
    by_attempt: dict[int, list[Request]] = {}
    for r in requests:
        by_attempt.setdefault(r.variant * len(names) + names.index(r.template), []).append(r)
    wanting = {r.source_id for r in requests}
    asked: dict[str, list[str]] = {source: [] for source in wanting}
    for attempt in range(recipe.budget.max_attempts):
        some = [r for r in by_attempt.get(attempt, []) if r.source_id in wanting]
        if not wanting:
            return
        if not some:  # a template that speaks of none of those
            continue
        yield some
        for r in some:
            asked[r.source_id].append(r.draft_id)
        drafts = {source: [journal.drafts[i] for i in asked[source]] for source in wanting}
        wanting -= _satisfied(drafts, recipe)


def _satisfied(drafts: dict[str, list[Draft]], recipe: Recipe) -> set[str]:
    """Sources whose kept rewrites reach the target."""
    judged = chain.judge([d for some in drafts.values() for d in some], recipe.filters, Silent())
    kept: dict[str, list[str]] = {}
    for r in judged:
        if r.kept:
            kept.setdefault(r.draft.source_id, []).append(r.text)
    target = recipe.budget.target_vendi or 0.0
    # Never more than there are: a source with fewer rewrites than the target needs no vectors.
    hopeful = {source: texts for source, texts in kept.items() if len(texts) >= target}
    # Three digits: the last bits of a vector differ between batch shapes, the next round should not.
    return {source for source, texts in hopeful.items() if round(vendi(vectors(recipe.encoder, texts)), 3) >= target}
