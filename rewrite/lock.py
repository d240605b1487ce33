"""One writer per folder. The kernel drops the lock when its process dies, `kill -9` included."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rewrite.errors import CorpusError
from rewrite.manifest import storage


@contextmanager
def one_writer(folder: Path) -> Iterator[None]:
    """Makes the folder if need be and holds it for this process alone.

    Raises:
        CorpusError: another process writes there now.
        StorageError: the folder cannot be made.
    """
    path = folder / ".lock"
    with storage(folder):
        folder.mkdir(parents=True, exist_ok=True)
    while True:
        with storage(path):
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise CorpusError(
                folder, "another process is writing here", "Wait for it, or choose another --out."
            ) from None
        if _still_there(path, handle):
            break
        os.close(handle)  # its last owner removed the file between our open and our lock
    try:
        yield
    finally:
        path.unlink(missing_ok=True)  # while held, so that nobody removes a later owner's file
        os.close(handle)


def _still_there(path: Path, handle: int) -> bool:
    try:
        return path.stat().st_ino == os.fstat(handle).st_ino
    except FileNotFoundError:
        return False
