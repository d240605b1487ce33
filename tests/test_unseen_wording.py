"""Sentence shapes that no list of words foresees: a third round of pairs, a thought each."""

from __future__ import annotations

from pathlib import Path

import pytest

from rewrite.filters import FILTERS
from rewrite.frames import scene
from rewrite.records import Candidate, Draft, text_id
from rewrite.syntax import tags
from rewrite.timeline import timeline


def said(name: str, source: str, text: str, **settings: str) -> str:
    """The reason, or the doubt, of one filter."""
    draft = Draft("d", text_id(source), source, "plain", 0, text, "stop")
    (verdict,) = FILTERS[name](**settings).judge([Candidate(draft, text)])
    return verdict.reason or verdict.flag


ANOTHER_TIME = [
    ("The gong sounds and a monk bows after the meal.", "The gong sounds and a monk bows before the meal."),
    ("Ten minutes after opening, a miller weighs a sack.", "Ten minutes before opening, a miller weighs a sack."),
    ("A goat kicks the pail, whereupon it runs off.", "A goat runs off, whereupon it kicks the pail."),
    ("A squire saddles the mare, mounts it and rides off.", "A squire mounts the mare, saddles it and rides off."),
    ("A page sneezes during the sermon.", "A page sneezes after the sermon."),
    ("Two nuns sing until a page wedges himself between.", "A page wedges himself between two nuns, who then sing."),
    ("A page sings and is hit as he bows.", "A page is hit as he bows and afterwards sings."),
    ("The mast snaps, but the boy has just been pulled aside.", "The mast snaps, and then the boy is pulled aside."),
    ("The nuns had already left when the abbot woke.", "The nuns left only after the abbot had woken."),
    ("No sooner had he knelt than she fled.", "No sooner had she fled than he knelt."),
    (
        "A baker salts the dough and, when a bell rings, sits.",
        "A baker sits, and when a bell rings he salts the dough.",
    ),
    ("A smith heats a shoe before noon and bends it later.", "A smith bends a shoe before noon and heats it later."),
    ("The page winks at her and bows.", "The page bows and then winks at her."),
    ("Two nuns posing as cooks tie it, then lift it.", "Two nuns posing as cooks lift it, then tie it."),
    ("The nun rings because a page has knocked.", "After the nun rings, a page knocks."),
    ("Monk in hood bows, then pays at stall.", "Monk in hood pays at stall, then bows."),
    ("The mast snaps, and a while later the sail tears.", "The sail tears, and a while later the mast snaps."),
    ("A page bows until a bell rings.", "A bell rings, and from then on a page bows."),
    ("The page snatch a bun, jump on a cart and sing.", "The page jumps on a cart, snatches a bun and sings."),
    (
        "The mast falls; the boy jumped off two seconds before.",
        "The mast falls, and the boy jumps off two seconds later.",
    ),
    ("A gong sounds moments after a monk waves his flag.", "A monk waves his flag moments after a gong sounds."),
    (
        "Only after the nun has knelt does the page ring a bell.",
        "The page rings a bell, and only then does the nun kneel.",
    ),
    ("A page cuts a bun and sings. Then he lights a fire.", "A page cuts a bun and lights a fire, where he sings."),
]
THE_SAME_TIME = [
    (
        "A page drinks and wipes a bench, then lies down to lift it.",
        "Before lying down to lift it, a page drinks and wipes a bench.",
    ),
    ("Hardly has the gong sounded when a page bows.", "The gong sounds, and then a page bows."),
    ("A monk with a jug of wine he had filled runs.", "A monk fills a jug with wine and runs."),
    (
        "Smoke pours out, nuns flee, and then a tank explodes.",
        "First smoke pours out and nuns flee; then a tank explodes.",
    ),
    (
        "Half of the pilgrims have left by the time the band comes.",
        "When the band comes, half of the pilgrims have left.",
    ),
    ("The gong sounds after the meal.", "Following the meal, the gong sounds."),
    ("A page sneezes during the sermon.", "During the sermon a page sneezes."),
    ("She counts the eggs at the till, then wraps them.", "After counting the eggs at the till she wraps them."),
    ("The smith, who yawns, heats a shoe.", "The smith heats a shoe and yawns."),
]
OTHERS = [
    ("The monk pour wine on a page.", "The page pours wine on a monk."),
    (
        "A security guard shoots a thief after the thief fires at the wall.",
        "A security guard is shot by a thief after the guard fires at the wall.",
    ),
    ("An off-duty fireman tackles a poacher.", "A poacher tackles an off-duty fireman."),
    ("A page throws a pie at a heckler.", "A heckler throws a pie at a page."),
    ("The clown hands out pears to the nuns.", "The nuns hand out pears to the clown."),
    ("A busboy slops milk on a tray, and a waitress slips.", "A waitress slops milk on a tray, and a busboy slips."),
]
THE_SAME_ONES = [
    ("The lid flies over the fence.", "Over the fence flies the lid."),
    ("The abbot hands the page the key.", "The page is handed the key by the abbot."),
    ("A page in red lifts a pail.", "A pail is lifted by a red-clad page."),
    ("The clown hands out pears to the nuns.", "The nuns are given pears by the clown."),
    ("A goat nips the abbot's calf, and he hits it.", "The abbot has his calf nipped by a goat and hits it."),
    ("A crew hoists a bell before lunch and sells it.", "A bell is hoisted by a crew before lunch, who sell it."),
    ("No sooner had the nun opened the gate than a duo ran in.", "Two ran in just after the nun had opened the gate."),
    (
        "A fool shoots at a page, who ducks, paddles away and waves.",
        "A fool shoots at a page; he ducks, paddles away, waves.",
    ),
]
OTHER_FAULTS = [
    ("numbers", "Masked men rope a goat.", "A masked man ropes a goat."),
    ("numbers", "He waits a quarter of an hour.", "He waits ten minutes."),
    ("attributes", "Two nuns sit in the back row.", "Two nuns sit in the front row."),
    ("attributes", "A rusty plough is sold.", "A brand-new plough is sold."),
    ("attributes", "A thief lies face down.", "A thief lies face up."),
    ("attributes", "A thief opens her bag.", "A thief opens his bag."),
    ("attributes", "A skinny page waits.", "A burly page waits."),
    ("numbers", "Three pages run, and one of them falls.", "Three pages run, and two of them fall."),
    ("negation", "The nuns had already left.", "The nuns had not yet left."),
]
NO_FAULTS = [
    ("numbers", "He waits fifteen minutes.", "He waits for a quarter of an hour."),
    ("negation", "Neither of the nuns wakes until the gong sounds.", "The two nuns wake only when the gong sounds."),
    ("negation", "Only then is the fire doused.", "The fire is not doused until then."),
    ("negation", "There is nothing in his till.", "His till is empty."),
    ("negation", "He leaves without taking the harp.", "Leaving the harp behind, he goes."),
    ("numbers", "Three pages run, and one of them falls.", "A trio of pages runs, of whom one falls."),
]


