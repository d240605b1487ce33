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
            subject = teller.subject(act.frame)
            if subject is None or _verb(act.frame) in untold or not teller.sort(subject):
                continue
            end = _other_end(act, subject, teller)
            if _confirmed(act, subject, end, others):
                continue
            for said, opposite in _exchanged(act.frame, subject, end, teller):
                if said and opposite:
                    yield Contrast("role", of_rewrite, _sentence(said), _sentence(opposite))


def _exchanged(frame: Frame, subject: Noun, end: Noun | None, teller: Sentences) -> Iterator[tuple[str, str]]:
    """The act and its opposite: subject and other end exchanged, or the owner of its object, or a bystander for him."""
    owner = teller.owner(frame)
    if end is not None:
        yield teller.of(frame), teller.of(frame, {subject: end, end: subject})
    elif owner is not None and teller.sort(owner) == teller.sort(subject) and teller.may_stand_for(owner, subject):
        yield teller.of(frame, owner=owner), teller.of(frame, {subject: owner}, owner=subject)


def _other_end(act: Act, subject: Noun, teller: Sentences) -> Noun | None:
    """Who else is in an act and could have done it: one of the subject's sort before another."""
    behind = [n for n in teller.behind(act.frame) if n.prep not in _ASIDE] if act.frame.agents else []
    fit = [n for n in behind if teller.sort(n) and teller.may_stand_for(n, subject)]
    return next((n for n in fit if teller.sort(n) == teller.sort(subject)), next(iter(fit), None))


def _confirmed(act: Act, subject: Noun, end: Noun | None, others: tuple[Act, ...]) -> bool:
    """Whether the other caption tells the act, of just the same."""
    frame = act.frame
    nouns = (*frame.agents, *frame.patients, *frame.others)
    ids = dict(zip(nouns, act.all, strict=True))
    if any(len(ids[n]) != 1 for n in (subject, end) if n is not None):
        return False
    doing = bool(frame.agents)
    told = [o for o in others if o.may_be(act) and ids[subject] in (o.agents if doing else o.patients)]
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
        line = sorted(((e, s) for e, s in told if s and e.kind not in _TIMELESS), key=lambda pair: pair[0].time)
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
