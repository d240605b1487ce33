"""Any folder of videos and a csv: the data set of one's own.

    videos.csv       video,split,label[,frames][,fps]    a row a video; several labels with `|` between
    captions.jsonl   optional: rows with `text`, `video` and `snippet` or `start`, `end` (seconds)
    truth.jsonl      optional: {"video", "anomalous": [[start, end) frames, ...]} of the anomalous test videos
    *.mp4 ...        the videos, anywhere below the folder

A video's name is its file's without the ending; the csv may write the ending too. Where the csv does not say a video's
frames and rate, its file is asked; no frame is decoded for that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from rewrite.errors import InputError, SettingError, did_you_mean
from rewrite.records import Caption
from rewrite.settings import setting
from trclip_vad.batch import LabelSet, Video
from trclip_vad.datasets.tables import Ranges, read_captions_by_video, read_csv, read_truth
from trclip_vad.video import ENDINGS

SPLITS = ("train", "test")


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the csv."""

    where: str
    split: str
    labels: tuple[str, ...]
    frames: int | None
    fps: float | None


@dataclass(frozen=True, slots=True)
class Folder:
    """Whatever the csv lists."""

    root: Path
    table: str = setting("videos.csv", "csv inside the folder: video,split,label and, where known, frames,fps")
    normal: str = setting("Normal", "the class of the videos in which nothing happens; it stands first")

    @property
    def name(self) -> str:
        return "folder"

    def labels(self) -> LabelSet:
        """The classes that the csv names, normal first and the others by name.

        Raises:
            InputError: the csv is missing or broken, or names no normal video.
        """
        return self._labels(self._rows())

    def videos(self, split: str) -> list[Video]:
        """The videos of a split, in the csv's order; "train" opens no file of truth.

        A normal test video is normal throughout. An anomalous one without `truth.jsonl` has no truth (None).

        Raises:
            InputError: a file is missing or broken, a length is not to be found, or captions or truth are of no video.
            SettingError: no such split.
        """
        if split not in SPLITS:
            raise SettingError(f"split {split!r}", "there is none of that name", "Use train or test.")
        rows = self._rows()
        self._labels(rows)
        path = self.root / "captions.jsonl"
        captions = read_captions_by_video(path) if path.exists() else {}
        _refuse_unknown(path, captions, rows)
        truth = self._truth(rows) if split == "test" else {}
        asked = {name: row for name, row in rows.items() if row.split == split}
        lengths = self._lengths(asked)
        return [self._video(name, row, lengths[name], captions.get(name, []), truth) for name, row in asked.items()]

    def _lengths(self, rows: Mapping[str, Row]) -> dict[str, tuple[int, float]]:
        """Video -> (frames, fps): the csv's, or what the film says."""
        found = {name: (row.frames, row.fps) for name, row in rows.items() if row.frames and row.fps}
        films: dict[str, list[Path]] = {}
        for path in sorted(self.root.rglob("*")) if len(found) < len(rows) else ():
            if path.suffix.lower() in ENDINGS and path.is_file():
                films.setdefault(path.stem, []).append(path)
        for name, row in rows.items():
            if name in found:
                continue
            at = films.get(name, [])
            if len(at) != 1:
                what = f"the film of {name} lies at {at[0]} and at {at[1]}" if at else f"there is no film of {name}"
                raise InputError(row.where, what, "Give its frames and fps in the csv, or one film of that name.")
            frames, fps = count_frames(at[0])
            found[name] = row.frames or frames, row.fps or fps
        return found

    def _video(
        self,
        name: str,
        row: Row,
        length: tuple[int, float],
        said: list[Caption],
        truth: Mapping[str, Ranges | None],
    ) -> Video:
        frames, fps = length
        anomalous = truth.get(name)
        if anomalous and anomalous[-1][1] > frames:
            what = f"the truth of {name} ends at frame {anomalous[-1][1]}, behind its {frames} frames"
            raise InputError(self.root / "truth.jsonl", what, "Mend its row.")
        return Video(name, row.split, row.labels, frames, fps, tuple(said), anomalous)

    def _labels(self, rows: Mapping[str, Row]) -> LabelSet:
        names = {label for row in rows.values() for label in row.labels}
        if self.normal not in names:
            todo = f"{did_you_mean(self.normal, names)} Name the normal class by --set dataset.normal=NAME."
            raise InputError(self.root / self.table, f"no video is labelled {self.normal!r}", todo)
        return LabelSet((self.normal, *sorted(names - {self.normal})))

    def _rows(self) -> dict[str, Row]:
        path = self.root / self.table
        rows: dict[str, Row] = {}
        for where, cells in read_csv(path, ("video", "split", "label")):
            if cells["split"] not in SPLITS:
                raise InputError(where, f"its split is {cells['split']!r}", "Write train or test.")
            bare = PurePosixPath(cells["video"])
            name = bare.stem if bare.suffix.lower() in ENDINGS else bare.name
            if name in rows:
                raise InputError(where, f"{name} stands already at {rows[name].where}", "Give each video one row.")
            labels = tuple(sorted({label.strip() for label in cells["label"].split("|") if label.strip()}))
            if not labels or (self.normal in labels and len(labels) > 1):
                what = f"{cells['label']!r} is not one class, or several anomalies"
                raise InputError(where, what, f"Write {self.normal}, or anomalies with | between.")
            frames, fps = (_number(cells, column, where) for column in ("frames", "fps"))
            if frames is not None and frames != int(frames):
                raise InputError(where, "its `frames` is not a whole number", "Mend it, or leave it empty.")
            rows[name] = Row(where, cells["split"], labels, None if frames is None else int(frames), fps)
        if not rows:
            raise InputError(path, "lists no video", "Write a row for each.")
        return rows

    def _truth(self, rows: Mapping[str, Row]) -> dict[str, Ranges | None]:
        path = self.root / "truth.jsonl"
        given = {video: ranges for video, (_, ranges) in read_truth(path).items()} if path.exists() else {}
        _refuse_unknown(path, given, rows)
        found: dict[str, Ranges | None] = {}
        for name, row in rows.items():
            normal = row.labels == (self.normal,)
            if row.split != "test":
                continue
            if normal and given.get(name):
                raise InputError(
                    path, f"{name} is labelled {self.normal} and has anomalous frames", "Mend one of them."
                )
            if not normal and path.exists() and name not in given:
                raise InputError(path, f"has no row for the anomalous test video {name}", "Add it.")
            found[name] = () if normal else tuple(sorted(given[name])) if name in given else None
        return found


