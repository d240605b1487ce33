"""Told again in another order, by other words, of others: a second round of pairs, a thought each."""

from __future__ import annotations

from pathlib import Path

import pytest

from rewrite.filters import FILTERS
from rewrite.records import Candidate, Draft, text_id
from rewrite.timeline import timeline


def said(name: str, source: str, text: str, **settings: str) -> str:
    """The reason, or the doubt, of one filter."""
    draft = Draft("d", text_id(source), source, "plain", 0, text, "stop")
    (verdict,) = FILTERS[name](**settings).judge([Candidate(draft, text)])
    return verdict.reason or verdict.flag


ANOTHER_TIME = [
    ("He forced the hatch, then shook the safe.", "He shook the safe, and after that he forced the hatch."),
    ("A cook laid the table and rang a bell.", "A cook rang a bell, and not until then did he lay the table."),
    ("She fed the parrot, then locked the kiosk.", "She locked the kiosk; it was afterwards that she fed the parrot."),
    ("He read the letter, then tore it up.", "He tore up the letter, and only after that read it."),
    ("The ferry docked before the goats got off.", "The goats got off prior to the docking of the ferry."),
    ("A miner lit a fuse, and then the wall caved in.", "The wall caved in, and after this a miner lit a fuse."),
    ("A judge is shoved and afterwards a clerk trips.", "First a clerk trips, and after that a judge is shoved."),
    ("A girl slit the sack and crept inside.", "A girl crept into the sack and slit it later on."),
    ("A nun fed the goat, and it bit her sleeve.", "After the goat had bitten her sleeve, a nun fed it."),
    ("Two nuns are tied up before a safe is emptied.", "Two nuns are tied up once men have emptied a safe."),
]
THE_SAME_TIME = [
    ("A vet washed his hands, then fed the foal.", "It was only once a vet had washed his hands that he fed the foal."),
    ("He shook the tin before he opened it.", "Prior to opening the tin, he shook it."),
    ("Until dawn the miners dug, then they slept.", "The miners dug until dawn and slept after that."),
    ("When nobody answered, he left a card and cycled away.", "He left a card and cycled away after nobody answered."),
    ("A clerk hangs up her coat, and a thief leaves.", "A clerk leaves her coat hanging there, then a thief departs."),
]
OTHERS = [
    ("The barmaid called the farmer, and he fetched her.", "The barmaid called the farmer, and she fetched him."),
    ("The truck behind hit the white truck.", "The white truck hit the truck behind."),
    ("A duchess hit the jockey with her fan.", "The jockey hit a duchess with his fan."),
    ("A maid met a diver, and when he waved she left.", "A maid met a diver, and when she waved he left."),
    ("A grandson washed his grandmother's hair.", "A grandmother washed her grandson's hair."),
    ("The tractor braked, and the sledge behind rammed it.", "The sledge braked, and the tractor behind rammed it."),
    ("A sledge behind a cart crashed into it.", "A cart crashed into a sledge behind it."),
    ("The one standing behind pushed a nun.", "A nun pushed the one standing behind."),
]
THE_SAME_ONES = [
    ("A nun hits the sexton with her bag, and the sexton falls.", "The sexton is hit by a nun with her bag and falls."),
    ("A page pours a jug of milk over the duke.", "The duke has a jug of milk poured over him by a page."),
    ("The barmaid called the farmer, and he fetched her.", "Called by the barmaid, the farmer fetched her."),
    ("The truck behind hit the white truck.", "The white truck was hit by the truck behind."),
    ("A girl lifted her kitten on her shoulders.", "A kitten was lifted by a girl onto her shoulders."),
]
OTHER_FAULTS = [
    ("attributes", "Grooms in tuxedos toast a mayor.", "Grooms in tracksuits toast a mayor."),
    ("attributes", "A nun plays the violin.", "A nun plays the trumpet."),
    ("attributes", "The lead sledge tips over.", "The rearmost sledge tips over."),
    ("attributes", "A courier eats a banana.", "A courier eats a pear."),
    ("numbers", "Both sledges tip over.", "Two of the three sledges tip over."),
    ("labels", "A man slaps a porter.", "A man thanks a porter."),
    ("labels", "A girl headbutts a pupil.", "A girl comforts a pupil."),
    ("labels", "Two girls empty a jukebox with a chisel.", "Two girls repair a jukebox with a chisel."),
    ("labels", "A man fires two shots at a bride.", "A man snaps a photo of a bride."),
]
OTHER_WORDS = [
    ("attributes", "A porter puts on a cap and goes out.", "A porter slips into a cap and leaves."),
    ("attributes", "A sledge turned left at the mill.", "A sledge took a left at the mill."),
    ("attributes", "A mare came close to the man behind her.", "A mare drew near to the man at her rear."),
    ("attributes", "The boat spun two times.", "The boat spun round twice."),
    ("numbers", "Both porters are locked up.", "The pair of porters is locked up."),
    ("numbers", "A nun soaks both of them.", "A nun soaks the two of them."),
    ("numbers", "A cook pulls a tailor and a drunk man apart.", "A cook separates the two."),
    ("form", "A nun gives a book to the pupil, who thanks her.", "With a thank-you to her, the pupil takes a book."),
]


@pytest.mark.parametrize(("source", "text"), ANOTHER_TIME)
def test_another_order_is_another_story(source: str, text: str) -> None:
    assert said("order", source, text) == "order"


@pytest.mark.parametrize(("source", "text"), THE_SAME_TIME)
def test_one_order_in_other_words_is_the_same(source: str, text: str) -> None:
    assert said("order", source, text) == ""


@pytest.mark.parametrize(("source", "text"), OTHERS)
def test_somebody_else_did_it(source: str, text: str) -> None:
    assert said("roles", source, text).startswith("role")


@pytest.mark.parametrize(("source", "text"), THE_SAME_ONES)
def test_whoever_did_it_still_does(source: str, text: str) -> None:
    assert said("roles", source, text) == ""


@pytest.mark.parametrize(("name", "source", "text"), OTHER_FAULTS)
def test_one_of_a_kind_is_not_another(name: str, source: str, text: str) -> None:
    assert said(name, source, text)


@pytest.mark.parametrize(("name", "source", "text"), OTHER_WORDS)
def test_ways_places_and_pairs_have_many_words(name: str, source: str, text: str) -> None:
    assert said(name, source, text) == ""


def test_new_words_stand_for_old_things_by_half(minilm: Path) -> None:
    model = {"model": str(minilm)}
    source = "A tenant hides a ledger in the attic."
    assert said("detail", source, "A lodger hides a register in the loft.", **model) == ""
    assert said("detail", source, "A tenant hides a ledger in the attic and waters a cactus.", **model) == "invented"
    assert said("detail", source, "A tenant hides something.", **model) == "dropped"
    assert said("detail", "A nun paints the gate.", "A nun bites the gate.", **model) == "replaced"


def test_what_is_denied_ends_at_the_next_act() -> None:
    line = timeline("When nobody answered he left a card and wrote a note.")
    assert [e.unit.lemma for e in line.events] == ["left", "write"]
