"""The board of exporters: a sealed corpus in the shape a trainer reads.

The contract: `files` names and yields every file of the folder, pure in the table (equal tables, equal bytes), flat
names only, and all text a trainer reads is a string with no line break or tab. A new one is one new file and one
line here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

from rewrite.export.csv import Csv
from rewrite.export.flat import Flat
from rewrite.export.hf import HuggingFace
from rewrite.export.laclip import LaCLIP
from rewrite.export.open_clip import OpenCLIP
from rewrite.export.table import Table
from rewrite.settings import apply, pick


class Exporter(Protocol):
    """A frozen dataclass of settings."""

    def identity(self) -> dict[str, Any]:
        """Plain json of the settings that decide the bytes."""

    def check(self, table: Table) -> None:
        """Refuses what this format cannot hold, before a folder is made.

        Raises:
            InputError: a caption or its picture does not fit.
            SettingError: a package that the settings need is missing.
        """

    def files(self, table: Table) -> Iterator[tuple[str, Iterable[bytes]]]:
        """(name, bytes in pieces) of every file, one after the other, of a table that was checked."""

    def arguments(self, table: Table, folder: str) -> dict[str, list[str]]:
        """What to give the trainer: a name for the way of reading -> its command line's words."""

    def notes(self, table: Table) -> list[str]:
        """What the reader of these files must know, a sentence each."""


EXPORTERS: dict[str, type[Any]] = {
    "flat": Flat,
    "open_clip": OpenCLIP,
    "laclip": LaCLIP,
    "hf": HuggingFace,
    "csv": Csv,
}


def configure(to: str, assignments: Sequence[str] = ()) -> tuple[str, Exporter]:
    """The exporter of that name, its settings set by `--set NAME.field=value`.

    Raises:
        SettingError: no such exporter, or no such setting.
    """
    plug = pick(EXPORTERS, to, "format")()
    return to, apply({to: plug}, list(assignments))[to]
