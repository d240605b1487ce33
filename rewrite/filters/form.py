"""Is it a caption at all? Empty, cut, echoed, refused, announced, marked up or many-lined drafts are none."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rewrite.filters.rules import rule_identity
from rewrite.lexicon import lexicon
from rewrite.records import Candidate, Verdict
from rewrite.settings import setting

_PREAMBLE = re.compile(
    r"^\W*((sure|certainly|of course|okay|ok)\b[,!.:]|here(['’]s| is| are)\b"
    r"|(the )?(re-?written|re-?phrased|new|revised|original) (caption|sentence|version|text)\b"
    r"|(caption|rewrite|rewritten|output|answer|source|target)\s*:)",
    re.IGNORECASE,
)
_SPOKEN = re.compile(r"[a-z]+(?:['-][a-z]+)*")
_PLAIN = dict.fromkeys(map(ord, f"{string.ascii_letters} "))  # taken off, they leave a handful to look at one by one
_ECHO = re.compile(r"\b(caption|rewrite)\s*:", re.IGNORECASE)
_MARKUP = re.compile(r"</?[a-z][^>]*>|```|\*\*|^#+ |\[/?INST\]|<\|[^>]*\|>|https?://|\{\{|\}\}", re.IGNORECASE)


@dataclass(frozen=True)
class Form:
    """Reasons, in the order they are looked for: empty, cut, refusal, preamble, echo, markup, multiline, not_text.

    A refusal may stand anywhere, also behind half a caption. A caption speaks of others: "I" and "you" that
    its source has not are a chat's words.
    """

    lexicon: str = setting("", "a YAML file that adds to rewrite/lexicons")

    def identity(self) -> dict[str, Any]:
        return rule_identity(self.lexicon)

    def judge(self, candidates: Sequence[Candidate]) -> list[Verdict]:
        known = _refusals(self.lexicon)
        return [Verdict(not (reason := _fault(c, known)), reason) for c in candidates]


@dataclass(frozen=True, slots=True)
class _Refusals:
    openings: re.Pattern[str]  # of lower-case text: tried where a word begins, and without folding case each time
    others: re.Pattern[str]
    speech: frozenset[str]

    def refuses(self, text: str) -> bool:
        return bool(self.openings.search(text.lower()) or self.others.search(text))


@lru_cache(maxsize=8)
def _refusals(extend: str) -> _Refusals:
    lists = lexicon(extend).lists["refusals"]
    return _Refusals(
        re.compile(rf"\b(?:{'|'.join(lists['openings'])})"),
        re.compile("|".join(lists["patterns"]), re.IGNORECASE),
        frozenset(lists["speech"].split()),
    )


def _refused(said: str, source: str, known: _Refusals) -> bool:
    if known.refuses(said) and not known.refuses(source):
        return True
    spoken = not known.speech.isdisjoint(_SPOKEN.findall(said.lower().replace("’", "'")))
    return spoken and known.speech.isdisjoint(_SPOKEN.findall(source.lower()))


def _fault(candidate: Candidate, known: _Refusals) -> str:
    said, text = candidate.draft.text.strip(), candidate.text
    if not text:
        return "empty"
    if candidate.draft.finish not in ("stop", "eos"):
        return "cut"
    if _refused(said, candidate.draft.source, known):
        return "refusal"
    for pattern, reason in ((_PREAMBLE, "preamble"), (_ECHO, "echo"), (_MARKUP, "markup")):
        if pattern.search(said):
            return reason
    if "\n" in said:
        return "multiline"
    # A caption is mostly letters; a source in another script may be rewritten in it, so any letter counts.
    others = sum(not (c.isalpha() or c.isspace()) for c in text.translate(_PLAIN))
    if len(text) - others < 0.7 * len(text) or not text.isprintable():
        return "not_text"
    return ""
