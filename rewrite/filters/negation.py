"""Is what did not happen still what did not happen? A lost or a new "not" turns a caption round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rewrite.filters.rules import judge_each
from rewrite.lexicon import lexicon
from rewrite.reading import Reading, Unit
from rewrite.records import Candidate, Verdict
from rewrite.settings import setting

_DOUBTS = frozenset({"negation_count"})
_OBJECTS = frozenset({"nothing", "none", "nobody"})  # "pays nothing" denies what stands before it
_NOBODY = frozenset({"nobody"})
_PEOPLE = frozenset({"one", "body", "soul", "people", "person"})
REACH = 3  # units of content that one "not" may govern, within its clause


@dataclass(frozen=True)
class Negation:
    """Reasons: negation, negation_count. "There is no one in the corridor" and "the hallway is empty" agree.

    What one caption denies and the other asserts drops alone: no similarity sees it. Where only one of them denies
    anything, but nothing that the other speaks of, it is a doubt.
    """

    lexicon: str = setting("", "a YAML file that adds to rewrite/lexicons")

    def identity(self) -> dict[str, Any]:
        return {"lexicon": lexicon(self.lexicon).digest}

    def judge(self, candidates: Sequence[Candidate]) -> list[Verdict]:
        cues = _cues(self.lexicon)
        return judge_each(candidates, lambda source, text: _fault(source, text, cues), _DOUBTS, self.lexicon)


@dataclass(frozen=True, slots=True)
class _Cues:
    hard: frozenset[str]  # deny what follows
    soft: frozenset[str]  # may answer a hard cue of the other caption, ask for none
    absent: dict[str, frozenset[str]]  # word -> concepts it denies by itself
    harmless: tuple[tuple[str, ...], ...]


@lru_cache(maxsize=8)
def _cues(extend: str) -> _Cues:
    lists = lexicon(extend).lists["negation"]
    absent = {word: frozenset(denied) for word, denied in lists["absent"].items()}
    harmless = tuple(tuple(phrase.split()) for phrase in lists["harmless"])
    return _Cues(frozenset(lists["cues"].split()), frozenset(lists["soft"].split()), absent, harmless)


def _fault(source: Reading, text: Reading, cues: _Cues) -> str:
    denied, answered = _denials(source, cues.hard, cues), _denials(text, cues.hard, cues)
    soft = _denials(source, cues.soft, cues), _denials(text, cues.soft, cues)
    if _turned(denied, answered + soft[1], text) or _turned(answered, denied + soft[0], source):
        return "negation"
    if bool(denied) != bool(answered):
        other = text if denied else source
        if not any(word in cues.soft for word in (*other.lemmas, *other.words)):
            return "negation_count"
    return ""


def _turned(denied: list[_Denial], answered: list[_Denial], other: Reading) -> bool:
    """Whether the other caption asserts something of what is denied, and denies none of it."""
    for denial in denied:
        matches = [u for u in other.units if denial.of(u) and u.word not in _OBJECTS]
        if matches and not any(a.of_any(denial) or a.of(u) for a in answered for u in matches):
            return True
    return False


@dataclass(frozen=True, slots=True)
class _Denial:
    units: tuple[Unit, ...]
    concepts: frozenset[str]

    def of(self, unit: Unit) -> bool:
        return not self.concepts.isdisjoint(unit.concepts) or any(u.agrees(unit) for u in self.units)

    def of_any(self, other: _Denial) -> bool:
        return not self.concepts.isdisjoint(other.concepts) or any(self.of(u) for u in other.units)


def _denials(reading: Reading, words: frozenset[str], cues: _Cues) -> list[_Denial]:
    found = []
    for place, (word, lemma) in enumerate(zip(reading.words, reading.lemmas, strict=True)):
        if word in cues.absent:
            found.append(_Denial((), cues.absent[word]))
        elif (word in words or lemma in words) and not _harmless(reading.words, place, cues):
            clause = reading.clauses[place]
            scope = [u for u in reading.units if u.place + u.length - 1 > place and u.clause == clause][:REACH]
            if word in _OBJECTS and not scope:
                scope = [u for u in reading.units if u.place < place and u.clause == clause][-1:]
            found.append(_Denial(tuple(scope), _NOBODY if _nobody(reading, place) else frozenset()))
    return found


def _nobody(reading: Reading, place: int) -> bool:
    """Whether the cue denies people: "nobody", "no one", "not a soul"."""
    following = reading.lemmas[place + 1 : place + 3]
    return reading.words[place] == "nobody" or not _PEOPLE.isdisjoint(following)


def _harmless(words: tuple[str, ...], place: int, cues: _Cues) -> bool:
    for phrase in cues.harmless:
        for begin in range(max(0, place - len(phrase) + 1), place + 1):
            if words[begin : begin + len(phrase)] == phrase:
                return True
    return False
