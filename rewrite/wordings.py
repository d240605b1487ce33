"""What a sealed corpus offers a trainer: for every caption, its own words and the rewrites that were kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rewrite.corpus import Corpus
from rewrite.errors import CorpusError
from rewrite.records import fold, text_id


@dataclass(frozen=True, slots=True)
class Wordings:
    """One text and its kept rewrites, all with white space folded: a caption is one line.

    Attributes:
        source: the caption's own words.
        rewrites: in the order variant, template: the first k of them show as many templates as there are.
        rows: how many captions of the corpus have this text.
    """

    source: str
    rewrites: tuple[str, ...]
    rows: int = 1


@dataclass(frozen=True, slots=True)
class Sample:
    """One caption row: whose wordings it has, and its other fields (id, video, start ...), carried as they are."""

    source_id: str
    fields: Mapping[str, Any]


def read_wordings(corpus: Corpus) -> tuple[list[Sample], dict[str, Wordings]]:
    """The captions of a corpus in their order, and source_id -> wordings in the order of first mention.

    Raises:
        CorpusError: a row without text; a rewrite of a caption that is not there.
    """
    samples, sources, rows = [], {}, {}  # type: list[Sample], dict[str, str], dict[str, int]
    for row in corpus.rows("captions"):
        text = _text(corpus, "captions", row)
        source = row.get("source_id") or text_id(text)
        sources.setdefault(source, text)
        rows[source] = rows.get(source, 0) + 1
        samples.append(Sample(source, {name: value for name, value in row.items() if name != "text"}))
    kept: dict[str, list[tuple[tuple[int, str], str]]] = {source: [] for source in sources}
    for row in corpus.rows("rewrites"):
        if row.get("source_id") not in kept:
            what = f"rewrites the text {row.get('source_id')!r}, which no caption has"
            raise CorpusError(corpus.folder / "rewrites.jsonl", what, "Make the corpus again.")
        place = int(row.get("variant", 0)), str(row.get("template", ""))
        kept[row["source_id"]].append((place, _text(corpus, "rewrites", row)))
    return samples, {
        source: Wordings(text, tuple(said for _, said in sorted(kept[source], key=lambda pair: pair[0])), rows[source])
        for source, text in sources.items()
    }


def _text(corpus: Corpus, name: str, row: Mapping[str, Any]) -> str:
    text = row.get("text")
    if not isinstance(text, str) or not text.strip():
        where = f"{corpus.folder / name}.jsonl: {row.get('id')}"
        raise CorpusError(where, "has no text", "Make the corpus again: a trainer skips such a row in silence.")
    return fold(text)
