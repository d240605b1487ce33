"""When does what happen? The acts of a caption set on a line by the order of its clauses and by words that move them.

"X after Y" sets Y in front of X, "before Y, X" sets Y behind the sentence. What a caption does not say stays unsaid:
"while" has no place on the line, and two acts are told apart in time only where a word of order stands with them.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import lru_cache

from rewrite.lexicon import lexicon
from rewrite.reading import Reading, Unit, once, read
from rewrite.stretches import is_measure, main_behind, phrase_end
from rewrite.syntax import tags

_DONE = frozenset({"already", "just"})  # "has just been lifted out"
Phrases = dict[tuple[str, ...], str]
_LONGEST = 3
_DENIED = frozenset({"not", "never", "without", "no", "nobody", "cannot"})  # what does not happen has no time
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


@dataclass(slots=True)
class _Clause:
    kind: str  # main, after, before, when, while, beside
    begin: int
    fronted: bool
    sentence: int
    goes_on: bool = False  # joined by "and" to a clause of its kind
    named: Unit | None = None  # the first noun in it
    over: bool = False  # whether it tells what has been done already
    units: list[Unit] = field(default_factory=list)
    end: int = 0


@once
def timeline(text: str, extend: str = "") -> Timeline:
    """Reads a caption's order; equal texts are read once."""
    reading = read(text, extend)
    letters = tags(text, extend)
    acts, words = lexicon(extend).acts, reading.words
    clauses, marks = _clauses(reading, letters, extend)
    bounds = [c.begin for c in clauses]
    denies = not _DENIED.isdisjoint(words)
    for unit in reading.units:
        verb = "V" in letters[unit.place : unit.place + unit.length]
        number = bisect_right(bounds, unit.place + unit.length - 1) - 1
        clause = clauses[number]
        # A noun of doing counts where a word of order opens on it: "after the brawl".
        # So does one that an empty verb brings in: "has a chat".
        if denies and _denied(words, letters, clause.begin, unit.place):
            continue
        if letters[unit.place + unit.length - 1] == "N" and letters[unit.place + unit.length :][:1] != "N":
            clause.named = clause.named or unit
        doing = not unit.concepts.isdisjoint(acts)
        held = clause.kind in ("after", "before") or "A" in letters[clause.begin : unit.place]
        held = held or words[clause.begin] == "during"
        empty = all(u.lemma in _EMPTY for u in clause.units)
        if (
            verb
            or (doing and empty and letters[unit.place] == "N" and (held or clause.units))
            or (doing and letters[unit.place] == "A")
        ):
            clause.units.append(unit)
    for clause in clauses:
        verbless = words[clause.begin : clause.begin + 1] == ("during",) or _verbless(clause, letters, clause.end + 1)
        if clause.named and not clause.units and verbless:
            clause.units.append(clause.named)  # "after the whistle"
    return Timeline(tuple(_line(clauses, letters)), tuple(marks))


def may_order(text: str, extend: str = "") -> bool:
    """Whether a caption holds a word that a word of order needs: without one its line has no marks."""
    return not _telling(extend).isdisjoint(read(text, extend).words)


@lru_cache(maxsize=8)
def _telling(extend: str) -> frozenset[str]:
    """The words that mark an order, and of each phrase that does its (last) longest word: few captions hold one."""
    singles, phrases, _, _ = _marks(extend)
    kinds = ("after", "before", "then", "first")
    longest = {max(reversed(phrase), key=len) for phrase, kind in phrases.items() if kind in kinds}
    return _DONE.union(longest, (word for word, kind in singles.items() if kind in kinds))


def _denied(words: tuple[str, ...], letters: str, begin: int, place: int) -> bool:
    """Whether what stands behind the last verb, or the clause's begin, denies this one."""
    last = letters.rfind("V", begin, place)
    return any(
        words[at] in _DENIED and words[at + 1 : at + 2] not in (("until",), ("sooner",))
        for at in range(max(begin, last + 1), place + 1)
    )


