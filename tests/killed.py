"""Runs a rewriting and kills its own process with SIGKILL at the n-th write: `python killed.py N SEED ARGS...`.

A write is anything that reaches the disk: half a write, a whole write, a replace, an unlink. A run that ends by itself
says how many it made. Run by test_kill.py and test_budget.py.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

left, draw = int(sys.argv[1]), random.Random(int(sys.argv[2]))


def count() -> bool:
    """Whether this write is the last one."""
    global left
    left -= 1
    return left < 0


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Dying:
    """A file whose last write may be cut at any byte."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> Dying:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, data: bytes) -> int:
        if count():
            self._file.write(data[: draw.randrange(len(data) + 1)])
            self._file.flush()
            die()
        return int(self._file.write(data))


def patch() -> None:
    real_open, real_replace, real_unlink = Path.open, os.replace, Path.unlink

    def open_(self: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        file = real_open(self, mode, *args, **kwargs)
        return Dying(file) if mode in ("wb", "r+b") else file

    def replace(*args: Any) -> None:
        if count():
            if draw.random() < 0.5:
                real_replace(*args)
            die()
        real_replace(*args)

    def unlink(self: Path, missing_ok: bool = False) -> None:
        if count():
            die()
        real_unlink(self, missing_ok=missing_ok)

    Path.open, os.replace, Path.unlink = open_, replace, unlink  # type: ignore[method-assign,assignment]


if __name__ == "__main__":
    patch()
    import cli

    begun = left
    sys.argv = ["cli.py", *sys.argv[3:]]
    try:
        cli.main()
    finally:
        sys.stderr.write(f"writes: {begun - left}\n")
