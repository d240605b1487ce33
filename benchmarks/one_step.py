"""A detector of UCF-Crime's size and one training step of it, on random features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import machine

VISUAL, TEXT, CLASSES = 512, 768, 14


class Step:
    """A model, its optimiser and a batch.

    Args:
        settings: `--set` lines of the model.
        captions: whether it is told captions, too.
        precision: float32, or bfloat16 for the matrix products of the forward pass, as in training.
    """

    def __init__(
        self,
        settings: Sequence[str],
        captions: bool,
        batch: int,
        length: int,
        device: str = "cpu",
        precision: str = "float32",
    ) -> None:
        import torch

        from rewrite.settings import apply
        from trclip_vad.assembly import Widths, build
        from trclip_vad.batch import Batch
        from trclip_vad.config import ModelSettings

        torch.manual_seed(0)
        widths = Widths(visual=VISUAL, text=TEXT if captions else 0, classes=VISUAL)
        self.detector = build(apply(ModelSettings(), list(settings)), widths, names()).to(device).train()
        self.learned = [p for p in self.detector.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(self.learned, lr=7e-5)
        mask = torch.ones(batch, length, dtype=torch.bool)
        target = torch.eye(CLASSES)[[0] * (batch // 2) + [1 + i % (CLASSES - 1) for i in range(batch - batch // 2)]]
        text = torch.nn.functional.normalize(torch.randn(batch, length, TEXT), dim=2) if captions else None
        covered = mask if captions else None
        self.batch = Batch(text, covered, mask, target, torch.randn(batch, length, VISUAL)).to(device)
        self.device, self.precision = device, precision

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

    def once(self, batch: Any = None) -> None:
        """Forward, losses, backward and the optimiser's step, of its own batch or another."""
        import torch

        from trclip_vad.config import LossSettings
        from trclip_vad.objective import terms, total

        weights, batch = LossSettings(), self.batch if batch is None else batch
        self.optimiser.zero_grad()
        with torch.autocast(self.device, torch.bfloat16, enabled=self.precision == "bfloat16"):
            outputs = self.detector(batch)
        total(weights, terms(weights, batch, outputs)).backward()
        self.optimiser.step()

    def seconds(self) -> float:
        """Of one step."""
        return machine.seconds(self.once, self.device)


def names() -> Any:
    """Learned prompts through a random text tower of ViT-B/16's size."""
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    from trclip_vad.prompts import PromptedNames

    size = {"hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 12, "num_attention_heads": 8}
    tower = CLIPTextModelWithProjection(CLIPTextConfig(**size, projection_dim=VISUAL, eos_token_id=49_407))
    return PromptedNames(tower, [[1000 + i] for i in range(CLASSES)], 49_406, 49_407)
