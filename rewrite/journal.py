"""The journal: every draft the moment it arrives, one line each, so that a kill loses only what was in flight.

Line 1 is what was asked; each later line a draft. A torn last line (killed in mid-write) is dropped at resume.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from rewrite.errors import CorpusError
from rewrite.manifest import canonical, flush, storage, write_atomic
from rewrite.records import Draft

NAME = "journal.jsonl"


class Journal:
    """The drafts of one unfinished corpus, by id."""

    def __init__(self, path: Path, drafts: dict[str, Draft], file: IO[bytes]) -> None:
        self.path = path
        self.drafts = drafts
        self._file = file

    def append(self, draft: Draft) -> None:
        """Hands one draft to the operating system before returning: it survives the process.

        Raises:
            StorageError: the disk is full; every earlier line stands.
        """
        if draft.id in self.drafts:
            return
        with storage(self.path):
            self._file.write((canonical(draft.row()) + "\n").encode())
            self._file.flush()
        self.drafts[draft.id] = draft


@contextmanager
def open_journal(folder: Path, asked: dict[str, Any]) -> Iterator[Journal]:
    """Begins a journal or goes on with the one that is there. The caller holds the folder's lock.

    More variants of the same question go on with it too: the drafts of the fewer are among theirs.

    Raises:
        CorpusError: the journal answers another question, or a line inside it is damaged.
    """
    path = folder / NAME
    if not path.is_file():
        write_atomic(path, canonical({"asked": asked}) + "\n")
    whole = _whole_bytes(path)
    lines = whole.splitlines(keepends=True)
    header = _json(lines[0], path, 1).get("asked") if lines else None
    if _asks_for_less(header, asked):
        header = asked
        whole = (canonical({"asked": asked}) + "\n").encode() + b"".join(lines[1:])
        write_atomic(path, whole)
    if header != asked:
        changed = first_difference(header, asked)
        todo = "Ask the same again to go on with it, or choose another --out."
        raise CorpusError(folder, f"holds unfinished work that was asked differently ({changed})", todo)
    drafts = [_draft(line, path, number) for number, line in enumerate(lines[1:], 2)]
    with storage(path), path.open("r+b") as file:
        file.truncate(len(whole))
        file.seek(0, os.SEEK_END)
        yield Journal(path, {d.id: d for d in drafts}, file)
        flush(file)


def _asks_for_less(header: Any, asked: dict[str, Any]) -> bool:
    """Whether an older question differs by fewer variants alone."""
    fewer = header.get("variants") if isinstance(header, dict) else None
    same = fewer is not None and header == {**asked, "variants": fewer}
    return bool(same and fewer < asked["variants"])


def _whole_bytes(path: Path) -> bytes:
    data = path.read_bytes()
    return data[: data.rfind(b"\n") + 1]


def _json(line: bytes, path: Path, number: int) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise CorpusError(f"{path}:{number}", "is damaged", "Delete this line: its draft is then asked again.")
    return row


def _draft(line: bytes, path: Path, number: int) -> Draft:
    row = _json(line, path, number)
    try:
        return Draft(**row)
    except TypeError:
        raise CorpusError(
            f"{path}:{number}", "is not a draft", "Delete this line: its draft is then asked again."
        ) from None


def first_difference(old: Any, new: Any, path: str = "") -> str:
    """`sampling.temperature: 0.6, now 0.9`: what the user would have to change back."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            if old.get(key) != new.get(key):
                return first_difference(old.get(key), new.get(key), f"{path}.{key}" if path else str(key))
    return f"{path or 'everything'}: {_short(old)}, now {_short(new)}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else canonical(value)
    return text if len(text) <= 40 else text[:37] + "..."
