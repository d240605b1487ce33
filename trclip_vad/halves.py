"""What a text bank and a folder of features share: two halves that are opened apart, and how they are written."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewrite import manifest
from rewrite.captions import read_json_lines
from rewrite.errors import CorpusError, SettingError
from trclip_vad.batch import Video

if TYPE_CHECKING:
    import numpy as np

SPLITS = ("train", "test")


def open_half(folder: Path, kind: str, split: str, again: str) -> dict[str, Any]:
    """The manifest, the files of this half held against their digests; no file of the other half is opened.

    Args:
        again: how such a folder is made anew, for the error's last words.

    Raises:
        CorpusError: not such a folder, not finished, or edited after sealing.
        SettingError: no such split.
    """
    if split not in SPLITS:
        raise SettingError(f"split {split!r}", "there is none of that name", "Use train or test.")
    found = manifest.read(folder, kind)
    if found.get(f"{kind}_id") != manifest.digest(found.get("files")):
        raise CorpusError(folder / manifest.NAME, "its id does not fit its files", f"Restore it, or {again} again.")
    for name, wanted in found["files"].items():
        path = folder / name
        if name.startswith(f"{split}_") and (not path.is_file() or manifest.digest_file(path) != wanted):
            raise CorpusError(path, "is missing or was changed after sealing", f"Restore it, or {again} again.")
    return found


def truth_of(folder: Path, split: str) -> list[tuple[tuple[int, int], ...]]:
    """Per test video its anomalous [start, end) frames.

    Raises:
        SettingError: this is the training split, which has none.
    """
    if split != "test":
        raise SettingError(f"split {split!r}", "has no frame truth", "Open the test split.")
    return [tuple(map(tuple, row["anomalous"])) for _, row in read_json_lines(folder / "test_truth.jsonl")]


def about(video: Video) -> dict[str, Any]:
    """The part of a video's row that both have."""
    return {"video": video.name, "labels": video.labels, "frames": video.frames, "fps": video.fps}


def place(model: str) -> str:
    """An absolute path where the model is a folder: the hint must hold from anywhere."""
    path = Path(model).expanduser()
    return str(path.resolve()) if path.exists() else model


def npy(array: np.ndarray) -> bytes:
    """An array as the bytes of its file."""
    import numpy as np

    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()
