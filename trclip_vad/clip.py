"""CLIP as an encoder of pictures, with the preprocessing it was trained with, and of texts; its towers by name or path.

`IMAGE_ENCODERS` is the board of what can encode frames: a new one is a frozen dataclass with the field `model`, and one
line there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from rewrite.errors import SettingError
from rewrite.settings import operational
from rewrite.weights import weights_digest
from trclip_vad.clip_towers import CLIP, END, START, config_of, folder_of, text_tower, vision_tower
from trclip_vad.pictures import Preparation, preparation

if TYPE_CHECKING:
    import numpy as np

CONTEXT = 77  # tokens its text tower takes, start and end among them


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
        shown, weights = self._preparation().identity(), weights_digest(folder_of(self.model))
        return {"encoder": "clip_images", "weights": weights, "preparation": shown, "norm": "none"}

    @property
    def width(self) -> int:
        """D."""
        return int(config_of(folder_of(self.model), "vision").projection_dim)

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
        tower = vision_tower(self.model).to(device)
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
        folder = folder_of(self.model)
        return preparation(folder, config_of(folder, "vision").image_size)


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
        folder = folder_of(self.model)
        config_of(folder, "text")
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


def name_tokens(names: Iterable[str]) -> list[list[int]]:
    """CLIP BPE ids of each name, without START and END."""
    return [list(map(int, _tokenizer().encode(name))) for name in names]


def tokenize(texts: Sequence[str]) -> Any:
    """(n, L) ids as a torch tensor, START and END around each text, END again as padding, L at most CONTEXT."""
    import torch

    coded = [[START, *ids[: CONTEXT - 2], END] for ids in name_tokens(texts)]
    longest = max(map(len, coded), default=0)
    return torch.tensor([ids + [END] * (longest - len(ids)) for ids in coded], dtype=torch.long).reshape(-1, longest)


@lru_cache(maxsize=1)
def _tokenizer() -> Any:
    from instant_clip_tokenizer import Tokenizer

    return Tokenizer()


IMAGE_ENCODERS: dict[str, type[Any]] = {"clip_images": ClipImages}
