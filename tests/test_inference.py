"""What a model of inference says both ways becomes one number, and one verdict."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import MODELS, trclip

from rewrite import entailment
from rewrite.errors import ModelError, SettingError
from rewrite.filters import nli
from rewrite.filters.nli import NLI, _verdict
from rewrite.pairs import read_pairs
from rewrite.recipe import configure_filters
from rewrite.records import Candidate, Draft
from rewrite.weighing import fit, gather, revived

DRAFTS = [Draft(str(i), "s", "A man hits a woman.", "plain", i, f"text {i}", "stop") for i in range(4)]
CANDIDATES = [Candidate(d, d.text) for d in DRAFTS]
TUNING = Path(__file__).resolve().parents[1] / "benchmarks" / "probe" / "tuning.jsonl"


def told(sure: float, forward: float, backward: float, *flags: str) -> str:
    known = {"least": 0.5, "least_doubted": 0.8, "denies": 0.9}
    candidate = Candidate(DRAFTS[0], "text", flags)
    return _verdict(candidate, [sure, forward, backward], known).reason


def test_a_drop_says_what_was_heard() -> None:
    assert told(0.6, 0.7, 0.7) == ""
    assert told(0.2, 0.99, 0.95) == "contradicted"
    assert told(0.2, 0.1, 0.7) == "invented"
    assert told(0.2, 0.7, 0.1) == "dropped"


def test_a_doubted_candidate_must_be_surer_and_keeps_the_name_of_its_doubt() -> None:
    assert told(0.6, 0.7, 0.7, "negation") == "negation"
    assert told(0.8, 0.7, 0.7, "negation") == ""


def test_a_model_that_nobody_calibrated_is_asked_for_entailment_both_ways(tiny_nli: Path) -> None:
    plug = NLI(model=str(tiny_nli), least=0.0)
    verdicts = plug.judge(CANDIDATES)
    assert all(v.keep for v in verdicts)
    for scores in (v.scores for v in verdicts):
        assert scores["nli"] == min(scores["nli_forward"], scores["nli_backward"])
    assert {v.reason for v in replace(plug, least=1.0).judge(CANDIDATES)} <= {"invented", "dropped"}
    assert plug.identity()["weights"]


def test_the_probabilities_of_a_models_classes_sum_to_one(tiny_nli: Path) -> None:
    found = entailment.logits(str(tiny_nli), [("a man", "a dog"), ("a dog", "a man")], 2)
    odds = np.exp(found)
    assert found.shape == (2, 3)
    assert entailment.share(str(tiny_nli), found) == pytest.approx(odds[:, 1] / odds.sum(axis=1))


def test_a_model_without_entailment_is_refused(minilm: Path) -> None:
    with pytest.raises(ModelError, match="entailment"):
        NLI(model=str(minilm)).judge(CANDIDATES[:1])


def ring(count: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Evidence whose faithful pairs lie in the middle of a plane: no straight line parts them from the others."""
    evidence = np.random.default_rng(0).uniform(-3, 3, (count, 2))
    return evidence, np.linalg.norm(evidence, axis=1) < 1.5


def test_a_weighing_learns_that_the_middle_is_faithful() -> None:
    evidence, keep = ring()
    sure = fit(evidence, keep).sure(evidence)
    assert ((sure > 0.5) == keep).mean() > 0.95


def test_far_beyond_what_was_met_nothing_is_surer_than_at_the_edge() -> None:
    weighing = fit(*ring())
    far = np.array([[40.0, -70.0], [1e9, 0.0]])
    assert weighing.sure(far) == pytest.approx(weighing.sure(np.clip(far, weighing.low, weighing.high)))


def test_a_weighing_written_down_and_read_again_says_the_same() -> None:
    weighing = fit(*ring())
    again = revived(json.loads(json.dumps(weighing.described())), "here")
    assert again == weighing


