"""A published state dict: read without running any code in it, and laid on a detector of ours, weight by weight."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rewrite.errors import InputError
from trclip_vad.published_names import ours, spare, system_of

if TYPE_CHECKING:
    import torch

STATE = "model_state_dict"  # where a training checkpoint keeps its weights
BROKEN: tuple[type[Exception], ...] = (RuntimeError, OSError, zipfile.BadZipFile, EOFError, ValueError, LookupError)
BROKEN += (TypeError, AttributeError, AssertionError)  # all that torch.load is seen to raise on a damaged file
_SHOWN = 8  # names of a kind in an error


@dataclass(frozen=True, slots=True)
class Published:
    """A state dict of one of the published systems.

    Attributes:
        file: where it was read.
        system: TRCLIP or VADCLIP.
        weights: by their published names.
    """

    file: Path
    system: str
    weights: Mapping[str, torch.Tensor]

    def width(self, name: str, axis: int, usual: int) -> int:
        """The size of a weight along an axis; the usual one where the weight is not as it should be."""
        tensor = self.weights.get(name)
        return (tensor.shape[axis] if tensor is not None and tensor.ndim > axis else 0) or usual


def read_published(file: Path) -> Published:
    """The tensors of a .pth: a state dict, or a training checkpoint that holds one.

    Raises:
        InputError: no such file, not torch's, one that would have to run code, or of another model.
    """
    import torch

    found = _load(file)
    if isinstance(found, dict) and isinstance(found.get(STATE), dict):
        found = found[STATE]
    if not isinstance(found, dict) or not found:
        raise InputError(file, f"holds a {type(found).__name__}, not named tensors", f"Give a state dict, or {STATE}.")
    for name, value in found.items():
        if not isinstance(value, torch.Tensor):
            what = f"calls {name!r} what is a {type(value).__name__}, not a tensor"
            raise InputError(file, what, f"Give a state dict, or a checkpoint with {STATE}.")
    names = [str(name) for name in found]
    system = system_of(names)
    if system is None:
        what = f"is of neither TrCLIP-VAD nor VadCLIP (its first weight is {names[0]!r})"
        raise InputError(file, what, "Give a published model file.")
    return Published(file, system, dict(zip(names, found.values(), strict=True)))


def laid_out(
    published: Published, shapes: Mapping[str, torch.Size], blocks: int, classes: bool
) -> tuple[dict[str, torch.Tensor], dict[str, list[str]]]:
    """The weights by our names, float32, and the published names that none of them is made of, by the reason.

    Every published name is used once or accounted for, and each of ours is given.

    Args:
        shapes: of every weight that is needed, by our names.
        blocks, classes: see `published_names.ours`.

    Raises:
        InputError: names that are unknown or missing, wrong shapes, values that are no numbers; all are listed.
    """
    given = published.weights
    table = ours(published.system, blocks, classes)
    left = spare(given, classes)
    accounted = {name for names in left.values() for name in names}
    faults = {
        "unknown": sorted(given.keys() - table.keys() - accounted),
        "missing": sorted(table.keys() - given.keys()),
        "of no place in these settings": sorted(theirs for theirs, name in table.items() if name not in shapes),
        "not in any such file": sorted(shapes.keys() - set(table.values())),
    }
    fit = {theirs: name for theirs, name in table.items() if theirs in given and name in shapes}
    faults["of a wrong shape"] = [
        f"{theirs} {_shape(given[theirs].shape)}, wanted {_shape(shapes[name])}"
        for theirs, name in sorted(fit.items())
        if given[theirs].shape != shapes[name]
    ]
    faults["not finite"] = sorted(theirs for theirs in fit if not _finite(given[theirs]))
    _refuse(published, blocks, {kind: names for kind, names in faults.items() if names})
    return {name: _plain(given[theirs]) for theirs, name in fit.items()}, left


def _load(file: Path) -> object:
    import pickle
    import warnings

    import torch

    if not file.is_file():
        raise InputError(file, "there is no such file", "Check the path.")
    todo = f"Save its {STATE} alone, where you trust it."
    try:
        with warnings.catch_warnings(action="ignore"):  # of pickle's protocols, which say nothing to a user
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        foreign = re.search(r"GLOBAL (\S+)", str(error))
        if foreign:
            raise InputError(file, f"holds an object besides tensors ({foreign[1]}), and none is made", todo) from None
        raise InputError(file, "is no state dict, or a damaged one", "Is the download whole?") from None
    except BROKEN as error:
        what = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise InputError(file, f"cannot be read as torch's ({what[:120]})", "Is the download whole?") from None


def _refuse(published: Published, blocks: int, faults: Mapping[str, Collection[str]]) -> None:
    if not faults:
        return
    what = "; ".join(f"{len(names)} {kind}: {_some(names)}" for kind, names in faults.items())
    found = len({part[2] for name in published.weights if len(part := name.split(".")) > 3 and part[0] == "temporal"})
    todo = "Is the file another version's, or a --set wrong?"
    if found != blocks:
        todo = f"It has {found} local blocks and the recipe {blocks}: UCF-Crime has 2, XD-Violence 1 (--recipe)."
    raise InputError(published.file, f"does not fit {published.system} ({what})", todo)


def _some(names: Collection[str]) -> str:
    shown = list(names)[:_SHOWN]
    return ", ".join(shown) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _shape(size: torch.Size) -> str:
    return "x".join(map(str, size)) or "scalar"


def _finite(tensor: torch.Tensor) -> bool:
    return not tensor.is_floating_point() or bool(tensor.isfinite().all())


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    """Whole numbers are batch counts and stay so."""
    import torch

    found = tensor.detach().to(torch.float32) if tensor.is_floating_point() else tensor.detach().to(torch.int64)
    return found.contiguous().clone()
