"""The Mamba block (Gu and Dao, 2023) at expansion 1, that knows padding, both directions, and a carried state.

    [a, g] = W_in x;  a = SiLU(causal depthwise conv(a));  [delta, B_t, C_t] = W_x a;  Delta = softplus(W_d delta + b_d)
    y = scan(a, Delta, A, B_t, C_t, D);  out = W_out (y * SiLU(g))

A padded snippet gives the convolution a zero and the scan a Delta of zero, which leaves the state as it is. So padding
changes no valid output on either side, and a reversed block can start in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import nn
from torch.nn import functional

from trclip_vad.scan import scan_called


@dataclass(slots=True)
class Carried:
    """Where a stream stands: conv (B, k - 1, D), the convolution's last inputs, and state (B, D, N) of the scan."""

    conv: torch.Tensor
    state: torch.Tensor


class Mamba(nn.Module):
    """(B, T, width) -> (B, T, width), causal, or anti-causal with `reverse`.

    Args:
        width: D, of the tokens and of the inner channels.
        state: N.
        conv: snippets the convolution sees, the present one among them.
        scan: a name of SCANS.
        reverse: run from the last snippet to the first.
    """

    def __init__(self, width: int, state: int, conv: int = 2, scan: str = "native", reverse: bool = False) -> None:
        super().__init__()
        self.rank, self.states, self.reverse = math.ceil(width / 16), state, reverse
        self.scan = scan_called(scan)
        self.inner = nn.Linear(width, 2 * width, bias=False)
        self.conv = nn.Conv1d(width, width, conv, groups=width)
        self.select = nn.Linear(width, self.rank + 2 * state, bias=False)
        self.step = nn.Linear(self.rank, width)
        self.A_log = nn.Parameter(torch.arange(1.0, state + 1).log().repeat(width, 1))
        self.skip = nn.Parameter(torch.ones(width))
        self.out = nn.Linear(width, width, bias=False)
        nn.init.uniform_(self.step.weight, -(self.rank**-0.5), self.rank**-0.5)
        steps = torch.exp(torch.empty(width).uniform_(math.log(1e-3), math.log(1e-1))).clamp(min=1e-4)
        with torch.no_grad():
            self.step.bias.copy_(steps + torch.log(-torch.expm1(-steps)))  # softplus, backwards

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """x (B, T, width); mask (B, T) bool, true on real snippets; None: all are read, padding too."""
        if not self.reverse:
            return self._run(x, mask, None)[0]
        return self._run(x.flip(1), None if mask is None else mask.flip(1), None)[0].flip(1)

    def stream(self, x: torch.Tensor, carried: Carried | None = None) -> tuple[torch.Tensor, Carried]:
        """The next snippets (B, T, width) of sequences whose earlier ones are in `carried`; causal blocks only."""
        if self.reverse:
            raise ValueError("a reversed block needs the whole sequence")
        return self._run(x, None, carried)

    def _run(self, x: torch.Tensor, mask: torch.Tensor | None, carried: Carried | None) -> tuple[torch.Tensor, Carried]:
        a, gate = self.inner(x).chunk(2, dim=2)
        a, tail = self._convolve(a if mask is None else a * mask[..., None], carried)
        delta, B_t, C_t = self.select(a).split([self.rank, self.states, self.states], dim=2)
        delta = functional.softplus(self.step(delta))
        if mask is not None:
            delta = delta * mask[..., None]
        A = -torch.exp(self.A_log)
        given = [x.to(A.dtype) for x in (a, delta)] + [A] + [x.to(A.dtype) for x in (B_t, C_t)]  # never bfloat16
        y, state = self.scan(*given, self.skip, carried.state if carried else None)
        return self.out(y * functional.silu(gate)), Carried(tail, state)

    def _convolve(self, a: torch.Tensor, carried: Carried | None) -> tuple[torch.Tensor, torch.Tensor]:
        """SiLU of the causal depthwise convolution, as a few shifted products; and its last k - 1 inputs."""
        taps = self.conv.kernel_size[0]
        before = carried.conv if carried else a.new_zeros(a.shape[0], taps - 1, a.shape[2])
        row = torch.cat([before, a], dim=1)
        mixed = cast(torch.Tensor, self.conv.bias)
        for tap in range(taps):
            mixed = mixed + self.conv.weight[:, 0, tap] * row[:, tap : tap + a.shape[1]]
        return functional.silu(mixed), row[:, a.shape[1] :]
