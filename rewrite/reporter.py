"""How a verb tells the user what it does. Verbs are handed one; only `terminal.py` knows a screen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Step(Protocol):
    """One stretch of long work."""

    def advance(self, done: int = 1) -> None:
        """So many more units are finished."""


class Reporter(Protocol):
    """Says what happens; shows progress, rate and time left."""

    def say(self, text: str) -> None:
        """One line of news."""

    def step(self, label: str, total: int, unit: str) -> AbstractContextManager[Step]:
        """A progress bar for `total` units, as a context manager."""


class Silent:
    """Says nothing: for tests and for library use."""

    def say(self, text: str) -> None:
        """Nothing."""

    @contextmanager
    def step(self, label: str, total: int, unit: str) -> Iterator[Silent]:
        yield self

    def advance(self, done: int = 1) -> None:
        """Nothing."""
