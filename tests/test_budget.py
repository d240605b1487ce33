"""A diversity budget: easy captions are asked less, hard ones more, and a kill changes nothing of it."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import trclip
from test_kill import contents, killed_at, writes_of

from rewrite import budget
from rewrite.backends.fake import Fake
from rewrite.corpus import Corpus, open_corpus
from rewrite.errors import CorpusError, SettingError
from rewrite.pipeline import rewrite
from rewrite.plan import temperature_of
from rewrite.recipe import Recipe, configure

EASY, HARD = "An easy caption of a man.", "A hard caption of a dog."


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "captions.txt"
    path.write_text(f"{EASY}\n{HARD}\n")
    return path


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rewrites of the easy caption all differ, those of the hard one are all one."""

    def vectors(_: str, texts: Sequence[str]) -> np.ndarray:
        places = range(len(texts)) if "easy" in texts[0] else [0] * len(texts)
        return np.eye(16, dtype=np.float32)[list(places)]

    monkeypatch.setattr(budget, "vectors", vectors)


def diverse(minilm: Path, *assignments: str, target: float | None = 2.0, attempts: int = 5, **more: Any) -> Recipe:
    encoder = f"similarity.model={minilm}"
    chain = ["form", "similarity", "duplicates"]
    return configure(
        backend="fake",
        filters=chain,
        target_vendi=target,
        max_attempts=attempts,
        assignments=[encoder, "similarity.floor=-1", "similarity.ceiling=1", *assignments],
        **more,
    )


def attempts(corpus: Corpus) -> dict[str, list[tuple[str, int]]]:
    """Source text -> the (template, variant) pairs it was asked with, in the order of attempts."""
    found: dict[str, list[tuple[str, int]]] = {}
    for row in sorted(corpus.rows("drafts"), key=lambda r: (r["variant"], r["template"])):
        found.setdefault(row["source"], []).append((row["template"], row["variant"]))
    return found


@pytest.mark.usefixtures("measured")
def test_an_easy_caption_is_asked_until_it_has_what_it_needs_and_a_hard_one_to_the_limit(
    source: Path, minilm: Path, tmp_path: Path
) -> None:
    rewrite(source, tmp_path / "out", diverse(minilm))
    asked = attempts(open_corpus(tmp_path / "out"))
    assert asked[EASY] == [("plain", 0), ("reorder", 0)]
    assert asked[HARD] == [("plain", 0), ("reorder", 0), ("plain", 1), ("reorder", 1), ("plain", 2)]
    assert open_corpus(tmp_path / "out").report()["attempts_per_source"] == {"2": 1, "5": 1}


@pytest.mark.usefixtures("measured")
def test_the_text_bank_is_offered_only_what_was_asked(source: Path, minilm: Path, tmp_path: Path) -> None:
    rewrite(source, tmp_path / "out", diverse(minilm))
    versions = open_corpus(tmp_path / "out").versions()
    assert list(versions) == [("plain", 0), ("plain", 1), ("plain", 2), ("reorder", 0), ("reorder", 1)]


@pytest.mark.usefixtures("measured")
def test_only_kept_rewrites_count(source: Path, minilm: Path, tmp_path: Path) -> None:
    rewrite(source, tmp_path / "out", diverse(minilm, "fake.manner=refuse"))
    assert {len(asked) for asked in attempts(open_corpus(tmp_path / "out")).values()} == {5}


@pytest.mark.usefixtures("measured")
def test_one_session_serves_every_round(source: Path, minilm: Path, tmp_path: Path) -> None:
    recipe = replace(diverse(minilm), backend=Counting())
    rewrite(source, tmp_path / "out", recipe)
    assert COUNTED["sessions"] == 1
    assert COUNTED["rounds"] == 5


COUNTED: Counter[str] = Counter()


class Counting(Fake):
    """Counts how often it is started and asked."""

    @contextmanager
    def session(self) -> Iterator[Fake]:
        COUNTED["sessions"] += 1
        yield self

    def generate(self, requests: Any) -> Iterator[Any]:
        COUNTED["rounds"] += 1
        return super().generate(requests)


def test_the_ladder_warms_with_each_further_draw_of_a_template_and_ends_at_two() -> None:
    assert [temperature_of(v, 0.7, 0.1) for v in range(4)] == [0.7, 0.8, 0.9, 1.0]
    assert temperature_of(9, 1.5, 0.1) == 2.0
    assert temperature_of(3, 0.12345, 0.0) == 0.12345


