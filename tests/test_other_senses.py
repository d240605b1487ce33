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
        ("attributes", "A monk rides a bicycle on a parking lot.", "A monk rides a bicycle in a car park."),
        ("attributes", "A monk waits in the subway car.", "A monk waits in the metro train."),
        ("attributes", "His foot shut the rear doors.", "His foot shut the back doors."),
        ("attributes", "A nun stuck a stamp on it and drew a knife.", "A nun put a stamp on it and drew a knife."),
        ("attributes", "A nun pours a full jug over it.", "A nun empties a full jug over it."),
        ("numbers", "A page high-fives a smith.", "A page gives a smith a high five."),
        ("form", "She would not give him a bun.", "She refused to give him a bun."),
        ("order", "A cart tips, and a mule behind it falls.", "A cart tips, and a mule following it falls."),
    ],
)
def test_a_word_in_another_sense_is_no_fault(name: str, source: str, text: str) -> None:
    assert said(name, source, text) == ""


@pytest.mark.parametrize(
    ("name", "source", "text", "reason"),
    [
        ("attributes", "A monk rides a bicycle.", "A monk rides in a car.", "attribute"),
        ("attributes", "He was hit on the head.", "He was hit on the back.", "attribute"),
        ("attributes", "A nun drew a stick.", "A nun drew a knife.", "attribute"),
        ("attributes", "The jug is full.", "The jug is empty.", "attribute"),
        ("numbers", "Five pages bow.", "Six pages bow.", "number"),
        ("form", "She would not give him a bun.", "The model refused to give you a description.", "refusal"),
        ("form", "She would not give him a bun.", "It declines to answer this request.", "refusal"),
        ("order", "A cart tips following a fall of the mule.", "The mule falls after a cart tips.", "order"),
    ],
)
def test_in_its_own_sense_it_still_is(name: str, source: str, text: str, reason: str) -> None:
    assert said(name, source, text) == reason
