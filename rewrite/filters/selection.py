"""The k best rewrites of each source: faithful ones that differ from each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rewrite.embeddings import DEFAULT, locate_encoder, vectors
from rewrite.records import Candidate, Verdict
from rewrite.settings import describe, setting
from rewrite.weights import weights_digest

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Selection:
    """Reason: surplus. Greedy choice by maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998).

    Each step takes the rewrite with the greatest balance x faithfulness - (1 - balance) x its greatest cosine to what
    is chosen already, the source among it. Faithfulness is the backward number of inference where the chain measured
    one, else the cosine to the source.
    """

    keep: int = setting(0, "rewrites of a source to keep at most; 0 keeps all")
    balance: float = setting(0.5, "weight of faithfulness against diversity, in [0, 1]")
    model: str = setting(DEFAULT, "sentence encoder by which rewrites are compared")

    def __post_init__(self) -> None:
        if self.keep < 0 or not 0 <= self.balance <= 1:
            raise ValueError("keep must not be negative, balance lie in [0, 1]")

    def identity(self) -> dict[str, Any]:
        if not self.keep:
            return {"keep": 0}
        path = locate_encoder(self.model)
        return {**describe(self), "model": path.name, "weights": weights_digest(path)}

    def judge(self, candidates: Sequence[Candidate]) -> list[Verdict]:
        places: dict[str, list[int]] = {}
        for place, c in enumerate(candidates):
            places.setdefault(c.draft.source_id, []).append(place)
        surplus: set[int] = set()
        for some in places.values():
            if 0 < self.keep < len(some):
                chosen = self._greedy([candidates[i] for i in some])
                surplus.update(place for n, place in enumerate(some) if n not in chosen)
        return [Verdict(i not in surplus, "surplus" if i in surplus else "") for i in range(len(candidates))]

    def _greedy(self, some: list[Candidate]) -> set[int]:
        found: np.ndarray = vectors(self.model, [some[0].draft.source, *(c.text for c in some)])
        near = found[1:] @ found.T
        faith = [c.scores.get("nli_backward", float(near[n, 0])) for n, c in enumerate(some)]
        chosen: list[int] = []
        while len(chosen) < self.keep:
            taken = [0, *(n + 1 for n in chosen)]
            gains = (
                (self.balance * faith[n] - (1 - self.balance) * float(near[n, taken].max()), -n)
                for n in range(len(some))
                if n not in chosen
            )
            chosen.append(-max(gains)[1])
        return set(chosen)
