"""How different the rewrites of one source are, from each other and from it. Texts or vectors in, numbers out."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_WORD = re.compile(r"\w+")
_ORDER = 4  # longest n-gram of BLEU


def words(text: str) -> list[str]:
    """Lower-case words, marks left out."""
    return _WORD.findall(text.lower())


def distinct(texts: Sequence[str], n: int) -> float:
    """Different n-grams over all n-grams of some texts, in [0, 1] (Li et al., NAACL 2016); 0 without any."""
    grams = [gram for text in texts for gram in _grams(words(text), n)]
    return len(set(grams)) / len(grams) if grams else 0.0


def bleu(text: str, references: Sequence[str]) -> float:
    """Sentence BLEU-4 in [0, 1]: brevity penalty x geometric mean of clipped n-gram precisions (Papineni et al., 2002).

    Counts above unigrams are smoothed by one (Lin and Och, 2004), so that a short caption has a value.
    """
    said, known = words(text), [words(reference) for reference in references]
    if not said or not any(known):
        return 0.0
    logs = 0.0
    for n in range(1, _ORDER + 1):
        grams = Counter(_grams(said, n))
        most = Counter[tuple[str, ...]]()
        for reference in known:
            most |= Counter(_grams(reference, n))
        hits, total, one = (grams & most).total(), grams.total(), int(n > 1)
        if hits + one == 0:
            return 0.0
        logs += math.log((hits + one) / (total + one)) / _ORDER
    nearest = min((abs(len(reference) - len(said)), len(reference)) for reference in known)[1]
    return min(1.0, math.exp(1 - nearest / len(said))) * math.exp(logs)


def self_bleu(texts: Sequence[str]) -> float:
    """Mean BLEU of each text against the others (Zhu et al., SIGIR 2018): 1 for copies; 0 for fewer than two texts."""
    if len(texts) < 2:
        return 0.0
    return sum(bleu(text, [*texts[:i], *texts[i + 1 :]]) for i, text in enumerate(texts)) / len(texts)


def mean_cosine(vectors: np.ndarray) -> float:
    """Mean cosine of all pairs of (n, E) unit vectors; 1 for fewer than two."""
    n = len(vectors)
    if n < 2:
        return 1.0
    return float(((vectors @ vectors.T).sum() - n) / (n * (n - 1)))


def vendi(vectors: np.ndarray) -> float:
    """The Vendi score of (n, E) unit vectors: how many different ones there are in effect, from 1 to n.

    exp of the entropy of the eigenvalues of K / n, K the cosine kernel (Friedman and Dieng, TMLR 2023). 0 without any.
    """
    import numpy as np

    if not len(vectors):
        return 0.0
    kernel = (vectors @ vectors.T).astype(np.float64) / len(vectors)
    values = np.linalg.eigvalsh(kernel)
    values = values[values > 1e-12] / values[values > 1e-12].sum()
    return float(np.exp(-(values * np.log(values)).sum()))


def _grams(said: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(said[i : i + n]) for i in range(len(said) - n + 1)]
