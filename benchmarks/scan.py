"""The selective scan by each of its names: `python benchmarks/scan.py [--json]`. Forward and backward, float32.

Time: the best of several rounds that go through all the paths in turn, in one process. Memory: a process per path, the
peak resident size (VmHWM, Linux) over one forward and backward, above what was resident with the inputs made. The floor
counts what no scan can avoid: its inputs, outputs and gradients moved once at the measured bandwidth, and 2 B T D N
exponentials at the rate of torch.exp in the cache, on one thread, times the threads
(a path with a faster exponential of its own can come out below 1). Beside other work that keeps a core busy, PyTorch's
own threads wait for each other at every operation: measure with --threads 1 then, or the ratios flatter `native`.

With --device cuda: each path has run at the size before it is timed, so that no compilation is counted; memory is the
peak of the device's tensors; the floor is the bytes alone, at the rate of a copy within the device.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import machine
import typer

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = {"reference": 2, "chunked": 3}  # others: 10
FASTER = {"chunked": 2.0, "native": 20.0}  # times the reference
SHARE = 1 / 8  # of (B, T, D, N) in float32
WIDE = (128, 256, 512, 256)  # B, T, D, N of the memory run
WIDEST = 6.0  # GB, the whole process
Shape = tuple[int, int, int, int]


def main(
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
    batch: Annotated[int, typer.Option(help="B.")] = 16,
    length: Annotated[int, typer.Option(help="T.")] = 256,
    width: Annotated[int, typer.Option(help="D.")] = 512,
    state: Annotated[int, typer.Option(help="N.")] = 16,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    wide: Annotated[bool, typer.Option(help="The memory run at B=128, N=256 too: minutes on a CPU.")] = True,
    threads: Annotated[int, typer.Option(help="CPU threads.")] = 2,
    child: Annotated[str, typer.Option(hidden=True)] = "",
) -> None:
    """Measures, prints, and says whether the bars hold."""
    from rewrite.manifest import json_bytes

    shape = batch, length, width, state
    if child:
        typer.echo(json_bytes(memory_here(child, shape, threads)).decode(), nl=False)
        return
    if said := machine.lacking(device):
        typer.echo(f"error: {said}", err=True)
        raise typer.Exit(2)
    found = measure(shape, device, wide, threads)
    typer.echo(json_bytes(found).decode() if json else "\n".join(table(found)), nl=not json)


def measure(shape: Shape, device: str, wide: bool, threads: int) -> dict[str, Any]:
    """Seconds and memory of each path that runs here, why the others do not, the floor, and the bars."""
    import torch

    from rewrite.manifest import environment
    from trclip_vad.scan import SCANS

    torch.set_num_threads(threads)
    missing, paths = {}, []
    for name in SCANS:
        said = runs(name, device)
        if said:
            missing[name] = said
        else:
            paths.append(name)
    seconds = times(paths, shape, device)
    measured = memory_of if device == "cpu" else memory_on_gpu
    memory = {name: measured(name, shape, threads) for name in paths}
    large = {name: measured(name, WIDE, threads) for name in paths if name != "reference"} if wide else {}
    videos, steps, width, states = shape
    whole = 4e-6 * videos * steps * width * states
    bars: dict[str, bool] = {}
    for name, least in FASTER.items():
        if name in seconds and "reference" in seconds and device == "cpu":
            bars[f"{name}_{least:g}_times_faster"] = seconds["reference"] >= least * seconds[name]
    if "native" in memory:
        bars["native_memory_an_eighth"] = memory["native"]["beyond_results_mb"] <= SHARE * whole
    for name in large:
        bars[f"{name}_wide_under_6_gb"] = large[name]["process_mb"] < 1000 * WIDEST
    return {
        "shape": dict(zip("BTDN", shape, strict=True)),
        "device": torch.cuda.get_device_name() if device == "cuda" else machine.processor(),
        "threads": threads,
        "load": round(os.getloadavg()[0], 1),
        "environment": environment(),
        "seconds": {name: round(value, 6) for name, value in seconds.items()},
        "missing": missing,
        "materialised_mb": round(whole, 1),
        "memory": memory,
        "memory_wide": large,
        "floor": floor(shape) if device == "cpu" else floor_on_gpu(shape),
        "bars": bars,
    }


def runs(name: str, device: str) -> str:
    """Why the path does not run here, or nothing. Builds what has to be built, before anything is timed."""
    from rewrite.errors import TrclipError

    try:
        once(name, inputs((1, 2, 8, 2), device))
    except TrclipError as error:
        return str(error)
    return ""


def inputs(shape: Shape, device: str) -> list[Any]:
    """u, delta, A, B_t, C_t, skip as a fresh Mamba block would give them."""
    import torch

    videos, steps, width, states = shape
    torch.manual_seed(0)
    delta = torch.empty(videos, steps, width).uniform_(-6.9, -2.3).exp_()
    decay = -torch.arange(1.0, states + 1).repeat(width, 1)
    rows = [torch.randn(videos, steps, states) for _ in range(2)]
    made = [torch.randn(videos, steps, width), delta, decay, *rows, torch.ones(width)]
    return [x.to(device).requires_grad_() for x in made]


def once(name: str, given: list[Any]) -> list[Any]:
    """One forward and backward: y and the gradients."""
    import torch

    from trclip_vad.scan import SCANS

    y, _ = SCANS[name](*given)
    return [y, *torch.autograd.grad(y, given, torch.ones_like(y))]


def times(paths: list[str], shape: Shape, device: str) -> dict[str, float]:
    """The best seconds of each path."""
    given, best = inputs(shape, device), dict.fromkeys(paths, float("inf"))
    if device == "cuda":
        for name in paths:
            once(name, given)
    for number in range(10):
        for name in paths:
            if number < ROUNDS.get(name, 10):
                best[name] = min(best[name], machine.seconds(lambda name=name: once(name, given), device))  # type: ignore[misc]
    return best


def memory_of(name: str, shape: Shape, threads: int) -> dict[str, float]:
    """`memory_here` in a process of its own."""
    words = [f"--{k}={v}" for k, v in zip(("batch", "length", "width", "state"), shape, strict=True)]
    command = [sys.executable, __file__, f"--child={name}", f"--threads={threads}", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    import json

    return json.loads(done.stdout)


def memory_here(name: str, shape: Shape, threads: int) -> dict[str, float]:
    """Peak of this process, and of the scan alone: with and without the tensors it returns; MB."""
    import torch

    torch.set_num_threads(threads)
    once(name, inputs((1, 20, 8, 2), "cpu"))
    given = inputs(shape, "cpu")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts from here
    before = machine.resident("VmRSS")
    begun = time.perf_counter()
    results = once(name, given)
    seconds = time.perf_counter() - begun
    return sizes(results, machine.resident("VmHWM"), machine.resident("VmHWM") - before, seconds)


def memory_on_gpu(name: str, shape: Shape, threads: int) -> dict[str, float]:
    """The same of the device's memory, the second time around."""
    given = inputs(shape, "cuda")
    once(name, given)
    results, most, before = machine.peak(lambda: once(name, given))
    return sizes(results, 1e-6 * most, 1e-6 * (most - before), machine.seconds(lambda: once(name, given), "cuda"))


