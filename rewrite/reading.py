"""A caption read without a parser: words, clauses, and units of meaning. What the rules compare.

A *unit* is a content word, or a phrase that the lexicon knows, with the concepts it may mean. Units of two captions
agree when they share a concept, a lemma or a stem: "walks off" agrees with "leaves", "jogger" with "out jogging".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeVar, cast

from rewrite.lexicon import LONGEST, Lexicon, lexicon

_OBJECTS = frozenset({"it", "him", "her", "them"})
_WORD = re.compile(
    r"\d{1,2}:\d{2}|\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+|(?<=s)['’](?=\s))?|[.;:!?,()\u2013\u2014]| - "
)
_SPLIT = {"can't": "can not", "cannot": "can not", "won't": "will not", "shan't": "shall not"}
_PARTICLES = frozenset(["off", "on", "out", "up", "down", "away", "apart", "over", "back"])
_MOST = 65536  # texts remembered by each reader
_forget: list[Callable[[], None]] = []  # how each reader forgets
Reader = TypeVar("Reader", bound=Callable[..., Any])
_ENDINGS = ("ingly", "edly", "ing", "ers", "ies", "ied", "er", "ed", "es", "ly", "or", "s", "e", "y")


@dataclass(slots=True, unsafe_hash=True)  # frozen ones take four times as long to make, and a corpus makes millions
class Unit:
    """One piece of content.

    Attributes:
        lemma: its lemmas, joined by spaces.
        word: its first word as written, lower case.
        place: index of its first word in the reading.
        length: words it spans.
        clause: number of the clause it stands in.
        concepts: what it may mean; empty for a word the lexicon does not know.
        stems: of its words, so that derived words agree.
    """

    lemma: str
    word: str
    place: int
    length: int
    clause: int
    concepts: frozenset[str]
    stems: frozenset[str]

    def agrees(self, other: Unit) -> bool:
        """Whether both may mean the same."""
        return not self.concepts.isdisjoint(other.concepts) or not self.stems.isdisjoint(other.stems)


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A caption's words and what they carry. Equal to itself alone, so that it is found fast by whoever remembers it.

    Attributes:
        words: lower-case tokens, marks among them.
        lemmas: the same, as dictionary forms.
        clauses: the clause number of each word.
        units: content, in order.
        owners: indices of the words that stood with an "'s".
        hyphened: indices of the words that a hyphen joins to the next one.
    """

    words: tuple[str, ...]
    lemmas: tuple[str, ...]
    clauses: tuple[int, ...]
    units: tuple[Unit, ...]
    owners: frozenset[int] = frozenset()
    hyphened: frozenset[int] = frozenset()

    @property
    def concepts(self) -> frozenset[str]:
        return frozenset().union(*(unit.concepts for unit in self.units))


def once(reader: Reader) -> Reader:
    """A reader that reads equal texts once, until it is told to `forget`."""
    remembering = lru_cache(maxsize=_MOST)(reader)
    _forget.append(remembering.cache_clear)
    return cast(Reader, remembering)


def forget() -> None:
    """Forgets what any reader remembers of texts: it is some 20 KB of each, and no text comes again."""
    for reader in _forget:
        reader()


@once
def read(text: str, extend: str = "") -> Reading:
    """Reads a caption by the lexicon (`extend`: a user's additions). Equal texts are read once."""
    words, owners, hyphened = _words(text)
    lemmas = tuple([_entry(word, extend)[0] for word in words])
    clauses = _clauses(words, _words_of(extend, "clause_marks"))
    return Reading(words, lemmas, clauses, _units(words, lemmas, clauses, extend), owners, hyphened)


def holds(reading: Reading, phrases: frozenset[tuple[str, ...]]) -> frozenset[tuple[str, ...]]:
    """The words and phrases (as lemmas) of a list that a caption holds; each is also tried as it is written."""
    found = set()
    first = _first_words(phrases)
    for sequence in (reading.lemmas, reading.words):
        if first.isdisjoint(sequence):
            continue
        for begin in [place for place, word in enumerate(sequence) if word in first]:
            for length in range(1, min(LONGEST, len(sequence) - begin) + 1):
                if sequence[begin : begin + length] in phrases:
                    found.add(sequence[begin : begin + length])
    if not _OBJECTS.isdisjoint(reading.words):
        found |= _around_objects(reading.lemmas, phrases, first)
    return frozenset(found)


def _around_objects(
    lemmas: tuple[str, ...], phrases: frozenset[tuple[str, ...]], first: frozenset[str]
) -> set[tuple[str, ...]]:
    """Phrases that hold a pronoun behind their first word: "sets it alight"."""
    found = set()
    for place in range(1, len(lemmas) - 1):
        if lemmas[place] in _OBJECTS and lemmas[place - 1] in first:
            for end in range(place + 2, min(place + LONGEST, len(lemmas)) + 1):
                phrase = (lemmas[place - 1], *lemmas[place + 1 : end])
                if phrase in phrases:
                    found.add(phrase)
    return found


