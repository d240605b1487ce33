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
    """What training reads of a text bank."""

    rewrites: bool = setting(True, "each epoch one of all R versions of a video, by a seeded hash; else the source")
    dropout: float = setting(0.0, "share of videos whose captions are hidden in a step, so that frames must do")
    missing: Literal["refuse", "null"] = setting(
        "refuse", "a video with frames and no captions: refused, or trained with the learned null"
    )

    def __post_init__(self) -> None:
        if not 0 <= self.dropout < 1:
            raise ValueError("the dropout must lie in [0, 1)")


@dataclass(frozen=True)
class ClassSettings:
    """The text that stands for a class in the F-branch."""

    encoder: Literal["none", "sentence", "clip"] = setting(
        "none", "none: no F-branch; sentence: a learned row on a sentence vector; clip: prompts through a text tower"
    )
    model: str | None = operational(None, "folder or cached hub name of the encoder; none: the bank's own")
    descriptions: Path | None = operational(
        None, "sealed corpus of class descriptions, or a list `CLASS | what it looks like`; none: the bare names"
    )
    prior: float = setting(0.0, "weight of the captions' own likeness to the class texts when a video is judged")
    temperature: float = setting(0.05, "of that likeness, a cosine")

    def __post_init__(self) -> None:
        if self.prior < 0 or self.temperature <= 0:
            raise ValueError("prior must not be negative, and temperature must be positive")
        if self.prior and self.encoder != "sentence":
            raise ValueError(
                "a prior compares sentences with sentences: set classes.encoder=sentence first, or classes.prior=0"
            )


@dataclass(frozen=True)
class ModelSettings:
    """The shape of the detector."""

    variant: Literal["clean", "published"] = setting(
        "clean", "published: to the letter, padding read as if real, 256 snippets; clean: padding is nothing"
    )
    temporal: str = setting("identity", "a name of TEMPORAL: over the frames, or over the captions where those are all")
    lgt: LGT = setting(LGT(), "settings of temporal=lgt")
    lgm_mamba: LGMMamba = setting(LGMMamba(), "settings of temporal=lgm_mamba")
    bins: int = setting(0, "a longer video is judged in so many bins of neighbours; 0: snippet by snippet")
    judge: Literal["c", "both"] = setting(
        "c", "whose word the score is: c: the C-branch, as published; both: the mean log odds of C- and F-branch"
    )
    fusion: str = setting("concat", "a name of FUSIONS: how frames and captions become one")
    scale: float = setting(
        0.0, "factor of the captions' vectors; 0: sqrt(E) for unit vectors, 1 for others and as published"
    )
    dropout: float = setting(0.7, "share of a branch's features set to zero while training; published: 0.7")
    ffn: float | None = setting(
        None, "hidden width of the heads' feed-forward parts, in multiples of F; none: published 4, clean 1"
    )

    def __post_init__(self) -> None:
        if not 0 <= self.dropout < 1:
            raise ValueError("the dropout must lie in [0, 1)")
        if (self.ffn is not None and self.ffn <= 0) or self.scale < 0:
            raise ValueError("ffn must be positive, scale not negative")
        if self.bins < 0 or (self.bins and self.variant == "published"):
            raise ValueError("bins must not be negative, and the published variant has none")


@dataclass(frozen=True)
class LossSettings:
    """Weight of each term; a weight of 0 leaves the term out. Terms are logged by name."""

    mil_bce: float = setting(1.0, "C-branch: the mean top-k score against the video's label")
    mil_align: float = setting(1.0, "F-branch: each class spoken for by its own top-k snippets")
    text_divergence: float = setting(
        0.1, "|cos| of normal and each anomaly; published: 0.1 UCF-Crime, 1e-4 XD-Violence"
    )
    consistency: float = setting(0.0, "squared difference of the scores under two versions of the captions")
    distillation: float = setting(0.0, "scores without captions are taught by those with captions")
    share: int = setting(16, "k = T // share + 1 snippets speak for a video; published: 16")

    def __post_init__(self) -> None:
        if min(self.mil_bce, self.mil_align, self.text_divergence, self.consistency, self.distillation) < 0:
            raise ValueError("a weight must not be negative")
        if self.share < 1:
            raise ValueError("share must be at least 1")


