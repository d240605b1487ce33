"""Lists of released arrays as VadCLIP and TrCLIP-VAD write them: a csv of `path,label`, a row a video and crop.

The paths are their authors' own, so a row is known by its file's name alone:
    <video>__<k>.npy                                                  what the camera saw, crop k
    <video>_emb_<k>.npy, _emb__<k>.npy, _emb_<k>_modified.npy         what was said of it, version k
A name is taken apart as a whole, never searched for a part of it: `Abuse02_x264` is not in `Abuse028_x264__5.npy`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from rewrite.errors import InputError
from trclip_vad.datasets.tables import read_csv

VISUAL = re.compile(r"(.+)__(\d{1,4})\.npy")
TEXT = re.compile(r"(.+)_emb__?(\d{1,4})(?:_modified)?\.npy")


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of a list.

    Attributes:
        where: file and line, for messages.
        file: the array's file name, without the authors' folders.
        video, key: what the name says: the video, and its crop or text version.
        label: the label string as written.
    """

    where: str
    file: str
    video: str
    key: int
    label: str


def key_of(file: str, pattern: re.Pattern[str]) -> tuple[str, int] | None:
    """(video, crop or version) that a file name says, or None where it is no such name."""
    found = pattern.fullmatch(file)
    return (found[1], int(found[2])) if found else None


def read_list(path: Path, pattern: re.Pattern[str]) -> list[Listed]:
    """The rows of a list, in its order.

    Raises:
        InputError: missing, not a csv of path and label, a name of another kind, or one (video, key) twice.
    """
    rows: dict[tuple[str, int], Listed] = {}
    for where, row in read_csv(path, ("path", "label")):
        file = row["path"].replace("\\", "/").rpartition("/")[2]
        key = key_of(file, pattern)
        if key is None:
            named = "<video>__<k>.npy" if pattern is VISUAL else "<video>_emb_<k>.npy"
            raise InputError(where, f"{file!r} is no name of the form {named}", "Is it the other kind of list?")
        if key in rows:
            raise InputError(where, f"{file} stands already at {rows[key].where}", "Delete one of the rows.")
        rows[key] = Listed(where, file, *key, row["label"])
    if not rows:
        raise InputError(path, "lists nothing", "Check the file.")
    return list(rows.values())
