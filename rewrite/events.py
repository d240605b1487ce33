"""Which act on the line of one caption is which on that of the other?"""

from __future__ import annotations

from rewrite.acts import Act, meet, pair
from rewrite.cast import Ids
from rewrite.reading import Unit
from rewrite.timeline import Event, Timeline


def matched(first: Timeline, second: Timeline, source: str, text: str, extend: str) -> list[tuple[Event, Event]]:
    """Events that answer each other and nothing else: a word said twice tells no order."""
    both = pair(source, text, extend)
    before = {a.frame.unit.place: a for a in both.before}
    after = {a.frame.unit.place: a for a in both.after}

    def same(one: Event, other: Event) -> bool:
        if _turned(one.unit, other.unit):
            return False
        a, b = before.get(one.unit.place), after.get(other.unit.place)
        if a is not None and b is not None:
            return a.may_be(b) and not (_apart(a.patients, (*b.patients, *b.agents)) or _other_agents(a, b))
        return one.unit.agrees(other.unit)

    found = []
    taken: set[int] = set()
    tests = (lambda a, b: bool(a.unit.stems & b.unit.stems) and same(a, b), same)
    left = list(first.events)
    for test in tests:
        for one in list(left):
            answers = [e for e in second.events if id(e) not in taken and test(one, e)]
            if len(answers) == 1 and sum(test(o, answers[0]) for o in left) == 1:
                found.append((one, answers[0]))
                taken.add(id(answers[0]))
                left.remove(one)
    return found


def _turned(one: Unit, other: Unit) -> bool:
    """Whether a particle makes one verb mean two things: "gets out" and "gets back"."""
    some, others = one.lemma.split(), other.lemma.split()
    return (
        some[0] == others[0]
        and some != others
        and min(len(some), len(others)) > 1
        and not one.concepts & other.concepts
    )


def _apart(some: tuple[Ids, ...], others: tuple[Ids, ...]) -> bool:
    """Whether both are told, and nobody is the same."""
    return bool(some and others) and not meet(some, others)


def _other_agents(a: Act, b: Act) -> bool:
    """Whether somebody else does it; a subject that was carried over counts where just one of them has an object."""
    told = not (a.frame.guessed or b.frame.guessed) or bool(a.patients) != bool(b.patients)
    return bool(b.agents) and told and _apart(a.agents, b.all)
