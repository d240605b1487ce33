"""Four Mambas at two widths, the channel-mixing form of TimeMachine (Ahamed and Cheng, 2024).

    x = Dropout(Y);  y_hi = M_3(x) + M_4(x)
    z = W_2 x;  z' = Dropout(z);  y_lo = M_1(z') + z + M_2(z')
    V = W_4 [W_3 y_lo + Y ; y_hi]

The two scales are two channel widths, D and D / 2, not two resolutions in time.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from trclip_vad.mamba import Carried, Mamba


class QuadMamba(nn.Module):
    """(B, T, width) -> (B, T, width); at width 512 and N = 256: 4,023,040 parameters.

    Args:
        width: D, even.
        state: N of all four.
        dropout: on the input of each pair; published: 0.05.
        bidirectional: the second of each pair runs backwards; else all four look to the past alone.
        scan: a name of SCANS.
    """

    def __init__(self, width: int, state: int, dropout: float, bidirectional: bool, scan: str) -> None:
        super().__init__()
        half = width // 2
        self.high = nn.ModuleList(Mamba(width, state, scan=scan, reverse=r) for r in (False, bidirectional))
        self.low = nn.ModuleList(Mamba(half, state, scan=scan, reverse=r) for r in (False, bidirectional))
        self.narrow = nn.Linear(width, half)
        self.widen = nn.Linear(half, width)
        self.mix = nn.Linear(2 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, y: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """y (B, T, width); mask (B, T) bool, or None: padding is read as if it were real."""
        x = self.dropout(y)
        z = self.narrow(x)
        dropped = self.dropout(z)
        return self._join(y, z, [_frugal(m, x, mask) for m in self.high], [_frugal(m, dropped, mask) for m in self.low])

    def stream(self, y: torch.Tensor, carried: list[Carried] | None = None) -> tuple[torch.Tensor, list[Carried]]:
        """The next snippets (B, T, width) after those in `carried`, without dropout; not if bidirectional."""
        z = self.narrow(y)
        given: Sequence[Carried | None] = carried or [None] * 4
        blocks = zip([*self.high, *self.low], [y, y, z, z], given, strict=True)
        results = [block.stream(x, before) for block, x, before in blocks]
        rows = [row for row, _ in results]
        return self._join(y, z, rows[:2], rows[2:]), [after for _, after in results]

    def _join(
        self, y: torch.Tensor, z: torch.Tensor, high: list[torch.Tensor], low: list[torch.Tensor]
    ) -> torch.Tensor:
        coarse = self.widen(low[0] + z + low[1]) + y
        return self.mix(torch.cat([coarse, high[0] + high[1]], dim=2))


def _frugal(block: nn.Module, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """A block whose inner tensors are not kept for its gradients but computed again, as the published kernel does it:
    of some ten tensors of (B, T, width) one is kept, the one that comes in."""
    if not (block.training and torch.is_grad_enabled()):
        return block(x, mask)
    return checkpoint(block, x, mask, use_reentrant=False)
