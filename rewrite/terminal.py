"""The reporter people see: lines and progress bars on stderr, so that stdout stays a document."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rewrite.errors import one_line

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class _Bar:
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task
        self._start, self._done = time.monotonic(), 0

    def advance(self, done: int = 1) -> None:
        self._done += done
        rate = self._done / max(time.monotonic() - self._start, 1e-9)
        self._progress.update(self._task, advance=done, rate=rate)


class Terminal:
    """Progress bars with rate and ETA where stderr is a terminal; plain lines where it is not."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False)

    def say(self, text: str) -> None:
        self._console.print(one_line(text), markup=False, soft_wrap=True)

    @contextmanager
    def step(self, label: str, total: int, unit: str) -> Iterator[Any]:
        if not self._console.is_terminal:
            with self._plain_step(label, total, unit) as bar:
                yield bar
            return
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        # The rate is a field, not rich's `speed`: that one is None until the second step and a column cannot format it.
        rate = TextColumn("{task.fields[unit]}  {task.fields[rate]:.1f}/s", justify="right")
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn())
        with Progress(*columns, console=self._console) as progress:
            yield _Bar(progress, progress.add_task(label, total=total, unit=unit, rate=0.0))

    @contextmanager
    def _plain_step(self, label: str, total: int, unit: str) -> Iterator[Any]:
        bar = _PlainBar(self, label, total, unit)
        yield bar
        bar.close()


class _PlainBar:
    """A line every ten seconds and one at the end, for log files."""

    def __init__(self, terminal: Terminal, label: str, total: int, unit: str) -> None:
        self._terminal, self._label, self._total, self._unit = terminal, label, total, unit
        self._start = self._last = time.monotonic()
        self._done = 0

    def advance(self, done: int = 1) -> None:
        self._done += done
        now = time.monotonic()
        if now - self._last >= 10:
            self._last = now
            rate = self._done / (now - self._start)
            left = (self._total - self._done) / rate if rate else 0.0
            self._terminal.say(
                f"{self._label}: {self._done}/{self._total} {self._unit}, {rate:.1f}/s, {left:.0f} s left"
            )

    def close(self) -> None:
        seconds = time.monotonic() - self._start
        rate = self._done / seconds if seconds else 0.0
        self._terminal.say(f"{self._label}: {self._done}/{self._total} {self._unit} in {seconds:.1f} s, {rate:.1f}/s")
