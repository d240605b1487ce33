"""The machine under a benchmark: its name, what a process holds, and what a piece of work takes on a CUDA device."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def lacking(device: str) -> str:
    """Why nothing can be measured on a device, or nothing."""
    import torch

    if device not in ("cpu", "cuda"):
        return f"--device: {device!r} is not a choice. Give cpu or cuda."
    if device == "cuda" and not torch.cuda.is_available():
        return "--device: PyTorch sees no CUDA device on this machine. Give cpu."
    return ""


def processor() -> str:
    """The processor's name, where Linux says it."""
    import platform

    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def resident(field: str) -> float:
    """A size that Linux says of this process (VmRSS now, VmHWM at its peak), in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) * 1024e-6


def seconds(work: Callable[[], Any], device: str = "cpu") -> float:
    """Of one call; with `cuda` from an idle device to an idle device."""
    import torch

    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    wait()
    begun = time.perf_counter()
    work()
    wait()
    return time.perf_counter() - begun


def peak(work: Callable[[], Any]) -> tuple[Any, int, int]:
    """What the work returns, the bytes of the device's tensors at its peak, and those that were there before."""
    import torch

    gc.collect()
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    result = work()
    torch.cuda.synchronize()
    return result, torch.cuda.max_memory_allocated(), before


def bytes_per_second() -> float:
    """Of a copy of 1 GB within the device, read and written; the best of several."""
    import torch

    source = torch.zeros(1 << 28, device="cuda")
    copy = torch.empty_like(source)
    return 8 * source.numel() / min(seconds(lambda: copy.copy_(source), "cuda") for _ in range(10))
