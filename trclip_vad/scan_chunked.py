"""The selective scan in plain PyTorch, its memory bounded by a chunk: any device, any N.

Forward and backward go through pieces of CHUNK snippets of as many videos as fit FLOATS numbers. The forward keeps the
state at the start of every chunk; the backward computes the states of a chunk again from there. Within a chunk the
exponentials and the reads of the state are single tensor operations, and only the recurrence itself is a loop.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch.autograd.function import once_differentiable

CHUNK = 16  # snippets
FLOATS = 1 << 22  # numbers in one (videos, CHUNK, D, N) buffer: 16 MB in float32, three of them at once


def chunked(
    u: torch.Tensor,
    delta: torch.Tensor,
    A: torch.Tensor,
    B_t: torch.Tensor,
    C_t: torch.Tensor,
    skip: torch.Tensor,
    state: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Shapes as in scan.py."""
    h = u.new_zeros(u.shape[0], *A.shape) if state is None else state
    y, last = _Scan.apply(u, delta, A, B_t, C_t, h)
    return y + skip * u, last


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, u: Any, delta: Any, A: Any, B_t: Any, C_t: Any, state: Any) -> Any:
        starts = u.new_empty(-(-u.shape[1] // CHUNK), *state.shape)
        y, last = torch.empty_like(u), state.clone()
        drive = delta * u
        for videos in _pieces(u, A):
            h = last[videos]
            for number, first in enumerate(range(0, u.shape[1], CHUNK)):
                at = videos, slice(first, first + CHUNK)
                starts[number, videos] = h
                states, _ = _states(h, delta[at], drive[at], A, B_t[at])
                y[at] = (states @ C_t[at][..., None])[..., 0]
                h.copy_(states[:, -1])
        ctx.save_for_backward(u, delta, A, B_t, C_t, starts)
        return y, last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gy: Any, glast: Any) -> Any:
        u, delta, A, B_t, C_t, starts = ctx.saved_tensors
        drive = delta * u
        gdrive, gdelta, gA = torch.empty_like(u), torch.empty_like(u), torch.zeros_like(A)
        gB, gC, gstate = torch.empty_like(B_t), torch.empty_like(C_t), glast.clone()
        for videos in _pieces(u, A):
            g = gstate[videos]
            for number in reversed(range(len(starts))):
                at = videos, slice(number * CHUNK, (number + 1) * CHUNK)
                start = starts[number, videos]
                states, exps = _states(start, delta[at], drive[at], A, B_t[at])
                gC[at] = (gy[at][:, :, None] @ states)[:, :, 0]
                gh = gy[at][..., None] * C_t[at][:, :, None]  # of each h_t, from y_t alone
                for t in reversed(range(gh.shape[1])):
                    gh[:, t] += g
                    torch.mul(gh[:, t], exps[:, t], out=g)
                gB[at] = (drive[at][:, :, None] @ gh)[:, :, 0]
                gdrive[at] = (gh @ B_t[at][..., None])[..., 0]
                gh *= exps  # now of delta_t A, once times the state before
                gh[:, 0] *= start
                gh[:, 1:] *= states[:, :-1]
                gdelta[at] = torch.einsum("btdn,dn->btd", gh, A)
                gA += torch.einsum("btdn,btd->dn", gh, delta[at])
        return gdrive * delta, gdelta + gdrive * u, gA, gB, gC, gstate


def _states(
    h: torch.Tensor, delta: torch.Tensor, drive: torch.Tensor, A: torch.Tensor, B_t: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """(h_t, exp(delta_t A)) of a chunk, both (videos, chunk, D, N)."""
    exps = (delta[..., None] * A).exp_()
    states = drive[..., None] * B_t[:, :, None]
    for t in range(states.shape[1]):
        states[:, t].addcmul_(exps[:, t], h)
        h = states[:, t]
    return states, exps


def _pieces(u: torch.Tensor, A: torch.Tensor) -> Iterator[slice]:
    """Slices of the batch, one video at least, whose buffers hold FLOATS numbers at most."""
    videos = max(1, FLOATS // (CHUNK * A.numel()))
    for first in range(0, u.shape[0], videos):
        yield slice(first, first + videos)
