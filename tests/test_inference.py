"""What a model of inference says both ways becomes one number, and one verdict."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_onnx
from test_weighing import ring

from rewrite import calibrated, chain
from rewrite.calibrated import Calibration, setting_of, shipped
from rewrite.errors import SettingError
from rewrite.filters import nli
from rewrite.filters.nli import NLI, _verdict
from rewrite.recipe import configure_filters
from rewrite.records import Candidate, Draft
from rewrite.reporter import Silent
from rewrite.weighing import Weighing, fit, revived
from rewrite.weights import numbers_digest

DRAFTS = [Draft(str(i), "s", "A man hits a woman.", "plain", i, f"text {i}", "stop") for i in range(4)]
CANDIDATES = [Candidate(d, d.text) for d in DRAFTS]
TUNING = Path(__file__).resolve().parents[1] / "benchmarks" / "probe" / "tuning.jsonl"


def told(sure: float, forward: float, backward: float, *flags: str) -> str:
    known = Calibration(0.5, 0.8, 0.9, None, "")
    candidate = Candidate(DRAFTS[0], "text", flags)
    return _verdict(candidate, [sure, forward, backward], known, "").reason


def test_a_drop_says_what_was_heard() -> None:
    assert told(0.6, 0.7, 0.7) == ""
    assert told(0.2, 0.99, 0.95) == "contradicted"
    assert told(0.2, 0.1, 0.7) == "invented"
    assert told(0.2, 0.7, 0.1) == "dropped"


def test_a_doubted_candidate_must_be_surer_and_keeps_the_name_of_its_doubt() -> None:
    assert told(0.6, 0.7, 0.7, "negation") == "negation"
    assert told(0.8, 0.7, 0.7, "negation") == ""


def test_what_is_no_number_is_not_sure() -> None:
    assert told(float("nan"), 0.7, 0.2) == "dropped"


def test_a_model_that_nobody_calibrated_is_asked_for_entailment_both_ways(tiny_nli: Path) -> None:
    plug = NLI(model=str(tiny_nli), least=0.0)
    verdicts = plug.judge(CANDIDATES)
    assert all(v.keep for v in verdicts)
    for scores in (v.scores for v in verdicts):
        assert scores["nli"] == min(scores["nli_forward"], scores["nli_backward"])
    assert {v.reason for v in replace(plug, least=1.0).judge(CANDIDATES)} <= {"contradicted", "invented", "dropped"}
    assert plug.identity()["weights"]


def test_the_chains_encoder_is_the_one_whose_cosine_is_weighed(minilm: Path, tiny_nli: Path) -> None:
    models = [f"similarity.model={minilm}", f"nli.model={tiny_nli}"]
    strict, _ = configure_filters(["strict"], models)
    assert strict["nli"].encoder == str(minilm)
    alone, _ = configure_filters(["nli"], models[1:])
    assert alone["nli"].encoder == ""


def by_cosine(model: Path, encoder: Path) -> str:
    """A weighing of the tiny model's three logits both ways and a cosine, which hears the cosine alone."""
    weights = [0.0] * (7 + 28)
    weights[6] = 1.0
    ends = {"low": [-1.0] * 7, "high": [1.0] * 7, "middle": [0.0] * 7, "scale": [1.0] * 7}
    weighing = revived({**ends, "bias": 0.0, "weights": weights, "against": [0.5, 0.5]}, "here")
    return setting_of(weighing, 1.0, numbers_digest(model), numbers_digest(encoder))


def test_a_weighing_with_a_cosine_hears_it(minilm: Path, tiny_nli: Path) -> None:
    plug = NLI(str(tiny_nli), str(minilm), 0.5, 0.5, by_cosine(tiny_nli, minilm))
    texts = ("A man hits a woman.", "A man strikes a woman.", "The sea is calm.")
    found = [v.scores["nli"] for v in plug.judge([Candidate(DRAFTS[0], text) for text in texts])]
    assert found[0] == pytest.approx(1 / (1 + np.exp(-1)), abs=1e-3)
    assert found[0] > found[1] > found[2]


def test_two_weighings_are_two_identities(minilm: Path, tiny_nli: Path) -> None:
    plug = NLI(str(tiny_nli), str(minilm), 0.5, 0.5, by_cosine(tiny_nli, minilm))
    other = json.loads(plug.weighing)
    other["bias"] = 1.0
    told = [plug, replace(plug, weighing=json.dumps(other)), replace(plug, least=0.4), replace(plug, weighing="")]
    assert len({json.dumps(p.identity(), sort_keys=True) for p in told}) == 4


def test_a_weighing_of_another_model_is_refused(minilm: Path, tiny_nli: Path, tmp_path: Path) -> None:
    plug = NLI(str(tiny_nli), str(minilm), 0.5, 0.5, by_cosine(tiny_nli, minilm))
    with pytest.raises(SettingError, match=r"another NLI model.*calibrate"):
        replace(plug, model=str(tiny_onnx.write(tmp_path / "nli"))).identity()
    with pytest.raises(SettingError, match=r"needs the sentence encoder.*nli\.encoder"):
        replace(plug, encoder="").judge(CANDIDATES)
    with pytest.raises(SettingError, match=r"needs the nli\.least and nli\.least_doubted"):
        replace(plug, least_doubted=None).judge(CANDIDATES)
    for broken in ("{}", "[", json.dumps({**json.loads(plug.weighing), "contradiction_above": None})):
        with pytest.raises(SettingError, match="calibrate"):
            replace(plug, weighing=broken).judge(CANDIDATES)


def test_a_weighing_of_other_numbers_is_refused(tiny_nli: Path) -> None:
    two = setting_of(fit(*ring()), 1.0, numbers_digest(tiny_nli), "")
    with pytest.raises(SettingError, match=r"weighs 2 \+ 0 numbers, and this model gives 6 \+ 0"):
        NLI(model=str(tiny_nli), least=0.5, least_doubted=0.5, weighing=two).judge(CANDIDATES)


def test_every_shipped_calibration_can_be_read() -> None:
    import yaml

    for model, table in yaml.safe_load(calibrated._FILE.read_bytes()).items():
        for name in table:
            known = shipped(model, name)
            assert known is not None
            assert 0 < known.least <= known.least_doubted < 1
            assert known.encoder == ("" if name == "alone" else name)
            assert known.weighing is not None
            assert len(known.weighing.low) % 2 == (name != "alone")
        assert shipped(model, "an encoder that nobody measured") == shipped(model, "")
    assert shipped("a model that nobody measured", "") is None


def test_what_was_measured_belongs_to_the_encoder_that_the_tests_have(minilm: Path) -> None:
    import yaml

    tables = yaml.safe_load(calibrated._FILE.read_bytes()).values()
    assert any(numbers_digest(minilm) in table for table in tables)


class Heard(Silent):
    """Keeps what a user would read."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def test_a_user_hears_once_that_the_cosine_is_not_weighed(
    minilm: Path, tiny_nli: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weighing = Weighing(*((0.0,) * 6, (1.0,) * 6, (0.0,) * 6, (1.0,) * 6), 0.0, (0.0,) * 27, (0.0, 0.0))
    monkeypatch.setattr(nli, "shipped", lambda model, encoder: Calibration(0.5, 0.5, 1.0, weighing, ""))
    heard = Heard()
    chain.judge(DRAFTS, {"nli": NLI(str(tiny_nli), str(minilm))}, heard)
    (told,) = (line for line in heard.lines if "calibrated" in line)
    assert minilm.name in told
    chain.judge(DRAFTS, {"nli": NLI(str(tiny_nli))}, heard)
    assert heard.lines == [told]
