"""Sentence vectors, computed once per text and encoder: filters, diversity and selection share them.

A cache folder (`TRCLIP_CACHE`, else `~/.cache/trclip`) keeps shards of vectors per encoder, named by the digest of its
weights; it may be deleted at any time. Vectors are float32 and of unit length, so a product is a cosine.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewrite.errors import ModelError, StorageError
from rewrite.manifest import digest, write_atomic
from rewrite.records import text_id
from rewrite.weights import locate, weights_digest

if TYPE_CHECKING:
    import numpy as np

DEFAULT = "sentence-transformers/all-MiniLM-L6-v2"
FOLDER = "vectors"  # in the cache; shards of earlier versions, in another, may hold vectors under other texts' names
_SHARD = 4096  # texts encoded before their vectors are kept: what a kill may lose
_MOST_SHARDS = 32  # files; more are merged into one


def locate_encoder(model: str) -> Path:
    """The folder of a sentence encoder.

    Raises:
        ModelError: it is not there, or is no sentence-transformers folder.
    """
    path = locate(model, "a sentence encoder")
    if not (path / "modules.json").is_file():
        todo = "Give a sentence-transformers folder: --set similarity.model=PATH."
        raise ModelError(path, "is not a sentence encoder (it has no modules.json)", todo)
    return path


def vectors(model: str, texts: Sequence[str], batch: int = 64) -> np.ndarray:
    """(n, E) float32 unit vectors in the order of `texts`; only texts that no run has met before are encoded.

    Args:
        model: folder of a sentence encoder, or a hub name in the local cache.
        batch: texts encoded at a time.

    Raises:
        ModelError: no such encoder.
    """
    path = locate_encoder(model)
    return _store(str(path), weights_digest(path)).vectors(texts, batch)


def cosines(model: str, pairs: Sequence[tuple[str, str]], batch: int = 64) -> list[float]:
    """Of the two texts of each pair, by an encoder. Raises ModelError: no such encoder.

    Three digits: the last bits differ between machines and batch shapes, a verdict should not.
    """
    texts = sorted({text for pair in pairs for text in pair})
    row = dict(zip(texts, vectors(model, texts, batch), strict=True))
    return [round(float(row[one] @ row[other]), 3) for one, other in pairs]


class _Store:
    """The vectors of one encoder: in memory, and in the cache folder behind it."""

    def __init__(self, encoder: str, folder: Path) -> None:
        import numpy as np

        self._encoder, self._folder = encoder, folder
        self._row: dict[str, int] = {}
        self._table: np.ndarray = np.zeros((0, 0), np.float32)
        self._load()

    def vectors(self, texts: Sequence[str], batch: int) -> np.ndarray:
        import numpy as np

        ids = [text_id(text) for text in texts]
        new = {i: text for i, text in zip(ids, texts, strict=True) if i not in self._row}
        # Texts of one length go together: padding costs time, and a batch's shape moves the last bits.
        order = sorted(new, key=lambda i: (len(new[i]), i))
        for begin in range(0, len(order), _SHARD):
            some = order[begin : begin + _SHARD]
            found = _encoder(self._encoder).encode(
                [new[i] for i in some], batch_size=batch, normalize_embeddings=True, show_progress_bar=False
            )
            self._add(some, np.asarray(found, np.float32))
            self._keep(some, self._table[-len(some) :])
        return self._table[[self._row[i] for i in ids]] if ids else np.zeros((0, self._table.shape[1]), np.float32)

    def _add(self, ids: Sequence[str], found: np.ndarray) -> None:
        import numpy as np

        # Two processes may have encoded one text: of two shards one row is taken.
        first = {i: n for n, i in reversed(list(enumerate(ids)))}
        fresh = [n for n, i in enumerate(ids) if first[i] == n and i not in self._row]
        self._row |= {ids[n]: len(self._table) + place for place, n in enumerate(fresh)}
        new = found if len(fresh) == len(ids) else found[fresh]
        self._table = np.concatenate([self._table, new]) if len(self._table) else new

    def _load(self) -> None:
        import numpy as np

        shards = sorted(self._folder.glob("*.npz")) if self._folder.is_dir() else []
        parts: list[tuple[list[str], np.ndarray]] = []
        for shard in shards:
            try:
                with np.load(shard, allow_pickle=False) as held:
                    parts.append(([i.decode() for i in held["ids"]], held["vectors"]))
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
                continue  # merged away by another process, or torn: its texts are encoded again
        if parts:
            vectors = [v for _, v in parts]
            self._add([i for ids, _ in parts for i in ids], np.concatenate(vectors) if len(vectors) > 1 else vectors[0])
        if len(shards) > _MOST_SHARDS:
            self._keep(list(self._row), self._table)
            for shard in shards:
                shard.unlink(missing_ok=True)

    def _keep(self, ids: Sequence[str], found: np.ndarray) -> None:
        import numpy as np

        file = io.BytesIO()
        np.savez(file, ids=np.array([i.encode() for i in ids], dtype="S16"), vectors=found)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_atomic(self._folder / f"{digest(sorted(ids))[:16]}.npz", file.getvalue())
        except (OSError, StorageError):
            return  # a cache that cannot be written costs time, nothing else


@lru_cache(maxsize=4)
def _store(encoder: str, weights: str) -> _Store:
    home = os.environ.get("TRCLIP_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "trclip"
    return _Store(encoder, Path(home).expanduser() / FOLDER / weights[:16])


@lru_cache(maxsize=2)
def _encoder(path: str) -> Any:
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()  # our own progress is on the screen
    return SentenceTransformer(path, local_files_only=True)
