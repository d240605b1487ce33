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
    pairs = _matched(first, second)
    for i, (a, b) in enumerate(pairs):
        for c, d in pairs[i + 1 :]:
            was, now = first[c] - first[a], second[d] - second[b]
            if was * now < 0 and ((told and abs(was) != 0) or retold):
                return "order"
    return ""


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
    """(act -> time, whether a word of order was used). Times are clause numbers, moved by the marks."""
    shift: dict[int, float] = {}
    told = False
    begun: set[int] = set()
    for place, word in enumerate(reading.words):
        clause = reading.clauses[place]
        opens = clause not in begun and word[0].isalnum()
        if opens:
            begun.add(clause)
        leading = place == 0 or reading.words[place - 1] in _STOPS
        if word in marks.after and opens:
            told = True
            if not leading:
                shift[clause] = -1.5
        elif word in marks.before and opens:
            told = True
            if leading:  # "before X, Y and Z": X is the sentence's last
                ends = [c for p, c in enumerate(reading.clauses) if p > place and reading.words[p] in _STOPS]
                shift[clause] = (ends[0] if ends else reading.clauses[-1] + 1) - clause - 0.5
        elif word in marks.then:
            told = True
        elif word in marks.during and opens:
            shift[clause] = float("nan")
    times: dict[Unit, float] = {}
    for unit in reading.units:
        if not unit.concepts.isdisjoint(acts):
            time = unit.clause + shift.get(unit.clause, 0.0)
            if time == time:  # an act "while" another has no place on the line
                times[unit] = time
    return times, told
