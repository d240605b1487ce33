"""What judging leaves out to be fast changes nothing: every shortcut beside the long way, over the tuning captions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rewrite import polarity
from rewrite.filters import FILTERS, numbers
from rewrite.polarity import denied
from rewrite.reading import forget, read
from rewrite.records import Candidate, Draft
from rewrite.timeline import may_order, timeline

PROBE = Path(__file__).parents[1] / "benchmarks" / "probe" / "tuning.jsonl"
ROWS = [json.loads(line) for line in PROBE.read_text().splitlines()]
TEXTS = sorted({row[part] for row in ROWS for part in ("source", "rewrite")})


class Everything(frozenset[str]):
    """Holds every word, so that a shortcut is never taken."""

    def __contains__(self, word: object) -> bool:
        return True

    def isdisjoint(self, words: object) -> bool:
        return False


def test_a_caption_without_a_word_that_order_needs_has_no_marks() -> None:
    assert not [text for text in TEXTS if timeline(text).marks and not may_order(text)]


def test_a_caption_without_a_hint_denies_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    short = [denied(text) for text in TEXTS]
    forget()
    monkeypatch.setattr(polarity, "_hints", lambda extend: Everything())
    assert [denied(text) for text in TEXTS] == short
    forget()


def test_only_words_that_count_decide_about_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    names = numbers._names("")
    short = [numbers._counts(text, names, "") for text in TEXTS]
    looked = numbers._Names(*(getattr(names, name) for name in names.__slots__[:-1]), Everything())
    assert [numbers._counts(text, looked, "") for text in TEXTS] == short


def test_what_was_forgotten_is_read_the_same_again() -> None:
    text = "Two men did not leave before the guard came."
    first, before = read(text), denied(text)
    forget()
    again = read(text)
    assert again is not first
    assert (again.words, again.units, denied(text)) == (first.words, first.units, before)


@pytest.mark.parametrize(
    "said", ["I’m sorry, but I can't describe this.", "A man runs. [Content removed]", "Warning: violence", "N/A"]
)
def test_a_refusal_is_found_in_any_case(said: str) -> None:
    source = "A man runs across the street."
    form = FILTERS["form"]()
    for text in (said, said.upper(), said.lower()):
        draft = Draft("0", "s", source, "plain", 0, text, "stop")
        assert [v.reason for v in form.judge([Candidate(draft, text)])] == ["refusal"]
