"""Where a model's files lie, and the digest that names them in a manifest."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from rewrite.errors import ModelError
from rewrite.manifest import digest_file, digest_folder

_WEIGHTS = ("*.safetensors", "*.gguf", "*.onnx", "*.json", "*.txt", "*.model")


def locate(model: str, needs: str) -> Path:
    """The file or folder of a model given by path, or by hub name when it is in the local hub cache.

    Nothing is downloaded here: `huggingface-cli download NAME` is the user's decision.

    Raises:
        ModelError: neither a path nor a cached name.
    """
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


def weights_digest(path: Path) -> str:
    """sha256 over a model file, or over a folder's weights and configuration."""
    stamp = path.stat().st_mtime_ns if path.is_file() else 0
    return _digest(path.resolve(), stamp)


@lru_cache(maxsize=16)
def _digest(path: Path, _stamp: int) -> str:
    return digest_file(path) if path.is_file() else digest_folder(path, _WEIGHTS)
