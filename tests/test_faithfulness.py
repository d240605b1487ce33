"""The traps of meaning, a rule each: what must be dropped or doubted, and what must pass though it looks alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import trclip

from rewrite.chain import judge
from rewrite.errors import InputError
from rewrite.filters import CHAINS, FILTERS, chain_names
from rewrite.filters.detail import Detail
from rewrite.lexicon import lexicon
from rewrite.reading import read
from rewrite.records import Candidate, Draft, Verdict, text_id
from rewrite.reporter import Silent


def said(name: str, source: str, text: str, **settings: Any) -> str:
    """The reason, or the doubt, of one filter."""
    draft = Draft("d", text_id(source), source, "plain", 0, text, "stop")
    (verdict,) = FILTERS[name](**settings).judge([Candidate(draft, text)])
    return verdict.reason or verdict.flag


@pytest.mark.parametrize(
    ("name", "source", "text", "reason"),
    [
        ("negation", "The car stops after the crash.", "The car does not stop after the crash.", "negation"),
        ("negation", "She leaves without paying.", "She pays and leaves.", "negation"),
        ("negation", "Nobody is hurt in the fall.", "Somebody is hurt in the fall.", "negation"),
        ("negation", "A rider without a helmet falls.", "A rider with a helmet falls.", "negation"),
        ("numbers", "Two men fight.", "Three men fight.", "number"),
        ("numbers", "He hits him twice.", "He hits him once.", "number"),
        ("numbers", "A guard falls.", "Two guards fall.", "number"),
        ("numbers", "He opens every drawer.", "He opens a few of the drawers.", "number_unsure"),
        ("attributes", "A red car turns left.", "A blue car turns left.", "attribute"),
        ("attributes", "A red car turns left.", "A red car turns right.", "attribute"),
        ("attributes", "A red car hits a blue van.", "A blue car hits a red van.", "attribute"),
        ("attributes", "A car passes.", "A red car passes.", "attribute_new"),
        ("attributes", "A red car passes.", "A car passes.", "attribute_lost"),
        ("order", "He hits the man and then runs away.", "He runs away and then hits the man.", "order"),
        ("order", "She pays before she leaves.", "She leaves before she pays.", "order"),
        ("labels", "Two men punch each other.", "Two men hug each other.", "label_flip"),
        ("labels", "A man robs a shop.", "A man walks through a shop.", "label_lost"),
        ("labels", "A man walks through a shop.", "A man robs a shop.", "label_new"),
        ("euphemism", "A man beats a boy with a belt.", "A man interacts with a boy.", "euphemism"),
        ("roles", "A man hits a woman.", "A woman hits a man.", "role"),
        ("roles", "A man hits a woman.", "A man is hit by a woman.", "role"),
        ("form", "A man stabs a guard.", "A man approaches a guard. I am unable to describe what follows.", "refusal"),
        ("form", "A man stabs a guard.", "This content describes violence and cannot be rewritten.", "refusal"),
        ("form", "A man stabs a guard.", "A man [removed] a guard.", "refusal"),
    ],
)
def test_a_changed_meaning_has_its_own_reason(name: str, source: str, text: str, reason: str) -> None:
    assert said(name, source, text) == reason


@pytest.mark.parametrize(
    ("name", "source", "text"),
    [
        ("negation", "There is no one in the corridor.", "The hallway is empty."),
        ("negation", "She leaves without paying.", "She walks out and does not pay."),
        ("negation", "A shirtless man lies there.", "A man without a shirt is lying there."),
        ("negation", "It takes less than a minute.", "It takes under a minute."),
        ("numbers", "Both men are bleeding.", "The 2 men are bleeding."),
        ("numbers", "He searches every drawer.", "He searches all the drawers."),
        ("numbers", "Two men carry a sofa.", "A pair of men carry a sofa."),
        ("numbers", "Six men leave.", "Half a dozen men leave."),
        ("numbers", "He leaves at once.", "He leaves immediately."),
        ("numbers", "A coach meets a truck, and the two collide.", "A coach and a truck collide: it meets a truck."),
        (
            "numbers",
            "One thief waits while the other picks the lock.",
            "One of the thieves waits as his partner opens the lock with a pick.",
        ),
        ("attributes", "She carries the little girl.", "A little girl is carried by her."),
        ("labels", "A fake courier ties her up.", "A man posing as a courier ties her up."),
        ("attributes", "A man left the shop.", "A man went out of the shop."),
        ("attributes", "A silver car passes.", "A gray car passes."),
        ("attributes", "He stops right in front of her.", "He halts just before her."),
        ("order", "He runs after he hits the man.", "He hits the man and then runs."),
        ("order", "Before she leaves, she pays.", "She pays and leaves."),
        ("labels", "A car hits a man.", "A man is run over by a car."),
        ("labels", "A youth takes a laptop from her car.", "A youth steals a laptop out of her car."),
        ("euphemism", "A man waits at the door.", "A man spends a while at the door."),
        ("roles", "A man hits a woman.", "A woman is hit by a man."),
        ("roles", "The guard chases the thief.", "The thief is chased by the guard."),
        ("form", "The man says sorry and goes.", "The man apologises and leaves."),
    ],
)
def test_other_words_for_the_same_pass(name: str, source: str, text: str) -> None:
    assert said(name, source, text) == ""


def test_what_came_in_and_what_went_out_are_counted_by_meaning(minilm: Path) -> None:
    detail = {"model": str(minilm)}
    source = "A man breaks a window and climbs into the shop."
    assert said("detail", source, "A guy smashes a window and gets into the store.", **detail) == ""
    more = "A man breaks a window with a hammer in heavy rain, climbs into the shop and finds a guitar."
    assert said("detail", source, more, **detail) == "invented"
    assert said("detail", source, "A man breaks something.", **detail) == "dropped"


def test_a_reading_joins_phrases_and_splits_clauses() -> None:
    reading = read("Two men aren't putting handcuffs on him, and they walk off.")
    assert "not" in reading.words
    assert {"handcuff"} <= reading.concepts
    assert [u.lemma for u in reading.units][-1] == "walk off"
    assert reading.units[-1].clause > reading.units[0].clause


def test_a_users_words_are_added_to_ours(tmp_path: Path) -> None:
    words = tmp_path / "words.yaml"
    words.write_text("labels: {families: {violence: {strong: 'shank'}}}\nconcepts: {acts: {shank: 'shank, spike'}}\n")
    source, text = "One man shanks another.", "One man greets another."
    assert said("labels", source, text) != "label_flip"
    assert said("labels", source, text, lexicon=str(words)) == "label_flip"
    assert lexicon(str(words)).digest != lexicon().digest


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("colours: {}", "there is no list"),
        ("[1, 2", "is not YAML"),
        ("labels: [1]", "holds a list where ours is a dict"),
    ],
)
def test_a_lexicon_that_is_none_is_one_line(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "words.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=told):
        lexicon(str(path))


class Doubting:
    """Doubts everything."""

    def identity(self) -> dict[str, Any]:
        return {}

    def judge(self, candidates: Any) -> list[Verdict]:
        return [Verdict(True, flag="role") for _ in candidates]


class Clearing(Doubting):
    """Clears what is doubted of even variants, drops the rest by the doubt's name."""

    clears = True

    def judge(self, candidates: Any) -> list[Verdict]:
        assert all(c.flags == ("role",) for c in candidates)
        return [Verdict(c.draft.variant % 2 == 0, "" if c.draft.variant % 2 == 0 else c.flags[0]) for c in candidates]


