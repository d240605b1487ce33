"""One contract for every filter, and each filter's own traps."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from rewrite import chain
from rewrite.chain import judge, report, tidy
from rewrite.errors import ModelError
from rewrite.filters import FILTERS
from rewrite.filters.copy import Copy
from rewrite.filters.duplicates import Duplicates
from rewrite.filters.form import Form
from rewrite.filters.length import Length, clip_tokens
from rewrite.filters.similarity import Similarity
from rewrite.records import Candidate, Draft, Verdict, text_id
from rewrite.reporter import Silent

SOURCE = "A man in a red coat runs across the street."


def candidate(text: str, source: str = SOURCE, finish: str = "stop") -> Candidate:
    draft = Draft(text_id(source + text), text_id(source), source, "plain", 0, text, finish)
    return Candidate(draft, tidy(text))


CANDIDATES = [
    candidate(text)
    for text in ("", SOURCE, "A man wearing a red coat sprints over the road.", "I'm sorry, I can't.", "Buy now! " * 60)
]


@pytest.fixture(params=sorted(FILTERS))
def plug(request: pytest.FixtureRequest) -> Any:
    if request.param in ("similarity", "detail"):
        return FILTERS[request.param](model=str(request.getfixturevalue("minilm")))
    if request.param == "nli":
        return FILTERS["nli"](model=str(request.getfixturevalue("tiny_nli")))
    return FILTERS[request.param]()


def test_every_candidate_gets_one_verdict_and_every_drop_a_reason(plug: Any) -> None:
    verdicts = plug.judge(CANDIDATES)
    assert len(verdicts) == len(CANDIDATES)
    assert all(v.keep or v.reason for v in verdicts)
    assert all(not v.reason for v in verdicts if v.keep)


def test_judging_twice_gives_equal_verdicts(plug: Any) -> None:
    assert plug.judge(CANDIDATES) == plug.judge(CANDIDATES)


def test_no_candidates_give_no_verdicts(plug: Any) -> None:
    assert plug.judge([]) == []


def test_scores_and_identity_are_json(plug: Any) -> None:
    json.dumps([dict(v.scores) for v in plug.judge(CANDIDATES)])
    json.dumps(plug.identity())


def test_a_filter_of_rules_names_their_version(plug: Any) -> None:
    reads = {f.name for f in fields(plug)} & {"lexicon"}
    assert ("rules" in plug.identity()) == bool(reads)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("  \n ", "empty"),
        ("I'm sorry, but I can't help with violence.", "refusal"),
        ("As an AI language model, I cannot describe this.", "refusal"),
        ("Sure! A man runs over the street.", "preamble"),
        ("Here is the rewritten caption: A man runs.", "preamble"),
        ("Caption: A man runs.", "preamble"),
        ("A man runs. Rewrite: A man sprints.", "echo"),
        ("**A man runs** over the street.", "markup"),
        ("<b>A man runs</b>", "markup"),
        ("A man runs.\nA man sprints.", "multiline"),
        ("1234 5678 --- 9999", "not_text"),
        ("A man runs \x1b[31mred", "not_text"),
    ],
)
def test_form_names_what_is_no_caption(text: str, reason: str) -> None:
    assert Form().judge([candidate(text)])[0].reason == reason


@pytest.mark.parametrize(
    "text",
    [
        "A man says sorry to the cashier and leaves.",
        "Here a man runs across the street.",
        "The original sculpture is carried out of the hall.",
        "Ein Mann läuft über die Straße.",
        "一个男人跑过街道。",
        "A certainly drunk man walks past the door.",
    ],
)
def test_form_keeps_captions_that_look_like_faults(text: str) -> None:
    assert Form().judge([candidate(text)])[0].keep


def test_a_draft_cut_by_the_token_limit_is_dropped() -> None:
    assert Form().judge([candidate("A man in a red", finish="length")])[0].reason == "cut"


def test_clip_tokens_count_both_marks() -> None:
    assert clip_tokens("a photo of a cat") == 5 + 2


def test_a_rewrite_clip_cannot_read_to_its_end_is_dropped() -> None:
    long, short = Length().judge([candidate("man " * 76), candidate("man " * 75)])
    assert (long.reason, long.scores["clip_tokens"]) == ("too_long", 78)
    assert short.keep


def test_case_and_marks_do_not_hide_a_copy() -> None:
    assert Copy().judge([candidate(SOURCE.upper().replace(".", "!"))])[0].reason == "copy"


def test_of_equal_rewrites_of_one_source_the_first_stays() -> None:
    same, other = "A man sprints.", "a man  sprints"
    verdicts = Duplicates().judge([candidate(same), candidate(other), candidate(same, source="Another source.")])
    assert [v.keep for v in verdicts] == [True, False, True]


def test_similarity_drops_the_unrelated_and_keeps_a_paraphrase(minilm: Path) -> None:
    texts = ("A man wearing a red coat sprints over the road.", "Two cats sleep on a sofa.")
    paraphrase, unrelated = Similarity(model=str(minilm)).judge([candidate(t) for t in texts])
    assert paraphrase.keep
    assert unrelated.reason == "too_far"


def test_similarity_cannot_see_a_swapped_role(minilm: Path) -> None:
    """The known blindness of cosine, kept as a test so that nobody mistakes this filter for a proof."""
    swapped = candidate("A woman hits a man.", source="A man hits a woman.")
    assert Similarity(model=str(minilm), ceiling=1.0).judge([swapped])[0].scores["similarity"] > 0.9


def test_a_missing_encoder_is_one_line() -> None:
    with pytest.raises(ModelError, match="there is no such file or folder"):
        Similarity(model="/no/where").identity()


@pytest.mark.parametrize(
    ("said", "tidied"),
    [
        ('  "A man runs."  ', "A man runs."),
        ("“A man runs.”", "A man runs."),
        ('"Stop" and "go" are on the signs"', '"Stop" and "go" are on the signs"'),
        ("A  man\truns.", "A man runs."),
    ],
)
def test_tidying_folds_space_and_takes_one_pair_of_quotes_off(said: str, tidied: str) -> None:
    assert tidy(said) == tidied


class Odd:
    """Drops every second candidate it sees."""

    def identity(self) -> dict[str, Any]:
        return {}

    def judge(self, candidates: Sequence[Candidate]) -> list[Verdict]:
        return [Verdict(i % 2 == 0, "odd" if i % 2 else "", {"place": i}) for i in range(len(candidates))]


def test_a_filter_sees_only_what_the_ones_before_it_kept() -> None:
    drafts = [Draft(str(i), "s", SOURCE, "plain", i, f"text {i}", "stop") for i in range(4)]
    judged = judge(drafts, {"first": Odd(), "second": Odd()}, Silent())
    assert [(r.filter, r.reason) for r in judged] == [("", ""), ("first", "odd"), ("second", "odd"), ("first", "odd")]
    counted = report(judged, ["first", "second"])["filters"]
    assert [(f["filter"], f["seen"], f["kept"]) for f in counted] == [("first", 4, 2), ("second", 2, 1)]


def test_many_drafts_are_shared_by_processes_and_judged_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    drafts = [
        Draft(f"{n}", text_id(f"A man with {n} bags walks."), f"A man with {n} bags walks.", "plain", 0, text, "stop")
        for n in range(2, 42)
        for text in (f"A man with {n} bags strolls.", f"A man with {n + 1} bags walks.")
    ]
    filters = {name: FILTERS[name]() for name in ("form", "length", "numbers", "duplicates")}
    alone = judge(drafts, filters, Silent())
    monkeypatch.setattr(chain, "_CHUNK", 8)
    assert judge(drafts, filters, Silent()) == alone
    assert {r.kept for r in alone} == {True, False}
