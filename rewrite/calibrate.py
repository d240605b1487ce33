"""Picks thresholds from labelled pairs: the most faithful rewrites kept at a wanted precision, with an interval.

Thresholds are chosen on all pairs and *measured* by cross-validation over sources (chosen on four fifths, measured on
the rest), so that the figures are not those of the pairs they were chosen on. Precision depends on the share of
faithful pairs in the file; a corpus with more faults has less.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewrite.audit import judge_pairs
from rewrite.errors import InputError, SettingError
from rewrite.filters.nli import denial
from rewrite.manifest import json_bytes, write_atomic
from rewrite.pairs import Pair, read_pairs
from rewrite.reporter import Reporter, Silent

if TYPE_CHECKING:
    import numpy as np

FOLDS = 5
LEAST = 20  # faithful and faulty pairs, each: fewer decide nothing
_CUTS = 40  # thresholds tried along each score


@dataclass(frozen=True)
class _Table:
    """What was measured of the pairs that the rules let through, as arrays over pairs.

    Attributes:
        keep: a person's verdict.
        passed: not dropped by a rule; doubted: flagged by one.
        similarity, forward, backward: scores; nan where the chain has none.
        denial: what both ways of inference together say against a pair.
    """

    keep: np.ndarray
    passed: np.ndarray
    doubted: np.ndarray
    similarity: np.ndarray
    forward: np.ndarray
    backward: np.ndarray
    denial: np.ndarray


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
    if not {"similarity", "nli"} & filters.keys():
        todo = "Choose --filters fast, strict, or a list with one of them."
        raise SettingError("--filters", "hold neither similarity nor nli", todo)
    pairs = read_pairs(path)
    _refuse_unlabelled(path, pairs)
    table = _measure(pairs, filters, reporter)
    chosen = _choose(table, slice(None), precision)
    kept = _kept(table, chosen)
    folded = _cross_validated(table, pairs, precision)
    opened = _opened(filters)
    digests = {name: opened[name].identity()["weights"] for name in ("similarity", "nli") if name in opened}
    found = {
        "set": [f"{name}={value}" for name, value in chosen.items()],
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
    yield "  ".join(found["set"])
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


def _opened(filters: Mapping[str, Any]) -> dict[str, Any]:
    """The chain without thresholds of similarity and inference: also a model that has none yet can be measured."""
    wide = dict(filters)
    if "similarity" in wide:
        wide["similarity"] = replace(wide["similarity"], floor=-1.0)
    if "nli" in wide:
        wide["nli"] = replace(wide["nli"], low=0.0, high=1.0, low_doubted=0.0, high_doubted=1.0)
    return wide


def _measure(pairs: Sequence[Pair], filters: Mapping[str, Any], reporter: Reporter) -> _Table:
    """Runs the chain with its thresholds wide open."""
    import numpy as np

    judged = judge_pairs(pairs, _opened(filters), reporter)
    scores = {
        name: np.array([r.scores.get(key, np.nan) for r in judged])
        for name, key in (("similarity", "similarity"), ("forward", "nli_forward"), ("backward", "nli_backward"))
    }
    ways = zip(scores["forward"], scores["backward"], judged, strict=True)
    return _Table(
        keep=np.array([bool(p.keep) for p in pairs]),
        passed=np.array([r.kept for r in judged]),
        doubted=np.array([bool(r.flags) for r in judged]),
        denial=np.array([denial(f, b, r.flags) for f, b, r in ways]),
        **scores,
    )


def _choose(table: _Table, rows: Any, precision: float) -> dict[str, float]:
    """Thresholds from some rows: first the similarity floor, then a band for each kind of candidate that is left."""
    import numpy as np

    chosen: dict[str, float] = {}
    inside = np.zeros(len(table.keep), bool)
    inside[rows] = True
    alive = table.passed & inside
    if not np.isnan(table.similarity[alive]).all():
        # A floor cannot see meaning: it takes away what lies below nearly all faithful pairs, inference does the rest.
        faithful = table.similarity[alive & table.keep]
        cuts = np.unique(np.round(np.quantile(faithful, np.linspace(0, 0.5, _CUTS)), 3))
        has_nli = not np.isnan(table.forward[alive]).all()
        floor = cuts[0] if has_nli else _best(cuts, lambda c: alive & (table.similarity >= c), table.keep, precision)
        chosen["similarity.floor"] = float(floor)
        alive &= table.similarity >= floor
    if not np.isnan(table.forward[alive]).all():
        low, high = np.fmin(table.forward, table.backward), table.denial
        for suffix, some in (("", alive & ~table.doubted), ("_doubted", alive & table.doubted)):
            chosen |= _band(table.keep, some, low, high, precision, suffix)
    return chosen


def _band(
    keep: np.ndarray, some: np.ndarray, low: np.ndarray, high: np.ndarray, precision: float, suffix: str
) -> dict[str, float]:
    import numpy as np

    if not (some & keep).any():
        return {f"nli.low{suffix}": 0.0, f"nli.high{suffix}": 1.0}
    lows = np.unique(np.round(np.quantile(low[some & keep], np.linspace(0, 0.3, _CUTS)), 3))
    highs = np.unique(np.round(np.quantile(high[some & keep], np.linspace(0.6, 1, _CUTS)), 3))
    cuts = [(a, b) for a in lows for b in highs]
    best = _best(cuts, lambda c: some & (low >= c[0]) & (high <= c[1]), keep, precision)
    return {f"nli.low{suffix}": float(best[0]), f"nli.high{suffix}": float(best[1])}


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


def _kept(table: _Table, chosen: Mapping[str, float]) -> np.ndarray:
    """Which pairs these thresholds keep."""
    import numpy as np

    kept = table.passed.copy()
    if "similarity.floor" in chosen:
        kept &= table.similarity >= chosen["similarity.floor"]
    if "nli.low" in chosen:
        low, high = np.fmin(table.forward, table.backward), table.denial
        least = np.where(table.doubted, chosen["nli.low_doubted"], chosen["nli.low"])
        most = np.where(table.doubted, chosen["nli.high_doubted"], chosen["nli.high"])
        kept &= (low >= least) & (high <= most)
    return kept


def _cross_validated(table: _Table, pairs: Sequence[Pair], precision: float) -> dict[str, Any]:
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
