"""VadCLIP's adapter (Wu et al., AAAI 2024): windows of attention, then two graphs over all snippets.

`published` is what its code does: a learned table of 256 positions, windows that never meet, padding attended to,
joined by A_dis and read by the convolutions, and a similarity whose sub-threshold pairs still weigh e^0. `clean` reads
no padding, takes any length, moves every other block's windows by a half, and halves the feed-forward width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from rewrite.errors import SettingError
from rewrite.settings import setting
from trclip_vad.graph import Below, GraphAdapter
from trclip_vad.local import LocalBlock, Positions
from trclip_vad.temporal.variants import Fixed, settled

SHARED: dict[str, Any] = {"layers": 2, "window": 8, "graph": True}
VARIANTS: dict[str, dict[str, Any]] = {
    "published": SHARED
    | {
        "shifted": False,
        "hidden": 4.0,
        "positions": "table",
        "masked": False,
        "length": 256,
        "similarity": "smoothed",
    },
    "clean": SHARED
    | {
        "shifted": True,
        "hidden": 2.0,
        "positions": "relative",
        "masked": True,
        "length": 0,
        "similarity": "sparse",
    },
}


@dataclass(frozen=True)
class LGT:
    """The adapter's settings; a field left at none is what the variant says."""

    variant: Literal["clean", "published"] = setting("clean", "published: to the letter; clean: padding-proof")
    layers: int | None = setting(None, "local blocks; published: 2 for UCF-Crime, 1 for XD-Violence")
    window: int | None = setting(None, "snippets in a window; published: 8 for UCF-Crime, 64 for XD-Violence")
    shifted: bool | None = setting(None, "every other block's windows moved by a half; published: false")
    hidden: float | None = setting(None, "of the blocks' feed-forward part, in widths; published: 4, clean: 2")
    positions: Literal["table", "relative", "none"] | None = setting(
        None, "a row per snippet (published), a bias per distance within a window (clean), or nothing"
    )
    masked: bool | None = setting(None, "padding is nothing anywhere; published: false")
    length: int | None = setting(None, "snippets that every video is padded to, 0: its own; published: 256")
    graph: bool | None = setting(None, "the two graphs; false leaves them out")
    similarity: Literal["smoothed", "sparse"] | None = setting(
        None, "pairs below the threshold weigh e^0 (published) or nothing (clean)"
    )

    def __post_init__(self) -> None:
        if self.layers is not None and self.layers < 0:
            raise ValueError("layers must not be negative")
        if self.window is not None and self.window < 1:
            raise ValueError("a window holds one snippet at least")
        if self.hidden is not None and self.hidden <= 0:
            raise ValueError("hidden must be positive")
        if self.length is not None and self.length < 0:
            raise ValueError("length must not be negative")

    def build(self, width: int) -> nn.Module:
        """The adapter for features of this width, an even number.

        Raises:
            SettingError: the width is odd, or positions=table without a length.
        """
        settings = settled(self, VARIANTS[self.variant])
        return Fixed(Adapter(settings, width), settings.length or 0)


class Adapter(nn.Module):
    """X + P, local blocks, graphs. Settings are settled: none is None."""

    def __init__(self, settings: LGT, width: int) -> None:
        super().__init__()
        if width % 2:
            raise SettingError(f"width {width}", "is odd, and the graphs take a half each", "Choose another encoder.")
        if settings.positions == "table" and not settings.length:
            raise SettingError("positions=table", "needs a length", "Set length, or positions=relative.")
        self.positions = Positions(settings.length or 0, width) if settings.positions == "table" else None
        window = settings.window or 1
        self.blocks = nn.ModuleList(
            LocalBlock(
                width,
                window,
                int((settings.hidden or 1) * width),
                shift=window // 2 * (number % 2) if settings.shifted else 0,
                masked=bool(settings.masked),
                relative=settings.positions == "relative",
            )
            for number in range(settings.layers or 0)
        )
        below: Below = settings.similarity or "sparse"
        self.graph = GraphAdapter(width, bool(settings.masked), below) if settings.graph else None

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """(B, T, width), mask (B, T) -> (B, T, width)."""
        if self.positions is not None:
            x = self.positions(x)
        for block in self.blocks:
            x = block(x, mask)
        return x if self.graph is None else self.graph(x, mask)
