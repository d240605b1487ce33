"""Released arrays, found by what their names say and not by the row they stand in.

VadCLIP and TrCLIP-VAD gave away `.npy` arrays, one per video and crop (`<video>__<k>.npy`, (T, D)) or per video and
text version (`<video>_emb_<k>.npy`, (T_t, E)), with csv lists. `find` pairs them with the videos of a data set, and
`open_array` opens one without unpickling. released_features.py makes a features store of the first kind,
released_text.py a text bank of the second.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

from rewrite import manifest
from rewrite.errors import CorpusError, InputError
from rewrite.reporter import Reporter
from trclip_vad.batch import STRIDE, Video
from trclip_vad.datasets import Dataset
from trclip_vad.datasets.lists import Listed, key_of, read_list
from trclip_vad.halves import SPLITS

if TYPE_CHECKING:
    import numpy as np


@runtime_checkable
class Coded(Protocol):
    """A data set whose lists write labels in a code of their own."""

    def labels_of(self, string: str, where: object = ...) -> tuple[str, ...]:
        """The classes of a label string."""


@dataclass(frozen=True, slots=True)
class Released:
    """One video and its arrays.

    Attributes:
        video: as the data set tells it; `frames` 0 where it does not know them.
        arrays: crop or text version -> file, in rising order.
    """

    video: Video
    arrays: Mapping[int, Path]


def find(
    dataset: Dataset, folder: Path, lists: Sequence[Path], pattern: re.Pattern[str]
) -> dict[str, tuple[Released, ...]]:
    """Per split the videos that have arrays, in the data set's order.

    Args:
        folder: searched to its bottom.
        lists: where given, the arrays they name and no others count, so a video that none names is left out.
            Where not, every array of a video of the data set counts, and no video may be without.
        pattern: `lists.VISUAL` or `lists.TEXT`.

    Raises:
        InputError: an array is missing or there twice, a video lacks a crop (or version) that others of its split
            have, a list names a video or a label that the data set does not know, a split has no array at all, or a
            test video no frame truth.
    """
    whole = _whole(dataset)
    videos = {video.name: video for split in SPLITS for video in whole.videos(split)}
    files = _files(folder)
    if lists:
        arrays = _listed(lists, pattern, files, videos, dataset, folder)
    else:
        arrays = _all(pattern, files, videos)
        if bare := [name for name in videos if name not in arrays]:
            todo = "Fetch them, or give the lists of what was released by --list."
            raise InputError(folder, f"lacks the arrays of {len(bare)} videos, {bare[0]} the first", todo)
    found = {}
    for split in SPLITS:
        members = [v for v in videos.values() if v.split == split and v.name in arrays]
        keys = sorted({key for video in members for key in arrays[video.name]})
        if not members:
            raise InputError(folder, f"no array of a video of split {split!r} is there", "Give both splits.")
        for video in members:
            if split == "test" and video.anomalous is None:
                todo = "Add its truth to the data set."
                raise InputError(video.name, "is a test video without frame truth", todo)
            if lost := [key for key in keys if key not in arrays[video.name]]:
                what = f"{video.name} has no array {lost[0]}, which other {split} videos have"
                raise InputError(folder, what, "Fetch it, or give lists without it.")
        found[split] = tuple(Released(v, {key: arrays[v.name][key] for key in keys}) for v in members)
    return found


def open_array(path: Path) -> np.ndarray:
    """(T, D) of float16, float32 or float64, mapped from the disk and not read.

    Raises:
        InputError: not an array of that kind, cut short, or one that would run code when opened.
    """
    from zipfile import BadZipFile

    import numpy as np

    todo = "Fetch it anew."
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, EOFError, ValueError, OverflowError, BadZipFile) as error:
        raise InputError(path, f"is no plain .npy array ({str(error).splitlines()[0]})", todo) from error
    if not isinstance(found, np.ndarray):
        raise InputError(path, "is an archive of arrays, not one array", todo)
    if found.ndim != 2 or 0 in found.shape or found.dtype.kind != "f":
        what = f"is an array of shape {found.shape} and type {found.dtype}, not of T rows of real numbers"
        raise InputError(path, what, todo)
    return found


def about(released: Released, snippets: int) -> dict[str, Any]:
    """What every store says of a video; `frames` are 16 a snippet where the data set does not know them."""
    video = released.video
    frames = video.frames or STRIDE * snippets
    return {"video": video.name, "labels": video.labels, "frames": frames, "fps": video.fps}


def digest_videos(members: Sequence[Released]) -> str:
    """Of all that a store takes from the data set."""
    videos = [released.video for released in members]
    return manifest.digest([[v.name, v.labels, v.frames, v.fps, v.anomalous] for v in videos])


def digest_arrays(found: Mapping[str, Sequence[Released]]) -> str:
    """Of names and sizes, wherever the arrays lie: gigabytes are not read for it."""
    paths = [path for members in found.values() for released in members for path in released.arrays.values()]
    return manifest.digest(sorted([path.name, path.stat().st_size] for path in paths))


def already(out: Path, kind: str, asked: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """The manifest of a store that was made before.

    Raises:
        CorpusError: it was made of something else, or edited.
    """
    found = manifest.verify(out, kind)
    if found["asked"] != asked:
        changed = ", ".join(sorted(k for k in asked if found["asked"].get(k) != asked[k]))
        held = "features" if kind == "features" else f"a {kind}"
        raise CorpusError(out, f"holds {held} asked differently ({changed})", "Choose another --out.")
    reporter.say(f"{out} is made already: nothing to do.")
    return found


def _whole(dataset: Dataset) -> Dataset:
    """The data set with its wordless videos: captions are not read here, so their lack is no reason to drop one."""
    if is_dataclass(dataset) and any(f.name == "keep" for f in fields(dataset)):
        return cast(Dataset, replace(cast(Any, dataset), keep="all"))
    return dataset


def _files(folder: Path) -> dict[str, list[Path]]:
    """File name -> where it lies, of every .npy."""
    if not folder.is_dir():
        raise InputError(folder, "there is no such folder", "Give the folder of the released arrays.")
    found: dict[str, list[Path]] = {}
    for place, folders, files in os.walk(folder):
        folders.sort()
        for file in sorted(files):
            if file.endswith(".npy"):
                found.setdefault(file, []).append(Path(place) / file)
    return found


def _all(
    pattern: re.Pattern[str], files: Mapping[str, list[Path]], videos: Mapping[str, Video]
) -> dict[str, dict[int, Path]]:
    found: dict[str, dict[int, Path]] = {}
    for file, places in files.items():
        said = key_of(file, pattern)
        if said is None or said[0] not in videos:
            continue
        arrays = found.setdefault(said[0], {})
        for path in places:
            if said[1] in arrays:
                raise InputError(path, f"is the same array as {arrays[said[1]]}", "Say by --list which counts.")
            arrays[said[1]] = path
    return found


def _listed(
    lists: Sequence[Path],
    pattern: re.Pattern[str],
    files: Mapping[str, list[Path]],
    videos: Mapping[str, Video],
    dataset: Dataset,
    folder: Path,
) -> dict[str, dict[int, Path]]:
    found: dict[str, dict[int, Path]] = {}
    for row in (row for path in lists for row in read_list(path, pattern)):
        if row.video not in videos:
            raise InputError(row.where, f"{row.video} is no video of {dataset.name}", "Check list and data set.")
        _check_label(row, videos[row.video], dataset)
        places = files.get(row.file, [])
        if len(places) != 1:
            what = f"{row.file} lies at {places[0]} and at {places[1]}" if places else f"{row.file} is not in {folder}"
            raise InputError(row.where, what, "Fetch it, or take the row out." if not places else "Remove one.")
        arrays = found.setdefault(row.video, {})
        if row.key in arrays:
            raise InputError(row.where, f"{row.video} has array {row.key} from a list before", "Give each list once.")
        arrays[row.key] = places[0]
    return found


def _check_label(row: Listed, video: Video, dataset: Dataset) -> None:
    labels = dataset.labels_of(row.label, row.where) if isinstance(dataset, Coded) else tuple(row.label.split("|"))
    if set(labels) != set(video.labels):
        what = f"{row.video} is listed as {row.label!r}, and the data set says {'|'.join(video.labels)}"
        raise InputError(row.where, what, "Check list and data set.")
