"""Frames of the demo world's videos: the middle one of every 16-frame snippet, with what is said and true of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from examples.tiny_clip import PREPARATION
from rewrite.errors import InputError
from trclip_vad.batch import STRIDE, Video
from trclip_vad.datasets.synthetic import Synthetic
from trclip_vad.video import Film


@dataclass(frozen=True)
class Frames:
    """N snippets of one split.

    Attributes:
        pixels: (N, SIDE, SIDE, 3) bytes.
        ids: the captions' ids; "" where a snippet has none.
        texts: the captions; "" where a snippet has none.
        labels: the class of the snippet by the frame truth, "Normal" outside of it; "" in training videos.
    """

    pixels: Tensor
    ids: list[str]
    texts: list[str]
    labels: list[str]

    def captioned(self) -> Frames:
        """Only the snippets that somebody described."""
        return self._some([place for place, name in enumerate(self.ids) if name])

    def known(self, ids: set[str]) -> Frames:
        """Only the snippets whose caption is among these."""
        return self._some([place for place, name in enumerate(self.ids) if name in ids])

    def _some(self, places: list[int]) -> Frames:
        lists = ([values[place] for place in places] for values in (self.ids, self.texts, self.labels))
        return Frames(self.pixels[places], *lists)


def read_frames(world: Path, split: str, videos: int | None = None) -> Frames:
    """The snippets of a split's first videos, scaled as the toy CLIP wants them.

    Raises:
        InputError: the world, or a video of it, is missing or broken.
    """
    pixels, ids, texts, labels = [], [], [], []  # type: list[Tensor], list[str], list[str], list[str]
    for video in Synthetic(world).videos(split)[:videos]:
        pixels.append(_middles(world / "videos" / f"{video.name}.mp4", video))
        said = {caption.snippet: caption for caption in video.captions}
        ids += [said[t].id if t in said else "" for t in range(video.snippets)]
        texts += [said[t].text if t in said else "" for t in range(video.snippets)]
        labels += [_label(video, t) for t in range(video.snippets)]
    return Frames(torch.cat(pixels), ids, texts, labels)


def prepared(pixels: Tensor) -> Tensor:
    """(N, SIDE, SIDE, 3) bytes -> (N, 3, SIDE, SIDE), normalised as the toy CLIP's preprocessing says."""
    return torch.stack([torch.from_numpy(PREPARATION.cut(picture, 0)) for picture in pixels.numpy()])


def _middle(video: Video, snippet: int) -> int:
    return min(snippet * STRIDE + STRIDE // 2, video.frames - 1)


def _label(video: Video, snippet: int) -> str:
    if video.anomalous is None:
        return ""
    frame = _middle(video, snippet)
    inside = any(start <= frame < end for start, end in video.anomalous)
    return video.labels[0] if inside else "Normal"


def _middles(path: Path, video: Video) -> Tensor:
    found = [torch.from_numpy(PREPARATION.scaled(frame).copy()) for frame in Film(path)]
    if len(found) != video.snippets:
        raise InputError(path, f"has {len(found)} of {video.snippets} snippets", "Write the world again, with frames.")
    return torch.stack(found)
