"""Who does what to whom? A man who hits a woman is not a man hit by her, and no cosine tells them apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rewrite.cast import NOBODY, Cast, Ids, alike
from rewrite.filters.rules import doubt_texts
from rewrite.frames import Frame, Noun, scene
from rewrite.lexicon import Lexicon, lexicon
from rewrite.reading import read
from rewrite.records import Candidate, Verdict
from rewrite.settings import setting


@dataclass(frozen=True)
class Roles:
    """Reason: role. Who does each act and whom it befalls, the passive turned round, are held against each other.

    A fault is somebody whom both captions name, in another's place; what only one of them names is no matter of roles.
    A doubt: subjects and objects are found by their place, not by a parser.
    """

    lexicon: str = setting("", "a YAML file that adds to rewrite/lexicons")

    def identity(self) -> dict[str, Any]:
        return {"lexicon": lexicon(self.lexicon).digest}

    def judge(self, candidates: Sequence[Candidate]) -> list[Verdict]:
        return doubt_texts(candidates, lambda source, text: "role" if _Pair(source, text, self.lexicon).fault() else "")


@dataclass(frozen=True, slots=True)
class _Act:
    """A frame whose nouns are members of the source."""

    frame: Frame
    agents: tuple[Ids, ...]
    patients: tuple[Ids, ...]
    others: tuple[Ids, ...]

    def behind(self, prep: str) -> tuple[Ids, ...]:
        """Those behind one preposition."""
        return tuple(i for i, n in zip(self.others, self.frame.others, strict=True) if n.prep == prep)


class _Pair:
    """Two captions, the members of the first as numbers."""

    def __init__(self, source: str, text: str, extend: str) -> None:
        self.known = lexicon(extend)
        one, other = _cast(source, extend), _cast(text, extend)
        answers = alike(one, other)
        self.members = one.members
        self.before = [_act(f, one, None) for f in scene(source, extend).frames]
        self.after = [_act(f, other, answers) for f in scene(text, extend).frames]
        self.owners = [
            (answers[number], [frozenset().union(*(answers[n] for n in owner)) for owner in member.owners])
            for number, member in enumerate(other.members)
        ]
        self.there = frozenset().union(*answers) if answers else NOBODY

    def fault(self) -> bool:
        """Whether somebody has changed places, in an act or as an owner."""
        return self._acts_changed() or any(self._owner_changed(thing, owners) for thing, owners in self.owners)

    def _owner_changed(self, thing: Ids, owners: list[Ids]) -> bool:
        """ "The driver of the van" where it was the driver of the car, and both are there."""
        if len(thing) != 1 or not all(owners):
            return False
        (number,) = thing
        was = self.members[number].owners
        return bool(was and owners) and self._disjoint(tuple(was), tuple(owners))

    def _acts_changed(self) -> bool:
        for new in self.after:
            olds = _answering(new, self.before)
            if not olds:
                if any(self._converse(old, new) for old in self.before if not _answering(old, self.after)):
                    return True
            elif all(self._changed(old, new) for old in olds):
                same = any(self._may_be(old, new) for old in self.before)
                if not same and not any(self._may_be(old, w) for old in olds for w in self.after):
                    return True
        return False

    def _may_be(self, old: _Act, new: _Act) -> bool:
        """Whether one act may be the other, nothing said against it."""
        one, other = old.frame.unit, new.frame.unit
        same = not one.stems.isdisjoint(other.stems)
        if not same and one.agrees(other) and _share(old, new):
            told = old.patients and new.patients and all(old.patients) and all(new.patients)
            same = not told or _meet(old.patients, new.patients)
        return same and not self._changed(old, new)

    def _changed(self, old: _Act, new: _Act) -> bool:
        """Whether somebody else, whom the source names too, does it or bears it."""
        one, other = old.frame.unit, new.frame.unit
        lemma = one.lemma.split()[0]
        if lemma in self.known.words("syntax", "empty"):
            return False
        if one.stems.isdisjoint(other.stems) and not _share(old, new):
            return False  # words that may mean the same, of others: another act
        if lemma in self.known.words("syntax", "mutual") and not old.patients:
            return self._other_company(old, new)
        if self._disjoint(old.agents, new.agents):
            turned = not new.patients and _meet(old.patients, new.agents)  # "breaks the pane" - "the pane breaks"
            made = not old.patients and _meet(old.agents, new.patients)
            if turned and not new.frame.passive or made and not old.frame.passive:
                return False
            exchanged = _meet(old.agents, (*new.patients, *new.others)) and _meet(
                new.agents, (*old.patients, *old.others)
            )
            tool = _meet(new.agents, old.behind("with")) or _meet(old.agents, new.behind("with"))
            return exchanged and not tool or (not tool and self._things(old.agents) == self._things(new.agents))
        if not new.agents and _meet(old.agents, new.patients) and self._disjoint(old.patients, new.patients):
            return True
        if not old.agents and _meet(old.patients, new.agents) and self._disjoint(old.patients, new.patients):
            return True
        if self._reversed(old, new):
            return True
        if old.agents and all(new.agents) and _meet(old.patients, new.agents) and not _meet(old.agents, new.agents):
            return bool(new.patients) and not _meet(old.patients, new.patients)
        persons = all(self.members[n].person for i in (*old.patients, *new.patients) for n in i)
        return persons and self._disjoint(old.patients, new.patients)

    def _things(self, agents: tuple[Ids, ...]) -> bool:
        return all(self.members[n].thing for i in agents for n in i)

    def _reversed(self, old: _Act, new: _Act) -> bool:
        """Whether it goes from where it went to, and to where it came from."""
        there = _meet(old.behind("to"), new.behind("from")) and not _meet(old.behind("to"), new.behind("to"))
        return there and (not old.behind("from") or _meet(old.behind("from"), new.behind("to")))

    def _disjoint(self, old: tuple[Ids, ...], new: tuple[Ids, ...]) -> bool:
        """Whether both are told and known, nobody may be the same, and whoever is gone is still spoken of."""
        if not old or not new or not all(old) or not all(new):
            return False
        return not _meet(old, new) and any(i & self.there for i in old)

    def _other_company(self, old: _Act, new: _Act) -> bool:
        """Whether one of those who fight has changed places with one who does not."""
        was, now = (*old.agents, *old.patients, *old.others), (*new.agents, *new.patients, *new.others)
        gone = [i for i in old.agents if i and not _meet((i,), now)]
        come = [i for i in new.agents if i and not _meet((i,), was)]
        return bool(come) and any(i & self.there for i in gone)

    def _converse(self, old: _Act, new: _Act) -> bool:
        """Whether one who gave now receives."""
        if not old.agents or not new.agents or not _meet(old.agents, new.agents):
            return False
        if self._reversed(old, new) and (_meet(old.patients, new.patients)):
            return True
        one, other = old.frame.unit, new.frame.unit
        mine, theirs = {*one.concepts, one.lemma}, {*other.concepts, other.lemma}
        for pair in self.known.words("grammar", "converse"):
            a, b = pair.split(":")
            for x, y in ((a, b), (b, a)):
                if x in mine and y in theirs and not {x, y} <= mine and not {x, y} <= theirs:
                    return True
        return False


@lru_cache(maxsize=65536)
def _cast(text: str, extend: str) -> Cast:
    return Cast(scene(text, extend), read(text, extend).words, extend)


def _act(frame: Frame, cast: Cast, answers: list[Ids] | None) -> _Act:
    def ids(nouns: tuple[Noun, ...], apart: tuple[Noun, ...] = ()) -> tuple[Ids, ...]:
        # "He gave the cashier the money": whoever "he" is, it is not the cashier.
        named = frozenset().union(*(cast.of(n) for n in apart if not n.pronoun and n.prep != "'s"))
        found = ((cast.of(n) - named or cast.of(n)) if n.pronoun else cast.of(n) for n in nouns)
        if answers is None:
            return tuple(found)
        return tuple(frozenset().union(*(answers[i] for i in some)) for some in found)

    behind = (*frame.patients, *frame.others)
    return _Act(frame, ids(frame.agents, behind), ids(frame.patients, frame.agents), ids(frame.others))


def _answering(act: _Act, others: list[_Act]) -> list[_Act]:
    """The acts of the other caption that may be this one; same words before same meanings."""
    unit = act.frame.unit
    return [o for o in others if o.frame.unit.stems & unit.stems] or [o for o in others if o.frame.unit.agrees(unit)]


def _share(old: _Act, new: _Act) -> bool:
    was, now = (*old.agents, *old.patients, *old.others), (*new.agents, *new.patients, *new.others)
    return _meet(was, now)


def _meet(some: tuple[Ids, ...], others: tuple[Ids, ...]) -> bool:
    return any(a & b for a in some for b in others)
