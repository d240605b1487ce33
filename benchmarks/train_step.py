"""One training step at UCF-Crime's size: `python benchmarks/train_step.py [--json]`. Forward, losses, backward.

Side by side in one run: VadCLIP's model (frames, LGT as published), the same with `lgm_mamba` clean in its place, and
the whole TrCLIP-VAD, clean: frames and captions; AdamW each. Features are random numbers; class names go through a
text tower of CLIP ViT-B/16's size with random weights, as frozen as a real one. Time: the best of several rounds.
Memory: a process per model, its peak resident size (VmHWM, Linux). The floor is the time of the multiplications of its
weights alone, at the rate of one large matrix product measured in the same run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

ROOT = Path(__file__).resolve().parent.parent
VISUAL, TEXT, CLASSES = 512, 768, 14
SLOWEST, LARGEST = 2.0, 8.0  # times the base's step, GB
BASE = "lgt_published"
# The settings of each model, and whether it is told captions.
MODELS: dict[str, tuple[list[str], bool]] = {
    BASE: (["temporal=lgt", "lgt.variant=published", "ffn=4", "dropout=0"], False),
    "lgm_mamba_clean": (["temporal=lgm_mamba"], False),
    "lgm_mamba_clean_captions": (["temporal=lgm_mamba"], True),
}


def main(
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
    batch: Annotated[int, typer.Option(help="B.")] = 128,
    length: Annotated[int, typer.Option(help="T.")] = 256,
    rounds: Annotated[int, typer.Option(help="Steps of each model, in turn; the best counts.")] = 3,
    threads: Annotated[int, typer.Option(help="CPU threads.")] = 2,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    child: Annotated[str, typer.Option(hidden=True)] = "",
) -> None:
    """Measures, prints, and says whether the bars hold."""
    from rewrite.manifest import json_bytes

    if child:
        typer.echo(json_bytes(memory_here(child, batch, length, threads)).decode(), nl=False)
        return
    found = measure(batch, length, rounds, threads, device)
    typer.echo(json_bytes(found).decode() if json else "\n".join(table(found)), nl=not json)


def measure(batch: int, length: int, rounds: int, threads: int, device: str) -> dict[str, Any]:
    """Seconds, memory and parameters of each model, and the bars."""
    import torch

    from rewrite.manifest import environment

    torch.set_num_threads(threads)
    steps = {name: Step(name, batch, length, device) for name in MODELS}
    best = dict.fromkeys(MODELS, float("inf"))
    for _ in range(rounds):
        for name, step in steps.items():
            best[name] = min(best[name], step.seconds())
    rate = multiplications_per_second(device)
    models = {
        name: {
            "seconds": round(best[name], 3),
            "parameters": step.parameters,
            "of_floor": round(best[name] * rate / step.multiplications(batch * length), 2),
        }
        for name, step in steps.items()
    }
    del steps, step
    for name, model in models.items():
        if device == "cpu":
            model["process_gb"] = memory_of(name, batch, length, threads)
    bars = {}
    for name in list(MODELS)[1:]:
        bars[f"{name}_within_twice_the_base"] = best[name] <= SLOWEST * best[BASE]
        if device == "cpu":
            bars[f"{name}_under_8_gb"] = models[name]["process_gb"] < LARGEST
    return {
        "batch": batch,
        "length": length,
        "threads": threads,
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "load": round(os.getloadavg()[0], 1),
        "models": models,
        "multiplications_per_s": round(rate),
        "environment": environment(),
        "bars": bars,
    }


class Step:
    """A model, its optimiser and a batch."""

    def __init__(self, name: str, batch: int, length: int, device: str = "cpu") -> None:
        import torch

        from rewrite.settings import apply
        from trclip_vad.assembly import Widths, build
        from trclip_vad.batch import Batch
        from trclip_vad.config import ModelSettings

        settings, captions = MODELS[name]
        torch.manual_seed(0)
        widths = Widths(visual=VISUAL, text=TEXT if captions else 0, classes=VISUAL)
        self.detector = build(apply(ModelSettings(), settings), widths, names()).to(device).train()
        self.learned = [p for p in self.detector.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(self.learned, lr=7e-5)
        mask = torch.ones(batch, length, dtype=torch.bool)
        target = torch.eye(CLASSES)[[0] * (batch // 2) + [1 + i % (CLASSES - 1) for i in range(batch - batch // 2)]]
        text = torch.nn.functional.normalize(torch.randn(batch, length, TEXT), dim=2) if captions else None
        covered = mask if captions else None
        self.batch = Batch(text, covered, mask, target, torch.randn(batch, length, VISUAL)).to(device)
        self.device = device

    @property
    def parameters(self) -> int:
        return sum(p.numel() for p in self.learned)

    def multiplications(self, snippets: int) -> float:
        """Of the weights with the snippets: forward once, backward twice. Attention, graphs and scans are not in it."""
        once = sum(
            p.numel()
            for name, p in self.detector.named_parameters()
            if p.dim() > 1 and not name.startswith(("names.", "f_branch.")) and "positions" not in name
        )
        return 3.0 * once * snippets

    def seconds(self) -> float:
        """Of one step."""
        import torch

        from trclip_vad.config import LossSettings
        from trclip_vad.objective import terms, total

        weights, begun = LossSettings(), time.perf_counter()
        self.optimiser.zero_grad()
        total(weights, terms(weights, self.batch, self.detector(self.batch))).backward()
        self.optimiser.step()
        if self.device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - begun


def names() -> Any:
    """Learned prompts through a random text tower of ViT-B/16's size."""
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    from trclip_vad.prompts import PromptedNames

    size = {"hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 12, "num_attention_heads": 8}
    tower = CLIPTextModelWithProjection(CLIPTextConfig(**size, projection_dim=VISUAL, eos_token_id=49_407))
    return PromptedNames(tower, [[1000 + i] for i in range(CLASSES)], 49_406, 49_407)


def multiplications_per_second(device: str) -> float:
    """Multiply-adds a second of one large matrix product."""
    import torch

    one = torch.randn(2048, 2048, device=device)
    best = float("inf")
    for _ in range(5):
        begun = time.perf_counter()
        one @ one
        if device == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - begun)
    return 2048**3 / best


