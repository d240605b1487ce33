"""The corpus as a table: a row per caption, `caption_0` to `caption_k`, no cell empty."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

from rewrite.controls import CONTROLS
from rewrite.corpus import Corpus
from rewrite.errors import CorpusError, InputError, SettingError
from rewrite.filters.length import clip_tokens
from rewrite.settings import pick
from rewrite.wordings import Sample, Wordings, read_wordings

FILL = "too few rewrites: caption and rewrites are repeated in turn, the caption first"
_CELL = re.compile(r"caption_\d+|rewrites")


@dataclass(frozen=True, slots=True)
class Row:
    """One caption.

    Attributes:
        fields: id, source_id, video, start and whatever else the caption came with.
        texts: k + 1 of them: the caption's own words, then its versions.
        rewrites: how many versions are no repetition.
    """

    fields: Mapping[str, Any]
    texts: tuple[str, ...]
    rewrites: int

    def flat(self) -> dict[str, Any]:
        """One json object with a string for every version, never a list: open_clip skips lists in silence."""
        return {**self.fields, "rewrites": self.rewrites, **{f"caption_{i}": t for i, t in enumerate(self.texts)}}


@dataclass(frozen=True, slots=True)
class Table:
    """All rows, in the corpus's order.

    Attributes:
        k: versions beside the caption.
        control: name of the control that stands in for the rewrites, or None.
        budget: CLIP BPE tokens of caption_1 to caption_k over all rows, begin and end marks included: of the
            rewrites (`rewrites`) and of what is exported (`exported`).
    """

    corpus_id: str
    rows: tuple[Row, ...]
    k: int
    control: str | None
    budget: Mapping[str, int]

    @property
    def keys(self) -> list[str]:
        """caption_0 ... caption_k."""
        return [f"caption_{i}" for i in range(self.k + 1)]

    @property
    def columns(self) -> list[str]:
        """Names of the carried fields, in the order of first mention."""
        return list(dict.fromkeys(name for row in self.rows for name in row.fields))

    def filled(self) -> dict[str, Any]:
        """The policy of repetition and what it did, for the manifest."""
        short = [self.k - row.rewrites for row in self.rows if row.rewrites < self.k]
        return {"policy": FILL, "rows": len(short), "cells": sum(short)}


def tabulate(corpus: Corpus, *, k: int | None, control: str | None, seed: int) -> Table:
    """The corpus's captions with k versions each.

    Args:
        k: versions beside the caption. None: as many as the text with most rewrites has.
        control: a name of CONTROLS; what stands in for the rewrites.

    Raises:
        SettingError: k below 1, or no such control.
        CorpusError: the corpus keeps no rewrite, or too few for the control.
        InputError: a caption has a field by a name that the export needs.
    """
    if k is not None and k < 1:
        raise SettingError("--k", f"{k} is not a number of versions", "Give 1 or more.")
    plug = None if control is None else pick(CONTROLS, control, "control")
    samples, real = read_wordings(corpus)
    for sample in samples:
        for name in filter(_CELL.fullmatch, sample.fields):
            where = f"caption {sample.fields.get('id')}"
            raise InputError(where, f"has a field {name!r}, which the export writes itself", "Rename the field.")
    most = max((len(w.rewrites) for w in real.values()), default=0)
    if not most:
        raise CorpusError(corpus.folder, "keeps no rewrite", "Filter less strictly, or rewrite more.")
    wide = k or most
    shown = plug(real, seed) if plug else real
    budget = {"rewrites": _tokens(real, wide), "exported": _tokens(shown, wide)}
    return Table(corpus.id, tuple(_rows(samples, shown, wide)), wide, control, budget)


def _rows(samples: list[Sample], texts: Mapping[str, Wordings], k: int) -> Iterator[Row]:
    for sample in samples:
        w = texts[sample.source_id]
        yield Row(sample.fields, (w.source, *_cells(w, k)), min(k, len(w.rewrites)))


def _cells(w: Wordings, k: int) -> tuple[str, ...]:
    """caption_1 to caption_k: the rewrites, then caption and rewrites in turn."""
    return (*w.rewrites, *islice(cycle((w.source, *w.rewrites)), max(0, k - len(w.rewrites))))[:k]


def _tokens(texts: Mapping[str, Wordings], k: int) -> int:
    return sum(w.rows * sum(map(clip_tokens, _cells(w, k))) for w in texts.values())
