"""A published model file becomes a sealed run, as if it had been trained here: `eval` and `score` take it from there.

The published modules are built from a recipe and every weight of the file is laid on them (`published.py`). The class
names are read once by CLIP's text tower around the imported prompts, and kept as features, so that the run needs no
tower. A run that was imported knows none of the data it was trained on: `eval` is told which to use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewrite import manifest
from rewrite.errors import CorpusError, ModelError, SettingError
from rewrite.lock import one_writer
from rewrite.reporter import Reporter, Silent
from rewrite.settings import apply, describe, pick
from trclip_vad import checkpoint
from trclip_vad.assembly import Widths, build
from trclip_vad.card import imported_card
from trclip_vad.clip import ClipImages, ClipTexts, name_tokens
from trclip_vad.clip_towers import END, START, text_tower
from trclip_vad.config import ClassSettings, Config
from trclip_vad.datasets import ucf_crime, xd_violence
from trclip_vad.encoders import SIMCSE, PooledEncoder
from trclip_vad.published import Published, laid_out, read_published
from trclip_vad.published_names import FROZEN_CLIP, TRCLIP
from trclip_vad.recipes import configure
from trclip_vad.train import CARD

if TYPE_CHECKING:
    from torch import nn

    from trclip_vad.batch import LabelSet

CLASSES: dict[str, LabelSet] = {"ucf_crime": ucf_crime.LABELS, "xd_violence": xd_violence.LABELS}
_SAME = 0.01  # relative distance up to which two text projections are one, half precision in between


def import_checkpoint(
    file: Path,
    out: Path,
    recipe: str = "ucf_crime",
    assignments: Sequence[str] = (),
    clip: str | None = None,
    classes: bool = True,
    encoder: str | None = None,
    reporter: Reporter = Silent(),
) -> dict[str, Any]:
    """Seals a run of a published state dict of TrCLIP-VAD or VadCLIP.

    Args:
        file: a .pth of a state dict, or of a training checkpoint that holds one.
        recipe: a name of CLASSES; tells the classes, the local blocks and their window, which no file does.
        assignments: `--set` lines, put on top of the published settings.
        clip: the frozen CLIP beside which the file was trained, by folder or cached hub name. Its text tower reads the
            class names; its image tower, where it has one, is what `score` proves its encoder against.
        classes: with the F-branch; it needs `clip`.
        encoder: the BERT whose pooled vectors TrCLIP-VAD's captions were, for `score`; `eval` needs none.

    Returns:
        The manifest of the run.

    Raises:
        InputError: the file is not such a state dict; names, shapes and values that do not fit are listed.
        SettingError: no such recipe or setting, or an F-branch without `clip`.
        ModelError: `clip` or `encoder` is missing, or is another than the file was made with.
        CorpusError: `out` holds another run.
        StorageError: the disk refused.
    """
    labels = pick(CLASSES, recipe, "published recipe").names
    if classes and clip is None:
        todo = "Give openai/clip-vit-base-patch16 or its folder, or --no-classes for the C-branch alone."
        raise SettingError("--clip", "is not given, and the F-branch needs CLIP's text tower", todo)
    published = read_published(file)
    config = _config(published, recipe, assignments, classes)
    identity, names = _names(published, labels, clip) if classes and clip else ({"encoder": "none"}, None)
    widths = _widths(published, names)
    asked = {
        "config": describe(config, identity_only=True),
        "imported": {"system": published.system, "sha256": manifest.digest_file(file)},
        "names": identity,
        "encoder": _encoder(encoder, widths.text),
        "image_encoder": _image_encoder(clip, widths.visual),
        "seed": None,
    }
    weights, left = _weights(published, config, widths, names)
    with one_writer(out):
        if manifest.is_sealed(out):
            return _already(out, asked, reporter)
        checkpoint.save_weights(out / checkpoint.WEIGHTS, weights)
        manifest.write_atomic(out / checkpoint.PLACES, manifest.json_bytes(_places(clip, encoder)))
        body = {
            "asked": asked,
            "labels": list(labels),
            "text_width": widths.text,
            "encoder": asked["encoder"],
            "versions": [],
            "visual_width": widths.visual,
            "image_encoder": asked["image_encoder"],
            "left_out": {reason: len(names) if reason == "frozen CLIP" else names for reason, names in left.items()},
            "environment": manifest.environment(),
        }
        manifest.write_atomic(out / CARD, imported_card(body))
        sealed = manifest.seal(out, "run", body, [checkpoint.WEIGHTS, CARD])
    unused = ", ".join(left["unused"]) or "none"
    reporter.say(
        f"{published.system}: {len(published.weights)} weights in the file, {len(left['frozen CLIP'])} of them the "
        f"frozen CLIP's, unused {unused}; run {sealed['run_id'][:16]} in {out}."
    )
    return sealed


def _config(published: Published, recipe: str, assignments: Sequence[str], classes: bool) -> Config:
    """The recipe, the published model in it: captions' vectors are read as they are, and none may be missing."""
    config = configure(recipe)
    temporal = "lgm_mamba" if published.system == TRCLIP else "lgt"
    model = replace(config.model, variant="published", temporal=temporal, fusion="concat", scale=1.0)
    text = replace(config.text, missing="refuse")
    encoder = ClassSettings(encoder="clip" if classes else "none")
    return apply(replace(config, model=model, text=text, classes=encoder), list(assignments))


