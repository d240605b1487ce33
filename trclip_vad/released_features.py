"""A features store of released visual arrays, `<video>__<k>.npy`: it points at them and copies none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rewrite import manifest
from rewrite.errors import InputError, SettingError
from rewrite.lock import one_writer
from rewrite.reporter import Reporter, Silent
from trclip_vad.batch import STRIDE
from trclip_vad.clip import ImageEncoder
from trclip_vad.datasets import Dataset
from trclip_vad.datasets.lists import VISUAL
from trclip_vad.extract import extract
from trclip_vad.features import seal
from trclip_vad.halves import SPLITS
from trclip_vad.released import (
    Released,
    about,
    already,
    digest_arrays,
    digest_videos,
    find,
    open_array,
)


def features_of(
    dataset: Dataset,
    out: Path,
    *,
    encoder: ImageEncoder,
    videos: Path | None = None,
    crops: Sequence[int] = (0,),
    released: Path | None = None,
    lists: Sequence[Path] = (),
    reporter: Reporter = Silent(),
) -> dict[str, Any]:
    """A features store: of `released` arrays where they are given, and else of video files, seen by `encoder`.

    Returns:
        The manifest.

    Raises:
        SettingError: released arrays and video files at once, or lists of nothing.
        InputError, ModelError, CorpusError, StorageError: see `visual_store` and `extract.extract`.
    """
    if released is None and lists:
        raise SettingError("--list", "is for released arrays", "Give their folder by --released.")
    if released is None:
        return extract(dataset, videos, encoder, out, crops, reporter)
    if videos is not None:
        raise SettingError("--videos", "is not looked at beside released arrays", "Give one of the two.")
    return visual_store(dataset, released, lists, out, reporter)


def visual_store(
    dataset: Dataset, folder: Path, lists: Sequence[Path], out: Path, reporter: Reporter = Silent()
) -> dict[str, Any]:
    """Makes a features store of released arrays: it names them by absolute path and size, and copies none.

    T of a video is the rows of its arrays. Its frames are the data set's, or 16 T where that does not know them.

    Returns:
        The manifest.

    Raises:
        InputError: see `find` and `open_array`; or crops of a video differ in T, or arrays in D.
        CorpusError: `out` holds another store.
        StorageError: the disk refused.
    """
    found = find(dataset, folder, lists, VISUAL)
    width = 0
    rows: dict[str, list[dict[str, Any]]] = {split: [] for split in SPLITS}
    with reporter.step("open arrays", sum(map(len, found.values())), "videos") as step:
        for split, members in found.items():
            for released in members:
                snippets, width = _shape(released, width)
                rows[split].append(_row(released, snippets))
                step.advance()
    asked = {
        "dataset": dataset.name,
        "videos": {split: digest_videos(members) for split, members in found.items()},
        "encoder": {"encoder": "released", "width": width, "arrays": digest_arrays(found)},
        "stride": STRIDE,
        "crops": {split: list(members[0].arrays) for split, members in found.items()},
    }
    test = [replace(r.video, frames=row["frames"]) for r, row in zip(found["test"], rows["test"], strict=True)]
    with one_writer(out):
        if manifest.is_sealed(out):
            return already(out, "features", asked, reporter)
        places = {"arrays": str(folder.resolve())}
        sealed = seal(out, asked, dataset.labels().names, rows, test, width, places)
    arrays = sum(len(released.arrays) for members in found.values() for released in members)
    reporter.say(f"{arrays} arrays of width {width}, features {sealed['features_id'][:16]} in {out}.")
    return sealed


def _shape(released: Released, width: int) -> tuple[int, int]:
    """(T, D) of a video; `width` is the D before it, 0 for none."""
    shapes = {path: open_array(path).shape for path in released.arrays.values()}
    first, (snippets, wide) = next(iter(shapes.items()))
    for path, shape in shapes.items():
        if shape != (snippets, wide):
            raise InputError(path, f"has the shape {shape}, and {first.name} {(snippets, wide)}", "Fetch both anew.")
    if width and wide != width:
        raise InputError(first, f"has {wide} columns, and the arrays before it {width}", "Give arrays of one encoder.")
    return snippets, wide


def _row(released: Released, snippets: int) -> dict[str, Any]:
    crops = {
        str(key): {"path": str(path.resolve()), "bytes": path.stat().st_size} for key, path in released.arrays.items()
    }
    return {**about(released, snippets), "snippets": snippets, "crops": crops}
