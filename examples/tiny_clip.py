"""A toy CLIP: a real transformers `CLIPModel`, so small that it learns one drawn street in half a minute, and no more.

Saved as any CLIP is (config.json, model.safetensors, preprocessor_config.json), with a README.md that says "toy": the
doors of `trclip_vad/clip.py` open it as they open every other.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from rewrite.manifest import json_bytes, storage, write_atomic
from trclip_vad.clip_towers import END, START, VOCABULARY
from trclip_vad.pictures import PREPROCESSOR, Preparation

SIDE = 64  # of a picture, pixels
# Half grey is zero: drawn pictures have no statistics worth more. Nothing is cut off: both ends of the street are seen.
PREPARATION = Preparation(SIDE, cropped=False, mean=(0.5,) * 3, std=(0.5,) * 3)
NOTE = "a toy: it knows one drawn street and no more"


def tiny_clip() -> Any:
    """A CLIPModel of 3.6 million weights, nearly all of them the words of CLIP's vocabulary, drawn by torch's state."""
    from transformers import CLIPConfig, CLIPModel

    text = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 1, "num_attention_heads": 4}
    text |= {"vocab_size": VOCABULARY, "bos_token_id": START, "eos_token_id": END, "pad_token_id": END}
    # Few large patches and one layer: a street camera never moves, so the place of a patch tells most of what it shows.
    vision = {"hidden_size": 96, "intermediate_size": 192, "num_hidden_layers": 1, "num_attention_heads": 8}
    vision |= {"image_size": SIDE, "patch_size": 16}
    return CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=64))


def encode_pictures(model: Any, pixels: Tensor) -> Tensor:
    """(B, 3, SIDE, SIDE), normalised -> (B, E), unit length."""
    return F.normalize(model.get_image_features(pixel_values=pixels).pooler_output, dim=-1)


def encode_tokens(model: Any, tokens: Tensor) -> Tensor:
    """(B, L) CLIP BPE ids -> (B, E), unit length."""
    return F.normalize(model.get_text_features(input_ids=tokens).pooler_output, dim=-1)


def contrastive_loss(pictures: Tensor, texts: Tensor, scale: Tensor, same: Tensor) -> Tensor:
    """Symmetric InfoNCE.

    Args:
        pictures, texts: (B, E) unit vectors, a pair a row.
        scale: log of what the cosines are multiplied by.
        same: (B, B) bool, pairs of one caption: off the diagonal they are no negatives of each other.
    """
    logits = scale.exp().clamp(max=100) * pictures @ texts.T
    logits = logits.masked_fill(same & ~torch.eye(len(same), dtype=torch.bool), float("-inf"))
    target = torch.arange(len(logits))
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def _readme(about: dict[str, Any]) -> bytes:
    told = "".join(f"- {name}: {value}\n" for name, value in sorted(about.items()))
    return f"This CLIP is {NOTE}.\n\n{told}".encode()


def saved(folder: Path, **about: Any) -> bool:
    """Whether `save` finished there, of just this."""
    try:
        return (folder / "config.json").is_file() and (folder / "README.md").read_bytes() == _readme(about)
    except OSError:
        return False


def save(model: Any, folder: Path, **about: Any) -> None:
    """Writes the model, whole files only; config.json last, so its presence means that the folder is whole.

    Raises:
        StorageError: the disk refused.
    """
    with storage(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as room:
        model.save_pretrained(room)
        files = {path.name: path.read_bytes() for path in Path(room).iterdir()}
    files["README.md"] = _readme(about)
    files[PREPROCESSOR] = json_bytes(
        {
            "do_resize": True,
            "size": {"height": SIDE, "width": SIDE},
            "resample": PREPARATION.resample,
            "do_center_crop": PREPARATION.cropped,
            "do_rescale": True,
            "rescale_factor": PREPARATION.rescale,
            "do_normalize": True,
            "image_mean": list(PREPARATION.mean),
            "image_std": list(PREPARATION.std),
            "image_processor_type": "CLIPImageProcessor",
        }
    )
    for name in sorted(files, key=lambda n: (n == "config.json", n)):
        write_atomic(folder / name, files[name])
