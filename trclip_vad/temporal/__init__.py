"""The board of temporal modules: one new file, one line here.

The contract: a frozen dataclass of settings whose `build(width)` gives a module that maps (B, T, width) and a mask
(B, T), true on real snippets, to (B, T, width). Padding changes no valid output.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from trclip_vad.temporal.identity import Identity

if TYPE_CHECKING:
    from torch import nn


class Temporal(Protocol):
    """Settings of a temporal module."""

    def build(self, width: int) -> nn.Module:
        """The module for features of this width."""


TEMPORAL: dict[str, type[Any]] = {"identity": Identity}
