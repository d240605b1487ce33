"""What is known of a word before it stands in a caption: the closed classes, the verbs, lists that tell them apart."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from rewrite.lexicon import Lexicon, lexicon


@dataclass(frozen=True, slots=True, eq=False)
class Grammar:
    """The closed classes and the verbs of the lexicon."""

    classes: dict[str, str]  # word -> its letter
    verbs: frozenset[str]
    people: frozenset[str]
    called: frozenset[str]  # phrases that name people
    things: frozenset[str]
    several: frozenset[str]
    pronouns: dict[str, str]  # "him" -> "he"
    passive: frozenset[str]
    possessing: frozenset[str]
    bare: frozenset[str]
    irregular: frozenset[str]
    parts: frozenset[str]
    particles: frozenset[str]
    outcomes: frozenset[str]
    adjectives: frozenset[str]
    numbered: frozenset[str]
    compounding: frozenset[str]
    numbers: frozenset[str]


@lru_cache(maxsize=8)
def grammar(extend: str = "") -> Grammar:
    """Read from syntax.yaml and the acts of concepts.yaml."""
    known = lexicon(extend)
    lists = known.lists["syntax"]
    pronouns = {word: name for name, words in lists["pronouns"].items() for word in words.split()}
    letters = (
        ("X", "adverbs"),
        ("P", "prepositions"),
        ("X", "particles"),
        ("D", "determiners"),
        ("C", "openers"),
        ("J", "joins"),
        ("W", "relatives"),
        ("A", "auxiliaries"),
    )
    classes = {word: letter for letter, name in letters for word in lists[name].split()} | dict.fromkeys(pronouns, "R")
    classes |= {"her": "D", "an": "D"}
    sections = known.lists["concepts"]
    phrases = {phrase for words in sections["acts"].values() for phrase in known.phrases(words)}
    acts = {phrase[0] for phrase in phrases if len(phrase) == 1 or phrase[1] in classes}
    things = _single(known, sections["things"]) | _single(known, sections["places"])
    verbs = frozenset((acts | set(lists["verbs"].split())) - (things - acts))
    return Grammar(
        classes=classes,
        verbs=verbs,
        people=_single(known, sections["people"]) | frozenset(known.lists["grammar"]["entities"].split()),
        called=frozenset(
            " ".join(p) for words in sections["people"].values() for p in known.phrases(words) if len(p) > 1
        ),
        things=things,
        pronouns=pronouns,
        numbers=frozenset(map(str, known.lists["numbers"]["words"]))
        | frozenset(["a", "an", "half", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]),
        **{
            name: frozenset(lists[name].split())
            for name in (
                *("passive", "possessing", "bare", "irregular", "parts", "particles", "several"),
                *("outcomes", "adjectives", "numbered", "compounding"),
            )
        },
    )


def _single(known: Lexicon, section: dict[str, str]) -> frozenset[str]:
    return frozenset(phrase[0] for words in section.values() for phrase in known.phrases(words) if len(phrase) == 1)
