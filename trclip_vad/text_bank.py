"""The text bank: what is said of each video, as vectors on the grid of 16-frame snippets.

A sealed folder. embed.py makes one of captions, released_text.py one of arrays that others gave away. Per split (train,
test) the unique texts are embedded once; a video keeps, per version, which rows its captions are, and which snippets
each covers. Version 0 is the source caption, then one version per corpus, template and variant; a caption without a
rewrite of some version says its source there. `Bank.text` builds the (T, E) of one video and version when it is asked.

    manifest.json            what was asked, the versions and their share of fallbacks
    {split}_vectors.npy      (U, E) float32, one row per unique text
    {split}_videos.jsonl     video, labels, frames, fps, spans [[first, end) snippets], texts [version][caption]
    test_truth.jsonl         frame truth; whoever opens "train" opens no file of "test"
    places.json              where the encoder was found: a hint, not sealed
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewrite.captions import read_json_lines
from trclip_vad.batch import STRIDE
from trclip_vad.grid import grid, spread
from trclip_vad.halves import open_half, truth_of

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Bank:
    """One split of a bank.

    Attributes:
        folder, split, manifest: where it lies, which half this is, what was asked.
        names, labels, frames, fps: per video, in the data set's order.
    """

    folder: Path
    split: str
    manifest: dict[str, Any]
    names: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    frames: tuple[int, ...]
    fps: tuple[float, ...]
    _spans: tuple[tuple[tuple[int, int], ...], ...] = field(repr=False)
    _texts: tuple[tuple[tuple[int, ...], ...], ...] = field(repr=False)
    _vectors: np.ndarray = field(repr=False)
    _grids: dict[tuple[int, int | None], Any] = field(default_factory=dict, repr=False)

    @property
    def id(self) -> str:
        return str(self.manifest["bank_id"])

    @property
    def classes(self) -> tuple[str, ...]:
        """The data set's classes, normal first."""
        return tuple(self.manifest["labels"])

    @property
    def width(self) -> int:
        """E."""
        return int(self._vectors.shape[1])

    @property
    def versions(self) -> int:
        """R, the source among them."""
        return len(self.manifest["asked"]["versions"])

    @property
    def lengths(self) -> tuple[int, ...]:
        """T per video."""
        return tuple(-(-frames // STRIDE) for frames in self.frames)

    def text(self, video: int, version: int = 0, at_most: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """((T, E) float32, (T,) bool covered): the mean of the captions over each snippet, zero where there is none.

        Args:
            at_most: a longer video is averaged into this many bins of neighbours (integer linspace edges).
        """
        key = (video, at_most)
        if key not in self._grids:
            self._grids[key] = grid(self._spans[video], self.lengths[video], at_most)
        weights = self._grids[key] if at_most else self._grids.pop(key)  # whole videos may be long: not kept
        return spread(weights, self._vectors[list(self._texts[video][version])])

    def truth(self) -> list[tuple[tuple[int, int], ...]]:
        """Per test video its anomalous [start, end) frames.

        Raises:
            SettingError: this is the training split, which has none.
        """
        return truth_of(self.folder, self.split)


def open_bank(folder: Path, split: str) -> Bank:
    """One split of a sealed bank, its files held against their digests; no file of the other split is opened.

    Raises:
        CorpusError: not a bank, not finished, or edited after sealing.
        SettingError: no such split.
    """
    import numpy as np

    found = open_half(folder, "bank", split, "embed")
    rows = [row for _, row in read_json_lines(folder / f"{split}_videos.jsonl")]
    return Bank(
        folder=folder,
        split=split,
        manifest=found,
        names=tuple(r["video"] for r in rows),
        labels=tuple(tuple(r["labels"]) for r in rows),
        frames=tuple(r["frames"] for r in rows),
        fps=tuple(r["fps"] for r in rows),
        _spans=tuple(tuple(map(tuple, r["spans"])) for r in rows),
        _texts=tuple(tuple(map(tuple, r["texts"])) for r in rows),
        _vectors=np.load(folder / f"{split}_vectors.npy", allow_pickle=False),
    )
