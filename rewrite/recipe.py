"""A rewriting recipe: which engine, which filters, every setting. Built from names and `--set` lines, checked whole."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rewrite.embeddings import DEFAULT, locate_encoder
from rewrite.errors import InputError, SettingError
from rewrite.records import Sampling
from rewrite.settings import apply, describe, pick, setting
from rewrite.templates import FewShot, load_templates
from rewrite.weights import weights_digest

TEMPLATES = ("plain", "reorder")
BACKEND = "vllm"


@dataclass(frozen=True)
class Source:
    """Which rows of the caption file are rewritten."""

    split: str | None = setting(None, "only rows whose field `split` says so, e.g. train; none: every row")


@dataclass(frozen=True)
class Budget:
    """Ask easy captions less and hard ones more, until a source's rewrites are diverse enough or it has had its share.

    Attempt n of a source takes template n mod T and its draw n div T, each further draw a step warmer.
    """

    target_vendi: float | None = setting(None, "Vendi score of a source's kept rewrites to reach; none: no budget")
    max_attempts: int = setting(8, "drafts per source at most")
    warmer: float = setting(0.1, "added to the temperature with each further draw of a template")

    def __post_init__(self) -> None:
        if self.target_vendi is not None and not 1 <= self.target_vendi < math.inf:
            raise ValueError("the Vendi score of one rewrite is 1: the target must be at least that")
        if self.max_attempts < 1 or not 0 <= self.warmer <= 2:
            raise ValueError("max_attempts must be at least 1, warmer lie in [0, 2]")


@dataclass(frozen=True)
class Words:
    """The word lists that the rules read by."""

    extend: Path | None = setting(None, "a YAML file whose words are added to rewrite/lexicons")


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a corpus but the captions.

    Attributes:
        templates: name -> template.
        variants: drafts per text and template.
        seed: of the few-shot draws and of every request.
        backend: a plug of BACKENDS.
        filters: name -> plug of FILTERS, in the order they judge.
        kind: "caption", or "class" for descriptions of classes.
    """

    templates: Mapping[str, Any]
    variants: int
    seed: int
    source: Source
    sampling: Sampling
    few_shot: FewShot
    budget: Budget
    backend: Any
    filters: Mapping[str, Any]
    kind: str = "caption"

    @property
    def draws(self) -> int:
        """Drafts per template that a source may get."""
        if self.budget.target_vendi is None:
            return self.variants
        return -(-self.budget.max_attempts // len(self.templates))

    @property
    def encoder(self) -> str:
        """The sentence encoder of the chain, by which diversity is measured too."""
        return encoder_of(self.filters) or DEFAULT

    def asked(self) -> dict[str, Any]:
        """What decides the drafts. Raises ModelError where the engine or the model is missing."""
        budget = {} if self.budget.target_vendi is None else {"budget": self._budget()}
        # The examples of class templates stand in the manifest: filters hold descriptions against them, now and later.
        shown = sorted({target for template in self.templates.values() for _, target in template.pairs})
        about = {} if self.kind == "caption" else {"kind": self.kind, "examples": shown}
        return {
            **budget,
            **about,
            "templates": {name: template.digest for name, template in sorted(self.templates.items())},
            "variants": self.draws,
            "seed": self.seed,
            "sampling": describe(self.sampling),
            "fewshot": describe(self.few_shot),
            "backend": self.backend.identity(),
        }

    def _budget(self) -> dict[str, Any]:
        """A budget hangs on the verdicts, so the filters are part of what is asked."""
        path = locate_encoder(self.encoder)
        return {**describe(self.budget), "filters": self.judged(), "encoder": weights_digest(path)}

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
    settings: Path | None = None,
    target_vendi: float | None = None,
    max_attempts: int = 8,
    kind: str = "caption",
) -> Recipe:
    """The recipe that these names and `--set` lines ask for.

    Args:
        filters: names of FILTERS or CHAINS; None takes `fast`. They judge in the board's order, cheap to dear.
        assignments: `sampling.temperature=0.6`, `fewshot.shots=3`, `source.split=train`, `llamacpp.parallel=8`,
            `similarity.floor=0.5`, `nli.model=PATH`, `lexicon.extend=words.yaml` and the like.
        kind: "caption", or "class" for descriptions of classes: another folder of templates, another board of filters.
        target_vendi, max_attempts: ask each text until its rewrites are so diverse, or so often (see Budget).
        settings: a file that `calibrate` wrote; `assignments` win over it.

    Raises:
        SettingError: an unknown backend, filter or path, or a value of the wrong type.
        InputError: a template that is missing or broken.
    """
    from rewrite.backends import BACKENDS

    if variants < 1:
        raise SettingError("--variants", f"{variants} is not a number of drafts", "Give 1 or more.")
    engine = pick(BACKENDS, backend, "backend")()
    if model:
        engine = dataclasses.replace(engine, model=model)
    groups: dict[str, Any] = {"source": Source(), "sampling": Sampling(), "fewshot": FewShot(), "budget": Budget()}
    groups[backend] = engine
    diverse = [f"budget.max_attempts={max_attempts}"]
    if target_vendi is not None:
        diverse.append(f"budget.target_vendi={target_vendi}")
    chain, groups = configure_filters(filters, [*diverse, *assignments], settings, groups, kind)
    _refuse_unreachable(groups["budget"], chain)
    return Recipe(
        templates=load_templates(templates, kind=kind),
        variants=variants,
        seed=seed,
        source=groups["source"],
        sampling=groups["sampling"],
        few_shot=groups["fewshot"],
        budget=groups["budget"],
        backend=groups[backend],
        filters=chain,
        kind=kind,
    )


