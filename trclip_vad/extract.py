"""Videos -> visual features: the middle frame of every snippet, through a frozen image tower, into a sealed folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewrite import manifest
from rewrite.captions import read_json_lines
from rewrite.errors import CorpusError, InputError, SettingError
from rewrite.lock import one_writer
from rewrite.reporter import Reporter, Silent, Step
from trclip_vad.batch import STRIDE, Video
from trclip_vad.clip import ImageEncoder
from trclip_vad.datasets import Dataset
from trclip_vad.features import seal
from trclip_vad.halves import SPLITS, about, npy, place
from trclip_vad.video import Film, find_films

if TYPE_CHECKING:
    import numpy as np

CROPS = {"one": (0,), "ten": tuple(range(10))}
_PARTS, _ARRAYS = ".parts", "arrays"


def extract(
    dataset: Dataset,
    videos: Path | None,
    encoder: ImageEncoder,
    out: Path,
    crops: Sequence[int] = (0,),
    reporter: Reporter = Silent(),
) -> dict[str, Any]:
    """Encodes every video of a data set into a sealed folder; stopped or killed, it goes on and ends in the same bytes.

    A video that cannot be read stops no other: all of them are told at the end, and what is finished is kept.

    Args:
        videos: folder of the video files, searched below; None: `videos` in the data set's own folder.
        crops: of the encoder's; see pictures.py.

    Returns:
        The manifest.

    Raises:
        InputError: videos are missing, broken, or not of the length the data set says.
        SettingError: the encoder has no such crop.
        ModelError: the encoder is missing.
        CorpusError: `out` holds other features.
        StorageError: the disk refused; finished videos are kept.
    """
    listed = {split: dataset.videos(split) for split in SPLITS}
    everything = [video for split in SPLITS for video in listed[split]]
    folder = videos or dataset.root / "videos"
    films = find_films(folder, [video.name for video in everything])
    if unknown := sorted(set(crops) - set(encoder.crops)):
        known = ", ".join(map(str, encoder.crops))
        raise SettingError(f"crop {unknown[0]}", f"{encoder.model} has none of that number", f"Known: {known}.")
    asked: dict[str, Any] = {
        "dataset": dataset.name,
        "videos": {split: manifest.digest([_row(v) for v in listed[split]]) for split in SPLITS},
        "encoder": encoder.identity(),
        "stride": STRIDE,
        "crops": sorted(set(crops)),
    }
    with one_writer(out):
        if manifest.is_sealed(out):
            return _already(out, asked, films, reporter)
        _begin(out, asked)
        done = _encode_all(out, everything, films, encoder, asked["crops"], reporter)
        rows = {split: [{**about(v), **done[v.name]} for v in listed[split]] for split in SPLITS}
        places = {"encoder": place(encoder.model), "videos": str(folder.resolve())}
        sealed = seal(out, asked, dataset.labels().names, rows, listed["test"], encoder.width, places)
        shutil.rmtree(out / _PARTS, ignore_errors=True)
    reporter.say(f"{len(everything)} videos, features {sealed['features_id'][:16]} in {out}.")
    return sealed


def _encode_all(
    out: Path,
    videos: Sequence[Video],
    films: Mapping[str, Path],
    encoder: ImageEncoder,
    crops: Sequence[int],
    reporter: Reporter,
) -> dict[str, dict[str, Any]]:
    """Video name -> what its row says beyond the data set; each video's note is written when its arrays are whole."""
    done = {video.name: note for video in videos if (note := _note(out, video.name, films[video.name]))}
    rest = [video for video in videos if video.name not in done]
    if done:
        reporter.say(f"{len(done)} of {len(videos)} videos were finished before.")
    broken: list[InputError] = []
    with reporter.step("encode", sum(video.snippets for video in rest), "snippets") as step:
        for video in rest:
            try:
                done[video.name] = _encode(out, video, films[video.name], encoder, crops, step)
            except InputError as error:
                broken.append(error)
    if len(broken) == 1:
        raise broken[0]
    if broken:
        shown = "; ".join(f"{error.where}: {error.what}" for error in broken)
        todo = "Mend them and run the same command: the others are kept."
        raise InputError(f"{len(broken)} of {len(videos)} videos", shown, todo)
    return done


def _encode(
    out: Path, video: Video, path: Path, encoder: ImageEncoder, crops: Sequence[int], step: Step
) -> dict[str, Any]:
    film = Film(path)
    found = encoder.encode_crops(_counted(film, step), crops)
    if abs(film.frames - video.frames) > STRIDE:
        what = f"has {film.frames} frames, and the data set says {video.frames}"
        raise InputError(path, what, "Is it whole, and this data set's own?")
    entries = {}
    for crop, rows in zip(crops, found, strict=True):
        name, data = f"{_ARRAYS}/{video.name}__{crop}.npy", npy(rows)
        manifest.write_atomic(out / name, data)
        entries[str(crop)] = {"path": name, "sha256": manifest.digest_file(out / name)}
    source = {"sha256": manifest.digest_file(path), "bytes": path.stat().st_size}
    note = {"frames": film.frames, "snippets": found.shape[1], "source": source, "crops": entries}
    stamped = {"note": note, "changed": path.stat().st_mtime_ns}
    manifest.write_atomic(out / _PARTS / f"{video.name}.json", manifest.json_bytes(stamped))
    return note


def _counted(frames: Iterable[np.ndarray], step: Step) -> Iterator[np.ndarray]:
    for frame in frames:
        yield frame
        step.advance()


def _note(out: Path, name: str, film: Path) -> dict[str, Any] | None:
    """What was noted of a finished video, or None where it was not finished or its file is another one now."""
    path = out / _PARTS / f"{name}.json"
    if not path.is_file():
        return None
    stamped = json.loads(path.read_bytes())
    note: dict[str, Any] = stamped["note"]
    same = film.stat().st_size == note["source"]["bytes"] and (
        film.stat().st_mtime_ns == stamped["changed"] or manifest.digest_file(film) == note["source"]["sha256"]
    )
    return note if same and all((out / entry["path"]).is_file() for entry in note["crops"].values()) else None


def _row(video: Video) -> dict[str, Any]:
    """All that the features take from a data set's video, for the digest of what was asked."""
    return {**about(video), "anomalous": video.anomalous}


def _begin(out: Path, asked: dict[str, Any]) -> None:
    """Goes on with the videos of the same question; refuses those of another."""
    question = out / _PARTS / "asked"
    for folder in (out / _PARTS, out / _ARRAYS):
        with manifest.storage(folder):
            folder.mkdir(exist_ok=True)
    if not question.is_file():
        manifest.write_atomic(question, manifest.digest(asked))
    elif question.read_text() != manifest.digest(asked):
        raise CorpusError(out, "holds unfinished work that was asked differently", "Choose another --out.")


def _already(out: Path, asked: dict[str, Any], films: Mapping[str, Path], reporter: Reporter) -> dict[str, Any]:
    found = manifest.verify(out, "features")
    if found["asked"] != asked:
        changed = ", ".join(sorted(k for k in asked if found["asked"].get(k) != asked[k]))
        raise CorpusError(out, f"holds features that were asked differently ({changed})", "Choose another --out.")
    for split in SPLITS:
        for _, row in read_json_lines(out / f"{split}_videos.jsonl"):
            if films[row["video"]].stat().st_size != row["source"]["bytes"]:
                what = f"holds features of another file of {row['video']} than {films[row['video']]}"
                raise CorpusError(out, what, "Choose another --out.")
    reporter.say(f"{out} is already extracted: nothing to do.")
    shutil.rmtree(out / _PARTS, ignore_errors=True)
    return found
