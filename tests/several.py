"""What test_parallel.py has processes do in one start: `accelerate launch ... several.py FOLDER`.

Every scenario trains into a folder of its own, and each process writes what it found; the test compares.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from rewrite.errors import TrclipError
from rewrite.settings import apply
from trclip_vad.config import Config
from trclip_vad.mtn import MaskedNorm
from trclip_vad.parallel import Parallel
from trclip_vad.recipes import configure
from trclip_vad.train import train

PLAIN = ["epochs=2", "batch=4", "validation=0.3", "threads=1", "select=last", "optimiser.lr=1e-3"]
PLAIN += ["model.dropout=0", "model.lgm_mamba.dropout=0", "classes.encoder=none"]


def configs(folder: Path) -> dict[str, Config]:
    """Scenario -> what is trained. Without dropout, processes share a batch and nothing else may differ."""
    bank, features = folder / "bank", folder / "features"
    both = configure("demo", bank, PLAIN, features)
    frames = configure("demo_source", None, [*PLAIN, "text.rewrites=false"], features)
    asked = {
        "text": (configure("demo_text", bank, PLAIN), []),
        "lgm_mamba": (both, ["optimiser.ema=0.5", "losses.consistency=0.5", "losses.distillation=0.5"]),
        "odd": (both, ["batch=64"]),  # more than there are: halves of five
        "parts": (frames, ["batch=64", "optimiser.accumulate=2", "model.temporal=lgt"]),
    }
    return {name: apply(config, changes) for name, (config, changes) in asked.items()}


def rows() -> tuple[torch.Tensor, torch.Tensor]:
    """(x (4, 3, 6), mask) for a normalisation."""
    torch.manual_seed(0)
    return 3 * torch.randn(4, 3, 6) + 1, torch.arange(6)[None] < torch.tensor([[6], [1], [4], [2]])


def normalised(x: torch.Tensor, mask: torch.Tensor) -> dict[str, Any]:
    """A step of MaskedNorm: outputs, the gradient towards its input, running statistics."""
    norm, x = MaskedNorm(3), x.clone().requires_grad_()
    out = norm(x, mask)
    (out * torch.arange(6.0)).square().sum().backward()
    found = {"out": out, "gradient": x.grad, "mean": norm.running_mean, "var": norm.running_var}
    return {name: tensor.tolist() for name, tensor in found.items() if tensor is not None}


def refusals(config: Config, out: Path) -> list[str]:
    """What is said to batches that two processes cannot share."""
    said = []
    for batch in (6, 2):
        try:
            train(replace(config, batch=batch), out)
        except TrclipError as error:
            said.append(str(error))
    return said


def main(folder: Path) -> None:
    """Every scenario."""
    parallel = Parallel()
    x, mask = rows()
    mine = slice(parallel.rank, None, parallel.world)
    found = normalised(x[mine], mask[mine])
    made = configs(folder)
    for name, config in made.items():
        train(config, folder / name)
    found["refused"] = refusals(made["text"], folder / "refused")
    (folder / f"found{parallel.rank}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
