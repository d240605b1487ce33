"""One comma-separated table. What csv does to a caption: quoting, and nothing else unless asked."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rewrite.export.table import Table
from rewrite.manifest import canonical
from rewrite.settings import describe, setting

FORMULA = ("=", "+", "-", "@")


@dataclass(frozen=True)
class Csv:
    """captions.csv: a header, a caption a row; UTF-8, commas, cells quoted where they must be, newline at line ends.

    A cell that begins with = + - or @ is a formula to a spreadsheet, whatever its quotes. Captions are untrusted, but
    they are also training text: by default they are written as they are, counted, and the count is said; with
    `formulas=escape` such a cell gets an apostrophe in front, and is no longer the caption to a trainer.
    """

    formulas: Literal["keep", "escape"] = setting("keep", "cells that a spreadsheet would run; escape: an apostrophe")

    def identity(self) -> dict[str, Any]:
        return describe(self, identity_only=True)

    def check(self, table: Table) -> None:
        """Every caption fits."""

    def files(self, table: Table) -> Iterator[tuple[str, Iterable[bytes]]]:
        yield "captions.csv", self._lines(table)

    def arguments(self, table: Table, folder: str) -> dict[str, list[str]]:
        return {}

    def notes(self, table: Table) -> list[str]:
        risky = sum(_is_formula(cell) for row in table.rows for cell in (*row.fields.values(), *row.texts))
        if not risky:
            return []
        if self.formulas == "escape":
            return [f"{risky} cells begin like a formula and have an apostrophe in front, which is not the caption's."]
        return [f"{risky} cells begin like a formula: in a spreadsheet import the columns as text, or escape them."]

    def _lines(self, table: Table) -> Iterator[bytes]:
        columns = table.columns
        yield csv_line([*columns, "rewrites", *table.keys])
        for row in table.rows:
            cells = [*(row.fields.get(name) for name in columns), row.rewrites, *row.texts]
            escaped = [f"'{c}" if self.formulas == "escape" and _is_formula(c) else c for c in cells]
            yield csv_line([_cell(c) for c in escaped])


def _is_formula(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(FORMULA)


def _cell(value: Any) -> str:
    """A field as a cell: a string as it is, nothing as nothing, anything else as json."""
    return "" if value is None else value if isinstance(value, str) else canonical(value)


def csv_line(cells: Sequence[str], separator: str = ",") -> bytes:
    """One line that Python's csv and pandas read back as these cells."""
    line = io.StringIO(newline="")
    csv.writer(line, delimiter=separator, lineterminator="\n").writerow(cells)
    return line.getvalue().encode()
