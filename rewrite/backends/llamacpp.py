"""llama.cpp inside this process (the xllamacpp package): any GGUF file, on a CPU or what the wheel was built for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rewrite.backends.ordered import in_order
from rewrite.errors import ModelError
from rewrite.records import Completion, Request
from rewrite.settings import describe, operational, setting
from rewrite.weights import locate, weights_digest


@dataclass(frozen=True)
class LlamaCpp:
    """The embedded default on a machine without a GPU.

    Speed comes from `parallel` slots that decode together and from the prompt cache of each slot: requests
    arrive sorted by few-shot prefix, so a slot reads the prefix once.
    """

    model: str = setting("", "path of a .gguf file, or a folder that holds exactly one")
    context: int = setting(1024, "tokens of prompt and answer per slot")
    chat: bool = setting(False, "send the prompt as one user message through the model's chat template")
    parallel: int = operational(4, "requests decoded together")
    threads: int = operational(0, "CPU threads; 0 takes every core this process may use")

    def __post_init__(self) -> None:
        if self.context < 64 or self.parallel < 1 or self.threads < 0:
            raise ValueError("context must be at least 64, parallel at least 1, threads at least 0")

    def identity(self) -> dict[str, Any]:
        path = self._gguf()
        settings = describe(self, identity_only=True)
        return {"backend": "llamacpp", **settings, "model": path.name, "weights": weights_digest(path)}

    @contextmanager
    def session(self) -> Iterator[_Session]:
        server = self._start()
        try:
            yield _Session(self, server)
        finally:
            del server  # frees the weights and ends llama.cpp's threads

    def _gguf(self) -> Path:
        if not self.model:
            raise ModelError("--model", "llamacpp needs a GGUF file", "Give its path: --model model.gguf.")
        path = locate(self.model, "a GGUF file")
        if path.is_dir():
            found = sorted(path.glob("*.gguf"))
            if len(found) != 1:
                raise ModelError(path, f"holds {len(found)} .gguf files", "Give the path of one of them.")
            path = found[0]
        with path.open("rb") as file:
            if file.read(4) != b"GGUF":
                raise ModelError(path, "is not a GGUF file", "For a Hugging Face folder use --backend vllm.")
        return path

    def _start(self) -> Any:
        import os

        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = str(self._gguf())
        params.n_parallel = self.parallel
        params.n_ctx = self.context * self.parallel
        threads = self.threads or len(os.sched_getaffinity(0))
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
        params.verbosity = -1
        params.warmup = False
        try:
            server = xllamacpp.Server(params)
            # One word, so that the engine's loop runs: a server dropped before its first answer never ends.
            server.handle_completions({"prompt": "a", "max_tokens": 1})
            return server
        except RuntimeError as error:
            raise ModelError(self.model, f"llama.cpp cannot load it ({error})", "Is the file whole?") from None


class _Session:
    def __init__(self, settings: LlamaCpp, server: Any) -> None:
        self._settings, self._server = settings, server

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        return in_order(self._complete, requests, self._settings.parallel)

    def _complete(self, request: Request) -> Completion:
        asked: dict[str, Any] = {
            "max_tokens": request.sampling.max_tokens,
            "temperature": request.sampling.temperature,
            "top_p": request.sampling.top_p,
            "seed": request.seed,
            "stop": list(request.stop),
            "cache_prompt": True,
        }
        if self._settings.chat:
            asked["messages"] = [{"role": "user", "content": request.prompt}]
            answer = self._server.handle_chat_completions(asked)
        else:
            answer = self._server.handle_completions(asked | {"prompt": request.prompt})
        if "choices" not in answer:
            what = answer.get("error", answer)
            what = what.get("message", what) if isinstance(what, dict) else what
            raise ModelError("llama.cpp", str(what), "A too long prompt? --set llamacpp.context=2048.")
        choice, usage = answer["choices"][0], answer.get("usage", {})
        text = choice["message"]["content"] if self._settings.chat else choice["text"]
        cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
        counts = usage.get("prompt_tokens", 0), cached, usage.get("completion_tokens", 0)
        return Completion(text or "", choice.get("finish_reason") or "stop", *counts)