def configure_filters(
    filters: Sequence[str] | None,
    assignments: Sequence[str] = (),
    settings: Path | None = None,
    groups: Mapping[str, Any] | None = None,
    kind: str = "caption",
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(the chain by name, every group of settings) that names and `--set` lines ask for.

    Args:
        groups: other groups that the assignments may reach.

    Raises:
        SettingError: an unknown filter, path or value.
        InputError: a settings file that is none.
    """
    from rewrite.filters import BOARDS, chain_names

    names, board = chain_names(filters, kind), BOARDS[kind]
    tree = {**(groups or {}), "lexicon": Words(), **{name: board[name]() for name in names}}
    stated = [a for a in _stated(settings) if a.partition(".")[0] in tree]  # it may speak of filters not chosen here
    for path in (a.partition("=")[0] for a in stated):
        group, _, name = path.partition(".")
        if name not in {f.name for f in dataclasses.fields(tree[group])}:
            raise InputError(settings, f"was made by another version ({path})", "Run cli.py calibrate again.")
    tree = dict(apply(tree, [*stated, *assignments]))
    encoder = tree["similarity"].model if "similarity" in tree else None
    for name in names:
        fields = {f.name for f in dataclasses.fields(tree[name])}
        if "lexicon" in fields and tree["lexicon"].extend:
            tree[name] = dataclasses.replace(tree[name], lexicon=str(tree["lexicon"].extend))
        if name in ("detail", "selection") and encoder and tree[name].model == type(tree[name])().model:
            tree[name] = dataclasses.replace(tree[name], model=encoder)
        if name == "nli" and encoder and not tree[name].encoder:
            tree[name] = dataclasses.replace(tree[name], encoder=encoder)
    return {name: tree[name] for name in names}, tree


def _refuse_unreachable(budget: Budget, chain: Mapping[str, Any]) -> None:
    """A Vendi score is at most the number of rewrites: a target beyond that would spend every attempt on every text."""
    keep = getattr(chain.get("selection"), "keep", 0)
    most, by = min((budget.max_attempts, "--max-attempts"), (keep or math.inf, "selection.keep"))
    if budget.target_vendi is not None and budget.target_vendi > most:
        what = f"{budget.target_vendi:g} is more than {most} rewrites can have"
        raise SettingError("--target-vendi", what, f"Lower it, or raise {by}.")


def encoder_of(filters: Mapping[str, Any]) -> str | None:
    """The sentence encoder of a chain; None where it has no filter of similarity."""
    model: str | None = getattr(filters.get("similarity"), "model", None)
    return model


def _stated(path: Path | None) -> list[str]:
    """The assignments of a settings file: `{"set": ["similarity.floor=0.5", ...]}`."""
    if path is None:
        return []
    try:
        found = json.loads(path.read_bytes())["set"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = f"is no settings file ({error})"
        raise InputError(path, what, "Make one with: cli.py calibrate LABELLED.jsonl --out FILE.") from None
    if not isinstance(found, list) or not all(isinstance(line, str) for line in found):
        raise InputError(path, "`set` is not a list of assignments", "Make one with: cli.py calibrate.")
    return found
