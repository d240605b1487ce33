"""UCF-Crime (Sultani et al., CVPR 2018) with the timed human captions of UCA (Yuan et al., CVPR 2024).

The folder holds the official lists `Anomaly_Train.txt` and `Anomaly_Test.txt`, `frame_counts.json`
({video: frames}), `truth_raw.jsonl` ({"video", "frames", "anomalous": [[start, end), ...]} of the test videos) and
the captions: `text.jsonl` (a row a video with `uca`) or UCA-style json.

UCA's captions were written by people who saw the test videos: results on them are an *oracle-caption* condition.
UCA's own split is not UCF-Crime's; the lists decide here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rewrite.captions import read_json_lines
from rewrite.errors import InputError, SettingError
from rewrite.records import Caption
from rewrite.settings import setting
from trclip_vad.batch import LabelSet, Video
from trclip_vad.datasets.tables import read_captions_by_video, read_frame_counts, read_object, read_text, read_truth

LABELS = LabelSet(
    (
        "Normal", "Abuse", "Arrest", "Arson", "Assault", "Burglary", "Explosion", "Fighting", "RoadAccidents",
        "Robbery", "Shooting", "Shoplifting", "Stealing", "Vandalism",
    )
)  # fmt: skip
LISTS = {"train": "Anomaly_Train.txt", "test": "Anomaly_Test.txt"}
FPS = 30.0  # of nearly all its videos; used where the captions name no duration


@dataclass(frozen=True, slots=True)
class UCFCrime:
    """The 1,610 training and 290 test videos, or those of them that have captions."""

    root: Path
    captions: str = setting("text.jsonl", "file of captions inside the folder: text.jsonl, or UCA-style json")
    keep: Literal["captioned", "all"] = setting("captioned", "a text model learns nothing from 43 wordless videos")

    @property
    def name(self) -> str:
        return "ucf_crime"

    def labels(self) -> LabelSet:
        return LABELS

    def videos(self, split: str) -> list[Video]:
        """The videos of one official list, in its order.

        Raises:
            InputError: a file is missing or broken, or knows nothing of a listed video.
            SettingError: no such split.
        """
        if split not in LISTS:
            raise SettingError(f"split {split!r}", "there is none of that name", "Use train or test.")
        listed = _listed(self.root / LISTS[split])
        frames = read_frame_counts(self.root / "frame_counts.json")
        captions, durations = self._captions()
        truth = read_truth(self.root / "truth_raw.jsonl") if split == "test" else {}
        videos = []
        for name, label in listed.items():
            if name not in captions and self.keep == "captioned":
                continue
            if name not in frames:
                todo = "Add its number of frames."
                raise InputError(self.root / "frame_counts.json", f"does not know {name}, which is listed", todo)
            if split == "test" and name not in truth:
                raise InputError(self.root / "truth_raw.jsonl", f"has no truth for test video {name}", "Add its row.")
            fps = frames[name] / durations[name] if durations.get(name) else FPS
            said = tuple(captions.get(name, ()))
            anomalous = truth[name][1] if split == "test" else None
            videos.append(Video(name, split, (label,), frames[name], fps, said, anomalous))
        if not videos:
            what = f"none of its captions is of a video in {LISTS[split]}"
            raise InputError(self.root / self.captions, what, "Check that both are UCF-Crime's.")
        return videos

    def _captions(self) -> tuple[dict[str, list[Caption]], dict[str, float]]:
        path = self.root / self.captions
        if self.keep == "all" and not path.exists():
            return {}, {}
        by_video = read_captions_by_video(path)
        if path.suffix == ".jsonl":
            rows = [(row.get("video"), row.get("uca")) for _, row in read_json_lines(path)]
        else:
            rows = list(read_object(path).items())
        timed = {str(v): entry.get("duration") for v, entry in rows if isinstance(entry, dict)}
        return by_video, {v: float(s) for v, s in timed.items() if isinstance(s, (int, float)) and s > 0}


def _listed(path: Path) -> dict[str, str]:
    """Video name -> class, from lines such as `Abuse/Abuse028_x264.mp4`."""
    found: dict[str, str] = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        folder, _, file = line.strip().rpartition("/")
        label = LABELS.normal if "Normal" in folder else folder.rpartition("/")[2]
        if label not in LABELS.names:
            raise InputError(f"{path}:{number}", f"{folder!r} is no class of UCF-Crime", "Use the official list.")
        found[file.removesuffix(".mp4")] = label
    return found
