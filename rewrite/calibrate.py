"""Picks thresholds from labelled pairs: the most faithful rewrites kept at a wanted precision, with an interval.

With a model of inference it also fits a weighing of what the model says (rewrite/weighing.py). That is fitted to every
pair, those included that a rule drops: elsewhere the rules may let such pairs through. All is chosen on all pairs and
*measured* by cross-validation over sources (chosen on four fifths, measured on the rest), so that no figure is that of
the pairs it was chosen on. Precision depends on the share of faithful pairs; a corpus with more faults has less.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewrite.choosing import can_be_split, choose, folds, kept, kept_unseen
from rewrite.embeddings import locate_encoder
from rewrite.errors import InputError, SettingError
from rewrite.labelled import Labelled, measure
from rewrite.manifest import json_bytes, write_atomic
from rewrite.pairs import Pair, read_pairs
from rewrite.reporter import Reporter, Silent
from rewrite.weights import weights_digest

if TYPE_CHECKING:
    import numpy as np

LEAST = 20  # faithful and faulty pairs, each: fewer decide nothing
LEAST_WEIGHED = 100  # the same where a weighing is fitted: it follows chance in fewer
_MODELS = ("similarity", "nli")  # filters with something to choose
_LOUD = 0.1  # share of faults above the faithful that shows a model to have denial at its high end


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
        InputError: pairs without verdicts, too few of them or of their sources, or none that is faithful to the rules.
        SettingError: a precision that is none, or a chain without thresholds.
        ModelError: a model is not named, or not there.
    """
    if not 0 < precision < 1:
        raise SettingError("--precision", f"{precision} does not lie between 0 and 1", "Try 0.95.")
    if not set(_MODELS) & filters.keys():
        todo = "Choose --filters fast, strict, or a list with one of them."
        raise SettingError("--filters", "hold neither similarity nor nli", todo)
    digests = _digests(filters)
    pairs = read_pairs(path)
    _refuse_unlabelled(path, pairs, LEAST_WEIGHED if "nli" in filters else LEAST)
    fold = folds(pairs)
    _refuse_unsplit(path, pairs, fold, weighed="nli" in filters)
    table = measure(pairs, filters, reporter)
    if not (table.passed & table.keep).any():
        todo = "Audit it to see why, or choose --filters similarity,nli."
        raise InputError(path, "none of its faithful pairs passes the rules", todo)
    chosen = choose(table, fold >= 0, fold, precision)
    folded = _rates(table.keep, kept_unseen(table, fold, precision))
    stated = [f"{name}={value}" for name, value in chosen.thresholds.items()]
    if chosen.weighing is not None:
        stated.append(f"nli.weighing={filters['nli'].described(chosen.weighing, _loud_above(table))}")
    if "nli" in filters and filters["nli"].adapter:
        stated.append(f"nli.adapter={filters['nli'].adapter}")  # the weighing belongs to it
    found = {
        "set": stated,
        "wanted_precision": precision,
        "reached": bool(folded["precision"]["value"] >= precision),
        "measured": folded,
        "on_the_pairs_themselves": _rates(table.keep, kept(table, chosen)),
        "pairs": {"all": len(pairs), "faithful": int(table.keep.sum()), "sources": len({p.source for p in pairs})},
        "learned": filters["nli"].learned([p.source for p in pairs]) if "nli" in filters else 0,
        "unchosen": list(chosen.unchosen),
        "weights": digests,
    }
    if out is not None:
        write_atomic(out, json_bytes(found))
    return found


def lines(found: dict[str, Any]) -> Iterator[str]:
    """A calibration for people."""
    yield "  ".join(_shown(*line.partition("=")[::2]) for line in found["set"])
    for name in found["unchosen"]:
        yield f"{name} is 1.0 for want of pairs: no faithful one was left to choose it by"
    for name, rate in found["measured"].items():
        yield f"{name} {rate['value']:.3f} [{rate['low']:.3f}, {rate['high']:.3f}] (cross-validated over sources)"
    if found["learned"]:
        yield (
            f"the model's adapter has met the sources of {found['learned']} pairs: what is measured on them flatters. "
            "Give pairs of your own, or --set nli.adapter=none."
        )
    if not found["reached"]:
        yield f"a precision of {found['wanted_precision']} was not reached: these thresholds come nearest"


def _shown(name: str, value: str) -> str:
    """A setting as people are shown it."""
    if name != "nli.weighing":
        return f"{name}={value}"
    found = json.loads(value)
    return f"{name}: {len(found['weights'])} + {len(found['pooled'])} weights, kept by --out FILE"


def wilson(hits: int, of: int) -> dict[str, float | int]:
    """A share with its 95 % interval (Wilson 1927)."""
    if not of:
        return {"value": 0.0, "low": 0.0, "high": 1.0, "of": 0}
    z, share = 1.959964, hits / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * (share * (1 - share) / of + z * z / (4 * of * of)) ** 0.5
    return {"value": share, "low": max(0.0, middle - half), "high": min(1.0, middle + half), "of": of}


def _digests(filters: Mapping[str, Any]) -> dict[str, str]:
    """Of the models' weights. Raises ModelError where one is not named, or not there."""
    found = {}
    if "similarity" in filters:
        found["similarity"] = weights_digest(locate_encoder(filters["similarity"].model))
    if "nli" in filters:
        found["nli"] = weights_digest(filters["nli"].located())
    return found


def _refuse_unlabelled(path: Path, pairs: Sequence[Pair], least: int) -> None:
    if any(p.keep is None for p in pairs):
        raise InputError(path, "holds pairs without a verdict", "Give each row `keep`: true or false.")
    good = sum(bool(p.keep) for p in pairs)
    if min(good, len(pairs) - good) < least:
        what = f"has {good} faithful and {len(pairs) - good} faulty pairs"
        raise InputError(path, what, f"Give at least {least} of each.")


def _refuse_unsplit(path: Path, pairs: Sequence[Pair], fold: np.ndarray, *, weighed: bool) -> None:
    """Whatever is left out to measure by, and in it to choose by, both kinds must be left."""
    import numpy as np

    if not can_be_split(np.array([bool(p.keep) for p in pairs]), fold, 2 if weighed else 1):
        what = "its sources cannot be split so that every part holds faithful and faulty pairs"
        raise InputError(path, what, "Give pairs of more sources.")


def _loud_above(table: Labelled) -> float:
    """Above it what both ways say on average is a denial; 1 where faults are no louder than faithful pairs."""
    import numpy as np

    assert table.inferred is not None
    mean = table.inferred.shares.mean(axis=1)
    edge = float(np.quantile(mean[table.keep], 0.95))
    return round(edge, 3) if (mean[~table.keep] > edge).mean() > _LOUD else 1.0


def _rates(keep: np.ndarray, some: np.ndarray) -> dict[str, Any]:
    return {
        "precision": wilson(int((some & keep).sum()), int(some.sum())),
        "recall": wilson(int((some & keep).sum()), int(keep.sum())),
        "faults_rejected": wilson(int((~some & ~keep).sum()), int((~keep).sum())),
    }