@lru_cache(maxsize=64)
def _first_words(phrases: frozenset[tuple[str, ...]]) -> frozenset[str]:
    return frozenset(phrase[0] for phrase in phrases if phrase)


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """What derived forms share: "handcuffed" and "handcuffs", "jogger" and "jogging"."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


@lru_cache(maxsize=65536)
def _entry(word: str, extend: str) -> tuple[str, int]:
    """A word's lemma, and how many words the longest phrase has that it begins."""
    known = lexicon(extend)
    lemma = known.lemma(word)
    return lemma, max(known.longest.get(lemma, 0), known.longest.get(word, 0))


@lru_cache(maxsize=64)
def _words_of(extend: str, key: str) -> frozenset[str]:
    return lexicon(extend).words("grammar", key)


def _words(text: str) -> tuple[tuple[str, ...], frozenset[int], frozenset[int]]:
    found: list[str] = []
    owners: set[int] = set()
    hyphened: set[int] = set()
    lowered = text.lower().replace("’", "'")
    plain = lowered.replace("-", " - " if " - " in lowered else " ")
    joints: set[int] = set()
    if len(plain) == len(lowered) and plain != lowered:
        ends = (match.end() for match in _WORD.finditer(plain))
        joints = {number for number, end in enumerate(ends) if lowered[end : end + 1] == "-"}
    for number, word in enumerate(_WORD.findall(plain)):
        if joints and number in joints:
            hyphened.add(len(found))
        if word.isalnum() and word not in _SPLIT:
            found.append(word)
            continue
        word = _SPLIT.get(word, word).strip()
        if word.endswith("n't"):
            word = f"{word[:-3]} not"
        elif word.endswith(("'s", "s'", "'d")):
            if not word.endswith("'d"):
                owners.add(len(found))
            word = word.rsplit("'", 1)[0]
        found += word.split()
    return tuple(found), frozenset(owners), frozenset(hyphened)


def _clauses(words: tuple[str, ...], marks: frozenset[str]) -> tuple[int, ...]:
    number, found = 0, []
    for word in words:
        if not word[0].isalnum() or word in marks:
            number += 1
        found.append(number)
    return tuple(found)


def _units(words: tuple[str, ...], lemmas: tuple[str, ...], clauses: tuple[int, ...], extend: str) -> tuple[Unit, ...]:
    """Longest phrases first; function words count only inside a phrase."""
    known = lexicon(extend)
    units: list[Unit] = []
    place = 0
    while place < len(words):
        most = _entry(words[place], extend)[1]
        length = _phrase(words, lemmas, place, most, known) if most > 1 else 1
        span = slice(place, place + length)
        content = _content(words[span], lemmas[span], extend)
        if content is not None:
            lemma, concepts, stems = content
            units.append(Unit(lemma, words[place], place, length, clauses[place], concepts, stems))
        place += length
    return tuple(_with_particle(unit, words, clauses, known) for unit in units)


@lru_cache(maxsize=65536)
def _content(
    words: tuple[str, ...], lemmas: tuple[str, ...], extend: str
) -> tuple[str, frozenset[str], frozenset[str]] | None:
    """(lemma, concepts, stems) of a word or of a phrase that the lexicon knows; none of a function word or a mark."""
    known, function = lexicon(extend), _words_of(extend, "function")
    both = zip(words, lemmas, strict=True)
    content = [lemma for word, lemma in both if word[0].isalnum() and lemma not in function and word not in function]
    if not content and len(words) == 1:
        return None
    meant = known.concepts.get(lemmas, frozenset()) | known.concepts.get(words, frozenset())
    # A phrase of doing keeps what its words do ("without paying" still pays); a bus stop stops nothing.
    doing = len(words) == 1 or not meant.isdisjoint(known.acts)
    inside = (known.concepts.get((lemma,), frozenset()) for lemma in content if doing)
    return " ".join(lemmas), meant.union(*inside), frozenset(map(stem, content))


def _with_particle(unit: Unit, words: tuple[str, ...], clauses: tuple[int, ...], known: Lexicon) -> Unit:
    """A verb with what it means together with a particle behind its object: "turns the light off"."""
    if unit.length > 1 or known.longest.get(unit.lemma, 0) < 2 or unit.concepts.isdisjoint(known.acts):
        return unit
    for place in range(unit.place + 2, min(unit.place + 6, len(words))):
        if clauses[place] != unit.clause:
            break
        meant = known.concepts.get((unit.lemma, words[place])) if words[place] in _PARTICLES else None
        if meant:
            return replace(unit, concepts=unit.concepts | meant)
    return unit


def _phrase(words: tuple[str, ...], lemmas: tuple[str, ...], place: int, most: int, known: Lexicon) -> int:
    """Number of words of the longest known phrase that begins here; 1 where none of several words does."""
    for length in range(min(most, len(lemmas) - place), 1, -1):
        if lemmas[place : place + length] in known.concepts or words[place : place + length] in known.concepts:
            return length
    return 1
