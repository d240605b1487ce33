"""What a class is called, as features that can learn: computed once a step, not once a video.

`PromptedNames` puts learned rows around a class name's tokens and runs them through a frozen CLIP text tower that it is
given (VadCLIP's learnable prompts). `ResidualNames` adds a learned row to a frozen vector of each class, from any
sentence encoder, where no CLIP text tower can be had. Both are called without arguments and give (C, E).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

AROUND = 10  # learned rows before a name, and as many behind it
CONTEXT = 77  # tokens that CLIP's text tower takes


class _Held:
    """A frozen tower beside a module and not in it: neither saved nor copied with it."""

    def __init__(self, tower: nn.Module) -> None:
        self.tower = tower

    def __deepcopy__(self, _memo: object) -> _Held:
        return self


class PromptedNames(nn.Module):
    """(C, E) text features of [start, Q, name, Q, end], one table Q of CONTEXT rows shared by all classes.

    The name of n tokens stands at positions 11 to 10 + n and the end at 21 + n; every other position shows the row of Q
    that is its own. The tower sees nothing behind the last class's end, which its causal mask hides anyway.

    Args:
        tower: a transformers CLIPTextModelWithProjection. It is frozen, and no part of this module's weights.
        names: the token ids of each class name, without start and end.
        start: id of the start token.
        end: id of the end token.

    Raises:
        ValueError: a name is too long for the context.
    """

    ids: torch.Tensor
    learned: torch.Tensor

    def __init__(self, tower: nn.Module, names: Sequence[Sequence[int]], start: int, end: int) -> None:
        super().__init__()
        longest = max(map(len, names))
        if 2 + 2 * AROUND + longest > CONTEXT:
            raise ValueError(f"a class name of {longest} tokens leaves no room for the prompts")
        ids = torch.zeros(len(names), 2 + 2 * AROUND + longest, dtype=torch.long)
        learned = torch.ones_like(ids, dtype=torch.bool)
        for row, name in enumerate(names):
            places = [0, *range(1 + AROUND, 1 + AROUND + len(name)), 1 + 2 * AROUND + len(name)]
            ids[row, places] = torch.tensor([start, *name, end])
            learned[row, places] = False
        self.register_buffer("ids", ids, persistent=False)
        self.register_buffer("learned", learned[..., None], persistent=False)
        self._tower = _Held(tower.requires_grad_(False).eval())
        width = tower.get_input_embeddings().weight.shape[1]  # type: ignore[operator]
        self.table = nn.Parameter(torch.empty(CONTEXT, width).normal_(std=0.01))

    def forward(self) -> torch.Tensor:
        """(C, E), not normalised."""
        tower = self._tower.tower.to(self.table.device)
        rows = self.table[: self.ids.shape[1]]
        embedding = tower.get_input_embeddings()  # type: ignore[operator]
        hook = embedding.register_forward_hook(lambda _module, _given, found: torch.where(self.learned, rows, found))
        try:
            return tower(input_ids=self.ids).text_embeds
        finally:
            hook.remove()


class ResidualNames(nn.Module):
    """v + r: a frozen vector per class (C, E), and a learned one that begins at zero."""

    vectors: torch.Tensor

    def __init__(self, vectors: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("vectors", vectors)
        self.residual = nn.Parameter(torch.zeros_like(vectors))

    def forward(self) -> torch.Tensor:
        """(C, E)."""
        return self.vectors + self.residual


class FixedNames(nn.Module):
    """Class features (C, E) that training has ended with."""

    vectors: torch.Tensor

    def __init__(self, vectors: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("vectors", vectors)

    def forward(self) -> torch.Tensor:
        """(C, E)."""
        return self.vectors
