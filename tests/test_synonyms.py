"""WordNet's senses beside our own lists."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from test_faithfulness import said

from rewrite.filters.detail import _one_sense
from rewrite.reading import read
from rewrite.synonyms import _FILE, synonyms


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("stagger", "reel", True),
        ("reel", "stagger", True),
        ("sofa", "couch", True),
        ("spectacles", "glasses", True),
        ("man", "woman", False),
        ("car", "bus", False),
        ("push", "pull", False),
        ("a word that nobody knows", "another", False),
    ],
)
def test_words_of_one_common_sense_are_synonyms(one: str, other: str, alike: bool) -> None:
    assert synonyms(one, other) is alike


def test_a_rare_word_for_the_same_is_no_new_detail(minilm: Path) -> None:
    model = {"model": str(minilm)}
    assert said("detail", "A monk buys a cask.", "A monk purchases a barrel.", **model) == ""
    assert said("detail", "A monk sells a cask.", "A monk buries a cask.", **model) == "replaced"


@pytest.mark.parametrize(("act", "other"), [("attacks", "approaches"), ("arrests", "stops"), ("shoots", "films")])
def test_what_our_lists_tell_apart_is_not_asked_of_wordnet(act: str, other: str) -> None:
    one, two = (next(u for u in read(f"A monk {word} a nun.").units if u.word == word) for word in (act, other))
    assert synonyms(one.lemma, two.lemma)
    assert not _one_sense(one, two)


def test_the_licence_that_wordnet_asks_to_be_kept_is_kept() -> None:
    head = [line for line in gzip.decompress(_FILE.read_bytes()).decode().splitlines() if line.startswith("#")]
    assert any("Copyright" in line and "Princeton University" in line for line in head)
