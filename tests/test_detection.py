"""mAP over segments: cases worked by hand, and a reference that goes frame by frame."""

from __future__ import annotations

import numpy as np
import pytest

from trclip_vad.detection import IOUS, Segments, average_precisions, detection, segments

STRIDE = 16


def seen(kind: int, classes: int, high: range = range(1, 3), snippets: int = 5) -> np.ndarray:
    """(T, C): one class stands at 0.9 in some snippets and at 0.1 elsewhere, normal has the rest, others nothing."""
    found = np.zeros((snippets, classes))
    found[:, kind] = [0.9 if t in high else 0.1 for t in range(snippets)]
    found[:, 0] = 1 - found[:, kind]
    return found


def some(*rows: tuple[int, int, int, float]) -> Segments:
    """Segments of one class from (video, start, end, score), by video."""
    video, start, end, score = (np.array(part) for part in zip(*rows, strict=True))
    return Segments(video, np.ones_like(video), start, end, score)


def test_a_segment_is_a_run_above_the_threshold_with_the_published_score() -> None:
    found = segments(seen(1, 2), 80, STRIDE).of(1)  # threshold 0.9 - 0.6 * 0.8 = 0.42
    assert [found.start.tolist(), found.end.tolist()] == [[16], [48]]
    assert found.score.tolist() == pytest.approx([0.9 + 0.7 * 0.9])  # the top 5 of 80 frames are all 0.9


def test_the_score_of_a_segment_weighs_the_top_sixteenth_of_the_frames() -> None:
    high = np.full((32, 2), 0.1)
    high[[0, 8], 1] = 0.9, 0.8
    found = segments(high, 500, STRIDE).of(1)  # 500 // 16 = 31 frames: 16 of 0.9, 15 of 0.8
    extra = 0.7 * (16 * 0.9 + 15 * 0.8) / 31
    assert found.score.tolist() == pytest.approx([0.9 + extra, 0.8 + extra])


def test_what_stands_on_the_threshold_is_not_above_it() -> None:
    found = segments(np.array([[0.0, 0.5], [0.0, 0.2], [0.0, 0.0]]), 48, STRIDE).of(1)  # threshold 0.2, bit for bit
    assert found.end.tolist() == [16]


def test_a_class_that_never_changes_has_no_segment() -> None:
    assert not len(segments(np.full((4, 3), 1 / 3), 64, STRIDE).score)


def test_a_run_of_a_single_frame_is_no_segment() -> None:
    rising = np.array([[0.9, 0.1], [0.1, 0.9]])
    assert len(segments(rising, 18, STRIDE).of(1).score) == 1
    assert len(segments(rising, 17, STRIDE).of(1).score) == 0
    assert len(segments(rising, 2, 1).of(1).score) == 0


def test_snippets_past_the_last_frame_do_not_exist() -> None:
    whole = seen(1, 2)
    padded = np.vstack([whole, [[0.0, 1.0]]])
    for part in ("start", "end", "score"):
        assert np.array_equal(getattr(segments(padded, 80, STRIDE), part), getattr(segments(whole, 80, STRIDE), part))


def test_average_precision_sums_the_precisions_at_the_hits() -> None:
    found = some((0, 0, 10, 0.9), (1, 0, 10, 0.8), (2, 0, 10, 0.7))
    truth = [(0, 0, 10), (2, 0, 10), (3, 0, 10)]  # hit, false, hit; one truth is never found
    assert average_precisions(found, truth) == pytest.approx([(1 / 1 + 2 / 3) / 3] * 5)


@pytest.mark.parametrize(("frames", "hits"), [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5)])
def test_an_overlap_of_exactly_the_iou_is_enough(frames: int, hits: int) -> None:
    assert average_precisions(some((0, 0, frames, 0.5)), [(0, 0, 10)]) == [1.0] * hits + [0.0] * (5 - hits)


def test_a_truth_is_found_once() -> None:
    found = some((0, 0, 5, 0.9), (0, 5, 10, 0.8), (1, 0, 10, 0.7))
    assert average_precisions(found, [(0, 0, 10), (1, 0, 10)])[0] == pytest.approx((1 + 2 / 3) / 2)


def test_a_segment_takes_the_truth_it_overlaps_most() -> None:
    found = some((0, 0, 14, 0.9), (0, 14, 18, 0.8))
    truth = [(0, 10, 18), (0, 0, 10)]  # the first overlaps by 4 / 18 and 10 / 14, the second by 4 / 8 and nothing
    assert average_precisions(found, truth)[0] == 1.0


def test_a_segment_whose_best_truth_is_taken_takes_the_next() -> None:
    found = some((0, 0, 8, 0.9), (0, 8, 20, 0.8))
    truth = [(0, 0, 14), (0, 14, 40)]  # the second overlaps by 6 / 20, taken, and by 6 / 32
    assert average_precisions(found, truth)[:2] == pytest.approx([1.0, 0.5])


def test_the_order_of_the_videos_decides_nothing() -> None:
    found = some((0, 0, 10, 0.9), (1, 0, 10, 0.9))
    assert average_precisions(found, [(0, 0, 10)]) == average_precisions(found, [(1, 0, 10)]) == [0.5] * 5


def test_perfect_segments_have_map_one_and_thirteen_fourteenths_of_it_by_the_legacy_count() -> None:
    found = detection([seen(k, 14) for k in range(1, 14)], [[(k, 16, 48)] for k in range(1, 14)], [80] * 13, STRIDE)
    assert found["map_13"] == 1.0
    assert found["map_legacy"] == pytest.approx(13 / 14)
    assert found["map_13_at"] == [1.0] * 5
    assert found["per_class"] == [None] + [1.0] * 13
    assert found["without_truth"] == []


