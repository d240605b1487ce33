"""The sampler is a pure function of (seed, epoch, caption), and keeps the mix it states."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from conftest import ROOT
from handmade import corpus

from rewrite import CorpusSampler
from rewrite.errors import CorpusError, InputError, SettingError

A, B = "A man walks.", "A dog sits."
SAID = {A: ["A man is walking.", "Somebody strolls.", "A man goes by."], B: []}


@pytest.fixture
def made(tmp_path: Path) -> Path:
    rows = [{"id": f"a{n}", "text": A} for n in range(3)] + [{"id": "b", "text": B}]
    return corpus(tmp_path / "corpus", SAID, rows)


def shares(sampler: CorpusSampler, sample: str, epochs: int = 4000) -> dict[str, float]:
    counts = Counter(sampler(sample, epoch) for epoch in range(epochs))
    return {text: count / epochs for text, count in counts.items()}


def test_half_of_the_draws_are_the_caption_and_the_rest_its_rewrites_alike(made: Path) -> None:
    found = shares(CorpusSampler(made, original=0.5), "a0")
    assert found == pytest.approx({A: 0.5, **dict.fromkeys(SAID[A], 1 / 6)}, abs=0.03)


def test_the_uniform_mix_is_laclips_rule(made: Path) -> None:
    found = shares(CorpusSampler(made, mix="uniform"), "a0")
    assert found == pytest.approx(dict.fromkeys((A, *SAID[A]), 0.25), abs=0.03)


@pytest.mark.parametrize(("original", "expected"), [(1.0, {A}), (0.0, set(SAID[A]))])
def test_the_ends_of_the_mix_are_captions_alone_and_rewrites_alone(
    original: float, expected: set[str], made: Path
) -> None:
    assert set(shares(CorpusSampler(made, original=original), "a0", 200)) == expected


@pytest.mark.parametrize("mix", ["original", "uniform"])
def test_a_caption_without_rewrites_is_read_in_its_own_words(mix: str, made: Path) -> None:
    assert shares(CorpusSampler(made, mix=mix, original=0.0), "b", 50) == {B: 1.0}


def test_order_and_other_draws_change_nothing(made: Path) -> None:
    sampler = CorpusSampler(made, seed=3)
    places = [(sample, epoch) for sample in sampler.ids for epoch in range(20)]
    forward = {place: sampler(*place) for place in places}
    assert {place: sampler(*place) for place in reversed(places)} == forward
    assert {place: CorpusSampler(made, seed=3)(*place) for place in places} == forward
    assert {place: CorpusSampler(made, seed=4)(*place) for place in places} != forward


def test_captions_of_one_text_draw_for_themselves(made: Path) -> None:
    sampler = CorpusSampler(made)
    drawn = [[sampler(sample, epoch) for epoch in range(30)] for sample in ("a0", "a1", "a2")]
    assert drawn[0] != drawn[1] != drawn[2]


def test_it_travels_to_the_workers_of_a_loader(made: Path) -> None:
    from torch.utils.data import DataLoader, Dataset

    class Captions(Dataset):
        def __init__(self, sampler: CorpusSampler) -> None:
            self.sampler = sampler

        def __len__(self) -> int:
            return len(self.sampler)

        def __getitem__(self, place: int) -> str:
            return self.sampler(self.sampler.ids[place], 5)

    sampler = CorpusSampler(made)
    copy = pickle.loads(pickle.dumps(sampler))  # noqa: S301
    alone = [sampler(sample, 5) for sample in sampler.ids]
    assert [copy(sample, 5) for sample in sampler.ids] == alone
    assert [text for batch in DataLoader(Captions(sampler), batch_size=2, num_workers=2) for text in batch] == alone


def test_a_control_takes_the_place_of_the_rewrites(made: Path) -> None:
    assert set(CorpusSampler(made, control="duplicated").versions("a0")) == {A}
    assert len(CorpusSampler(made, control="random_words").versions("a0")) == 4


def test_wrong_wishes_are_told(made: Path) -> None:
    sampler = CorpusSampler(made)
    assert (len(sampler), sampler.ids) == (4, ["a0", "a1", "a2", "b"])
    with pytest.raises(InputError, match="caption 'zz'"):
        sampler("zz", 0)
    with pytest.raises(SettingError, match="Did you mean 'uniform'"):
        CorpusSampler(made, mix="unifrom")
    with pytest.raises(SettingError, match="not a probability"):
        CorpusSampler(made, original=1.5)
    with pytest.raises(SettingError, match="Did you mean 'shuffled'"):
        CorpusSampler(made, control="shuffle")
    (made / "captions.jsonl").write_text("")
    with pytest.raises(CorpusError, match="was changed after sealing"):
        CorpusSampler(made)


def test_importing_the_package_loads_nothing_heavy(made: Path) -> None:
    code = (
        f"import sys\nfrom rewrite import CorpusSampler\nCorpusSampler({str(made)!r})('a0', 0)\n"
        "assert not {'torch', 'numpy', 'transformers', 'sklearn'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
