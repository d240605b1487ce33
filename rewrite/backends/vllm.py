"""vLLM inside this process: the engine for a GPU. Its CPU build runs too, with the settings below."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rewrite.errors import ModelError
from rewrite.records import Completion, Request
from rewrite.settings import describe, operational, setting
from rewrite.weights import locate, weights_digest

_INSTALL = "Run `pip install -e '.[vllm]'` on a machine with a GPU, or use --backend llamacpp --model MODEL.gguf."


@dataclass(frozen=True)
class VLLM:
    """Continuous batching with a prefix cache; few-shot prefixes arrive as neighbours.

    vLLM does not promise equal text for equal seeds across machines, versions or batch shapes. That is why
    drafts are kept: all that comes after them can be replayed bit for bit.
    """

    model: str = setting("", "a Hugging Face folder, or a hub name that is in the local cache")
    dtype: str = setting("auto", "number format of the weights; auto takes the model's own")
    context: int = setting(1024, "tokens of prompt and answer")
    chat: bool = setting(False, "send the prompt as one user message through the model's chat template")
    batch: int = operational(256, "requests handed over at a time; a kill loses at most so many")
    memory: float = operational(0.9, "share of the GPU's memory to use")
    block: int = operational(0, "KV-cache block in tokens; 0: vLLM's own on a GPU, 32 on a CPU (measured best)")
    eager: bool | None = operational(None, "skip compilation; none: only on a CPU, where it costs minutes")
    tensor_parallel: int = operational(1, "GPUs to split the model over")

    def __post_init__(self) -> None:
        if self.context < 64 or self.batch < 1 or self.tensor_parallel < 1 or not 0 < self.memory <= 1:
            raise ValueError("context >= 64, batch >= 1, tensor_parallel >= 1 and memory in (0, 1] are needed")

    def identity(self) -> dict[str, Any]:
        from importlib.util import find_spec

        if find_spec("vllm") is None:
            raise ModelError("backend vllm", "vLLM is not installed", _INSTALL)
        if not self.model:
            raise ModelError("--model", "vllm needs a model", "Give a Hugging Face folder or a cached hub name.")
        path = locate(self.model, "a Hugging Face model folder")
        if not (path / "config.json").is_file():
            todo = "Give a Hugging Face folder; for a .gguf file use --backend llamacpp."
            raise ModelError(path, "is not a Hugging Face model folder", todo)
        name = self.model if self.model.count("/") == 1 and path.name != self.model else path.name
        return {"backend": "vllm", **describe(self, identity_only=True), "model": name, "weights": weights_digest(path)}

    @contextmanager
    def session(self) -> Iterator[_Session]:
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")  # its progress would overwrite ours
        os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "2")  # GiB; read by the CPU build alone
        try:
            from vllm import LLM
            from vllm.platforms import current_platform
        except ImportError as error:
            raise ModelError("backend vllm", f"vLLM does not import ({error})", _INSTALL) from None
        on_cpu = current_platform.is_cpu()
        options: dict[str, Any] = {"gpu_memory_utilization": self.memory} if not on_cpu else {}
        if block := self.block or (32 if on_cpu else 0):
            options["block_size"] = block
        try:
            engine = LLM(
                model=str(locate(self.model, "a Hugging Face model folder")),
                dtype=self.dtype,
                max_model_len=self.context,
                enable_prefix_caching=True,
                enforce_eager=on_cpu if self.eager is None else self.eager,
                tensor_parallel_size=self.tensor_parallel,
                disable_log_stats=True,
                **options,
            )
        except (ValueError, RuntimeError) as error:
            what = f"vLLM cannot start with it ({str(error).splitlines()[0][:300]})"
            raise ModelError(self.model, what, "Its log above says more.") from error
        try:
            yield _Session(self, engine)
        finally:
            engine.llm_engine.engine_core.shutdown()


class _Session:
    def __init__(self, settings: VLLM, engine: Any) -> None:
        self._settings, self._engine = settings, engine

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """Batch by batch: answers reach the journal long before the whole run ends."""
        waiting: list[Request] = []
        for request in requests:
            waiting.append(request)
            if len(waiting) == self._settings.batch:
                yield from self._answer(waiting)
                waiting = []
        if waiting:
            yield from self._answer(waiting)

    def _answer(self, requests: list[Request]) -> Iterator[Completion]:
        from vllm import SamplingParams

        params = [
            SamplingParams(
                temperature=r.sampling.temperature,
                top_p=r.sampling.top_p,
                max_tokens=r.sampling.max_tokens,
                seed=r.seed,
                stop=list(r.stop),
            )
            for r in requests
        ]
        try:
            if self._settings.chat:
                messages = [[{"role": "user", "content": r.prompt}] for r in requests]
                answers = self._engine.chat(messages, params, use_tqdm=False)
            else:
                answers = self._engine.generate([r.prompt for r in requests], params, use_tqdm=False)
        except ValueError as error:  # a prompt longer than the context
            raise ModelError("vllm", str(error), "Raise --set vllm.context.") from None
        for answer in answers:
            best = answer.outputs[0]
            counts = len(answer.prompt_token_ids or ()), answer.num_cached_tokens or 0, len(best.token_ids)
            yield Completion(best.text, best.finish_reason or "stop", *counts)