def sizes(results: list[Any], process: float, scan: float, seconds: float) -> dict[str, float]:
    """Rounded, and the scan's also without what it returns."""
    returned = 4e-6 * (sum(x.numel() for x in results) + results[0].numel())  # and the gradient handed to y
    found = {"process_mb": process, "scan_mb": scan, "beyond_results_mb": scan - returned}
    return {**{key: round(value, 1) for key, value in found.items()}, "seconds": round(seconds, 4)}


def floor(shape: Shape) -> dict[str, float]:
    """Milliseconds of what cannot be avoided, and the measured rates they come from."""
    import torch

    videos, steps, width, states = shape
    threads = torch.get_num_threads()
    small, out = torch.rand(1 << 14).neg_(), torch.empty(1 << 14)
    torch.set_num_threads(1)
    rate = threads * small.numel() / min(machine.seconds(lambda: torch.exp(small, out=out)) for _ in range(2000))
    torch.set_num_threads(threads)
    wide, copy = torch.rand(1 << 24), torch.empty(1 << 24)
    bandwidth = 8 * wide.numel() / min(machine.seconds(lambda: copy.copy_(wide)) for _ in range(5))
    exponentials = 2 * videos * steps * width * states
    return {
        "exponentials_ms": round(1e3 * exponentials / rate, 2),
        "bytes_ms": round(1e3 * moved(shape) / bandwidth, 2),
        "exp_per_s": round(rate),
        "bytes_per_s": round(bandwidth),
    }


def floor_on_gpu(shape: Shape) -> dict[str, float]:
    """Milliseconds of the bytes alone."""
    bandwidth = machine.bytes_per_second()
    return {"bytes_ms": round(1e3 * moved(shape) / bandwidth, 4), "bytes_per_s": round(bandwidth)}


def moved(shape: Shape) -> int:
    """Bytes that no scan can leave where they are: forward 3 D + 2 N numbers of a snippet, backward 5 D + 4 N."""
    videos, steps, width, states = shape
    return 4 * videos * steps * (8 * width + 6 * states)


def table(found: dict[str, Any]) -> list[str]:
    """The figures as lines."""
    shape = ", ".join(f"{letter}={value}" for letter, value in found["shape"].items())
    lines = [f"{shape}, float32, forward + backward; {found['device']}, {found['threads']} threads"]
    lines += [f"load when measured: {found['load']}; (B, T, D, N) materialised: {found['materialised_mb']} MB", ""]
    lines.append(f"{'path':<12}{'ms':>10}{'speedup':>10}{'of floor':>10}{'scan MB':>10}{'beyond results MB':>19}")
    slowest = found["seconds"].get("reference")
    least = found["floor"].get("exponentials_ms", 0.0) + found["floor"]["bytes_ms"]
    for name, seconds in found["seconds"].items():
        memory = found["memory"][name]
        cells = f"{memory['scan_mb']:>10.1f}{memory['beyond_results_mb']:>19.1f}"
        ratio = f"{slowest / seconds:>9.1f}x" if slowest else f"{'':>10}"
        lines.append(f"{name:<12}{1e3 * seconds:>10.2f}{ratio}{1e3 * seconds / least:>9.1f}x{cells}")
    lines += [f"{name:<12}not here: {said}" for name, said in found["missing"].items()]
    f = found["floor"]
    powers = f"exponentials {f['exponentials_ms']} ms at {f['exp_per_s']:.3g}/s, " if "exp_per_s" in f else ""
    lines.append(f"floor: {powers}bytes {f['bytes_ms']} ms at {f['bytes_per_s'] / 1e9:.1f} GB/s")
    for name, memory in found["memory_wide"].items():
        lines.append(f"B, T, D, N = {WIDE}: {name} {memory['process_mb'] / 1000:.2f} GB, {memory['seconds']:.2f} s")
    lines += [f"bar {name}: {'holds' if held else 'MISSED'}" for name, held in found["bars"].items()]
    return lines


if __name__ == "__main__":
    typer.run(main)
