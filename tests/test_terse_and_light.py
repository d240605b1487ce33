"""How English marks who and when where no list of words helps: terse reports, light verbs, clefts, the perfect."""

from __future__ import annotations

import pytest

from rewrite.filters import FILTERS
from rewrite.order_words import order_words
from rewrite.reading import read
from rewrite.records import Candidate, Draft, text_id
from rewrite.syntax import tags


def said(name: str, source: str, text: str) -> str:
    """The reason, or the doubt, of one filter."""
    draft = Draft("d", text_id(source), source, "plain", 0, text, "stop")
    (verdict,) = FILTERS[name]().judge([Candidate(draft, text)])
    return verdict.reason or verdict.flag


ANOTHER_TIME = [
    ("Miller drops sack. Goat bolts. Goat rams fence.", "Goat rams fence. Goat bolts. Miller drops sack."),
    ("A monk spits at a squire who has just struck the gong.", "A monk spits at a squire, who then strikes the gong."),
    ("The squire who had spilt the ink is slapped.", "The squire is slapped and then spills the ink."),
    ("When the bell rings, the nuns kneel.", "When the nuns have knelt, the bell rings."),
    (
        "By the time the gates open the abbot has already gone home.",
        "It is only after the gates have opened that the abbot goes home.",
    ),
    ("By the time the guard wakes, the monks have left.", "The guard wakes before the monks leave."),
    ("A smith heats the shoe prior to bending it.", "A smith bends the shoe prior to heating it."),
    ("The squire slept, after a while drank.", "The squire drank and, after a while, slept."),
    ("In the wake of hitting the gong, the nun sings.", "The nun hits the gong in the wake of singing."),
]
THE_SAME_TIME = [
    ("Two mares trot by, followed by a squire waving a flag.", "A squire waving a flag trots behind two mares."),
    (
        "It is not until a page has hit the gong that the abbot wakes.",
        "The abbot wakes only after a page hits the gong.",
    ),
    ("It is his nod that the smith waits for before striking.", "The smith waits until he nods and then strikes."),
    ("The mare neighs; later, the abbot mounts.", "The abbot mounts some time after the mare herself has neighed."),
    ("By the time the guard wakes, the monks have left.", "The monks leave before the guard wakes."),
    ("The abbot knelt, prayed and rang a bell.", "The abbot rang a bell, but only after he had knelt, prayed."),
    ("The smith lit the forge and drank.", "The smith drank, but not until he had lit the forge."),
    ("The squire slept; after a while he drank.", "Some time after sleeping, the squire drank."),
]
ANOTHER_ROLE = [
    ("A miller shoves a squire and is then kicked by him.", "A squire shoves a miller and is then kicked by him."),
    ("The squire kicks the miller in the shin.", "The squire receives a kick in the shin from the miller."),
    ("The abbot returns a lost ring to a nun.", "The abbot gets a lost ring back from a nun."),
    ("A miller grabs a ring from a nun.", "A miller hands a ring to a nun."),
    (
        "A miller takes the sack from a nun, who takes the jug.",
        "A nun takes the sack from a miller, who takes the jug.",
    ),
    ("A miller and a nun push a squire into the pond.", "A miller and a squire push a nun into the pond."),
    ("The taller squire trips the shorter one.", "The shorter squire trips the taller one."),
    ("A miller pepper-sprays a squire.", "A squire pepper-sprays a miller."),
    ("A couple in the back row shine a torch on a nun.", "A nun shines a torch on a couple in the back row."),
    ("Woman slaps parking attendant; attendant leaves.", "Parking attendant slaps woman; attendant leaves."),
    ("A squire pushes an elderly nun, who never fights back.", "An elderly nun pushes a squire, who never hits back."),
]
THE_SAME_ROLE = [
    ("The squire slaps the miller.", "The miller gets a slap from the squire."),
    ("The abbot gives the nun a ring.", "The nun gets a ring from the abbot."),
    ("A miller gets his purse taken away by a squire.", "A squire takes away a miller's purse."),
    ("A cart, swerving as a nun steps out, hits a wall.", "A cart swerves as a nun steps out and hits a wall."),
    ("The taller squire trips the shorter one.", "The shorter squire is tripped by the taller one."),
    ("By the time the gates open the abbot has gone.", "The abbot has gone by the time the gates are open."),
]


@pytest.mark.parametrize(("source", "text"), ANOTHER_TIME)
def test_another_order_is_found(source: str, text: str) -> None:
    assert said("order", source, text) == "order"


@pytest.mark.parametrize(("source", "text"), THE_SAME_TIME)
def test_the_same_order_passes_in_other_clauses(source: str, text: str) -> None:
    assert said("order", source, text) == ""


@pytest.mark.parametrize(("source", "text"), ANOTHER_ROLE)
def test_another_role_is_found(source: str, text: str) -> None:
    assert said("roles", source, text).startswith("role")


@pytest.mark.parametrize(("source", "text"), THE_SAME_ROLE)
def test_the_same_roles_pass_in_other_voices(source: str, text: str) -> None:
    assert said("roles", source, text) == ""
    assert said("roles", text, source) == ""


def test_all_is_neither_some_nor_one() -> None:
    assert said("numbers", "All the monks leave the hall.", "Some of the monks leave the hall.") == "number_unsure"
    assert said("numbers", "A nun leads every child out.", "A nun leads one child out.") == "number_unsure"
    assert said("numbers", "Some of the monks leave.", "A few of the monks leave.") == ""


def test_a_pronoun_inside_a_phrase_hides_no_anomaly() -> None:
    assert said("labels", "Monks overturn a cart and set it ablaze.", "Monks tip over a cart and set fire to it.") == ""


def test_emptying_a_till_denies_nobody() -> None:
    source, text = "They empty the till.", "The till is emptied by them."
    assert said("negation", source, text) == said("negation", text, source) == ""


def test_a_word_in_ly_need_be_no_adverb() -> None:
    assert tags("an elderly nun opens the supply room") == "DNNVDNN"


def test_a_phrase_of_order_takes_no_more_words_than_a_caption_has() -> None:
    reading = read("A man falls and then", "")
    assert order_words("").at(reading, "C" * 5, 3) == ("then", 2)
