"""Picks thresholds from labelled pairs: the most faithful rewrites kept at a wanted precision, with an interval.

With a model of inference it also fits how what the model says is weighed (rewrite/weighing.py), to all pairs: also to
those that a rule drops, for rules may know these pairs better than any others. All is chosen on all pairs and
*measured* by cross-validation over sources (chosen on four fifths, measured on the rest), so that no figure is that of
the pairs it was chosen on. Precision depends on the share of faithful pairs; a corpus with more faults has less.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewrite.errors import InputError, SettingError
from rewrite.labelled import Labelled, measure
from rewrite.manifest import json_bytes, write_atomic
from rewrite.pairs import Pair, read_pairs
from rewrite.reporter import Reporter, Silent
from rewrite.weighing import Weighing, fit
from rewrite.weights import locate, weights_digest

if TYPE_CHECKING:
    import numpy as np

FOLDS = 5
LEAST = 20  # faithful and faulty pairs, each: fewer decide nothing
_MODELS = ("similarity", "nli")  # filters with something to choose
_WIDEST = 60  # characters of a setting that people are shown
_LOUD = 0.1  # share of faults above the faithful that shows a model to have denial at its high end
_CUTS = 40  # thresholds tried along each score


@dataclass(frozen=True)
class _Chosen:
    """Thresholds by setting, and how evidence is weighed."""

    thresholds: Mapping[str, float]
    weighing: Weighing | None = None


def calibrate(
    path: Path,
    filters: Mapping[str, Any],
    *,
    precision: float = 0.95,
    out: Path | None = None,
    reporter: Reporter = Silent(),
) -> dict[str, Any]:
    """The settings for a wanted precision: `{"set": ["similarity.floor=0.41", ...], "measured": {...}, ...}`.

    Args:
        path: jsonl of `source`, `rewrite`, `keep`.
        filters: the chain whose thresholds are wanted; it must hold `similarity` or `nli`.
        precision: least share of faithful rewrites among the kept.
        out: gets the settings; `rewrite`, `audit` and `refilter` take the file by --settings.

    Raises:
        InputError: pairs without verdicts, or too few of them.
        SettingError: a precision that is none, or a chain without thresholds.
    """
    if not 0 < precision < 1:
        raise SettingError("--precision", f"{precision} does not lie between 0 and 1", "Try 0.95.")
    if not set(_MODELS) & filters.keys():
        todo = "Choose --filters fast, strict, or a list with one of them."
        raise SettingError("--filters", "hold neither similarity nor nli", todo)
    pairs = read_pairs(path)
    _refuse_unlabelled(path, pairs)
    table = measure(pairs, filters, reporter)
    chosen = _choose(table, slice(None), precision)
    kept = _kept(table, chosen)
    folded = _cross_validated(table, pairs, precision)
    digests = {name: weights_digest(locate(filters[name].model, "a model")) for name in _MODELS if name in filters}
    stated = [f"{name}={value}" for name, value in chosen.thresholds.items()]
    if chosen.weighing is not None:
        stated.append(f"nli.weighing={filters['nli'].described(chosen.weighing, _denies(table))}")
    found = {
        "set": stated,
        "wanted_precision": precision,
        "reached": bool(folded["precision"]["value"] >= precision),
        "measured": folded,
        "on_the_pairs_themselves": _rates(table.keep, kept),
        "pairs": {"all": len(pairs), "faithful": int(table.keep.sum()), "sources": len({p.source for p in pairs})},
        "weights": digests,
    }
    if out is not None:
        write_atomic(out, json_bytes(found))
    return found


def lines(found: dict[str, Any]) -> Iterator[str]:
    """A calibration for people."""
    yield "  ".join(line if len(line) <= _WIDEST else f"{line[:_WIDEST]}..." for line in found["set"])
    for name, rate in found["measured"].items():
        yield f"{name} {rate['value']:.3f} [{rate['low']:.3f}, {rate['high']:.3f}] (cross-validated over sources)"
    if not found["reached"]:
        yield f"a precision of {found['wanted_precision']} was not reached: these thresholds come nearest"


def wilson(hits: int, of: int) -> dict[str, float | int]:
    """A share with its 95 % interval (Wilson 1927)."""
    if not of:
        return {"value": 0.0, "low": 0.0, "high": 1.0, "of": 0}
    z, share = 1.959964, hits / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * (share * (1 - share) / of + z * z / (4 * of * of)) ** 0.5
    return {"value": share, "low": max(0.0, middle - half), "high": min(1.0, middle + half), "of": of}


def _refuse_unlabelled(path: Path, pairs: Sequence[Pair]) -> None:
    if any(p.keep is None for p in pairs):
        raise InputError(path, "holds pairs without a verdict", "Give each row `keep`: true or false.")
    good = sum(bool(p.keep) for p in pairs)
    if min(good, len(pairs) - good) < LEAST:
        what = f"has {good} faithful and {len(pairs) - good} faulty pairs"
        raise InputError(path, what, f"Give at least {LEAST} of each.")


def _denies(table: Labelled) -> float:
    """Above it what both ways say on average is a denial; 1 where faults are no louder than faithful pairs."""
    import numpy as np

    assert table.inferred is not None
    mean = table.inferred.shares.mean(axis=1)
    edge = float(np.quantile(mean[table.keep], 0.95))
    return round(edge, 3) if (mean[~table.keep] > edge).mean() > _LOUD else 1.0


def _choose(table: Labelled, rows: Any, precision: float) -> _Chosen:
    """From some rows: a similarity floor, a weighing, and a threshold for each kind of candidate that is left."""
    import numpy as np

    chosen: dict[str, float] = {}
    inside = np.zeros(len(table.keep), bool)
    inside[rows] = True
    alive = table.passed & inside
    if not np.isnan(table.similarity[alive]).all():
        # A floor cannot see meaning: it takes away what lies below nearly all faithful pairs, inference does the rest.
        faithful = table.similarity[alive & table.keep]
        cuts = np.unique(np.round(np.quantile(faithful, np.linspace(0, 0.5, _CUTS)), 3))
        by_floor = table.inferred is None
        floor = _best(cuts, lambda c: alive & (table.similarity >= c), table.keep, precision) if by_floor else cuts[0]
        chosen["similarity.floor"] = float(floor)
        alive &= table.similarity >= floor
    if table.inferred is None:
        return _Chosen(chosen)
    weighing = fit(table.inferred.evidence[inside], table.keep[inside])
    sure = weighing.sure(table.inferred.evidence)
    for name, some in (("nli.least", alive & ~table.doubted), ("nli.least_doubted", alive & table.doubted)):
        chosen[name] = _least(table.keep, some, sure, precision)
    return _Chosen(chosen, weighing)


def _least(keep: np.ndarray, some: np.ndarray, sure: np.ndarray, precision: float) -> float:
    import numpy as np

    if not (some & keep).any():
        return 1.0
    cuts = np.unique(np.round(np.quantile(sure[some & keep], np.linspace(0, 0.5, _CUTS)), 3))
    return float(_best(cuts, lambda c: some & (sure >= c), keep, precision))


def _best(cuts: Iterable[Any], kept_by: Callable[[Any], np.ndarray], keep: np.ndarray, precision: float) -> Any:
    """The cut that keeps most faithful pairs at the wanted precision; if none reaches it, the most precise."""
    ranked = []
    for place, cut in enumerate(cuts):
        kept = kept_by(cut)
        good, total = int((kept & keep).sum()), int(kept.sum())
        reached = good / total if total else 0.0
        enough = reached >= precision
        ranked.append((enough, good if enough else reached, reached, -place, cut))
    return max(ranked, key=lambda r: r[:4])[4]


def _kept(table: Labelled, chosen: _Chosen) -> np.ndarray:
    """Which pairs these thresholds keep."""
    import numpy as np

    kept, thresholds = table.passed.copy(), chosen.thresholds
    if "similarity.floor" in thresholds:
        kept &= table.similarity >= thresholds["similarity.floor"]
    if chosen.weighing is not None and table.inferred is not None:
        least = np.where(table.doubted, thresholds["nli.least_doubted"], thresholds["nli.least"])
        kept &= chosen.weighing.sure(table.inferred.evidence).round(3) >= least
    return kept


def _cross_validated(table: Labelled, pairs: Sequence[Pair], precision: float) -> dict[str, Any]:
    import numpy as np

    fold = np.array([hashlib.sha256(p.source.encode()).digest()[0] % FOLDS for p in pairs])
    kept = np.zeros(len(pairs), bool)
    for number in range(FOLDS):
        if (fold == number).any():
            kept |= _kept(table, _choose(table, fold != number, precision)) & (fold == number)
    return _rates(table.keep, kept)


def _rates(keep: np.ndarray, kept: np.ndarray) -> dict[str, Any]:
    return {
        "precision": wilson(int((kept & keep).sum()), int(kept.sum())),
        "recall": wilson(int((kept & keep).sum()), int(keep.sum())),
        "faults_rejected": wilson(int((~kept & ~keep).sum()), int((~keep).sum())),
    }
