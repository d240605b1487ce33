"""How sure is it that two captions say the same? What a model of inference says both ways, weighed together.

An inference model has a number for each of its classes, both ways. A band on one of them leaves the others unread, and
cannot say that captions in nearly the same words must be heard as the same more clearly than free ones. So a logistic
model with squares and products reads all numbers and the cosine of the two captions.

A model of inference knows more than its few classes tell. So each number of the vector that its classifier reads
(pooled) has a weight too, under a stronger penalty: it tells apart what entailment leaves alike, as a changed order of
events.

What is denied of the two captions' single claims (rewrite/claims.py) can only speak against a pair: so much of the odds
for each unit. All weights are fitted to labelled pairs in seconds and stand in a file that can be read.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from rewrite.errors import SettingError

if TYPE_CHECKING:
    import numpy as np

KINDS = ("role", "order")  # of claims that are asked, see rewrite/contrasts.py
_DIGITS = 5  # of each number that is kept: a file for people; the last bits decide nothing
_LISTS = ("low", "high", "middle", "scale", "weights", "against")
_POOLED = ("pooled", "ends")  # an older file has none
_FORCE = 1.0  # inverse strength of the L2 penalty (C of scikit-learn's LogisticRegression)
_POOLED_FORCE = 0.003  # the same of each pooled number: there are hundreds
_STILL = 0.01  # of the middle deviation of the pooled numbers: one that moves less is taken to move so much


@dataclass(frozen=True)
class Evidence:
    """What was measured of n pairs.

    Attributes:
        heard: (n, F) what is said of the whole captions, see `gather`.
        denied: (n, C) how far claims of C kinds are denied, 0 where none is.
        pooled: (n, D) the vectors that the model's classifier read, of both ways together; D = 0 of a model that shows
            none.
    """

    heard: np.ndarray
    denied: np.ndarray
    pooled: np.ndarray

    def __getitem__(self, rows: np.ndarray) -> Evidence:
        return Evidence(self.heard[rows], self.denied[rows], self.pooled[rows])


@dataclass(frozen=True)
class Weighing:
    """Weights over F numbers of what is heard, C kinds of denied claims and D pooled numbers.

    Attributes:
        low, high: (F,) what was met while fitting; what is heard beyond counts as its edge: squares would run away.
        middle, scale: (F,) mean and deviation of each number.
        bias: log-odds where what is heard stands in its middle, and all else is 0.
        weights: (F + F (F + 1) / 2,) of each number, then of each product of two of them, the squares among these.
        against: (C,) what each unit of denial takes off the log-odds; none adds.
        pooled: (D,) what each unit of a pooled number adds to them; empty leaves them unread.
        ends: (2,) the least and the greatest that all pooled numbers together added while fitting; more counts as that.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    middle: tuple[float, ...]
    scale: tuple[float, ...]
    bias: float
    weights: tuple[float, ...]
    against: tuple[float, ...]
    pooled: tuple[float, ...] = ()
    ends: tuple[float, ...] = ()

    def sure(self, evidence: Evidence) -> np.ndarray:
        """(n,) in [0, 1]: the probability that a pair is faithful, among pairs as those fitted, as they were counted.

        Of three digits: the last bits differ between machines; what is chosen and what is judged by should not.

        Raises:
            SettingError: the evidence has another number of columns.
        """
        import numpy as np

        reads = len(self.low), len(self.pooled)
        gives = evidence.heard.shape[1], evidence.pooled.shape[1] if self.pooled else 0
        if reads != gives:
            what = f"weighs {reads[0]} + {reads[1]} numbers, and this model gives {gives[0]} + {gives[1]}"
            raise SettingError("nli.weighing", what, "Run cli.py calibrate with this model.")
        odds = _terms(self._scaled(evidence.heard)) @ np.array(self.weights) + self.bias
        odds -= evidence.denied @ np.array(self.against)
        if self.pooled:
            odds += np.clip(evidence.pooled @ np.array(self.pooled), self.ends[0], self.ends[1])
        return np.asarray(1 / (1 + np.exp(-odds))).round(3)

    def described(self) -> dict[str, Any]:
        """Plain json."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}

    def _scaled(self, heard: np.ndarray) -> np.ndarray:
        import numpy as np

        return np.asarray((np.clip(heard, self.low, self.high) - self.middle) / self.scale)


def revived(described: Mapping[str, Any], where: str) -> Weighing:
    """The weighing that `described` wrote down.

    Raises:
        SettingError: a field is missing or not finite, or their lengths do not fit each other.
    """
    try:
        low, high, middle, scale, weights, against = (tuple(map(float, described[name])) for name in _LISTS)
        pooled, ends = (tuple(map(float, described.get(name, ()))) for name in _POOLED)
        found = Weighing(low, high, middle, scale, float(described["bias"]), weights, against, pooled, ends)
        size = len(found.low)
        fits = all(len(row) == size for row in (found.high, found.middle, found.scale)) and min(found.scale) > 0
        fits &= len(ends) == (2 if pooled else 0) and ends == tuple(sorted(ends))
        if not fits or len(found.weights) != _count(size) or len(against) != len(KINDS):
            raise ValueError("its lists do not fit each other")
        if not all(map(math.isfinite, (found.bias, *low, *high, *middle, *scale, *weights, *against, *pooled, *ends))):
            raise ValueError("not all its numbers are finite")
        if min(against) < 0:
            raise ValueError("a denied claim speaks for a pair")
    except KeyError as error:
        what = f"lacks {error}: another version wrote it"
        raise SettingError(where, what, "Run cli.py calibrate again.") from None
    except (TypeError, ValueError) as error:
        raise SettingError(where, f"is no weighing ({error!r})", "Make one with: cli.py calibrate.") from None
    return found


def gather(forward: np.ndarray, backward: np.ndarray, cosine: np.ndarray | None = None) -> np.ndarray:
    """(n, F) what is heard: of each of K classes the smaller and the greater of its two logits, then the cosine.

    So it is the same whichever caption stands first: an addition heard one way is an omission heard the other way.

    Args:
        forward, backward: (n, K) logits, source to rewrite and back.
        cosine: (n,) of the two captions' vectors; None leaves it out.
    """
    import numpy as np

    parts = [np.minimum(forward, backward), np.maximum(forward, backward)]
    return np.concatenate(parts if cosine is None else [*parts, cosine[:, None]], axis=1)


def together(parts: Sequence[Evidence]) -> Evidence:
    """One after another."""
    import numpy as np

    rows = ([p.heard for p in parts], [p.denied for p in parts], [p.pooled for p in parts])
    return Evidence(*map(np.concatenate, rows))


def fit(evidence: Evidence, keep: np.ndarray, weight: np.ndarray | None = None) -> Weighing:
    """Maximum likelihood with an L2 penalty (scikit-learn's LogisticRegression).

    Fitted on another machine the last digits differ; a weighing that was written down is the same on all.

    Args:
        evidence: of n pairs; `keep`: (n,) a person's verdicts, both kinds among them.
        weight: (n,) how much each pair counts; None counts all alike.
    """
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    middle, spread = evidence.heard.mean(axis=0), evidence.heard.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    terms = np.concatenate([_terms((evidence.heard - middle) / scale), -evidence.denied, evidence.pooled], axis=1)
    mean, deviation = terms.mean(axis=0), terms.std(axis=0)
    deviation = np.where(deviation > 0, deviation, 1.0)  # the penalty is to press on all terms alike ...
    shown = slice(terms.shape[1] - evidence.pooled.shape[1], None)
    if evidence.pooled.size:  # ... but on the pooled ones more
        deviation[shown] = np.maximum(deviation[shown], _STILL * np.median(deviation[shown])) / _POOLED_FORCE**0.5
    model = LogisticRegression(C=_FORCE, max_iter=5000).fit((terms - mean) / deviation, keep, weight)
    weights = np.array(_short(model.coef_[0] / deviation))
    heard, against, pooled = np.split(weights, np.cumsum([_count(evidence.heard.shape[1]), evidence.denied.shape[1]]))
    if (against < 0).any():  # chance: of few pairs a denial may seem to speak for them
        return fit(replace(evidence, denied=np.where(against < 0, 0.0, evidence.denied)), keep, weight)
    added = evidence.pooled @ pooled
    return Weighing(
        low=_short(evidence.heard.min(axis=0)),
        high=_short(evidence.heard.max(axis=0)),
        middle=_short(middle),
        scale=_short(scale),
        bias=float(model.intercept_[0] - weights @ mean),  # of the weights as they are kept, whole: it balances them
        weights=tuple(heard.tolist()),
        against=tuple(against.tolist()),
        pooled=tuple(pooled.tolist()),
        ends=(float(added.min()), float(added.max())) if len(pooled) else (),
    )


def _count(size: int) -> int:
    """How many terms there are of so many numbers."""
    return size + size * (size + 1) // 2


def _terms(scaled: np.ndarray) -> np.ndarray:
    """(n, F + F (F + 1) / 2): the numbers, and all products of two."""
    import numpy as np

    one, other = np.triu_indices(scaled.shape[1])
    return np.concatenate([scaled, scaled[:, one] * scaled[:, other]], axis=1)


def _short(row: Iterable[float]) -> tuple[float, ...]:
    return tuple(float(f"{value:.{_DIGITS}g}") for value in row)
