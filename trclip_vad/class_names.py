"""What a class is called, for the F-branch: bare names or descriptions, as a sentence encoder or a CLIP reads them.

Encoders are needed for training alone: the class features that training ends with are kept among a run's weights.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewrite import manifest
from rewrite.corpus import open_corpus
from rewrite.errors import InputError, ModelError, SettingError
from trclip_vad import checkpoint
from trclip_vad.assembly import Widths
from trclip_vad.config import ClassSettings
from trclip_vad.encoders import SentenceEncoder
from trclip_vad.paired import Paired

if TYPE_CHECKING:
    from torch import nn

    from trclip_vad.prior import ClassPrior


@dataclass(frozen=True)
class Names:
    """The class names as training is given them.

    Attributes:
        identity: plain json that decides them.
        width: of the class features; 0: there is no F-branch.
    """

    identity: dict[str, Any]
    width: int = 0
    _make: Callable[[], nn.Module | None] = field(default=lambda: None, repr=False)
    _prior: Callable[[], ClassPrior | None] = field(default=lambda: None, repr=False)

    def module(self) -> nn.Module | None:
        """Called without arguments it gives (C, width); learned in part. Fresh weights by torch's generator."""
        return self._make()

    def prior(self) -> ClassPrior | None:
        """What captions say of these classes by themselves, if the settings want it heard."""
        return self._prior()

    def widths(self, data: Paired) -> Widths:
        """Of all that a detector of this data is given."""
        encoder = data.bank.manifest["asked"]["encoder"] if data.bank else {}
        return Widths(
            visual=data.features.width if data.features else 0,
            text=data.bank.width if data.bank else 0,
            unit=encoder.get("norm") == "unit",  # released vectors, say, are of any length
            classes=self.width,
        )


def names_of(settings: ClassSettings, data: Paired) -> Names:
    """The classes of some data, as the settings want them told.

    Raises:
        SettingError: descriptions through prompts, which take a bare name, or descriptions that lack a class.
        ModelError: no encoder, or not one of that kind.
        InputError, CorpusError: the descriptions cannot be read.
    """
    if settings.encoder == "none":
        return Names({"encoder": "none"})
    return _sentence(settings, data) if settings.encoder == "sentence" else _clip(settings, data)


def words(label: str) -> str:
    """A class's name as people write it: RoadAccidents -> road accidents."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|[_\s]+", " ", label).strip().lower()


def _sentence(settings: ClassSettings, data: Paired) -> Names:
    import numpy as np

    place = settings.model or (checkpoint.read_places(data.bank.folder).get("encoder") if data.bank else None)
    if place is None:
        todo = "Give it by --set classes.model=FOLDER."
        raise ModelError("classes.encoder=sentence", "does not say where the sentence encoder lies", todo)
    encoder = SentenceEncoder(model=place)
    described = _descriptions(settings, data.classes)
    if settings.prior and (data.bank is None or data.bank.manifest["asked"]["encoder"] != encoder.identity()):
        todo = "Use the bank's own (leave classes.model out), or set classes.prior=0."
        raise ModelError(place, "is not the encoder of the captions, and a prior compares vectors of one", todo)
    means = [encoder.encode(texts).mean(axis=0) for texts in described]
    vectors = np.stack([mean / np.linalg.norm(mean) for mean in means])
    identity = {**encoder.identity(), "classes": list(data.classes), "texts": manifest.digest(described)}

    def make() -> nn.Module:
        import torch

        from trclip_vad.prompts import ResidualNames

        return ResidualNames(torch.from_numpy(vectors * vectors.shape[1] ** 0.5))  # components near 1, as the captions'

    def prior() -> ClassPrior | None:
        import torch

        from trclip_vad.prior import ClassPrior

        return ClassPrior(torch.from_numpy(vectors), settings.prior, settings.temperature) if settings.prior else None

    return Names(identity, vectors.shape[1], make, prior)


def _clip(settings: ClassSettings, data: Paired) -> Names:
    from trclip_vad.clip import ClipTexts, name_tokens
    from trclip_vad.clip_towers import CLIP, END, START, text_tower

    if settings.descriptions is not None:
        todo = "Set classes.encoder=sentence, or leave the descriptions out."
        raise SettingError("classes.descriptions", "cannot be read by learned prompts, which hold a bare name", todo)
    model = settings.model or CLIP
    identity = {**ClipTexts(model=model).identity(), "classes": list(data.classes), "prompts": "learned"}
    tower = text_tower(model)

    def make() -> nn.Module:
        from trclip_vad.prompts import PromptedNames

        return PromptedNames(tower, name_tokens([words(label) for label in data.classes]), START, END)

    return Names(identity, int(tower.config.projection_dim), make)


def _descriptions(settings: ClassSettings, classes: Sequence[str]) -> list[list[str]]:
    """Per class its texts."""
    place = settings.descriptions
    if place is None:
        return [[words(label)] for label in classes]
    found: dict[str, list[str]] = {words(label): [] for label in classes}
    for name, text in _glosses(place) if place.is_file() else _corpus(place):
        found.get(words(name), []).append(text)  # a list may describe more classes than the data has
    empty = [label for label in classes if not found[words(label)]]
    if empty:
        what = f"has no description of {', '.join(map(repr, empty))}"
        raise SettingError(place, what, "Describe these too: cli.py classes.")
    return [found[words(label)] for label in classes]


def _corpus(folder: Path) -> Iterator[tuple[str, str]]:
    return ((row["source"], row["text"]) for row in open_corpus(folder).rows("rewrites"))


def _glosses(path: Path) -> Iterator[tuple[str, str]]:
    """Of a list as prompts/classes has them: `CLASS | what it looks like | what it is taken for`."""
    try:
        lines = path.read_bytes().decode().splitlines()
    except (OSError, UnicodeDecodeError):
        raise InputError(path, "cannot be read as text", "Give a list of classes, or a sealed corpus.") from None
    for line in lines:
        name, gloss, *_ = (*(part.strip() for part in line.split("|")), "", "")
        if gloss and not line.startswith("#"):
            yield name, gloss
