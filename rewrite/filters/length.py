"""Does CLIP read all of it? Beyond 77 tokens its text tower sees nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rewrite.records import Candidate, Verdict
from rewrite.settings import describe, setting


@dataclass(frozen=True)
class Length:
    """Reasons: too_long, too_short. Stores `clip_tokens`, begin and end marks included."""

    most: int = setting(77, "CLIP BPE tokens, begin and end marks included: CLIP's context")
    fewest: int = setting(2, "words; one word is no caption")

    def __post_init__(self) -> None:
        if self.fewest < 0 or self.most < 3:
            raise ValueError("fewest must be at least 0 and most at least 3")

    def identity(self) -> dict[str, Any]:
        return {**describe(self), "vocabulary": "CLIP BPE (instant-clip-tokenizer)"}

    def judge(self, candidates: Sequence[Candidate]) -> list[Verdict]:
        return [self._judge(c.text) for c in candidates]

    def _judge(self, text: str) -> Verdict:
        tokens = clip_tokens(text)
        reason = "too_long" if tokens > self.most else "too_short" if len(text.split()) < self.fewest else ""
        return Verdict(not reason, reason, {"clip_tokens": tokens})


def clip_tokens(text: str) -> int:
    """Number of CLIP BPE tokens of a text, begin and end marks included."""
    return len(_tokenizer().encode(text)) + 2


@lru_cache(maxsize=1)
def _tokenizer() -> Any:
    from instant_clip_tokenizer import Tokenizer

    return Tokenizer()
