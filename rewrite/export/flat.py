"""Flat json lines: what most loaders can read, and what the other formats hold too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from rewrite.export.table import Table
from rewrite.manifest import jsonl_chunks
from rewrite.settings import describe


@dataclass(frozen=True)
class Flat:
    """captions.jsonl: a caption a line, with the keys caption_0 (its own words) to caption_k."""

    def identity(self) -> dict[str, Any]:
        return describe(self, identity_only=True)

    def check(self, table: Table) -> None:
        """Every caption fits."""

    def files(self, table: Table) -> Iterator[tuple[str, Iterable[bytes]]]:
        yield "captions.jsonl", jsonl_chunks(row.flat() for row in table.rows)

    def arguments(self, table: Table, folder: str) -> dict[str, list[str]]:
        return {}

    def notes(self, table: Table) -> list[str]:
        return []
