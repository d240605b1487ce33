"""The branches of the detector: what the text becomes, and what the fused features say."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

TEMPERATURE = 0.07  # of the alignment map; its values lie within 1 / 0.07 = 14.29


class QuickGELU(nn.Module):
    """x sigmoid(1.702 x), CLIP's; written as a SiLU, of which autograd keeps one tensor and not two."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.silu(1.702 * x) / 1.702


def feed_forward(width: int, hidden: int) -> nn.Sequential:
    """W_2 phi(W_1 x)."""
    return nn.Sequential(nn.Linear(width, hidden), QuickGELU(), nn.Linear(hidden, width))


class VisualBranch(nn.Module):
    """F_v = Dropout(temporal(X)), X the frozen features of the frames."""

    def __init__(self, temporal: nn.Module, dropout: float) -> None:
        super().__init__()
        self.temporal = temporal
        self.dropout = nn.Dropout(dropout)

    def forward(self, visual: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """(B, T, D), mask (B, T) bool -> (B, T, D)."""
        return self.dropout(self.temporal(visual, mask))


class TextBranch(nn.Module):
    """F_t = Dropout(MTN(temporal(c S))), a learned null standing in S where no caption covers the snippet.

    c scales the vectors: MTN adds its input to a batch-normalised sum, and beside that a vector of length 1 vanishes.
    Published code has no null (`silence` 0): what is not covered is zero.

    Args:
        silence: length of the null at the start, best that of a scaled caption. At zero its first gradients are a
            thousand times those of all else: the layer norms of what is temporal divide them by next to nothing.
    """

    def __init__(
        self,
        width: int,
        temporal: nn.Module,
        multi_scale: nn.Module,
        dropout: float,
        scale: float,
        silence: float,
    ) -> None:
        super().__init__()
        self.scale = scale
        begin = functional.normalize(torch.randn(width), dim=0) * silence if silence else torch.zeros(width)
        self.null = nn.Parameter(begin, requires_grad=silence > 0)
        self.temporal = temporal
        self.multi_scale = multi_scale
        self.dropout = nn.Dropout(dropout)

    def forward(self, text: torch.Tensor, covered: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """text (B, T, E), covered and mask (B, T) bool -> (B, T, E), zero on padding."""
        x = torch.where(covered[..., None], self.scale * text, self.null) * mask[..., None]
        x = self.multi_scale(self.temporal(x, mask), mask)
        return self.dropout(x)


class CBranch(nn.Module):
    """s = w^T (F + FFN(F)) + b: one anomaly logit per snippet, each seen alone."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.ffn = feed_forward(width, hidden)
        self.classifier = nn.Linear(width, 1)

    def forward(self, fused: torch.Tensor) -> torch.Tensor:
        """(B, T, F) -> logits (B, T)."""
        return self.classifier(fused + self.ffn(fused))[..., 0]


class FBranch(nn.Module):
    """Which class, and where: the cosine of every snippet with every class, as the video itself colours it.

    w_c = W e_c;  p = s^T F / |s^T F|;  t_c = w_c + p;  t_c <- t_c + FFN(t_c);  M[t, c] = cos(F_t, t_c) / 0.07

    Args:
        width: F.
        hidden: of the feed-forward part; published: 4 F.
        class_width: E of the class features; where it is F already they are taken as they are.
        masked: padding has no part in p. Published: all snippets do, with their raw logits.
    """

    def __init__(self, width: int, hidden: int, class_width: int, masked: bool = True) -> None:
        super().__init__()
        self.masked = masked
        self.project = nn.Linear(class_width, width) if class_width != width else nn.Identity()
        self.ffn = feed_forward(width, hidden)

    def forward(
        self, fused: torch.Tensor, logits: torch.Tensor, classes: torch.Tensor, mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The alignment map (B, T, C), and w (C, F) before the video colours it.

        Args:
            fused: (B, T, F).
            logits: (B, T) of the C-branch; gradients flow into them.
            classes: (C, E) text features.
            mask: (B, T) bool.
        """
        weights = logits * mask if self.masked else logits
        prompt = functional.normalize(torch.einsum("bt,btf->bf", weights, fused), dim=1)
        w = self.project(classes)
        labels = w + prompt[:, None]
        labels = functional.normalize(labels + self.ffn(labels), dim=2)
        return functional.normalize(fused, dim=2) @ labels.transpose(1, 2) / TEMPERATURE, w


class Concat(nn.Module):
    """F = [F_v ; F_t], the published fusion: no gate, no norm."""

    def __init__(self, visual: int, text: int) -> None:
        super().__init__()
        self.width = visual + text

    def forward(self, visual: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        """(B, T, D), (B, T, E) -> (B, T, D + E)."""
        return torch.cat([visual, text], dim=2)


class Projected(nn.Module):
    """F = F_v + W F_t, W zero at the start: the text moves a snippet within CLIP's space, where class texts lie."""

    def __init__(self, visual: int, text: int) -> None:
        super().__init__()
        self.width = visual
        self.project = nn.Linear(text, visual, bias=False)
        nn.init.zeros_(self.project.weight)

    def forward(self, visual: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        """(B, T, D), (B, T, E) -> (B, T, D)."""
        return visual + self.project(text)


class Single(nn.Module):
    """Of the two branches the one that is there: a detector of frames alone, or of captions alone."""

    def __init__(self, visual: int, text: int) -> None:
        super().__init__()
        self.width = visual or text

    def forward(self, visual: torch.Tensor | None, text: torch.Tensor | None) -> torch.Tensor:
        """(B, T, F) -> the same."""
        found = text if visual is None else visual
        assert found is not None, "a detector has one branch at least"
        return found


FUSIONS: dict[str, type[Concat] | type[Projected]] = {"concat": Concat, "projected": Projected}
