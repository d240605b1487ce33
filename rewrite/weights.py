"""Where a model's files lie, its name in a manifest, and the digests that stand for it."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

from rewrite.errors import ModelError
from rewrite.manifest import digest, digest_file, digest_folder

_ARRAYS = ("*.safetensors", "*.gguf", "*.onnx", "*.bin", "*.onnx_data", "*.onnx.data")
_WEIGHTS = (*_ARRAYS, "*.json", "*.txt", "*.model")
_SHAPES = ("config.json", "modules.json", "sentence_bert_config.json")  # what a module is, and in what order they stand


def locate(model: str, needs: str) -> Path:
    """The file or folder of a model given by path, or by hub name when it is in the local hub cache.

    Nothing is downloaded here: `huggingface-cli download NAME` is the user's decision.

    Raises:
        ModelError: no name at all, or neither a path nor a cached name.
    """
    if not model:
        raise ModelError("model", f"{needs} is needed and none is named", "Give its path or hub name.")
    path = Path(model).expanduser()
    if path.exists():
        return path
    if model.count("/") == 1 and not model.startswith((".", "/", "~")):
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

        try:
            return Path(snapshot_download(model, local_files_only=True))
        except (LocalEntryNotFoundError, HFValidationError):
            todo = f"Run `hf download {model}`, or give the path of {needs}."
            raise ModelError(model, "is not in the local hub cache", todo) from None
    raise ModelError(model, "there is no such file or folder", f"Give the path or hub name of {needs}.")


def written_name(model: str) -> str:
    """The name under which a model is written down: of a path its last part, a hub name as it is."""
    path = Path(model).expanduser()
    return path.absolute().name if path.exists() else model


def is_onnx(path: Path) -> bool:
    """Whether a model is an ONNX one: a folder that has PyTorch's weights too is not."""
    if path.is_file():
        return path.suffix == ".onnx"
    return any(path.rglob("*.onnx")) and not _found([path], "*.safetensors", "*.bin")


def onnx_files(path: Path) -> tuple[Path, Path]:
    """The .onnx of a file or folder, and the tokenizer.json beside or below it.

    Raises:
        ModelError: there is not one of each.
    """
    folder = path if path.is_dir() else path.parent
    files = [path] if path.is_file() else sorted(folder.rglob("*.onnx"))
    words = sorted(folder.rglob("tokenizer.json"))
    if len(files) != 1 or len(words) != 1:
        what = f"holds {len(files)} .onnx files and {len(words)} tokenizer.json"
        raise ModelError(path, what, "Give a folder with one of each.")
    return files[0], words[0]


def weights_digest(path: Path) -> str:
    """sha256 over a model file (an .onnx with its tokenizer), or over a folder's weights and configuration."""
    stamp = path.stat().st_mtime_ns if path.is_file() else 0
    return _digest(path.absolute(), stamp)


def numbers_digest(path: Path) -> str:
    """sha256 over what decides the numbers of a model and nothing else: what was measured of it is kept under this.

    Of an ONNX model that is the .onnx and its tokenizer.json, under whatever names; else the weights, the tokenizer and
    the modules' configuration. A copy with other files beside them, or without some, has the same digest.

    Raises:
        ModelError: an ONNX model without its tokenizer.
    """
    stamp = path.stat().st_mtime_ns if path.is_file() else 0
    return _numbers_digest(path.absolute(), stamp)


@lru_cache(maxsize=16)
def _digest(path: Path, stamp: int) -> str:
    if path.is_dir():
        return digest_folder(path, _WEIGHTS)
    return _numbers_digest(path, stamp) if is_onnx(path) else digest_file(path)


@lru_cache(maxsize=16)
def _numbers_digest(path: Path, _stamp: int) -> str:
    if is_onnx(path):
        model, words = onnx_files(path)
        beside = {p.suffix: digest_file(p) for p in _found([model.parent], f"{model.name}_data", f"{model.name}.data")}
        return digest({**beside, "model": digest_file(model), "tokenizer": digest_file(words)})
    folders = [path, *(path / part for part in _modules(path))]
    weights = _found(folders, "*.safetensors") or _found(folders, "*.bin")
    told = _found(folders, "tokenizer.json") or _found(folders, "*.txt", "*.model")
    chosen = {*weights, *told, *_found(folders, *_SHAPES)}
    return digest({str(p.relative_to(path)): digest_file(p) for p in chosen})


def _modules(path: Path) -> list[str]:
    """The folders of a sentence encoder's modules."""
    try:
        listed = json.loads((path / "modules.json").read_bytes())
        return sorted({module["path"] for module in listed} - {""})
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _found(folders: list[Path], *patterns: str) -> list[Path]:
    return [p for folder in folders for pattern in patterns for p in folder.glob(pattern) if p.is_file()]
