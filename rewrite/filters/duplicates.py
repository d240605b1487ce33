"""Has this source this rewrite already? The first of equal rewrites of one source stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rewrite.records import Candidate, Verdict


@dataclass(frozen=True)
class Duplicates:
    """Reason: duplicate. Equal means equal letters and digits; case, marks and spaces aside."""

    def identity(self) -> dict[str, Any]:
        return {}

    def judge(self, candidates: Sequence[Candidate]) -> list[Verdict]:
        seen: set[tuple[str, str]] = set()
        verdicts = []
        for c in candidates:
            key = c.draft.source_id, "".join(filter(str.isalnum, c.text.casefold()))
            verdicts.append(Verdict(key not in seen, "duplicate" if key in seen else ""))
            seen.add(key)
        return verdicts
