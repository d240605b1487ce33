"""What a detector learns from: the frames' features and the captions of the same videos, paired by name.

Frames set the grid: captions are laid on their T snippets, what lies beyond is dropped, and a shorter row of captions
is continued by its last one. A detector of captions alone has the bank's own grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rewrite.errors import CorpusError, SettingError
from trclip_vad.features import Features, open_features
from trclip_vad.grid import pooled
from trclip_vad.text_bank import Bank, open_bank

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Paired:
    """One split. Videos are in the order of the features, or of the bank where there are none.

    Attributes:
        bank, features: at least one of them.
        rows: per video its place in the bank, None where the bank does not know it.
    """

    bank: Bank | None
    features: Features | None
    rows: tuple[int | None, ...]

    @property
    def main(self) -> Bank | Features:
        """What says which videos there are."""
        found = self.features or self.bank
        assert found is not None, "open_paired gives one of them at least"
        return found

    @property
    def names(self) -> tuple[str, ...]:
        return self.main.names

    @property
    def labels(self) -> tuple[tuple[str, ...], ...]:
        return self.main.labels

    @property
    def classes(self) -> tuple[str, ...]:
        """Normal first."""
        return self.main.classes

    @property
    def frames(self) -> tuple[int, ...]:
        return self.main.frames

    @property
    def lengths(self) -> tuple[int, ...]:
        """T per video."""
        return self.main.lengths

    @property
    def folder(self) -> Path:
        return self.main.folder

    @property
    def split(self) -> str:
        return self.main.split

    @property
    def versions(self) -> int:
        """R of the captions; 1 without captions."""
        return self.bank.versions if self.bank else 1

    @property
    def ids(self) -> dict[str, str]:
        """The ids that a run is bound to."""
        found = {"bank_id": self.bank.id if self.bank else "", "features_id": self.features.id if self.features else ""}
        return {name: value for name, value in found.items() if value}

    def crops(self, video: int) -> tuple[int, ...]:
        """The crops of a video's frames; (0,) without frames."""
        return self.features.crops[video] if self.features else (0,)

    def truth(self) -> list[tuple[tuple[int, int], ...]]:
        """Per test video its anomalous [start, end) frames.

        Raises:
            SettingError: this is the training split.
        """
        return self.main.truth()

    def text(self, video: int, version: int = 0, at_most: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """((T, E) float32, (T,) bool covered), on the grid of the frames; at most so many bins.

        Without a row in the bank nothing is covered.
        """
        import numpy as np

        assert self.bank is not None, "there are no captions"
        row, length = self.rows[video], self.lengths[video]
        if row is None:
            bins = min(length, at_most or length)
            return np.zeros((bins, self.bank.width), np.float32), np.zeros(bins, bool)
        if self.bank.lengths[row] == length:
            return self.bank.text(row, version, at_most)
        text, covered = self.bank.text(row, version)
        at = np.minimum(np.arange(length), len(text) - 1)
        share = pooled(covered[at, None].astype(np.float32), at_most)
        return pooled(text[at], at_most) / np.where(share > 0, share, 1), share[:, 0] > 0

    def visual(self, video: int, crop: int, at_most: int | None = None) -> np.ndarray:
        """(T, D) float32 of the frames in one crop; at most so many bins."""
        assert self.features is not None, "there are no frames"
        return self.features.visual(video, crop, at_most)


def open_paired(
    bank: Path | None, features: Path | None, split: str, missing: Literal["refuse", "null"] = "refuse"
) -> Paired:
    """A split of a bank, of features, or of both paired by the videos' names.

    Args:
        missing: of a video with frames and no captions: refuse, or tell nothing of it.

    Raises:
        SettingError: neither is given, or they do not pair.
        CorpusError: one of them is missing, unfinished or edited, or they disagree on a video's labels.
    """
    if bank is None and features is None:
        todo = "Give the folder of a text bank, of features, or both."
        raise SettingError("bank, features", "the config names neither", todo)
    said = open_bank(bank, split) if bank else None
    seen = open_features(features, split) if features else None
    if said is None or seen is None:
        rows = tuple(range(len(said.names))) if said else tuple(None for _ in seen.names) if seen else ()
        return Paired(said, seen, rows)
    if said.classes != seen.classes:
        raise CorpusError(said.folder, f"has other classes than {seen.folder}", "Give two of one data set.")
    place = {name: row for row, name in enumerate(said.names)}
    unseen = sorted(set(place) - set(seen.names))
    if unseen:
        what = f"has captions of {len(unseen)} {split} videos without features, {unseen[0]} among them"
        raise SettingError(said.folder, what, "Make the features of these too.")
    unsaid = [name for name in seen.names if name not in place]
    if unsaid and missing == "refuse":
        what = f"has {len(unsaid)} {split} videos without captions, {unsaid[0]} among them"
        raise SettingError(seen.folder, what, "Caption them, or train with text.missing=null.")
    for name, labels in zip(seen.names, seen.labels, strict=True):
        if name in place and said.labels[place[name]] != labels:
            raise CorpusError(said.folder, f"calls {name} {said.labels[place[name]]}, not {labels}", "Make it again.")
    return Paired(said, seen, tuple(place.get(name) for name in seen.names))