@pytest.mark.usefixtures("measured")
def test_the_manifest_says_target_limit_and_ladder(source: Path, minilm: Path, tmp_path: Path) -> None:
    asked = rewrite(source, tmp_path / "out", diverse(minilm, "budget.warmer=0.2"))["asked"]
    stated = {key: asked["budget"][key] for key in ("target_vendi", "max_attempts", "warmer")}
    assert stated == {"target_vendi": 2.0, "max_attempts": 5, "warmer": 0.2}
    assert [f["filter"] for f in asked["budget"]["filters"]] == ["form", "similarity", "duplicates"]


def test_without_a_target_nothing_of_a_budget_is_asked(minilm: Path) -> None:
    plain, limited = diverse(minilm, target=None), diverse(minilm, target=None, attempts=3)
    assert plain.asked() == limited.asked()
    assert "budget" not in plain.asked()
    assert plain.draws == 1


@pytest.mark.usefixtures("measured")
def test_another_target_is_another_corpus(source: Path, minilm: Path, tmp_path: Path) -> None:
    rewrite(source, tmp_path / "out", diverse(minilm))
    with pytest.raises(CorpusError, match=r"budget\.target_vendi: 2\.0, now 3\.0"):
        rewrite(source, tmp_path / "out", diverse(minilm, target=3.0))


@pytest.mark.parametrize(
    ("target", "assignments", "says"),
    [
        (0.5, [], "must be at least that"),
        (float("nan"), [], "must be at least that"),
        (float("inf"), [], "must be at least that"),
        (2.0, ["budget.warmer=nan"], r"warmer lie in \[0, 2\]"),
        (9.0, [], "9 is more than 5 rewrites can have. Lower it, or raise --max-attempts"),
        (3.0, ["selection.keep=2"], "3 is more than 2 rewrites can have. Lower it, or raise selection.keep"),
    ],
)
def test_a_target_that_cannot_be_is_refused(target: float, assignments: list[str], says: str) -> None:
    with pytest.raises(SettingError, match=says):
        configure(backend="fake", target_vendi=target, max_attempts=5, assignments=assignments)


# Eight captions, seven attempts at most; with this target three captions need 3, two 4, one 5, two 6. Writes, in
# order: the journal's header (2), a draft each (34), each sealed file's rows and replace, the journal's and lock's end.
DRAFTS, WRITES = 34, 125
DRAW = random.Random(3)
MOMENTS = sorted([*DRAW.sample(range(3, 2 + DRAFTS), 4), *DRAW.sample(range(2 + DRAFTS, WRITES - 2), 2), WRITES - 2])


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory, minilm: Path) -> list[str]:
    path = tmp_path_factory.mktemp("source") / "captions.txt"
    seen = "A man walks along the street|Two women carry a heavy box to a van|A boy runs|A dog sleeps|A cook smokes"
    seen += (
        "|The guard opens the gate and lets a red car in|Some people wait while it rains|One driver leaves the truck"
    )
    path.write_text("".join(f"{text} in coat number {n}.\n" for n, text in enumerate(seen.split("|"))))
    chain = ["--filters", "form,similarity,duplicates", "--set", f"similarity.model={minilm}"]
    asked = ["--target-vendi", "1.05", "--max-attempts", "7", "--backend", "fake", "--set", "fake.manner=mixed"]
    return ["rewrite", str(path), *chain, *asked]


@pytest.fixture(scope="module")
def unbroken(command: list[str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("unbroken") / "corpus"
    assert trclip(*command, "--out", out).code == 0  # fills the cache of vectors, so that later runs load no encoder
    return contents(out)


def test_the_moments_reach_over_rounds_of_unequal_size_to_the_last_write(
    command: list[str], unbroken: dict[str, bytes], tmp_path: Path
) -> None:
    assert json.loads(unbroken["report.json"])["attempts_per_source"] == {"3": 3, "4": 2, "5": 1, "6": 2}
    assert len(unbroken["drafts.jsonl"].splitlines()) == DRAFTS
    assert writes_of(*command, "--out", str(tmp_path / "corpus")) == WRITES


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_in_any_round_it_resumes_to_the_same_bytes(
    moment: int, command: list[str], unbroken: dict[str, bytes], tmp_path: Path
) -> None:
    words = [*command, "--out", str(tmp_path / "corpus")]
    assert killed_at(moment, *words, "--set", "fake.batch=3") == -9
    assert trclip(*words, "--set", "fake.batch=5").code == 0
    assert contents(tmp_path / "corpus") == unbroken


def test_killed_and_its_vectors_lost_it_resumes_to_the_same_bytes(
    command: list[str], unbroken: dict[str, bytes], tmp_path: Path
) -> None:
    words = [*command, "--out", str(tmp_path / "corpus")]
    assert killed_at(30, *words) == -9
    assert trclip(*words, TRCLIP_CACHE=str(tmp_path / "empty")).code == 0
    assert contents(tmp_path / "corpus") == unbroken
