"""A frame as an image tower wants it: scaled, cut to one of ten crops, normalised, by the model's own numbers.

A model that crops (`do_center_crop`, as CLIP does) gets the ten crops of the published features: the frame is scaled to
340 x 256 for a tower of 224 pixels, and in proportion for others, whatever its shape; 0 is the centre, 1 to 4 the
corners top left, top right, bottom left, bottom right, 5 to 9 the mirrors of 0 to 4. A model that does not crop sees
the whole frame, squeezed into its square: crop 0, and 5 its mirror.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewrite.errors import ModelError

if TYPE_CHECKING:
    import numpy as np

PREPROCESSOR = "preprocessor_config.json"
OPENAI_MEAN = (0.48145466, 0.4578275, 0.40821073)
OPENAI_STD = (0.26862954, 0.26130258, 0.27577711)
_WIDE, _HIGH, _WINDOW = 340, 256, 224  # the published scale and window, pixels
_BICUBIC = 3  # Pillow's number, which transformers uses too


@dataclass(frozen=True, slots=True)
class Preparation:
    """How a frame becomes a tower's input.

    Attributes:
        size: side of the square the tower takes, pixels.
        cropped: whether the frame is scaled to a larger one of which `size` x `size` windows are cut.
        resample: Pillow's number of the interpolation.
        rescale: factor from bytes to the scale of mean and std.
        mean, std: per channel.
        source: where these numbers are from.
    """

    size: int
    cropped: bool = True
    resample: int = _BICUBIC
    rescale: float = 1 / 255
    mean: tuple[float, ...] = OPENAI_MEAN
    std: tuple[float, ...] = OPENAI_STD
    source: str = "OpenAI's numbers, the model names none"

    @property
    def crops(self) -> tuple[int, ...]:
        return tuple(range(10)) if self.cropped else (0, 5)

    @property
    def scale(self) -> tuple[int, int]:
        """Width and height a frame is scaled to, pixels."""
        if not self.cropped:
            return self.size, self.size
        return round(self.size * _WIDE / _WINDOW), round(self.size * _HIGH / _WINDOW)

    def identity(self) -> dict[str, Any]:
        """Plain json of all that decides the pixels."""
        numbers = {"resample": self.resample, "rescale": self.rescale, "mean": list(self.mean), "std": list(self.std)}
        return {"scaled_to": list(self.scale), "window": self.size, **numbers, "source": self.source}

    def scaled(self, frame: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 of any shape -> (height, width, 3) uint8 of `scale`."""
        import numpy as np
        from PIL import Image

        return np.asarray(Image.fromarray(frame).resize(self.scale, resample=Image.Resampling(self.resample)))

    def cut(self, scaled: np.ndarray, crop: int) -> np.ndarray:
        """One crop of a scaled frame as (3, size, size) float32, normalised."""
        import numpy as np

        right, bottom = (side - self.size for side in self.scale)
        corners = [(right // 2, bottom // 2), (0, 0), (right, 0), (0, bottom), (right, bottom)]
        left, top = corners[crop % 5]
        window = scaled[top : top + self.size, left : left + self.size]
        window = window[:, ::-1] if crop >= 5 else window
        scale, mean, std = (np.asarray(values, np.float32) for values in (self.rescale, self.mean, self.std))
        return np.ascontiguousarray(((window * scale - mean) / std).transpose(2, 0, 1), dtype=np.float32)


def preparation(folder: Path, size: int) -> Preparation:
    """The preprocessing in a model's folder; without a preprocessor_config.json, OpenAI's numbers.

    Args:
        size: side of the square the tower takes.

    Raises:
        ModelError: the file is broken, or asks for what is not done here.
    """
    from PIL import Image

    path = folder / PREPROCESSOR
    if not path.is_file():
        return Preparation(size)
    try:
        asked = json.loads(path.read_bytes())
        cropped = bool(asked.get("do_center_crop", True))
        found = Preparation(
            size=size,
            cropped=cropped,
            resample=int(Image.Resampling(asked.get("resample", _BICUBIC))),
            rescale=float(asked.get("rescale_factor", 1 / 255)) if asked.get("do_rescale", True) else 1.0,
            mean=tuple(map(float, asked.get("image_mean", OPENAI_MEAN))) if asked.get("do_normalize", True) else (0.0,),
            std=tuple(map(float, asked.get("image_std", OPENAI_STD))) if asked.get("do_normalize", True) else (1.0,),
            source=PREPROCESSOR,
        )
        sides = asked.get("crop_size" if cropped else "size", size)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ModelError(path, f"is not a picture preprocessor ({error})", "Restore the file.") from None
    sides = {side for side in sides.values() if side} if isinstance(sides, dict) else {sides}
    if sides != {size}:
        raise ModelError(path, f"makes pictures of {sorted(sides)} pixels, and the tower takes {size}", "Mend it.")
    return found