def _widths(published: Published, names: nn.Module | None) -> Widths:
    """The file's own; of the class features, the tower's."""
    return Widths(
        visual=published.width("frame_position_embeddings.weight", 1, 512),
        text=published.width("Aggregate_text.conv_5.0.weight", 0, 768) if published.system == TRCLIP else 0,
        unit=False,
        classes=0 if names is None else names().shape[1],
    )


def _names(published: Published, labels: Sequence[str], clip: str) -> tuple[dict[str, Any], nn.Module]:
    """The class names between prompts that are yet to be imported. Published code hands CLIP each label in one word."""
    from trclip_vad.prompts import PromptedNames

    tower = text_tower(clip)
    _refuse_another(published, tower, clip)
    said = [label.lower() for label in labels]
    identity = {**ClipTexts(model=clip).identity(), "classes": said, "prompts": "imported"}
    return identity, PromptedNames(tower, name_tokens(said), START, END)


def _refuse_another(published: Published, tower: Any, clip: str) -> None:
    """The file's own copy of CLIP tells which one its prompts were learned beside."""
    inside = published.weights.get(f"{FROZEN_CLIP}text_projection")
    if inside is None:
        return
    projection = tower.text_projection.weight.detach().T
    far = inside.shape != projection.shape or float((inside - projection).norm() / projection.norm()) > _SAME
    if far:
        what = f"is another CLIP than the one inside {published.file.name} (their text projections differ)"
        raise ModelError(clip, what, "Published models were trained beside openai/clip-vit-base-patch16.")


def _weights(
    published: Published, config: Config, widths: Widths, names: nn.Module | None
) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """What a run keeps, and what of the file is no part of it. The detector is drawn on no device: all is imported."""
    import torch

    with torch.device("meta"):
        detector = build(config.model, widths)
    detector.names = names
    wanted = {name: tensor.shape for name, tensor in detector.state_dict().items()}
    blocks = len({name.split(".blocks.")[1].split(".")[0] for name in wanted if ".blocks." in name})
    null = wanted.pop("text.null", None)  # published code has none: what no caption covers is zero
    weights, left = laid_out(published, wanted, blocks, classes=widths.classes > 0)
    if null is not None:
        weights["text.null"] = torch.zeros(null)
    detector.load_state_dict(weights, assign=True)
    return checkpoint.to_keep(detector), left


def _image_encoder(clip: str | None, width: int) -> dict[str, Any] | None:
    """The CLIP's image tower, where it has one: published features are its vectors of the frames."""
    if clip is None:
        return None
    images = ClipImages(model=clip)
    try:
        identity = images.identity()
    except ModelError:  # a text tower alone
        return None
    return identity if images.width == width else None


def _encoder(model: str | None, width: int) -> dict[str, Any] | None:
    """The captions' encoder."""
    if model is None:
        return None
    if not width:
        raise SettingError("--encoder", "is of no use to VadCLIP, which reads no captions", "Leave it out.")
    encoder = PooledEncoder(model=model)
    if encoder.width != width:
        what = f"gives vectors of width {encoder.width}, and the file reads {width}"
        raise ModelError(model, what, f"Published captions were embedded by {SIMCSE}.")
    return encoder.identity()


def _places(clip: str | None, encoder: str | None) -> dict[str, str]:
    given = {"image_encoder": clip, "encoder": encoder}
    paths = {name: Path(place).expanduser() for name, place in given.items() if place is not None}
    return {name: str(path.resolve() if path.exists() else given[name]) for name, path in paths.items()}


def _already(out: Path, asked: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    found = manifest.verify(out, "run")
    if found["asked"] != asked:
        raise CorpusError(out, "holds another run", "Choose another --out.")
    reporter.say(f"{out} is already imported: nothing to do.")
    return found
