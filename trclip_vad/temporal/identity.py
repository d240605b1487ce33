"""No temporal module: the published text branch has none before its multi-scale network."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class Identity:
    """Nothing to set."""

    def build(self, width: int) -> nn.Module:
        """A module that gives back what it is given, at any width."""
        return _Same()


class _Same(nn.Module):
    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """(B, T, width) -> the same."""
        return x
