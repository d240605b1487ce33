"""The nouns that flow: Caption -> Request -> Draft -> Verdict -> Rewrite.

All are frozen and slotted; `row` gives the plain json written to a corpus, unset optional fields left out.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True, slots=True)
class Caption:
    """One caption of a video, an image or nothing at all.

    Attributes:
        text: the words, white space folded.
        id: unique within its file; made from the line number where the file names none.
        video: name of the video it describes.
        snippet: index of the 16-frame snippet it describes (or use start/end).
        start, end: seconds, start < end.
        label: class of the video. Carried through, never shown to a rewriter.
        extra: the row's other fields, carried through untouched.
    """

    text: str
    id: str
    video: str | None = None
    snippet: int | None = None
    start: float | None = None
    end: float | None = None
    label: str | None = None
    extra: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def source_id(self) -> str:
        """The id of the *text*: equal captions share it and are rewritten once."""
        return text_id(self.text)

    def row(self) -> dict[str, Any]:
        named = {"id": self.id, "source_id": self.source_id, "text": self.text}
        optional = {k: getattr(self, k) for k in ("video", "snippet", "start", "end", "label")}
        return {**self.extra, **named, **{k: v for k, v in optional.items() if v is not None}}


@dataclasses.dataclass(frozen=True, slots=True)
class Sampling:
    """How the language model draws words.

    Low temperature by default: small models keep the meaning of a caption only when held close.
    """

    temperature: float = 0.7  # 0 is greedy
    top_p: float = 0.9  # nucleus mass
    max_tokens: int = 77  # new tokens per draft; CLIP reads no more than 77 of its own

    def __post_init__(self) -> None:
        if not 0 <= self.temperature <= 2:
            raise ValueError("the temperature must lie in [0, 2]")
        if not 0 < self.top_p <= 1:
            raise ValueError("top_p must lie in (0, 1]")
        if self.max_tokens < 1:
            raise ValueError("max_tokens must be at least 1")


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """One call of the language model: everything that decides its answer.

    Attributes:
        draft_id: digest of all that is asked; the journal's key.
        source_id, source: the caption's text and its id.
        template, variant: which template, and which of its N draws.
        prompt: the rendered text; its first `prefix` decides what a prefix cache can share.
        prefix: name of the few-shot prefix, e.g. "plain/3".
        seed: 31-bit seed of this request alone: order, batches and restarts do not matter.
    """

    draft_id: str
    source_id: str
    source: str
    template: str
    variant: int
    prompt: str
    prefix: str
    seed: int
    sampling: Sampling
    stop: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Completion:
    """What a backend returns for one request.

    Attributes:
        text: the model's words, as they came.
        finish: "stop" (ended by itself), "length" (cut), or the engine's own word.
        prompt_tokens, cached_tokens, new_tokens: for the throughput report; 0 where the engine does not say.
    """

    text: str
    finish: str = "stop"
    prompt_tokens: int = 0
    cached_tokens: int = 0
    new_tokens: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Draft:
    """All that the model said to one request, kept for ever."""

    id: str
    source_id: str
    source: str
    template: str
    variant: int
    text: str
    finish: str

    def row(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclasses.dataclass(frozen=True, slots=True)
class Candidate:
    """A draft on its way through the filters: its text tidied, nothing else changed.

    Attributes:
        flags: doubts of the filters before, e.g. ("role",): a filter that clears doubts looks harder at them.
        scores: what the filters before measured.
    """

    draft: Draft
    text: str
    flags: tuple[str, ...] = ()
    scores: Mapping[str, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """Keep, drop with the filter's name and a reason, or doubt.

    Attributes:
        keep: whether the candidate goes on to the next filter.
        reason: a short typed word, e.g. "refusal", "too_similar"; empty when kept.
        scores: what was measured, by name; stored beside the rewrite.
        flag: a doubt, named like a reason. It drops the candidate with that reason, unless the chain holds a filter
            that clears doubts (natural language inference): then that one decides.
    """

    keep: bool
    reason: str = ""
    scores: Mapping[str, float] = dataclasses.field(default_factory=dict)
    flag: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Rewrite:
    """A judged candidate; `filter` and `reason` are set when it was dropped, `flags` name the doubts it met."""

    draft: Draft
    text: str
    scores: Mapping[str, float]
    filter: str = ""
    reason: str = ""
    flags: tuple[str, ...] = ()

    @property
    def kept(self) -> bool:
        return not self.filter

    def row(self) -> dict[str, Any]:
        d = self.draft
        row: dict[str, Any] = {"id": d.id, "source_id": d.source_id, "source": d.source, "text": self.text}
        row |= {"template": d.template, "variant": d.variant, "scores": dict(self.scores)}
        if self.flags:
            row["flags"] = list(self.flags)
        return row if self.kept else {**row, "filter": self.filter, "reason": self.reason}


def text_id(text: str) -> str:
    """16 hex digits that stand for a text (64 bits: a collision among 10^7 texts has odds of about 3e-6)."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def fold(text: str) -> str:
    """White space folded to single spaces: one caption, one line."""
    return " ".join(text.split())
