"""Temporal detection: mAP at IoU 0.1 to 0.5 from the class probabilities of the F-branch, as published tables have it.

Per video and class, each run of frames above max - 0.6 (max - min) is a segment; its score is its own maximum plus 0.7
of the mean of the class's top sixteenth of the video's frames. The published suppression of segments that overlap by
IoU 0.6 is left out, for it has nothing to do: runs above one threshold never overlap.

All frames of a snippet share its probabilities: segments are found among snippets and measured in frames, which is
exact and 16 times less work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

IOUS = (0.1, 0.2, 0.3, 0.4, 0.5)
DEPTH = 0.6  # of the way from a class's maximum down to its minimum lies the threshold
SHORTEST = 2  # frames
WHOLE_VIDEO = 0.7  # weight of the top sixteenth of the video beside the segment's own maximum

Truth = Sequence[tuple[int, int, int]]  # of one video: (class, first frame, end), half-open


@dataclass(frozen=True, slots=True)
class Segments:
    """n detected segments, by video.

    Attributes:
        video, kind: (n,) index of the video and of the class.
        start, end: (n,) half-open frames.
        score: (n,) float, higher is surer.
    """

    video: np.ndarray
    kind: np.ndarray
    start: np.ndarray
    end: np.ndarray
    score: np.ndarray

    def of(self, kind: int) -> Segments:
        """The segments of one class."""
        own = self.kind == kind
        return Segments(*(getattr(self, part.name)[own] for part in fields(self)))


def detection(
    probabilities: Sequence[np.ndarray], truth: Sequence[Truth], frames: Sequence[int], stride: int
) -> dict[str, Any]:
    """mAP over classes and IoUs, in two ways of counting classes.

    Args:
        probabilities: (T, C) per video, softmax over classes; class 0 is normal. Normal videos belong here too: what
            is found in them is false.
        truth: per video its (class, start, end) ranges of frames, half-open, each to be found once. A range of class 0
            (XD-Violence: a normal video as a whole) counts for `map_legacy` alone. Ranges are cut at the video's end.
        frames: per video; frames at and past this, and past the last snippet, do not exist.
        stride: frames per snippet.

    Returns:
        `map_13`: mean over the anomalous classes that have truth (13 in UCF-Crime, 6 in XD-Violence), then over IoUs;
        None without any. `map_legacy`: mean over all C classes, where a class without truth scores 0 (so UCF-Crime's
        normal class, always); 0 if any class yields no segment in any video. Both also per IoU (`map_13_at`,
        `map_legacy_at`, in the order of `ious`). `per_class`: C mean APs over the IoUs, None for a class without truth.
        `without_truth`: the anomalous classes that `map_13` leaves out.

    Raises:
        ValueError: the lists do not fit each other, a probability is not finite, or a class is unknown.
    """
    classes = _check(probabilities, truth, frames, stride)
    ends = [min(count, len(p) * stride) for count, p in zip(frames, probabilities, strict=True)]
    found = _joined([segments(p, end, stride) for p, end in zip(probabilities, ends, strict=True)])
    wanted: list[list[tuple[int, int, int]]] = [[] for _ in range(classes)]  # per class (video, start, end)
    for video, (ranges, last) in enumerate(zip(truth, ends, strict=True)):
        for kind, start, end in ranges:
            if max(start, 0) < min(end, last):
                wanted[kind].append((video, max(start, 0), min(end, last)))
    precisions = np.array([average_precisions(found.of(kind), wanted[kind]) for kind in range(classes)])
    known = [kind for kind in range(1, classes) if wanted[kind]]
    silent = len(np.unique(found.kind)) < classes
    true = precisions[known].mean(axis=0).tolist() if known else None
    legacy = [0.0] * len(IOUS) if silent else precisions.mean(axis=0).tolist()
    return {
        "map_13": float(np.mean(true)) if true else None,
        "map_legacy": float(np.mean(legacy)),
        "ious": list(IOUS),
        "map_13_at": true,
        "map_legacy_at": legacy,
        "per_class": [float(precisions[kind].mean()) if wanted[kind] else None for kind in range(classes)],
        "without_truth": [kind for kind in range(1, classes) if not wanted[kind]],
    }


def segments(probabilities: np.ndarray, frames: int, stride: int) -> Segments:
    """The segments of one video (index 0), class by class, in time order; a class that never changes has none.

    Args:
        probabilities: (T, C).
        frames: at most T stride; snippets past it do not exist.
    """
    snippets = -(-frames // stride)
    values = np.ascontiguousarray(probabilities[:snippets].T, dtype=float)  # (C, T)
    top = values.max(axis=1, keepdims=True)
    above = values > top - DEPTH * (top - values.min(axis=1, keepdims=True))
    edges = np.diff(above, axis=1, prepend=False, append=False)
    kind, at = (part.reshape(-1, 2) for part in np.nonzero(edges))  # a rise and its fall, always of one class
    flat = np.append(values, -np.inf)  # so that a fall at the very end is a place
    highest = np.maximum.reduceat(flat, (kind * snippets + at).ravel())[::2] if len(at) else np.zeros(0)
    start, end = at[:, 0] * stride, np.minimum(at[:, 1] * stride, frames)
    score = highest + WHOLE_VIDEO * _top_sixteenth(values, frames, stride)[kind[:, 0]]
    long = end - start >= SHORTEST
    return Segments(np.zeros(long.sum(), int), kind[long, 0], start[long], end[long], score[long])


def average_precisions(found: Segments, truth: Sequence[tuple[int, int, int]]) -> list[float]:
    """AP of one class at each IoU of IOUS; 0 without truth.

    From the surest segment down, each takes the truth of its video that it overlaps most among those not taken yet,
    if by at least the IoU. AP is the sum of the precisions at these hits over the number of truths. Segments of equal
    score share the precision behind the last of them: the order of the videos decides nothing.

    Args:
        truth: (video, start, end), half-open frames.
    """
    if not truth or not len(found.score):
        return [0.0] * len(IOUS)
    order = np.argsort(-found.score, kind="stable")
    rank = np.empty(len(order), int)
    rank[order] = np.arange(len(order))
    pairs = []  # (rank, -IoU, truth) of all that touch enough for the lowest IoU: a few per truth
    for index, (video, start, end) in enumerate(truth):
        first, last = np.searchsorted(found.video, [video, video + 1])
        own = slice(first, last)
        both = np.minimum(found.end[own], end) - np.maximum(found.start[own], start)
        overlap = both / (found.end[own] - found.start[own] + end - start - both)
        near = np.flatnonzero(overlap >= IOUS[0])
        pairs += [(int(r), -float(o), index) for r, o in zip(rank[own][near], overlap[near], strict=True)]
    pairs.sort()
    groups = np.flatnonzero(np.diff(found.score[order], append=np.nan) != 0)  # the last rank of each tied group
    precisions = []
    for iou in IOUS:
        hit: set[int] = set()  # ranks
        taken: set[int] = set()  # truths
        for place, overlap, index in pairs:
            if -overlap >= iou and place not in hit and index not in taken:
                hit.add(place)
                taken.add(index)
        behind = groups[np.searchsorted(groups, sorted(hit))]
        hits = np.searchsorted(sorted(hit), behind, side="right")
        precisions.append(float((hits / (behind + 1)).sum() / len(truth)))
    return precisions


def _top_sixteenth(values: np.ndarray, frames: int, stride: int) -> np.ndarray:
    """(C, T) -> (C,) mean of the frames // 16 highest frames of each class, of one frame at least."""
    count = max(frames // 16, 1)
    order = np.argsort(-values, axis=1)
    lengths = np.full(values.shape[1], stride)
    lengths[-1] = frames - stride * (len(lengths) - 1)
    upto = np.minimum(np.cumsum(lengths[order], axis=1), count)
    return (np.take_along_axis(values, order, axis=1) * np.diff(upto, axis=1, prepend=0)).sum(axis=1) / count


def _joined(per_video: Sequence[Segments]) -> Segments:
    video = np.repeat(np.arange(len(per_video)), [len(found.score) for found in per_video])
    others = (np.concatenate([getattr(found, part.name) for found in per_video]) for part in fields(Segments)[1:])
    return Segments(video, *others)


def _check(probabilities: Sequence[np.ndarray], truth: Sequence[Truth], frames: Sequence[int], stride: int) -> int:
    """C, once the arguments of `detection` are what they must be."""
    if not len(probabilities) == len(truth) == len(frames) or not len(frames):
        raise ValueError(f"{len(probabilities)} videos of probabilities, {len(truth)} of truth, {len(frames)} lengths")
    if stride < 1:
        raise ValueError(f"a stride of {stride} frames")
    shapes = {p.shape[1:] for p in probabilities}
    if len(shapes) > 1 or len(shape := shapes.pop()) != 1:
        raise ValueError("every video needs (T, C) probabilities of the same C classes")
    for video, (p, ranges, count) in enumerate(zip(probabilities, truth, frames, strict=True)):
        if not len(p) or count < 1:
            raise ValueError(f"video {video} is empty: {len(p)} snippets, {count} frames")
        if not np.isfinite(p).all():
            raise ValueError(f"video {video} has a probability that is not a finite number")
        if unknown := [kind for kind, _, _ in ranges if not 0 <= kind < shape[0]]:
            raise ValueError(f"video {video} has truth of class {unknown[0]}, the probabilities know {shape[0]}")
    return int(shape[0])
