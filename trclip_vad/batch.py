"""The nouns and their shapes.

Letters, one legend for the whole project: B videos, T snippets (16 frames each), D visual width, E text
width, F fused width, C classes, R text versions (the source and its rewrites), N state width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING

from rewrite.records import Caption

if TYPE_CHECKING:
    import torch

STRIDE = 16  # frames per snippet, in every data set here


@dataclass(frozen=True, slots=True)
class LabelSet:
    """The classes of a data set, in their order; index 0 is normal."""

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(set(self.names)) != len(self.names):
            raise ValueError("class names must differ")

    @property
    def normal(self) -> str:
        return self.names[0]

    def index(self, name: str) -> int:
        return self.names.index(name)


@dataclass(frozen=True, slots=True)
class Video:
    """One video as a data set describes it, before any encoder.

    Attributes:
        name: unique within the data set, no ending.
        split: "train" or "test", by the data set's own lists.
        labels: its classes; (normal,) or one or more anomalies.
        frames: number of frames. T = ceil(frames / STRIDE) snippets, the last one partly filled.
        fps: frames per second, to place captions timed in seconds.
        captions: timed by snippet or by start/end seconds; may overlap or leave gaps.
        anomalous: frame truth as half-open [start, end) ranges; None where unknown (training videos).
    """

    name: str
    split: str
    labels: tuple[str, ...]
    frames: int
    fps: float
    captions: tuple[Caption, ...] = ()
    anomalous: tuple[tuple[int, int], ...] | None = None

    @property
    def snippets(self) -> int:
        """T, the last snippet partly filled."""
        return -(-self.frames // STRIDE)


@dataclass(slots=True)
class Batch:
    """Videos padded to one length.

    Attributes:
        text: (B, T, E) caption embeddings, zero where padded or uncovered; None for a model of pictures alone.
        covered: (B, T) bool, whether a caption covers the snippet (else the model uses its learned null).
        mask: (B, T) bool, true on real snippets, false on padding.
        target: (B, C) float, the label vector divided by its sum.
        visual: (B, T, D) frozen CLIP features, or None for a text-only model.
        names: the B video names.
    """

    text: torch.Tensor | None
    covered: torch.Tensor | None
    mask: torch.Tensor
    target: torch.Tensor
    visual: torch.Tensor | None = None
    names: tuple[str, ...] = field(default=())

    def without_captions(self, hidden: Sequence[bool]) -> Batch:
        """The same videos, nothing said of the hidden ones: the learned null stands in all their snippets."""
        if self.text is None or self.covered is None:
            return self
        shown = ~self.mask.new_tensor(hidden)
        text, covered = self.text * shown[:, None, None], self.covered & shown[:, None]
        return replace(self, text=text, covered=covered)

    @classmethod
    def joined(cls, batches: Sequence[Batch]) -> Batch:
        """Several of one T as one batch, the videos of the first before those of the second."""
        import torch

        def rows(name: str) -> torch.Tensor | None:
            parts = [getattr(batch, name) for batch in batches]
            return None if parts[0] is None else torch.cat(parts)

        names = tuple(name for batch in batches for name in batch.names)
        return cls(**{f.name: rows(f.name) for f in fields(cls) if f.name != "names"}, names=names)  # type: ignore[arg-type]

    def to(self, device: object) -> Batch:
        """The same batch on a device."""
        moved = {f.name: getattr(self, f.name) for f in fields(self)}
        return Batch(**{name: v.to(device) if hasattr(v, "to") else v for name, v in moved.items()})
