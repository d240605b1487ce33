"""Visual features: what a frozen image tower sees in each 16-frame snippet of every video, as a sealed folder.

`extract.py` makes one from video files; released arrays become one too. An array per video and crop, a row per snippet.

    manifest.json            what was asked, labels, D, counts per split
    {split}_videos.jsonl     video, labels, frames, fps, snippets (T), source (the video file's sha256 and bytes), crops
                             {"0": {"path", "sha256"}}; a released array has {"path", "bytes"}, its path absolute
    test_truth.jsonl         frame truth; whoever opens "train" opens no file of "test"
    arrays/VIDEO__CROP.npy   (T, D) float32, not normalised; held against its digest when it is first read
    places.json              where encoder and videos were found: a hint, not sealed
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewrite import manifest
from rewrite.captions import read_json_lines
from rewrite.errors import CorpusError, SettingError
from trclip_vad.batch import Video
from trclip_vad.checkpoint import PLACES
from trclip_vad.grid import pooled
from trclip_vad.halves import SPLITS, open_half, truth_of

if TYPE_CHECKING:
    import numpy as np


def seal(
    out: Path,
    asked: dict[str, Any],
    labels: Sequence[str],
    rows: Mapping[str, Sequence[Mapping[str, Any]]],
    test: Iterable[Video],
    width: int,
    places: Mapping[str, str],
) -> dict[str, Any]:
    """Writes the files beside the arrays, the manifest last. The folder is the caller's, and locked.

    Args:
        asked: decides every byte; plain json.
        labels: the classes, normal first.
        rows: per split a row a video, as the file's head says.
        test: the test videos, for the truth.
        width: D.
        places: hints, not sealed.
    """
    truth = [{"video": v.name, "frames": v.frames, "anomalous": v.anomalous or ()} for v in test]
    manifest.write_atomic(out / "test_truth.jsonl", manifest.jsonl_chunks(truth))
    manifest.write_atomic(out / PLACES, manifest.json_bytes(places))
    for split in SPLITS:
        manifest.write_atomic(out / f"{split}_videos.jsonl", manifest.jsonl_chunks(rows[split]))
    body = {
        "asked": asked,
        "labels": list(labels),
        "width": width,
        "splits": {s: {"videos": len(rows[s]), "snippets": sum(r["snippets"] for r in rows[s])} for s in SPLITS},
        "environment": manifest.environment(),
    }
    return manifest.seal(out, "features", body, [*(f"{split}_videos.jsonl" for split in SPLITS), "test_truth.jsonl"])


@dataclass(frozen=True)
class Features:
    """One split of a folder of features.

    Attributes:
        folder, split, manifest: where it lies, which half this is, what was asked.
        names, labels, frames, fps, lengths: per video, in the data set's order; lengths are T, the rows of its arrays.
        crops: which crops each video has.
    """

    folder: Path
    split: str
    manifest: dict[str, Any]
    names: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    frames: tuple[int, ...]
    fps: tuple[float, ...]
    lengths: tuple[int, ...]
    crops: tuple[tuple[int, ...], ...]
    _arrays: tuple[dict[int, dict[str, Any]], ...] = field(repr=False)
    _intact: set[Path] = field(default_factory=set, repr=False)

    @property
    def id(self) -> str:
        return str(self.manifest["features_id"])

    @property
    def classes(self) -> tuple[str, ...]:
        """The data set's classes, normal first."""
        return tuple(self.manifest["labels"])

    @property
    def width(self) -> int:
        """D."""
        return int(self.manifest["width"])

    def visual(self, video: int, crop: int, at_most: int | None = None) -> np.ndarray:
        """(T, D) float32.

        Args:
            at_most: a longer video is averaged into this many bins of neighbours (integer linspace edges).

        Raises:
            CorpusError: the array is missing, edited, or not of the shape that was sealed.
            SettingError: the video has no such crop.
        """
        import numpy as np

        if crop not in self._arrays[video]:
            known = ", ".join(map(str, self.crops[video]))
            raise SettingError(f"crop {crop}", f"{self.names[video]} has none of that number", f"It has: {known}.")
        entry = self._arrays[video][crop]
        path = self.folder / entry["path"]
        if path not in self._intact:
            _hold(path, entry)
            self._intact.add(path)
        try:
            found = np.load(path, allow_pickle=False)
        except ValueError as error:
            raise CorpusError(path, f"is no array ({error})", "Restore it.") from None
        if found.shape != (self.lengths[video], self.width):
            raise CorpusError(path, f"has shape {found.shape}, not {(self.lengths[video], self.width)}", "Restore it.")
        return pooled(found, at_most)

    def truth(self) -> list[tuple[tuple[int, int], ...]]:
        """Per test video its anomalous [start, end) frames.

        Raises:
            SettingError: this is the training split, which has none.
        """
        return truth_of(self.folder, self.split)


def open_features(folder: Path, split: str) -> Features:
    """One split of sealed features; no file of the other split is opened, and no array until it is asked for.

    Raises:
        CorpusError: not features, not finished, or edited after sealing.
        SettingError: no such split.
    """
    found = open_half(folder, "features", split, "extract")
    rows = [row for _, row in read_json_lines(folder / f"{split}_videos.jsonl")]
    arrays = tuple({int(crop): entry for crop, entry in row["crops"].items()} for row in rows)
    return Features(
        folder=folder,
        split=split,
        manifest=found,
        names=tuple(r["video"] for r in rows),
        labels=tuple(tuple(r["labels"]) for r in rows),
        frames=tuple(r["frames"] for r in rows),
        fps=tuple(r["fps"] for r in rows),
        lengths=tuple(r["snippets"] for r in rows),
        crops=tuple(tuple(sorted(entries)) for entries in arrays),
        _arrays=arrays,
    )


def _hold(path: Path, entry: Mapping[str, Any]) -> None:
    """An array against its digest, or a released one against its size."""
    if not path.is_file():
        raise CorpusError(path, "is named by the features but missing", "Restore it, or make the folder again.")
    same = manifest.digest_file(path) == entry["sha256"] if "sha256" in entry else path.stat().st_size == entry["bytes"]
    if not same:
        raise CorpusError(path, "was changed after sealing", "Restore it, or make the folder again.")
