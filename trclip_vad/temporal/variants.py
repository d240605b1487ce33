"""Named settings of a temporal module, and the fixed length that the published ones have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar, cast

import torch
from torch import nn
from torch.nn import functional

from rewrite.errors import SettingError

Plug = TypeVar("Plug")


def settled(plug: Plug, variant: Mapping[str, Any]) -> Plug:
    """The plug with every field that is None taken from the variant."""
    left = [field.name for field in fields(cast(Any, plug)) if getattr(plug, field.name) is None]
    return replace(cast(Any, plug), **{name: variant[name] for name in left})


class Fixed(nn.Module):
    """A temporal module that sees every video padded with zeros to `length` snippets; 0: as long as it comes."""

    def __init__(self, inside: nn.Module, length: int) -> None:
        super().__init__()
        self.inside, self.length = inside, length

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """(B, T, width) -> (B, T, width).

        Raises:
            SettingError: T is above the length.
        """
        if not self.length:
            return self.inside(x, mask)
        steps, missing = x.shape[1], self.length - x.shape[1]
        if missing < 0:
            todo = "Cut them into chunks, or set length=0 with positions=relative."
            raise SettingError(f"{steps} snippets", f"are more than the {self.length} of the setting length", todo)
        x = functional.pad(x * mask[..., None], (0, 0, 0, missing))
        return self.inside(x, functional.pad(mask, (0, missing)))[:, :steps]
