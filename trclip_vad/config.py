"""What decides a detector: every setting with its unit or its reason. A recipe is a function that returns one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rewrite.settings import operational, setting
from trclip_vad.temporal.lgm_mamba import LGMMamba
from trclip_vad.temporal.lgt import LGT


@dataclass(frozen=True)
class TextSettings:
    """What training reads of a bank."""

    rewrites: bool = setting(True, "each epoch one of all R versions of a video, by a seeded hash; else the source")
    snippets: int = setting(256, "T at most while training; a longer video is averaged into so many bins")

    def __post_init__(self) -> None:
        if self.snippets < 1:
            raise ValueError("snippets must be at least 1")


@dataclass(frozen=True)
class ModelSettings:
    """The shape of the detector."""

    temporal: str = setting("identity", "a name of TEMPORAL, before the text branch's multi-scale network")
    lgt: LGT = setting(LGT(), "settings of temporal=lgt")
    lgm_mamba: LGMMamba = setting(LGMMamba(), "settings of temporal=lgm_mamba")
    scale: float = setting(0.0, "factor of the text features; 0: sqrt(E), which gives unit vectors components near 1")
    dropout: float = setting(0.7, "share of the fused features set to zero while training; published: 0.7")
    ffn: float = setting(4.0, "hidden width of the C-branch's feed-forward part, in multiples of F; published: 4")

    def __post_init__(self) -> None:
        if not 0 <= self.dropout < 1:
            raise ValueError("the dropout must lie in [0, 1)")
        if self.ffn <= 0 or self.scale < 0:
            raise ValueError("ffn must be positive, scale not negative")


@dataclass(frozen=True)
class Optimiser:
    """AdamW, its rate falling along a half cosine to zero at the last step."""

    lr: float = setting(1e-4, "first learning rate")
    weight_decay: float = setting(0.01, "AdamW's own default")

    def __post_init__(self) -> None:
        if self.lr <= 0 or self.weight_decay < 0:
            raise ValueError("lr > 0 and weight_decay >= 0 are needed")


@dataclass(frozen=True)
class Config:
    """Everything that decides a run but its seed and the bytes of its bank."""

    recipe: str = setting("", "the name it began as")
    bank: Path | None = operational(None, "folder of the text bank; the run names it by its id, not its place")
    text: TextSettings = setting(TextSettings(), "what is read of the bank")
    model: ModelSettings = setting(ModelSettings(), "the shape of the detector")
    optimiser: Optimiser = setting(Optimiser(), "how it is fitted")
    epochs: int = setting(10, "passes over the larger of the two halves, normal and anomalous")
    batch: int = setting(128, "videos a step, one half of them normal; published: 128")
    validation: float = setting(0.1, "share of the training videos of each class held out")
    select: Literal["auc", "ap", "splice", "last"] = setting(
        "splice", "which epoch is kept: the best by a measure of validation.py, or the last"
    )
    threads: int = setting(2, "CPU threads; another number can change the last bits of a sum")

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.threads < 1:
            raise ValueError("epochs and threads must be at least 1")
        if self.batch < 2 or self.batch % 2:
            raise ValueError("the batch must be even: one half of it is normal")
        if not 0 <= self.validation < 1:
            raise ValueError("the share of validation must lie in [0, 1)")
        if self.select not in ("auc", "ap", "splice", "last"):
            raise ValueError("select must be auc, ap, splice or last")
        if self.select != "last" and self.validation == 0:
            raise ValueError("without validation only the last epoch can be kept: set select=last first")
