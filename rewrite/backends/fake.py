"""A stand-in for a language model, for tests only. It rearranges words, and misbehaves when told to."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from rewrite.errors import ModelError
from rewrite.records import Completion, Request
from rewrite.settings import describe, operational, setting

Manner = Literal["well", "empty", "echo", "refuse", "preamble", "cut", "crash", "mixed"]
_MANNERS: tuple[Manner, ...] = ("well", "well", "well", "well", "empty", "echo", "refuse", "preamble", "cut")


@dataclass(frozen=True)
class Fake:
    """Deterministic in the request's seed. TESTS ONLY: what it writes is no rewrite of anything."""

    model: str = setting("fake", "a name for the manifest; there is no model")
    manner: Manner = setting("well", "how it answers; `mixed` picks a manner per request, `crash` stops half-way")
    delay: float = operational(0.0, "seconds per batch, to make interruptions testable")
    batch: int = operational(8, "requests answered at a time")

    def identity(self) -> dict[str, Any]:
        return {"backend": "fake", "purpose": "tests only", **describe(self, identity_only=True)}

    @contextmanager
    def session(self) -> Iterator[Fake]:
        yield self

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """Answers batch by batch, as an engine would."""
        waiting: list[Request] = []
        for request in requests:
            waiting.append(request)
            if len(waiting) == self.batch:
                yield from self._answer(waiting)
                waiting = []
        yield from self._answer(waiting)

    def _answer(self, requests: list[Request]) -> Iterator[Completion]:
        if requests and self.delay:
            time.sleep(self.delay)
        for request in requests:
            yield self._complete(request)

    def _complete(self, request: Request) -> Completion:
        draw = random.Random(request.seed)
        manner = draw.choice(_MANNERS) if self.manner == "mixed" else self.manner
        words = request.source.rstrip(".").split()
        match manner:
            case "crash":
                raise ModelError("backend fake", "crashed on demand", "This backend is for tests.")
            case "empty":
                text = "  "
            case "echo":
                text = request.prompt
            case "refuse":
                text = "I'm sorry, but I can't help with that."
            case "preamble":
                text = f"Here is the rewritten caption: {request.source}"
            case "cut":
                return Completion(" ".join(words[: max(1, len(words) // 2)]), "length", len(words), 0, len(words))
            case _:
                turn = draw.randrange(1, len(words)) if len(words) > 1 else 0
                text = " ".join([*words[turn:], "while", *words[:turn]])
        return Completion(text, "stop", len(request.prompt.split()), 0, len(text.split()))
