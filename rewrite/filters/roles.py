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
    """Reason: role. Agent and patient of each act, the passive turned to active, are held against each other.

    A doubt: subjects and objects are found by their place, not by a parser.
    """

    lexicon: str = setting("", "a YAML file that adds to rewrite/lexicons")

    def identity(self) -> dict[str, Any]:
        return {"lexicon": lexicon(self.lexicon).digest}

    def judge(self, candidates: Sequence[Candidate]) -> list[Verdict]:
        return doubt_texts(candidates, lambda source, text: _fault(source, text, self.lexicon))


@dataclass(frozen=True, slots=True)
class _Act:
    """A frame whose nouns are members of the source."""

    frame: Frame
    agents: tuple[Ids, ...]
    patients: tuple[Ids, ...]
    others: tuple[Ids, ...]


def _fault(source: str, text: str, extend: str) -> str:
    one, other = _cast(source, extend), _cast(text, extend)
    known = lexicon(extend)
    answers = alike(one, other)
    before = [_act(f, one, None) for f in scene(source, extend).frames]
    after = [_act(f, other, answers) for f in scene(text, extend).frames]
    there = frozenset().union(*answers) if answers else NOBODY
    for new in after:
        olds = _answering(new, before)
        if olds and not any(_may_be(old, new, there, one, known) for old in before):
            if not any(_may_be(old, w, there, one, known) for old in olds for w in after):
                return "role"
        if not olds and any(_converse(old, new, known) for old in before if not _answering(old, after)):
            return "role"
    return ""


@lru_cache(maxsize=65536)
def _cast(text: str, extend: str) -> Cast:
    return Cast(scene(text, extend), read(text, extend).words, extend)


def _act(frame: Frame, cast: Cast, answers: list[Ids] | None) -> _Act:
    def ids(nouns: tuple[Noun, ...]) -> tuple[Ids, ...]:
        found = (cast.of(n) for n in nouns)
        if answers is None:
            return tuple(found)
        return tuple(frozenset().union(*(answers[i] for i in some)) for some in found)

    return _Act(frame, ids(frame.agents), ids(frame.patients), ids(frame.others))


def _answering(act: _Act, others: list[_Act]) -> list[_Act]:
    """The acts of the other caption that may be this one; same words before same meanings."""
    unit = act.frame.unit
    return [o for o in others if o.frame.unit.stems & unit.stems] or [o for o in others if o.frame.unit.agrees(unit)]


def _may_be(old: _Act, new: _Act, there: Ids, cast: Cast, known: Lexicon) -> bool:
    """Whether one act may be the other, nothing said against it."""
    return old.frame.unit.agrees(new.frame.unit) and not _changed(old, new, there, cast, known)


def _changed(old: _Act, new: _Act, there: Ids, cast: Cast, known: Lexicon) -> bool:
    """Whether somebody else, whom the source names too, does it or bears it."""
    lemma = old.frame.unit.lemma.split()[0]
    if lemma in known.words("syntax", "empty"):
        return False
    if lemma in known.words("syntax", "mutual") and not old.patients:
        return _other_company(old, new, there)
    if _disjoint(old.agents, new.agents, there):
        turned = not new.patients and _meet(old.patients, new.agents)  # "breaks the pane" - "the pane breaks"
        made = not old.patients and _meet(old.agents, new.patients)
        return not (turned and not new.frame.passive or made and not old.frame.passive)
    if not new.agents and _meet(old.agents, new.patients) and _disjoint(old.patients, new.patients, there):
        return True
    if not old.agents and _meet(old.patients, new.agents) and _disjoint(old.patients, new.patients, there):
        return True
    if _meet(old.patients, new.agents) and new.patients and not _meet(old.agents, new.agents):
        return bool(old.agents) and all(new.agents) and not _meet(old.patients, new.patients)
    people = frozenset(n for n, m in enumerate(cast.members) if m.person)
    return _disjoint(old.patients, new.patients, there) and all(i <= people for i in (*old.patients, *new.patients))


def _disjoint(old: tuple[Ids, ...], new: tuple[Ids, ...], there: Ids) -> bool:
    """Whether both are told and known, nobody may be the same, and whoever is gone is still spoken of."""
    if not old or not new or not all(old) or not all(new):
        return False
    return not _meet(old, new) and any(i & there for i in old)


def _meet(some: tuple[Ids, ...], others: tuple[Ids, ...]) -> bool:
    return any(a & b for a in some for b in others)


def _other_company(old: _Act, new: _Act, there: Ids) -> bool:
    """Whether one of those who fight has changed places with one who does not."""
    was, now = (*old.agents, *old.patients, *old.others), (*new.agents, *new.patients, *new.others)
    gone = [i for i in old.agents if i and not _meet((i,), now)]
    come = [i for i in new.agents if i and not _meet((i,), was)]
    return bool(come) and any(i & there for i in gone)


def _converse(old: _Act, new: _Act, known: Lexicon) -> bool:
    """Whether one who gave now receives."""
    if not old.agents or not new.agents or not _meet(old.agents, new.agents):
        return False
    one, other = old.frame.unit, new.frame.unit
    mine, theirs = {*one.concepts, one.lemma}, {*other.concepts, other.lemma}
    for pair in known.words("grammar", "converse"):
        a, b = pair.split(":")
        for x, y in ((a, b), (b, a)):
            if x in mine and y in theirs and not {x, y} <= mine and not {x, y} <= theirs:
                return True
    return False