@pytest.mark.parametrize("broken", [{"weights": [1.0]}, {"scale": [0.0, 1.0]}, {"bias": "x"}, {"low": None}])
def test_a_broken_weighing_is_refused(broken: dict[str, object]) -> None:
    with pytest.raises(SettingError, match="calibrate"):
        revived({**fit(*ring()).described(), **broken}, "here")


def test_evidence_does_not_depend_on_which_caption_stands_first() -> None:
    ways = np.random.default_rng(0).normal(size=(2, 5, 3))
    cosine = np.linspace(0, 1, 5)
    assert (gather(*ways, cosine) == gather(*ways[::-1], cosine)).all()
    assert gather(*ways, cosine).shape == (5, 7)
    assert gather(*ways).shape == (5, 6)


def test_the_chains_encoder_is_the_one_whose_cosine_is_weighed(minilm: Path, tiny_nli: Path) -> None:
    models = [f"similarity.model={minilm}", f"nli.model={tiny_nli}"]
    chain, _ = configure_filters(["strict"], models)
    assert chain["nli"].encoder == str(minilm)
    alone, _ = configure_filters(["nli"], models[1:])
    assert alone["nli"].encoder == ""


def test_calibration_of_inference_is_taken_by_other_commands(minilm: Path, tiny_nli: Path, tmp_path: Path) -> None:
    rows = TUNING.read_text().splitlines()
    few = tmp_path / "few.jsonl"
    few.write_text("\n".join(rows[:120]) + "\n")
    settings = tmp_path / "settings.json"
    strict = ["--filters", "strict", "--set", f"similarity.model={minilm}", "--set", f"nli.model={tiny_nli}"]
    answer = trclip("calibrate", few, "--precision", "0.6", "--out", settings, *strict)
    assert answer.code == 0, answer.err
    assert max(map(len, answer.out.splitlines())) < 400
    names = [line.partition("=")[0] for line in json.loads(settings.read_bytes())["set"]]
    assert names == ["similarity.floor", "nli.least", "nli.least_doubted", "nli.weighing"]
    used = trclip("audit", few, "--settings", settings, "--json", *strict)
    assert used.code == 0, used.err
    (found,) = (f for f in used.json()["filters"] if f["filter"] == "nli")
    assert len(found["weighing"]["low"]) == 7
    other = trclip("audit", few, "--settings", settings, "--filters", "nli", "--set", f"nli.model={tiny_nli}")
    assert other.code == 2
    assert "another NLI model or sentence encoder" in other.err


def test_a_weighing_of_another_model_is_refused(tiny_nli: Path) -> None:
    weighing = json.dumps({"of": "0" * 64, "encoder": "", "denies": 1.0, **fit(*ring()).described()})
    with pytest.raises(SettingError, match="another NLI model"):
        NLI(model=str(tiny_nli), weighing=weighing).judge(CANDIDATES)
    with pytest.raises(SettingError, match="calibrate"):
        NLI(model=str(tiny_nli), weighing="{}").judge(CANDIDATES)


def test_every_shipped_calibration_can_be_read() -> None:
    import yaml

    held = yaml.safe_load((Path(nli.__file__).parents[1] / "lexicons" / "calibrated.yaml").read_bytes())
    for table in held.values():
        for known in table.values():
            revived(known["weighing"], "calibrated.yaml")
            assert 0 < known["least"] <= known["least_doubted"] < 1


def test_what_an_onnx_model_says_of_a_pair_does_not_hang_on_its_neighbours() -> None:
    pytest.importorskip("onnxruntime", reason="an extra: pip install -e '.[onnx]'")
    folder = Path(os.environ.get("TRCLIP_NLI", MODELS / "nli"))
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there: set TRCLIP_NLI to a folder of one .onnx and its tokenizer.json")
    ways = [(p.source, p.rewrite) for p in read_pairs(TUNING)[:6]]
    judge, _ = entailment._opened(str(folder))
    assert (judge.logits(ways, 32) == np.stack([judge.logits([way], 32)[0] for way in ways])).all()
