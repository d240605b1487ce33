"""The selective scan on a CPU as compiled code: `scan.cpp`, built once with the machine's C++ compiler.

Nothing of (B, T, D, N) is ever held: the forward keeps its inputs alone, the backward computes the states again.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch.autograd.function import once_differentiable

from rewrite.errors import SettingError
from trclip_vad.scan_build import library

BLOCK = 64  # channels a thread takes at once, as in scan.cpp
TASKS = 64  # pieces of work aimed at; depends on no thread count, so that sums do not either


def native(
    u: torch.Tensor,
    delta: torch.Tensor,
    A: torch.Tensor,
    B_t: torch.Tensor,
    C_t: torch.Tensor,
    skip: torch.Tensor,
    state: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Shapes as in scan.py; float32 or float64 on a CPU, any N. Runs on torch.get_num_threads() threads.

    Raises:
        SettingError: tensors of another device or dtype.
        ModelError: no C++ compiler, or it failed.
    """
    given = {(x.dtype, x.device.type) for x in (u, delta, A, B_t, C_t, skip, state) if x is not None}
    if given not in ({(torch.float32, "cpu")}, {(torch.float64, "cpu")}):
        todo = "Choose scan=chunked, or scan=triton on CUDA."
        kinds = ", ".join(sorted(f"{dtype} on {place}" for dtype, place in given))
        raise SettingError("scan native", f"takes float32 or float64 on a CPU, not {kinds}", todo)
    h = u.new_zeros(u.shape[0], *A.shape) if state is None else state
    y, last = _Scan.apply(u, delta, A, B_t, C_t, skip, h.transpose(1, 2))
    return y, last.transpose(1, 2)


class _Scan(torch.autograd.Function):
    """The state as (B, N, D), scan.cpp's own layout; all else as in scan.py."""

    @staticmethod
    def forward(ctx: Any, u: Any, delta: Any, A: Any, B_t: Any, C_t: Any, skip: Any, state: Any) -> Any:
        B_n, C_n = (x.transpose(1, 2).contiguous() for x in (B_t, C_t))
        given = [x.contiguous() for x in (delta, u, A.t() / math.log(2), B_n, C_n, skip, state)]
        y, last = torch.empty_like(given[1]), torch.empty_like(given[-1])
        _call("forward", _shape(u, A.shape[1]), given, [y, last])
        ctx.save_for_backward(*given)
        return y, last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gy: Any, glast: Any) -> Any:
        given = ctx.saved_tensors
        delta, u, A, B_n, _, _, state = given
        shape = _shape(u, A.shape[0])
        sums = B_n.new_zeros(2, shape[-1], *B_n.shape)
        gA, gskip = torch.empty_like(state), u.new_empty(u.shape[0], u.shape[2])
        gdelta, gu, gstate = (torch.empty_like(x) for x in (delta, u, state))
        out = [gdelta, gu, gA, sums[0], sums[1], gskip, gstate]
        _call("backward", shape, [*given, gy.contiguous(), glast.contiguous()], out)
        gB, gC = sums.sum(dim=1).transpose(2, 3)
        return gu, gdelta, gA.sum(dim=0).t(), gB, gC, gskip.sum(dim=0), gstate


def _shape(u: torch.Tensor, states: int) -> tuple[int, ...]:
    """B, T, D, N and the pieces that D is cut into."""
    videos, steps, width = u.shape
    return videos, steps, width, states, min(-(-TASKS // max(videos, 1)), -(-width // BLOCK))


def _call(name: str, shape: Sequence[int], given: Sequence[torch.Tensor], out: Sequence[torch.Tensor]) -> None:
    kind = "float" if given[0].dtype == torch.float32 else "double"
    pointers = [(ctypes.c_void_p * len(x))(*(t.data_ptr() for t in x)) for x in (given, out)]
    threads = ctypes.c_int64(torch.get_num_threads())
    getattr(library(), f"{name}_{kind}")((ctypes.c_int64 * len(shape))(*shape), *pointers, threads)
