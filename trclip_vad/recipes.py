"""Named recipes: each a function that returns a complete config."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from rewrite.settings import apply, pick
from trclip_vad.config import ClassSettings, Config, LossSettings, ModelSettings, Optimiser, TextSettings
from trclip_vad.temporal.lgm_mamba import LGMMamba
from trclip_vad.temporal.lgt import LGT

CLASSES = Path(__file__).resolve().parent.parent / "prompts" / "classes"  # what each class looks like, in a line


def demo_text() -> Config:
    """The synthetic street scenes, text only, with rewrites: seconds on a CPU."""
    return Config(
        recipe="demo_text",
        snippets=64,
        text=TextSettings(rewrites=True),
        model=ModelSettings(dropout=0.5),
        optimiser=Optimiser(lr=5e-4, weight_decay=0.05),
        epochs=20,
        batch=32,
        validation=0.2,
        select="ap",
    )


def demo_text_source() -> Config:
    """`demo_text` without rewrites: what they are measured against. Nothing else differs."""
    return replace(demo_text(), recipe="demo_text_source", text=TextSettings(rewrites=False))


def demo() -> Config:
    """The synthetic street: rendered frames and captions with rewrites, LGM-Mamba, both branches. Minutes on a CPU."""
    seen = ModelSettings(temporal="lgm_mamba", dropout=0.5)
    return replace(demo_text(), recipe="demo", classes=ClassSettings(encoder="clip"), model=seen)


def demo_source() -> Config:
    """`demo` without rewrites: what they are measured against. Nothing else differs."""
    return replace(demo(), recipe="demo_source", text=TextSettings(rewrites=False))


def ucf_crime() -> Config:
    """UCF-Crime, CLIP ViT-B/16 features and captions: the published sizes and rates, without what was an accident.

    Published are lr 7e-5, a tenth at epochs 4 and 8, ten epochs of all ten crops, batches of 64 + 64. Not taken over:
    the choice by test videos, the return to the best weights, and the eval mode in which most of an epoch ran.
    `--set model.variant=published` gives the published model, its widths and its reading of padding.
    """
    return Config(
        recipe="ucf_crime",
        crops="all",
        text=TextSettings(rewrites=True, missing="null"),
        classes=ClassSettings(encoder="clip"),
        model=ModelSettings(temporal="lgm_mamba"),
        losses=LossSettings(text_divergence=0.1),
        optimiser=Optimiser(lr=7e-5, schedule="milestones", milestones=(4, 8)),
        epochs=10,
        batch=128,
        select="auc",
    )


def xd_violence() -> Config:
    """XD-Violence, as `ucf_crime`: one local block of 64 snippets, lr 5e-6, a tenth at epochs 3 and 6; several labels.

    Published batches are 96 videos as they come; here one half of them is normal, as for UCF-Crime.
    """
    window = {"layers": 1, "window": 64}
    return Config(
        recipe="xd_violence",
        crops="all",
        text=TextSettings(rewrites=True, missing="null"),
        classes=ClassSettings(encoder="clip"),
        model=ModelSettings(temporal="lgm_mamba", lgm_mamba=LGMMamba(**window), lgt=LGT(**window)),  # type: ignore[arg-type]
        losses=LossSettings(text_divergence=1e-4),
        optimiser=Optimiser(lr=5e-6, schedule="milestones", milestones=(3, 6, 10)),
        epochs=10,
        batch=96,
        select="ap",
    )


def ucf_text() -> Config:
    """UCF-Crime, captions only, no rewrites: sized so that one run takes well under five minutes on 2 cores.

    Class texts are the one-line descriptions of prompts/classes. Chosen on training videos held out of the loss whose
    captions were marked by hand, inside or outside the event; no test video had a say (benchmarks/results/ucf_text.md).
    With that settled, no video is held out and the last epoch is kept.
    """
    return Config(
        recipe="ucf_text",
        snippets=32,
        text=TextSettings(rewrites=False),
        classes=ClassSettings(encoder="sentence", descriptions=CLASSES / "ucf_crime.txt", prior=6.0, temperature=0.2),
        model=ModelSettings(dropout=0.7, bins=256, judge="both"),
        losses=LossSettings(share=4),
        optimiser=Optimiser(lr=3e-4, weight_decay=0.01),
        epochs=20,
        batch=128,
        validation=0.0,
        select="last",
    )


RECIPES: dict[str, Callable[[], Config]] = {
    "demo": demo,
    "demo_source": demo_source,
    "demo_text": demo_text,
    "demo_text_source": demo_text_source,
    "ucf_crime": ucf_crime,
    "ucf_text": ucf_text,
    "xd_violence": xd_violence,
}


def configure(
    recipe: str, bank: Path | None = None, assignments: Sequence[str] = (), features: Path | None = None
) -> Config:
    """A recipe by name, with its data and `--set` lines put in.

    Raises:
        SettingError: no such recipe or path, or a value of the wrong type.
    """
    config = pick(RECIPES, recipe, "recipe")()
    return apply(replace(config, bank=bank, features=features), list(assignments))
