"""Asks the language model for what the journal has not: started when it is first needed, stopped at the end."""

from __future__ import annotations

import time
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from rewrite.journal import Journal
from rewrite.recipe import Recipe
from rewrite.records import Completion, Draft, Request
from rewrite.reporter import Reporter


class Engine:
    """One session of the recipe's backend for any number of rounds; every draft goes to the journal as it arrives."""

    def __init__(self, recipe: Recipe, journal: Journal, reporter: Reporter) -> None:
        self._recipe, self._journal, self._reporter = recipe, journal, reporter
        self._stack = ExitStack()
        self._session: Any = None

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def generate(self, requests: list[Request]) -> None:
        """Answers those requests that the journal holds no draft of.

        Raises:
            ModelError: the engine refuses; finished drafts are kept.
            StorageError: the disk is full; finished drafts are kept.
        """
        missing = [r for r in requests if r.draft_id not in self._journal.drafts]
        if not missing:
            return
        if self._session is None:
            name = self._recipe.backend.identity()["backend"]
            self._reporter.say(f"Starting {name} with {self._recipe.backend.model}.")
            self._session = self._stack.enter_context(self._recipe.backend.session())
        read = cached = 0
        with self._reporter.step("rewrite", len(missing), "drafts") as step:
            begun = time.monotonic()
            for request, answer in zip(missing, self._session.generate(missing), strict=True):
                self._journal.append(_draft(request, answer))
                read, cached = read + answer.prompt_tokens, cached + answer.cached_tokens
                step.advance()
            seconds = time.monotonic() - begun
        share = f", {cached / read:.0%} of the prompt tokens from the prefix cache" if read else ""
        rate = len(missing) / max(seconds, 1e-9)
        self._reporter.say(f"{len(missing)} drafts in {seconds:.1f} s: {rate:.2f} a second{share}.")


def _draft(request: Request, answer: Completion) -> Draft:
    # Half of a surrogate pair can come out of a byte-level model; no file of text can hold it.
    text = answer.text.encode("utf-8", "replace").decode()
    place = request.draft_id, request.source_id, request.source, request.template, request.variant
    return Draft(*place, text, answer.finish)
