"""Who does what to whom, read from word order: each verb with those who do it, whom it befalls, and who else is by.

No parser: noun phrases and verbs are told by syntax.py, a passive by its auxiliary or its "by". A guess that goes wrong
makes a doubt, not a crash; the rules ask for two readings that agree.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from rewrite.nouns import Noun
from rewrite.reading import once
from rewrite.subjects import DATIVE, Frame, SubjectReader, given, lent

_MOMENTS = frozenset({"time", "moment", "instant", "second"})
_GONE = frozenset({"go", "come", "arrive", "depart", "vanish", "disappear"})  # "are gone" is done by who is gone
_GETS = frozenset({"get", "gets", "got", "getting"})
_SUBJECTS = frozenset({"he", "she", "they"})


@dataclass(frozen=True, slots=True)
class Scene:
    """All frames and nouns of a caption, in order."""

    frames: tuple[Frame, ...]
    nouns: tuple[Noun, ...]


@once
def scene(text: str, extend: str = "") -> Scene:
    """Reads a caption's frames; equal texts are read once."""
    return _Reader(text, extend).scene()


class _Reader(SubjectReader):
    """Reads the verbs of a caption from left to right."""

    def scene(self) -> Scene:
        place = 0
        while place < len(self.words):
            if self.tags[place] == "V" and place in self.unit:
                self._frame(place)
                place = self._behind(place)
            elif self.tags[place] == "A" and self._obtains(place):
                self._frame(place)
                place += 1
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

    def _obtains(self, place: int) -> bool:
        """Whether "gets" is what somebody does: "gets it back from him"."""
        if (
            self.words[place] not in _GETS
            or place not in self.unit
            or self.tags[place + 1 : place + 2] not in ("D", "R")
        ):
            return False
        return not self.tags[self._phrase_end(place + 1) :].lstrip("X").startswith("V")  # "gets his gun taken away"

    def _hold(self, place: int) -> None:
        subject, _ = self._subject(place)
        self.subject = subject or self.subject
        self.formed = False
        self.by_form[False] = self.subject
        if subject and (place == 0 or self.tags[self._before(place, "XA")] != "W"):
            self.main = subject

    def _frame(self, place: int) -> None:
        unit = self.unit[place]
        subject, guessed = self._subject(place)
        patients, others, agents = self._objects(place)
        front = self._before(place, "XA")
        noun = self.ending.get(front)
        relative = front >= 0 and "W" in (self.tags[front], self.tags[noun.begin - 1] if noun and noun.begin else "")
        borne = None if noun is None or self._participle(place) else self._borne(noun)
        relative = relative or borne is not None
        by = not patients and any(not self._thing(n) for n in agents)
        passive = self._passive(place, by)
        if noun is not None and borne is not None and not passive:
            w = noun.begin - 1
            if w > 0 and self.tags[w - 1] == "P":
                others = (replace(borne, prep=self.words[w - 1]), *others)  # "the man to whom she hands it"
            else:
                patients = (borne,)
        if passive and patients and unit.concepts & DATIVE:  # "they are given balloons"
            got = (replace(n, prep="to") for n in subject)
            frame = Frame(unit, agents, patients, (*got, *others), guessed, True)
        elif passive:
            frame = Frame(unit, agents, subject, (*patients, *others), guessed, True)
        elif (guessed or all(n.prep for n in subject)) and self._inverted(place) and patients:
            subject, frame = patients, Frame(unit, patients, (), others, guessed, False)
        else:
            frame = Frame(unit, subject, patients, (*others, *agents), guessed, False)
            self.frames += lent(frame, self.acts, self.reading.lemmas[place])
            frame = given(frame)
        self._share_agents(frame, place)
        self.frames.append(frame)
        if relative:
            self.relative.add(unit.place)
        self.formed = self._participle(place)
        possessor = self._possessor(place) if passive and self.tags[self._before(place, "X")] == "N" else None
        if possessor is not None and possessor not in subject:
            subject = (possessor,)  # "has his calf bitten and hits it"
        if subject:
            self.subject = self.by_form[self.formed] = subject
            asked = self.words[max(0, place - 1)] == "to"
            if not relative and not self.formed and not asked and not self._aside(place):
                self.main = subject

    def _aside(self, place: int) -> bool:
        """Whether a verb stands in a clause set into another: "trips, when the music stops, and falls"."""
        at = self._before(place, "DRPXJAN")
        if not self.main or at <= 0 or self.tags[at] != "C":
            return False
        # "A taxi, swerving as a boy steps out, hits a wall"
        return self.tags[at - 1] == "J" or (self.tags[at - 2 : at] == "JV" and self.words[at - 1].endswith("ing"))

    def _inverted(self, place: int) -> bool:
        """Whether a sentence begins with a place, its subject behind the verb: "out of the lift comes a nurse"."""
        at = self._before(place, "DPXN")
        first = self.tags[at + 1] == "P" or self.words[at + 1] in self.known.particles
        return first and (at < 0 or self.tags[at] in "SCJ")

    def _borne(self, noun: Noun) -> Noun | None:
        """What the verb of a relative clause befalls, by its subject: "a bottle that a fan has thrown"."""
        if noun.begin < 2 or self.words[noun.begin - 1] not in ("that", "which", "whom"):
            return None
        if self.tags[noun.begin - 1] != "W" or self.tags[noun.begin - 2] == "C":
            return None  # "after which she sprays paint"
        return next(iter(self._antecedent(noun.begin - 1)), None)

    def _share_agents(self, frame: Frame, place: int) -> None:
        """ "Shaken and dropped by a sitter": one "by" serves both passives."""
        last = self.frames[-1] if self.frames else None
        if (
            last is not None
            and last.passive
            and frame.passive
            and frame.agents
            and not last.agents
            and self.tags[self._before(place, "XA")] == "J"
        ):
            self.frames[-1] = replace(last, agents=frame.agents)

    def _passive(self, place: int, by: bool) -> bool:
        word, lemma = self.words[place], self.reading.lemmas[place]
        if lemma in _GONE:
            return False
        if word.endswith(("ing", "s")) or (word == lemma and word not in self.known.irregular):
            return False
        before = self._before(place, "X")
        aids = set()
        while before >= 0 and self.tags[before] in "XA":
            aids.add(self.words[before])
            before -= 1
        if aids:
            return bool(aids & self.known.passive)
        if by or ((before < 0 or self.tags[before] in "SC") and word.endswith(("ed", "en")) and self._opens(place)):
            return True
        # "has his wallet taken", "with one hand tied", "has a jug of water poured over him"
        return self._possessor(place) is not None

    def _possessor(self, place: int) -> Noun | None:
        """Who "has his wallet taken"; nobody in "no sooner had the clerk taken it"."""
        before = self._before(place, "X")
        noun = self.ending.get(before)
        while noun is not None and noun.prep == "of":
            noun = self.ending.get(self._before(noun.begin - 1, "X"))
        if noun is None or noun.begin < 1 or self.words[noun.begin - 1] not in self.known.possessing:
            return None
        at = self._before(noun.begin - 1, "XA")
        return self.ending.get(at) or (noun if self.tags[at : at + 1] in ("W", "J", "V") and at >= 0 else None)

    def _opens(self, place: int) -> bool:
        """Whether a participle opens a phrase of its own: no object stands behind it."""
        return self.tags[self._behind(place) : self._behind(place) + 1] in ("P", "J", "S", "")

    def _objects(self, place: int) -> tuple[tuple[Noun, ...], tuple[Noun, ...], tuple[Noun, ...]]:
        """(objects, behind prepositions, behind "by"), up to the next verb or the end of the clause."""
        patients: list[Noun] = []
        others: list[Noun] = []
        agents: list[Noun] = []
        at = self._behind(place)
        joined = False
        own = not self.words[place].endswith("ing") and self.tags[self._before(place, "XA")] != "W"
        while at < len(self.tags):
            letter = self.tags[at]
            if letter in "SCWVA" or self.words[at] == ",":
                break
            if letter == "J":
                if self.words[at] != "and" or not self._joins(at):
                    break
                joined = True
            noun = self.beginning.get(at)
            if self.words[at] in _MOMENTS and self.tags[at + 1 : at + 2] in ("D", "R"):
                break  # "have left by the time the band comes"
            if noun is not None and noun.pronoun and self.words[at] in _SUBJECTS and at > self._behind(place):
                break  # "after he points at a dish she writes it down"
            if noun is not None:
                if not noun.prep and own and self.tags[noun.place + 1 :].lstrip("X")[:1] == "A":
                    break  # "by the time the doors open the visitor has gone"
                others += [n for n in self.nouns if n.prep == "'s" and noun.begin <= n.place < noun.place]
                if noun.prep == "by":
                    agents.append(noun)
                elif (noun.prep and not self._within(place, noun)) or (patients and not joined):
                    others.append(noun)
                else:
                    patients.append(noun)
                at = noun.place + 1
                continue
            at += 1
        return tuple(patients), tuple(others), tuple(agents)

    def _within(self, place: int, noun: Noun) -> bool:
        """Whether a noun's preposition belongs to the verb: "takes off his helmet"."""
        unit = self.unit[place]
        return noun.prep in ("on", "off", "over") and unit.place < noun.begin - 1 < unit.place + unit.length

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