@dataclass(frozen=True)
class Optimiser:
    """AdamW."""

    lr: float = setting(1e-4, "first learning rate")
    weight_decay: float = setting(0.01, "AdamW's own default")
    schedule: Literal["cosine", "milestones"] = setting(
        "cosine", "cosine: half a cosine to zero at the last step; milestones: a tenth from each of those epochs on"
    )
    milestones: tuple[int, ...] = setting((4, 8), "epochs behind which the rate falls to a tenth")
    clip: float = setting(0.0, "greatest norm of a step's gradient, a longer one is shortened to it; 0: none")
    ema: float = setting(0.0, "decay per step of the averaged weights that are judged and kept; 0: none")
    accumulate: int = setting(1, "parts a batch is worked in, to save memory; normalisation sees a part at a time")
    precision: Literal["float32", "bfloat16"] = setting("float32", "of matrix products while training")

    def __post_init__(self) -> None:
        if self.lr <= 0 or self.weight_decay < 0:
            raise ValueError("lr > 0 and weight_decay >= 0 are needed")
        if self.clip < 0:
            raise ValueError("clip must not be negative")
        if not 0 <= self.ema < 1:
            raise ValueError("ema must lie in [0, 1)")
        if self.accumulate < 1:
            raise ValueError("accumulate must be at least 1")


@dataclass(frozen=True)
class Config:
    """Everything that decides a run but its seed and the bytes of what it learns from."""

    recipe: str = setting("", "the name it began as")
    bank: Path | None = operational(None, "folder of the text bank; the run names it by its id, not its place")
    features: Path | None = operational(None, "folder of the frames' features; named by its id too")
    snippets: int = setting(256, "T at most while training; a longer video is averaged into so many bins")
    crops: Literal["one", "all"] = setting("one", "an epoch sees each video in one crop, by a seeded hash, or in all")
    text: TextSettings = setting(TextSettings(), "what is read of the bank")
    classes: ClassSettings = setting(ClassSettings(), "what stands for a class")
    model: ModelSettings = setting(ModelSettings(), "the shape of the detector")
    losses: LossSettings = setting(LossSettings(), "what is minimised")
    optimiser: Optimiser = setting(Optimiser(), "how it is fitted")
    epochs: int = setting(10, "passes over the larger of the two halves, normal and anomalous")
    batch: int = setting(128, "videos a step, one half of them normal; published: 128")
    validation: float = setting(0.1, "share of the training videos of each class held out")
    select: Literal["auc", "ap", "splice", "last"] = setting(
        "splice", "which epoch is kept: the best by a measure of validation.py, or the last"
    )
    threads: int = setting(2, "CPU threads; another number can change the last bits of a sum")
    tensorboard: bool = operational(False, "write event files for TensorBoard beside metrics.jsonl")

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.threads < 1 or self.snippets < 1:
            raise ValueError("epochs, threads and snippets must be at least 1")
        if self.batch < 2 or self.batch % 2:
            raise ValueError("the batch must be even: one half of it is normal")
        if not 0 <= self.validation < 1:
            raise ValueError("the share of validation must lie in [0, 1)")
        if self.select not in ("auc", "ap", "splice", "last"):
            raise ValueError("select must be auc, ap, splice or last")
        if self.model.judge == "both" and self.classes.encoder == "none":
            raise ValueError("model.judge=both needs an F-branch: set classes.encoder first, or model.judge=c")
        if self.select != "last" and self.validation == 0:
            raise ValueError("without validation only the last epoch can be kept: set select=last first")
