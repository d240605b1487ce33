"""Does it only say again what the prompt said? Its class's gloss, an example's answer, or the prompt's own layout."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rewrite.records import Candidate, Verdict
from rewrite.settings import describe, setting

# A model that goes on with the prompt asks itself the next question, in the words our templates are laid out with.
_LAYOUT = re.compile(r"\b(question|answer|scene|caption|difference|description|class)\s*:", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Parrot:
    """Reasons: layout (it goes on with the prompt), gloss (a near-copy), example (a stretch of an example's answer).

    Stores `gloss`, the share of characters that description and gloss have in order (case and marks aside).
    """

    ceiling: float = setting(0.85, "rapidfuzz ratio in [0, 1] from which a description counts as its class's gloss")
    stretch: int = setting(6, "words in a row, shared with an example's answer, that count as copied")
    classes: tuple[str, ...] = setting((), "names of all classes, as they are asked for; the run fills them in")
    glosses: tuple[str, ...] = setting((), "their glosses, in that order; the run fills them in")
    examples: tuple[str, ...] = setting((), "answers of the templates' examples; the run fills them in")

    def __post_init__(self) -> None:
        if not 0 < self.ceiling <= 1 or self.stretch < 2:
            raise ValueError("the ceiling must lie in (0, 1], the stretch be at least 2")

    def identity(self) -> dict[str, Any]:
        return describe(self)

    def judge(self, candidates: Sequence[Candidate]) -> list[Verdict]:
        from rapidfuzz import fuzz, utils

        gloss = dict(zip(self.classes, self.glosses, strict=True))
        shown = {run for example in self.examples for run in self._runs(example)}
        verdicts = []
        for c in candidates:
            own = gloss.get(c.draft.source, "")
            ratio = fuzz.ratio(own, c.text, processor=utils.default_process) / 100
            reason = "layout" if _LAYOUT.search(c.text) else "gloss" if ratio >= self.ceiling else ""
            if not reason and not shown.isdisjoint(self._runs(c.text)):
                reason = "example"
            verdicts.append(Verdict(not reason, reason, {"gloss": round(ratio, 4)}))
        return verdicts

    def _runs(self, text: str) -> set[tuple[str, ...]]:
        words = _WORD.findall(text.casefold())
        return {tuple(words[i : i + self.stretch]) for i in range(len(words) - self.stretch + 1)}
