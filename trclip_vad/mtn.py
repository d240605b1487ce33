"""The multi-scale temporal network of RTFM (Tian et al., ICCV 2021), with a mask.

Three dilated convolutions look 1, 2 and 4 snippets far, a non-local block looks everywhere; their outputs are mixed
and added to the input. Padding is held at zero before every convolution, which is what a convolution sees beyond the
ends anyway, and enters neither the normalisation's statistics nor the non-local mean: it changes no valid output.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import distributed as dist
from torch import nn

DILATIONS = (1, 2, 4)


class MTN(nn.Module):
    """(B, T, width) -> (B, T, width), zero on padding. `width` is a multiple of 8; at 768: 3,321,888 parameters.

    With `masked` false padding is read as if it were real, which is what the published network does.
    """

    def __init__(self, width: int, masked: bool = True) -> None:
        super().__init__()
        self.masked = masked
        quarter = width // 4
        self.local = nn.ModuleList(nn.Conv1d(width, quarter, 3, padding=d, dilation=d) for d in DILATIONS)
        self.local_norm = nn.ModuleList(MaskedNorm(quarter) for _ in DILATIONS)
        self.narrow = nn.Conv1d(width, quarter, 1, bias=False)
        self.everywhere = NonLocal(quarter)
        self.mix = nn.Conv1d(width, width, 3, padding=1, bias=False)
        self.mix_norm = MaskedNorm(width)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """x (B, T, width), mask (B, T) bool, true on real snippets."""
        mask = mask if self.masked else torch.ones_like(mask)
        keep = mask[:, None, :]
        x = x.transpose(1, 2) * keep
        scales = [norm(torch.relu(conv(x)), mask) for conv, norm in zip(self.local, self.local_norm, strict=True)]
        wide = torch.relu(self.narrow(x)) * keep
        scales.append(self.everywhere(wide, mask))
        mixed = self.mix_norm(torch.relu(self.mix(torch.cat(scales, dim=1))), mask)
        return (mixed + x).transpose(1, 2)


class NonLocal(nn.Module):
    """x + BN(W R g(x)), R = theta(x)^T psi(x) / T without softmax; the identity at the start (BN begins at 0).

    R is a plain product, so R g is computed as theta^T (psi g^T) / T: T x C^2 work instead of T^2 x C.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.g, self.theta, self.psi = (nn.Conv1d(width, width // 2, 1) for _ in range(3))
        self.out = nn.Conv1d(width // 2, width, 1)
        self.norm = MaskedNorm(width)
        nn.init.zeros_(self.norm.weight)
        nn.init.zeros_(self.norm.bias)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """x (B, width, T) zero on padding, mask (B, T)."""
        keep = mask[:, None, :]
        g, theta, psi = self.g(x) * keep, self.theta(x), self.psi(x)
        pairs = torch.einsum("bjt,bit->bji", psi, g) / keep.sum(dim=2, keepdim=True)
        return x + self.norm(self.out(torch.einsum("bjt,bji->bit", theta, pairs)), mask)


class MaskedNorm(nn.BatchNorm1d):
    """Batch normalisation over the real snippets alone, of all processes; padding comes out as zero."""

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        """x (B, width, T), mask (B, T)."""
        rows = x.transpose(1, 2)
        out = torch.zeros_like(rows)
        real = rows[mask].to(self.weight.dtype)  # a sum in bfloat16 would be no sum
        several = self.training and dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
        out[mask] = (self._over_processes(real) if several else super().forward(real)).to(rows.dtype)
        return out.transpose(1, 2)

    def _over_processes(self, rows: torch.Tensor) -> torch.Tensor:
        """rows (n, width), n of this process. The statistics, and their gradients, are of all of them."""
        count = rows.new_full((1,), len(rows))
        mean, total = _Sum.apply(torch.cat([rows.sum(dim=0), count])).split([rows.shape[1], 1])
        mean = mean / total
        variance = _Sum.apply((rows - mean).square().sum(dim=0)) / total
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.momentum is not None
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * total / (total - 1), self.momentum)
            if self.num_batches_tracked is not None:
                self.num_batches_tracked += 1
        return (rows - mean) / (variance + self.eps).sqrt() * self.weight + self.bias


class _Sum(torch.autograd.Function):
    """The sum over processes, of values on the way there and of gradients on the way back."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        total = gradient.clone()
        dist.all_reduce(total)
        return total
