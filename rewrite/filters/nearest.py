"""Is the description nearer to another class than to its own? A sentence encoder compares it with every gloss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rewrite.embeddings import DEFAULT, locate_encoder, vectors
from rewrite.records import Candidate, Verdict
from rewrite.settings import describe, operational, setting
from rewrite.templates import NORMAL
from rewrite.weights import weights_digest, written_name


@dataclass(frozen=True)
class Nearest:
    """Reason: nearer_other. Stores `lead`: the cosine to the own class less the greatest to another, in [-2, 2].

    A class is read as "name: gloss". The measure is coarse: classes whose glosses are alike have small leads. Normal
    scenes are kept whatever they are near to: the hard ones are meant to look like something else.
    """

    model: str = setting(DEFAULT, "sentence encoder: a folder, or a hub name in the local cache")
    margin: float = setting(0.0, "lead below which a description belongs to another class")
    classes: tuple[str, ...] = setting((), "names of all classes, as they are asked for; the run fills them in")
    glosses: tuple[str, ...] = setting((), "their glosses, in that order; the run fills them in")
    batch: int = operational(64, "texts encoded at a time")

    def __post_init__(self) -> None:
        if not -2 <= self.margin <= 2:
            raise ValueError("the margin must lie in [-2, 2]")

    def identity(self) -> dict[str, Any]:
        path = locate_encoder(self.model)
        named = {"model": written_name(self.model), "weights": weights_digest(path)}
        return {**describe(self, identity_only=True), **named}

    def judge(self, candidates: Sequence[Candidate]) -> list[Verdict]:
        known = [i for i, c in enumerate(candidates) if c.draft.source in self.classes]
        if not known or len(self.classes) < 2:
            return [Verdict(True) for _ in candidates]
        anchors = [f"{name}: {gloss}" for name, gloss in zip(self.classes, self.glosses, strict=True)]
        near = vectors(self.model, [candidates[i].text for i in known], self.batch)
        cosines = near @ vectors(self.model, anchors, self.batch).T
        verdicts = [Verdict(True) for _ in candidates]
        for row, i in zip(cosines, known, strict=True):
            own = self.classes.index(candidates[i].draft.source)
            # Three digits: the last bits differ between machines and batch shapes, a verdict should not.
            lead = round(float(row[own]) - max(float(x) for n, x in enumerate(row) if n != own), 3)
            normal = candidates[i].draft.source.casefold() == NORMAL
            reason = "nearer_other" if lead < self.margin and not normal else ""
            verdicts[i] = Verdict(not reason, reason, {"lead": lead})
        return verdicts
