"""How evidence is weighed: what a fit learns, how it is written down, and what it does beyond what it has met."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from rewrite.errors import SettingError
from rewrite.weighing import Evidence, fit, gather, revived


def ring(count: int = 400) -> tuple[Evidence, np.ndarray]:
    """Evidence whose faithful pairs lie in the middle of a plane: no straight line parts them from the others."""
    heard = np.random.default_rng(0).uniform(-3, 3, (count, 2))
    return heard_alone(heard), np.linalg.norm(heard, axis=1) < 1.5


def heard_alone(heard: np.ndarray) -> Evidence:
    """Nothing is denied, and the model shows no vector."""
    return Evidence(heard, np.zeros((len(heard), 2)), np.zeros((len(heard), 0)))


def test_a_weighing_learns_that_the_middle_is_faithful() -> None:
    evidence, keep = ring()
    sure = fit(evidence, keep).sure(evidence)
    assert ((sure > 0.5) == keep).mean() > 0.95


def test_far_beyond_what_was_met_nothing_is_surer_than_at_the_edge() -> None:
    weighing = fit(*ring())
    far = np.array([[40.0, -70.0], [1e9, 0.0]])
    edge = np.clip(far, weighing.low, weighing.high)
    assert weighing.sure(heard_alone(far)) == pytest.approx(weighing.sure(heard_alone(edge)))


def test_a_denied_claim_takes_its_share_and_never_speaks_for_a_pair() -> None:
    evidence, keep = ring()
    draw = np.random.default_rng(1).random((len(keep), 2))
    loud = replace(evidence, denied=draw * np.stack([~keep, keep], axis=1))  # the second kind is heard of the faithful
    weighing = fit(loud, keep)
    assert weighing.against[0] > 0
    assert weighing.against[1] == 0
    assert (weighing.sure(loud) <= weighing.sure(evidence)).all()


def test_what_the_classifier_read_is_weighed_too() -> None:
    evidence, _ = ring()
    pooled = np.random.default_rng(2).normal(size=(len(evidence.heard), 300))
    keep = pooled[:, :3].sum(axis=1) > 0  # which the logits do not tell
    shown = replace(evidence, pooled=pooled)
    first, rest = shown[np.arange(300)], shown[np.arange(300, 400)]
    right = (fit(first, keep[:300]).sure(rest) > 0.5) == keep[300:]
    blind = (fit(evidence[np.arange(300)], keep[:300]).sure(evidence[np.arange(300, 400)]) > 0.5) == keep[300:]
    assert right.mean() > blind.mean() + 0.15


def test_hundreds_of_numbers_that_tell_nothing_take_little_away() -> None:
    evidence, keep = ring()
    noise = np.random.default_rng(3).normal(size=(len(keep), 400))
    shown, first, rest = replace(evidence, pooled=noise), np.arange(300), np.arange(300, 400)
    assert ((fit(shown[first], keep[first]).sure(shown[rest]) > 0.5) == keep[rest]).mean() > 0.85


def test_numbers_that_hardly_move_do_not_run_away() -> None:
    evidence, keep = ring()
    draw = np.random.default_rng(4)
    pooled = np.tanh(draw.normal(6, 0.5, (len(keep), 64)))  # as behind a full tanh
    pooled[:, 0] = 1 + 1e-7 * draw.normal(size=len(keep))
    weighing = fit(replace(evidence, pooled=pooled), keep)
    sure = weighing.sure(replace(evidence, pooled=pooled))
    again = revived(json.loads(json.dumps(weighing.described())), "here")
    moved = pooled.copy()
    moved[:, 0] += 1e-6
    assert again.sure(replace(evidence, pooled=pooled)) == pytest.approx(sure)
    assert again.sure(replace(evidence, pooled=moved)) == pytest.approx(sure, abs=0.02)


def test_a_vector_far_beyond_what_was_met_counts_as_its_edge() -> None:
    evidence, keep = ring()
    pooled = np.random.default_rng(5).normal(size=(len(keep), 8))
    weighing = fit(replace(evidence, pooled=pooled), keep)
    far = evidence[np.arange(2)]
    ways = np.array([weighing.pooled, weighing.pooled]) * [[1e6], [1e9]]
    sure = weighing.sure(replace(far, pooled=ways, heard=far.heard[[0, 0]]))
    assert sure[0] == sure[1] < 1


def test_a_weighing_that_read_no_vector_reads_none() -> None:
    evidence, keep = ring()
    weighing = fit(evidence, keep)
    assert weighing.pooled == ()
    assert (weighing.sure(replace(evidence, pooled=np.ones((len(keep), 5)))) == weighing.sure(evidence)).all()


def test_a_pair_that_counts_more_is_followed() -> None:
    evidence, keep = ring()
    said = np.where(evidence.heard[:, 0] > 0, keep, ~keep)  # two files that contradict each other
    right = fit(evidence, said, np.where(evidence.heard[:, 0] > 0, 1.0, 1e-3)).sure(evidence)
    left = fit(evidence, said, np.where(evidence.heard[:, 0] > 0, 1e-3, 1.0)).sure(evidence)
    middle = np.linalg.norm(evidence.heard, axis=1) < 0.5
    assert right[middle].min() > left[middle].max()


def test_a_weighing_written_down_and_read_again_says_the_same() -> None:
    weighing = fit(*ring())
    again = revived(json.loads(json.dumps(weighing.described())), "here")
    assert again == weighing


BROKEN = [{"weights": [1.0]}, {"scale": [0.0, 1.0]}, {"bias": "x"}, {"low": None}, {"bias": float("nan")}]
BROKEN += [{"high": [1.0, float("inf")]}, {"against": [0.1]}, {"against": [0.1, -0.1]}, {"pooled": [0.1]}]
BROKEN += [{"pooled": [float("nan")], "ends": [0.0, 1.0]}, {"pooled": [0.1], "ends": [1.0, 0.0]}]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_weighing_is_refused(broken: dict[str, object]) -> None:
    with pytest.raises(SettingError, match="calibrate"):
        revived({**fit(*ring()).described(), **broken}, "here")


def test_a_weighing_of_an_older_version_says_what_it_lacks() -> None:
    older = fit(*ring()).described()
    del older["against"]
    with pytest.raises(SettingError, match=r"lacks 'against': another version wrote it\. Run cli\.py calibrate again"):
        revived(older, "here")


def test_a_weighing_from_before_vectors_were_read_still_holds() -> None:
    evidence, keep = ring()
    older = fit(evidence, keep).described()
    del older["pooled"], older["ends"]
    assert (revived(older, "here").sure(evidence) == fit(evidence, keep).sure(evidence)).all()


def test_evidence_does_not_depend_on_which_caption_stands_first() -> None:
    ways = np.random.default_rng(0).normal(size=(2, 5, 3))
    cosine = np.linspace(0, 1, 5)
    assert (gather(*ways, cosine) == gather(*ways[::-1], cosine)).all()
    assert gather(*ways, cosine).shape == (5, 7)
    assert gather(*ways).shape == (5, 6)
