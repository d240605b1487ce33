"""The k best of a source: faithful and unlike each other; the others are surplus, not wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from conftest import MODELS

from rewrite.chain import judge
from rewrite.errors import SettingError
from rewrite.filters import selection
from rewrite.filters.selection import Selection
from rewrite.recipe import configure_filters
from rewrite.records import Candidate, Draft, text_id
from rewrite.reporter import Silent

SOURCE = "source"
# Two rewrites that say nearly the same, and one that says it otherwise, a little farther from the source.
PLACES = {"source": (1.0, 0.0, 0.0), "near": (0.9, 0.436, 0.0), "twin": (0.89, 0.456, 0.0), "other": (0.8, 0.0, 0.6)}


@pytest.fixture(autouse=True)
def known_vectors(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Vectors by hand instead of an encoder's; the list says what was asked."""
    asked: list[list[str]] = []

    def vectors(_: str, texts: Sequence[str]) -> np.ndarray:
        asked.append(list(texts))
        found = np.array([PLACES[text.split("/")[0]] for text in texts], np.float32)
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    monkeypatch.setattr(selection, "vectors", vectors)
    return asked


def candidate(text: str, source: str = SOURCE, **scores: float) -> Candidate:
    return Candidate(Draft(f"{source}:{text}", text_id(source), source, "plain", 0, text, "stop"), text, (), scores)


def kept(plug: Selection, candidates: list[Candidate]) -> list[str]:
    return [c.text for c, v in zip(candidates, plug.judge(candidates), strict=True) if v.keep]


ALL = [candidate(text) for text in ("near", "twin", "other")]


def test_by_default_everything_stays_and_nothing_is_encoded(known_vectors: list[list[str]]) -> None:
    assert kept(Selection(), ALL) == ["near", "twin", "other"]
    assert not known_vectors
    assert Selection().identity() == {"keep": 0}


def test_a_twin_is_left_out_for_what_says_it_otherwise() -> None:
    assert kept(Selection(keep=2), ALL) == ["near", "other"]


def test_with_all_weight_on_faithfulness_the_nearest_stay() -> None:
    assert kept(Selection(keep=2, balance=1.0), ALL) == ["near", "twin"]


def test_the_model_of_inference_says_what_is_faithful_where_there_is_one() -> None:
    doubted = [candidate("near", nli=0.1), candidate("twin", nli=0.9), candidate("other", nli=0.5)]
    assert kept(Selection(keep=1), doubted) == ["twin"]


def test_the_others_are_surplus() -> None:
    assert [v.reason for v in Selection(keep=1).judge(ALL)].count("surplus") == 2


def test_a_source_with_few_rewrites_keeps_them_all() -> None:
    few = [candidate("twin", source="source/2"), *ALL]
    assert kept(Selection(keep=2), few) == ["twin", "near", "other"]


def test_each_source_is_chosen_from_alone_and_all_are_encoded_together(known_vectors: list[list[str]]) -> None:
    two = [*ALL, *(candidate(text, source="source/2") for text in ("near", "twin", "other"))]
    assert kept(Selection(keep=2), two) == ["near", "other"] * 2
    assert len(known_vectors) == 1


def test_of_equal_rewrites_the_earlier_draft_is_taken() -> None:
    assert kept(Selection(keep=1), [candidate("near/a"), candidate("near/b")]) == ["near/a"]


def test_the_chain_writes_filter_and_reason() -> None:
    drafts = [c.draft for c in ALL]
    judged = judge(drafts, {"selection": Selection(keep=2)}, Silent())
    assert [(r.filter, r.reason) for r in judged if not r.kept] == [("selection", "surplus")]


@pytest.mark.parametrize("wrong", ["selection.keep=-1", "selection.balance=1.5", "selection.balance=nan"])
def test_a_senseless_setting_is_refused(wrong: str) -> None:
    with pytest.raises(SettingError, match="keep must not be negative"):
        configure_filters(["selection"], [wrong])


def test_it_compares_by_the_encoder_of_the_chain() -> None:
    chain, _ = configure_filters(["similarity", "selection"], ["similarity.model=some/folder"])
    assert chain["selection"].model == "some/folder"


def test_its_encoder_is_part_of_what_decides(minilm: Path) -> None:
    assert Selection(keep=2, model=str(MODELS / minilm.name)).identity()["weights"]
