"""Is it the caption again? Near-copies teach a text tower nothing new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rewrite.records import Candidate, Verdict
from rewrite.settings import describe, setting


@dataclass(frozen=True)
class Copy:
    """Reason: copy. Stores `copy`, the share of characters both texts have in order (case and marks aside)."""

    ceiling: float = setting(0.97, "rapidfuzz ratio in [0, 1] from which a rewrite counts as a copy")

    def __post_init__(self) -> None:
        if not 0 < self.ceiling <= 1:
            raise ValueError("the ceiling must lie in (0, 1]")

    def identity(self) -> dict[str, Any]:
        return describe(self)

    def judge(self, candidates: Sequence[Candidate]) -> list[Verdict]:
        from rapidfuzz import fuzz, utils

        verdicts = []
        for c in candidates:
            ratio = fuzz.ratio(c.draft.source, c.text, processor=utils.default_process) / 100
            dropped = ratio >= self.ceiling
            verdicts.append(Verdict(not dropped, "copy" if dropped else "", {"copy": round(ratio, 4)}))
        return verdicts
