"""Who does what to whom, read from word order: each verb with those who do it, whom it befalls, and who else is by.

No parser: noun phrases and verbs are told by syntax.py, a passive by its auxiliary or its "by". Pronouns stand for all
they may stand for. A guess that goes wrong makes a doubt, not a crash; the rules ask for two readings that agree.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from rewrite.lexicon import lexicon
from rewrite.reading import Reading, Unit, read, stem
from rewrite.syntax import Grammar, grammar, tags


_TIMES = frozenset("second minute moment hour while time night day morning evening once".split())
_GENDER = {"her": "she"}
_OWNERS = {"his": "he", "her": "she", "their": "they", "its": "it"}
_OTHERS = frozenset({"other", "another", "second"})


@dataclass(frozen=True, slots=True)
class Noun:
    """A noun phrase.

    Attributes:
        place, end: of its head, and behind it.
        begin: its first word, determiner included.
        head: the head as a unit; none for "the other" and pronouns.
        word: the head as written, or a pronoun's name ("he", "she", "it", "they").
        marks: concepts and stems of what tells it from its like ("red", "in the white shirt").
        prep: the preposition that governs it, "'s" for an owner; empty for none.
        several: whether it stands in the plural.
        pronoun: whether it is one.
    """

    place: int
    begin: int
    head: Unit | None
    word: str
    marks: frozenset[str]
    prep: str
    several: bool
    pronoun: bool


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Scene:
    """All frames and nouns of a caption, in order."""

    frames: tuple[Frame, ...]
    nouns: tuple[Noun, ...]


@lru_cache(maxsize=65536)
def scene(text: str, extend: str = "") -> Scene:
    """Reads a caption's frames; equal texts are read once."""
    return _Reader(text, extend).scene()


