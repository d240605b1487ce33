"""Local, global, multi-scale: the adapter of lgt.py, then four Mambas, then the multi-scale temporal network.

`published` is TrCLIP-VAD's visual path: all four Mambas look to the past, N = 256, and padding enters the adapter, the
scans' inputs, the normalisation's statistics and the non-local mean. `clean` reads no padding, lets the second Mamba of
each pair run backwards, and takes N = 16. `causal` keeps the Mambas alone, looking back: outputs before t do not change
when t does, and a stream gives what the whole sequence gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from rewrite.settings import setting
from trclip_vad.mtn import MTN
from trclip_vad.quad import QuadMamba
from trclip_vad.temporal import lgt
from trclip_vad.temporal.variants import Fixed, settled

CLEAN: dict[str, Any] = {"state": 16, "dropout": 0.05, "bidirectional": True, "multi_scale": True}
VARIANTS: dict[str, dict[str, Any]] = {
    "published": lgt.VARIANTS["published"] | CLEAN | {"state": 256, "bidirectional": False},
    "clean": lgt.VARIANTS["clean"] | CLEAN,
    "causal": lgt.VARIANTS["clean"]
    | CLEAN
    | {"layers": 0, "graph": False, "bidirectional": False, "multi_scale": False},
}


@dataclass(frozen=True)
class LGMMamba(lgt.LGT):
    """The adapter's settings and those of what follows it; a field left at none is what the variant says."""

    variant: Literal["clean", "published", "causal"] = setting(  # type: ignore[assignment]
        "clean", "published: to the letter; clean: padding-proof, both directions; causal: Mambas alone, looking back"
    )
    state: int | None = setting(None, "N of the scans; published: 256, clean: 16")
    dropout: float | None = setting(None, "share of the Mambas' inputs set to zero while training; published: 0.05")
    bidirectional: bool | None = setting(None, "the second Mamba of each pair runs backwards; published: false")
    multi_scale: bool | None = setting(None, "the multi-scale network at the end; false leaves it out")
    scan: Literal["native", "chunked", "reference", "triton", "mamba_ssm"] = setting(
        "native",
        "native needs a C++ compiler, triton a GPU and a C compiler, mamba_ssm a GPU, chunked none of them",
    )

    def __post_init__(self) -> None:
        lgt.LGT.__post_init__(self)
        if self.state is not None and self.state < 1:
            raise ValueError("the state holds one number at least")
        if self.dropout is not None and not 0 <= self.dropout < 1:
            raise ValueError("the dropout must lie in [0, 1)")

    def build(self, width: int) -> nn.Module:
        """The module for features of this width, a multiple of 8.

        Raises:
            SettingError: another width, positions=table without a length, or a scan of no known name.
        """
        settings = settled(self, VARIANTS[self.variant])
        return Fixed(LocalGlobalMultiscale(settings, width), settings.length or 0)


class LocalGlobalMultiscale(nn.Module):
    """F = MTN(quad(adapter(X))). Settings are settled: none is None."""

    def __init__(self, settings: LGMMamba, width: int) -> None:
        super().__init__()
        self.masked = bool(settings.masked)
        self.adapter = lgt.Adapter(settings, width)
        self.quad = QuadMamba(
            width, settings.state or 1, settings.dropout or 0.0, bool(settings.bidirectional), settings.scan
        )
        self.multi_scale = MTN(width, self.masked) if settings.multi_scale else None

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """(B, T, width), mask (B, T) -> (B, T, width)."""
        x = self.quad(self.adapter(x, mask), mask if self.masked else None)
        return x if self.multi_scale is None else self.multi_scale(x, mask)
