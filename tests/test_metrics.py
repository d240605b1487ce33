"""Frame measures beside scikit-learn's on written-out frames, and the bootstrap beside videos written out twice."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import auc as area
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from trclip_vad.metrics import (
    NAMES,
    Frames,
    ap_trapezoid,
    bootstrap,
    false_alarm_rate,
    measure,
    measure_all,
    paired_bootstrap,
    within_auc,
)

ABNORMAL = np.array([True, False, True, True, False, True])


def street(seed: int, skill: float = 0.3, past: int = 0) -> Frames:
    """Six videos of seven snippets, scores with ties; video 3 is anomalous throughout, video 5 nowhere.

    The truth does not depend on the seed. Each video ends with `past` snippets that hold no frame.
    """
    truth = np.random.default_rng(99).integers(1, 16, size=(6, 7)) * ABNORMAL[:, None]
    truth[:, :3] = 0
    truth[3], truth[5] = 16, 0
    frames = np.full((6, 7), 16)
    frames[:, -1] = 16
    truth, frames = (np.hstack([part, np.zeros((6, past), int)]) for part in (truth, frames))
    scores = (np.random.default_rng(seed).random(truth.shape) + skill * (truth > 0)).round(1)
    scores[:, 7:] = 9.0
    video = np.repeat(np.arange(6), truth.shape[1])
    return Frames(scores.ravel(), truth.ravel(), (frames - truth).ravel(), video, ABNORMAL)


def written_out(found: Frames, videos: list[int] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """(truth, scores), one entry per frame, of some videos; a video named twice comes twice."""
    truth, scores = [], []
    for chosen in range(len(found.abnormal)) if videos is None else videos:
        for index in np.flatnonzero(found.video == chosen):
            truth += [1] * found.positive[index] + [0] * found.negative[index]
            scores += [found.scores[index]] * (found.positive[index] + found.negative[index])
    return np.array(truth), np.array(scores)


@pytest.mark.parametrize("past", [0, 2])
def test_every_measure_is_scikit_learns_over_frames(past: int) -> None:
    found = street(0, past=past)
    measured = measure_all(found)
    precision, recall, _ = precision_recall_curve(*written_out(found))
    inside = written_out(found, [0, 2, 3, 5])
    wanted = {
        "auc": roc_auc_score(*written_out(found)),
        "ap": average_precision_score(*written_out(found)),
        "ano_auc": roc_auc_score(*inside),
        "ano_ap": average_precision_score(*inside),
        "ap_trapezoid": area(recall, precision),
        "within_auc": np.mean([roc_auc_score(*written_out(found, [v])) for v in (0, 2)]),
        "false_alarm_rate": np.mean(written_out(found, [1, 4])[1] >= 0.5),
    }
    assert measured == pytest.approx(wanted)


def test_the_two_ways_of_counting_ap_differ() -> None:
    found = street(0)
    assert ap_trapezoid(found) != pytest.approx(measure(found)["ap"], abs=1e-3)


def test_within_a_video_only_the_order_of_its_own_frames_counts() -> None:
    found = street(0)
    lifted = Frames(found.scores + 10 * found.video, found.positive, found.negative, found.video, found.abnormal)
    assert within_auc(lifted) == pytest.approx(within_auc(found))
    assert measure(lifted)["auc"] != pytest.approx(measure(found)["auc"])


def test_a_constant_score_knows_nothing() -> None:
    found = street(0)
    same = Frames(np.full_like(found.scores, 0.5), found.positive, found.negative, found.video, found.abnormal)
    measured = measure_all(same)
    share = found.positive.sum() / (found.positive + found.negative).sum()
    assert measured["auc"] == measured["ano_auc"] == measured["within_auc"] == 0.5
    assert measured["ap"] == pytest.approx(share)
    assert measured["ap_trapezoid"] == pytest.approx((1 + share) / 2)  # the trapezoid flatters it
    assert measured["false_alarm_rate"] == 1.0


def test_a_false_alarm_stands_at_or_above_the_threshold_in_a_normal_video() -> None:
    nothing, every = np.zeros(4, int), np.array([16, 16, 16, 4])
    video, abnormal = np.array([0, 0, 1, 1]), np.array([True, False])
    found = Frames(np.array([0.9, 0.9, 0.49, 0.5]), nothing, every, video, abnormal)
    assert false_alarm_rate(found) == 4 / 20
    assert false_alarm_rate(found, 0.3) == 1.0


def test_what_is_undefined_is_none() -> None:
    zero, video = np.zeros(2, int), np.array([0, 1])
    none_normal = Frames(np.array([0.1, 0.9]), zero + 16, zero, video, np.array([True, True]))
    assert {name for name, value in measure_all(none_normal).items() if value is None} == {
        "auc",
        "ano_auc",
        "within_auc",
        "false_alarm_rate",
    }
    nothing_there = Frames(np.array([0.1, 0.9]), zero, zero + 16, video, np.array([False, False]))
    assert measure_all(nothing_there) == {**dict.fromkeys(measure_all(nothing_there)), "false_alarm_rate": 0.5}


def test_a_resample_measures_its_videos_as_often_as_they_are_drawn() -> None:
    found, drawn = street(0), np.random.default_rng(7).integers(6, size=(1, 6))
    interval = bootstrap(found, 1, seed=7)
    twice = written_out(found, drawn[0].tolist())
    inside = written_out(found, [v for v in drawn[0] if ABNORMAL[v]])
    wanted = [roc_auc_score(*twice), average_precision_score(*twice), roc_auc_score(*inside)]
    for name, value in zip(NAMES, wanted, strict=True):
        assert interval[name] == pytest.approx((value, value))


def test_a_system_differs_from_itself_by_nothing() -> None:
    nothing = {"value": 0.0, "mean": 0.0, "low": 0.0, "high": 0.0}
    assert paired_bootstrap(street(0), street(0), 50) == dict.fromkeys(NAMES, nothing)


def test_a_difference_turns_its_sign_with_the_systems() -> None:
    there, back = paired_bootstrap(street(0), street(1), 200), paired_bootstrap(street(1), street(0), 200)
    for name in NAMES:
        one, other = there[name], back[name]
        assert one is not None
        assert other is not None
        turned = {"value": -other["value"], "mean": -other["mean"], "low": -other["high"], "high": -other["low"]}
        assert one == pytest.approx(turned)


def test_both_systems_meet_the_same_drawn_videos() -> None:
    one, other, drawn = street(0), street(1), np.random.default_rng(7).integers(6, size=6).tolist()
    found = paired_bootstrap(one, other, 1, seed=7)["auc"]
    assert found is not None
    difference = roc_auc_score(*written_out(one, drawn)) - roc_auc_score(*written_out(other, drawn))
    assert [found["mean"], found["low"], found["high"]] == pytest.approx([difference] * 3)
    assert found["value"] == pytest.approx(roc_auc_score(*written_out(one)) - roc_auc_score(*written_out(other)))


def test_pairing_narrows_the_interval_of_a_difference() -> None:
    one = street(0)
    nudged = one.scores + 0.05 * (one.positive > 0)
    other = Frames(nudged, one.positive, one.negative, one.video, one.abnormal)
    paired, alone = paired_bootstrap(other, one, 500)["auc"], bootstrap(one, 500)["auc"]
    assert paired is not None
    assert alone is not None
    assert 0 <= paired["low"] <= paired["value"] <= paired["high"]
    assert paired["high"] - paired["low"] < (alone[1] - alone[0]) / 3


def test_systems_on_other_snippets_of_the_same_videos_may_be_compared() -> None:
    found = street(0)
    halves = Frames(
        np.tile(found.scores, 2),
        np.concatenate([found.positive // 2, found.positive - found.positive // 2]),
        np.concatenate([found.negative // 2, found.negative - found.negative // 2]),
        np.tile(found.video, 2),
        found.abnormal,
    )
    compared = paired_bootstrap(found, halves, 50)["auc"]
    assert compared is not None
    assert list(compared.values()) == pytest.approx([0.0] * 4)


def test_systems_on_other_videos_are_not_compared() -> None:
    found = street(0)
    moved = Frames(found.scores, found.negative, found.positive, found.video, found.abnormal)
    fewer = Frames(found.scores[:7], found.positive[:7], found.negative[:7], found.video[:7], found.abnormal[:1])
    for other in (moved, fewer):
        with pytest.raises(ValueError, match="same videos"):
            paired_bootstrap(found, other, 5)


def test_the_difference_of_an_undefined_measure_is_none() -> None:
    zero, video = np.zeros(2, int), np.array([0, 1])
    found = Frames(np.array([0.1, 0.9]), zero + 16, zero, video, np.array([True, True]))
    differences = paired_bootstrap(found, found, 5)
    assert differences["auc"] is differences["ano_auc"] is None
    assert differences["ap"] is not None
