"""Acts, who is in them, whether they happen and when: what the rules read from word order, and what they make of it."""

from __future__ import annotations

import pytest

from rewrite.acts import pair
from rewrite.filters import FILTERS
from rewrite.frames import scene
from rewrite.polarity import denied
from rewrite.records import Candidate, Draft, text_id
from rewrite.syntax import tags
from rewrite.timeline import timeline


def said(name: str, source: str, text: str) -> str:
    """The reason, or the doubt, of one filter."""
    draft = Draft("d", text_id(source), source, "plain", 0, text, "stop")
    (verdict,) = FILTERS[name]().judge([Candidate(draft, text)])
    return verdict.reason or verdict.flag


def frames(text: str) -> list[tuple[str, list[str], list[str]]]:
    """(verb, agents, patients) of each act."""
    return [(f.unit.lemma, [n.word for n in f.agents], [n.word for n in f.patients]) for f in scene(text).frames]


FAULTS = [
    ("roles", "A goalkeeper shoves the linesman.", "The linesman shoves a goalkeeper."),
    ("roles", "A bulldog drags its owner across the pond.", "The owner drags a bulldog across the pond."),
    ("roles", "The teller hands an envelope to a man.", "The teller is handed an envelope by a man."),
    ("roles", "The guard chases the thief, who falls.", "The thief, who falls, chases the guard."),
    (
        "roles",
        "A porter and a cook argue until the chef parts them.",
        "A porter and the chef argue until a cook parts them.",
    ),
    (
        "roles",
        "The driver of the taxi hits the driver of the bus.",
        "The driver of the bus hits the driver of the taxi.",
    ),
    (
        "roles",
        "The man in the black vest hits the man in the red vest.",
        "The man in the red vest hits the man in black.",
    ),
    (
        "roles",
        "A van hits a bus, and the driver of the bus gets out.",
        "A van hits a bus, and the driver of the van gets out.",
    ),
    ("roles", "A trainer gives a whistle to a pupil.", "A trainer receives a whistle from a pupil."),
    ("order", "Once the crowd has left, two janitors sweep up.", "The crowd leaves once two janitors have swept up."),
    ("order", "She locks the shop and cycles off.", "She cycles off and only then locks the shop."),
    ("order", "A lorry skids and explodes.", "A lorry explodes and skids a few seconds later."),
    ("order", "While a woman naps, a boy opens her bag.", "After a woman has napped, a boy opens her bag."),
    ("order", "As soon as the bell rings, the boys run.", "As soon as the boys run, the bell rings."),
    ("negation", "The taxi swerves just in time to avoid her.", "The taxi swerves too late to avoid her."),
    ("negation", "The boy returns the ball.", "The boy avoids returning the ball."),
    (
        "negation",
        "The crew keeps the fire from reaching the roof.",
        "The crew does not keep the fire from reaching the roof.",
    ),
    ("negation", "The burglar almost falls.", "The burglar falls."),
    ("negation", "She tries to stop them, but she cannot.", "She tries to stop them and manages it."),
    ("numbers", "Both windows are broken.", "One of the two windows is broken."),
    ("numbers", "Two of the workers lift it.", "All three of the workers lift it."),
    ("numbers", "A man throws a flower pot.", "A man throws two flower pots."),
    ("numbers", "The storm flattens all the tents.", "The storm flattens half of the tents."),
]
FAITHFUL = [
    ("roles", "A goalkeeper shoves the linesman.", "The linesman is pushed by a goalkeeper."),
    ("roles", "A guest is handed a ring by the jeweller.", "The jeweller hands a guest a ring."),
    ("roles", "A man opens the door of a car.", "A car has its door opened by a man."),
    ("roles", "A farmer fires a gun and bursts the tyre.", "The tyre bursts when a farmer fires a gun."),
    ("roles", "A boxer hits a man, who falls.", "A man falls when a boxer hits him."),
    ("roles", "A nurse pushes a patient out of the lift.", "Out of the lift comes a nurse, pushing a patient."),
    ("roles", "Sparks shower the yard.", "The yard is showered with sparks."),
    ("roles", "The cook and the waiter argue.", "The waiter argues with the cook."),
    ("order", "Until the tenant opens, the landlord knocks.", "The landlord knocks until the tenant opens."),
    ("order", "After some seconds he stands up and leaves.", "Some seconds later he stands up and leaves."),
    ("order", "He stands up after the bell rings.", "The bell rings; then he stands up."),
    ("order", "A man cleans his car when it explodes.", "A man is cleaning his car. Suddenly it explodes."),
    ("negation", "The lorry fails to stop.", "The lorry does not stop."),
    ("negation", "She leaves without paying.", "She leaves, having paid nothing."),
    ("negation", "No spectator is hit.", "None of the spectators is hit."),
    ("negation", "He does not want to leave the cell.", "He refuses to leave the cell."),
    (
        "numbers",
        "One officer sits on him, the other cuffs him.",
        "One of the officers sits on him, the other cuffs him.",
    ),
    ("numbers", "Both men leave.", "Both of the men leave."),
    ("numbers", "He presses the button of the fifth floor.", "He presses the button for floor 5."),
]


@pytest.mark.parametrize(("name", "source", "text"), FAULTS)
def test_others_another_time_another_number_or_not_at_all(name: str, source: str, text: str) -> None:
    assert said(name, source, text)


@pytest.mark.parametrize(("name", "source", "text"), FAITHFUL)
def test_the_same_told_from_another_side_passes(name: str, source: str, text: str) -> None:
    assert said(name, source, text) == ""


def test_two_who_plainly_changed_places_are_told_from_a_guess() -> None:
    assert said("roles", "A thief hits a guard.", "A guard hits a thief.") == "role"
    assert said("roles", "A guard sees a thief and hits him.", "A thief sees a guard and hits him.") == "role_unsure"


def test_words_no_list_knows_find_their_place() -> None:
    assert tags("The glimmerer blorts a snarfle.") == "DNVDNS"
    assert frames("The glimmerer blorts a snarfle.") == [("blorts", ["glimmerer"], ["snarfle"])]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("A thief is hit by a guard.", [("hit", ["guard"], ["thief"])]),
        ("A fan throws a bottle that hits a man.", [("throw", ["fan"], ["bottle"]), ("hit", ["bottle"], ["man"])]),
        ("A man hit by a bus falls.", [("hit", ["bus"], ["man"]), ("fall", ["man"], [])]),
        ("Hit by a guard, a thief falls.", [("hit", ["guard"], ["thief"]), ("fall", ["thief"], [])]),
    ],
)
def test_a_frame_says_who_and_whom(text: str, read: list[tuple[str, list[str], list[str]]]) -> None:
    assert frames(text) == read


def test_he_may_be_whoever_is_no_woman_and_no_thing() -> None:
    acts = pair("A woman, a guard and a bag.", "A guard meets a woman with a bag and he waves.").after
    assert acts[-1].agents[0] == {1}


def test_an_act_is_denied_once_or_twice() -> None:
    assert len(denied("He fails to stop.")) == 1
    # "Fail" is denied, and with it the failing: the fire is stopped.
    assert denied("The crew does not fail to stop the fire.") == {4}


def test_a_word_of_order_moves_what_it_opens() -> None:
    line = timeline("He leaves after he hits a man.")
    assert [e.unit.lemma for e in sorted(line.events, key=lambda e: e.time)] == ["hit", "leave"]
    assert line.told(*line.events)
    assert not timeline("He hits a man and runs.").marks
