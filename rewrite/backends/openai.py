"""Any OpenAI-compatible server: `vllm serve`, llama.cpp's server, Ollama, a hosted one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rewrite.backends.ordered import in_order
from rewrite.errors import ModelError
from rewrite.records import Completion, Request
from rewrite.settings import describe, operational, setting

KEY = "OPENAI_API_KEY"


@dataclass(frozen=True)
class OpenAI:
    """Bounded concurrency; the official client retries 429, 5xx and time-outs with growing pauses.

    The key comes from the environment (OPENAI_API_KEY) and is written nowhere. The server's address is
    operational: the same model served elsewhere is the same model. What its name cannot prove (its weights)
    the manifest cannot either, and says so.
    """

    model: str = setting("", "the server's name for the model")
    chat: bool = setting(False, "ask /chat/completions with one user message instead of /completions")
    url: str = operational("http://127.0.0.1:8000/v1", "base address of the server")
    concurrency: int = operational(16, "requests in flight")
    retries: int = operational(6, "tries after the first, each after a longer pause")
    timeout: float = operational(120.0, "seconds for one answer")

    def __post_init__(self) -> None:
        if self.concurrency < 1 or self.retries < 0 or self.timeout <= 0:
            raise ValueError("concurrency must be at least 1, retries at least 0, timeout above 0")

    def identity(self) -> dict[str, Any]:
        if not self.model:
            raise ModelError("--model", "openai needs the server's name for the model", "Give --model NAME.")
        return {"backend": "openai", **describe(self, identity_only=True), "weights": "unknown: served elsewhere"}

    @contextmanager
    def session(self) -> Iterator[_Session]:
        from openai import OpenAI as Client

        # Local servers ask for no key, the client insists on one.
        key = os.environ.get(KEY) or "none"
        with Client(base_url=self.url, api_key=key, max_retries=self.retries, timeout=self.timeout) as client:
            yield _Session(self, client)


class _Session:
    def __init__(self, settings: OpenAI, client: Any) -> None:
        self._settings, self._client = settings, client

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        return in_order(self._complete, requests, self._settings.concurrency)

    def _complete(self, request: Request) -> Completion:
        import openai

        asked: dict[str, Any] = {
            "model": self._settings.model,
            "max_tokens": request.sampling.max_tokens,
            "temperature": request.sampling.temperature,
            "top_p": request.sampling.top_p,
            "seed": request.seed,
            "stop": list(request.stop),
        }
        where = self._settings.url
        try:
            if self._settings.chat:
                messages = [{"role": "user", "content": request.prompt}]
                answer = self._client.chat.completions.create(messages=messages, **asked)
            else:
                answer = self._client.completions.create(prompt=request.prompt, **asked)
        except openai.APITimeoutError:
            todo = "Raise openai.timeout or lower openai.concurrency; finished work is kept."
            raise ModelError(where, f"no answer within {self._settings.timeout:g} s", todo) from None
        except openai.APIConnectionError as error:
            todo = "Start the server, or set its address: --set openai.url=http://HOST:PORT/v1."
            raise ModelError(where, f"cannot be reached ({error.__cause__ or error})", todo) from None
        except openai.AuthenticationError:
            raise ModelError(where, "refuses the key", f"Put a valid one into {KEY}.") from None
        except openai.APIStatusError as error:
            what = f"answered {error.status_code} ({str(error.message)[:200]})"
            raise ModelError(where, what, "See the server's log; finished work is kept.") from None
        choice, usage = answer.choices[0], answer.usage
        text = choice.message.content if self._settings.chat else choice.text
        details = getattr(usage, "prompt_tokens_details", None)
        cached = getattr(details, "cached_tokens", None) or 0
        counts = (usage.prompt_tokens, cached, usage.completion_tokens) if usage else (0, 0, 0)
        return Completion(text or "", choice.finish_reason or "stop", *counts)