def _clauses(reading: Reading, letters: str, extend: str) -> tuple[list[_Clause], list[int]]:
    """The caption cut where clauses begin, each with what its first word makes of it; and the words of order."""
    singles, phrases, stretches, times = _marks(extend)
    counted = lexicon(extend).words("numbers", "ends")  # behind "once", a count
    words = reading.words
    clauses = [_Clause("main", 0, False, 0)]
    marks: list[int] = []
    sentence, place = 0, 0
    starts = True  # whether a sentence begins here
    inside = {p for u in reading.units for p in range(u.place + 1, u.place + u.length)}  # "runs after him"
    while place < len(words):
        kind, length = (
            ("", 1) if place in inside else _mark(reading, place, singles, phrases, stretches, times, counted)
        )
        letter = letters[place]
        if words[place] == "till" and letter != "C":
            kind = ""  # a cash desk
        if letter == "S":
            sentence += words[place] in ".;!?"
            clauses.append(_Clause("main", place, False, sentence))
            starts = words[place] in ".;!?" or starts
        elif kind in ("then", "first") and letters[place + length : place + length + 1] in ("S", "J", ""):
            marks.append(place)  # "and explodes a few seconds later"
        elif kind in ("then", "first"):
            marks.append(place)
            held = clauses[-1] if clauses[-1].kind in ("after", "before", "when", "while") else None
            if (
                held is not None
                and held.goes_on
                and not held.fronted
                and place == held.begin + 1
                and held.kind != "after"
            ):
                held = None  # "is stopped as she reaches the door and afterwards steals": the main clause goes on
            if held is None:  # within "until he at last opens" it moves nothing
                clauses.append(_Clause("main" if kind == "then" else "first", place, False, sentence))
        elif kind and not (
            length == 1 and words[place] == "as" and letters[place + 1 : place + 2] not in ("D", "N", "R", "A")
        ):
            if kind in ("after", "before"):
                marks.append(place)
            joined = [w for w in words[max(0, place - 2) : place] if w != ","][-1:]
            fronted = (
                starts
                or joined in (["and"], ["but"])
                or is_measure(reading, letters, clauses[-1].begin, place, stretches)
            )
            clauses.append(_Clause(kind, place, fronted, sentence))
            if (end := main_behind(letters, place + length)) is not None:
                clauses.append(_Clause("main", end, False, sentence))  # "after the whistle the keeper runs"
        elif (
            words[place] in ("he", "she", "they")
            and clauses[-1].kind != "main"
            and "V" in letters[clauses[-1].begin : place]
        ):
            clauses.append(_Clause("main", place, False, sentence))  # "when the music stops he trips"
        elif words[place] == "during":
            clauses.append(_Clause("while", place, starts, sentence))
            clauses.append(_Clause("main", phrase_end(letters, place + 1), False, sentence))
        elif words[place] == "," or (letter == "J" and words[place] != ","):
            last = clauses[-1]
            # "After he had hit her and run", but not "hits him after the whistle and runs".
            goes_on = words[place] != "," and last.kind != "main" and not _verbless(last, letters, place)
            kind = last.kind if goes_on else "main"
            clauses.append(_Clause(kind, place, last.fronted and goes_on, sentence, goes_on))
        elif words[place] == "by" and letters[place + 1 : place + 2] == "V":
            clauses.append(_Clause("beside", place, False, sentence))  # "by rocking it": how, not when
        elif words[place] == "to" and letters[place + 1 : place + 2] == "V" and letters[place - 1 : place] == "N":
            clauses.append(_Clause("beside", place, False, sentence))  # what for
        elif words[place] == "that" and letter in "WC" and _cleft(words, clauses, sentence):
            clauses.append(_Clause("main", place, False, sentence))  # "it was only then that he left"
        elif words[place] in _DONE and letters[place - 1 : place] == "A" and _over(words, place, clauses):
            marks.append(place)  # "but the baby has just been lifted out"
            clauses[-1].over = True
            if len(clauses) > 1 and clauses[-1].sentence == clauses[-2].sentence:
                clauses[-1].kind = "first"
        elif words[place] in ("has", "have", "had") and _over_by_then(letters, place, clauses):
            clauses[-1].kind = "first"  # "when the band comes, half of them have left"
        elif words[place] == "than" and clauses[-1].kind == "after":
            clauses.append(_Clause("main", place, False, sentence))  # "no sooner had he left than it fell"
        elif (
            letter == "C"
            and words[place] in ("after", "before", "until", "till")
            and times & {*words[place + 1 : place + 2]}
        ):
            pass  # "before lunch" opens no clause
        elif letter == "W" or letter == "C":
            after_comma = place > 0 and words[place - 1] == "," and "had" not in words[place + 1 : place + 3]
            goes_on = (letter == "W" and after_comma) or words[place] == "so"
            clauses.append(_Clause("main" if goes_on else "beside", place, False, sentence))
        if letter not in "SJX":
            starts = False
        place += max(1, length)
    for one, other in zip(clauses, [*clauses[1:], None], strict=True):
        one.end = len(words) - 1 if other is None else max(one.begin, other.begin - 1)
    return clauses, marks


