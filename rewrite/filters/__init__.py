"""The board of filters, cheap to dear: their order here is their order in the chain.

The contract: `judge` gives one verdict per candidate, in order, names a reason for every drop or doubt, and is pure
(same candidates, same verdicts). A filter with `clears = True` decides what the ones before it doubt; one with a `note`
has something to say before the chain begins.
A new filter is one new file and one line here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from rewrite.errors import SettingError, did_you_mean
from rewrite.filters.attributes import Attributes
from rewrite.filters.copy import Copy
from rewrite.filters.detail import Detail
from rewrite.filters.duplicates import Duplicates
from rewrite.filters.euphemism import Euphemism
from rewrite.filters.form import Form
from rewrite.filters.labels import Labels
from rewrite.filters.length import Length
from rewrite.filters.naming import Naming
from rewrite.filters.nearest import Nearest
from rewrite.filters.negation import Negation
from rewrite.filters.nli import NLI
from rewrite.filters.numbers import Numbers
from rewrite.filters.order import Order
from rewrite.filters.parrot import Parrot
from rewrite.filters.roles import Roles
from rewrite.filters.selection import Selection
from rewrite.filters.shared import Shared
from rewrite.filters.similarity import Similarity
from rewrite.records import Candidate, Verdict


class Filter(Protocol):
    """A frozen dataclass of settings."""

    def identity(self) -> dict[str, Any]:
        """Plain json of all that decides a verdict: settings, and digests of models.

        Raises:
            ModelError: a model it needs is not there.
        """

    def judge(self, candidates: Sequence[Candidate]) -> list[Verdict]:
        """One verdict per candidate, in order. `candidates` are sorted by source, template, variant."""


FILTERS: dict[str, type[Any]] = {
    "form": Form,
    "length": Length,
    "copy": Copy,
    "negation": Negation,
    "numbers": Numbers,
    "attributes": Attributes,
    "order": Order,
    "labels": Labels,
    "euphemism": Euphemism,
    "roles": Roles,
    "similarity": Similarity,
    "detail": Detail,
    "nli": NLI,
    "duplicates": Duplicates,
    "selection": Selection,
}
CHAINS: dict[str, tuple[str, ...]] = {
    "fast": tuple(name for name in FILTERS if name != "nli"),  # rules and a sentence encoder
    "strict": tuple(FILTERS),  # and a model of natural language inference, which decides what the rules doubt
}


CLASS_FILTERS: dict[str, type[Any]] = {
    "form": Form,
    "length": Length,
    "parrot": Parrot,
    "naming": Naming,
    "nearest": Nearest,
    "shared": Shared,
    "duplicates": Duplicates,
}
CLASS_CHAINS: dict[str, tuple[str, ...]] = {
    "rules": tuple(name for name in CLASS_FILTERS if name != "nearest"),  # no model beside the one that writes
    "all": tuple(CLASS_FILTERS),  # and a sentence encoder, which asks what class a description is nearest to
}
BOARDS: dict[str, dict[str, type[Any]]] = {"caption": FILTERS, "class": CLASS_FILTERS}


def chain_names(asked: Sequence[str] | None, kind: str = "caption") -> list[str]:
    """Filter names in the board's order, each once; a chain's name stands for its filters.

    None asks for `fast`, or for `rules` where classes are described.

    Raises:
        SettingError: no filter and no chain of that name.
    """
    board = BOARDS[kind]
    chains = CHAINS if kind == "caption" else CLASS_CHAINS
    wanted: set[str] = set()
    for name in (next(iter(chains)),) if asked is None else asked:
        if name not in chains and name not in board:
            known = did_you_mean(name, [*chains, *board])
            raise SettingError(f"filter {name!r}", "there is none of that name", known)
        wanted.update(chains.get(name, (name,)))
    return [name for name in board if name in wanted]
