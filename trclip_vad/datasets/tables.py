"""The small files a data set is told by: text, json, csv, frame counts, frame truth. Refusals name file and line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rewrite.captions import read_captions, read_json_lines
from rewrite.errors import InputError
from rewrite.records import Caption

Ranges = tuple[tuple[int, int], ...]  # half-open [start, end) frames


def read_text(path: Path) -> str:
    """A UTF-8 file, its byte order mark dropped.

    Raises:
        InputError: missing, or not UTF-8.
    """
    if not path.is_file():
        raise InputError(path, "there is no such file", "See the data set's list of files in the README.")
    try:
        return path.read_bytes().removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError:
        raise InputError(path, "is not UTF-8", "Convert it.") from None


def read_object(path: Path) -> dict[str, Any]:
    """A json file that maps videos to something.

    Raises:
        InputError: missing, or not a json object.
    """
    try:
        found = json.loads(read_text(path))
    except ValueError as error:
        raise InputError(path, f"is not json ({error})", "Mend the file.") from None
    if not isinstance(found, dict):
        raise InputError(path, "is not a json object of videos", "Mend the file.")
    return found


def read_csv(path: Path, columns: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """(where, row) for each line under a header that names at least `columns`; cells stripped, lacking ones empty.

    Raises:
        InputError: missing, a column is missing, a cell of `columns` is empty, or a line has too many cells.
    """
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""), strict=True)
    header = [name.strip() for name in reader.fieldnames or ()]
    if missing := [name for name in columns if name not in header]:
        what = f"its first line names no column {missing[0]!r}"
        raise InputError(path, what, f"Write a header: {','.join(columns)}.")
    reader.fieldnames = header
    try:
        for row in reader:
            where = f"{path}:{reader.line_num}"
            if None in row:
                raise InputError(where, "has more cells than the header", "Quote cells that hold a comma.")
            cells = {name: (value or "").strip() for name, value in row.items()}
            if empty := [name for name in columns if not cells[name]]:
                raise InputError(where, f"its {empty[0]!r} is empty", "Fill it in, or delete the line.")
            yield where, cells
    except csv.Error as error:
        raise InputError(f"{path}:{reader.line_num}", str(error), "Mend the line.") from None


def read_frame_counts(path: Path) -> dict[str, int]:
    """Video -> number of frames, from `{"video": frames}`.

    Raises:
        InputError: missing, or a count is not a whole number from 1.
    """
    counts = read_object(path)
    for video, frames in counts.items():
        if not isinstance(frames, int) or isinstance(frames, bool) or frames < 1:
            raise InputError(path, f"the frame count of {video} is not a whole number from 1", "Mend it.")
    return counts


def read_truth(path: Path) -> dict[str, tuple[int | None, Ranges]]:
    """Video -> (frames where the row says them, anomalous ranges) from rows of `video`, `frames`, `anomalous`.

    Raises:
        InputError: missing, or a row is not of that form.
    """
    found: dict[str, tuple[int | None, Ranges]] = {}
    for where, row in read_json_lines(path):
        try:
            frames = None if row.get("frames") is None else int(row["frames"])
            ranges = tuple((int(start), int(end)) for start, end in row["anomalous"])
            video = str(row["video"])
        except (KeyError, TypeError, ValueError):
            todo = 'Write {"video":, "frames":, "anomalous": [[start, end], ...]}.'
            raise InputError(where, "is not a row of frame truth", todo) from None
        if video in found:
            raise InputError(where, f"{video} has a row already", "Delete one.")
        if not all(0 <= start < end for start, end in ranges):
            raise InputError(
                where, "holds a range that is not 0 <= start < end", "Give frames, half-open [start, end)."
            )
        found[video] = frames, ranges
    return found


def read_captions_by_video(path: Path) -> dict[str, list[Caption]]:
    """Video -> its captions, in the file's order.

    Raises:
        InputError: the file is missing or broken, or a caption names no video.
    """
    found: dict[str, list[Caption]] = {}
    for caption in read_captions(path):
        if caption.video is None:
            raise InputError(path, f"caption {caption.id!r} names no video", "Give each caption its video.")
        found.setdefault(caption.video, []).append(caption)
    return found
