"""The cache of sentence vectors: a text has its own vector, whoever else writes there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rewrite import embeddings
from rewrite.records import text_id


def shard(folder: Path, name: str, texts: list[str], vectors: np.ndarray) -> None:
    ids = np.array([text_id(text).encode() for text in texts], dtype="S16")
    np.savez(folder / f"{name}.npz", ids=ids, vectors=vectors.astype(np.float32))


def test_shards_of_two_processes_that_met_one_text_are_merged_rightly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embeddings, "_MOST_SHARDS", 2)
    own = np.eye(6)
    shard(tmp_path, "a", ["one", "two"], own[:2])
    shard(tmp_path, "b", ["two", "three"], own[1:3])  # "two" is there already
    shard(tmp_path, "c", ["four", "one", "five"], own[[3, 0, 4]])
    texts = ["one", "two", "three", "four", "five"]
    for _ in range(2):  # as it was merged, and as the next process reads it
        store = embeddings._Store("no encoder is needed", tmp_path)
        assert (store.vectors(texts, 8) == own[:5]).all()
    (merged,) = tmp_path.glob("*.npz")
    with np.load(merged, allow_pickle=False) as held:
        assert sorted(held["ids"].tolist()) == sorted(text_id(t).encode() for t in texts)
