"""Does it evoke the same kind of anomaly? A fight that became a hug teaches its class the wrong thing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from rewrite.filters.rules import judge_each, rule_identity
from rewrite.lexicon import Lexicon, lexicon
from rewrite.reading import Reading, holds
from rewrite.records import Candidate, Verdict
from rewrite.settings import setting

_DOUBTS = frozenset({"label_lost", "label_new"})
Phrases = frozenset[tuple[str, ...]]


@dataclass(frozen=True)
class Labels:
    """Reasons: label_lost (an anomaly went out), label_new (one came in), label_flip (an act of peace in its place).

    Read from the words alone, both ways; a video's label is not needed. A flip drops alone; a word of anomaly that came
    in or went out is a doubt, since the lists do not know every word.
    """

    lexicon: str = setting("", "a YAML file that adds to rewrite/lexicons")

    def identity(self) -> dict[str, Any]:
        return rule_identity(self.lexicon)

    def judge(self, candidates: Sequence[Candidate]) -> list[Verdict]:
        words = evocations(self.lexicon)
        fault = partial(_fault, words=words, extend=self.lexicon)
        return judge_each(candidates, fault, _DOUBTS, self.lexicon)


@dataclass(frozen=True, slots=True, eq=False)
class Evocations:
    """What words evoke.

    Attributes:
        strong, all: phrase -> families it tells by itself; and those it tells or allows.
        telling, allowing: their phrases.
        peaceful: acts of peace.
        ambiguous: strong words that also name ordinary things.
    """

    strong: dict[tuple[str, ...], frozenset[str]]
    all: dict[tuple[str, ...], frozenset[str]]
    telling: Phrases
    allowing: Phrases
    peaceful: Phrases
    ambiguous: Phrases

    def told(self, reading: Reading) -> Phrases:
        """The phrases of a caption that tell an anomaly by themselves."""
        return holds(reading, self.telling)

    def families(self, reading: Reading) -> frozenset[str]:
        """The families that a caption tells or allows."""
        return frozenset().union(*(self.all[phrase] for phrase in holds(reading, self.allowing)))


@lru_cache(maxsize=8)
def evocations(extend: str = "") -> Evocations:
    """The lists of labels.yaml, by phrase."""
    known = lexicon(extend)
    lists = known.lists["labels"]
    strong: dict[tuple[str, ...], frozenset[str]] = {}
    every: dict[tuple[str, ...], frozenset[str]] = {}
    for family, words in lists["families"].items():
        for kind in ("strong", "weak"):
            for phrase in known.phrases(words[kind]):
                every[phrase] = every.get(phrase, frozenset()) | {family}
                if kind == "strong":
                    strong[phrase] = strong.get(phrase, frozenset()) | {family}
    return Evocations(
        strong,
        every,
        frozenset(strong),
        frozenset(every),
        known.phrases(lists["peaceful"]),
        known.phrases(lists["ambiguous"]),
    )


def _fault(source: Reading, text: Reading, words: Evocations, extend: str) -> str:
    told, allowed = words.told(source), words.families(source)
    retold, still = words.told(text), words.families(text)
    known = lexicon(extend)
    new_peace = {p for p in holds(text, words.peaceful) if not _said(p, source, known)}
    if any(words.all[phrase].isdisjoint(still) for phrase in told):
        return "label_flip" if new_peace else "label_lost"
    # A word that also names ordinary things ("goes up the ladder") brings no anomaly in by itself.
    if any(words.all[phrase].isdisjoint(allowed) for phrase in retold - words.ambiguous):
        return "label_new"
    if not new_peace:
        return ""
    acts = (p for p in holds(source, words.allowing) if p in told or not known.acts.isdisjoint(_meant(p, known)))
    lost = any(not _said(phrase, text, known) for phrase in acts)
    return "label_flip" if lost or allowed - still else ""


def _said(phrase: tuple[str, ...], reading: Reading, known: Lexicon) -> bool:
    """Whether a caption says it, in these words or in others ("wipes" - "cleans")."""
    if holds(reading, frozenset({phrase})):
        return True
    return not _meant(phrase, known).isdisjoint(reading.concepts)


def _meant(phrase: tuple[str, ...], known: Lexicon) -> frozenset[str]:
    """What a phrase means, else what its first word does."""
    return known.concepts.get(phrase) or known.concepts.get(phrase[:1], frozenset())