def count_frames(path: Path) -> tuple[int, float]:
    """(frames, frames per second) of a film, by counting its packets: nothing is decoded.

    Raises:
        InputError: it is no film, or does not say its rate.
    """
    import av

    try:
        with av.open(str(path)) as film:
            if not film.streams.video:
                raise InputError(path, "holds no video stream", "Is it a film?")
            stream = film.streams.video[0]
            frames = sum(1 for packet in film.demux(stream) if packet.size)
            rate = stream.average_rate or stream.guessed_rate
    except (av.FFmpegError, OSError) as error:
        raise InputError(path, f"is no film that can be read ({error})", "Is the file whole?") from error
    if not frames or not rate:
        raise InputError(path, "does not say its frames or their rate", "Give `frames` and `fps` in the csv.")
    return frames, float(rate)


def _number(cells: Mapping[str, str], column: str, where: str) -> float | None:
    if not cells.get(column):
        return None
    try:
        value = float(cells[column])
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise InputError(
            where, f"its `{column}` is {cells[column]!r}, not a number above 0", "Mend it, or leave it empty."
        )
    return value


def _refuse_unknown(path: Path, named: Mapping[str, object], rows: Mapping[str, Row]) -> None:
    if unknown := sorted(set(named) - set(rows)):
        raise InputError(path, f"names {unknown[0]}, which the csv does not list", did_you_mean(unknown[0], rows))
