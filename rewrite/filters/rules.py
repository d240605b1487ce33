"""What the rules share: two readings of one candidate go in, a fault's name comes out, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rewrite.lexicon import lexicon
from rewrite.reading import Reading, read
from rewrite.records import Candidate, Verdict

Fault = Callable[[Reading, Reading], str]
VERSION = 5  # of the rules themselves: raised whenever one gives another verdict by the same lexicon
_KEPT = Verdict(True)


def rule_identity(extend: str) -> dict[str, Any]:
    """What decides the verdicts of a filter that reads by a lexicon; a corpus judged by older rules is not the same."""
    return {"rules": VERSION, "lexicon": lexicon(extend).digest}


def reject(candidates: Sequence[Candidate], fault: Fault, extend: str = "") -> list[Verdict]:
    """A fault drops the candidate, whatever a model says."""
    return [_dropped(reason) for reason in _faults(candidates, fault, extend)]


def doubt_texts(candidates: Sequence[Candidate], fault: Callable[[str, str], str]) -> list[Verdict]:
    """A fault is a flag: it drops the candidate unless a language model later in the chain clears it."""
    return [Verdict(True, flag=fault(c.draft.source, c.text)) for c in candidates]


def reject_texts(candidates: Sequence[Candidate], fault: Callable[[str, str], str]) -> list[Verdict]:
    """The same as `reject` for a rule that reads more than words."""
    return [_dropped(fault(c.draft.source, c.text)) for c in candidates]


def judge_each(
    candidates: Sequence[Candidate], fault: Fault, doubts: frozenset[str], extend: str = ""
) -> list[Verdict]:
    """A fault named in `doubts` is a flag, any other drops the candidate."""
    found = _faults(candidates, fault, extend)
    return [Verdict(True, flag=r) if r in doubts else _dropped(r) for r in found]


def judge_each_text(
    candidates: Sequence[Candidate], fault: Callable[[str, str], str], doubts: frozenset[str]
) -> list[Verdict]:
    """The same as `judge_each` for a rule that reads more than words."""
    found = [fault(c.draft.source, c.text) for c in candidates]
    return [Verdict(True, flag=r) if r in doubts else _dropped(r) for r in found]


def _dropped(reason: str) -> Verdict:
    """A drop; without a reason none."""
    return Verdict(False, reason) if reason else _KEPT


def _faults(candidates: Sequence[Candidate], fault: Fault, extend: str) -> list[str]:
    return [fault(read(c.draft.source, extend), read(c.text, extend)) for c in candidates]
