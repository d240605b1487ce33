"""Frame-level measures of a set of videos: arrays in, numbers out.

All frames of a snippet share its score, so a snippet with its counts of anomalous and normal frames says as much as
its 16 frames, and is 16 times fewer: exact, and quick enough for a bootstrap over videos.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

NAMES = ("auc", "ap", "ano_auc")


@dataclass(frozen=True)
class Frames:
    """The snippets of V videos, one after the other.

    Attributes:
        scores: (n,) float, higher is more anomalous.
        positive, negative: (n,) how many of a snippet's frames are anomalous, and how many are not.
        video: (n,) index of the video, 0..V-1.
        abnormal: (V,) bool, videos with a label that is not normal.
    """

    scores: np.ndarray
    positive: np.ndarray
    negative: np.ndarray
    video: np.ndarray
    abnormal: np.ndarray

    def only(self, videos: np.ndarray) -> Frames:
        """The snippets of some videos; videos is (V,) bool."""
        kept = videos[self.video]
        return Frames(
            self.scores[kept], self.positive[kept], self.negative[kept], self.video[kept], abnormal=self.abnormal
        )


def anomalous_frames(ranges: Sequence[tuple[int, int]], frames: int, snippets: int, stride: int) -> np.ndarray:
    """(T, 2) counts of anomalous and of normal frames per snippet; frames at and past `frames` do not exist.

    Args:
        ranges: half-open [start, end) anomalous frames; may overlap, and are cut at the video's end.
    """
    truth = np.zeros(snippets * stride, dtype=bool)
    for start, end in ranges:
        truth[max(start, 0) : min(end, frames)] = True
    real = (np.arange(snippets * stride) < frames).reshape(snippets, stride).sum(axis=1)
    positive = truth.reshape(snippets, stride).sum(axis=1)
    return np.stack([positive, real - positive], axis=1)


def measure(found: Frames) -> dict[str, float | None]:
    """Frame AUC, AP (step, as scikit-learn has it) and Ano-AUC (AUC within abnormal videos); None where undefined."""
    inside = found.only(found.abnormal)
    return {"auc": auc(found), "ap": ap(found), "ano_auc": auc(inside)}


def auc(found: Frames) -> float | None:
    """Area under the ROC curve over frames; None without both kinds of frames."""
    from sklearn.metrics import roc_auc_score

    if not found.positive.sum() or not found.negative.sum():
        return None
    return float(roc_auc_score(*_weighted(found)[:2], sample_weight=_weighted(found)[2]))


def ap(found: Frames) -> float | None:
    """Average precision over frames, by steps; None without anomalous frames."""
    from sklearn.metrics import average_precision_score

    if not found.positive.sum():
        return None
    return float(average_precision_score(*_weighted(found)[:2], sample_weight=_weighted(found)[2]))


def ap_trapezoid(found: Frames) -> float | None:
    """Area under the precision-recall curve by trapezoid, as RTFM and others count AP: not comparable with `ap`."""
    from sklearn.metrics import auc as area
    from sklearn.metrics import precision_recall_curve

    if not found.positive.sum():
        return None
    precision, recall, _ = precision_recall_curve(*_weighted(found)[:2], sample_weight=_weighted(found)[2])
    return float(area(recall, precision))


def within_auc(found: Frames) -> float | None:
    """Mean over abnormal videos of the AUC within each, every video counting alike: does it know *where*?

    Videos without both kinds of frames have no part; None if none is left.
    """
    each = (auc(found.only(np.arange(len(found.abnormal)) == video)) for video in np.flatnonzero(found.abnormal))
    values = [value for value in each if value is not None]
    return float(np.mean(values)) if values else None


def false_alarm_rate(found: Frames, threshold: float = 0.5) -> float | None:
    """The share of the frames of normal videos that score at or above the threshold; None without such frames."""
    normal = found.only(~found.abnormal)
    frames = normal.positive + normal.negative
    return float(frames[normal.scores >= threshold].sum() / frames.sum()) if frames.sum() else None


def measure_all(found: Frames) -> dict[str, float | None]:
    """`measure`, and Ano-AP, AP by trapezoid, within-video AUC and the false alarm rate at 0.5 on normal videos."""
    return {
        **measure(found),
        "ano_ap": ap(found.only(found.abnormal)),
        "ap_trapezoid": ap_trapezoid(found),
        "within_auc": within_auc(found),
        "false_alarm_rate": false_alarm_rate(found),
    }


def bootstrap(found: Frames, resamples: int, seed: int = 0) -> dict[str, tuple[float, float] | None]:
    """95 % intervals of `measure` when the videos are drawn anew with replacement, abnormal and normal alike.

    A resample in which a measure is undefined counts for nothing in that measure.
    """
    values = _resampled(found, resamples, seed)
    return {name: interval(values[:, column]) for column, name in enumerate(NAMES)}


def paired_bootstrap(
    one: Frames, other: Frames, resamples: int = 1000, seed: int = 0
) -> dict[str, dict[str, float] | None]:
    """How much higher `one` measures than `other` when both meet the same drawn videos.

    Args:
        one, other: two systems' scores of the same videos in the same order. Their snippets may differ, not their
            counts of frames.

    Returns:
        Per name of `measure` `value`, the difference on all videos, and over the resamples `mean`, `low` and `high`
        (95 %); None where the measure is undefined. An interval without 0 tells the systems apart.

    Raises:
        ValueError: these are not the same videos.
    """
    if _videos(one) != _videos(other):
        raise ValueError("the two systems were not measured on the same videos with the same truth")
    differences = _resampled(one, resamples, seed) - _resampled(other, resamples, seed)
    whole, against = measure(one), measure(other)
    found: dict[str, dict[str, float] | None] = {}
    for column, name in enumerate(NAMES):
        values, first, second = differences[:, column], whole[name], against[name]
        limits = interval(values)
        if limits is None or first is None or second is None:
            found[name] = None
            continue
        mean = float(np.nanmean(values))
        found[name] = {"value": first - second, "mean": mean, "low": limits[0], "high": limits[1]}
    return found


def _videos(found: Frames) -> list[tuple[bool, int, int]]:
    """(abnormal, anomalous frames, normal frames) per video."""
    counts = (np.bincount(found.video, part, len(found.abnormal)) for part in (found.positive, found.negative))
    return list(zip(found.abnormal.tolist(), *(part.astype(int).tolist() for part in counts), strict=True))


def _resampled(found: Frames, resamples: int, seed: int) -> np.ndarray:
    """(resamples, 3) values of `measure`, nan where undefined; the draws depend on V, `resamples` and `seed` alone."""
    videos = len(found.abnormal)
    draws = np.random.default_rng(seed).integers(videos, size=(resamples, videos))
    order = np.argsort(-found.scores, kind="stable")
    ends = np.flatnonzero(np.diff(found.scores[order], append=np.nan) != 0)  # the last snippet of each tied group
    video, positive, negative = (part[order] for part in (found.video, found.positive, found.negative))
    inside = found.abnormal[video]
    values = np.full((resamples, len(NAMES)), np.nan)
    for row, drawn in enumerate(draws):
        times = np.bincount(drawn, minlength=videos)[video]
        true, false = positive * times, negative * times
        values[row, :2] = _areas(true.cumsum()[ends], false.cumsum()[ends])
        values[row, 2] = _areas((true * inside).cumsum()[ends], (false * inside).cumsum()[ends])[0]
    return values


def interval(values: np.ndarray) -> tuple[float, float] | None:
    """The 2.5th and 97.5th percentile of the values that are numbers; None if there is none."""
    defined = values[~np.isnan(values)]
    if not len(defined):
        return None
    low, high = np.percentile(defined, [2.5, 97.5])
    return float(low), float(high)


def _areas(true: np.ndarray, false: np.ndarray) -> tuple[float, float]:
    """(AUC, AP) from cumulative counts at each threshold, highest first; nan where undefined."""
    positives, negatives = true[-1], false[-1]
    if not positives:
        return np.nan, np.nan
    recall = np.diff(true, prepend=0) / positives
    seen = np.maximum(true + false, 1)
    average = float((recall * (true / seen)).sum())
    if not negatives:
        return np.nan, average
    heights = (true + np.concatenate([[0], true[:-1]])) / 2  # trapezoid: ties count half
    return float((np.diff(false, prepend=0) * heights).sum() / (positives * negatives)), average


def _weighted(found: Frames) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(truth, scores, weights): each snippet once as anomalous and once as normal, weighted by its frames."""
    truth = np.repeat([1, 0], len(found.scores))
    return truth, np.tile(found.scores, 2), np.concatenate([found.positive, found.negative]).astype(float)
