"""One training step at UCF-Crime's size: `python benchmarks/train_step.py [--json]`. Forward, losses, backward.

Side by side in one run: VadCLIP's model (frames, LGT as published), the same with `lgm_mamba` clean in its place, and
the whole TrCLIP-VAD, clean: frames and captions; AdamW each. Features are random numbers; class names go through a
text tower of CLIP ViT-B/16's size with random weights, as frozen as a real one. Time: the best of several rounds.
Memory: a process per model, its peak resident size (VmHWM, Linux). The floor is the time of the multiplications of its
weights alone, at the rate of one large matrix product measured in the same run.

With --device cuda: `lgm_mamba` with each scan that runs there, in float32 and in bfloat16 (its floor is that of float32
all the same); a step before the first round is not counted; memory is the peak of the device's tensors. And one epoch
over as many random videos as UCF-Crime's training half has, frames only, each batch brought over from the host.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import machine
import typer
from one_step import CLASSES, VISUAL, Step

ROOT = Path(__file__).resolve().parent.parent
SLOWEST, LARGEST = 2.0, 8.0  # times the base's step, GB
NORMAL, ANOMALOUS = 800, 810  # UCF-Crime's training videos
BASE = "lgt_published"
# The settings of each model, and whether it is told captions.
Models = dict[str, tuple[list[str], bool]]
FIRST: Models = {BASE: (["temporal=lgt", "lgt.variant=published", "ffn=4", "dropout=0"], False)}
ON_CPU: Models = FIRST | {
    "lgm_mamba_clean": (["temporal=lgm_mamba"], False),
    "lgm_mamba_clean_captions": (["temporal=lgm_mamba"], True),
}
ON_GPU: Models = FIRST | {
    "lgm_mamba_clean_chunked": (["temporal=lgm_mamba", "lgm_mamba.scan=chunked"], False),
    "lgm_mamba_clean": (["temporal=lgm_mamba", "lgm_mamba.scan=triton"], False),
    "lgm_mamba_clean_mamba_ssm": (["temporal=lgm_mamba", "lgm_mamba.scan=mamba_ssm"], False),
    "lgm_mamba_clean_captions": (["temporal=lgm_mamba", "lgm_mamba.scan=triton"], True),
}


def main(
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
    batch: Annotated[int, typer.Option(help="B.")] = 128,
    length: Annotated[int, typer.Option(help="T.")] = 256,
    rounds: Annotated[int, typer.Option(help="Steps of each model, in turn on a CPU; the best counts.")] = 3,
    threads: Annotated[int, typer.Option(help="CPU threads.")] = 2,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    child: Annotated[str, typer.Option(hidden=True)] = "",
) -> None:
    """Measures, prints, and says whether the bars hold."""
    from rewrite.manifest import json_bytes

    if child:
        typer.echo(json_bytes(memory_here(child, batch, length, threads)).decode(), nl=False)
        return
    if said := machine.lacking(device):
        typer.echo(f"error: {said}", err=True)
        raise typer.Exit(2)
    found = measure(batch, length, rounds, threads, device)
    typer.echo(json_bytes(found).decode() if json else "\n".join(table(found)), nl=not json)


def measure(batch: int, length: int, rounds: int, threads: int, device: str) -> dict[str, Any]:
    """Seconds, memory and parameters of each model, and the bars."""
    import torch

    from rewrite.manifest import environment

    torch.set_num_threads(threads)
    rate = multiplications_per_second(device)
    work = on_gpu if device == "cuda" else on_cpu
    models, missing = work(batch, length, rounds, threads, rate)
    bars = {}
    for name in ("lgm_mamba_clean", "lgm_mamba_clean_captions"):
        if name in models:
            bars[f"{name}_within_twice_the_base"] = models[name]["seconds"] <= SLOWEST * models[BASE]["seconds"]
            bars[f"{name}_under_8_gb"] = models[name]["gb"] < LARGEST
    return {
        "batch": batch,
        "length": length,
        "threads": threads,
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "load": round(os.getloadavg()[0], 1),
        "models": models,
        "missing": missing,
        "epochs": epochs(batch, length) if device == "cuda" and "lgm_mamba_clean" in models else {},
        "multiplications_per_s": round(rate),
        "environment": environment(),
        "bars": bars,
    }


def on_cpu(batch: int, length: int, rounds: int, threads: int, rate: float) -> tuple[dict[str, Any], dict[str, str]]:
    """The models by name, in turn."""
    steps = {name: Step(*model, batch, length) for name, model in ON_CPU.items()}
    best = dict.fromkeys(ON_CPU, float("inf"))
    for _ in range(rounds):
        for name, step in steps.items():
            best[name] = min(best[name], step.seconds())
    models = {name: row(step, best[name], batch * length, rate) for name, step in steps.items()}
    del steps, step
    for name, model in models.items():
        model["gb"] = memory_of(name, batch, length, threads)
    return models, {}


def on_gpu(batch: int, length: int, rounds: int, threads: int, rate: float) -> tuple[dict[str, Any], dict[str, str]]:
    """The models by name, one after the other, each in both precisions; and why one does not run here."""
    from rewrite.errors import TrclipError

    models, missing = {}, {}
    for name, model in ON_GPU.items():
        for precision in ("float32", "bfloat16"):
            called = name if precision == "float32" else f"{name}_{precision}"
            try:
                step = Step(*model, batch, length, "cuda", precision)
                step.once()
            except TrclipError as error:
                missing[name] = str(error)
                continue
            _, most, _ = machine.peak(step.once)
            best = min(step.seconds() for _ in range(rounds))
            models[called] = row(step, best, batch * length, rate) | {"gb": round(1e-9 * most, 2)}
            del step
    return models, missing


def row(step: Step, seconds: float, snippets: int, rate: float) -> dict[str, Any]:
    """What is said of a model, but for its memory."""
    floor = step.multiplications(snippets) / rate
    return {"seconds": round(seconds, 4), "parameters": step.parameters, "of_floor": round(seconds / floor, 2)}


def epochs(batch: int, length: int) -> dict[str, Any]:
    """An epoch of lgm_mamba clean with scan=triton in each precision, after one of a few steps that is not counted."""
    import torch

    from trclip_vad.batch import Batch

    rows = torch.randn(NORMAL + ANOMALOUS, length, VISUAL)
    target = torch.eye(CLASSES)[[0] * NORMAL + [1 + i % (CLASSES - 1) for i in range(ANOMALOUS)]]
    half = batch // 2
    places = []
    for first in range(0, ANOMALOUS - half + 1, half):  # the smaller half is gone through once more
        at = torch.arange(first, first + half)
        places.append(torch.cat([at % NORMAL, NORMAL + at]))
    mask = torch.ones(batch, length, dtype=torch.bool)
    found = {}
    for precision in ("float32", "bfloat16"):
        step = Step(*ON_GPU["lgm_mamba_clean"], batch, length, "cuda", precision)

        def through(some: list[Any], step: Step = step) -> None:
            for at in some:
                step.once(Batch(None, None, mask, target[at], rows[at]).to("cuda"))

        through(places[:2])
        seconds = machine.seconds(partial(through, places), "cuda")
        found[precision] = {"seconds": round(seconds, 3), "steps": len(places), "videos": len(rows)}
    return found


def multiplications_per_second(device: str) -> float:
    """Multiply-adds a second of one large matrix product."""
    import torch

    size = 8192 if device == "cuda" else 2048
    one = torch.randn(size, size, device=device)
    return size**3 / min(machine.seconds(lambda: one @ one, device) for _ in range(5))


def memory_of(name: str, batch: int, length: int, threads: int) -> float:
    """`memory_here` in a process of its own."""
    import json

    asked = [f"--child={name}", f"--batch={batch}", f"--length={length}", f"--threads={threads}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, __file__, *asked], capture_output=True, text=True, check=True, env=environment
    )
    return float(json.loads(done.stdout)["gb"])


def memory_here(name: str, batch: int, length: int, threads: int) -> dict[str, float]:
    """Peak of this process over one step, GB (10^9 bytes)."""
    import torch

    torch.set_num_threads(threads)
    Step(*ON_CPU[name], batch, length).once()
    return {"gb": round(1e-3 * machine.resident("VmHWM"), 2)}


def table(found: dict[str, Any]) -> list[str]:
    """The figures as lines."""
    lines = [f"B={found['batch']}, T={found['length']}, {found['device']}, {found['threads']} threads"]
    lines.append(f"load when measured: {found['load']}")
    lines.append(f"{'model':<36}{'s/step':>10}{'ratio':>8}{'of floor':>10}{'GB':>7}{'parameters':>13}")
    base = found["models"][BASE]["seconds"]
    for name, m in found["models"].items():
        ratio = f"{m['seconds'] / base:>7.2f}x"
        figures = f"{m['seconds']:>10.4f}{ratio}{m['of_floor']:>9.2f}x{m['gb']:>7.2f}{m['parameters']:>13,}"
        lines.append(f"{name:<36}{figures}")
    lines += [f"{name:<36}not here: {said}" for name, said in found["missing"].items()]
    lines.append(f"floor: multiplications of the weights at {found['multiplications_per_s'] / 1e9:.1f} G/s")
    for precision, e in found["epochs"].items():
        rate = f"{e['steps'] / e['seconds']:.2f} steps/s"
        lines.append(f"epoch of {e['videos']} videos, {precision}: {e['seconds']:.2f} s, {e['steps']} steps, {rate}")
    if not found["epochs"]:
        lines.append("No epoch was measured, and nothing is said of one: that takes --device cuda and scan=triton.")
    lines += [f"bar {name}: {'holds' if held else 'MISSED'}" for name, held in found["bars"].items()]
    return lines


if __name__ == "__main__":
    typer.run(main)
