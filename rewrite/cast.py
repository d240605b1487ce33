"""Who of one caption is who of the other? Nouns become people and things; pronouns stand for all they may mean."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

from rewrite.frames import Scene, scene
from rewrite.lexicon import lexicon
from rewrite.nouns import Noun, humans
from rewrite.reading import Unit, once, read

Ids = frozenset[int]
NOBODY: Ids = frozenset()
_NAMELESS = {"he": -1, "she": -2, "it": -3, "they": -4}  # whom nothing names: the same in every caption
_DOERS = ("er", "or", "ist", "ian", "eer", "man", "woman", "wife", "ess", "ee", "ant")
_OTHER = frozenset({"other"})
_ARTICLES = frozenset({"a", "an", "the"})
_DEFINITE = frozenset({"the", "his", "her", "their", "its", "this", "that", "both", "each"})


@dataclass(slots=True)
class Member:
    """One who is spoken of.

    Attributes:
        heads: all that it is called.
        marks: what tells it from its like.
        sex: "he", "she", or empty where nothing tells.
        human: whether the lexicon knows it as one; person: the same of all who can do something.
        thing: whether it knows it as neither; a word it does not know may be any.
        several: whether it can be "they".
        acts: whether it does something.
        owners: whose it is, one entry each time it is said; members of the same cast.
    """

    heads: list[Unit] = field(default_factory=list)
    marks: set[str] = field(default_factory=set)
    sex: str = ""
    human: bool = False
    person: bool = False
    thing: bool = False
    several: bool = False
    acts: bool = False
    owners: list[Ids] = field(default_factory=list)


class Cast:
    """The members of one scene; `of` says whom a noun may mean."""

    def __init__(self, scene: Scene, words: tuple[str, ...], extend: str = "") -> None:
        self.members: list[Member] = []
        self._of: dict[int, Ids] = {}
        self._words = words
        self._terse = _ARTICLES.isdisjoint(words)  # a report that leaves out its determiners
        male, female = _sexes(extend)
        people, mankind = lexicon(extend).entities, humans(extend)
        agents = {n.place for frame in scene.frames for n in frame.agents}
        for noun in scene.nouns:
            if noun.pronoun:
                continue
            found = self._known(noun)
            if found is None:
                found = len(self.members)
                self.members.append(Member())
            member = self.members[found]
            if noun.head is not None:
                member.heads.append(noun.head)
                name = noun.head.lemma.split()[-1]
                member.sex = "he" if name in male else "she" if name in female else member.sex
                member.person |= bool(noun.head.concepts & people)
                member.human |= bool(noun.head.concepts & mankind)
                member.thing = not member.person and bool(noun.head.concepts)
            else:
                member.person = True
            member.marks |= noun.marks
            member.several |= noun.several
            member.acts |= noun.place in agents
            self._of[noun.place] = frozenset({found})
        for _ in range(2):  # whoever alone can be "he" is no "she" elsewhere
            seen: list[int] = []
            for noun in scene.nouns:
                if noun.pronoun:
                    self._of[noun.place] = self._meant(noun, seen)
                    self._sexed(noun)
                else:
                    seen += self._of[noun.place]
        for one, other in pairwise(scene.nouns):
            if one.prep == "'s":
                self._owned(other, one)
            elif other.prep == "of" and other.begin == one.place + 2:
                self._owned(one, other)

    def of(self, noun: Noun) -> Ids:
        """Whom a noun may mean."""
        return self._of[noun.place]

    def reflexive(self, noun: Noun) -> bool:
        """Whether it is "himself" or the like."""
        return noun.pronoun and self._words[noun.place].endswith(("self", "selves"))

    def _sexed(self, noun: Noun) -> None:
        """Tells a person's sex by a pronoun that can mean nobody else."""
        fitting = [m for m in self.members if noun.word in ("he", "she") and _fits(noun.word, m) and _personal(m)]
        if len(fitting) == 1 and fitting[0].person:
            fitting[0].sex = noun.word

    def _owned(self, thing: Noun, owner: Noun) -> None:
        if owner.pronoun:
            return
        for number in self._of[thing.place]:
            if number < 0:
                continue  # "robs her of a wallet", and nobody is she
            self.members[number].owners.append(self._of[owner.place])

    def _known(self, noun: Noun) -> int | None:
        """The member that "the man" speaks of again."""
        if noun.head is None:
            return None
        first = noun.begin - (noun.prep == "'s")  # an owner begins behind its determiner
        bare = self._terse and not noun.several
        definite = bare or self._words[max(0, first)] in _DEFINITE
        if not definite:
            return None
        best, most = None, 0.0
        for number, member in enumerate(self.members):
            same = any(noun.head.lemma == h.lemma for h in member.heads)
            if not same and not any(noun.head.lemma == h.lemma.split()[-1] for h in member.heads):
                continue
            if ("other" in noun.marks) != ("other" in member.marks):
                continue
            if noun.marks - member.marks and member.marks - noun.marks:
                continue  # "the man in the black vest" is not the one in the white
            alike = 1.0 if same or bare else 0.75
            alike += len(noun.marks & member.marks) - (0.5 if noun.marks - member.marks else 0)
            if alike >= most:
                best, most = number, alike
        return best if most > 0.5 else None

    def _meant(self, noun: Noun, seen: list[int]) -> Ids:
        """All that a pronoun may stand for: what was named before it, else what comes."""
        fitting = [n for n, m in enumerate(self.members) if _fits(noun.word, m)]
        if noun.word in ("he", "she"):  # what is known for a person before what may be one, a boy before his dog
            for told in (_personal, lambda m: m.human or not m.person):
                some = [n for n in fitting if told(self.members[n])]
                fitting = some if any(n in seen for n in some) else fitting
        if noun.word == "they" and not any(n in seen for n in fitting):
            fitting = [n for n, m in enumerate(self.members) if not m.thing]  # several who were named one by one
        if not fitting:
            return frozenset({_NAMELESS[noun.word]})
        before = [n for n in fitting if n in seen]
        return frozenset(before or fitting)


