"""Event files for TensorBoard, where somebody asked for them; metrics.jsonl is always written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rewrite.errors import SettingError

FOLDER = "events"


@contextmanager
def event_log(out: Path, wanted: bool) -> Iterator[Callable[[Mapping[str, float]], None]]:
    """Gives what takes the metrics of an epoch; without `wanted` it forgets them.

    Raises:
        SettingError: TensorBoard is wanted and not installed.
    """
    if not wanted:
        yield lambda measured: None
        return
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        todo = "Install it: pip install 'trclip-vad[tensorboard]', or set tensorboard=false."
        raise SettingError("tensorboard=true", "TensorBoard is not installed", todo) from None
    writer = SummaryWriter(str(out / FOLDER))

    def log(measured: Mapping[str, float]) -> None:
        for name, value in measured.items():
            if name != "epoch":
                writer.add_scalar(name, value, int(measured["epoch"]))
        writer.flush()

    try:
        yield log
    finally:
        writer.close()
