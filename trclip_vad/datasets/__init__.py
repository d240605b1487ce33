"""The board of data sets: one file each, one line here.

A data set is a frozen dataclass whose field `root` is its folder. It says what its videos are (classes, lengths,
captions, truth) and embeds or trains nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from trclip_vad.batch import LabelSet, Video
from trclip_vad.datasets.folder import Folder
from trclip_vad.datasets.ucf_crime import UCFCrime
from trclip_vad.datasets.xd_violence import XDViolence


class Dataset(Protocol):
    """What every data set answers."""

    @property
    def name(self) -> str:
        """Its name on the board, for manifests."""

    @property
    def root(self) -> Path:
        """The folder it lies in."""

    def labels(self) -> LabelSet:
        """Its classes, normal first."""

    def videos(self, split: str) -> list[Video]:
        """The videos of "train" or "test", by the data set's own lists, in their order.

        Truth (`Video.anomalous`) is filled for "test" only; reading "train" opens no file of truth.

        Raises:
            InputError: a file is missing or broken.
            SettingError: no such split.
        """


def _synthetic(root: Path) -> Dataset:
    from trclip_vad.datasets.synthetic import Synthetic  # it draws pictures, and loads what that takes

    return Synthetic(root)


DATASETS: dict[str, Callable[[Path], Dataset]] = {
    "synthetic": _synthetic,
    "ucf_crime": UCFCrime,
    "xd_violence": XDViolence,
    "folder": Folder,
}