@once
def cast_of(text: str, extend: str = "") -> Cast:
    """Equal texts are read once."""
    return Cast(scene(text, extend), read(text, extend).words, extend)


def _fits(pronoun: str, member: Member) -> bool:
    match pronoun:
        case "he" | "she":
            return not member.thing and not member.several and member.sex in ("", pronoun)
        case "it":
            return not member.sex and not member.several
        case "they":
            return member.several
    return False


def somebody(member: Member) -> bool:
    """Whether it is a person, or no thing we know and named like one who does something: "a heckler"."""
    return member.person or (not member.thing and any(h.lemma.endswith(_DOERS) for h in member.heads))


def _personal(member: Member) -> bool:
    """Whether it is a person, is named like one, or acts like one."""
    names = (head.lemma for head in member.heads)
    return member.person or member.acts or bool(member.sex) or any(name.endswith(_DOERS) for name in names)


def alike(source: Cast, text: Cast) -> list[Ids]:
    """For each member of the rewrite, whom of the source it may be; nobody where none agrees."""
    return [_answer(member, source.members) for member in text.members]


def _answer(member: Member, members: list[Member]) -> Ids:
    if not member.heads:  # "the other", "the one in red"
        if member.marks <= _OTHER:
            return frozenset(n for n, other in enumerate(members) if not other.heads or "other" in other.marks)
        shared = [len(member.marks & other.marks) for other in members]
        return frozenset(n for n, count in enumerate(shared) if count and count == max(shared))
    named = [_named_alike(member, other) for other in members]
    best = max(named, default=0)
    if not best:
        return frozenset(n for n, other in enumerate(members) if member.sex and other.sex == member.sex)
    likely = [n for n, score in enumerate(named) if score == best]
    nameless = [n for n, other in enumerate(members) if not other.heads and member.marks & (other.marks - _OTHER)]
    if nameless and all(members[n].marks and not member.marks & members[n].marks for n in likely):
        return frozenset(nameless)  # "the shorter boxer" was "the shorter one" beside the taller
    if all(m.marks <= _OTHER for m in (member, *(members[n] for n in likely))):
        return frozenset(likely)  # "one man" and "a second man": either may be either
    told = {n: _told_alike(member, members[n]) for n in likely}
    return frozenset(n for n in likely if told[n] == max(told.values()))


def _named_alike(one: Member, other: Member) -> int:
    """2 where both are called the same, 1 where the names may mean the same, 0 where they do not."""
    if one.sex and other.sex and one.sex != other.sex:
        return 0
    found = 0
    for a in one.heads:
        for b in other.heads:
            if a.lemma == b.lemma:
                return 2
            found |= a.agrees(b)
    return int(found)


def _told_alike(one: Member, other: Member) -> float:
    """How many marks they share."""
    return len(one.marks & other.marks) - 1.5 * (("other" in one.marks) != ("other" in other.marks))


@lru_cache(maxsize=8)
def _sexes(extend: str) -> tuple[frozenset[str], frozenset[str]]:
    listed = lexicon(extend).lists["attributes"]["sex"]
    return frozenset(map(str, listed["male"])), frozenset(map(str, listed["female"]))
