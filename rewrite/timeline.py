"""When does what happen? The acts of a caption set on a line by the order of its clauses and by words that move them.

"X after Y" sets Y in front of X, "before Y, X" sets Y behind the sentence. What a caption does not say stays unsaid:
"while" has no place on the line, and two acts are told apart in time only where a word of order stands with them.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from rewrite.clause import Clause
from rewrite.clauses import HAD, WHEN, cut
from rewrite.lexicon import lexicon
from rewrite.order_words import telling
from rewrite.reading import Reading, Unit, once, read
from rewrite.syntax import tags

_DENIED = frozenset({"not", "never", "without", "no", "nobody", "cannot"})  # what does not happen has no time
_CLEFT = (("it", "is"), ("it", "was"))  # "it is his nod that she waits for"
_EMPTY = frozenset({"finish", "end", "stop", "complete", "start", "begin", "have", "take", "give", "make"})


@dataclass(slots=True, unsafe_hash=True)
class Event:
    """An act on the line.

    Attributes:
        unit: the verb, or a noun of doing ("after the brawl").
        time: its place on the line.
        clause: (first, last) word of the clause it stands in.
        kind: of its clause: main, first, after, before, when, while, or beside (a relative clause, a reason).
        loose: whether it was moved in front of one act only; the acts before that one are not compared with it.
        sentence: number of its sentence.
        listed: whether it stands in a main clause as a verb with no auxiliary, one of a row that is told in its order.
    """

    unit: Unit
    time: float
    clause: tuple[int, int]
    kind: str
    loose: bool
    sentence: int
    listed: bool = False


@dataclass(frozen=True, slots=True)
class Timeline:
    """All acts of a caption, and the places of its words of order."""

    events: tuple[Event, ...]
    marks: tuple[int, ...]

    def told(self, one: Event, other: Event) -> bool:
        """Whether a word of order stands with two acts, or between them."""
        begin, end = min(one.clause[0], other.clause[0]), max(one.clause[1], other.clause[1])
        return any(begin <= mark <= end for mark in self.marks)


@once
def timeline(text: str, extend: str = "") -> Timeline:
    """Reads a caption's order; equal texts are read once."""
    reading = read(text, extend)
    letters = tags(text, extend)
    acts, words = lexicon(extend).acts, reading.words
    clauses, marks = cut(reading, letters, extend)
    bounds = [c.begin for c in clauses]
    denies = not _DENIED.isdisjoint(words)
    for unit in reading.units:
        verb = "V" in letters[unit.place : unit.place + unit.length]
        number = bisect_right(bounds, unit.place + unit.length - 1) - 1
        clause = clauses[number]
        # A noun of doing counts where a word of order opens on it: "after the brawl".
        # So does one that an empty verb brings in: "has a chat".
        if denies and denied(words, letters, clause.begin, unit.place):
            continue
        if letters[unit.place + unit.length - 1] == "N" and letters[unit.place + unit.length :][:1] != "N":
            clause.named = clause.named or unit
        doing = not unit.concepts.isdisjoint(acts)
        held = clause.kind in ("after", "before") or "A" in letters[clause.begin : unit.place]
        held = (held or words[clause.begin] == "during") and words[clause.begin : clause.begin + 2] not in _CLEFT
        empty = all(u.lemma in _EMPTY for u in clause.units)
        if (
            verb
            or (
                doing
                and empty
                and letters[unit.place] == "N"
                and (held or clause.units)
                and not _told_behind(reading, letters, unit, clause.end)
            )
            or (doing and letters[unit.place] == "A")
        ):
            clause.units.append(unit)
    for clause in clauses:
        verbless = words[clause.begin : clause.begin + 1] == ("during",) or clause.verbless(letters, clause.end + 1)
        if clause.named and not clause.units and verbless:
            clause.units.append(clause.named)  # "after the whistle"
    return Timeline(tuple(_line(clauses, letters)), tuple(marks))


def may_order(text: str, extend: str = "") -> bool:
    """Whether a caption holds a word that a word of order needs: without one its line has no marks."""
    words = read(text, extend).words
    perfect = "had" in words or not (HAD.isdisjoint(words) or (WHEN | {"because"}).isdisjoint(words))
    return perfect or not telling(extend).isdisjoint(words)


def denied(words: tuple[str, ...], letters: str, begin: int, place: int) -> bool:
    """Whether what stands behind the last verb, or the clause's begin, denies this one."""
    last = letters.rfind("V", begin, place)
    return any(
        words[at] in _DENIED and words[at + 1 : at + 2] not in (("until",), ("sooner",))
        for at in range(max(begin, last + 1), place + 1)
    )


def _told_behind(reading: Reading, letters: str, unit: Unit, end: int) -> bool:
    """Whether a verb of its own follows in the clause: "by the time the guard wakes" guards nothing."""
    behind = range(unit.place + unit.length, end + 1)
    return any(letters[place] == "V" and reading.lemmas[place] not in _EMPTY for place in behind)


def _formed(unit: Unit) -> bool:
    """Whether a verb ends in -ing, and is no "ring"."""
    return unit.word.endswith("ing") and unit.lemma.split()[0] != unit.word


def _line(clauses: list[Clause], letters: str) -> list[Event]:
    """Sets each sentence's acts in their order, sentence after sentence."""
    found: list[Event] = []
    sentences = sorted({c.sentence for c in clauses})
    for number in sentences:
        line: list[tuple[Clause, Unit, bool]] = []
        last: list[tuple[Clause, Unit, bool]] = []
        latest: tuple[Clause, Unit, bool] | None = None  # what "after" is said of
        over = False  # whether the last clause tells what had been done
        for clause in (c for c in clauses if c.sentence == number):
            entries = [(clause, unit, False) for unit in clause.units]
            if clause.kind == "before" and clause.fronted:
                # Without a comma, what follows its verb is the main clause's.
                own = len(entries) if letters[clause.end + 1 : clause.end + 2] == "J" else 1
                last += entries[:own]
                line += entries[own:]
            elif clause.kind == "when" and not clause.fronted and line and over:
                line += entries  # "had already left when the clerk looked up"
            elif clause.kind in ("after", "when") and not clause.fronted and line:
                loose = [(clause, unit, True) for unit in clause.units]
                anchor = next((n for n, entry in enumerate(line) if entry is latest), len(line) - 1)
                anchor += clause.goes_on
                line[anchor:anchor] = loose
                latest = loose[-1 if clause.goes_on else 0] if loose else latest
                continue
            elif clause.kind == "first" and line:
                first = next((n for n, (c, *_) in enumerate(line) if c.kind != "first"), len(line))
                line[first:first] = entries
            else:
                line += entries
            latest = entries[-1] if entries else latest
            over = clause.over
        base = len(found)
        for offset, (clause, unit, loose_) in enumerate((*line, *last)):
            span = (clause.begin, clause.end)
            plain = (
                letters[unit.place] == "V" and letters[unit.place - 1 :][:1] != "A" and not unit.word.endswith("ing")
            )
            listed = plain and clause.kind == "main" and letters[clause.begin] != "W"
            told_of = clause.kind == "main" and _formed(unit) and letters[unit.place - 1 :][:1] == "N"
            kind = "beside" if told_of and unit.place else clause.kind  # "a van flashing its lights"
            found.append(Event(unit, float(base + offset), span, kind, loose_, number, listed))
    return found
