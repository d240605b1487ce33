"""Who does what to whom? A man who hits a woman is not a man hit by her, and no cosine tells them apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rewrite.filters.rules import doubt
from rewrite.lexicon import Lexicon, lexicon
from rewrite.reading import Reading, Unit
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
        known = lexicon(self.lexicon)
        return doubt(candidates, lambda source, text: _fault(source, text, known), self.lexicon)


@dataclass(frozen=True, slots=True)
class _Act:
    verb: Unit
    agent: Unit | None
    patient: Unit | None


def _fault(source: Reading, text: Reading, known: Lexicon) -> str:
    before, after = _acts(source, known), _acts(text, known)
    for act in after:
        answers = [a for a in before if a.verb.stems & act.verb.stems] or [a for a in before if a.verb.agrees(act.verb)]
        if answers and all(_exchanged(answer, act) for answer in answers):
            return "role"
    return ""


def _exchanged(old: _Act, new: _Act) -> bool:
    """Whether the new agent is the old patient and not the old agent, or the other way round, with nothing against."""
    if old.agent is None or old.patient is None or _same(old.agent, old.patient):
        return False
    agent = new.agent is not None and _same(new.agent, old.patient) and not _same(new.agent, old.agent)
    patient = new.patient is not None and _same(new.patient, old.agent) and not _same(new.patient, old.patient)
    against = (new.agent is not None and _same(new.agent, old.agent)) or (
        new.patient is not None and _same(new.patient, old.patient)
    )
    return (agent or patient) and not against


def _same(one: Unit, other: Unit) -> bool:
    return one.lemma == other.lemma or one.agrees(other)


def _acts(reading: Reading, known: Lexicon) -> list[_Act]:
    found = []
    entities = [u for u in reading.units if not u.concepts.isdisjoint(known.entities)]
    subject: Unit | None = None
    for unit in reading.units:
        if unit in entities or unit.concepts.isdisjoint(known.acts):
            continue
        before = [e for e in entities if e.place < unit.place and e.clause == unit.clause]
        after = [e for e in entities if e.place > unit.place and e.clause == unit.clause]
        end = unit.place + unit.length
        passive = _passive(reading, unit, known)
        by = next((e for e in after if "by" in reading.words[end : e.place]), None)
        near = next((e for e in after if "by" not in reading.words[end : e.place]), None)
        left = before[-1] if before and not passive else (before[0] if before else None)
        left = _head(before, reading, known) or left
        if left is None and _continues(reading, unit, known):
            left = subject
        act = _Act(unit, by, left) if passive else _Act(unit, left, near)
        if left is not None:
            subject = left
        if act.agent is not None or act.patient is not None:
            found.append(act)
    return found


def _head(before: list[Unit], reading: Reading, known: Lexicon) -> Unit | None:
    """The first entity of a clause that no preposition governs: its subject."""
    prepositions = known.words("grammar", "prepositions")
    return next((e for e in before if prepositions.isdisjoint(reading.words[max(0, e.place - 3) : e.place])), None)


def _passive(reading: Reading, verb: Unit, known: Lexicon) -> bool:
    if known.words("grammar", "passive").isdisjoint(reading.words[max(0, verb.place - 2) : verb.place]):
        return verb.word.endswith("ed") and reading.words[verb.place + verb.length :][:1] == ("by",)
    return not verb.word.endswith("ing")


def _continues(reading: Reading, verb: Unit, known: Lexicon) -> bool:
    """Whether its clause goes on with the subject of the one before."""
    place = verb.place
    while place and reading.clauses[place - 1] == verb.clause:
        place -= 1
    return place == verb.place or reading.words[place] in known.words("grammar", "joins")
