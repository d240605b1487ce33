"""Does it happen in the same order? "Hits him, then runs" is not "runs, then hits him"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rewrite.filters.rules import reject
from rewrite.lexicon import lexicon
from rewrite.reading import Reading, Unit
from rewrite.records import Candidate, Verdict
from rewrite.settings import setting

_STOPS = frozenset({".", ";", "!", "?"})


@dataclass(frozen=True)
class Order:
    """Reason: order. Acts are set on a line by their clauses and by words such as "after", "before", "then".

    Drops alone: inference models pass a third of these, and where no word of order stands nothing is compared.
    """

    lexicon: str = setting("", "a YAML file that adds to rewrite/lexicons")

    def identity(self) -> dict[str, Any]:
        return {"lexicon": lexicon(self.lexicon).digest}

    def judge(self, candidates: Sequence[Candidate]) -> list[Verdict]:
        marks, acts = _marks(self.lexicon), lexicon(self.lexicon).acts
        return reject(candidates, lambda source, text: _fault(source, text, marks, acts), self.lexicon)


@dataclass(frozen=True, slots=True)
class _Marks:
    after: frozenset[str]  # what follows it came first
    before: frozenset[str]  # what follows it came later
    then: frozenset[str]  # its own clause came later
    during: frozenset[str]  # its clause is at the same time


@lru_cache(maxsize=8)
def _marks(extend: str) -> _Marks:
    lists = lexicon(extend).lists["order"]
    return _Marks(*(frozenset(lists[name].split()) for name in ("after", "before", "then", "during")))


def _fault(source: Reading, text: Reading, marks: _Marks, acts: frozenset[str]) -> str:
    first, told = _line(source, marks, acts)
    second, retold = _line(text, marks, acts)
    if not told and not retold:
        return ""
    pairs = [(a, b) for a, b in _matched(first, second) if _in_company(a, source, b, text)]
    for i, (a, b) in enumerate(pairs):
        for c, d in pairs[i + 1 :]:
            was, now = first[c] - first[a], second[d] - second[b]
            if was * now < 0 and ((told and abs(was) != 0) or retold):
                return "order"
    return ""


def _in_company(one: Unit, source: Reading, other: Unit, text: Reading) -> bool:
    """Whether their clauses speak of something in common: "lifts her visor" does not answer "lift the beam"."""
    here = [u for u in source.units if u.clause == one.clause and u is not one]
    there = [u for u in text.units if u.clause == other.clause and u is not other]
    return not here or not there or any(u.agrees(v) for u in here for v in there)


def _matched(first: dict[Unit, float], second: dict[Unit, float]) -> list[tuple[Unit, Unit]]:
    """Acts that answer each other and nothing else (a word said twice tells no order); equal words before meanings."""
    found: list[tuple[Unit, Unit]] = []
    for same in (lambda a, b: a.lemma == b.lemma, lambda a, b: bool(a.stems & b.stems), Unit.agrees):
        left = [u for u in first if all(u is not a for a, _ in found)]
        right = [u for u in second if all(u is not b for _, b in found)]
        for unit in left:
            answers = [other for other in right if same(unit, other)]
            if len(answers) == 1 and sum(same(u, answers[0]) for u in left) == 1:
                found.append((unit, answers[0]))
    return found


def _line(reading: Reading, marks: _Marks, acts: frozenset[str]) -> tuple[dict[Unit, float], bool]:
    """(act -> time, whether a word of order was used). Times are numbers of clauses, moved by marks.

    "X after Y and Z" sets Y and Z before the whole sentence, "before Y, X" sets Y behind it; what happens "while" has
    no place on the line.
    """
    time: dict[int, float] = {}
    told, moved = False, 0.0
    first = 0  # clause with which the sentence begins
    for place, word in enumerate(reading.words):
        clause = reading.clauses[place]
        begins = place == 0 or reading.words[place - 1] in _STOPS
        if begins:
            first, moved = clause, 0.0
        opens = clause not in time and word[0].isalnum()
        told |= word in marks.then or (opens and word in marks.after | marks.before)
        if word in _STOPS or word == ",":
            moved = 0.0
        elif opens and word in marks.after:
            moved = 0.0 if begins else first - 0.9 - clause
        elif opens and word in marks.before:
            moved = _end(reading, place) - clause if begins else 0.0
        elif opens and word in marks.during:
            moved = float("nan")
        elif opens and word != "and":
            moved = 0.0
        if opens:
            time[clause] = clause + moved
    line: dict[Unit, float] = {}
    for unit in reading.units:
        when = time.get(unit.clause, float(unit.clause))
        if not unit.concepts.isdisjoint(acts) and when == when:
            line[unit] = when
    return line, told


def _end(reading: Reading, place: int) -> float:
    """Behind the last clause of the sentence that a word stands in."""
    ends = (reading.clauses[p] for p in range(place, len(reading.words)) if reading.words[p] in _STOPS)
    return next(ends, reading.clauses[-1] + 1) - 0.5
