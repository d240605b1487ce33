"""The board of engines that run a language model. A new one is one new file and one line here.

The contract: `identity` says what decides the text (model, weights, settings); `session` starts the engine and
gives a generator that answers every request once, in order. Settings marked operational may differ between runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol

from rewrite.backends.fake import Fake
from rewrite.backends.llamacpp import LlamaCpp
from rewrite.backends.openai import OpenAI
from rewrite.backends.random_words import RandomWords
from rewrite.backends.vllm import VLLM
from rewrite.records import Completion, Request


class Session(Protocol):
    """A running engine."""

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """One completion per request, in the order of the requests."""


class Backend(Protocol):
    """A frozen dataclass of settings; `model` is a path, a hub name, or a server's name for it."""

    model: str

    def identity(self) -> dict[str, Any]:
        """Plain json that names everything that decides the text. Loads no weights.

        Raises:
            ModelError: the engine is not installed, or the model is not there.
        """

    def session(self) -> AbstractContextManager[Session]:
        """Starts the engine; it is stopped when the context ends.

        Raises:
            ModelError: the engine refuses the model, or the server does not answer.
        """


BACKENDS: dict[str, type[Any]] = {
    "vllm": VLLM,
    "llamacpp": LlamaCpp,
    "openai": OpenAI,
    "random_words": RandomWords,  # a control, no model
    "fake": Fake,  # tests only
}
