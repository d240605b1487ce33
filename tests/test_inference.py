"""What a model of inference says both ways becomes one number, and one verdict."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_onnx
from conftest import MODELS

from rewrite import calibrated, chain, entailment
from rewrite.calibrated import Calibration, setting_of, shipped
from rewrite.errors import ModelError, SettingError
from rewrite.filters import nli
from rewrite.filters.nli import NLI, _verdict
from rewrite.pairs import read_pairs
from rewrite.recipe import configure_filters
from rewrite.records import Candidate, Draft
from rewrite.reporter import Silent
from rewrite.weighing import Evidence, Weighing, fit, gather, revived
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
    assert {v.reason for v in replace(plug, least=1.0).judge(CANDIDATES)} <= {"invented", "dropped"}
    assert plug.identity()["weights"]


def test_the_probabilities_of_a_models_classes_sum_to_one(tiny_nli: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = entailment.logits(str(tiny_nli), [("a man", "a dog"), ("a dog", "a man")], 2)
    judge, _ = entailment._opened(str(tiny_nli))
    shares = []
    for asked in range(3):
        monkeypatch.setattr(judge, "asked", asked)
        shares.append(entailment.share(str(tiny_nli), found))
    assert np.sum(shares, axis=0) == pytest.approx([1.0, 1.0])
    assert (np.argsort(np.stack(shares, axis=1)) == np.argsort(found)).all()


def test_no_pairs_are_given_no_numbers(tiny_nli: Path) -> None:
    none = entailment.logits(str(tiny_nli), [], 2)
    assert entailment.share(str(tiny_nli), none).shape == (0,)
    assert NLI(model=str(tiny_nli)).judge([]) == []


def test_pairs_are_forgotten_before_they_fill_the_memory(tiny_nli: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ways = [("a man", "a dog"), ("a dog", "a man"), ("a cat", "a man")]
    first = entailment.logits(str(tiny_nli), ways, 2)
    _, known = entailment._opened(str(tiny_nli))
    assert all(row.base is None for row in known.values())
    monkeypatch.setattr(entailment, "_REMEMBERED", 0)
    assert entailment.logits(str(tiny_nli), ways[:1], 2) == pytest.approx(first[:1], abs=1e-5)
    assert len(known) == 1


def test_a_model_without_entailment_is_refused(minilm: Path) -> None:
    with pytest.raises(ModelError, match="entailment"):
        NLI(model=str(minilm)).judge(CANDIDATES[:1])


def ring(count: int = 400) -> tuple[Evidence, np.ndarray]:
    """Evidence whose faithful pairs lie in the middle of a plane: no straight line parts them from the others."""
    heard = np.random.default_rng(0).uniform(-3, 3, (count, 2))
    return Evidence(heard, np.zeros((count, 2))), np.linalg.norm(heard, axis=1) < 1.5


def test_a_weighing_learns_that_the_middle_is_faithful() -> None:
    evidence, keep = ring()
    sure = fit(evidence, keep).sure(evidence)
    assert ((sure > 0.5) == keep).mean() > 0.95


def test_far_beyond_what_was_met_nothing_is_surer_than_at_the_edge() -> None:
    weighing = fit(*ring())
    far, none = np.array([[40.0, -70.0], [1e9, 0.0]]), np.zeros((2, 2))
    edge = np.clip(far, weighing.low, weighing.high)
    assert weighing.sure(Evidence(far, none)) == pytest.approx(weighing.sure(Evidence(edge, none)))


def test_a_denied_claim_takes_its_share_and_never_speaks_for_a_pair() -> None:
    evidence, keep = ring()
    draw = np.random.default_rng(1).random((len(keep), 2))
    loud = Evidence(evidence.heard, draw * np.stack([~keep, keep], axis=1))  # the second kind is heard of the faithful
    weighing = fit(loud, keep)
    assert weighing.against[0] > 0
    assert weighing.against[1] == 0
    calm = Evidence(loud.heard, np.zeros_like(draw))
    assert (weighing.sure(loud) <= weighing.sure(calm)).all()


def test_a_pair_that_counts_more_is_followed() -> None:
    evidence, keep = ring()
    said = np.where(evidence.heard[:, 0] > 0, keep, ~keep)  # two files that contradict each other
    right = fit(evidence, said, np.where(evidence.heard[:, 0] > 0, 1.0, 1e-3)).sure(evidence)
    left = fit(evidence, said, np.where(evidence.heard[:, 0] > 0, 1e-3, 1.0)).sure(evidence)
    middle = np.linalg.norm(evidence.heard, axis=1) < 0.5
    assert right[middle].min() > left[middle].max()


def test_a_weighing_written_down_and_read_again_says_the_same() -> None:
    weighing = fit(*ring())
    again = revived(json.loads(json.dumps(weighing.described())), "here")
    assert again == weighing


BROKEN = [{"weights": [1.0]}, {"scale": [0.0, 1.0]}, {"bias": "x"}, {"low": None}, {"bias": float("nan")}]
BROKEN += [{"high": [1.0, float("inf")]}, {"against": [0.1]}, {"against": [0.1, -0.1]}]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_weighing_is_refused(broken: dict[str, object]) -> None:
    with pytest.raises(SettingError, match="calibrate"):
        revived({**fit(*ring()).described(), **broken}, "here")


def test_a_weighing_of_an_older_version_says_what_it_lacks() -> None:
    older = fit(*ring()).described()
    del older["against"]
    with pytest.raises(SettingError, match=r"lacks 'against': another version wrote it\. Run cli\.py calibrate again"):
        revived(older, "here")


def test_evidence_does_not_depend_on_which_caption_stands_first() -> None:
    ways = np.random.default_rng(0).normal(size=(2, 5, 3))
    cosine = np.linspace(0, 1, 5)
    assert (gather(*ways, cosine) == gather(*ways[::-1], cosine)).all()
    assert gather(*ways, cosine).shape == (5, 7)
    assert gather(*ways).shape == (5, 6)


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
    with pytest.raises(SettingError, match="weighs 2 numbers, and this model gives 6"):
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

    (table,) = yaml.safe_load(calibrated._FILE.read_bytes()).values()
    assert numbers_digest(minilm) in table


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


@pytest.fixture
def onnx(tmp_path: Path) -> Path:
    """A tiny ONNX model whose logits are a mean over the ids of the tokens, and its negative."""
    pytest.importorskip("onnxruntime", reason="an extra: pip install -e '.[onnx]'")
    return tiny_onnx.write(tmp_path / "onnx")


def test_an_onnx_model_reads_ids_padded_as_its_tokenizer_does(onnx: Path) -> None:
    mean = (1 + 2 + 1 + 5 * tiny_onnx.WORDS["<pad>"]) / tiny_onnx.LENGTH
    found = entailment.logits(str(onnx), [("a man", "a"), ("a man " * 9, "a " * 9)], 1)
    cut = (1 + 2 + 1 + 2 + 1 + 1 + 1 + 1) / tiny_onnx.LENGTH  # four words of each
    assert found == pytest.approx(np.array([[mean, -mean], [cut, -cut]]))
    evidence = NLI(model=str(onnx / "tiny.onnx")).evidence([("a", "man")])
    assert evidence.heard.shape == (1, 4)
    assert evidence.denied.shape == (1, 2)


def test_an_onnx_model_that_nobody_calibrated_is_refused(onnx: Path) -> None:
    with pytest.raises(ModelError, match="never calibrated"):
        NLI(model=str(onnx)).judge(CANDIDATES)


def test_numbers_that_are_none_are_refused(onnx: Path) -> None:
    tiny_onnx.write(onnx, (float("nan"), 1.0))
    with pytest.raises(ModelError, match="gives numbers that are none"):
        entailment.logits(str(onnx), [("a", "man")], 1)


def test_a_broken_onnx_model_is_one_clear_line(onnx: Path) -> None:
    tiny_onnx.write(onnx, name="pixels")
    with pytest.raises(ModelError, match="asks for pixels"):
        entailment.logits(str(onnx), [("a", "man")], 1)
    (onnx / "tokenizer.json").write_text("{")
    tiny_onnx.write(onnx.parent / "other")
    (onnx / "tiny.onnx").write_bytes((onnx.parent / "other" / "tiny.onnx").read_bytes())
    entailment._load.cache_clear()
    with pytest.raises(ModelError, match="is no tokenizer"):
        entailment._load(str(onnx), "")


def test_what_an_onnx_model_says_of_a_pair_does_not_hang_on_its_neighbours() -> None:
    pytest.importorskip("onnxruntime", reason="an extra: pip install -e '.[onnx]'")
    folder = Path(os.environ.get("TRCLIP_NLI", MODELS / "nli"))
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there: set TRCLIP_NLI to a folder of one .onnx and its tokenizer.json")
    ways = [(p.source, p.rewrite) for p in read_pairs(TUNING)[:6]]
    judge, _ = entailment._opened(str(folder))
    assert (judge.logits(ways, 32) == np.stack([judge.logits([way], 32)[0] for way in ways])).all()
