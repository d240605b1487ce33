"""Does it happen in the same order? "Hits him, then runs" is not "runs, then hits him"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rewrite.events import matched
from rewrite.filters.rules import reject_texts, rule_identity
from rewrite.reading import read
from rewrite.records import Candidate, Verdict
from rewrite.settings import setting
from rewrite.timeline import Event, Timeline, may_order, timeline


@dataclass(frozen=True)
class Order:
    """Reason: order. Acts are set on a line by their clauses and by words such as "after", "before", "then".

    Drops alone: inference models pass a third of these, and where no word of order stands nothing is compared.
    """

    lexicon: str = setting("", "a YAML file that adds to rewrite/lexicons")

    def identity(self) -> dict[str, Any]:
        return rule_identity(self.lexicon)

    def judge(self, candidates: Sequence[Candidate]) -> list[Verdict]:
        return reject_texts(candidates, lambda source, text: _fault(source, text, self.lexicon))


def _fault(source: str, text: str, extend: str) -> str:
    if not (may_order(source, extend) or may_order(text, extend) or _crossed(source, text, extend)):
        return ""  # most captions
    first, second = timeline(source, extend), timeline(text, extend)
    if min(len(first.events), len(second.events)) < 2 or not (first.marks or second.marks or _shuffled(first, second)):
        return ""
    found = matched(first, second, source, text, extend)
    for i, (a, b) in enumerate(found):
        for c, d in found[i + 1 :]:
            against = _against(a, c, first, b, d, second) or _against(b, d, second, a, c, first)
            if against or _relisted(a, c, b, d):
                return "order"
    return ""


def _against(a: Event, c: Event, told: Timeline, b: Event, d: Event, other: Timeline) -> bool:
    """Whether a word of order sets two acts one way, and the other caption sets them another way."""
    if not told.told(a, c) or "beside" in (a.kind, c.kind, b.kind, d.kind) or _unsaid(a, c) or _unsaid(b, d):
        return False
    if "while" in (a.kind, c.kind):
        return False
    if (b.kind == "while") != (d.kind == "while"):
        # What ran beside it is now over, or yet to come.
        return b.sentence == d.sentence and ("after" in (a.kind, c.kind) or "before" in (a.kind, c.kind))
    return (c.time - a.time) * (d.time - b.time) < 0


def _crossed(source: str, text: str, extend: str) -> bool:
    """Whether words that both captions hold stand in another order: without that no row of acts is shuffled."""
    rows = [read(caption, extend).words for caption in (source, text)]
    shared = {word for word in set(rows[0]).intersection(rows[1]) if len(word) > 2}
    one, other = ([word for word in row if word in shared] for row in rows)
    return one != other


def _shuffled(first: Timeline, second: Timeline) -> bool:
    """Whether acts of a row, by the same words, stand in another order: a glance that spares most pairs the rest."""
    rows = [[_verb(e) for e in line.events if e.listed] for line in (first, second)]
    shared = [[word for word in row if word in other] for row, other in (rows, rows[::-1])]
    return len(shared[0]) > 1 and shared[0] != shared[1]


def _relisted(a: Event, c: Event, b: Event, d: Event) -> bool:
    """Whether acts told in a row, of words or of sentences, are told the other way round: "cuts it, climbs down"."""
    if (c.time - a.time) * (d.time - b.time) >= 0:
        return False
    listed = all(e.listed for e in (a, b, c, d)) and (a.sentence == c.sentence) == (b.sentence == d.sentence)
    return listed and _verb(a) == _verb(b) and _verb(c) == _verb(d)


def _verb(event: Event) -> str:
    return event.unit.lemma.split()[0]


def _unsaid(one: Event, other: Event) -> bool:
    """Whether one was moved in front of a single act, and the other is an earlier one than that."""
    early, late = sorted((one, other), key=lambda e: e.time)
    return late.loose and early.sentence == late.sentence and not early.loose
