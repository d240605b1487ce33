"""Single claims of a caption and their opposites: short sentences that a model of inference can be asked about."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rewrite import entailment
from rewrite.calibrated import Calibration
from rewrite.claims import denied
from rewrite.contrasts import Contrast, contrasts
from rewrite.entailment import Inference
from rewrite.filters import nli
from rewrite.filters.nli import NLI
from rewrite.frames import scene
from rewrite.records import Candidate, Draft
from rewrite.sentences import sentences
from rewrite.weighing import Weighing


def told(text: str) -> list[str]:
    teller = sentences(text)
    return [teller.of(frame) for frame in scene(text).frames]


def asked(source: str, text: str, kind: str) -> list[tuple[str, str]]:
    """Claims of the rewrite."""
    return [(c.said, c.opposite) for c in contrasts(source, text) if c.of_rewrite and c.kind == kind]


def test_an_act_is_told_in_the_present_whatever_its_voice() -> None:
    assert told("A clerk was pushed by two thieves.") == ["the two thieves push the clerk"]
    assert told("Two thieves carried a safe to the van.") == ["the two thieves carry the safe to the van"]
    assert told("The guard goes into the hall.") == ["the guard goes into the hall"]


def test_where_nobody_is_told_to_do_it_the_act_is_told_of_whom_it_befalls() -> None:
    assert told("A wallet was taken from the bag.") == ["the wallet is taken from the bag"]


def test_a_pronoun_is_called_by_the_name_of_whom_it_means() -> None:
    assert told("A girl drops a cup, then she kicks it.")[1] == "the girl kicks the cup"
    assert told("A boy calls a dog, then he kicks it.")[1] == "the boy kicks the dog"


def test_nobody_is_named_by_a_pronoun_that_may_mean_two() -> None:
    assert told("A man meets another man. He falls.")[-1] == ""


def test_two_of_one_name_are_told_apart_by_what_stands_behind_them() -> None:
    said = told("The boy with the cap hits the boy with the scarf.")
    assert said == ["the boy with the cap hits the boy with the scarf"]


def test_who_owns_a_thing_is_told_with_it() -> None:
    assert told("A thief grabs the woman's bag.") == ["the thief grabs the woman's bag"]


def test_of_an_exchange_both_ways_round_are_asked() -> None:
    source, text = "A man hits a woman.", "A woman hits a man."
    assert asked(source, text, "role") == [("The woman hits the man.", "The man hits the woman.")]
    (other,) = (c for c in contrasts(source, text) if not c.of_rewrite)
    assert other == Contrast("role", False, "The man hits the woman.", "The woman hits the man.")


def test_what_the_rules_read_alike_in_both_captions_is_not_asked() -> None:
    assert contrasts("A man hits a woman.", "A woman is hit by a man.") == []


def test_a_thing_is_in_nobodys_place() -> None:
    assert asked("A man lifts a box.", "A boy drops a crate.", "role") == []


def test_the_owner_of_what_is_taken_may_be_the_one_who_takes_it() -> None:
    found = asked("A woman grabs a man's bag.", "A man snatches a woman's bag.", "role")
    assert found == [("The man snatches the woman's bag.", "The woman snatches the man's bag.")]


def test_a_quarrel_has_no_other_way_round() -> None:
    assert asked("A man argues with a woman.", "A woman quarrels with a man.", "role") == []


def test_of_two_acts_in_another_order_the_order_is_asked() -> None:
    source, text = "A man locks the door, then feeds the dog.", "A man feeds the dog, then locks the door."
    before = "The man feeds the dog before the man locks the door."
    after = "The man locks the door before the man feeds the dog."
    assert asked(source, text, "order") == [(before, after)]


def test_an_order_that_both_captions_tell_alike_is_not_asked() -> None:
    assert (
        asked("A man locks the door, then feeds the dog.", "Having locked the door, a man feeds the dog.", "order")
        == []
    )


def test_what_happens_side_by_side_has_no_order() -> None:
    assert asked("A man sings while a boy dances.", "A boy dances while a man sings.", "order") == []


class Heard:
    """In place of a model: denies what its table says, and nothing else."""

    classes, asked, denies = 2, 1, 0

    def __init__(self, table: dict[str, float]) -> None:
        self.table, self.pairs = table, []

    def read(self, pairs: list[tuple[str, str]], batch: int) -> np.ndarray:
        self.pairs += pairs
        return np.array([[self.table.get(claim, 0.0), 0.0] for _, claim in pairs], np.float32)


def hearing(monkeypatch: pytest.MonkeyPatch, table: dict[str, float]) -> Heard:
    judge = Heard(table)
    monkeypatch.setattr(entailment, "_opened", lambda model: (judge, {}))
    return judge


SWAPPED = ("A man hits a woman.", "A woman hits a man.")


def test_a_claim_counts_by_how_much_more_it_is_denied_than_its_opposite(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = hearing(monkeypatch, {"The woman hits the man.": 4.0, "The man hits the woman.": 1.0})
    ways = [SWAPPED, ("A man runs.", "A man is running.")]
    assert denied(Inference("m"), ways, 8).tolist() == [[3.0, 0.0], [0.0, 0.0]]
    assert (SWAPPED[0], "The woman hits the man.") in judge.pairs  # the source is asked what the rewrite claims


def test_what_is_denied_less_than_its_opposite_speaks_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    hearing(monkeypatch, {"The woman hits the man.": 1.0})
    found = denied(Inference("m"), [("A man hits a woman.", "A man struck at a woman who hits him.")], 8)
    assert (found >= 0).all()


def test_denial_is_read_from_the_class_of_contradiction_else_from_entailments(
    tiny_nli: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge, _ = entailment._opened(Inference(str(tiny_nli)))
    assert judge.denies == 0
    logits = np.array([[2.0, 0.0, 0.0]], np.float32)
    assert entailment.denial(Inference(str(tiny_nli)), logits) == pytest.approx([2 - np.log(2)], abs=1e-5)
    monkeypatch.setattr(judge, "denies", None)
    assert entailment.denial(Inference(str(tiny_nli)), logits) == pytest.approx([np.log(np.exp(2) + 1)], abs=1e-5)


def weighed(monkeypatch: pytest.MonkeyPatch, bias: float, against: tuple[float, float] = (2.0, 2.0)) -> None:
    """A calibration that hears denied claims alone."""
    six = ((0.0,) * 6, (1.0,) * 6, (0.0,) * 6, (1.0,) * 6)
    known = Calibration(0.5, 0.5, 1.0, Weighing(*six, bias, (0.0,) * 27, against), "")
    monkeypatch.setattr(nli, "shipped", lambda model, encoder: known)


CANDIDATE = Candidate(Draft("1", "s", SWAPPED[0], "plain", 0, SWAPPED[1], "stop"), SWAPPED[1])


@pytest.mark.parametrize(("margins", "reason"), [([0.0, 0.0], ""), ([2.0, 0.5], "role"), ([0.5, 2.0], "order")])
def test_a_drop_that_denied_claims_decide_bears_their_kind(
    margins: list[float], reason: str, monkeypatch: pytest.MonkeyPatch, tiny_nli: Path
) -> None:
    weighed(monkeypatch, 3.0)
    monkeypatch.setattr(nli, "denied", lambda model, ways, batch, extend: np.array([margins] * len(ways)))
    assert [v.reason for v in NLI(model=str(tiny_nli)).judge([CANDIDATE])] == [reason]


def test_of_a_pair_that_is_too_unsure_without_them_no_claims_are_asked(
    monkeypatch: pytest.MonkeyPatch, tiny_nli: Path
) -> None:
    weighed(monkeypatch, -3.0)
    monkeypatch.setattr(nli, "denied", lambda model, ways, *_: np.zeros((0, 2)) if not ways else pytest.fail("asked"))
    assert [v.keep for v in NLI(model=str(tiny_nli)).judge([CANDIDATE])] == [False]


@pytest.mark.parametrize(
    "text",
    [
        "The guard never touches the thief.",
        "No man hits a woman.",
        "A woman tries to stab a man.",
        "A woman who attempted to stab a man runs.",
    ],
)
def test_what_is_denied_or_only_meant_is_not_claimed(text: str) -> None:
    assert asked("A thief sees it.", text, "role") == []


def test_who_hits_back_is_no_opposite() -> None:
    assert contrasts("A man hits a woman and she hits him.", "A woman and a man hit each other.") == []


def test_one_who_is_given_something_gets_it() -> None:
    assert told("The thief is given a bag by the clerk.") == ["the clerk gives the bag to the thief"]
    assert told("The clerk hands the thief a bag.") == ["the clerk hands the bag to the thief"]


def test_of_several_who_do_it_none_is_its_object() -> None:
    assert told("The box is carried by a man and a woman.") == ["the man carries the box"]


def test_an_act_whose_object_has_no_name_is_not_told() -> None:
    assert told("A man meets another man and kicks him.")[-1] == ""


@pytest.mark.parametrize("text", ["She warns them of a fire.", "He robs her of a wallet.", "They rob her of a phone."])
def test_what_belongs_to_nobody_who_is_named_breaks_nothing(text: str) -> None:
    assert isinstance(contrasts(text, text), list)


def test_no_claims_are_asked_where_they_weigh_nothing(monkeypatch: pytest.MonkeyPatch, tiny_nli: Path) -> None:
    weighed(monkeypatch, 3.0, (0.0, 0.0))
    monkeypatch.setattr(nli, "denied", lambda model, ways, *_: np.zeros((0, 2)) if not ways else pytest.fail("asked"))
    assert [v.keep for v in NLI(model=str(tiny_nli)).judge([CANDIDATE])] == [True]


def test_only_the_rows_that_may_pass_are_asked_and_each_gets_its_own(
    monkeypatch: pytest.MonkeyPatch, tiny_nli: Path
) -> None:
    weighed(monkeypatch, 3.0)
    other = Candidate(CANDIDATE.draft, "A man strikes a woman.")
    table = {SWAPPED[1]: [2.0, 0.0], other.text: [0.0, 0.0]}
    monkeypatch.setattr(nli, "denied", lambda model, ways, *_: np.array([table[text] for _, text in ways]))
    assert [v.reason for v in NLI(model=str(tiny_nli)).judge([other, CANDIDATE])] == ["", "role"]
