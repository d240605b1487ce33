"""Reads (source, rewrite) pairs that others made, for auditing and calibrating.

.jsonl   rows with `source` and `rewrite` (or `text`), optional `label`, `keep`, `kind`
.txt     a rewrite a line (LaCLIP), the sources a line each in a second file
.json    `{"<class>": ["description", ...]}` (CuPL): the class is the source
folder   a sealed corpus: its kept and dropped rewrites
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rewrite.captions import read_json_lines
from rewrite.corpus import open_corpus
from rewrite.errors import InputError
from rewrite.records import fold

LONGEST = 20_000  # characters: a model's answer may be long, a file in one line is a mistake


@dataclass(frozen=True, slots=True)
class Pair:
    """One rewrite and what it rewrites.

    Attributes:
        label: class of the video, where it is known.
        keep: a person's verdict, where there is one; `kind` names the fault or the sort of paraphrase.
    """

    source: str
    rewrite: str
    label: str | None = None
    keep: bool | None = None
    kind: str | None = None


def read_pairs(path: Path, sources: Path | None = None) -> list[Pair]:
    """Every pair of a file, in its order.

    Args:
        sources: the file of source captions beside a .txt of rewrites, line by line.

    Raises:
        InputError: a missing file or field, broken json, not UTF-8, files of unequal length.
        CorpusError: a folder that is no sealed corpus.
    """
    found = list(_corpus(path) if path.is_dir() else _rows(path, sources))
    if not found:
        raise InputError(path, "holds no pair", "Check the file.")
    return found


def described_classes(path: Path) -> tuple[str, ...] | None:
    """The classes of a file of descriptions, those without any among them; None for rewrites of captions."""
    if path.suffix.lower() != ".json" or not path.is_file():
        return None
    return tuple(_lists(path))


def _rows(path: Path, sources: Path | None) -> Iterator[Pair]:
    if not path.is_file():
        raise InputError(path, "there is no such file", "Check the path.")
    match path.suffix.lower():
        case ".jsonl":
            for where, row in read_json_lines(path):
                yield _pair(row, where)
        case ".txt":
            yield from _lines(path, sources)
        case ".json":
            yield from _descriptions(path)
        case other:
            raise InputError(path, f"files ending in {other!r} are not read", "Use .jsonl, .txt, .json or a corpus.")


def _pair(row: dict[str, Any], where: str) -> Pair:
    rewrite = row.get("rewrite", row.get("text"))
    for name, value in (("source", row.get("source")), ("rewrite", rewrite)):
        if not isinstance(value, str):
            raise InputError(where, f"has no text in `{name}`", "Give both `source` and `rewrite`.")
        if len(value) > LONGEST:
            raise InputError(where, f"`{name}` has {len(value):,} characters", "Is it one caption?")
    if not row["source"].strip():
        raise InputError(where, "`source` is empty", "Give the caption that was rewritten.")
    keep = row.get("keep")
    if keep is not None and not isinstance(keep, bool):
        raise InputError(where, "`keep` is neither true nor false", "Write true or false.")
    label, kind = (None if row.get(name) is None else str(row[name]) for name in ("label", "kind"))
    return Pair(fold(row["source"]), str(rewrite), label, keep, kind)


def _lines(path: Path, sources: Path | None) -> Iterator[Pair]:
    if sources is None:
        raise InputError(path, "is a file of lines without its sources", "Give them too: --source ORIGINALS.txt.")
    rewrites, originals = _text(path).splitlines(), _text(sources).splitlines()
    if len(rewrites) != len(originals):
        what = f"has {len(rewrites)} lines, {sources} has {len(originals)}"
        raise InputError(path, what, "Line n of both must belong together.")
    for number, (source, rewrite) in enumerate(zip(originals, rewrites, strict=True), 1):
        yield _pair({"source": source, "rewrite": rewrite}, f"{path}:{number}")


def _lists(path: Path) -> dict[str, list[Any]]:
    try:
        found = json.loads(_text(path))
    except ValueError as error:
        raise InputError(path, f"is not json ({error})", "Mend the file.") from None
    if not isinstance(found, dict) or not all(isinstance(texts, list) for texts in found.values()):
        raise InputError(path, "is not a json object of lists", 'Write {"class": ["description", ...]}.')
    return found


def _descriptions(path: Path) -> Iterator[Pair]:
    for name, texts in _lists(path).items():
        for number, text in enumerate(texts):
            yield _pair({"source": name, "rewrite": text, "label": name}, f"{path}: {name}[{number}]")


def _corpus(path: Path) -> Iterator[Pair]:
    corpus = open_corpus(path)
    labels = {row["source_id"]: row.get("label") for row in corpus.rows("captions")}
    for draft in corpus.rows("drafts"):
        yield Pair(draft["source"], draft["text"], labels.get(draft["source_id"]))


def _text(path: Path) -> str:
    if not path.is_file():
        raise InputError(path, "there is no such file", "Check the path.")
    try:
        return path.read_bytes().removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError:
        raise InputError(path, "is not UTF-8", "Convert it, e.g. iconv -f latin1 -t utf-8 FILE.") from None
