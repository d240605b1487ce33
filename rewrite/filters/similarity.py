"""Does it speak of the same thing? A band of cosine similarity, no proof of faithfulness.

Cosine is a floor (drop the unrelated and the hollow) and a ceiling (drop what says the same in the same words).
It cannot see a swapped role or a lost "not": those pairs score higher than most good paraphrases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rewrite.embeddings import DEFAULT, cosines, locate_encoder
from rewrite.records import Candidate, Verdict
from rewrite.settings import describe, operational, setting
from rewrite.weights import weights_digest, written_name


@dataclass(frozen=True)
class Similarity:
    """Reasons: too_far, too_near. Stores `similarity`, the cosine of both texts' embeddings, in [-1, 1].

    The floor belongs to its encoder: 0.5 was set for MiniLM and means nothing for another.
    """

    model: str = setting(DEFAULT, "sentence encoder: a folder, or a hub name in the local cache")
    floor: float = setting(0.5, "cosine below which the rewrite lost the matter")
    ceiling: float = setting(0.995, "cosine above which it says nothing new; a reordered caption may reach 0.99")
    batch: int = operational(64, "texts encoded at a time")

    def __post_init__(self) -> None:
        if not -1 <= self.floor < self.ceiling <= 1:
            raise ValueError("-1 <= floor < ceiling <= 1 is needed")

    def identity(self) -> dict[str, Any]:
        path = locate_encoder(self.model)
        settings = describe(self, identity_only=True)
        return {
            **settings,
            "model": written_name(self.model),
            "weights": weights_digest(path),
            "scale": "cosine",
        }

    def judge(self, candidates: Sequence[Candidate]) -> list[Verdict]:
        if not candidates:
            return []
        verdicts = []
        for cosine in cosines(self.model, [(c.draft.source, c.text) for c in candidates], self.batch):
            reason = "too_far" if cosine < self.floor else "too_near" if cosine > self.ceiling else ""
            verdicts.append(Verdict(not reason, reason, {"similarity": cosine}))
        return verdicts
