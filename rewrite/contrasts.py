"""What a caption claims and its opposite, as two short sentences: "the driver hits the passenger" and the other way.

Held against another caption they ask a model of inference one question at a time: of a faithful rewrite it denies the
opposite, of a changed one the claim. Nothing is asked that the rules' own reading of both captions confirms.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from rewrite.acts import Act, pair
from rewrite.events import matched
from rewrite.frames import scene
from rewrite.lexicon import lexicon
from rewrite.nouns import Noun
from rewrite.sentences import Sentences, sentences
from rewrite.subjects import Frame
from rewrite.timeline import Event, timeline

_MOST = 16  # claims of a pair; captions of CLIP's 77 tokens have fewer
_ASIDE = frozenset({"beside", "near", "next", "with"})  # who stands there is in nobody's place
_MOVES = frozenset({"come", "go"})  # empty verbs that tell an act nevertheless
_TIMELESS = frozenset({"while", "beside"})  # clauses that have no place on the line


@dataclass(frozen=True, slots=True)
class Contrast:
    """A claim of one caption, to be held against the other.

    Attributes:
        kind: what is exchanged in the opposite, `role` or `order`.
        of_rewrite: whether the rewrite claims it, and the source is asked.
        said, opposite: sentences.
    """

    kind: str
    of_rewrite: bool
    said: str
    opposite: str


def contrasts(source: str, text: str, extend: str = "") -> list[Contrast]:
    """The claims of both captions about who does what to whom, and in which order."""
    found = dict.fromkeys([*_roles(source, text, extend), *_orders(source, text, extend)])
    said = {(c.of_rewrite, c.said) for c in found}
    # "He hits her and she hits him": neither is the other's opposite.
    return [c for c in found if (c.of_rewrite, c.opposite) not in said][:_MOST]


def _roles(source: str, text: str, extend: str) -> Iterator[Contrast]:
    both = pair(source, text, extend)
    untold = lexicon(extend).words("syntax", "mutual") | lexicon(extend).words("syntax", "empty")
    for of_rewrite, acts, others in ((True, both.after, both.before), (False, both.before, both.after)):
        teller = sentences(text if of_rewrite else source, extend)
        for act in acts:
            told = act.frame.agents and _verb(act.frame) not in untold and teller.sort(act.frame.agents[0])
            end = _other_end(act.frame, teller) if told else None
            if told and not _confirmed(act, end, others) and (both_ways := _exchanged(act.frame, end, teller)):
                yield Contrast("role", of_rewrite, *map(_sentence, both_ways))


def _exchanged(frame: Frame, end: Noun | None, teller: Sentences) -> tuple[str, str] | None:
    """The act and its opposite: agent and other end exchanged, or agent and owner of the object."""
    agent, owner = frame.agents[0], teller.owner(frame)
    if end is not None:
        found = teller.of(frame), teller.of(frame, {agent: end, end: agent})
    elif owner is not None and teller.sort(owner) == teller.sort(agent) and teller.may_stand_for(owner, agent):
        found = teller.of(frame, owner=owner), teller.of(frame, {agent: owner}, owner=agent)
    else:
        return None
    return found if all(found) else None


def _other_end(frame: Frame, teller: Sentences) -> Noun | None:
    """Who else is in an act and could have done it: one of the agent's sort before another."""
    agent = frame.agents[0]
    behind = (n for n in teller.behind(frame) if n.prep not in _ASIDE)
    fit = [n for n in behind if teller.sort(n) and teller.may_stand_for(n, agent)]
    return next((n for n in fit if teller.sort(n) == teller.sort(agent)), next(iter(fit), None))


def _confirmed(act: Act, end: Noun | None, others: tuple[Act, ...]) -> bool:
    """Whether the other caption tells the act, of just the same."""
    nouns = (*act.frame.agents, *act.frame.patients, *act.frame.others)
    ids = dict(zip(nouns, act.all, strict=True))
    agent = ids[act.frame.agents[0]]
    if any(len(ids[n]) != 1 for n in (act.frame.agents[0], end) if n is not None):
        return False
    told = (o for o in others if o.may_be(act) and agent in o.agents)
    return any(end is None or ids[end] in (*o.patients, *o.others) for o in told)


def _orders(source: str, text: str, extend: str) -> Iterator[Contrast]:
    first, second = timeline(source, extend), timeline(text, extend)
    if min(len(first.events), len(second.events)) < 2:
        return
    found = matched(first, second, source, text, extend)
    empty = lexicon(extend).words("syntax", "empty") - _MOVES
    sides = (
        (True, text, second.events, {id(b): a for a, b in found}),
        (False, source, first.events, {id(a): b for a, b in found}),
    )
    for of_rewrite, caption, events, answers in sides:
        teller = sentences(caption, extend)
        frames = {f.unit.place: f for f in scene(caption, extend).frames if _verb(f) not in empty}
        told = [(e, teller.of(frames[e.unit.place])) for e in events if e.unit.place in frames]
        line = sorted(((e, s) for e, s in told if s and e.kind not in _TIMELESS), key=lambda told: told[0].time)
        for (early, one), (late, other) in pairwise(line):
            if one != other and not _unordered(early, late) and _open(answers.get(id(early)), answers.get(id(late))):
                yield Contrast(
                    "order", of_rewrite, _sentence(f"{one} before {other}"), _sentence(f"{other} before {one}")
                )


def _verb(frame: Frame) -> str:
    return frame.unit.lemma.split()[0]


def _unordered(early: Event, late: Event) -> bool:
    """Whether the later one was moved, and nothing says that it came behind this one."""
    return late.loose and not early.loose and early.sentence == late.sentence


def _open(one: Event | None, other: Event | None) -> bool:
    """Whether the other caption tells one of both acts at least, and not plainly both in the same order."""
    if one is None or other is None:
        return one is not other
    return one.time >= other.time


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."
