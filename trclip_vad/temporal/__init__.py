"""The board of temporal modules: one new file, one line here.

The contract: a frozen dataclass of settings whose `build(width)` gives a module that maps (B, T, width) and a mask
(B, T), true on real snippets, to (B, T, width). Padding changes no valid output, unless the setting reproduces
published behaviour. A plug with settings has a group of its name in `ModelSettings`, where `--set` reaches them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from trclip_vad.temporal.identity import Identity
from trclip_vad.temporal.lgm_mamba import LGMMamba
from trclip_vad.temporal.lgt import LGT

if TYPE_CHECKING:
    from torch import nn


class Temporal(Protocol):
    """Settings of a temporal module."""

    def build(self, width: int) -> nn.Module:
        """The module for features of this width."""


TEMPORAL: dict[str, type[Any]] = {"identity": Identity, "lgt": LGT, "lgm_mamba": LGMMamba}
