"""Where a stretch of words ends: a noun phrase, "after the whistle", "fifteen minutes"."""

from __future__ import annotations

from rewrite.reading import Reading


def main_behind(letters: str, place: int) -> int | None:
    """Where the main clause begins behind "after the whistle", if it follows without a comma."""
    end = phrase_end(letters, place)
    return end if end > place and letters[end - 1] == "N" and letters[end : end + 1] in ("D", "R") else None


def phrase_end(letters: str, place: int) -> int:
    """Behind the determiners and nouns that begin here."""
    for letter in "DN":
        while letters[place : place + 1] == letter:
            place += 1
    return place


def is_measure(reading: Reading, letters: str, begin: int, place: int, stretches: frozenset[str]) -> bool:
    """Whether only a stretch of time stands in front: "fifteen minutes after closing, ..."."""
    before = range(begin, place)
    return all(letters[p] in "DNXJS" for p in before) and any(reading.lemmas[p] in stretches for p in before)
