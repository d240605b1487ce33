"""Does another class claim the same description? Then it tells neither, and both lose it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rewrite.records import Candidate, Verdict


@dataclass(frozen=True)
class Shared:
    """Reason: shared. Equal means equal letters and digits."""

    whole: ClassVar[bool] = True  # it compares classes with each other: the chain hands it all candidates at once

    def identity(self) -> dict[str, Any]:
        return {}

    def judge(self, candidates: Sequence[Candidate]) -> list[Verdict]:
        claimed: dict[str, set[str]] = {}
        keys = ["".join(filter(str.isalnum, c.text.casefold())) for c in candidates]
        for key, c in zip(keys, candidates, strict=True):
            claimed.setdefault(key, set()).add(c.draft.source_id)
        return [Verdict(len(claimed[key]) < 2, "" if len(claimed[key]) < 2 else "shared") for key in keys]
