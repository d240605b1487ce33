"""The words of order: which of them stands at a place of a caption, and what it makes of the clause behind it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from rewrite.lexicon import lexicon
from rewrite.reading import Reading

DONE = frozenset({"already", "just"})  # "has just been lifted out"
_NOT_FIRST = frozenset({"the", "his", "her", "its", "their", "at"})  # "the first one"


@dataclass(frozen=True, slots=True)
class OrderWords:
    """The words of order of a lexicon."""

    singles: dict[str, str]  # word -> what kind of clause it opens
    phrases: dict[tuple[str, ...], str]
    longest: int  # words of the longest of them
    heads: frozenset[str]  # with which one of either may begin
    stretches: frozenset[str]
    times: frozenset[str]
    counted: frozenset[str]  # what is counted behind "once"

    def at(self, reading: Reading, letters: str, place: int) -> tuple[str, int]:
        """(what kind of word of order begins here, the words it takes)."""
        words = reading.words
        word = words[place]
        for length in range(self.longest, 1, -1):
            if kind := self.phrases.get(words[place : place + length]):
                return kind, len(words[place : place + length])  # the end of a caption cuts a slice short
        kind = self.singles.get(word, "")
        if kind == "first" and place and words[place - 1] in _NOT_FIRST:
            return "", 1
        if kind == "after" and word == "having" and place and words[place - 1][0].isalnum():
            return "", 1
        if word == "once" and (place + 1 == len(words) or words[place + 1] in self.counted or words[place - 1] == "at"):
            return "", 1
        if word == "till" and letters[place] != "C":
            return "", 1  # a cash desk
        if word == "following" and letters[place] == "V":
            return "", 1  # "a car following it"
        if kind in ("after", "before"):
            if self.names_time(words, place + 1):
                return "", 1  # "until dawn" sets no act behind another
            if counted := self._counts_time(reading, place + 1):
                return "then" if kind == "after" else "first", 1 + counted
        return kind, 1

    def names_time(self, words: tuple[str, ...], place: int) -> bool:
        """Whether an hour of the day stands here."""
        return place < len(words) and words[place] in self.times

    def _counts_time(self, reading: Reading, place: int) -> int:
        """Words of the stretch of time that begins here ("after some seconds"), 0 where none does."""
        words = reading.words
        for ahead in range(place, min(place + 4, len(words))):
            if reading.lemmas[ahead] in self.stretches:
                return ahead + 1 - place
            if words[ahead] in ("the", "he", "she", "they", "it", "his", "her") or not words[ahead][0].isalnum():
                return 0
        return 0


@lru_cache(maxsize=8)
def order_words(extend: str) -> OrderWords:
    """Read from order.yaml."""
    lists = lexicon(extend).lists["order"]
    kinds = ("after", "before", "then", "when", "while", "first")
    singles = {word: kind for kind in kinds for word in lists[kind].split()}
    phrases = {
        tuple(phrase.split()): kind
        for kind, said in lists["phrases"].items()
        for phrase in map(str.strip, said.split(","))
    }
    return OrderWords(
        singles=singles,
        phrases=phrases,
        longest=max(map(len, phrases)),
        heads=frozenset(singles).union(phrase[0] for phrase in phrases if phrase),
        stretches=frozenset(lists["stretches"].split()),
        times=frozenset(lists["times"].split()),
        counted=lexicon(extend).words("numbers", "ends"),
    )


@lru_cache(maxsize=8)
def telling(extend: str) -> frozenset[str]:
    """The words that mark an order, and of each phrase that does its (last) longest word: few captions hold one."""
    known = order_words(extend)
    kinds = ("after", "before", "then", "first")
    longest = {max(reversed(phrase), key=len) for phrase, kind in known.phrases.items() if kind in kinds}
    return DONE.union(longest, (word for word, kind in known.singles.items() if kind in kinds))
