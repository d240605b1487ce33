"""The k best rewrites of each source: faithful ones that differ from each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rewrite.embeddings import DEFAULT, locate_encoder, vectors
from rewrite.records import Candidate, Verdict
from rewrite.settings import describe, setting
from rewrite.weights import weights_digest, written_name

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Selection:
    """Reason: surplus. Greedy choice by maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998).

    Each step takes the rewrite with the greatest balance x faithfulness - (1 - balance) x its greatest cosine to what
    is chosen already, the source among it. Faithfulness is the chain's `nli` where it measured one, else the cosine to
    the source. Of equal rewrites the earlier draft is taken.
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
        return {**describe(self), "model": written_name(self.model), "weights": weights_digest(path)}

    def judge(self, candidates: Sequence[Candidate]) -> list[Verdict]:
        places: dict[str, list[int]] = {}
        for place, c in enumerate(candidates):
            places.setdefault(c.draft.source_id, []).append(place)
        crowded = [[candidates[i] for i in some] for some in places.values() if 0 < self.keep < len(some)]
        texts = sorted({t for some in crowded for c in some for t in (c.draft.source, c.text)})
        vector = dict(zip(texts, vectors(self.model, texts), strict=True)) if texts else {}
        surplus = {c.draft.id for some in crowded for c in self._surplus(some, vector)}
        gone = [c.draft.id in surplus for c in candidates]
        return [Verdict(not dropped, "surplus" if dropped else "") for dropped in gone]

    def _surplus(self, some: list[Candidate], vector: dict[str, np.ndarray]) -> list[Candidate]:
        import numpy as np

        found = np.stack([vector[some[0].draft.source], *(vector[c.text] for c in some)])
        # Three digits: the last bits differ between machines and batch shapes, a choice should not.
        near = (found[1:] @ found.T).round(3)
        faith = [c.scores.get("nli", float(near[n, 0])) for n, c in enumerate(some)]
        chosen: list[int] = []
        while len(chosen) < self.keep:
            taken = [0, *(n + 1 for n in chosen)]
            gains = (
                (round(self.balance * faith[n] - (1 - self.balance) * float(near[n, taken].max()), 6), -n)
                for n in range(len(some))
                if n not in chosen
            )
            chosen.append(-max(gains)[1])
        return [c for n, c in enumerate(some) if n not in chosen]
