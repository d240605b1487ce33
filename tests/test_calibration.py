"""Thresholds and weights come from labelled pairs, are measured on others, and are taken as they stand."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import trclip

from rewrite import choosing
from rewrite.calibrate import calibrate, lines
from rewrite.choosing import can_be_split, choose, folds, kept, kept_unseen
from rewrite.errors import InputError, ModelError
from rewrite.labelled import Inferred, Labelled, measure
from rewrite.pairs import Pair
from rewrite.recipe import configure_filters
from rewrite.reporter import Silent
from rewrite.weighing import Evidence

TUNING = Path(__file__).resolve().parents[1] / "benchmarks" / "probe" / "tuning.jsonl"


@pytest.fixture
def strict(minilm: Path, tiny_nli: Path) -> list[str]:
    return ["--filters", "strict", "--set", f"similarity.model={minilm}", "--set", f"nli.model={tiny_nli}"]


def pairs_file(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def made(sources: int, keeps: list[bool], each: int) -> list[dict[str, Any]]:
    """Pairs of some sources, each with its own verdict or with both in turn."""
    rows = []
    for n in range(sources):
        for k in range(each):
            keep = keeps[n % len(keeps)] if len(keeps) > 1 else k % 2 == 0
            rows.append({"source": f"Man number {n} walks.", "rewrite": f"A man strolls on {k} of {n}.", "keep": keep})
    return rows


def measured(count: int = 300, seed: int = 0, signal: float = 1.0) -> tuple[Labelled, np.ndarray]:
    """Pairs by what was measured of them, a third faithful, and their folds."""
    draw = np.random.default_rng(seed)
    keep = draw.random(count) < 1 / 3
    heard = draw.normal(size=(count, 4)) + signal * keep[:, None]
    inferred = Inferred(Evidence(heard, np.zeros((count, 2)), np.zeros((count, 0))), draw.random((count, 2)))
    passed, doubted, similarity = draw.random(count) < 0.9, draw.random(count) < 0.2, draw.random(count).round(3)
    table = Labelled(keep, np.ones(count), passed, doubted, similarity, inferred)
    return table, np.arange(count) % choosing.FOLDS


def test_calibration_of_inference_is_taken_by_other_commands(
    minilm: Path, tiny_nli: Path, strict: list[str], tmp_path: Path
) -> None:
    few = tmp_path / "few.jsonl"
    few.write_text("\n".join(TUNING.read_text().splitlines()[:300]) + "\n")
    settings = tmp_path / "settings.json"
    answer = trclip("calibrate", few, "--precision", "0.4", "--out", settings, *strict)
    assert answer.code == 0, answer.err
    assert re.search(r"nli\.weighing: 35 \+ [1-9]\d* weights, kept by --out FILE", answer.out)
    found = json.loads(settings.read_bytes())
    names = [line.partition("=")[0] for line in found["set"]]
    assert names == ["similarity.floor", "nli.least", "nli.least_doubted", "nli.weighing"]
    used = trclip("audit", few, "--settings", settings, "--json", *strict)
    assert used.code == 0, used.err
    (held,) = (f for f in used.json()["filters"] if f["filter"] == "nli")
    assert len(held["weighing"]["low"]) == 7
    # What it says to keep of these pairs is what is kept of them, pair for pair.
    keep = [json.loads(line)["keep"] for line in few.read_text().splitlines()]
    right = sum(v["keep"] and k for v, k in zip(used.json()["verdicts"], keep, strict=True))
    counted = found["on_the_pairs_themselves"]["precision"]
    assert used.json()["report"]["kept"] == counted["of"] > 0
    assert right == round(counted["value"] * counted["of"])
    other = trclip("audit", few, "--settings", settings, "--filters", "nli", "--set", f"nli.model={tiny_nli}")
    assert other.code == 2
    assert "needs the sentence encoder that it was made with" in other.err


def test_settings_of_another_version_are_refused_by_the_name_of_their_file(strict: list[str], tmp_path: Path) -> None:
    pairs = pairs_file(tmp_path / "p.jsonl", made(1, [True], 2))
    settings = tmp_path / "old.json"
    settings.write_text('{"set": ["similarity.floor=0.4", "nli.low=0.3"]}')
    answer = trclip("audit", pairs, "--settings", settings, *strict)
    assert answer.code == 2
    assert f"{settings}: was made by another version (nli.low). Run cli.py calibrate again." in answer.err


def test_inference_without_a_model_is_refused_before_any_work(minilm: Path, tmp_path: Path) -> None:
    chain, _ = configure_filters(["strict"], [f"similarity.model={minilm}"])
    with pytest.raises(ModelError, match=r"no model is named.*nli\.model=NAME_OR_PATH"):
        calibrate(tmp_path / "is not even there.jsonl", chain)


def test_a_weighing_is_fitted_to_a_hundred_of_each_kind_at_least(minilm: Path, tiny_nli: Path, tmp_path: Path) -> None:
    models = [f"similarity.model={minilm}", f"nli.model={tiny_nli}"]
    pairs = pairs_file(tmp_path / "p.jsonl", made(30, [True], 6))
    with pytest.raises(InputError, match="at least 100 of each"):
        calibrate(pairs, configure_filters(["similarity", "nli"], models)[0])
    assert calibrate(pairs, configure_filters(["similarity"], models[:1])[0])["pairs"]["faithful"] == 90


@pytest.mark.parametrize(
    ("sources", "keeps", "filters"),
    [(1, [True], "nli"), (2, [True, False], "nli"), (1, [True], "similarity"), (2, [True, False], "similarity")],
)
def test_pairs_of_too_few_sources_are_refused(
    sources: int, keeps: list[bool], filters: str, minilm: Path, tiny_nli: Path, tmp_path: Path
) -> None:
    set_ = {"nli": [f"nli.model={tiny_nli}"], "similarity": [f"similarity.model={minilm}"]}
    pairs = pairs_file(tmp_path / "p.jsonl", made(sources, keeps, 240))
    with pytest.raises(InputError, match=r"its sources cannot be split.*Give pairs of more sources"):
        calibrate(pairs, configure_filters([filters], set_[filters])[0])


def test_faithful_pairs_that_no_rule_lets_pass_calibrate_nothing(minilm: Path, tmp_path: Path) -> None:
    rows = [{**row, "rewrite": row["source"]} if row["keep"] else row for row in made(30, [True], 6)]
    chain, _ = configure_filters(["copy", "similarity"], [f"similarity.model={minilm}"])
    with pytest.raises(InputError, match="none of its faithful pairs passes the rules"):
        calibrate(pairs_file(tmp_path / "p.jsonl", rows), chain)


def test_faults_of_every_kind_count_alike_and_together_as_many_as_they_are(minilm: Path) -> None:
    kinds = ["order"] * 6 + ["role"] * 2 + [None]
    pairs = [Pair("A man walks.", f"He walks {n}.", keep=False, kind=kind) for n, kind in enumerate(kinds)]
    chain, _ = configure_filters(["similarity"], [f"similarity.model={minilm}"])
    weight = measure([*pairs, Pair("A man walks.", "A man strolls.", keep=True)], chain, Silent()).weight
    assert weight.tolist() == [0.5] * 6 + [1.5] * 2 + [3.0, 1.0]


def test_one_fault_of_a_rare_kind_does_not_count_for_hundreds(minilm: Path) -> None:
    faults = [Pair("A man walks.", f"He walks {n}.", keep=False, kind="role" if n else "order") for n in range(40)]
    chain, _ = configure_filters(["similarity"], [f"similarity.model={minilm}"])
    assert measure(faults, chain, Silent()).weight.max() == 4


def test_nearness_of_the_words_speaks_for_neither(minilm: Path) -> None:
    near = [Pair("A man hits a woman.", "A man hits the woman.", keep=True)]
    near += [Pair("A man hits a woman.", f"A man hits {n} women.", keep=False, kind="number") for n in (2, 3, 4)]
    free = [Pair("A man hits a woman.", text, keep=True) for text in ("He strikes her.", "Somebody is struck by him.")]
    free += [Pair("A man hits a woman.", "Nothing moves in the yard.", keep=False, kind="number")]
    chain, _ = configure_filters(["similarity"], [f"similarity.model={minilm}"])
    assert measure([*near, *free], chain, Silent()).weight.tolist() == [3.0, 1.0, 1.0, 1.0, 0.5, 0.5, 1.0]


def test_all_pairs_of_a_source_are_in_one_fold() -> None:
    fold = folds([Pair(source, "r", True) for source in ("a", "b", "a", "c", "b")])
    assert fold[0] == fold[2]
    assert fold[1] == fold[4]


def test_pairs_can_be_split_where_both_kinds_are_left() -> None:
    both = np.array([True, False] * 3)
    assert can_be_split(both, np.array([0, 0, 1, 1, 2, 2]), 2)
    assert not can_be_split(both, np.array([0, 0, 1, 1, 1, 1]), 2)
    assert can_be_split(both, np.array([0, 0, 1, 1, 1, 1]), 1)
    assert not can_be_split(both, np.array([0, 1, 0, 1, 0, 1]), 1)
    assert not can_be_split(both, np.zeros(6), 2)


def test_a_threshold_is_chosen_by_weighings_that_have_not_seen_the_pair() -> None:
    table, fold = measured()
    inside = fold != 4
    assert table.inferred is not None
    turned = np.where(fold == 0, ~table.keep, table.keep)
    tables = (replace(table, keep=keep) for keep in (table.keep, turned))
    one, other = (choosing._unseen(t, table.inferred.evidence, inside, fold) for t in tables)
    assert (one[fold == 0] == other[fold == 0]).all()
    assert (one[fold == 1] != other[fold == 1]).any()
    assert (one[fold == 4] == 0).all()


def test_a_weighing_of_nothing_but_chance_is_not_taken_for_a_precise_one() -> None:
    reached = []
    for seed in range(5):
        table, fold = measured(seed=seed, signal=0.0)
        some = kept(table, choose(table, fold >= 0, fold, 0.6))
        unseen = kept_unseen(table, fold, 0.6)
        reached += [table.keep[some].mean(), table.keep[unseen].mean()] if some.any() and unseen.any() else []
    assert np.mean(reached[1::2]) < 0.6


def test_where_no_faithful_pair_is_left_all_are_dropped() -> None:
    table, fold = measured()
    nothing = replace(table, passed=table.passed & ~table.keep)
    chosen = choose(nothing, fold >= 0, fold, 0.9)
    assert chosen.unchosen == ("nli.least", "nli.least_doubted")
    assert not kept(nothing, chosen).any()
    bare = replace(nothing, inferred=None)
    assert not kept_unseen(bare, fold, 0.9).any()


def test_people_hear_which_threshold_nothing_could_be_chosen_by() -> None:
    rate = {"value": 0.9, "low": 0.8, "high": 1.0, "of": 9}
    found = {
        "set": ["nli.least=0.4", "nli.least_doubted=1.0"],
        "unchosen": ["nli.least_doubted"],
        "reached": True,
        "learned": 0,
    }
    told = list(lines({**found, "measured": {"precision": rate}, "wanted_precision": 0.9}))
    assert "nli.least_doubted is 1.0 for want of pairs: no faithful one was left to choose it by" in told
