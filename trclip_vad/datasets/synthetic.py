"""A small street-camera world, written to a folder: captions, rendered videos, labels and frame truth.

videos.jsonl     name, split, labels, frames, fps
captions.jsonl   id, video, snippet, text, label, split
truth.jsonl      test videos only: video, frames, anomalous [[start, end) frames]
videos/*.mp4     160 x 120, 10 frames a second; their digests stand in videos.json
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rewrite import manifest
from rewrite.captions import read_captions, read_json_lines
from rewrite.errors import CorpusError, InputError, SettingError
from rewrite.lock import one_writer
from rewrite.records import Caption
from rewrite.reporter import Reporter, Silent
from trclip_vad.batch import STRIDE, LabelSet, Video
from trclip_vad.datasets.street_grammar import LABELS, Moment, tell
from trclip_vad.datasets.street_render import FPS, encode

FILES = ("videos.jsonl", "captions.jsonl", "truth.jsonl", "videos.json")


def write_world(
    out: Path,
    *,
    train: int = 120,
    test: int = 40,
    seed: int = 0,
    frames: bool = True,
    reporter: Reporter = Silent(),
) -> dict[str, Any]:
    """Writes the world and seals it; stopped, it goes on with the videos that are whole. Equal requests, equal bytes.

    Args:
        train, test: videos per split, one half of each normal.
        frames: render the videos too.

    Returns:
        The manifest.

    Raises:
        SettingError: fewer than two videos in a split.
        CorpusError: `out` holds another world, or is being written.
        StorageError: the disk refused.
    """
    if min(train, test) < 2:
        raise SettingError("train, test", "a split needs a normal and an anomalous video", "Give 2 or more each.")
    asked = {"train": train, "test": test, "seed": seed, "frames": frames}
    with one_writer(out):
        if manifest.is_sealed(out):
            found = manifest.verify(out, "world")
            if found["asked"] != asked:
                raise CorpusError(out, f"holds another world ({found['asked']})", "Choose another folder.")
            reporter.say(f"{out} is written already: nothing to do.")
            return found
        stories = dict(_stories(train, test, seed))
        rows = {"videos.jsonl": [], "captions.jsonl": [], "truth.jsonl": []}  # type: dict[str, list[Any]]
        for video, _ in stories.values():
            about = {"name": video.name, "split": video.split, "labels": video.labels}
            rows["videos.jsonl"].append({**about, "frames": video.frames, "fps": video.fps})
            rows["captions.jsonl"] += [{**c.row(), "split": video.split} for c in video.captions]
            if video.split == "test":
                ranges = {"frames": video.frames, "anomalous": video.anomalous}
                rows["truth.jsonl"].append({"video": video.name, **ranges})
        for name, written in rows.items():
            manifest.write_atomic(out / name, manifest.jsonl_chunks(written))
        digests = _render(out, stories, seed, reporter) if frames else {}
        manifest.write_atomic(out / "videos.json", manifest.json_bytes(digests))
        return manifest.seal(out, "world", {"asked": asked}, FILES)


@dataclass(frozen=True, slots=True)
class Synthetic:
    """The world as a data set. See street_grammar.py for what a result on it does and does not say."""

    root: Path

    @property
    def name(self) -> str:
        return "synthetic"

    def labels(self) -> LabelSet:
        return LABELS

    def videos(self, split: str) -> list[Video]:
        """The videos of a split, in the order they were written; "train" opens no file of truth.

        Raises:
            InputError: a file is missing or broken, or a caption belongs to no video.
            SettingError: no such split.
        """
        if split not in ("train", "test"):
            raise SettingError(f"split {split!r}", "there is none of that name", "Use train or test.")
        said: dict[str, list[Caption]] = {}
        for caption in read_captions(self.root / "captions.jsonl", split=split):
            said.setdefault(str(caption.video), []).append(caption)
        truth = self._truth() if split == "test" else {}
        found = []
        for where, row in read_json_lines(self.root / "videos.jsonl"):
            if row.get("split") != split:
                continue
            try:
                name, labels = str(row["name"]), tuple(map(str, row["labels"]))
                frames, fps = int(row["frames"]), float(row["fps"])
            except (KeyError, TypeError, ValueError):
                raise InputError(where, "is not a row of a video", "Write the world again.") from None
            if not labels or not set(labels) <= set(LABELS.names):
                raise InputError(where, f"{row['labels']} are no classes of this world", "Write the world again.")
            if split == "test" and name not in truth:
                raise InputError(self.root / "truth.jsonl", f"has no row for {name}", "Write the world again.")
            captions = tuple(said.pop(name, ()))
            found.append(Video(name, split, labels, frames, fps, captions, truth.get(name)))
        if said:
            raise InputError(
                self.root / "captions.jsonl", f"names the unknown video {min(said)}", "Write the world again."
            )
        return found

    def _truth(self) -> dict[str, tuple[tuple[int, int], ...]]:
        found = {}
        for where, row in read_json_lines(self.root / "truth.jsonl"):
            try:
                found[str(row["video"])] = tuple((int(start), int(end)) for start, end in row["anomalous"])
            except (KeyError, TypeError, ValueError):
                raise InputError(where, "is not a row of frame truth", "Write the world again.") from None
        return found


def _stories(train: int, test: int, seed: int) -> Iterator[tuple[str, tuple[Video, list[Moment]]]]:
    """Name -> (video, its story). Each has a generator of its own: more videos leave the earlier ones as they are."""
    anomalies = LABELS.names[1:]
    for split, count in (("train", train), ("test", test)):
        for number in range(count):
            label = LABELS.normal if number % 2 == 0 else anomalies[number // 2 % len(anomalies)]
            name = f"{split}-{number:03d}"
            rng = random.Random(f"{seed}:{name}")
            story = tell(rng, label, split)
            frames = len(story) * STRIDE - rng.randrange(STRIDE)  # real videos end inside a snippet
            yield name, (_video(name, split, label, story, frames), story)


def _video(name: str, split: str, label: str, story: list[Moment], frames: int) -> Video:
    captions = tuple(
        Caption(moment.caption, f"{name}#{t}", name, snippet=t, label=label)
        for t, moment in enumerate(story)
        if moment.caption is not None
    )
    return Video(name, split, (label,), frames, float(FPS), captions, _anomalous(story, frames))


def _anomalous(story: list[Moment], frames: int) -> tuple[tuple[int, int], ...]:
    """[start, end) frames of each run of anomalous snippets."""
    ranges: list[tuple[int, int]] = []
    for t, moment in enumerate(story):
        if not moment.anomalous:
            continue
        start, end = t * STRIDE, min((t + 1) * STRIDE, frames)
        if ranges and ranges[-1][1] == start:
            ranges[-1] = ranges[-1][0], end
        else:
            ranges.append((start, end))
    return tuple(ranges)


def _render(out: Path, stories: dict[str, tuple[Video, list[Moment]]], seed: int, reporter: Reporter) -> dict[str, str]:
    """Video name -> sha256. The digests so far lie beside the videos, so that a resumed run redraws only the rest."""
    folder, journal = out / "videos", out / "videos.json"
    with manifest.storage(folder):
        folder.mkdir(exist_ok=True)
    try:
        known = json.loads(journal.read_bytes())
    except (OSError, ValueError):
        known = {}
    digests: dict[str, str] = {}
    with reporter.step("render", len(stories), "videos") as step:
        for name, (video, story) in stories.items():
            path = folder / f"{name}.mp4"
            whole = path.is_file() and known.get(name) == manifest.digest_file(path)
            if not whole:
                manifest.write_atomic(path, encode(story, video.frames, f"{seed}:{name}:picture"))
            digests[name] = manifest.digest_file(path)
            if not whole:
                manifest.write_atomic(journal, manifest.json_bytes({**known, **digests}))
            step.advance()
    return digests
