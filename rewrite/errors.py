"""What can go wrong by a user's hand. Each error is one line: where: what. what to do.

TrclipError
 +-- InputError      a caption, template or data file is not what it should be
 +-- SettingError    an unknown plug, setting or recipe, or a value of the wrong type
 +-- ModelError      a model, engine or server is missing or refuses
 +-- CorpusError     a folder is sealed, edited, locked or made by other settings
 +-- StorageError    the disk is full, or the folder cannot be written

A TrclipError is shown without a traceback (exit code 2). Anything else is our bug and shows one.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class TrclipError(Exception):
    """One line for the user: `where: what. todo`."""

    def __init__(self, where: object, what: str, todo: str = "") -> None:
        self.where = one_line(where)
        self.what = one_line(what).rstrip(".")
        self.todo = one_line(todo)
        super().__init__(f"{self.where}: {self.what}. {self.todo}".rstrip())

    def __reduce__(self) -> tuple[type[TrclipError], tuple[str, str, str]]:
        """It may be raised in another process, and is the same one line here."""
        return type(self), (self.where, self.what, self.todo)


class InputError(TrclipError):
    """A data file or template the user gave cannot be used as it is."""


class SettingError(TrclipError):
    """An unknown name, or a value that does not fit its setting."""


class ModelError(TrclipError):
    """A model, engine or server is not there or does not answer."""


class CorpusError(TrclipError):
    """A corpus, bank or run folder is not in the state this work needs."""


class StorageError(TrclipError):
    """The file system refused a write."""


def one_line(value: object) -> str:
    """Text fit for one terminal line: control characters (captions are untrusted) shown escaped."""
    text = str(value)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of an error message: the nearest known name, or all of them."""
    known = sorted(known)
    near = get_close_matches(name, known, n=1, cutoff=0.6)
    if near:
        return f"Did you mean {near[0]!r}?"
    return f"Known: {', '.join(known)}." if known else ""
