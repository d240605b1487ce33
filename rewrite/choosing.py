"""The choice of thresholds from what was measured of labelled pairs, and which pairs a choice keeps.

How evidence is weighed is fitted too (rewrite/weighing.py). A weighing is surer of the pairs it was fitted to than of
others, so its thresholds are chosen by what weighings of the other folds say of each pair.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from rewrite.labelled import Labelled
from rewrite.pairs import Pair
from rewrite.weighing import Evidence, Weighing, fit

if TYPE_CHECKING:
    import numpy as np

FOLDS = 5
_CUTS = 40  # thresholds tried along each score
_NONE = 1.0  # a threshold where there is no faithful pair to choose it by


@dataclass(frozen=True)
class Chosen:
    """Thresholds by setting, and how evidence is weighed.

    Attributes:
        unchosen: settings that nothing could be chosen by: next to all such candidates are dropped.
    """

    thresholds: Mapping[str, float]
    weighing: Weighing | None = None
    unchosen: tuple[str, ...] = ()


def folds(pairs: Sequence[Pair]) -> np.ndarray:
    """(n,) the fold of each pair: all of one source are in one."""
    import numpy as np

    return np.array([hashlib.sha256(p.source.encode()).digest()[0] % FOLDS for p in pairs])


def can_be_split(keep: np.ndarray, fold: np.ndarray, left_out: int) -> bool:
    """Whether faithful and faulty pairs are left when so many of the folds are left out, whichever they are."""
    import numpy as np

    numbers = np.unique(fold).tolist()
    out = combinations(numbers, min(left_out, len(numbers)))
    return all(len(set(keep[~np.isin(fold, some)].tolist())) == 2 for some in out)


def choose(table: Labelled, inside: np.ndarray, fold: np.ndarray, precision: float) -> Chosen:
    """From some rows: a similarity floor, a weighing, and a threshold for each kind of candidate that is left.

    Args:
        inside: (n,) the rows to choose from; `fold`: (n,) the fold of each row.
    """
    import numpy as np

    chosen: dict[str, float] = {}
    alive = table.passed & inside
    if not np.isnan(table.similarity).all():
        faithful = table.similarity[alive & table.keep]
        # A floor cannot see meaning: it takes away what lies below nearly all faithful pairs, inference does the rest.
        cuts = np.unique(np.round(np.quantile(faithful, np.linspace(0, 0.5, _CUTS)), 3)) if len(faithful) else [_NONE]
        by_floor = table.inferred is None
        floor = _best(cuts, lambda c: alive & (table.similarity >= c), table.keep, precision) if by_floor else cuts[0]
        chosen["similarity.floor"] = float(floor)
        alive &= table.similarity >= floor
    if table.inferred is None:
        return Chosen(chosen)
    sure, unchosen = _unseen(table, table.inferred.evidence, inside, fold), []
    for name, some in (("nli.least", alive & ~table.doubted), ("nli.least_doubted", alive & table.doubted)):
        chosen[name] = _least(table.keep, some, sure, precision)
        if not (some & table.keep).any():
            unchosen.append(name)
    return Chosen(chosen, _fit(table, table.inferred.evidence, inside), tuple(unchosen))


def kept(table: Labelled, chosen: Chosen) -> np.ndarray:
    """(n,) which pairs these thresholds keep."""
    import numpy as np

    found, thresholds = table.passed.copy(), chosen.thresholds
    if "similarity.floor" in thresholds:
        found &= table.similarity >= thresholds["similarity.floor"]
    if chosen.weighing is not None and table.inferred is not None:
        least = np.where(table.doubted, thresholds["nli.least_doubted"], thresholds["nli.least"])
        found &= chosen.weighing.sure(table.inferred.evidence) >= least
    return found


def kept_unseen(table: Labelled, fold: np.ndarray, precision: float) -> np.ndarray:
    """(n,) which pairs are kept by what was chosen without their fold."""
    import numpy as np

    found = np.zeros(len(fold), bool)
    for number in np.unique(fold):
        found |= kept(table, choose(table, fold != number, fold, precision)) & (fold == number)
    return found


def _fit(table: Labelled, evidence: Evidence, rows: np.ndarray) -> Weighing:
    return fit(evidence[rows], table.keep[rows], table.weight[rows])


def _unseen(table: Labelled, evidence: Evidence, inside: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """(n,) how sure a weighing of the other folds is of each row inside; 0 of those that are not."""
    import numpy as np

    sure = np.zeros(len(table.keep))
    for number in np.unique(fold[inside]):
        rows, others = inside & (fold == number), inside & (fold != number)
        sure[rows] = _fit(table, evidence, others).sure(evidence[rows])
    return sure


def _least(keep: np.ndarray, some: np.ndarray, sure: np.ndarray, precision: float) -> float:
    import numpy as np

    if not (some & keep).any():
        return _NONE
    cuts = np.unique(np.round(np.quantile(sure[some & keep], np.linspace(0, 0.5, _CUTS)), 3))
    return float(_best(cuts, lambda c: some & (sure >= c), keep, precision))


def _best(cuts: Iterable[Any], kept_by: Callable[[Any], np.ndarray], keep: np.ndarray, precision: float) -> Any:
    """The cut that keeps most faithful pairs at the wanted precision; if none reaches it, the most precise."""
    ranked = []
    for place, cut in enumerate(cuts):
        some = kept_by(cut)
        good, total = int((some & keep).sum()), int(some.sum())
        reached = good / total if total else 0.0
        enough = reached >= precision
        ranked.append((enough, good if enough else reached, reached, -place, cut))
    return max(ranked, key=lambda r: r[:4])[4]
