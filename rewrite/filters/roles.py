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
    others: tuple[Unit, ...] = ()  # all that stand behind the verb in its clause


def _fault(source: Reading, text: Reading, known: Lexicon) -> str:
    before, after = _acts(source, known), _acts(text, known)
    agents: list[tuple[_Act, _Act]] = []
    for act in after:
        answers = [a for a in before if a.verb.stems & act.verb.stems] or [a for a in before if a.verb.agrees(act.verb)]
        if answers and all(_exchanged(answer, act) for answer in answers):
            return "role"
        if any(_converse(old, act, known) for old in before):
            return "role"
        agents += [(answer, act) for answer in answers if len(answers) == 1]
    return "role" if _agents_exchanged(agents) else ""


def _agents_exchanged(pairs: list[tuple[_Act, _Act]]) -> bool:
    """Whether two acts have exchanged who does them."""
    named = [(old.agent, new.agent) for old, new in pairs if old.agent is not None and new.agent is not None]
    return any(
        not _same(a, b) and _same(a, d) and _same(b, c) and not _same(a, c)
        for i, (a, c) in enumerate(named)
        for b, d in named[i + 1 :]
    )


def _converse(old: _Act, new: _Act, known: Lexicon) -> bool:
    """Whether one who gave now receives."""
    if old.agent is None or new.agent is None or not _same(old.agent, new.agent):
        return False
    mine, theirs = {*old.verb.concepts, old.verb.lemma}, {*new.verb.concepts, new.verb.lemma}
    for pair in known.words("grammar", "converse"):
        one, other = pair.split(":")
        for x, y in ((one, other), (other, one)):
            if x in mine and y in theirs and not {x, y} <= mine and not {x, y} <= theirs:
                return True
    return False


def _exchanged(old: _Act, new: _Act) -> bool:
    """Whether the new agent is the old patient and not the old agent, or the other way round, with nothing against."""
    if old.agent is None:
        return False
    if new.agent is not None and not _same(new.agent, old.agent):
        # "throws a bottle at the driver": the exchange may pass by the object.
        behind = any(_same(new.agent, u) for u in old.others) and any(_same(old.agent, u) for u in new.others)
        if behind:
            return True
    if old.patient is None or _same(old.agent, old.patient):
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
    entities = _entities(reading, known)
    subject: Unit | None = None
    for unit in reading.units:
        adjective = reading.words[max(0, unit.place - 1)] in known.words("grammar", "determiners")
        if unit in entities or adjective or unit.concepts.isdisjoint(known.acts):
            continue
        before = [e for e in entities if e.place < unit.place and e.clause == unit.clause]
        after = [e for e in entities if e.place > unit.place and e.clause == unit.clause]
        left = _head(before, reading, known) or (before[-1] if before else None)
        carried = left is None and _continues(reading, unit, known)
        left = subject if carried else left
        if _passive(reading, unit, known):
            act = _Act(unit, _by(after, reading, known), left)
        else:
            end = unit.place + unit.length
            act = _Act(
                unit, left, next((e for e in after if "by" not in reading.words[end : e.place]), None), tuple(after)
            )
            subject = left or subject
        # A subject carried over from another clause is a guess: alone it proves no exchange.
        if not carried or (act.agent is not None and act.patient is not None):
            found.append(act)
    return found


def _by(after: list[Unit], reading: Reading, known: Lexicon) -> Unit | None:
    """Who a passive names behind "by"; people before things ("seized by the arm by a man")."""
    named = [e for e in after if "by" in reading.words[max(0, e.place - 4) : e.place]]
    return next((e for e in named if not e.concepts.isdisjoint(known.entities)), named[0] if named else None)


def _entities(reading: Reading, known: Lexicon) -> list[Unit]:
    """Who or what may act: words the lexicon knows as such, and the last word of each "the ..." that is no act."""
    determiners = known.words("grammar", "determiners")
    found = []
    open_ = False
    for place, unit in enumerate(reading.units):
        behind = reading.units[place - 1] if place else None
        adjacent = behind is not None and behind.place + behind.length == unit.place
        open_ = reading.words[unit.place - 1 : unit.place] != () and (
            reading.words[unit.place - 1] in determiners or (open_ and adjacent)
        )
        following = reading.units[place + 1] if place + 1 < len(reading.units) else None
        last = following is None or following.place != unit.place + unit.length or _acting(following, known)
        if not unit.concepts.isdisjoint(known.entities) or (open_ and last and not _acting(unit, known)):
            found.append(unit)
            open_ = False
    return found


def _acting(unit: Unit, known: Lexicon) -> bool:
    """Whether a word is an act in form: the lexicon knows it as one, and it is inflected."""
    return not unit.concepts.isdisjoint(known.acts) and unit.word.endswith(("s", "ed", "ing", "t", "k", "w"))


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
