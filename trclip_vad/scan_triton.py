"""The selective scan on a GPU by Triton, which comes with PyTorch's CUDA build. At its first run it builds a launcher
with a C compiler and Python's headers; no CUDA toolkit, no other package.

Nothing of (B, T, D, N) is held: the forward keeps the state before every chunk of about the square root of T snippets,
the backward computes a chunk's states again. Sums have a fixed order, so equal inputs give equal bits.
"""

from __future__ import annotations

import math
import subprocess
from typing import Any

import torch
from torch.autograd.function import once_differentiable

from rewrite.errors import ModelError, SettingError

WIDEST = 256  # N
SHORTEST = 16  # snippets in a chunk
FLOATS = 1 << 26  # numbers in the backward's buffers: 256 MB in float32; beyond that, videos go in several pieces


def triton(
    u: torch.Tensor,
    delta: torch.Tensor,
    A: torch.Tensor,
    B_t: torch.Tensor,
    C_t: torch.Tensor,
    skip: torch.Tensor,
    state: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Shapes as in scan.py, on a CUDA device, N at most 256. Float64 stays float64; all else is computed in float32.

    Raises:
        ModelError: Triton or its C compiler is not there, or the tensors are not on one CUDA device.
        SettingError: N is above 256.
    """
    if A.shape[1] > WIDEST:
        raise SettingError("scan triton", f"N={A.shape[1]} is above its {WIDEST}", "Choose scan=chunked.")
    given = [u, delta, A, B_t, C_t, skip, *([] if state is None else [state])]
    _refuse_elsewhere(given)
    exact = torch.float64 if u.dtype == torch.float64 else torch.float32
    given = [x.to(exact) for x in given]
    if state is None:
        given.append(given[0].new_zeros(u.shape[0], *A.shape))
    if not u.numel():
        return skip * u, given[-1]
    learning = torch.is_grad_enabled() and any(x.requires_grad for x in given)
    chunk = max(SHORTEST, 1 << math.isqrt(u.shape[1]).bit_length() - 1) if learning else u.shape[1]
    try:
        y, last = _Scan.apply(chunk, *given)
    except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
        if isinstance(error, RuntimeError) and "C compiler" not in str(error):
            raise
        what = f"cannot build its launcher ({str(error).splitlines()[0]})"
        todo = (
            "Install a C compiler and Python's headers (Debian: apt install gcc python3-dev), or choose scan=chunked."
        )
        raise ModelError("scan triton", what, todo) from error
    return y.to(u.dtype), last


def _refuse_elsewhere(given: list[torch.Tensor]) -> None:
    """Tensors that no kernel here can reach. Triton's interpreter (TRITON_INTERPRET=1, for tests) reads the CPU's."""
    todo = "Choose scan=native or scan=chunked."
    try:
        from trclip_vad import scan_triton_kernels as kernels
    except ImportError as error:
        what = f"needs the triton package, and it is not here ({error})"
        raise ModelError("scan triton", what, f"Install PyTorch's CUDA build on Linux. {todo}") from error
    places = sorted({str(x.device) for x in given})
    if len(places) > 1 or not (given[0].is_cuda or kernels.INTERPRETED):
        raise ModelError("scan triton", f"runs on one CUDA device, not on {', '.join(places)}", todo)


def tile(states: int) -> tuple[int, int, int]:
    """BLOCK_D, BLOCK_N and the warps of a program: some 16 numbers of the state in a thread, and many programs."""
    wide = 1 << (states - 1).bit_length()
    channels = min(32, max(8, 512 // wide))
    return channels, wide, max(1, channels * wide // 512)


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, chunk: int, u: Any, delta: Any, A: Any, B_t: Any, C_t: Any, skip: Any, state: Any
    ) -> tuple[Any, Any]:
        from trclip_vad.scan_triton_kernels import forward

        (videos, steps, width), states = u.shape, A.shape[1]
        given = [x.contiguous() for x in (u, delta, A, B_t, C_t, skip)]
        starts = u.new_empty(videos, -(-steps // chunk), width, states)
        y, last = u.new_empty(u.shape), u.new_empty(state.shape)
        channels, wide, warps = tile(states)
        sizes = steps, width, states, chunk, channels, wide
        with torch.cuda.device_of(u):
            programs = videos * -(-width // channels)
            forward[(programs,)](*given, state.contiguous(), y, starts, last, *sizes, num_warps=warps)
        ctx.save_for_backward(*given, starts)
        ctx.chunk = chunk
        return y, last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gy: Any, glast: Any) -> tuple[Any, ...]:
        from trclip_vad.scan_triton_kernels import backward

        u, delta, A, B_t, C_t, skip, starts = ctx.saved_tensors
        (videos, steps, width), states = u.shape, A.shape[1]
        channels, wide, warps = tile(states)
        blocks, sizes = -(-width // channels), (steps, width, states, ctx.chunk, channels, wide)
        each = ctx.chunk * width * states, blocks * steps * states  # of scratch, and of gB's parts before their sum
        piece = min(videos, max(1, FLOATS // (each[0] + 2 * each[1])))
        scratch, parts = u.new_empty(piece, each[0]), u.new_empty(2, piece, blocks, steps, states)
        gu, gdelta, gA = u.new_empty(u.shape), u.new_empty(u.shape), u.new_empty(videos, *A.shape)
        gB, gC, gskip, gstate = (u.new_empty(x) for x in (B_t.shape, C_t.shape, (videos, width), gA.shape))
        gy, glast = gy.contiguous(), glast.contiguous()
        for first in range(0, videos, piece):
            at = slice(first, first + piece)
            some = min(piece, videos - first)
            given = [u[at], delta[at], A, B_t[at], C_t[at], skip, starts[at], gy[at], glast[at]]
            found = [gu[at], gdelta[at], gA[at], *parts, gskip[at], gstate[at]]
            with torch.cuda.device_of(u):
                backward[(some * blocks,)](*given, scratch, *found, *sizes, num_warps=warps)
            torch.sum(parts[0, :some], dim=1, out=gB[at])
            torch.sum(parts[1, :some], dim=1, out=gC[at])
        return None, gu, gdelta, gA.sum(dim=0), gB, gC, gskip.sum(dim=0), gstate
