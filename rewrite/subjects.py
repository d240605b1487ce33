"""Who stands in front of a verb: its subject, or whoever an earlier clause lends it.

"Picks it up and runs" runs with the subject of "picks"; "a man whose head bleeds is sitting" sits, not the head. Where
two readings are open both are kept, so that a rule that asks for somebody else finds nobody else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from rewrite.nouns import Noun, NounReader
from rewrite.reading import Unit

DATIVE = frozenset({"give", "handover", "show", "tell2", "offer"})  # acts with one who gets, and what is got
_GETTING = frozenset({"get", "receive", "suffer"})
_TIMED = frozenset({"before", "after", "until", "since"})


@dataclass(slots=True, unsafe_hash=True)
class Frame:
    """A verb and its nouns, the passive turned round.

    Attributes:
        unit: the verb, with the concepts of the phrase it opens.
        agents, patients: who does it, and whom or what it befalls; empty where nothing is said.
        others: behind prepositions, or a second object.
        guessed: whether the subject was carried over from another clause.
        passive: whether it was turned round.
    """

    unit: Unit
    agents: tuple[Noun, ...]
    patients: tuple[Noun, ...]
    others: tuple[Noun, ...]
    guessed: bool
    passive: bool


def lent(frame: Frame, acts: frozenset[str], lemma: str) -> list[Frame]:
    """The act that an empty verb lends its nouns to, if any: "gets a kick from him", "gives him a kick"."""
    if lemma in _GETTING:
        by = tuple(n for n in frame.others if n.prep == "from")
        act, ends = next(iter(frame.patients), None), (by, frame.agents)
    elif lemma == "give":
        behind = next((n for n in frame.others if not n.prep), None)
        to = tuple(n for n in frame.others if n.prep == "to")
        first = frame.patients[:1]
        act, ends = (behind, (frame.agents, first)) if behind else (next(iter(first), None), (frame.agents, to))
    else:
        return []
    if act is None or act.head is None or act.head.concepts.isdisjoint(acts) or not all(ends):
        return []
    rest = tuple(n for n in (*frame.patients, *frame.others) if n is not act and n not in (*ends[0], *ends[1]))
    word = replace(act.head, lemma=act.head.lemma.split()[0], length=1)  # "a kick in the stomach" kicks nothing in
    return [Frame(word, *ends, rest, frame.guessed, frame.passive)]


def given(frame: Frame) -> Frame:
    """ "Hands him the key" as "hands the key to him"."""
    thing = next((n for n in frame.others if not n.prep), None)
    if thing is None or len(frame.patients) != 1 or frame.unit.concepts.isdisjoint(DATIVE):
        return frame
    others = (replace(frame.patients[0], prep="to"), *(n for n in frame.others if n is not thing))
    return replace(frame, patients=(thing,), others=others)


class SubjectReader(NounReader):
    """Knows the subjects of the verbs read so far."""

    def __init__(self, text: str, extend: str) -> None:
        super().__init__(text, extend)
        self.frames: list[Frame] = []
        self.subject: tuple[Noun, ...] = ()  # of the last verb
        self.main: tuple[Noun, ...] = ()  # of the last verb of a main clause
        self.relative: set[int] = set()  # places of verbs in relative clauses
        self.formed = False  # whether the last verb ends in -ing
        self.by_form: dict[bool, tuple[Noun, ...]] = {}  # the subject of the last verb with that ending, and without

    def _subject(self, place: int) -> tuple[tuple[Noun, ...], bool]:
        """(who stands in front of a verb as its subject, whether that is carried over)."""
        at = self._before(place, "XA")
        if at < 0 or self.tags[at] in "SC":
            return self._later(place), True
        if self.tags[at] == "W":
            return self._antecedent(at), False
        if self.tags[at] == "J":
            return self._carried(place, at), True
        if self.tags[at] in "VP":
            return self._of_infinitive(place, at)
        noun = self.ending.get(at)
        if noun is None:
            return self.subject, True
        participle = self._participle(place)
        if participle:
            last = self.frames[-1] if self.frames else None
            if not noun.prep and not (last and noun in (*last.agents, *last.patients, *last.others)):
                self.main = (noun,)
            if self._thing(noun) and any(not self._thing(s) for s in self.subject):
                return self.subject, True
            return (noun,), False
        nearest = noun
        while noun is not None and noun.prep:
            noun = self.ending.get(self._before(noun.begin - 1, "X"))
        if noun is None:
            return (self._embedding(place, nearest, self.frames[-1]) if self.frames else self.subject), True
        if self.frames and not self._between(self.frames[-1].unit.place, noun.place):
            last = self.frames[-1]  # "a woman drawing cash is shoved": the cash is not
            if any(noun is n for n in (*last.agents, *last.patients, *last.others)):
                return self._embedding(place, nearest, last), True
        return self._joined(noun), False

    def _antecedent(self, at: int) -> tuple[Noun, ...]:
        """Whom "who" means: the nearest person; "which" and "that" the nearest noun."""
        before = [n for n in self.nouns if n.place < at and n.prep != "'s"][-4:]
        if self.words[at] in ("who", "whom"):
            human = [n for n in before if n.head is None or n.head.concepts & self.humans]
            if before and not self._thing(before[-1]) and before[-1].prep == "by":
                return (before[-1],)  # "is weighed by the zookeeper, who"
            before = human or [n for n in before if not self._thing(n)] or before
        return tuple(before[-1:])

    def _carried(self, place: int, at: int) -> tuple[Noun, ...]:
        """The subject of a verb behind "and" or a comma: one that waits for its verb, else an earlier verb's."""
        bound = at if self.words[at] == "," else at - 1
        while bound >= 0 and self.tags[bound] not in "SC" and self.words[bound] not in ("and", "but"):
            bound -= 1
        if not any(f.unit.place > bound and f.unit.place not in self.relative for f in self.frames):
            waiting = [n for n in self.nouns if bound < n.begin < at and not n.prep]
            if waiting and self.words[waiting[0].begin - 1] in _TIMED and waiting[0].place == at - 1:
                waiting = []  # "hoists it before lunch and sells it"
            if waiting:
                self.main = (waiting[0],)
                return self.main
        if self.words[at] == ",":
            if self.main and self.frames and self.frames[-1].unit.place in self.relative:
                return self._both()  # "a warden, who ducks, paddles ashore"
            return self.main or self.subject
        ending = self.words[place].endswith("ing")
        return self.by_form.get(ending, self._both()) if ending != self.formed else self._both()

    def _embedding(self, place: int, nearest: Noun | None, last: Frame) -> tuple[Noun, ...]:
        """The subject of a verb behind a clause that its subject holds: "a man whose head bleeds is sitting"."""
        outer: tuple[Noun, ...] = ()
        for agent in () if self._participle(last.unit.place) else last.agents:
            if agent.begin > 0 and self.tags[agent.begin - 1] == "W":
                outer += self._antecedent(agent.begin - 1)
        if nearest is not None and not self._aided(place) and not self.words[place].endswith("s"):
            outer += (nearest,)  # "to two women seated there"
        return tuple(dict.fromkeys((*self._both(), *outer)))

    def _both(self) -> tuple[Noun, ...]:
        """The last subject and that of the main clause, where either may go on."""
        return tuple(dict.fromkeys((*self.subject, *self.main)))

    def _between(self, one: int, other: int) -> bool:
        """Whether a clause ends between two places."""
        return any(self.tags[p] in "SC" or self.words[p] == "," for p in range(one, other))

    def _joined(self, noun: Noun) -> tuple[Noun, ...]:
        """A subject with those joined to it: "a chef and a waiter"."""
        found = [noun]
        while found[0].begin > 1 and self.words[found[0].begin - 1] == "and":
            other = self.ending.get(found[0].begin - 2)
            if (
                other is None
                or other.prep
                or any(
                    f.unit.place < other.begin and f.unit.clause == self.reading.clauses[other.place]
                    for f in self.frames[-1:]
                )
            ):
                break
            found.insert(0, other)
        return tuple(found)

    def _later(self, place: int) -> tuple[Noun, ...]:
        """The subject of a phrase in front of its main clause: "Riding up, a woman ..."."""
        if not self.words[place].endswith(("ing", "ed", "en", "k", "t", "n")):
            return self.subject
        for at in range(place + 1, len(self.words)):
            if self.tags[at] == "S":
                break
            if self.words[at] == ",":
                found = next((n for n in self.nouns if n.begin > at and n.prep != "'s"), None)
                if found is not None and all(self.tags[p] in "X" for p in range(at + 1, found.begin)):
                    return (found,)
        return self.subject

    def _of_infinitive(self, place: int, at: int) -> tuple[tuple[Noun, ...], bool]:
        """Who is to do it: whoever is asked to, else the subject."""
        noun = self.ending.get(at - 1) if self.words[at] == "to" else None
        if noun is not None and not self._thing(noun) and all(noun is not s for s in self.subject):
            return (noun,), True
        lent_to = self.frames and any(
            self.tags[f.unit.place] == "N" for f in self.frames[-2:-1]
        )  # "gives him the signal to go"
        if self.frames and self.words[at] == "to" and (self.tags[at - 1] == "V" or lent_to):
            return tuple(dict.fromkeys((*self._both(), *self.frames[-1].patients))), True
        if self.frames and self.tags[at] == "V" and self.words[at] != "to":
            return self._embedding(place, None, self.frames[-1]), True
        return self._both(), True

    def _participle(self, place: int) -> bool:
        return self.words[place].endswith("ing") and not self._aided(place)

    def _aided(self, place: int) -> bool:
        before = self._before(place, "X")
        return before >= 0 and self.tags[before] == "A"
