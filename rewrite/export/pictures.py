"""Which picture belongs to which caption, for formats that pair the two."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rewrite.errors import InputError
from rewrite.export.table import Table


def picture_names(table: Table, field: str) -> list[str]:
    """A name per row: what the caption's own `field` says, or the row's number (00000012.jpg) where none has one.

    Raises:
        InputError: some captions have the field and some do not, or it is no text.
    """
    named = [row.fields.get(field) for row in table.rows]
    if all(name is None for name in named):
        return [f"{number:08d}.jpg" for number in range(len(named))]
    for name, row in zip(named, table.rows, strict=True):
        if not isinstance(name, str) or not name.strip():
            where = f"caption {row.fields.get('id')}"
            raise InputError(where, f"has no picture in its field {field!r}, others have", "Name one for each.")
    return [str(name) for name in named]


def check_endings(table: Table, names: Sequence[str], endings: tuple[str, ...]) -> None:
    """Refuses a picture that the trainer would pass over in silence.

    Raises:
        InputError: a name ends otherwise.
    """
    for name, row in zip(names, table.rows, strict=True):
        if not name.endswith(endings):
            where = f"caption {row.fields.get('id')}"
            raise InputError(where, f"its picture {name!r} would be passed over", f"Use one of {', '.join(endings)}.")


def picture_path(folder: Path, name: str) -> Path:
    """The file of that name below the folder; names come from a caption file and are not trusted.

    Raises:
        InputError: it is not there, or lies outside.
    """
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise InputError(name, f"lies outside {folder}", "Name pictures below that folder.")
    if not path.is_file():
        raise InputError(path, "there is no such picture", "Name the folder that the pictures' names are relative to.")
    return path
