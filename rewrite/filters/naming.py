"""Does the description tell its own class, and no other? The second guard of class descriptions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rewrite.filters.labels import evocations
from rewrite.lexicon import lexicon
from rewrite.reading import holds, read
from rewrite.records import Candidate, Verdict
from rewrite.settings import describe, setting
from rewrite.templates import NORMAL


@dataclass(frozen=True)
class Naming:
    """Reasons: other_class (it names another class), off_class (it evokes other anomalies only), not_normal.

    A description made to tell two classes apart may name the other one.
    """

    classes: tuple[str, ...] = setting((), "names of all classes, as they are asked for; the run fills them in")
    contrasting: tuple[str, ...] = setting(("confusion",), "templates whose descriptions may name the other class")
    lexicon: str = setting("", "a YAML file that adds to rewrite/lexicons")

    def identity(self) -> dict[str, Any]:
        return {**describe(self), "lexicon": lexicon(self.lexicon).digest}

    def judge(self, candidates: Sequence[Candidate]) -> list[Verdict]:
        return [Verdict(not (reason := self._fault(c)), reason) for c in candidates]

    def _fault(self, candidate: Candidate) -> str:
        known, own = lexicon(self.lexicon), candidate.draft.source
        reading = read(candidate.text, self.lexicon)
        others = {known.lemmas(name) for name in self.classes if name != own and name.casefold() != NORMAL}
        # "shooting" within a robbery's own name or gloss is no slip: only names that its own does not hold count.
        others -= {known.lemmas(own)}
        if holds(reading, frozenset(others)) and candidate.draft.template not in self.contrasting:
            return "other_class"
        words = evocations(self.lexicon)
        families = frozenset().union(*(words.all[phrase] for phrase in words.told(reading)))
        if own.casefold() == NORMAL:
            return "not_normal" if families else ""
        expected = frozenset(self._families(own))
        return "off_class" if expected and families and families.isdisjoint(expected) else ""

    def _families(self, name: str) -> list[str]:
        classes = lexicon(self.lexicon).lists["labels"]["classes"]
        plain = {key.casefold().replace(" ", ""): value for key, value in classes.items()}
        return [part.strip() for part in plain.get(name.casefold().replace(" ", ""), "").split(",") if part.strip()]
