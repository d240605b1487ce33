"""No model at all: random words, the control that class descriptions must beat (WaffleCLIP, Roth et al., ICCV 2023)."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rewrite.lexicon import lexicon
from rewrite.records import Completion, Request
from rewrite.settings import describe, setting


@dataclass(frozen=True)
class RandomWords:
    """Deterministic in the request's seed; the words come from the lexicon and mean nothing where they stand."""

    model: str = setting("random words", "a name for the manifest; there is no model")
    words: int = setting(14, "random words of each text; about as many as a description has")
    named: bool = setting(False, "begin with the text asked about, as WaffleCLIP begins with the class's name")

    def __post_init__(self) -> None:
        if self.words < 1:
            raise ValueError("words must be at least 1")

    def identity(self) -> dict[str, Any]:
        return {"backend": "random_words", "purpose": "control", **describe(self), "lexicon": lexicon().digest}

    @contextmanager
    def session(self) -> Iterator[RandomWords]:
        yield self

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """One text per request, in order."""
        for request in requests:
            draw = random.Random(request.seed)
            text = " ".join(draw.choice(_vocabulary()) for _ in range(self.words))
            text = f"{request.source}, which has {text}." if self.named else f"{text}."
            yield Completion(text, "stop", 0, 0, len(text.split()))


@lru_cache(maxsize=1)
def _vocabulary() -> tuple[str, ...]:
    """Words of the lexicon that a caption may hold: none by which a chat speaks of itself."""
    known = lexicon()
    words = {word for phrase in known.concepts for word in phrase if word.isalpha() and len(word) > 2}
    return tuple(sorted(words - known.words("refusals", "speech")))
