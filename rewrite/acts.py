"""The acts of two captions side by side: the same verb or its like, those who are in it as members of the first."""

from __future__ import annotations

from dataclasses import dataclass

from rewrite.cast import NOBODY, Cast, Ids, Member, alike, cast_of
from rewrite.frames import scene
from rewrite.nouns import Noun
from rewrite.reading import once
from rewrite.subjects import Frame


@dataclass(slots=True, unsafe_hash=True)
class Act:
    """A frame whose nouns are members of the source.

    Attributes:
        frame: as it was read.
        agents, patients, others: whom each noun may mean; nobody where the source knows none.
    """

    frame: Frame
    agents: tuple[Ids, ...]
    patients: tuple[Ids, ...]
    others: tuple[Ids, ...]

    @property
    def all(self) -> tuple[Ids, ...]:
        return (*self.agents, *self.patients, *self.others)

    def behind(self, prep: str) -> tuple[Ids, ...]:
        """Those behind one preposition."""
        return tuple(i for i, n in zip(self.others, self.frame.others, strict=True) if n.prep == prep)

    def same_words(self, other: Act) -> bool:
        one, two = self.frame.unit, other.frame.unit
        if max(one.length, two.length) > 1 and one.concepts and two.concepts and one.lemma != two.lemma:
            return not one.concepts.isdisjoint(two.concepts)  # "goes off" is not "goes back"
        return not one.stems.isdisjoint(two.stems)

    def may_be(self, other: Act) -> bool:
        """Whether both may tell one act: by the same word, or by another of those who are in it."""
        if self.same_words(other):
            return True
        if not self.frame.unit.agrees(other.frame.unit) or not meet(self.all, other.all):
            return False
        told = self.patients and other.patients and all(self.patients) and all(other.patients)
        return not told or meet(self.patients, other.patients)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two captions.

    Attributes:
        members: of the source.
        before, after: acts of the source, and of the rewrite.
        there: members of the source that the rewrite names.
        owners: of each member of the rewrite that is owned, (whom it may be, who may own it each time it is said).
    """

    members: tuple[Member, ...]
    before: tuple[Act, ...]
    after: tuple[Act, ...]
    there: Ids
    owners: tuple[tuple[Ids, tuple[Ids, ...]], ...]


@once
def pair(source: str, text: str, extend: str = "") -> Pair:
    """Reads two captions side by side; the filters of one chunk share what is read."""
    one, other = cast_of(source, extend), cast_of(text, extend)
    answers = alike(one, other)
    owners = (
        (answers[number], tuple(NOBODY.union(*(answers[n] for n in owner)) for owner in member.owners))
        for number, member in enumerate(other.members)
        if member.owners
    )
    return Pair(
        members=tuple(one.members),
        before=tuple(_act(f, one, None) for f in scene(source, extend).frames),
        after=tuple(_act(f, other, answers) for f in scene(text, extend).frames),
        there=NOBODY.union(*answers),
        owners=tuple(owners),
    )


def answering(act: Act, others: tuple[Act, ...]) -> list[Act]:
    """The acts of the other caption that may be this one; same words before same meanings."""
    unit = act.frame.unit
    same = [o for o in others if act.same_words(o)]
    if len(same) > 1 and act.patients and all(act.patients):
        same = [o for o in same if meet(o.patients, act.patients)] or same  # "takes the bag, then takes the purse"
    return same or [o for o in others if o.frame.unit.agrees(unit)]


def meet(some: tuple[Ids, ...], others: tuple[Ids, ...]) -> bool:
    """Whether somebody of the one may be somebody of the other."""
    return any(not a.isdisjoint(b) for a in some for b in others)


def _answered(some: Ids, answers: list[Ids]) -> Ids:
    """Members of the rewrite as those of the source that they may be; the nameless stay."""
    if len(some) == 1:
        (number,) = some
        return answers[number] if number >= 0 else some
    return NOBODY.union(*(answers[i] if i >= 0 else {i} for i in some))


def _act(frame: Frame, cast: Cast, answers: list[Ids] | None) -> Act:
    itself = NOBODY.union(*(cast.of(n) for n in frame.agents))  # whom "themselves" means

    def ids(nouns: tuple[Noun, ...], apart: tuple[Noun, ...] = ()) -> tuple[Ids, ...]:
        # "He gave the cashier the money": whoever "he" is, it is not the cashier.
        if not nouns:
            return ()
        named = NOBODY
        if any(n.pronoun for n in nouns):
            named = named.union(*(cast.of(n) for n in apart if not n.pronoun and n.prep != "'s"))
        found = (
            itself if cast.reflexive(n) else (cast.of(n) - named or cast.of(n)) if n.pronoun else cast.of(n)
            for n in nouns
        )
        return tuple(found if answers is None else (_answered(some, answers) for some in found))

    behind = (*frame.patients, *frame.others)
    return Act(frame, ids(frame.agents, behind), ids(frame.patients, frame.agents), ids(frame.others))
