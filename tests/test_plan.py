"""What is asked depends on the captions and the recipe, on nothing else."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from rewrite.plan import plan
from rewrite.records import Caption, Request, Sampling
from rewrite.templates import FewShot, load_templates

TEMPLATES = load_templates(["plain", "terse"])
CAPTIONS = [
    Caption(text, str(i), label="Arson") for i, text in enumerate(["A dog runs.", "A man sits.", "A dog runs."])
]


def asked(captions: list[Caption] = CAPTIONS, seed: int = 0, sampling: Sampling | None = None) -> list[Request]:
    return plan(
        captions,
        TEMPLATES,
        variants=2,
        sampling=sampling or Sampling(),
        few_shot=FewShot(),
        seed=seed,
        engine={"backend": "fake"},
    )


def test_equal_texts_are_asked_once() -> None:
    assert len(asked()) == 2 * 2 * 2  # texts x templates x variants


def test_the_order_of_the_captions_changes_nothing() -> None:
    assert asked(CAPTIONS[::-1]) == asked()


def test_more_captions_leave_the_earlier_requests_as_they_were() -> None:
    more = asked([*CAPTIONS, Caption("A cat sleeps.", "9")])
    assert set(asked()) <= set(more)


def test_every_request_has_a_seed_of_its_own() -> None:
    seeds = [request.seed for request in asked()]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_another_run_seed_asks_otherwise() -> None:
    assert {r.draft_id for r in asked(seed=1)}.isdisjoint(r.draft_id for r in asked())


def test_another_temperature_gives_other_draft_ids() -> None:
    other = asked(sampling=replace(Sampling(), temperature=0.1))
    assert {r.draft_id for r in other}.isdisjoint(r.draft_id for r in asked())


def test_equal_prefixes_are_neighbours() -> None:
    prefixes = [request.prefix for request in asked()]
    changes = sum(a != b for a, b in pairwise(prefixes))
    assert changes == len(set(prefixes)) - 1


def test_a_label_never_enters_a_prompt() -> None:
    assert not any("arson" in request.prompt.lower() for request in asked())
