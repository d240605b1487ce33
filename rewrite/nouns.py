"""Whom and what a caption speaks of: its noun phrases, with what tells each from its like, and whose it is.

Pronouns are nouns too: whom they stand for is asked later, of the whole caption.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from rewrite.grammar import grammar
from rewrite.lexicon import lexicon
from rewrite.reading import Unit, read, stem
from rewrite.syntax import tags

_TIMES = frozenset(
    {"second", "minute", "moment", "hour", "while", "time", "night", "day", "morning", "evening", "once"}
    | {"dawn", "dusk", "noon", "midnight", "midday", "afternoon"}
)
_STRETCHES = frozenset({"moments", "seconds", "minutes", "hours", "days"})
_BEHIND = (("after",), ("before",), ("later",), ("earlier",))
_OWNERS = {"his": "he", "her": "she", "their": "they", "its": "it"}
_WHERE = frozenset({"behind", "ahead", "opposite", "above", "below"})  # "the car behind"
_HIS = (("his",), ("her",), ("their",), ("its",))
_OTHERS = frozenset({"other", "another", "second"})


@dataclass(slots=True, unsafe_hash=True)
class Noun:
    """A noun phrase.

    Attributes:
        place: of its head.
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


@lru_cache(maxsize=8)
def humans(extend: str) -> frozenset[str]:
    known = lexicon(extend)
    return known.entities - known.words("grammar", "entities")


class NounReader:
    """One pass over one caption: its words, their letters (syntax.py), its units, its nouns."""

    def __init__(self, text: str, extend: str) -> None:
        self.reading, self.known, self.tags = read(text, extend), grammar(extend), tags(text, extend)
        reading = self.reading
        self.words = reading.words
        self.unit = {place: u for u in reading.units for place in range(u.place, u.place + u.length)}
        for place, letter in enumerate(self.tags):
            if letter == "V" and (unit := self.unit.get(place)) and unit.place < place and self.tags[unit.place] != "V":
                if unit.place in reading.hyphened and unit.concepts & lexicon(extend).acts:
                    continue  # "rear-ends a van"
                self.unit[place] = self._alone(place, extend)  # "the bus stopped" is no bus stop
        self.people, self.acts = lexicon(extend).entities, lexicon(extend).acts
        self.humans = humans(extend)
        self.nouns = self._nouns()
        self.beginning = {n.begin: n for n in self.nouns if n.prep != "'s"}
        self.ending = {n.place: n for n in self.nouns}  # by head

    def _before(self, place: int, skipped: str) -> int:
        """The place of the next word to the left that bears none of some letters; -1 beyond the beginning."""
        place -= 1
        while place >= 0 and self.tags[place] in skipped:
            place -= 1
        return place

    def _person(self, noun: Noun) -> bool:
        return noun.pronoun or noun.head is None or bool(noun.head.concepts & self.people)

    def _thing(self, noun: Noun) -> bool:
        """Whether the lexicon knows it, and as no person."""
        return not self._person(noun) and noun.head is not None and bool(noun.head.concepts)

    def _alone(self, place: int, extend: str) -> Unit:
        """A word as a unit by itself."""
        word, lemma = self.words[place], self.reading.lemmas[place]
        concepts = lexicon(extend).concepts.get((lemma,), frozenset())
        return Unit(lemma, word, place, 1, self.reading.clauses[place], concepts, frozenset({stem(lemma)}))

    def _nouns(self) -> list[Noun]:
        found: list[Noun] = []
        place = 0
        while place < len(self.tags):
            if self.tags[place] == "R":
                found.append(self._pronoun(place, self._name(place), ""))
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
        begin = place
        for letter in "DN":
            while place < len(self.tags) and self.tags[place] == letter:
                if place > begin and self.words[place] in _STRETCHES and self.words[place + 1 : place + 2] in _BEHIND:
                    return place  # "waves his flag moments after"
                place += 1
        return place

    def _noun(self, outer: int, begin: int, place: int) -> list[Noun]:
        """A noun phrase, and whoever owns it: "the driver's hat", "her arm"."""
        words = self.words
        prep = self._preposition(outer)
        if self.tags[place] == "R":
            return [self._pronoun(place, self._name(place), prep, outer)]
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

    def _name(self, place: int) -> str:
        """A pronoun as its subject form; "her" is "she"."""
        word = self.words[place]
        return "she" if word == "her" else self.known.pronouns.get(word, "they")

    def _preposition(self, begin: int) -> str:
        before = begin - 1
        while before >= 0 and self.tags[before] == "X":
            before -= 1
        return self.words[before] if before >= 0 and self.tags[before] == "P" else ""

    def _worn(self, place: int) -> set[str]:
        """What a noun is told by behind it: "in the white shirt", "with a tie", "on the right"."""
        if self.tags[place : place + 1] == "X" and self.words[place] in _WHERE:
            return {self.words[place]}
        if self.words[place : place + 1] not in (("in",), ("with",), ("wearing",), ("on",), ("of",)):
            return set()
        if self.words[place] in ("with", "on") and self.words[place + 1 : place + 2] in _HIS:
            return set()  # "hits him with her shoe"
        found: set[str] = set()
        for p in range(place + 1, min(place + 5, len(self.words))):
            if self.tags[p] not in "DN":
                break
            if p in self.unit:
                found |= {*self.unit[p].concepts, *self.unit[p].stems}
        return found
