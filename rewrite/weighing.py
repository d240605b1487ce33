"""How sure is it that two captions say the same? What a model of inference says both ways, weighed together.

An inference model has a number for each of its classes, both ways. A band on one of them leaves the others unread, and
cannot say that captions in nearly the same words must be heard as the same more clearly than free ones. So a logistic
model with squares and products reads all numbers and the cosine of the two captions. It has a few dozen weights, which
are fitted to labelled pairs in a second and stand in a file that can be read.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rewrite.errors import SettingError

if TYPE_CHECKING:
    import numpy as np

_DIGITS = 5  # of each number that is kept: a file for people; the last bits decide nothing
_LISTS = ("low", "high", "middle", "scale", "weights")
_FORCE = 1.0  # inverse strength of the L2 penalty (C of scikit-learn's LogisticRegression)


@dataclass(frozen=True)
class Weighing:
    """Weights over F numbers of evidence.

    Attributes:
        low, high: (F,) what was met while fitting; evidence beyond counts as its edge, where squares would run away.
        middle, scale: (F,) mean and deviation of each number.
        bias: log-odds where all evidence stands in its middle.
        weights: (F + F (F + 1) / 2,) of each number, then of each product of two of them, the squares among these.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    middle: tuple[float, ...]
    scale: tuple[float, ...]
    bias: float
    weights: tuple[float, ...]

    def sure(self, evidence: np.ndarray) -> np.ndarray:
        """(n,) in [0, 1] for (n, F) evidence: the probability that a pair is faithful, among pairs as those fitted.

        Of three digits: the last bits differ between machines; what is chosen and what is judged by should not.

        Raises:
            SettingError: the evidence has another number of columns.
        """
        import numpy as np

        if evidence.shape[1] != len(self.low):
            what = f"weighs {len(self.low)} numbers, and this model gives {evidence.shape[1]}"
            raise SettingError("nli.weighing", what, "Run cli.py calibrate with this model.")
        odds = _terms(self._scaled(evidence)) @ np.array(self.weights) + self.bias
        return np.asarray(1 / (1 + np.exp(-odds))).round(3)

    def described(self) -> dict[str, Any]:
        """Plain json."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}

    def _scaled(self, evidence: np.ndarray) -> np.ndarray:
        import numpy as np

        return np.asarray((np.clip(evidence, self.low, self.high) - self.middle) / self.scale)


def revived(described: Mapping[str, Any], where: str) -> Weighing:
    """The weighing that `described` wrote down.

    Raises:
        SettingError: a field is missing or not finite, or their lengths do not fit each other.
    """
    try:
        low, high, middle, scale, weights = (tuple(map(float, described[name])) for name in _LISTS)
        found = Weighing(low, high, middle, scale, float(described["bias"]), weights)
        size = len(found.low)
        fits = all(len(row) == size for row in (found.high, found.middle, found.scale)) and min(found.scale) > 0
        if not fits or len(found.weights) != size + size * (size + 1) // 2:
            raise ValueError("its lists do not fit each other")
        if not all(map(math.isfinite, (found.bias, *low, *high, *middle, *scale, *weights))):
            raise ValueError("not all its numbers are finite")
    except (KeyError, TypeError, ValueError) as error:
        raise SettingError(where, f"is no weighing ({error!r})", "Make one with: cli.py calibrate.") from None
    return found


def gather(forward: np.ndarray, backward: np.ndarray, cosine: np.ndarray | None = None) -> np.ndarray:
    """(n, F) evidence: of each of K classes the smaller and the greater of its two logits, then the cosine.

    So it is the same whichever caption stands first: an addition heard one way is an omission heard the other way.

    Args:
        forward, backward: (n, K) logits, source to rewrite and back.
        cosine: (n,) of the two captions' vectors; None leaves it out.
    """
    import numpy as np

    parts = [np.minimum(forward, backward), np.maximum(forward, backward)]
    return np.concatenate(parts if cosine is None else [*parts, cosine[:, None]], axis=1)


def fit(evidence: np.ndarray, keep: np.ndarray) -> Weighing:
    """Maximum likelihood with an L2 penalty (scikit-learn's LogisticRegression).

    Fitted on another machine the last digits differ; a weighing that was written down is the same on all.

    Args:
        evidence: (n, F); `keep`: (n,) a person's verdicts, both kinds among them.
    """
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    middle, spread = evidence.mean(axis=0), evidence.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    terms = _terms((evidence - middle) / scale)
    mean, deviation = terms.mean(axis=0), terms.std(axis=0)
    deviation = np.where(deviation > 0, deviation, 1.0)  # the penalty is to press on all terms alike
    model = LogisticRegression(C=_FORCE, max_iter=5000).fit((terms - mean) / deviation, keep)
    weights = model.coef_[0] / deviation
    bias = float(model.intercept_[0] - weights @ mean)
    return Weighing(
        low=_short(evidence.min(axis=0)),
        high=_short(evidence.max(axis=0)),
        middle=_short(middle),
        scale=_short(scale),
        bias=_short([bias])[0],
        weights=_short(weights),
    )


def _terms(scaled: np.ndarray) -> np.ndarray:
    """(n, F + F (F + 1) / 2): the numbers, and all products of two."""
    import numpy as np

    one, other = np.triu_indices(scaled.shape[1])
    return np.concatenate([scaled, scaled[:, one] * scaled[:, other]], axis=1)


def _short(row: Iterable[float]) -> tuple[float, ...]:
    return tuple(float(f"{value:.{_DIGITS}g}") for value in row)
