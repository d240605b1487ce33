"""Is everything there, and nothing more? Content that one caption has and the other has not.

Each unit of content looks for its like in the other caption: by concept, by stem, for a word that the lexicon does not
know by WordNet's senses, else by the cosine of the two words' own vectors, so that an unknown synonym costs little.
What finds none came in, or went out. Where both happened, half of each is taken for new words of old things; one verb
in another's place is another act all the same, and so is one thing in another's place where all around them stayed: who
words it anew seldom changes one noun alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log
from typing import Any

from rewrite.embeddings import DEFAULT, locate_encoder, vectors
from rewrite.filters.rules import rule_identity
from rewrite.lexicon import lexicon
from rewrite.reading import Reading, Unit, read
from rewrite.records import Candidate, Verdict
from rewrite.settings import describe, setting
from rewrite.synonyms import synonyms, synonyms_digest
from rewrite.syntax import tags
from rewrite.weights import weights_digest, written_name

_JOINS = frozenset({"and", "then", "the", "a", "an"})


@dataclass(frozen=True)
class Detail:
    """Reasons: invented, dropped, replaced (an act or a thing by another). Doubts: a language model knows more words.

    A rewrite that dropped much drops alone: a model of inference overlooks what is gone where the rest is the same.

    Stores `invented` and `dropped`: units without their like, near misses in part, less half of what the other caption
    has without its like. A rewrite that grew shorter has dropped more, a longer one less, by the logarithm of its
    length in words over the source's.
    """

    model: str = setting(DEFAULT, "sentence encoder for words that the lexicon does not know")
    invented: float = setting(1.5, "units of the rewrite that the source may lack")
    dropped: float = setting(0.9, "units of the source that the rewrite may lack")
    lost: float = setting(2.0, "the same, from which a rewrite drops alone: inference overlooks what is gone")
    replaced: float = setting(0.7, "share of a verb that may be gone while as much of another is new")
    shorter: float = setting(2.0, "units that a rewrite of the source's length over e is taken to have dropped")
    same: float = setting(0.8, "cosine of two words from which one in the other's place is no other thing")
    like: float = setting(0.5, "cosine of two words from which they are alike")
    unlike: float = setting(0.35, "cosine up to which they are not; between the two a word counts in part")
    lexicon: str = setting("", "a YAML file that adds to rewrite/lexicons")

    def __post_init__(self) -> None:
        if min(self.invented, self.dropped, self.lost, self.replaced) <= 0 or not 0 <= self.unlike < self.like <= 1:
            raise ValueError("invented, dropped, lost and replaced must be positive, and 0 <= unlike < like <= 1")
        if self.shorter < 0 or not 0 <= self.same <= 1:
            raise ValueError("shorter must not be negative, and same lie in [0, 1]")

    def identity(self) -> dict[str, Any]:
        path = locate_encoder(self.model)
        settings = describe(self, identity_only=True)
        return {
            **settings,
            "model": written_name(self.model),
            "weights": weights_digest(path),
            "synonyms": synonyms_digest(),
            **rule_identity(self.lexicon),
        }

    def judge(self, candidates: Sequence[Candidate]) -> list[Verdict]:
        if not candidates:
            return []
        weights = _weights(self.lexicon)
        pairs = [(read(c.draft.source, self.lexicon), read(c.text, self.lexicon)) for c in candidates]
        lacking = [(_lacking(text, source, weights), _lacking(source, text, weights)) for source, text in pairs]
        near = self._nearness(pairs, lacking)
        return [
            self._verdict(c, source, text, new, lost, near, weights)
            for c, (source, text), (new, lost) in zip(candidates, pairs, lacking, strict=True)
        ]

    def _verdict(
        self,
        candidate: Candidate,
        source: Reading,
        text: Reading,
        new: list[Unit],
        lost: list[Unit],
        near: dict[str, Any],
        weights: dict[str, float],
    ) -> Verdict:
        came = {u: _weight(u, weights) * self._share(u, source, near) for u in new}
        went = {u: _weight(u, weights) * self._share(u, text, near) for u in lost}
        all_new, all_lost = sum(came.values()), sum(went.values())
        length = log(max(1, len(candidate.text.split())) / max(1, len(candidate.draft.source.split())))
        invented = round(all_new - all_lost / 2, 3)
        dropped = round(all_lost - all_new / 2 - self.shorter * length, 3) if all_lost else 0.0
        missing, added = _hole(source, text, weights)
        acts = min(_most(went, candidate.draft.source, self.lexicon), _most(came, candidate.text, self.lexicon))
        scores = {"invented": max(0.0, invented), "dropped": max(0.0, dropped)}
        if dropped > self.lost:
            return Verdict(False, "dropped", scores)
        faults = {
            "invented": invented > self.invented or added >= 1,
            "dropped": dropped > self.dropped or missing >= 1,
            "replaced": acts >= self.replaced or self._exchanged(candidate, (source, text), (lost, new), near),
        }
        return Verdict(True, scores=scores, flag=next((name for name, true in faults.items() if true), ""))

    def _exchanged(
        self, candidate: Candidate, readings: tuple[Reading, Reading], lacking: tuple[list[Unit], list[Unit]], near: Any
    ) -> bool:
        """Whether a noun or an adverb stands between the same words as another one did."""
        if not all(lacking):
            return False
        gone, come = (
            list(_neighbours(reading, text, units, self.lexicon))
            for reading, text, units in zip(readings, (candidate.draft.source, candidate.text), lacking, strict=True)
        )
        return any(
            a.letter == b.letter
            and _same(a.before, b.before)
            and _same(a.behind, b.behind)
            and float(near[a.unit.lemma] @ near[b.unit.lemma]) < self.same
            and not _one_sense(a.unit, b.unit)
            for a in gone
            for b in come
        )

    def _share(self, unit: Unit, other: Reading, near: dict[str, Any]) -> float:
        """1 where nothing in the other caption is like it, 0 where something is."""
        if any(_one_sense(unit, u) for u in other.units):
            return 0.0
        best = max((float(near[unit.lemma] @ near[u.lemma]) for u in other.units), default=0.0)
        return min(1.0, max(0.0, (self.like - best) / (self.like - self.unlike)))

    def _nearness(self, pairs: Any, lacking: Any) -> dict[str, Any]:
        """A unit vector for each word that is looked for, and for each it may be like."""
        words: set[str] = set()
        for (source, text), (new, lost) in zip(pairs, lacking, strict=True):
            if new or lost:
                words.update(u.lemma for r in (source, text) for u in r.units)
        ordered = sorted(words)
        return dict(zip(ordered, vectors(self.model, ordered), strict=True))


@dataclass(frozen=True, slots=True)
class _Placed:
    """A unit that is lacking, with those around it."""

    unit: Unit
    before: Unit | None
    behind: Unit | None
    letter: str


def _neighbours(reading: Reading, text: str, lacking: list[Unit], extend: str) -> Iterator[_Placed]:
    letters, units = tags(text, extend), reading.units
    for place, unit in enumerate(units):
        letter = letters[unit.place]
        if letter in "NX" and any(unit is u for u in lacking):
            before = units[place - 1] if place else None
            yield _Placed(unit, before, units[place + 1] if place + 1 < len(units) else None, letter)


def _one_sense(one: Unit, other: Unit) -> bool:
    """Whether WordNet gives them a common sense, and our lists do not know both: to those "shoots" is not "films"."""
    return not (one.concepts and other.concepts) and synonyms(one.lemma, other.lemma)


def _same(one: Unit | None, other: Unit | None) -> bool:
    return not one.stems.isdisjoint(other.stems) if one is not None and other is not None else one is other


def _hole(source: Reading, text: Reading, weights: dict[str, float]) -> tuple[float, float]:
    """(what is gone, what came in) where a caption is the other one with one stretch of words cut out of it."""
    if source.words[:3] != text.words[:3] and source.words[-4:] != text.words[-4:]:
        return 0.0, 0.0
    one, other = (
        [(w, x) for w, x in zip(r.words, r.lemmas, strict=True) if w[0].isalnum() and w not in _JOINS]
        for r in (source, text)
    )
    least = min(len(one), len(other))
    begin = next((n for n in range(least) if one[n] != other[n]), least)
    end = next((n for n in range(least - begin) if one[-1 - n] != other[-1 - n]), least - begin)
    if begin + end < least or least < len(_JOINS):
        return 0.0, 0.0
    gone, came = (sum(weights.get(x, 1.0) for _, x in some[begin : len(some) - end]) for some in (one, other))
    return gone, came


def _most(lacking: dict[Unit, float], text: str, extend: str) -> float:
    """How much is lacking of the verb that lacks most."""
    letters = tags(text, extend)
    return max((much for u, much in lacking.items() if "V" in letters[u.place : u.place + u.length]), default=0.0)


def _lacking(one: Reading, other: Reading, weights: dict[str, float]) -> list[Unit]:
    """The units of one caption that no unit of the other answers. Counts are the business of another filter."""
    concepts, stems = other.concepts, frozenset().union(*(u.stems for u in other.units))
    counts = lexicon().lists["numbers"]["words"]
    return [
        u
        for u in one.units
        if u.concepts.isdisjoint(concepts)
        and u.stems.isdisjoint(stems)
        and u.lemma not in counts
        and not u.word[0].isdigit()
        and _weight(u, weights) > 0
    ]


def _weight(unit: Unit, weights: dict[str, float]) -> float:
    """What a unit tells; of a phrase, what its weightiest word tells."""
    if unit.lemma in weights:
        return weights[unit.lemma]
    return max(weights.get(part, 1.0) for part in unit.lemma.split())


@lru_cache(maxsize=8)
def _weights(extend: str) -> dict[str, float]:
    """Word -> weight, of words that tell little or nothing."""
    known = lexicon(extend)
    told = (("function", 0.0), ("light", 0.25), ("structure", 0.0))
    return {word: weight for key, weight in told for word in known.words("grammar", key)}
