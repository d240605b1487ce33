"""Weights and the state of unfinished training, on disk. Weights are safetensors; nothing here unpickles objects."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewrite.errors import CorpusError
from rewrite.manifest import write_atomic

if TYPE_CHECKING:
    import torch

    from trclip_vad.model import Detector

WEIGHTS = "weights.safetensors"
STATE = "state.pt"
PLACES = "places.json"
CLASSES = "class_features"


def to_keep(detector: Detector) -> dict[str, torch.Tensor]:
    """A copy of the weights, and what the class names have become in them: then no text tower is needed to use them."""
    import torch

    kept = {name: tensor.detach().cpu().clone() for name, tensor in detector.state_dict().items()}
    if detector.names is not None:
        with torch.no_grad():
            kept[CLASSES] = detector.names().cpu()
    return kept


def save_weights(path: Path, weights: dict[str, torch.Tensor]) -> None:
    """Writes named tensors, whole or not at all. Equal tensors give equal bytes.

    Raises:
        StorageError: the disk refused.
    """
    from safetensors.torch import save

    write_atomic(path, save({name: tensor.contiguous() for name, tensor in weights.items()}))


def load_weights(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file.

    Raises:
        CorpusError: missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(path.read_bytes())
    except (OSError, SafetensorError) as error:
        raise CorpusError(path, f"holds no readable weights ({error})", "Train again.") from error


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Writes what training needs to go on: tensors, numbers, strings, lists and dicts of them.

    Raises:
        StorageError: the disk refused; the state of the epoch before stands.
    """
    import torch

    file = io.BytesIO()
    torch.save(state, file)
    write_atomic(path, file.getvalue())


def load_state(path: Path) -> dict[str, Any] | None:
    """The state that `save_state` wrote, or None where there is none. Loads data only, never code.

    Raises:
        CorpusError: it is damaged.
    """
    import pickle
    import zipfile

    import torch

    if not path.is_file():
        return None
    try:
        found: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        todo = "Delete it to train from the start."
        raise CorpusError(path, f"is damaged ({str(error).splitlines()[0]})", todo) from error
    return found


def read_places(folder: Path) -> dict[str, str]:
    """Where a sealed folder's inputs were found when it was made: hints only, so a missing file is no error."""
    path = folder / PLACES
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}
