"""The 16-frame grid: which snippets a caption covers, and captions laid on it as a mean. No files, no clock."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rewrite.errors import InputError
from rewrite.records import Caption
from trclip_vad.batch import STRIDE

if TYPE_CHECKING:
    import numpy as np


def span(caption: Caption, fps: float, length: int, where: object) -> tuple[int, int] | None:
    """The snippets [first, end) a caption covers, or None where it lies wholly behind the video's end.

    Raises:
        InputError: it names neither a snippet nor a time.
    """
    if caption.snippet is not None:
        first, end = caption.snippet, caption.snippet + 1
    elif caption.start is not None and caption.end is not None:
        # A time that falls on a border up to rounding covers nothing of the snippet behind it.
        first = math.floor(caption.start * fps / STRIDE + 1e-6)
        end = max(math.ceil(caption.end * fps / STRIDE - 1e-6), first + 1)
    else:
        todo = "Give each caption its snippet, or start and end in seconds."
        raise InputError(where, f"caption {caption.id!r} of {caption.video!r} has no place in time", todo)
    return (first, min(end, length)) if first < length else None


def grid(spans: Sequence[tuple[int, int]], length: int, at_most: int | None = None) -> Any:
    """Sparse (T, captions) weights whose rows sum to 1, or to 0 where no caption covers the snippet (or bin)."""
    import numpy as np
    from scipy.sparse import csr_array

    sizes = [end - first for first, end in spans]
    snippets = np.concatenate([np.arange(first, end) for first, end in spans] or [np.zeros(0, dtype=int)])
    captions = np.repeat(np.arange(len(spans)), sizes)
    weights = csr_array((np.ones(len(snippets)), (snippets, captions)), shape=(length, len(spans)))
    weights = _mean_rows(weights)
    if at_most and length > at_most:
        weights = _mean_rows(_bins(length, at_most) @ weights)
    return weights.astype(np.float32)


def pooled(rows: np.ndarray, at_most: int | None = None) -> np.ndarray:
    """(T, D) float32; more than `at_most` rows are averaged into that many bins of neighbours, as `grid` does it."""
    import numpy as np

    if not at_most or len(rows) <= at_most:
        return np.asarray(rows, dtype=np.float32)
    return np.asarray(_mean_rows(_bins(len(rows), at_most)) @ rows, dtype=np.float32)


def spread(weights: Any, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """((T, E) float32, (T,) bool): caption vectors laid on a grid, and which snippets they cover."""
    import numpy as np

    return np.asarray(weights @ vectors, dtype=np.float32), np.diff(weights.indptr) > 0


def _mean_rows(weights: Any) -> Any:
    """Each row scaled to sum 1; an empty row stays empty."""
    import numpy as np
    from scipy.sparse import csr_array, diags_array

    total = weights.sum(axis=1)
    return csr_array(diags_array(np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)) @ weights)


def _bins(length: int, at_most: int) -> Any:
    """Sparse (at_most, length): a one where a row falls into a bin, by integer linspace edges."""
    import numpy as np
    from scipy.sparse import csr_array

    edges = np.linspace(0, length, at_most + 1).astype(int)
    places = np.repeat(np.arange(at_most), np.diff(edges)), np.arange(length)
    return csr_array((np.ones(length), places), shape=(at_most, length))
