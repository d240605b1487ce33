"""Captions on the grid, versions beside the source, and a training half that knows nothing of the test half."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rewrite.errors import CorpusError, InputError
from rewrite.pipeline import rewrite
from rewrite.recipe import configure
from rewrite.records import Caption
from trclip_vad.batch import LabelSet, Video
from trclip_vad.embed import embed
from trclip_vad.grid import grid, span, spread
from trclip_vad.text_bank import open_bank


@dataclass(frozen=True)
class HashEncoder:
    """Unit vectors from a hash: the bank does not care what they mean. Tests only."""

    model: str = "hash"

    def identity(self) -> dict[str, Any]:
        return {"encoder": "hash, tests only"}

    def encode(self, texts: list[str]) -> np.ndarray:
        rows = [np.frombuffer(hashlib.sha256(t.encode()).digest()[:16], np.uint8) for t in texts]
        vectors = np.array(rows, np.float32) - 127
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@dataclass(frozen=True)
class Street:
    """Eight training and four test videos of four snippets."""

    root: Path = Path()
    name: str = "street"

    def labels(self) -> LabelSet:
        return LabelSet(("Normal", "Fight"))

    def videos(self, split: str) -> list[Video]:
        count = 8 if split == "train" else 4
        return [self._video(split, number) for number in range(count)]

    def _video(self, split: str, number: int) -> Video:
        fight = number % 2 == 1
        name = f"{split}{number}"
        texts = ["A man walks.", "Two men fight hard." if fight else "A dog runs.", f"Person {number} leaves."]
        captions = tuple(Caption(t, f"{name}#{i}", name, snippet=i) for i, t in enumerate(texts))
        truth = ((16, 32),) if fight else ()
        label = "Fight" if fight else "Normal"
        return Video(name, split, (label,), 60, 30.0, captions, truth if split == "test" else None)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rewrites of two of the texts; every other caption falls back to its source."""
    folder = tmp_path_factory.mktemp("corpus")
    (folder / "captions.txt").write_text("A man walks.\nTwo men fight hard.\n")
    rewrite(
        folder / "captions.txt",
        folder / "sealed",
        configure(templates=["plain"], variants=2, backend="fake", filters=["form"]),
    )
    return folder / "sealed"


@pytest.fixture
def bank(corpus: Path, tmp_path: Path) -> Path:
    embed(Street(), [corpus], HashEncoder(), tmp_path / "bank")
    return tmp_path / "bank"


def test_a_snippet_under_several_captions_takes_their_mean() -> None:
    vectors = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
    text, covered = spread(grid([(0, 2), (1, 3)], 4), vectors)
    np.testing.assert_allclose(text, [[1, 0], [0.5, 0.5], [0, 1], [0, 0]])
    assert covered.tolist() == [True, True, True, False]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(0.0, 1.0, (0, 2)), (16 / 30, 32 / 30, (1, 2)), (0.6, 0.61, (1, 2)), (1.0, 99.0, (1, 4)), (9.0, 10.0, None)],
)
def test_seconds_fall_on_the_snippets_they_touch(start: float, end: float, expected: object) -> None:
    assert span(Caption("x", "1", start=start, end=end), 30.0, 4, "here") == expected


def test_a_caption_without_a_place_in_time_is_refused() -> None:
    with pytest.raises(InputError, match="has no place in time"):
        span(Caption("x", "1", "v"), 30.0, 4, "here")


def test_version_0_is_the_source(bank: Path) -> None:
    text, covered = open_bank(bank, "train").text(1, 0)
    expected = HashEncoder().encode(["A man walks.", "Two men fight hard.", "Person 1 leaves."])
    np.testing.assert_allclose(text[:3], expected)
    assert covered.tolist() == [True, True, True, False]


def test_a_version_says_the_rewrite_where_there_is_one_and_else_the_source(bank: Path) -> None:
    opened = open_bank(bank, "train")
    source, version = opened.text(1, 0)[0], opened.text(1, 1)[0]
    assert opened.versions == 3
    assert not np.allclose(source[0], version[0])
    np.testing.assert_array_equal(source[2], version[2])


def test_the_manifest_names_the_share_that_fell_back(bank: Path) -> None:
    fallback = open_bank(bank, "train").manifest["splits"]["train"]["fallback"]
    assert fallback[0] == 0
    assert fallback[1] == pytest.approx(12 / 24)  # dogs and leavers were never rewritten


def test_the_training_half_opens_with_every_file_of_the_test_half_gone(bank: Path) -> None:
    for path in bank.glob("test_*"):
        path.unlink()
    assert len(open_bank(bank, "train").names) == 8


def test_an_edited_bank_is_refused(bank: Path) -> None:
    path = bank / "train_vectors.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(CorpusError, match="changed after sealing"):
        open_bank(bank, "train")


def test_the_same_bank_is_not_made_twice_and_another_not_over_it(bank: Path, corpus: Path) -> None:
    before = (bank / "manifest.json").stat().st_mtime_ns
    embed(Street(), [corpus], HashEncoder(), bank)
    assert (bank / "manifest.json").stat().st_mtime_ns == before
    with pytest.raises(CorpusError, match=r"asked differently \(versions\)"):
        embed(Street(), [], HashEncoder(), bank)