@pytest.mark.parametrize(("source", "text"), ANOTHER_TIME)
def test_another_order_is_seen(source: str, text: str) -> None:
    assert said("order", source, text) == "order"


@pytest.mark.parametrize(("source", "text"), THE_SAME_TIME)
def test_the_same_order_passes(source: str, text: str) -> None:
    assert said("order", source, text) == ""


@pytest.mark.parametrize(("source", "text"), OTHERS)
def test_others_in_their_places_are_seen(source: str, text: str) -> None:
    assert said("roles", source, text) in ("role", "role_unsure")


@pytest.mark.parametrize(("source", "text"), THE_SAME_ONES)
def test_the_same_ones_pass(source: str, text: str) -> None:
    assert said("roles", source, text) == ""


@pytest.mark.parametrize(("name", "source", "text"), OTHER_FAULTS)
def test_other_faults_are_seen(name: str, source: str, text: str) -> None:
    assert said(name, source, text) != ""


@pytest.mark.parametrize(("name", "source", "text"), NO_FAULTS)
def test_what_means_the_same_passes(name: str, source: str, text: str) -> None:
    assert said(name, source, text) == ""


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("A monk seals the jar and seals the lid.", "DNVDNJVDNS"),
        ("The monk in bed nine throws a jar.", "DNPNNVDNS"),
        ("The taller one kicks it.", "DNNVRS"),
        ("He pulls the peg loose and takes him hostage.", "RVDNXJVRXS"),
        ("Teenagers in the loft pelt the monk.", "NPDNVDNS"),
        ("A small sports car stops.", "DNNNVS"),
    ],
)
def test_words_find_their_place_by_those_around_them(text: str, letters: str) -> None:
    assert tags(text) == letters


def test_one_thing_in_anothers_place_is_a_doubt_and_a_new_wording_is_none(minilm: Path) -> None:
    model = {"model": str(minilm)}
    source = "A busker plays the banjo by the well."
    assert said("detail", source, "A busker plays the harmonica by the well.", **model) == "replaced"
    assert said("detail", source, "A street musician is playing the banjo near the well.", **model) == ""


def test_a_stretch_cut_out_or_put_in_is_a_doubt(minilm: Path) -> None:
    model = {"model": str(minilm)}
    source = "A monk put his mat by the door and set fire to it. A page came and put out the fire."
    assert (
        said("detail", source, "A monk put his mat by the door. A page came and put out the fire.", **model)
        == "dropped"
    )
    longer = source.replace("came", "came with a ladder")
    assert said("detail", source, longer, **model) == "invented"


def test_a_noun_behind_a_word_of_order_is_an_event() -> None:
    line = timeline("A monk bows after the whistle and leaves.")
    assert [(e.unit.lemma, e.kind) for e in line.events] == [("whistle", "after"), ("bow", "main"), ("leave", "main")]


def test_who_has_something_done_to_him_goes_on_acting() -> None:
    frames = scene("The abbot has his calf nipped by a goat and hits it.").frames
    assert [n.word for n in frames[-1].agents] == ["abbot"]
