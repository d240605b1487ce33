"""Where does a clause begin, and what does its first word make of it? A caption cut for the line of its acts.

"After", "before", "when" and "while" open a clause of their kind, "then" and "first" set one behind or in front of what
stands before it, "who", "because" and "by" open one that has no place of its own. All else is told by main clauses.
"""

from __future__ import annotations

from itertools import pairwise

from rewrite.clause import Clause
from rewrite.order_words import DONE, OrderWords, order_words
from rewrite.reading import Reading
from rewrite.stretches import is_measure, main_behind, phrase_end

HAD = frozenset({"has", "have", "had"})
_HARDLY = frozenset({"hardly", "scarcely", "barely"})
_EARLIER = frozenset({"before", "beforehand", "earlier", "previously"})
WHEN = frozenset({"when", "whenever", "as"})
_MAY_OPEN = DONE | HAD | {"he", "she", "they", "that", "than", "during", "by", "to"}  # though no word of order


def cut(reading: Reading, letters: str, extend: str) -> tuple[list[Clause], list[int]]:
    """The clauses of a caption, in order, still without their acts; and the places of its words of order."""
    cutter = _Cutter(reading, letters, order_words(extend))
    cutter.walk()
    for one, other in pairwise(cutter.clauses):
        one.end = max(one.begin, other.begin - 1)
    cutter.clauses[-1].end = len(reading.words) - 1
    return cutter.clauses, cutter.marks


