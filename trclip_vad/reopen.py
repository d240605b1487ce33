"""A sealed run opened again: its detector, and the data that it was trained on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewrite.errors import CorpusError, SettingError
from rewrite.settings import revive
from trclip_vad import checkpoint
from trclip_vad.assembly import Widths, build
from trclip_vad.config import Config
from trclip_vad.paired import Paired, open_paired

if TYPE_CHECKING:
    from trclip_vad.model import Detector


def load(run: Path, trained: dict[str, Any]) -> Detector:
    """The detector of a sealed run, in eval mode on the CPU. Its class features are those that training ended with.

    A scan that runs on a GPU alone is computed in chunks here: the same function of the same weights.

    Raises:
        CorpusError: its weights do not fit its config.
    """
    from trclip_vad.prior import ClassPrior
    from trclip_vad.prompts import FixedNames

    config = revive(Config, trained["asked"]["config"], "config")
    model = config.model
    if model.lgm_mamba.scan in ("triton", "mamba_ssm"):
        model = replace(model, lgm_mamba=replace(model.lgm_mamba, scan="chunked"))
    weights = checkpoint.load_weights(run / checkpoint.WEIGHTS)
    classes = weights.pop(checkpoint.CLASSES, None)
    weights = {name: tensor for name, tensor in weights.items() if not name.startswith("names.")}
    widths = Widths(
        visual=trained["visual_width"],
        text=trained["text_width"],
        unit=(trained["encoder"] or {}).get("norm") == "unit",
        classes=0 if classes is None else classes.shape[1],
    )
    vectors = weights.get("prior.vectors")
    prior = None if vectors is None else ClassPrior(vectors, config.classes.prior, config.classes.temperature)
    detector = build(model, widths, prior=prior)
    try:
        detector.load_state_dict(weights)
    except RuntimeError as error:
        what = f"does not fit its config ({str(error).splitlines()[0]})"
        raise CorpusError(run / checkpoint.WEIGHTS, what, "Train again.") from error
    detector.names = None if classes is None else FixedNames(classes)
    return detector.eval()


def data_of(
    run: Path, trained: dict[str, Any], split: str, bank: Path | None = None, features: Path | None = None
) -> Paired:
    """A split of what a run was trained on; of what is given, for an imported run, if that can be read by it.

    Raises:
        CorpusError: it is not where it was, or is not what the run was trained on.
        SettingError: an imported run is given too little or too much.
    """
    if "imported" in trained["asked"]:
        return _fitting(run, trained, split, bank, features)
    config = revive(Config, trained["asked"]["config"], "config")
    places = checkpoint.read_places(run)
    given = {"bank": bank, "features": features}
    found: dict[str, Path | None] = {}
    for name, shown in (("bank", "text bank"), ("features", "features")):
        if f"{name}_id" not in trained["asked"]:
            if given[name] is not None:
                raise SettingError(f"--{name}", f"is of no use to {run}, which was trained without", "Leave it out.")
            found[name] = None
            continue
        place = given[name] or Path(places.get(name, ""))
        if given[name] is None and (name not in places or not place.is_dir()):
            raise CorpusError(run, f"its {shown} is not where it was", f"Give its folder by --{name}.")
        found[name] = place
    data = open_paired(found["bank"], found["features"], split, config.text.missing)
    for name, value in data.ids.items():
        if value != trained["asked"][name]:
            kind = name.removesuffix("_id")
            raise CorpusError(found[kind] or run, f"is not the {kind} this run was trained on", f"Give it by --{kind}.")
    return data


def _fitting(run: Path, trained: dict[str, Any], split: str, bank: Path | None, features: Path | None) -> Paired:
    """Data for an imported run, which is bound to none. Where it came from is for the user to know."""
    for name, place in (("bank", bank), ("features", features)):
        width = trained["text_width" if name == "bank" else "visual_width"]
        if width and place is None:
            raise SettingError(f"--{name}", f"is not given, and the imported {run} names none", "Give its folder.")
        if place is not None and not width:
            raise SettingError(f"--{name}", f"is of no use to {run}, which reads none", "Leave it out.")
    config = revive(Config, trained["asked"]["config"], "config")
    data = open_paired(bank, features, split, config.text.missing)
    if list(data.classes) != trained["labels"]:
        raise CorpusError(data.folder, f"has other classes than {run}", "Give data of the run's own data set.")
    for part, width in ((data.bank, trained["text_width"]), (data.features, trained["visual_width"])):
        if part is not None and part.width != width:
            what = f"has vectors of width {part.width}, and {run} reads {width}"
            raise CorpusError(part.folder, what, "Give those of the published encoder.")
    return data