DRAFTS = [Draft(str(i), "s", "A man hits a woman.", "plain", i, f"text {i}", "stop") for i in range(4)]


def test_a_doubt_drops_where_nothing_can_clear_it() -> None:
    judged = judge(DRAFTS, {"roles": Doubting()}, Silent())
    assert {(r.filter, r.reason) for r in judged} == {("roles", "role")}


def test_a_filter_that_clears_decides_what_is_doubted() -> None:
    judged = judge(DRAFTS, {"roles": Doubting(), "nli": Clearing()}, Silent())
    assert [r.kept for r in judged] == [True, False, True, False]
    assert {(r.filter, r.reason) for r in judged if not r.kept} == {("nli", "role")}
    assert all(r.row()["flags"] == ["role"] for r in judged)


def test_chains_are_names_for_filters_in_the_boards_order() -> None:
    assert chain_names(None) == list(CHAINS["fast"])
    assert chain_names(["nli", "form"]) == ["form", "nli"]
    assert set(CHAINS["strict"]) - set(CHAINS["fast"]) == {"nli"}


def test_a_strict_chain_without_a_model_says_what_to_do(tmp_path: Path, minilm: Path) -> None:
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text('{"source": "A man runs.", "rewrite": "A man sprints."}\n')
    told = trclip("audit", pairs, "--filters", "strict", "--set", f"similarity.model={minilm}")
    assert told.code == 2
    assert "--set nli.model=NAME_OR_PATH" in told.err


def test_unset_similarity_models_are_one_for_the_whole_chain(minilm: Path) -> None:
    from rewrite.recipe import configure_filters

    chain, _ = configure_filters(["fast"], [f"similarity.model={minilm}"])
    assert chain["detail"].model == str(minilm)
    assert Detail().model != str(minilm)
