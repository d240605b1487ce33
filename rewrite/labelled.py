"""What a chain measures of labelled pairs, as arrays over them: what thresholds are chosen from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from rewrite.audit import judge_pairs
from rewrite.chain import tidy
from rewrite.pairs import Pair
from rewrite.records import Candidate, Verdict
from rewrite.reporter import Reporter
from rewrite.weighing import Evidence, together

if TYPE_CHECKING:
    import numpy as np

_COUNTS = 4.0  # pairs
_NEARNESS = (0.6, 0.75, 0.85, 0.92)  # of the two texts (rapidfuzz ratio): the bands of it
_PART = 64  # pairs between two looks at the clock


@dataclass(frozen=True)
class Inferred:
    """What inference says of every pair, of those that a rule drops too.

    Attributes:
        evidence: what is weighed (rewrite/weighing.py).
        shares: (n, 2) what the model itself says, source to rewrite and back.
    """

    evidence: Evidence
    shares: np.ndarray


@dataclass(frozen=True)
class Labelled:
    """Pairs by what was measured of them, as (n,) arrays.

    Attributes:
        keep: a person's verdict.
        weight: how much a pair counts where a weighing is fitted.
        passed: not dropped by a rule; doubted: flagged by one.
        similarity: nan where a rule dropped the pair before, or the chain has none.
        inferred: None where the chain has no inference.
    """

    keep: np.ndarray
    weight: np.ndarray
    passed: np.ndarray
    doubted: np.ndarray
    similarity: np.ndarray
    inferred: Inferred | None


def measure(pairs: Sequence[Pair], filters: Mapping[str, Any], reporter: Reporter) -> Labelled:
    """Runs the chain without thresholds of similarity and inference: also a model that has none yet can be measured."""
    import numpy as np

    opened = dict(filters)
    if "similarity" in opened:
        opened["similarity"] = replace(opened["similarity"], floor=-1.0)
    if "nli" in opened:
        opened["nli"] = _Unbarred()
    judged = judge_pairs(pairs, opened, reporter)
    return Labelled(
        keep=np.array([bool(p.keep) for p in pairs]),
        weight=pair_weights(pairs),
        passed=np.array([r.kept for r in judged]),
        doubted=np.array([bool(r.flags) for r in judged]),
        similarity=np.array([r.scores.get("similarity", np.nan) for r in judged]),
        inferred=_inferred(pairs, filters["nli"], reporter) if "nli" in filters else None,
    )


def pair_weights(pairs: Sequence[Pair]) -> np.ndarray:
    """(n,) all faults together as many as they are, those of each kind alike: a file's share of a kind is chance.

    And so is how many of the pairs in nearly the same words are faithful: the faithful pairs of each band of nearness
    count together as much as its faults, so that nearness by itself speaks for neither. But for kinds and bands of
    which there are few: one pair counts for so many at most, and a faithful one for as small a part at least.
    """
    import numpy as np
    from rapidfuzz import fuzz, utils

    kinds = Counter(p.kind for p in pairs if not p.keep)
    each = kinds.total() / max(1, len(kinds))
    weight = np.array([1.0 if p.keep else min(_COUNTS, each / kinds[p.kind]) for p in pairs])
    keep = np.array([bool(p.keep) for p in pairs])
    nearness = [fuzz.ratio(p.source, tidy(p.rewrite), processor=utils.default_process) / 100 for p in pairs]
    band = np.digitize(nearness, _NEARNESS)
    for number in np.unique(band):
        here = band == number
        faults, faithful = weight[here & ~keep].sum(), weight[here & keep].sum()
        if faults and faithful:
            weight[here & keep] *= min(_COUNTS, max(1 / _COUNTS, faults / faithful))
    return weight


@dataclass(frozen=True)
class _Unbarred:
    """In place of inference: clears every doubt, so that the rules alone drop."""

    clears: ClassVar[bool] = True

    def judge(self, candidates: Sequence[Candidate]) -> list[Verdict]:
        return [Verdict(True)] * len(candidates)


def _inferred(pairs: Sequence[Pair], nli: Any, reporter: Reporter) -> Inferred:
    import numpy as np

    ways = [(p.source, tidy(p.rewrite)) for p in pairs]
    evidence: list[Evidence] = []
    shares = []
    with reporter.step("infer", len(ways), "pairs") as step:
        for begin in range(0, len(ways), _PART):
            evidence.append(nli.evidence(ways[begin : begin + _PART]))
            shares.append(nli.shares(ways[begin : begin + _PART]))  # of the same logits, which are still remembered
            step.advance(len(shares[-1]))
    return Inferred(together(evidence), np.concatenate(shares))