class _Reader:
    """One pass over one caption."""

    def __init__(self, text: str, extend: str) -> None:
        self.reading, self.known, self.tags = read(text, extend), grammar(extend), tags(text, extend)
        reading = self.reading
        self.words = reading.words
        self.unit = {place: u for u in reading.units for place in range(u.place, u.place + u.length)}
        for place, letter in enumerate(self.tags):
            if letter == "V" and (unit := self.unit.get(place)) and unit.place < place and self.tags[unit.place] != "V":
                self.unit[place] = self._alone(place, extend)  # "the bus stopped" is no bus stop
        self.people = lexicon(extend).entities
        self.humans = self.people - set(lexicon(extend).lists["grammar"]["entities"].split())
        self.nouns = self._nouns()
        self.beginning = {n.begin: n for n in self.nouns if n.prep != "'s"}
        self.ending = {n.place: n for n in self.nouns}  # by head
        self.frames: list[Frame] = []
        self.subject: tuple[Noun, ...] = ()  # of the last verb
        self.main: tuple[Noun, ...] = ()  # of the last verb of a main clause
        self.relative: set[int] = set()  # places of verbs in relative clauses
        self.formed = False  # whether the last verb ends in -ing
        self.by_form: dict[bool, tuple[Noun, ...]] = {}  # the subject of the last verb with that ending, and without

    def _alone(self, place: int, extend: str) -> Unit:
        """A word as a unit by itself."""
        word, lemma = self.words[place], self.reading.lemmas[place]
        concepts = lexicon(extend).concepts.get((lemma,), frozenset())
        return Unit(lemma, word, place, 1, self.reading.clauses[place], concepts, frozenset({stem(lemma)}))

    def scene(self) -> Scene:
        place = 0
        while place < len(self.words):
            if self.words[place] in (".", ";", "!", "?"):
                self.sentence = place
            if self.tags[place] == "V" and place in self.unit:
                self._frame(place)
                place = self._behind(place)
            elif self.tags[place] == "A" and self._heads(place):
                self._hold(place)
                place += 1
            else:
                place += 1
        return Scene(tuple(self.frames), tuple(self.nouns))

    def _behind(self, place: int) -> int:
        """Where a verb's unit ends; a unit that holds its object gives the object back."""
        unit = self.unit[place]
        end = max(place + 1, unit.place + unit.length)
        inner = [p for p in range(place + 1, end) if self.tags[p] in "NDR"]
        return inner[0] if inner else end

    def _heads(self, place: int) -> bool:
        """Whether an auxiliary is the verb itself: "gets out of the car", "has words with him"."""
        rest = self.tags[place + 1 :].lstrip("XA")
        return not rest.startswith("V")

    def _hold(self, place: int) -> None:
        subject, _ = self._subject(place)
        self.subject = subject or self.subject
        self.formed = False
        self.by_form[False] = self.subject
        if subject and (place == 0 or self.tags[self._before(place, "XA")] != "W"):
            self.main = subject

    def _nouns(self) -> list[Noun]:
        found: list[Noun] = []
        place = 0
        while place < len(self.tags):
            if self.tags[place] == "R":
                found.append(self._pronoun(place, self.known.pronouns.get(self.words[place], _GENDER.get(self.words[place], "they")), ""))
            elif self.tags[place] in "DN":
                begin, place = place, self._phrase_end(place)
                outer = begin
                # "One of them", "a pair of officers" are told by what stands behind "of".
                while self._shares(place - 1) and self.words[place : place + 1] == ("of",):
                    if self.tags[place + 1 : place + 2] not in ("D", "N", "R"):
                        break
                    begin, place = place + 1, self._phrase_end(place + 1)
                found += self._noun(outer, begin, place - 1)
                continue
            place += 1
        return found

    def _shares(self, place: int) -> bool:
        return self.words[place] in self.known.parts or self.words[place].isdecimal()

    def _phrase_end(self, place: int) -> int:
        """Behind a noun phrase that begins here: its determiners, then its nouns and adjectives."""
        if self.tags[place] == "R":
            return place + 1
        for letter in "DN":
            while place < len(self.tags) and self.tags[place] == letter:
                place += 1
        return place

    def _noun(self, outer: int, begin: int, place: int) -> list[Noun]:
        """A noun phrase, and whoever owns it: "the driver's hat", "her arm"."""
        words = self.words
        prep = self._preposition(outer)
        if self.tags[place] == "R":
            return [self._pronoun(place, self.known.pronouns.get(words[place], "they"), prep, outer)]
        if self.tags[place] != "N":
            return []
        head, lemma = self.unit.get(place), self.reading.lemmas[place]
        if lemma in _TIMES:
            return []
        inner = [self.unit[p] for p in range(begin, place) if p in self.unit and self.unit[p] is not head]
        inner = [u for u in inner if u.word not in _OTHERS]
        owner = next((self.unit[p] for p in range(begin, place) if p in self.reading.owners and p in self.unit), None)
        found: list[Noun] = []
        if owner is not None and owner is not head:
            found.append(Noun(owner.place, owner.place, owner, owner.word, frozenset(), "'s", False, False))
        elif words[begin] in _OWNERS:
            found.append(self._pronoun(begin, _OWNERS[words[begin]], "'s"))
        marks = {m for u in inner for m in (*u.concepts, *u.stems)}
        if not _OTHERS.isdisjoint(words[outer : place + 1]):
            marks.add("other")
        marks |= self._worn(place + 1)
        several = lemma in ("people", "police") or words[place] in ("men", "women", "children")
        several |= words[place] != lemma and words[place].endswith("s")
        return [*found, Noun(place, outer, head, words[place], frozenset(marks), prep, several, False)]

    def _pronoun(self, place: int, name: str, prep: str, begin: int | None = None) -> Noun:
        begin = place if begin is None else begin
        return Noun(place, begin, None, name, frozenset(), prep or self._preposition(begin), name == "they", True)

    def _preposition(self, begin: int) -> str:
        before = begin - 1
        while before >= 0 and self.tags[before] == "X":
            before -= 1
        return self.words[before] if before >= 0 and self.tags[before] == "P" else ""

    def _worn(self, place: int) -> set[str]:
        """What a noun is told by behind it: "in the white shirt", "with a tie", "on the right"."""
        if self.words[place : place + 1] not in (("in",), ("with",), ("wearing",), ("on",), ("of",)):
            return set()
        found: set[str] = set()
        for p in range(place + 1, min(place + 5, len(self.words))):
            if self.tags[p] not in "DN":
                break
            if p in self.unit:
                found |= {*self.unit[p].concepts, *self.unit[p].stems}
        return found

    def _frame(self, place: int) -> None:
        subject, guessed = self._subject(place)
        patients, others, agents = self._objects(place)
        front = self._before(place, "XA")
        noun = self.ending.get(front)
        relative = front >= 0 and "W" in (self.tags[front], self.tags[noun.begin - 1] if noun and noun.begin else "")
        borne = None if self._participle(place) else self._borne(place)
        by = not patients and any(not self._thing(n) for n in agents)
        passive = self._passive(place, by)
        if borne is not None and not passive:
            w = self.ending[self._before(place, "XA")].begin - 1
            if w > 0 and self.tags[w - 1] == "P":
                others = (replace(borne, prep=self.words[w - 1]), *others)  # "the man to whom she hands it"
            else:
                patients = (borne,)
        if passive:
            frame = Frame(self.unit[place], agents, subject, (*patients, *others), guessed, True)
        elif guessed and self._inverted(place) and patients:
            subject, frame = patients, Frame(self.unit[place], patients, (), others, guessed, False)
        else:
            frame = Frame(self.unit[place], subject, patients, (*others, *agents), guessed, False)
        self._share_agents(frame, place)
        self.frames.append(frame)
        if relative or borne is not None:
            self.relative.add(frame.unit.place)
        self.formed = self._participle(place)
        if subject:
            self.subject = self.by_form[self.formed] = subject
            asked = self.words[max(0, place - 1)] == "to"
            if not relative and borne is None and not self.formed and not asked:
                self.main = subject

    def _inverted(self, place: int) -> bool:
        """Whether a sentence begins with where, and its subject stands behind the verb: "out of the lift comes a nurse"."""
        at = place - 1
        while at >= 0 and self.tags[at] not in "SCJVAWR":
            at -= 1
        first = self.tags[at + 1] == "P" or self.words[at + 1] in self.known.particles
        return first and (at < 0 or self.tags[at] in "SCJ")

    def _share_agents(self, frame: Frame, place: int) -> None:
        """ "Shaken and dropped by a sitter": one "by" serves both passives."""
        last = self.frames[-1] if self.frames else None
        if last is not None and last.passive and frame.passive and frame.agents and not last.agents and self.tags[self._before(place, "XA")] == "J":
            self.frames[-1] = replace(last, agents=frame.agents)

    def _participle(self, place: int) -> bool:
        return self.words[place].endswith("ing") and not self._aided(place)

    def _aided(self, place: int) -> bool:
        before = self._before(place, "X")
        return before >= 0 and self.tags[before] == "A"

    def _passive(self, place: int, by: bool) -> bool:
        word, lemma = self.words[place], self.reading.lemmas[place]
        if word.endswith("ing") or not (word != lemma or word in self.known.irregular) or word.endswith("s"):
            return False
        before = place - 1
        while before >= 0 and self.tags[before] in "X":
            before -= 1
        aids = set()
        while before >= 0 and self.tags[before] in "XA":
            aids.add(self.words[before])
            before -= 1
        if aids:
            return bool(aids & self.known.passive)
        if by or ((before < 0 or self.tags[before] in "SC") and word.endswith(("ed", "en")) and self._opens(place)):
            return True
        # "has his wallet taken", "with one hand tied"
        noun = self.ending.get(before)
        return noun is not None and noun.begin > 0 and self.words[noun.begin - 1] in self.known.possessing

    def _opens(self, place: int) -> bool:
        """Whether a participle opens a phrase of its own: no object stands behind it."""
        return self.tags[self._behind(place) : self._behind(place) + 1] in ("P", "J", "S", "")

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

    def _before(self, place: int, skipped: str) -> int:
        """The place of the next word to the left that bears none of some letters; -1 beyond the beginning."""
        place -= 1
        while place >= 0 and self.tags[place] in skipped:
            place -= 1
        return place

    def _antecedent(self, at: int) -> tuple[Noun, ...]:
        """Whom "who" means: the nearest person; "which" and "that" the nearest noun."""
        before = [n for n in self.nouns if n.place < at and n.prep != "'s"][-4:]
        if self.words[at] in ("who", "whom"):
            human = [n for n in before if n.head is None or n.head.concepts & self.humans]
            before = human or [n for n in before if not self._thing(n)] or before
        return tuple(before[-1:])

    def _carried(self, place: int, at: int) -> tuple[Noun, ...]:
        """The subject of a verb behind "and" or a comma: one that waits for its verb, else an earlier verb's."""
        bound = at if self.words[at] == "," else at - 1
        while bound >= 0 and self.tags[bound] not in "SC" and self.words[bound] not in ("and", "but"):
            bound -= 1
        if not any(f.unit.place > bound and f.unit.place not in self.relative for f in self.frames):
            waiting = [n for n in self.nouns if bound < n.begin < at and not n.prep]
            if waiting:
                self.main = (waiting[0],)
                return self.main
        if self.words[at] == ",":
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

    def _person(self, noun: Noun) -> bool:
        return noun.pronoun or noun.head is None or bool(noun.head.concepts & self.people)

    def _thing(self, noun: Noun) -> bool:
        """Whether the lexicon knows it, and as no person."""
        return not self._person(noun) and noun.head is not None and bool(noun.head.concepts)

    def _joined(self, noun: Noun) -> tuple[Noun, ...]:
        """A subject with those joined to it: "a chef and a waiter"."""
        found = [noun]
        while found[0].begin > 1 and self.words[found[0].begin - 1] == "and":
            other = self.ending.get(found[0].begin - 2)
            if other is None or other.prep or any(f.unit.place < other.begin and f.unit.clause == self.reading.clauses[other.place] for f in self.frames[-1:]):
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
                found = next((n for n in self.nouns if n.begin > at), None)
                if found is not None and all(self.tags[p] in "X" for p in range(at + 1, found.begin)):
                    return (found,)
        return self.subject

    def _of_infinitive(self, place: int, at: int) -> tuple[tuple[Noun, ...], bool]:
        """Who is to do it: whoever is asked to, else the subject."""
        noun = self.ending.get(at - 1) if self.words[at] == "to" else None
        if noun is not None and not self._thing(noun) and all(noun is not s for s in self.subject):
            return (noun,), True
        if self.frames and self.words[at] == "to" and self.tags[at - 1] == "V":
            return tuple(dict.fromkeys((*self._both(), *self.frames[-1].patients))), True
        if self.frames and self.tags[at] == "V" and self.words[at] != "to":
            return self._embedding(place, None, self.frames[-1]), True
        return self._both(), True

    def _borne(self, place: int) -> Noun | None:
        """What a relative clause's verb befalls: "a bottle that a fan has thrown"."""
        noun = self.ending.get(self._before(place, "XA"))
        if noun is None or noun.begin < 2 or self.words[noun.begin - 1] not in ("that", "which", "whom"):
            return None
        return next(iter(self._antecedent(noun.begin - 1)), None)

    def _objects(self, place: int) -> tuple[tuple[Noun, ...], tuple[Noun, ...], tuple[Noun, ...]]:
        """(objects, behind prepositions, behind "by"), up to the next verb or the end of the clause."""
        patients: list[Noun] = []
        others: list[Noun] = []
        agents: list[Noun] = []
        at = self._behind(place)
        joined = False
        while at < len(self.tags):
            letter = self.tags[at]
            if letter in "SCWVA" or self.words[at] == ",":
                break
            if letter == "J":
                if self.words[at] != "and" or not self._joins(at):
                    break
                joined = True
            noun = self.beginning.get(at)
            if noun is not None:
                others += [n for n in self.nouns if n.prep == "'s" and noun.begin <= n.place < noun.place]
                if noun.prep == "by":
                    agents.append(noun)
                elif noun.prep:
                    others.append(noun)
                elif patients and not joined:
                    others.append(noun)
                else:
                    patients.append(noun)
                at = noun.place + 1
                continue
            at += 1
        return tuple(patients), tuple(others), tuple(agents)

    def _joins(self, at: int) -> bool:
        """Whether "and" joins two nouns, not two clauses."""
        if self.tags[at + 1 : at + 2] not in ("D", "N", "R"):
            return False
        for place in range(at + 1, len(self.tags)):
            if self.tags[place] in "SCJW":
                break
            if self.tags[place] == "A" or (self.tags[place] == "V" and not self.words[place].endswith("ing")):
                return False
        return True
