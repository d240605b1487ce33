"""Can the act still be told? "Beats him" that became "interacts with him" hides what the class is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rewrite.filters.labels import evocations
from rewrite.filters.rules import reject, rule_identity
from rewrite.lexicon import lexicon
from rewrite.reading import Reading, Unit, holds
from rewrite.records import Candidate, Verdict
from rewrite.settings import setting

Phrases = frozenset[tuple[str, ...]]


@dataclass(frozen=True)
class Euphemism:
    """Reason: euphemism. A vague word came in and an act went out. Drops alone: to a language model both entail."""

    lexicon: str = setting("", "a YAML file that adds to rewrite/lexicons")

    def identity(self) -> dict[str, Any]:
        return rule_identity(self.lexicon)

    def judge(self, candidates: Sequence[Candidate]) -> list[Verdict]:
        vague, acts = _vague(self.lexicon), evocations(self.lexicon).allowing
        return reject(candidates, lambda source, text: _fault(source, text, vague, acts), self.lexicon)


@lru_cache(maxsize=8)
def _vague(extend: str) -> Phrases:
    known = lexicon(extend)
    lists = known.lists["vague"]
    return known.phrases(lists["words"]) | known.phrases(lists["phrases"])


def _fault(source: Reading, text: Reading, vague: Phrases, acts: Phrases) -> str:
    if not holds(text, vague) - holds(source, vague):
        return ""
    return "euphemism" if any(_hidden(unit, text, acts) for unit in source.units) else ""


def _hidden(unit: Unit, text: Reading, acts: Phrases) -> bool:
    """Whether a word of the anomaly has no answer in the rewrite."""
    words = tuple(unit.lemma.split())
    evokes = words in acts or any((word,) in acts for word in words)
    return evokes and not any(unit.agrees(other) for other in text.units)