def memory_of(name: str, batch: int, length: int, threads: int) -> float:
    """`memory_here` in a process of its own."""
    import json

    asked = [f"--child={name}", f"--batch={batch}", f"--length={length}", f"--threads={threads}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, __file__, *asked], capture_output=True, text=True, check=True, env=environment
    )
    return float(json.loads(done.stdout)["process_gb"])


def memory_here(name: str, batch: int, length: int, threads: int) -> dict[str, float]:
    """Peak of this process over one step, GB (10^9 bytes)."""
    import torch

    torch.set_num_threads(threads)
    Step(name, batch, length).seconds()
    lines = Path("/proc/self/status").read_text().splitlines()
    peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024e-9
    return {"process_gb": round(peak, 2)}


def table(found: dict[str, Any]) -> list[str]:
    """The figures as lines."""
    lines = [f"B={found['batch']}, T={found['length']}, {found['device']}, {found['threads']} threads"]
    lines.append(f"load when measured: {found['load']}")
    lines.append(f"{'model':<28}{'s/step':>9}{'ratio':>8}{'of floor':>10}{'GB':>7}{'parameters':>13}")
    base = found["models"][BASE]["seconds"]
    for name, m in found["models"].items():
        memory = f"{m['process_gb']:>7.2f}" if "process_gb" in m else f"{'':>7}"
        ratio = f"{m['seconds'] / base:>7.2f}x"
        lines.append(f"{name:<28}{m['seconds']:>9.2f}{ratio}{m['of_floor']:>9.2f}x{memory}{m['parameters']:>13,}")
    lines.append(f"floor: multiplications of the weights at {found['multiplications_per_s'] / 1e9:.1f} G/s")
    if found["device"] == "cpu":
        lines.append("No GPU was asked for: nothing is said of one.")
    lines += [f"bar {name}: {'holds' if held else 'MISSED'}" for name, held in found["bars"].items()]
    return lines


if __name__ == "__main__":
    typer.run(main)
