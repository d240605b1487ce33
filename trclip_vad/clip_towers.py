"""CLIP's towers by name or path, held against what they must be before they are loaded.

Any transformers CLIP as safetensors: the whole `CLIPModel`, or one tower with its projection. Every weight a tower
needs must be in the file; nothing is drawn at random for what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from rewrite.errors import ModelError
from rewrite.weights import locate

CLIP = "openai/clip-vit-base-patch16"
VOCABULARY = 49_408  # of CLIP's BPE
START, END = VOCABULARY - 2, VOCABULARY - 1
_END_OF_OLD_FILES = 2  # a wrong id in early files; transformers then takes the highest token, which is the end


def text_tower(model: str) -> Any:
    """The frozen transformers `CLIPTextModelWithProjection` of a model, for ids of CLIP's own vocabulary.

    Raises:
        ModelError: no such model, no CLIP text tower, another vocabulary, or it cannot be loaded.
    """
    return _tower(str(folder_of(model)), "text")


def vision_tower(model: str) -> Any:
    """The frozen transformers `CLIPVisionModelWithProjection` of a model.

    Raises:
        ModelError: no such model, no CLIP image tower, or it cannot be loaded.
    """
    return _tower(str(folder_of(model)), "vision")


def folder_of(model: str) -> Path:
    """Where a model lies.

    Raises:
        ModelError: it is not there, or is no transformers folder.
    """
    path = locate(model, "a CLIP model")
    if not (path / "config.json").is_file():
        raise ModelError(path, "is not a CLIP model (it has no config.json)", "Give a transformers CLIP folder.")
    return path


def config_of(folder: Path, part: str) -> Any:
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
            tower, told = kind.from_pretrained(folder, config=config_of(folder, part), **how)
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
