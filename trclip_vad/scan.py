"""The selective scan (Gu and Dao, 2023): one meaning, five ways to compute it, chosen by name and never silently.

    h_t = exp(delta_t A) * h_{t-1} + (delta_t u_t) B_t,    y_t = C_t h_t + skip * u_t,    h_0 = state or 0

Shapes (B videos, T snippets, D channels, N state width): u, delta (B, T, D), delta after its softplus; A (D, N);
B_t, C_t (B, T, N); skip (D,); state (B, D, N). Every way gives (y, last): y (B, T, D) and the state after the last
snippet, which carried into the next call continues the sequence as if it had never been cut.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from rewrite.errors import ModelError, SettingError
from rewrite.settings import pick
from trclip_vad.scan_chunked import chunked
from trclip_vad.scan_native import native
from trclip_vad.scan_triton import triton

Scan = Callable[..., tuple[torch.Tensor, torch.Tensor]]


def reference(
    u: torch.Tensor,
    delta: torch.Tensor,
    A: torch.Tensor,
    B_t: torch.Tensor,
    C_t: torch.Tensor,
    skip: torch.Tensor,
    state: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The equation, one snippet after the other: any device and dtype. Autograd keeps several (B, T, D, N)."""
    h = u.new_zeros(u.shape[0], *A.shape) if state is None else state
    rows = []
    for t in range(u.shape[1]):
        h = torch.exp(delta[:, t, :, None] * A) * h + (delta[:, t] * u[:, t])[..., None] * B_t[:, t, None, :]
        rows.append(torch.einsum("bdn,bn->bd", h, C_t[:, t]))
    return torch.stack(rows, dim=1) + skip * u, h


def mamba_ssm(
    u: torch.Tensor,
    delta: torch.Tensor,
    A: torch.Tensor,
    B_t: torch.Tensor,
    C_t: torch.Tensor,
    skip: torch.Tensor,
    state: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The CUDA kernel of the mamba-ssm package, N at most 256; it starts every sequence at 0.

    Raises:
        ModelError: the package or its kernel is not there, or the tensors are not on a CUDA device.
        SettingError: a state is carried in, or N is above 256.
    """
    if state is not None:
        raise SettingError("scan mamba_ssm", "cannot go on from a carried state", "Stream with scan=chunked.")
    if A.shape[1] > 256:
        raise SettingError("scan mamba_ssm", f"N={A.shape[1]} is above its 256", "Choose scan=chunked.")
    try:
        from mamba_ssm.ops.selective_scan_interface import selective_scan_fn
    except ImportError as error:
        todo = "Choose scan=triton on a GPU, scan=native on a CPU, or install it (pip install '.[mamba]')."
        raise ModelError("scan mamba_ssm", f"the package has no usable kernel here ({error})", todo) from error
    if not u.is_cuda:
        todo = "Choose scan=native or scan=chunked."
        raise ModelError("scan mamba_ssm", f"runs on CUDA devices only, not on {u.device}", todo)
    B_n, C_n = (x.transpose(1, 2).contiguous() for x in (B_t, C_t))
    u_d, delta_d = (x.transpose(1, 2).contiguous() for x in (u, delta))
    y, last = selective_scan_fn(u_d, delta_d, A, B_n, C_n, skip.float(), return_last_state=True)
    return y.transpose(1, 2), last


SCANS: dict[str, Scan] = {
    "reference": reference,
    "chunked": chunked,
    "native": native,
    "triton": triton,
    "mamba_ssm": mamba_ssm,
}


def scan_called(name: str) -> Scan:
    """The scan of that name.

    Raises:
        SettingError: there is none.
    """
    return pick(SCANS, name, "scan")
