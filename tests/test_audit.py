"""Judging what others rewrote, choosing thresholds, and filtering anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, SAMPLE, trclip

from rewrite.calibrate import wilson
from rewrite.manifest import is_sealed

TUNING = ROOT / "benchmarks" / "probe" / "tuning.jsonl"
TEST = ROOT / "benchmarks" / "probe" / "test.jsonl"


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


ROWS = [
    {"source": "Two men fight.", "rewrite": "A pair of men have a fight.", "label": "Fighting"},
    {"source": "Two men fight.", "rewrite": "Three men fight.", "label": "Fighting"},
    {"source": "Two men fight.", "rewrite": "I'm sorry, I cannot describe violence.", "label": "Fighting"},
    {"source": "A man stabs a guard.", "rewrite": "As an AI I must decline.", "label": "Assault"},
    {"source": "A dog runs.", "rewrite": "word " * 90, "label": "Normal"},
    {"source": "A cat sits on a wall.", "rewrite": "A pair of men have a fight.", "label": "Normal"},
]


@pytest.fixture
def rules(minilm: Path) -> list[str]:
    return ["--set", f"similarity.model={minilm}"]


def test_a_verdict_stands_for_every_row_in_its_order(tmp_path: Path, rules: list[str]) -> None:
    pairs, out = written(tmp_path / "pairs.jsonl", ROWS), tmp_path / "verdicts.jsonl"
    answer = trclip("audit", pairs, "--out", out, "--json", *rules)
    assert answer.code == 0, answer.err
    found = answer.json()
    verdicts, report = found["verdicts"], found["report"]
    assert [v["rewrite"] for v in verdicts] == [row["rewrite"] for row in ROWS]
    assert [v["reason"] for v in verdicts[:5]] == ["", "number", "refusal", "refusal", "too_long"]
    assert [json.loads(line) for line in out.read_text().splitlines()] == verdicts
    assert report["refusals_per_class"]["Fighting"] == {"rows": 3, "refusals": 1}
    assert report["empty_classes"] == ["Assault", "Normal"]
    assert report["colliding_classes"] == [["Fighting", "Normal"]]
    assert report["over_77_tokens"] == 1
    assert report["judged_by_model"] is False


def test_files_of_lines_and_of_classes_are_read(tmp_path: Path, rules: list[str]) -> None:
    (tmp_path / "a.txt").write_text("A man runs.\nA dog sits.\n")
    (tmp_path / "b.txt").write_text("A man is running.\nA dog is sitting.\n")
    lines = trclip("audit", tmp_path / "b.txt", "--source", tmp_path / "a.txt", "--filters", "form,numbers", "--json")
    assert [v["keep"] for v in lines.json()["verdicts"]] == [True, True]
    (tmp_path / "c.json").write_text(json.dumps({"robbery": ["A man points a gun.", "A man runs."], "riot": []}))
    classes = trclip("audit", tmp_path / "c.json", "--json", *rules)
    assert [f["filter"] for f in classes.json()["filters"]] == ["form", "length", "duplicates"]
    assert classes.json()["report"]["empty_classes"] == ["riot"]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("p.jsonl", '{"source": "A man runs."}\n', "has no text in `rewrite`"),
        ("p.jsonl", '{"source": " ", "rewrite": "x"}\n', "`source` is empty"),
        ("p.jsonl", '{"source": "a", "rewrite": "b", "keep": "yes"}\n', "neither true nor false"),
        ("p.jsonl", "{broken\n", "is not a json object"),
        ("p.txt", "one\n", "--source"),
        ("p.json", "[]", "is not a json object of lists"),
        ("p.csv", "a", "are not read"),
        ("p.jsonl", "", "holds no pair"),
    ],
)
def test_pairs_that_are_none_are_one_line(tmp_path: Path, name: str, text: str, told: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    answer = trclip("audit", path, "--filters", "form")
    assert answer.code == 2
    assert told in answer.err
    assert answer.err.count("\n") == 1


def test_an_audit_never_writes_over_its_input(tmp_path: Path) -> None:
    pairs = written(tmp_path / "p.jsonl", ROWS)
    before = pairs.read_bytes()
    assert trclip("audit", pairs, "--filters", "form", "--out", pairs).code == 2
    assert pairs.read_bytes() == before


def test_calibration_writes_settings_that_other_commands_take(tmp_path: Path, rules: list[str]) -> None:
    settings, few = tmp_path / "settings.json", tmp_path / "few.jsonl"
    few.write_text("\n".join(TUNING.read_text().splitlines()[:400]) + "\n")
    answer = trclip("calibrate", few, "--precision", "0.8", "--out", settings, "--json", *rules)
    assert answer.code == 0, answer.err
    found = json.loads(settings.read_bytes())
    assert found == answer.json()
    assert found["set"][0].startswith("similarity.floor=")
    rate = found["measured"]["precision"]
    assert rate["low"] <= rate["value"] <= rate["high"]
    used = trclip("audit", written(tmp_path / "p.jsonl", ROWS), "--settings", settings, "--json", *rules)
    (similarity,) = (f for f in used.json()["filters"] if f["filter"] == "similarity")
    assert f"similarity.floor={similarity['floor']}" == found["set"][0]


def test_too_few_or_unlabelled_pairs_calibrate_nothing(tmp_path: Path, rules: list[str]) -> None:
    for rows, told in ((ROWS, "without a verdict"), ([{**r, "keep": True} for r in ROWS], "faulty pairs")):
        answer = trclip("calibrate", written(tmp_path / "p.jsonl", rows), *rules)
        assert answer.code == 2
        assert told in answer.err


def test_the_interval_of_a_share_is_wilsons() -> None:
    found = wilson(8, 10)
    assert found["low"] == pytest.approx(0.490, abs=1e-3)
    assert found["high"] == pytest.approx(0.943, abs=1e-3)


def test_the_probes_halves_share_no_source_and_hold_every_kind() -> None:
    halves = [[json.loads(line) for line in path.read_text().splitlines()] for path in (TUNING, TEST)]
    tuning, test = ({row["source"] for row in rows} for rows in halves)
    assert not tuning & test
    assert sum(map(len, halves)) >= 400
    kinds = {"paraphrase", "negation", "role", "number", "attribute", "order", "label_flip"}
    kinds |= {"invention", "dropped", "euphemism", "refusal"}
    assert all({row["kind"] for row in rows} == kinds for rows in halves)
    assert all(row["keep"] == (row["kind"] == "paraphrase") for rows in halves for row in rows)


def test_other_filters_make_another_corpus_of_the_same_drafts(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    made = ["rewrite", SAMPLE, "--out", old, "--backend", "fake", "--filters", "form", "--limit", "8"]
    assert trclip(*made, "--set", "fake.manner=mixed").code == 0
    before = {path.name: path.read_bytes() for path in old.iterdir()}
    answer = trclip("refilter", old, "--out", new, "--filters", "form,copy,numbers", "--json")
    assert answer.code == 0, answer.err
    assert answer.json()["drafts_of"] == json.loads(before["manifest.json"])["corpus_id"]
    assert (new / "drafts.jsonl").read_bytes() == before["drafts.jsonl"]
    assert {path.name: path.read_bytes() for path in old.iterdir()} == before
    again = trclip("refilter", old, "--out", new, "--filters", "form,copy,numbers")
    assert "nothing to do" in again.err
    assert trclip("refilter", old, "--out", new, "--filters", "form").code == 2
    assert trclip("refilter", old, "--out", old, "--filters", "form").code == 2


def test_an_edited_corpus_is_not_filtered_anew(tmp_path: Path) -> None:
    old = tmp_path / "old"
    trclip("rewrite", SAMPLE, "--out", old, "--backend", "fake", "--filters", "form", "--limit", "3")
    (old / "drafts.jsonl").write_text("")
    answer = trclip("refilter", old, "--out", tmp_path / "new", "--filters", "form")
    assert answer.code == 2
    assert "changed after sealing" in answer.err
    assert not is_sealed(tmp_path / "new")


def test_typed_drops_are_exported_as_negatives(tmp_path: Path) -> None:
    (tmp_path / "c.txt").write_text("Two men run across the street.\n")
    from rewrite.negatives import negatives
    from rewrite.records import Draft, Rewrite

    draft = Draft("d", "s", "Two men run.", "plain", 0, "Three men run.", "stop")
    rows = list(negatives([Rewrite(draft, "Three men run.", {}, "numbers", "number"), Rewrite(draft, "x", {})]))
    assert [(row["kind"], row["filter"]) for row in rows] == [("number", "numbers")]
    assert (
        trclip("rewrite", tmp_path / "c.txt", "--out", tmp_path / "o", "--backend", "fake", "--filters", "form").code
        == 0
    )
    assert (tmp_path / "o" / "negatives.jsonl").is_file()
