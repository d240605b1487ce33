"""An act of a caption in a short sentence of its own: "The passenger hits the driver on the shoulder."

Models of inference tell who does what in one short sentence far better than in a long one. The present tense and "the"
will do: what a sentence is held against tells the same people.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from rewrite.cast import cast_of, somebody
from rewrite.frames import scene
from rewrite.lexicon import lexicon
from rewrite.nouns import Noun, humans
from rewrite.reading import once, read
from rewrite.subjects import Frame
from rewrite.syntax import tags
from rewrite.timeline import denied

_PARTICLES = frozenset({"up", "down", "off", "out", "over", "away", "back", "on", "in", "into", "at"})
_DROPPED = frozenset(
    {
        "a",
        "an",
        "the",
        "his",
        "her",
        "their",
        "its",
        "this",
        "that",
        "these",
        "those",
        "some",
        "each",
        "several",
        "both",
    }
)
_ANYBODY = frozenset({"someone", "somebody", "nobody", "everyone", "everybody", "something", "nothing"})
_IRREGULAR = {
    "left": ("leaves", "leave"),
    "be": ("is", "are"),
    "have": ("has", "have"),
    "do": ("does", "do"),
    "go": ("goes", "go"),
}
_HISSING = ("s", "x", "z", "ch", "sh")
_BEHIND = frozenset({"with", "in", "of"})  # what may tell a noun from its like behind it
_MOST = 2  # nouns behind the object that a sentence takes


class Sentences:
    """Tells the acts of one caption, one at a time."""

    def __init__(self, text: str, extend: str = "") -> None:
        self._scene = scene(text, extend)
        self._read, self._letters = read(text, extend), tags(text, extend)
        self._cast = cast_of(text, extend)
        self._intending = lexicon(extend).words("syntax", "intending")
        self._humans, self._doers = humans(extend), lexicon(extend).entities

    def of(self, frame: Frame, instead: Mapping[Noun, Noun] = MappingProxyType({}), owner: Noun | None = None) -> str:
        """The act without a full stop, lower case; empty where it is denied, or only meant, or somebody has no name.

        Args:
            instead: who stands in the place of a noun.
            owner: whose the object of the act is said to be.
        """
        about = self.subject(frame)
        about = about and instead.get(about, about)
        unnamed = about is None or not self.name(about) or not all(map(self.name, self._objects(frame)))
        if about is None or unnamed or not self._happens(frame):
            return ""
        bits = [self.name(about), self._verb(frame, about.several)]
        for noun in self.behind(frame):
            owned = owner if noun in frame.patients else None
            if name := self._owned(frame, owned) if owned else self.name(instead.get(noun, noun)):
                again = bits[-1].split()[-1] == noun.prep  # "goes into" the hall
                bits.append(name if again or not noun.prep else f"{noun.prep} {name}")
        return " ".join(bits)

    def _objects(self, frame: Frame) -> tuple[Noun, ...]:
        return frame.patients[:1] if frame.agents else ()

    def _happens(self, frame: Frame) -> bool:
        """Whether the caption says that an act is done: not "never hits", "tries to hit", "nobody hits"."""
        words, place = self._read.words, frame.unit.place
        last = max((p for p in range(place) if self._letters[p] in "VSCJ"), default=-1)
        if denied(words, self._letters, last + 1, place):
            return False
        meant = words[place - 1 : place] == ("to",) and self._letters[last] == "V" and last >= 0
        return not (meant and self._read.lemmas[last] in self._intending)

    def subject(self, frame: Frame) -> Noun | None:
        """Whom an act's sentence is about: who does it, or whom it befalls where nobody is told to do it."""
        ends = frame.agents or (frame.patients if frame.passive else ())
        return next(iter(ends), None)

    def behind(self, frame: Frame) -> list[Noun]:
        """The nouns that stand behind the verb of an act's sentence: its object, and what follows on it."""
        within = (*frame.agents[:1], *frame.patients[:1], *frame.others)
        marks = [self._mark(n) for n in within]
        others = [n for n in frame.others if n.prep not in ("", "'s", "of") and n not in marks][:_MOST]
        return [*self._objects(frame), *others]

    def owner(self, frame: Frame) -> Noun | None:
        """Whose the object of an act is."""
        if not frame.patients:
            return None
        thing = frame.patients[0]
        whose = (n for n in self._scene.nouns if n.prep == "'s" and thing.begin - 1 <= n.place < thing.place)
        return next((n for n in whose if n.place > frame.unit.place), None)

    def name(self, noun: Noun) -> str:
        """What a noun is called by itself; empty where a pronoun may mean several, or nobody who is named."""
        if noun.pronoun:
            meant = self._meant(noun)
            return self.name(meant) if meant else ""
        places = range(noun.begin, noun.place + 1)
        owning = self._read.owners - {noun.place}
        words = [_owner(self._read.words[p]) if p in owning else self._read.words[p] for p in places]
        while words and words[0] in _DROPPED:
            words = words[1:]
        if words[:1] == ["another"]:
            words[0] = "other"
        if words and words[0] in _ANYBODY:
            return words[0]
        mark = self._mark(noun)
        told_by = self._read.words[noun.place + 1 : mark.place + 1] if mark else ()
        return " ".join(["the", *words, *told_by]) if words else ""

    def sort(self, noun: Noun) -> str:
        """What a noun is: a `human`, another who can do something (`other`), or neither (empty)."""
        found = {self._sort(number) for number in self._cast.of(noun)}
        return found.pop() if len(found) == 1 else ""

    def may_stand_for(self, one: Noun, other: Noun) -> bool:
        """Whether both are told apart: by whom they mean, and by what they are called."""
        apart = self._cast.of(one).isdisjoint(self._cast.of(other))
        return apart and self.name(one) not in ("", self.name(other))

    def _sort(self, number: int) -> str:
        if number < 0:
            return ""
        member = self._cast.members[number]
        concepts = frozenset().union(*(head.concepts for head in member.heads))
        if not member.heads or concepts & self._humans:
            return "human"
        if concepts & self._doers:
            return "other"
        return "human" if somebody(member) or (member.acts and not member.thing) else ""

    def _meant(self, pronoun: Noun) -> Noun | None:
        ids = self._cast.of(pronoun)
        if len(ids) != 1:
            return None
        return next((n for n in self._scene.nouns if not n.pronoun and self._cast.of(n) == ids), None)

    def _mark(self, noun: Noun) -> Noun | None:
        """ "The beard" of "the man with the beard", where that tells him from another of his name."""
        at, words = noun.place + 1, self._read.words
        if self._letters[at : at + 1] != "P" or words[at] not in _BEHIND:
            return None
        alike = (n.word == noun.word and self._cast.of(n) != self._cast.of(noun) for n in self._scene.nouns)
        if not (noun.head is None or words[at] == "of" or any(alike)):
            return None
        return next((n for n in self._scene.nouns if n.begin == at + 1), None)

    def _owned(self, frame: Frame, owner: Noun) -> str:
        """The object of an act as that of somebody."""
        whose, thing = self.owner(frame), frame.patients[0]
        begin = whose.place + 1 if whose else thing.place
        return f"{_owner(self.name(owner))} {' '.join(self._read.words[begin : thing.place + 1])}"

    def _verb(self, frame: Frame, several: bool) -> str:
        unit = frame.unit
        behind = self._read.words[unit.place + 1 : unit.place + unit.length]
        particles = behind if _PARTICLES.issuperset(behind) else ()
        if not frame.agents:
            first = f"{'are' if several else 'is'} {self._read.words[unit.place]}"
        else:
            first = _present(unit.lemma.split()[0], several)
        return " ".join((first, *particles))


@once
def sentences(text: str, extend: str = "") -> Sentences:
    """Equal texts are read once."""
    return Sentences(text, extend)


def _owner(name: str) -> str:
    return f"{name}'" if name.endswith("s") else f"{name}'s"


def _present(lemma: str, several: bool) -> str:
    if lemma in _IRREGULAR:
        return _IRREGULAR[lemma][several]
    if several:
        return lemma
    if lemma.endswith("y") and lemma[-2:-1] not in "aeiou":
        return f"{lemma[:-1]}ies"
    return f"{lemma}es" if lemma.endswith(_HISSING) else f"{lemma}s"
