"""XD-Violence (Wu et al., ECCV 2020): 3,954 training and 800 test clips of films and the web, with several labels each.

The folder holds the lists of released arrays, `xd_CLIP_rgb.csv` (training) and `xd_CLIP_rgbtest.csv`, whose rows name
the videos and their label strings (`B2-G-0`), and the frame truth of the test videos: `truth.jsonl`
({"video", "frames", "anomalous": [[start, end), ...]}), or else the official `annotations.txt` (a line
`name start end start end ...`) with `frame_counts.json` ({video: frames}).

Optional: `captions.jsonl`, with `video` and a place in time; `frame_counts.json` for the training videos too. The lists
tell no lengths: where no file does, the captions of a video do, and else `Video.frames` is 0, "not known" (released
arrays know it, see released.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rewrite.errors import InputError, SettingError
from rewrite.records import Caption
from rewrite.settings import setting
from trclip_vad.batch import STRIDE, LabelSet, Video
from trclip_vad.datasets.lists import VISUAL, read_list
from trclip_vad.datasets.tables import Ranges, read_captions_by_video, read_frame_counts, read_text, read_truth

CODES = {
    "A": "Normal",
    "B1": "fighting",
    "B2": "shooting",
    "B4": "riot",
    "B5": "abuse",
    "B6": "car accident",
    "G": "explosion",
}
LABELS = LabelSet(tuple(CODES.values()))
FPS = 24.0  # Wu et al. bring every video to this rate


@dataclass(frozen=True, slots=True)
class XDViolence:
    """The videos of the lists, one row a video however many crops a list names."""

    root: Path
    train_list: str = setting("xd_CLIP_rgb.csv", "csv inside the folder that names the training videos")
    test_list: str = setting("xd_CLIP_rgbtest.csv", "csv inside the folder that names the test videos")
    captions: str = setting("captions.jsonl", "file of captions inside the folder; it need not be there")

    @property
    def name(self) -> str:
        return "xd_violence"

    def labels(self) -> LabelSet:
        return LABELS

    def labels_of(self, string: str, where: object = "label") -> tuple[str, ...]:
        """The classes of a label string such as `B2-G-0`, in the order of `labels`; unknown parts count for nothing.

        Raises:
            InputError: it names no class, or calls a video normal and more.
        """
        parts = string.split("-")
        found = tuple(name for code, name in CODES.items() if code in parts)
        if not found or (LABELS.normal in found and len(found) > 1):
            raise InputError(where, f"{string!r} is no label of XD-Violence", "Write A, or codes such as B1-B2-0.")
        return found

    def videos(self, split: str) -> list[Video]:
        """The videos of one list, in its order.

        Raises:
            InputError: a file is missing or broken, two rows of a video disagree, or a test video has no truth.
            SettingError: no such split.
        """
        if split not in ("train", "test"):
            raise SettingError(f"split {split!r}", "there is none of that name", "Use train or test.")
        listed = self._listed(self.root / (self.train_list if split == "train" else self.test_list))
        counts_file, captions_file = self.root / "frame_counts.json", self.root / self.captions
        counts = read_frame_counts(counts_file) if counts_file.exists() else {}
        captions = read_captions_by_video(captions_file) if captions_file.exists() else {}
        truth = self._truth(counts) if split == "test" else {}
        videos = []
        for name, labels in listed.items():
            said = captions.get(name, ())
            fps = _fps(said, captions_file)
            if split == "test":
                if name not in truth:
                    raise InputError(self.root, f"has no frame truth for test video {name}", "Add its row.")
                frames, anomalous = truth[name]
            else:
                frames, anomalous = counts.get(name, _said_frames(said, fps)), None
            videos.append(Video(name, split, labels, frames, fps, tuple(said), anomalous))
        return videos

    def _listed(self, path: Path) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for row in read_list(path, VISUAL):
            labels = self.labels_of(row.label, row.where)
            if found.setdefault(row.video, labels) != labels:
                raise InputError(row.where, f"{row.video} had another label in an earlier row", "Mend the list.")
        return found

    def _truth(self, counts: dict[str, int]) -> dict[str, tuple[int, Ranges]]:
        """Test video -> (frames, anomalous ranges); a video that the official annotations leave out is normal."""
        path = self.root / "truth.jsonl"
        if path.exists() or not (self.root / "annotations.txt").exists():
            found = read_truth(path)
            for video, (frames, ranges) in found.items():
                if not frames or any(end > frames for _, end in ranges):
                    raise InputError(path, f"{video} lacks its `frames`, or truth ends behind them", "Mend its row.")
            return {video: (frames or 0, ranges) for video, (frames, ranges) in found.items()}
        marked = _annotations(self.root / "annotations.txt")
        if lost := sorted(marked.keys() - counts.keys()):
            raise InputError(self.root / "frame_counts.json", f"does not know {lost[0]}", "Add its number of frames.")
        return {
            video: (frames, tuple((start, min(end, frames)) for start, end in marked.get(video, ()) if start < frames))
            for video, frames in counts.items()
        }


def _annotations(path: Path) -> dict[str, Ranges]:
    found: dict[str, Ranges] = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        name, *cells = line.split()
        try:
            bounds = [int(cell) for cell in cells]
            ranges = tuple(zip(bounds[::2], bounds[1::2], strict=True))
        except ValueError:
            ranges = ()
        if not ranges or not all(0 <= start < end for start, end in ranges):
            raise InputError(f"{path}:{number}", "is not a name and pairs of frames", "Use the official file.")
        found[name.removesuffix(".mp4")] = ranges
    return found


def _fps(said: Sequence[Caption], path: Path) -> float:
    """What the captions say of their video in a field `fps`, or the rate of the whole data set."""
    told = [caption.extra["fps"] for caption in said if "fps" in caption.extra]
    if not told:
        return FPS
    first = told[0]
    number = isinstance(first, (int, float)) and not isinstance(first, bool) and 0 < first < math.inf
    if not number or any(other != first for other in told):
        raise InputError(path, f"`fps` of {said[0].video} is not one number above 0", "Mend it, or leave it out.")
    return float(first)


def _said_frames(said: Sequence[Caption], fps: float) -> int:
    """Frames up to the end of the last caption; 0 where none has a place in time."""
    ends = [(c.snippet + 1) * STRIDE if c.snippet is not None else round((c.end or 0) * fps) for c in said]
    return max(ends, default=0)
