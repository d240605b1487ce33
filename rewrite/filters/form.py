"""Is it a caption at all? Empty, cut, echoed, refused, announced, marked up or many-lined drafts are none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rewrite.records import Candidate, Verdict

_REFUSAL = re.compile(
    r"^\W*(i['’]?m sorry|i am sorry|sorry,|i can(no|['’])t|i cannot|i['’]?m unable|i am unable|i won['’]t"
    r"|unfortunately, i|as an? (ai|language model|assistant)"
    r"|i do not feel|i don['’]t feel comfortable|it (is|would be) (in)?appropriate)",
    re.IGNORECASE,
)
_PREAMBLE = re.compile(
    r"^\W*((sure|certainly|of course|okay|ok)\b[,!.:]|here(['’]s| is| are)\b"
    r"|(the )?(re-?written|re-?phrased|new|revised|original) (caption|sentence|version|text)\b"
    r"|(caption|rewrite|rewritten|output|answer|source|target)\s*:)",
    re.IGNORECASE,
)
_ECHO = re.compile(r"\b(caption|rewrite)\s*:", re.IGNORECASE)
_MARKUP = re.compile(r"</?[a-z][^>]*>|```|\*\*|^#+ |\[/?INST\]|<\|[^>]*\|>|https?://|\{\{|\}\}", re.IGNORECASE)


@dataclass(frozen=True)
class Form:
    """Reasons, in the order they are looked for: empty, cut, refusal, preamble, echo, markup, multiline, not_text."""

    def identity(self) -> dict[str, Any]:
        return {}

    def judge(self, candidates: Sequence[Candidate]) -> list[Verdict]:
        return [Verdict(not (reason := _fault(c)), reason) for c in candidates]


def _fault(candidate: Candidate) -> str:
    said, text = candidate.draft.text.strip(), candidate.text
    if not text:
        return "empty"
    if candidate.draft.finish not in ("stop", "eos"):
        return "cut"
    for pattern, reason in ((_REFUSAL, "refusal"), (_PREAMBLE, "preamble"), (_ECHO, "echo"), (_MARKUP, "markup")):
        if pattern.search(said):
            return reason
    if "\n" in said:
        return "multiline"
    # A caption is mostly letters; a source in another script may be rewritten in it, so any letter counts.
    letters = sum(c.isalpha() or c.isspace() for c in text)
    if letters < 0.7 * len(text) or not text.isprintable():
        return "not_text"
    return ""