def test_a_class_without_truth_is_left_out_and_named_and_scores_nothing_by_the_legacy_count() -> None:
    videos = [seen(1, 4), seen(2, 4), seen(3, 4)]
    found = detection(videos, [[(1, 16, 48)], [(2, 48, 80)], []], [80] * 3, STRIDE)
    assert found["map_13"] == 0.5
    assert found["without_truth"] == [3]
    assert found["per_class"] == [None, 1.0, 0.0, None]
    assert found["map_legacy"] == 0.25


def test_a_class_without_any_segment_makes_the_legacy_value_zero() -> None:
    found = detection([seen(1, 3)], [[(1, 16, 48)]], [80], STRIDE)
    assert found["map_13"] == 1.0
    assert found["map_legacy"] == 0.0


def test_a_segment_in_a_normal_video_is_false() -> None:
    alarm = seen(1, 2)
    alarm[1, 1], alarm[1, 0] = 0.99, 0.01  # surer than the hit
    found = detection([seen(1, 2), alarm], [[(1, 16, 48)], []], [80, 80], STRIDE)
    assert found["map_13"] == 0.5


def test_truth_of_the_normal_class_counts_for_the_legacy_value_alone() -> None:
    found = detection([seen(1, 2)], [[(1, 16, 48), (0, 48, 80)]], [80], STRIDE)
    assert found["map_13"] == 1.0
    assert found["per_class"][0] == 0.5  # two segments share a score: one is the truth, the other false
    assert found["map_legacy"] == 0.75


def test_truth_is_cut_at_the_end_of_the_video() -> None:
    late = seen(1, 2, range(3, 5))
    for frames in (80, 90):  # the last snippet ends at 80
        found = detection([late], [[(1, 48, 1000), (1, 90, 95)]], [frames], STRIDE)
        assert found["map_13"] == 1.0


def test_without_truth_there_is_no_map() -> None:
    found = detection([seen(1, 2)], [[]], [80], STRIDE)
    assert found["map_13"] is None
    assert found["map_13_at"] is None
    assert found["without_truth"] == [1]


@pytest.mark.parametrize(
    ("probabilities", "truth", "frames", "says"),
    [
        ([seen(1, 2)], [], [80], "0 of truth"),
        ([], [], [], "0 videos"),
        ([seen(1, 2), seen(1, 3)], [[], []], [80, 80], "same C classes"),
        ([seen(1, 2)[:, 1]], [[]], [80], "same C classes"),
        ([seen(1, 2)[:0]], [[]], [80], "is empty"),
        ([seen(1, 2)], [[]], [0], "is empty"),
        ([seen(1, 2) * np.nan], [[]], [80], "finite"),
        ([seen(1, 2)], [[(2, 0, 5)]], [80], "class 2"),
    ],
)
def test_what_does_not_fit_is_refused(probabilities: list, truth: list, frames: list, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        detection(probabilities, truth, frames, STRIDE)


def frame_by_frame(videos: list[np.ndarray], truth: list, kind: int, iou: float) -> float:
    """AP of one class by the words of the paper's protocol, on frames and sets, suppression included."""
    found = []
    for video, values in enumerate(videos):
        track = values[:, kind]
        threshold = track.max() - 0.6 * (track.max() - track.min())
        extra = 0.7 * np.sort(track)[::-1][: max(len(track) // 16, 1)].mean()
        run: list[int] = []
        for frame in range(len(track) + 1):
            if frame < len(track) and track[frame] > threshold:
                run.append(frame)
                continue
            if len(run) >= 2:
                found.append((track[run].max() + extra, video, frozenset(run)))
            run = []
    kept: list[tuple[float, int, frozenset[int]]] = []
    for one in sorted(found, key=lambda f: -f[0]):
        if all(one[1] != other[1] or len(one[2] & other[2]) / len(one[2] | other[2]) <= 0.6 for other in kept):
            kept.append(one)
    left = [
        (v, frozenset(range(start, end))) for v, ranges in enumerate(truth) for k, start, end in ranges if k == kind
    ]
    wanted, hits, total = len(left), 0, 0.0
    for place, (_, video, frames) in enumerate(kept, start=1):
        near = [(len(frames & want) / len(frames | want), -i) for i, (v, want) in enumerate(left) if v == video]
        if near and max(near)[0] >= iou:
            left.pop(-max(near)[1])
            hits += 1
            total += hits / place
    return total / wanted if wanted else 0.0


@pytest.mark.parametrize("seed", range(5))
def test_snippets_say_what_frames_say(seed: int) -> None:
    draw = np.random.default_rng(seed)
    lengths = draw.integers(1, 30, size=12)
    frames = [int(16 * t - draw.integers(16)) for t in lengths]
    videos = [draw.dirichlet(np.full(4, 0.3), t) for t in lengths]
    for v in videos:  # longer runs, so that some truth is met
        v[:] = np.repeat(v[::4], 4, axis=0)[: len(v)] * 0.9 + v * 0.1
    truth = []
    for count in frames:
        starts = draw.integers(count, size=draw.integers(4))
        truth.append([(int(draw.integers(4)), int(s), int(min(s + draw.integers(8, 90), count))) for s in starts])
    whole = [np.repeat(v, 16, axis=0)[:count] for v, count in zip(videos, frames, strict=True)]
    found = detection(videos, truth, frames, STRIDE)
    wanted = np.array([[frame_by_frame(whole, truth, kind, iou) for iou in IOUS] for kind in range(4)])
    assert found["map_legacy_at"] == pytest.approx(wanted.mean(axis=0).tolist())
    assert found["map_13_at"] == pytest.approx(wanted[1:].mean(axis=0).tolist())
    assert 0 < found["map_13"] < 1
