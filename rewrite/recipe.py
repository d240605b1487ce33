"""A rewriting recipe: which engine, which filters, every setting. Built from names and `--set` lines, checked whole."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rewrite.errors import SettingError
from rewrite.records import Sampling
from rewrite.settings import apply, describe, pick, setting
from rewrite.templates import FewShot, load_templates

TEMPLATES = ("plain", "reorder")
BACKEND = "vllm"


@dataclass(frozen=True)
class Source:
    """Which rows of the caption file are rewritten."""

    split: str | None = setting(None, "only rows whose field `split` says so, e.g. train; none: every row")


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a corpus but the captions.

    Attributes:
        templates: name -> template.
        variants: drafts per text and template.
        seed: of the few-shot draws and of every request.
        backend: a plug of BACKENDS.
        filters: name -> plug of FILTERS, in the order they judge.
    """

    templates: Mapping[str, Any]
    variants: int
    seed: int
    source: Source
    sampling: Sampling
    few_shot: FewShot
    backend: Any
    filters: Mapping[str, Any]

    def asked(self) -> dict[str, Any]:
        """What decides the drafts. Raises ModelError where the engine or the model is missing."""
        return {
            "templates": {name: template.digest for name, template in sorted(self.templates.items())},
            "variants": self.variants,
            "seed": self.seed,
            "sampling": describe(self.sampling),
            "fewshot": describe(self.few_shot),
            "backend": self.backend.identity(),
        }

    def judged(self) -> list[dict[str, Any]]:
        """What decides the verdicts, in order. Raises ModelError where a filter's model is missing."""
        return [{"filter": name, **plug.identity()} for name, plug in self.filters.items()]


def configure(
    *,
    templates: Sequence[str] = TEMPLATES,
    variants: int = 1,
    backend: str = BACKEND,
    model: str = "",
    filters: Sequence[str] | None = None,
    seed: int = 0,
    assignments: Sequence[str] = (),
) -> Recipe:
    """The recipe that these names and `--set` lines ask for.

    Args:
        filters: names of FILTERS; None takes all of them. They judge in the board's order, cheap to dear.
        assignments: `sampling.temperature=0.6`, `fewshot.shots=3`, `source.split=train`, `llamacpp.parallel=8`,
            `similarity.floor=0.5` and the like.

    Raises:
        SettingError: an unknown backend, filter or path, or a value of the wrong type.
        InputError: a template that is missing or broken.
    """
    from rewrite.backends import BACKENDS
    from rewrite.filters import FILTERS

    if variants < 1:
        raise SettingError("--variants", f"{variants} is not a number of drafts", "Give 1 or more.")
    engine = pick(BACKENDS, backend, "backend")()
    if model:
        engine = dataclasses.replace(engine, model=model)
    names = set(FILTERS if filters is None else filters)
    for name in names:
        pick(FILTERS, name, "filter")
    groups: dict[str, Any] = {"source": Source(), "sampling": Sampling(), "fewshot": FewShot(), backend: engine}
    chain = [name for name in FILTERS if name in names]
    groups |= {name: FILTERS[name]() for name in chain}
    groups = dict(apply(groups, list(assignments)))
    return Recipe(
        templates=load_templates(templates),
        variants=variants,
        seed=seed,
        source=groups["source"],
        sampling=groups["sampling"],
        few_shot=groups["fewshot"],
        backend=groups[backend],
        filters={name: groups[name] for name in chain},
    )
