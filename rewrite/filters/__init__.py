"""The board of filters, cheap to dear: their order here is their order in the chain.

The contract: `judge` gives one verdict per candidate, in order, names a reason for every drop, and is pure
(same candidates, same verdicts). A new filter is one new file and one line here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from rewrite.filters.copy import Copy
from rewrite.filters.duplicates import Duplicates
from rewrite.filters.form import Form
from rewrite.filters.length import Length
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
    "similarity": Similarity,
    "duplicates": Duplicates,
}
