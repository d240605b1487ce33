"""CLIP by name or path: its image tower with the preprocessing it was trained with, and its text tower.

Any transformers CLIP as safetensors: the whole `CLIPModel`, or one tower with its projection. Every weight a tower
needs must be in the file; nothing is drawn at random for what is missing. `IMAGE_ENCODERS` is the board of what can
encode frames: a new one is a frozen dataclass with the field `model`, and one line there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rewrite.errors import ModelError, SettingError
from rewrite.settings import operational
from rewrite.weights import locate, weights_digest
from trclip_vad.pictures import Preparation, preparation

if TYPE_CHECKING:
    import numpy as np

CLIP = "openai/clip-vit-base-patch16"
VOCABULARY = 49_408  # of CLIP's BPE
START, END = VOCABULARY - 2, VOCABULARY - 1
CONTEXT = 77  # tokens its text tower takes, start and end among them
_END_OF_OLD_FILES = 2  # a wrong id in early files; transformers then takes the highest token, which is the end


class ImageEncoder(Protocol):
    """A frozen dataclass of settings. A frame's vector does not depend on the frames around it."""

    @property
    def model(self) -> str:
        """Where its weights are to be found."""

    @property
    def width(self) -> int:
        """D."""

    @property
    def crops(self) -> tuple[int, ...]:
        """The views of a frame that it has; see pictures.py."""

    def identity(self) -> dict[str, Any]:
        """Plain json that names everything that decides the vectors. Loads no weights.

        Raises:
            ModelError: the model is not there, or is not one of this kind.
        """

    def encode_crops(self, frames: Iterable[np.ndarray], crops: Sequence[int]) -> np.ndarray:
        """(len(crops), n, D) float32 of n frames, (H, W, 3) uint8 each, in their order; they are read once.

        Raises:
            ModelError: the model cannot be loaded.
            SettingError: it has no such crop.
        """


@dataclass(frozen=True)
class ClipImages:
    """A CLIP image tower: frames become `image_embeds`, projected and not normalised."""

    model: str = operational(CLIP, "a folder, or a hub name in the local cache; its digest is what counts")
    batch: int = operational(32, "pictures encoded at a time")

    def identity(self) -> dict[str, Any]:
        """`{"encoder", "weights", "preparation", "norm"}`. Loads no weights.

        Raises:
            ModelError: no such model, or it has no CLIP image tower.
        """
        folder = _folder(self.model)
        shown = preparation(folder, _config(folder, "vision").image_size).identity()
        return {"encoder": "clip_images", "weights": weights_digest(folder), "preparation": shown, "norm": "none"}

    @property
    def width(self) -> int:
        """D."""
        return int(_config(_folder(self.model), "vision").projection_dim)

    @property
    def crops(self) -> tuple[int, ...]:
        """The crops it has: 0 to 9, or 0 and its mirror 5 where the model is shown the whole picture."""
        return self._preparation().crops

    def encode(self, frames: Iterable[np.ndarray], crop: int = 0) -> np.ndarray:
        """(n, D) float32 of n frames, (H, W, 3) uint8 each; see `encode_crops`."""
        return self.encode_crops(frames, (crop,))[0]

    def encode_crops(self, frames: Iterable[np.ndarray], crops: Sequence[int]) -> np.ndarray:
        """(len(crops), n, D) float32; the frames are read once, and `batch` of them are held at a time.

        Raises:
            ModelError: no such model, or it cannot be loaded.
            SettingError: the model has no such crop.
        """
        import numpy as np
        import torch

        prepared = self._preparation()
        if unknown := sorted(set(crops) - set(prepared.crops)):
            known = ", ".join(map(str, prepared.crops))
            raise SettingError(f"crop {unknown[0]}", f"{self.model} has none of that number", f"Known: {known}.")
        device = "cuda" if torch.cuda.is_available() else "cpu"
        tower = _tower(str(_folder(self.model)), "vision").to(device)
        found: list[list[np.ndarray]] = [[np.zeros((0, tower.config.projection_dim), np.float32)] for _ in crops]
        rest = iter(frames)
        with torch.inference_mode():
            while some := [prepared.scaled(frame) for frame in islice(rest, self.batch)]:
                for place, crop in enumerate(crops):
                    pixels = torch.from_numpy(np.stack([prepared.cut(picture, crop) for picture in some]))
                    embeds = tower(pixel_values=pixels.to(device)).image_embeds
                    found[place].append(embeds.cpu().numpy().astype(np.float32))
        return np.stack([np.concatenate(parts) for parts in found])

    def _preparation(self) -> Preparation:
        folder = _folder(self.model)
        return preparation(folder, _config(folder, "vision").image_size)