def _over_by_then(letters: str, place: int, clauses: list[_Clause]) -> bool:
    """Whether a main clause behind "when" tells what is over by then."""
    perfect = letters[place] == "A" and letters[place + 1 :].lstrip("X")[:1] == "V"
    return perfect and len(clauses) > 1 and (clauses[-2].kind, clauses[-1].kind) == ("when", "main")


def _over(words: tuple[str, ...], place: int, clauses: list[_Clause]) -> bool:
    """Whether a main clause tells what is over by the time of the clause in front of it."""
    return words[place - 1] in ("has", "have", "had") and clauses[-1].kind == "main"


def _verbless(clause: _Clause, letters: str, end: int) -> bool:
    """Whether what a word of order opens is told by a noun alone."""
    return (
        clause.kind in ("after", "before")
        and "V" not in letters[clause.begin : end]
        and "A" not in letters[clause.begin : end]
    )


def _cleft(words: tuple[str, ...], clauses: list[_Clause], sentence: int) -> bool:
    """Whether a sentence, or what it joins on, begins with "it was"."""
    begins = (c.begin for c in clauses if c.sentence == sentence)
    return any(
        w[:1] == ("it",) and w[1:2] in (("is",), ("was",))
        for begin in begins
        for w in (words[begin : begin + 2], words[begin + 1 : begin + 3])
    )


def _mark(
    reading: Reading,
    place: int,
    singles: dict[str, str],
    phrases: Phrases,
    stretches: frozenset[str],
    times: frozenset[str],
    counted: frozenset[str],
) -> tuple[str, int]:
    """(what kind of word of order begins here, the words it takes)."""
    words = reading.words
    for length in range(_LONGEST, 1, -1):
        kind = phrases.get(words[place : place + length])
        if kind:
            return kind, length
    kind = singles.get(words[place], "")
    if kind == "first" and place and words[place - 1] in ("the", "his", "her", "its", "their", "at"):
        return "", 1  # "the first one"
    if kind == "after" and words[place] == "having" and place and words[place - 1][0].isalnum():
        return "", 1
    if words[place] == "once" and (place + 1 == len(words) or words[place + 1] in counted or words[place - 1] == "at"):
        return "", 1
    if kind in ("after", "before") and times & {*words[place + 1 : place + 2]}:
        return "", 1  # "until dawn" sets no act behind another
    if kind in ("after", "before"):
        for ahead in range(place + 1, min(place + 5, len(words))):
            if reading.lemmas[ahead] in stretches:
                return ("then" if kind == "after" else "first"), 1
            if words[ahead] in ("the", "he", "she", "they", "it", "his", "her") or not words[ahead][0].isalnum():
                break
    return kind, 1


def _line(clauses: list[_Clause], letters: str) -> list[Event]:
    """Sets each sentence's acts in their order, sentence after sentence."""
    found: list[Event] = []
    sentences = sorted({c.sentence for c in clauses})
    for number in sentences:
        line: list[tuple[_Clause, Unit, bool]] = []
        last: list[tuple[_Clause, Unit, bool]] = []
        latest: tuple[_Clause, Unit, bool] | None = None  # what "after" is said of
        over = False  # whether the last clause tells what had been done
        for clause in (c for c in clauses if c.sentence == number):
            entries = [(clause, unit, False) for unit in clause.units]
            if clause.kind == "before" and clause.fronted:
                last += entries[:1]  # without a comma, what follows its verb is the main clause's
                line += entries[1:]
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
                line = [*entries, *line]
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
            found.append(Event(unit, float(base + offset), span, clause.kind, loose_, number, listed))
    return found


@lru_cache(maxsize=8)
def _marks(extend: str) -> tuple[dict[str, str], Phrases, frozenset[str], frozenset[str]]:
    lists = lexicon(extend).lists["order"]
    kinds = ("after", "before", "then", "when", "while", "first")
    singles = {word: kind for kind in kinds for word in lists[kind].split()}
    phrases = {
        tuple(phrase.split()): kind
        for kind, said in lists["phrases"].items()
        for phrase in map(str.strip, said.split(","))
    }
    return singles, phrases, frozenset(lists["stretches"].split()), frozenset(lists["times"].split())
