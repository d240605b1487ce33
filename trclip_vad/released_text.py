"""A text bank of released text arrays, `<video>_emb_<k>.npy`: version k of the bank is what the arrays k say.

A row of an array is the sentence vector of one snippet, read as it is (no norm is changed). Its rows lie on the
video's own snippets: what is said beyond the last one is dropped, and the last row is repeated up to it. SwinBERT's
captions have ceil(frames / 16) rows where the visual arrays have floor(frames / 16): lengths differ by one as a rule.

Equal rows are stored once. They are streamed: memory holds their digests, never their vectors.

A split that lacks a version (the released test lists hold one) says its first one there; the manifest's `fallback`
names the share.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from rewrite import manifest
from rewrite.errors import InputError, SettingError
from rewrite.lock import one_writer
from rewrite.reporter import Reporter, Silent
from trclip_vad.batch import STRIDE
from trclip_vad.checkpoint import PLACES
from trclip_vad.datasets import Dataset
from trclip_vad.datasets.lists import TEXT
from trclip_vad.embed import embed
from trclip_vad.encoders import Encoder
from trclip_vad.released import (
    SPLITS,
    Released,
    about,
    already,
    digest_arrays,
    digest_videos,
    find,
    open_array,
)

if TYPE_CHECKING:
    import numpy as np

_SPOOL = ".spool"  # vectors on their way into {split}_vectors.npy
_CHUNK = 1 << 22  # bytes copied at a time


def bank_of(
    dataset: Dataset,
    out: Path,
    *,
    encoder: Encoder,
    corpora: Sequence[Path] = (),
    released: Path | None = None,
    lists: Sequence[Path] = (),
    reporter: Reporter = Silent(),
) -> dict[str, Any]:
    """A text bank: of `released` arrays where they are given, and else of captions, embedded by `encoder`.

    Returns:
        The manifest.

    Raises:
        SettingError: released arrays and corpora at once, or lists of nothing.
        InputError, ModelError, CorpusError, StorageError: see `text_bank` and `embed.embed`.
    """
    if released is None and lists:
        raise SettingError("--list", "is for released arrays", "Give their folder by --released.")
    if released is None:
        return embed(dataset, corpora, encoder, out, reporter)
    if corpora:
        raise SettingError("--corpus", "cannot be laid over released arrays: their words are not known", "Give one.")
    return text_bank(dataset, released, lists, out, reporter)


def text_bank(
    dataset: Dataset, folder: Path, lists: Sequence[Path], out: Path, reporter: Reporter = Silent()
) -> dict[str, Any]:
    """Makes a text bank, as embed.py seals them, of released text arrays.

    Returns:
        The manifest.

    Raises:
        InputError: see `released.find` and `released.open_array`; or arrays differ in E, or hold no finite numbers.
        CorpusError: `out` holds another bank.
        StorageError: the disk refused.
    """
    found = find(dataset, folder, lists, TEXT)
    keys = sorted({key for members in found.values() for key in members[0].arrays})
    width = int(open_array(next(iter(found["train"][0].arrays.values()))).shape[1])
    asked = {
        "dataset": dataset.name,
        "videos": {split: digest_videos(members) for split, members in found.items()},
        "versions": [{"name": f"released/{key}", "key": key} for key in keys],
        "encoder": {"encoder": "released", "width": width, "arrays": digest_arrays(found)},
        "stride": STRIDE,
    }
    with one_writer(out):
        if manifest.is_sealed(out):
            return already(out, "bank", asked, reporter)
        rows: dict[str, list[dict[str, Any]]] = {}
        counted = {}
        for split, members in found.items():
            rows[split], counted[split] = _write_split(out, split, members, keys, width, reporter)
        truth = [
            {"video": row["video"], "frames": row["frames"], "anomalous": released.video.anomalous}
            for released, row in zip(found["test"], rows["test"], strict=True)
        ]
        manifest.write_atomic(out / "test_truth.jsonl", manifest.jsonl_chunks(truth))
        manifest.write_atomic(out / PLACES, manifest.json_bytes({"arrays": str(folder.resolve())}))
        body = {
            "asked": asked,
            "labels": list(dataset.labels().names),
            "splits": counted,
            "environment": manifest.environment(),
        }
        files = [f"{split}_{name}" for split in SPLITS for name in ("vectors.npy", "videos.jsonl")]
        sealed = manifest.seal(out, "bank", body, [*files, "test_truth.jsonl"])
    texts = sum(split["texts"] for split in counted.values())
    reporter.say(f"{texts} unique rows in {len(keys)} versions, bank {sealed['bank_id'][:16]} in {out}.")
    return sealed


def laid(numbers: Sequence[int], length: int) -> list[int]:
    """One number for each of `length` snippets: what lies behind is dropped, the last one repeated up to the end."""
    return [numbers[min(t, len(numbers) - 1)] for t in range(length)]


def _write_split(
    out: Path, split: str, members: Sequence[Released], keys: Sequence[int], width: int, reporter: Reporter
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Writes the two files of a split; returns its rows and what they hold."""
    here = list(members[0].arrays)
    spool = out / _SPOOL
    rows, outside, repeated = [], 0, 0
    row_of: dict[bytes, int] = {}
    try:
        with manifest.storage(spool), spool.open("wb") as file, reporter.step(split, len(members), "videos") as step:
            for released in members:
                arrays = {key: open_array(path) for key, path in released.arrays.items()}
                entry = about(released, max(map(len, arrays.values())))
                length = -(-entry["frames"] // STRIDE)
                texts = {}
                for key, array in arrays.items():
                    numbers = _store(array[:length], released.arrays[key], width, row_of, file)
                    texts[key] = laid(numbers, length)
                    outside += max(len(array) - length, 0)
                    repeated += max(length - len(array), 0)
                spans = [[t, t + 1] for t in range(length)]
                rows.append({**entry, "spans": spans, "texts": [texts.get(key, texts[here[0]]) for key in keys]})
                step.advance()
        manifest.write_atomic(out / f"{split}_vectors.npy", _npy(spool, len(row_of), width))
    finally:
        spool.unlink(missing_ok=True)
    manifest.write_atomic(out / f"{split}_videos.jsonl", manifest.jsonl_chunks(rows))
    return rows, {
        "videos": len(members),
        "captions": sum(len(row["spans"]) for row in rows),
        "captions_outside": outside,
        "repeated": repeated,
        "texts": len(row_of),
        "covered": 1.0,
        "fallback": [0.0 if key in here else 1.0 for key in keys],
    }


def _store(array: np.ndarray, path: Path, width: int, row_of: dict[bytes, int], file: IO[bytes]) -> list[int]:
    """The number of each row in the bank; rows that are new go to the spool."""
    import numpy as np

    vectors = np.asarray(array, dtype="<f4")
    if vectors.shape[1] != width:
        raise InputError(path, f"has {vectors.shape[1]} columns, and the arrays before it {width}", "Fetch it anew.")
    if not np.isfinite(vectors).all():
        raise InputError(path, "holds numbers that are not finite", "Fetch it anew.")
    numbers = []
    for vector in vectors + np.float32(0):  # -0.0 becomes 0.0: equal rows, equal bytes
        data = vector.tobytes()
        digest = hashlib.blake2b(data, digest_size=16).digest()
        if digest not in row_of:
            row_of[digest] = len(row_of)
            file.write(data)
        numbers.append(row_of[digest])
    return numbers


def _npy(spool: Path, count: int, width: int) -> Iterator[bytes]:
    """The bytes of a .npy file around the vectors of the spool."""
    import numpy as np

    head = io.BytesIO()
    description = {"descr": "<f4", "fortran_order": False, "shape": (count, width)}
    np.lib.format.write_array_header_1_0(head, description)
    yield head.getvalue()
    with spool.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