@dataclass(frozen=True)
class ClipTexts:
    """A CLIP text tower as a sentence encoder: texts become unit vectors in the space of its pictures."""

    model: str = operational(CLIP, "a folder, or a hub name in the local cache; its digest is what counts")
    batch: int = operational(64, "texts encoded at a time")

    def identity(self) -> dict[str, Any]:
        """`{"encoder", "weights", "norm"}`. Loads no weights.

        Raises:
            ModelError: no such model, or it has no CLIP text tower.
        """
        folder = _folder(self.model)
        _config(folder, "text")
        return {"encoder": "clip_texts", "weights": weights_digest(folder), "norm": "unit"}

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """(n, E) float32 of unit norm. Words past CLIP's 77 tokens are not read.

        Raises:
            ModelError: no such model, or it cannot be loaded.
        """
        import numpy as np
        import torch
        from torch.nn.functional import normalize

        device = "cuda" if torch.cuda.is_available() else "cpu"
        tower = text_tower(self.model).to(device)
        found = [np.zeros((0, tower.config.projection_dim), np.float32)]
        with torch.inference_mode():
            for begin in range(0, len(texts), self.batch):
                tokens = tokenize(texts[begin : begin + self.batch])
                embeds = tower(input_ids=tokens.to(device)).text_embeds
                found.append(normalize(embeds, dim=-1).cpu().numpy())
        return np.concatenate(found)


def text_tower(model: str) -> Any:
    """The frozen transformers `CLIPTextModelWithProjection` of a model, for ids of CLIP's own vocabulary.

    Raises:
        ModelError: no such model, no CLIP text tower, another vocabulary, or it cannot be loaded.
    """
    return _tower(str(_folder(model)), "text")


def name_tokens(names: Iterable[str]) -> list[list[int]]:
    """CLIP BPE ids of each name, without START and END."""
    return [list(map(int, _tokenizer().encode(name))) for name in names]


def tokenize(texts: Sequence[str]) -> Any:
    """(n, L) ids as a torch tensor, START and END around each text, END again as padding, L at most CONTEXT."""
    import torch

    coded = [[START, *ids[: CONTEXT - 2], END] for ids in name_tokens(texts)]
    longest = max(map(len, coded), default=0)
    return torch.tensor([ids + [END] * (longest - len(ids)) for ids in coded], dtype=torch.long).reshape(-1, longest)


def _folder(model: str) -> Path:
    path = locate(model, "a CLIP model")
    if not (path / "config.json").is_file():
        raise ModelError(path, "is not a CLIP model (it has no config.json)", "Give a transformers CLIP folder.")
    return path


def _config(folder: Path, part: str) -> Any:
    """The tower's configuration; of a whole model, with the width of the space they share.

    Raises:
        ModelError: not a CLIP, one without this tower, or with another vocabulary than CLIP's.
    """
    from transformers import AutoConfig

    todo = "Give a transformers CLIP folder."
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        what = str(error).splitlines()[0]
        raise ModelError(folder / "config.json", f"cannot be read ({what})", todo) from None
    if config.model_type == "clip":
        whole, config = config, getattr(config, f"{part}_config")
        config.projection_dim = whole.projection_dim
    if config.model_type != f"clip_{part}_model":
        raise ModelError(folder, f"is a {config.model_type!r}, and has no CLIP {part} tower", todo)
    if part == "text" and config.vocab_size != VOCABULARY:
        what = f"has a vocabulary of {config.vocab_size}, and this reads CLIP's own of {VOCABULARY}"
        raise ModelError(folder, what, "Give a CLIP with the original tokenizer.")
    if part == "text" and config.eos_token_id not in (END, _END_OF_OLD_FILES):
        what = f"reads a text at token {config.eos_token_id}, and CLIP's end is {END}"
        raise ModelError(folder / "config.json", what, f"Set eos_token_id to {END} if its tokenizer is CLIP's.")
    return config


@lru_cache(maxsize=4)
def _tower(path: str, part: str) -> Any:
    import torch
    from safetensors import SafetensorError
    from transformers import CLIPTextModelWithProjection, CLIPVisionModelWithProjection

    folder = Path(path)
    kind: Any = CLIPTextModelWithProjection if part == "text" else CLIPVisionModelWithProjection
    how = {"local_files_only": True, "use_safetensors": True, "output_loading_info": True, "dtype": torch.float32}
    try:
        with _quiet():
            tower, told = kind.from_pretrained(folder, config=_config(folder, part), **how)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        what = str(error).splitlines()[0]
        raise ModelError(folder, f"cannot be loaded ({what})", "Is it whole, and in safetensors?") from None
    if told["missing_keys"] or told["mismatched_keys"]:
        lacking = sorted(map(str, [*told["missing_keys"], *told["mismatched_keys"]]))
        what = f"lacks {len(lacking)} weights of the CLIP {part} tower, {lacking[0]} among them"
        raise ModelError(folder, what, "Is the download whole?")
    return tower.requires_grad_(False).eval()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps transformers' own bars and tables off the screen: the other tower's weights are no news."""
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)


@lru_cache(maxsize=1)
def _tokenizer() -> Any:
    from instant_clip_tokenizer import Tokenizer

    return Tokenizer()


IMAGE_ENCODERS: dict[str, type[Any]] = {"clip_images": ClipImages}
