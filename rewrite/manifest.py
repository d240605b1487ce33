"""Digests, canonical json, the environment, and writes that are whole or not there at all.

A folder (corpus, bank, run) is *sealed* by its `manifest.json`, which is written last and names the digest
of every other file. No time, host name or path enters it: the same work gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from rewrite.errors import CorpusError, StorageError

NAME = "manifest.json"
FORMAT = 1
_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_PACKAGES = (
    "trclip-vad",
    "torch",
    "transformers",
    "sentence-transformers",
    "tokenizers",
    "onnxruntime",
    "vllm",
    "xllamacpp",
    "numpy",
    "scikit-learn",
)


def canonical(value: Any) -> str:
    """The one json text of a value: sorted keys, no spaces, UTF-8, no NaN."""
    return _ENCODER.encode(value)


def digest(value: Any) -> str:
    """sha256 of the canonical json of a value, as 64 hex digits."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def digest_file(path: Path) -> str:
    """sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_folder(folder: Path, patterns: Iterable[str] = ("*",)) -> str:
    """One digest over the names and bytes of a folder's files that match, hidden ones left out."""
    files = {p for pattern in patterns for p in folder.rglob(pattern) if p.is_file()}
    shown = sorted(p for p in files if not any(part.startswith(".") for part in p.relative_to(folder).parts))
    return digest({str(p.relative_to(folder)): digest_file(p) for p in shown})


def environment() -> dict[str, str]:
    """Versions that may change what comes out. Nothing is imported to find them."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version(), "machine": platform.machine()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


@contextmanager
def storage(path: Path) -> Iterator[None]:
    """Turns the file system's refusals into one line that names the place."""
    try:
        yield
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not path.parent.exists():
            raise StorageError(path, "its folder does not exist", "Create it first.") from error
        todo = "Free some space and run the same command again: finished work is kept."
        if error.errno not in (28, 122):  # ENOSPC, EDQUOT
            todo = "Check the path and its permissions."
        raise StorageError(path, error.strerror or str(error), todo) from error


def write_atomic(path: Path, data: bytes | str | Iterable[bytes]) -> None:
    """Writes a file so that a reader sees the old one or the whole new one, whatever happens.

    Raises:
        StorageError: the disk is full or the folder cannot be written; the old file stands.
    """
    partial = path.with_name(f".{path.name}.partial")
    chunks: Iterable[bytes] = [data.encode()] if isinstance(data, str) else [data] if isinstance(data, bytes) else data
    with storage(path):
        try:
            with partial.open("wb") as file:
                for chunk in chunks:
                    file.write(chunk)
                flush(file)
            os.replace(partial, path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


def flush(file: IO[bytes]) -> None:
    """Hands a file's bytes to the disk, not only to the operating system."""
    file.flush()
    os.fsync(file.fileno())


def json_bytes(value: Any) -> bytes:
    """Json for people: indented, keys sorted, a last newline."""
    return (json.dumps(value, sort_keys=True, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()


def jsonl_chunks(rows: Iterable[Any]) -> Iterator[bytes]:
    """Canonical json lines, for `write_atomic`."""
    for row in rows:
        yield (canonical(row) + "\n").encode()


def seal(folder: Path, kind: str, body: dict[str, Any], files: Iterable[str]) -> dict[str, Any]:
    """Writes the manifest of a finished folder, last. Its `id` is the digest of what it says.

    Args:
        folder: holds every one of `files` already.
        kind: "corpus", "bank", "run", "world" or "export".
        body: what was asked and what came of it; plain json.
        files: names of the files it vouches for.
    """
    manifest: dict[str, Any] = {"kind": kind, "format": FORMAT, **body}
    manifest["files"] = {name: digest_file(folder / name) for name in sorted(files)}
    manifest[f"{kind}_id"] = digest(manifest["files"])
    write_atomic(folder / NAME, json_bytes(manifest))
    return manifest


def is_sealed(folder: Path) -> bool:
    """Whether the folder was finished."""
    return (folder / NAME).is_file()


def read(folder: Path, kind: str) -> dict[str, Any]:
    """The manifest of a sealed folder.

    Raises:
        CorpusError: no manifest, not json, or of another kind.
    """
    path = folder / NAME
    if not folder.is_dir():
        raise CorpusError(folder, f"there is no such {kind} folder", "Check the path.")
    if not path.is_file():
        raise CorpusError(folder, f"this {kind} is not finished (it has no {NAME})", "Run its command again to go on.")
    try:
        manifest = json.loads(path.read_bytes())
    except ValueError as error:
        raise CorpusError(path, f"is not json ({error})", "It was edited: make the folder again.") from error
    if not isinstance(manifest, dict) or manifest.get("kind") != kind:
        found = manifest.get("kind") if isinstance(manifest, dict) else None
        raise CorpusError(path, f"describes a {found!r}, not a {kind}", f"Give the folder of a {kind}.")
    if manifest.get("format") != FORMAT:
        raise CorpusError(path, f"has format {manifest.get('format')!r}, this version reads {FORMAT}", "Make it again.")
    return manifest


def verify(folder: Path, kind: str) -> dict[str, Any]:
    """Reads the manifest and holds every file against its digest.

    Raises:
        CorpusError: a file is missing or was changed after sealing.
    """
    manifest = read(folder, kind)
    for name, wanted in manifest["files"].items():
        path = folder / name
        if Path(name).name != name or not path.is_file():
            raise CorpusError(path, "is named by the manifest but missing", "Restore it, or make the folder again.")
        if digest_file(path) != wanted:
            raise CorpusError(path, "was changed after sealing", f"Restore it, or make the {kind} again.")
    if manifest.get(f"{kind}_id") != digest(manifest["files"]):
        raise CorpusError(folder / NAME, "its id does not fit its files", f"Restore it, or make the {kind} again.")
    return manifest
