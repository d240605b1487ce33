"""Rewrites captions with a local language model into sealed corpora for CLIP-like training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rewrite.sampler import CorpusSampler

__all__ = ["CorpusSampler"]


def __getattr__(name: str) -> Any:
    if name == "CorpusSampler":  # loaded when it is asked for: the package itself stays empty and quick
        from rewrite.sampler import CorpusSampler

        return CorpusSampler
    raise AttributeError(f"module 'rewrite' has no attribute {name!r}")