class _Cutter:
    """Walks the words of a caption once, and cuts where one of them opens a clause."""

    def __init__(self, reading: Reading, letters: str, known: OrderWords) -> None:
        self.reading, self.words, self.letters, self.known = reading, reading.words, letters, known
        self.clauses = [Clause("main", 0, False, 0)]
        self.marks: list[int] = []
        self.sentence = 0
        self.starts = True  # whether a sentence begins here

    def walk(self) -> None:
        words, letters, heads = self.words, self.letters, self.known.heads
        inside = {p for u in self.reading.units for p in range(u.place + 1, u.place + u.length)}  # "runs after him"
        place = 0
        while place < len(words):
            word, letter = words[place], letters[place]
            kind, length = "", 1
            if word in heads and place not in inside:
                kind, length = self.known.at(self.reading, letters, place)
            if letter == "S":
                self._stop(place)
            elif kind in ("then", "first"):
                self._turn(kind, place, length)
            elif kind and (length > 1 or word != "as" or letters[place + 1 : place + 2] in ("D", "N", "R", "A")):
                self._order(kind, place, length)
            elif letter in "JWC" or word in _MAY_OPEN:
                self._other(place)
            if letter not in "SJX":
                self.starts = False
            place += length

    def _open(self, kind: str, place: int, fronted: bool = False, goes_on: bool = False) -> None:
        self.clauses.append(Clause(kind, place, fronted, self.sentence, goes_on))

    def _stop(self, place: int) -> None:
        ends = self.words[place] in ".;!?"
        self.sentence += ends
        self.starts = self.starts or ends
        self._open("main", place)

    def _turn(self, kind: str, place: int, length: int) -> None:
        """ "Then" or "first": within "until he at last opens" it moves nothing."""
        self.marks.append(place)
        if self.letters[place + length : place + length + 1] in ("S", "J", ""):
            if kind == "first" and self.words[place] in _EARLIER:
                self._set_in_front()
            return  # "and explodes a few seconds later"
        last = self.clauses[-1]
        if self.words[place + length - 1] == "which" and "had" in self.words[place + length : place + length + 3]:
            self.marks.pop()
            self._open("beside", place + length - 1)  # "a door at which eggs had been thrown"
            return
        # "is stopped as she reaches the door and afterwards steals": the main clause goes on.
        resumes = last.goes_on and not last.fronted and place == last.begin + 1 and last.kind != "after"
        if resumes or last.kind not in ("after", "before", "when", "while"):
            self._open("main" if kind == "then" else "first", place)

    def _order(self, kind: str, place: int, length: int) -> None:
        """ "After", "before", "when", "while", and what stands for them."""
        if kind in ("after", "before"):
            self.marks.append(place)
        if kind == "before" and self._ends_with(place):
            self._set_in_front()
            return
        if kind == "when" and self.words[self.clauses[-1].begin] in _HARDLY:
            self._open("main", place)  # "hardly had he sat down when the bell rang"
            return
        self._open(kind, place, self._fronted(place) or (kind == "after" and self._cleaves(place)))
        if (end := main_behind(self.letters, place + length)) is not None:
            self._open("main", end)  # "after the whistle the keeper runs"

    def _ends_with(self, place: int) -> bool:
        """Whether "before" ends a sentence: "he jumped out two seconds before"."""
        return self.letters[place + 1 : place + 2] in ("S", "")

    def _set_in_front(self) -> None:
        """What was said last came first in its sentence; a sentence by itself came before the one in front of it."""
        last = self.clauses[-1]
        alone = all(c.sentence != last.sentence for c in self.clauses[:-1])
        if last.kind == "main":
            last.kind = "first"
            last.sentence -= alone and last.sentence > 0

    def _fronted(self, place: int) -> bool:
        """Whether what begins here stands in front of its main clause."""
        joined = [w for w in self.words[max(0, place - 2) : place] if w != ","][-1:]
        if self.starts or joined == ["and"] or (joined == ["but"] and self.words[place] not in ("only", "not")):
            return True  # "but only after he had looked around" says when, of what stands in front
        return is_measure(self.reading, self.letters, self.clauses[-1].begin, place, self.known.stretches)

    def _cleaves(self, place: int) -> bool:
        """Whether "it is only" stands in front."""
        while place > 0 and self.letters[place - 1] == "X":
            place -= 1
        return self.words[max(0, place - 2) : place] in (("it", "is"), ("it", "was"))

    def _other(self, place: int) -> None:
        """What opens a clause, or turns the one it stands in, and is no word of order."""
        word, letter = self.words[place], self.letters[place]
        if word == "during":
            self._open("while", place, self.starts)
            self._open("main", phrase_end(self.letters, place + 1))
        elif letter == "J":
            self._join(place)
        elif self._returns(place):
            self._open("main", place)
        elif self._explains(place) or self._tells_of(place):
            self._open("beside", place)
        elif word in DONE and self._says_over(place):
            self._look_back(place)
        elif word in HAD and self._perfect(place) and self.clauses[-1].kind == "when":
            self.clauses[-1].kind = "after"  # "when the line has been cast off, the horn is blown"
            self.marks.append(place)
        elif self._tells_of_before(place):
            self._look_back(place)
        elif word in HAD and self._over_by_then(place):
            self.clauses[-1].kind = "first"  # "when the band comes, half of them have left"
        elif letter in "WC" and not self._dates(place):
            self._relate(place)

    def _join(self, place: int) -> None:
        """ "After he had hit her and run", but not "hits him after the whistle and runs"."""
        last = self.clauses[-1]
        goes_on = last.kind != "main" and not last.verbless(self.letters, place)
        goes_on = goes_on and (self.words[place] != "," or self._lists(last, place))
        goes_on = goes_on and not self._resumes(last, place)
        self._open(last.kind if goes_on else "main", place, last.fronted and goes_on, goes_on)

    def _resumes(self, last: Clause, place: int) -> bool:
        """Whether what is joined has a form of its own: "stepped out while looking back and was knocked down"."""
        formed = self.letters[last.begin + 1 : last.begin + 2] == "V" and self.words[last.begin + 1].endswith("ing")
        joined = self.letters[place + 1 : place + 2]
        return formed and (joined == "A" or (joined == "V" and not self.words[place + 1].endswith("ing")))

    def _lists(self, last: Clause, place: int) -> bool:
        """Whether a comma stands in a row of what had been done: "after he had knelt, looked around and prayed"."""
        said = self.words[last.begin : place]
        return (
            "had" in said and self.letters[place + 1 : place + 2] == "V" and not self.words[place + 1].endswith("ing")
        )

    def _returns(self, place: int) -> bool:
        """Whether the main clause begins here though no comma says so."""
        word, last = self.words[place], self.clauses[-1]
        if word in ("he", "she", "they"):
            return last.kind != "main" and "V" in self.letters[last.begin : place]  # "when the music stops he trips"
        if word == "that":
            return self.letters[place] in "WC" and self._cleft()  # "it was only then that he left"
        return word == "than" and last.kind == "after"  # "no sooner had he left than it fell"

    def _cleft(self) -> bool:
        """Whether a sentence, or what it joins on, begins with "it was"."""
        begins = [c.begin for c in self.clauses if c.sentence == self.sentence]
        pairs = (self.words[at : at + 2] for begin in begins for at in (begin, begin + 1))
        return any(two in (("it", "is"), ("it", "was")) for two in pairs)

    def _explains(self, place: int) -> bool:
        """Whether a verb behind "by" or "to" tells how ("by rocking it") or what for ("a key to open it")."""
        word = self.words[place]
        purpose = word == "to" and self.letters[place - 1 : place] == "N"
        return (word == "by" or purpose) and self.letters[place + 1 : place + 2] == "V"

    def _tells_of(self, place: int) -> bool:
        """Whether a relative clause begins without its word: "a tin he had pocketed"."""
        said = self.letters[self.clauses[-1].begin : place]
        return self.words[place] in ("he", "she", "they") and said[-1:] == "N" and "V" in said

    def _says_over(self, place: int) -> bool:
        """Whether "already" makes a main clause tell what is over by the time of the clause in front of it."""
        has = self.letters[place - 1 : place] == "A" and self.words[place - 1] in HAD
        return has and self.clauses[-1].kind in ("main", "beside")

    def _look_back(self, place: int) -> None:
        """ "But the baby has just been lifted out": it comes first in its sentence."""
        self.marks.append(place)
        last = self.clauses[-1]
        if last.kind == "beside":
            last.kind = "after"  # "a warden who has just put a ticket there"
            return
        last.over = True
        if len(self.clauses) > 1 and last.sentence == self.clauses[-2].sentence:
            last.kind = "first"

    def _perfect(self, place: int) -> bool:
        """Whether "has" helps a verb to tell what is over."""
        return self.letters[place] == "A" and self.letters[place + 1 :].lstrip("XA")[:1] == "V"

    def _tells_of_before(self, place: int) -> bool:
        """Whether what stands aside was over: "the waiter who had dropped it", "because he has dropped it"."""
        last = self.clauses[-1]
        opened = self.letters[last.begin] in "WR" or self.words[last.begin] == "because"
        had = self.words[place] == "had" or (self.words[place] in HAD and self.words[last.begin] == "because")
        return had and last.kind == "beside" and opened and self._perfect(place)

    def _over_by_then(self, place: int) -> bool:
        """Whether a main clause behind "when" tells what is over by then."""
        return self._perfect(place) and [c.kind for c in self.clauses[-2:]] == ["when", "main"]

    def _dates(self, place: int) -> bool:
        """Whether "before lunch" stands here, which opens no clause."""
        before = self.letters[place] == "C" and self.words[place] in ("after", "before", "until", "till")
        return before and self.known.names_time(self.words, place + 1)

    def _relate(self, place: int) -> None:
        """A relative clause, a reason; but ", who" and "so" go on with what is told."""
        after_comma = place > 0 and self.words[place - 1] == "," and "had" not in self.words[place + 1 : place + 3]
        tells_on = after_comma and (self.letters[place] == "W" or self.words[place] == "where")
        tells_on = tells_on or self.words[place] == "so"
        self._open("main" if tells_on else "beside", place)
