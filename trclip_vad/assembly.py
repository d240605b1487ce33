"""From settings to a detector: which parts, how wide, in which of the two named variants."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from rewrite.errors import SettingError
from rewrite.settings import pick
from trclip_vad.branches import FUSIONS, CBranch, FBranch, Single, TextBranch, VisualBranch
from trclip_vad.config import ModelSettings
from trclip_vad.model import Detector
from trclip_vad.mtn import MTN
from trclip_vad.prior import ClassPrior
from trclip_vad.temporal import TEMPORAL

LENGTH = 256  # snippets to which the published model pads and cuts every video
_CLIP_LENGTH = 10.0  # near the length of what CLIP gives before it is scaled to 1; of other encoders not known here


@dataclass(frozen=True, slots=True)
class Widths:
    """Of what a detector is given.

    Attributes:
        visual: D of the frames' features; 0: it sees none.
        text: E of the captions' vectors; 0: it is told nothing.
        unit: the captions' vectors have length 1.
        classes: of the class features; 0: no F-branch.
    """

    visual: int = 0
    text: int = 0
    unit: bool = True
    classes: int = 0


def build(
    settings: ModelSettings, widths: Widths, names: nn.Module | None = None, prior: ClassPrior | None = None
) -> Detector:
    """A detector with fresh weights, drawn from torch's generator.

    Where there are frames the temporal module works on them and the text branch has none, as in the figure; a detector
    of captions alone has it in the text branch.

    Args:
        names: gives (C, widths.classes) class features; needed with widths.classes.
        prior: see Detector.

    Raises:
        SettingError: no temporal module or fusion of that name, or a width that the multi-scale network cannot split.
    """
    for what, width in (("visual", widths.visual), ("text", widths.text)):
        if width % 8:
            raise SettingError(f"{what} width {width}", "is not a multiple of 8", "Embed with another encoder.")
    published = settings.variant == "published"
    visual = text = None
    if widths.visual:
        visual = VisualBranch(_temporal(settings).build(widths.visual), settings.dropout)
    if widths.text:
        alone = not widths.visual
        scale = settings.scale or (widths.text**0.5 if widths.unit and not published else 1.0)
        temporal = _temporal(settings, alone) if alone else TEMPORAL["identity"]()
        text = TextBranch(
            widths.text,
            temporal.build(widths.text),
            MTN(widths.text, masked=not published),
            settings.dropout,
            scale,
            silence=0.0 if published else scale * (1.0 if widths.unit else _CLIP_LENGTH),
        )
    both = widths.visual and widths.text
    fusion = (pick(FUSIONS, settings.fusion, "fusion") if both else Single)(widths.visual, widths.text)
    hidden = int((settings.ffn or (4.0 if published else 1.0)) * fusion.width)
    return Detector(
        visual,
        text,
        fusion,
        CBranch(fusion.width, hidden),
        FBranch(fusion.width, hidden, widths.classes, masked=not published) if widths.classes else None,
        names,
        LENGTH if published else 0,
        prior,
        settings.bins,
        settings.judge == "both",
    )


def _temporal(settings: ModelSettings, in_text: bool = False) -> Any:
    """The temporal module's settings, in the variant of the whole model.

    The text branch ends in a multi-scale network of its own, so that a second one before it is left out.
    """
    name = settings.temporal
    plug = getattr(settings, name, pick(TEMPORAL, name, "temporal module")())
    if settings.variant == "published" and hasattr(plug, "variant"):
        plug = replace(plug, variant="published")
    if in_text and getattr(plug, "multi_scale", False) is None:
        plug = replace(plug, multi_scale=False)
    return plug
