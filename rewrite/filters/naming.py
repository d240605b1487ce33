"""Does the description tell its own class, and no other? What a class is called besides its name is in labels.yaml."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rewrite.filters.labels import Phrases, evocations
from rewrite.filters.rules import rule_identity
from rewrite.lexicon import LONGEST, Lexicon, lexicon
from rewrite.reading import Reading, read
from rewrite.records import Candidate, Verdict
from rewrite.settings import describe, setting
from rewrite.templates import NORMAL

_NEAR = 4  # words that "not" sets apart


@dataclass(frozen=True)
class Naming:
    """Reasons: contrast_only, other_class (it names another), off_class (it evokes other anomalies only), not_normal.

    A description made to tell two classes apart may name another class where it sets it apart ("unlike a burglary",
    "not a fight"); what is left without such words must still be a description.
    """

    classes: tuple[str, ...] = setting((), "names of all classes, as they are asked for; the run fills them in")
    contrasting: tuple[str, ...] = setting(("confusion",), "templates whose descriptions may set another class apart")
    fewest: int = setting(4, "words that must be left of a description without what it sets apart")
    lexicon: str = setting("", "a YAML file that adds to rewrite/lexicons")

    def identity(self) -> dict[str, Any]:
        return {**describe(self), **rule_identity(self.lexicon)}

    def judge(self, candidates: Sequence[Candidate]) -> list[Verdict]:
        return [Verdict(not (reason := self._fault(c)), reason) for c in candidates]

    def _fault(self, candidate: Candidate) -> str:
        own, reading = candidate.draft.source, read(candidate.text, self.lexicon)
        apart: set[int] = set()
        if candidate.draft.template in self.contrasting:
            apart = _set_apart(reading, lexicon(self.lexicon))
            left = [word for i, word in enumerate(reading.words) if i not in apart and word[0].isalnum()]
            if apart and len(left) < self.fewest:
                return "contrast_only"
        if any(not apart.issuperset(span) for span, _ in _places(reading, self._foreign(own))):
            return "other_class"
        words = evocations(self.lexicon)
        told = {p for span, p in _places(reading, frozenset(words.strong)) if apart.isdisjoint(span)}
        told -= lexicon(self.lexicon).phrases(lexicon(self.lexicon).lists["labels"]["ambiguous"])
        if own.casefold() == NORMAL:
            return "not_normal" if told else ""
        expected = _listed("classes", own, self.lexicon)
        allowed = {
            f for span, p in _places(reading, frozenset(words.all)) if apart.isdisjoint(span) for f in words.all[p]
        }
        return "off_class" if expected and told and expected.isdisjoint(allowed) else ""

    def _foreign(self, own: str) -> Phrases:
        """What the other classes are called, less what this one is called too."""
        others = (name for name in self.classes if name != own and name.casefold() != NORMAL)
        return frozenset().union(*(_called(name, self.lexicon) for name in others)) - _called(own, self.lexicon)


@lru_cache(maxsize=1024)
def _called(name: str, extend: str) -> Phrases:
    """What labels.yaml says a class is called; of a class it does not know, the name in all its forms."""
    listed = _listed("names", name, extend)
    return frozenset(tuple(other.split()) for other in listed) or frozenset({lexicon(extend).lemmas(name)})


@lru_cache(maxsize=1024)
def _listed(kind: str, name: str, extend: str) -> frozenset[str]:
    """What labels.yaml lists for a class, however its name is written: `RoadAccidents` is "road accidents"."""
    lists = {_letters(key): value for key, value in lexicon(extend).lists["labels"][kind].items()}
    return frozenset(part.strip() for part in str(lists.get(_letters(name), "")).split(",") if part.strip())


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))


def _places(reading: Reading, phrases: Phrases) -> Iterator[tuple[range, tuple[str, ...]]]:
    """Where a text holds which of the phrases, read as lemmas and as written."""
    for sequence in (reading.lemmas, reading.words):
        for begin in range(len(sequence)):
            for end in range(begin + 1, min(begin + LONGEST, len(sequence)) + 1):
                if sequence[begin:end] in phrases:
                    yield range(begin, end), sequence[begin:end]


def _set_apart(reading: Reading, known: Lexicon) -> set[int]:
    """Indices of the words that speak of what the class is not."""
    cues = known.lists["labels"]["contrast"]
    clause, near = ({word.strip() for word in cues[kind].split(",")} for kind in ("clause", "near"))
    found: set[int] = set()
    for place, word in enumerate(reading.words):
        reach = len(reading.words) if word in clause else place + 1 + _NEAR if word in near else 0
        for i in range(place, min(reach, len(reading.words))):
            if not reading.words[i][0].isalnum():
                break
            found.add(i)
    return found
