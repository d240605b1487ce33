"""Words in another sense: a car park is no car, a high five no five, and who refuses to give may be in the picture."""

from __future__ import annotations

import pytest

from rewrite.filters import FILTERS
from rewrite.records import Candidate, Draft, text_id


def said(name: str, source: str, text: str) -> str:
    """The reason, or the doubt, of one filter."""
    draft = Draft("d", text_id(source), source, "plain", 0, text, "stop")
    (verdict,) = FILTERS[name]().judge([Candidate(draft, text)])
    return verdict.reason or verdict.flag


@pytest.mark.parametrize(
    ("name", "source", "text"),
    [
        ("attributes", "A monk leaves his bicycle on a parking lot.", "A monk leaves his bike in a car park."),
        ("attributes", "A monk gets off the subway car.", "A monk gets off the metro train."),
        ("attributes", "A page with his hands tied shut the rear door.", "A page, hands tied, shut the back door."),
        ("numbers", "A page high-fives a smith.", "A page gives a smith a high five."),
        ("form", "She would not give him a bun.", "She refused to give him a bun."),
        ("form", "He keeps silent.", "He refuses to answer the guard."),
        ("order", "A cart tips, and a mule behind it falls.", "A cart tips, and a mule following it falls."),
    ],
)
def test_a_word_in_another_sense_is_no_fault(name: str, source: str, text: str) -> None:
    assert said(name, source, text) == ""


@pytest.mark.parametrize(
    ("name", "source", "text", "reason"),
    [
        ("attributes", "A monk rides a bicycle.", "A monk rides in a car.", "attribute"),
        ("attributes", "A car parks beside the kerb.", "A bus parks beside the kerb.", "attribute"),
        ("attributes", "Two cars park by the inn.", "Two vans park by the inn.", "attribute"),
        ("attributes", "A monk gets off a subway train.", "A monk gets off a bus.", "attribute"),
        ("attributes", "He was hit on the head.", "He was hit on the back.", "attribute"),
        ("attributes", "A thug hit him in the back row.", "A thug hit him in the face.", "attribute"),
        ("numbers", "Five pages bow.", "Six pages bow.", "number"),
        ("numbers", "She throws the ball high five times.", "She throws the ball high six times.", "number"),
        ("form", "She would not give him a bun.", "The model refused to give you a description.", "refusal"),
        ("form", "She would not give him a bun.", "It declines to answer this request.", "refusal"),
        ("form", "She would not give him a bun.", "Unable to give details about this act.", "refusal"),
        ("form", "She would not give him a bun.", "Not allowed to offer advice on this.", "refusal"),
        ("form", "She would not give him a bun.", "Unable to answer.", "refusal"),
        ("order", "A cart tips following a fall of the mule.", "The mule falls after a cart tips.", "order"),
    ],
)
def test_in_its_own_sense_it_still_is(name: str, source: str, text: str, reason: str) -> None:
    assert said(name, source, text) == reason
