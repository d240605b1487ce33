"""Reads captions from the files people have; every refusal names the file and the line.

Formats, told by the file's ending and first row:
  .jsonl  a row `{"text": ...}` a line, with optional id, video, snippet | start+end, label
          or TEVAD/SwinBERT style: `{"<video>": ["caption of snippet 0", ...]}` a line
          or joined UCF-Crime style: `{"video":, "split":, "cls":, "uca": {"timestamps":, "sentences":}}`
  .json   UCA style: `{"<video>": {"timestamps": [[s, e], ...], "sentences": [...]}}`
  .csv    a header with at least `text`;  .parquet the same columns;  .txt a caption a line
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rewrite.errors import InputError, SettingError
from rewrite.records import Caption, fold

LONGEST = 2_000  # characters; a caption of CLIP's 77 tokens has about 400
_OWN = {"id", "source_id", "text", "video", "snippet", "start", "end", "label"}
_SURROGATE = re.compile("[\ud800-\udfff]")
_READERS = (".jsonl", ".json", ".csv", ".parquet", ".txt")


def read_captions(path: Path, *, split: str | None = None, limit: int | None = None) -> list[Caption]:
    """Every caption of a file, in its order, ids unique.

    Args:
        split: keep the rows whose `split` field says so (the joined UCF-Crime file has one).
        limit: stop after so many captions.

    Raises:
        InputError: a missing file or field, broken json, not UTF-8, an empty or over-long caption, two equal ids.
    """
    captions: list[Caption] = []
    first_at: dict[str, str] = {}
    for where, row in _rows(path):
        if split is not None and row.get("split") != split:
            continue
        caption = caption_of(row, where)
        if caption.id in first_at:
            raise InputError(where, f"id {caption.id!r} stands already at {first_at[caption.id]}", "Make ids unique.")
        first_at[caption.id] = where
        captions.append(caption)
        if limit is not None and len(captions) >= limit:
            break
    if not captions:
        raise InputError(path, "holds no caption" + (f" of split {split!r}" if split else ""), "Check the file.")
    return captions


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    if not path.is_file():
        raise InputError(path, "there is no such file", "Check the path.")
    match path.suffix.lower():
        case ".jsonl":
            for where, row in _json_lines(path):
                yield from _spread(row, where)
        case ".json":
            data = _parse(_decode(path), str(path))
            if not isinstance(data, dict):
                raise InputError(path, "is not a json object of videos", "Give UCA-style json, or a .jsonl file.")
            for video, entry in data.items():
                yield from _timed(str(video), entry, f"{path}: {video}", {})
        case ".csv":
            reader = csv.DictReader(io.StringIO(_decode(path), newline=""), strict=True)
            try:
                for row in reader:
                    where = f"{path}:{reader.line_num}"
                    if None in row:
                        raise InputError(where, "has more cells than the header", "Quote commas inside a caption.")
                    yield where, {k: _cell(k, v) for k, v in row.items() if v or k == "text"}
            except csv.Error as error:
                raise InputError(f"{path}:{reader.line_num}", str(error), "Mend the line.") from None
        case ".txt":
            for number, line in enumerate(_decode(path).splitlines(), 1):
                yield f"{path}:{number}", {"text": line, "id": f"{number:06d}"}
        case ".parquet":
            yield from _parquet_rows(path)
        case other:
            known = ", ".join(_READERS)
            raise InputError(path, f"files ending in {other!r} are not read", f"Use one of {known}.")


def _parquet_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise SettingError(path, "parquet needs pyarrow", "Run: pip install -e '.[parquet]'.") from None
    import pyarrow

    try:
        rows = parquet.read_table(path).to_pylist()
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise InputError(path, f"is not parquet ({error})", "Check the file.") from None
    for number, row in enumerate(rows, 1):
        yield f"{path}: row {number}", {k: v for k, v in row.items() if v is not None}


def read_json_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(where, object) for each line of a jsonl file; blank lines are skipped, a BOM and CRLF are understood.

    Raises:
        InputError: a missing file, a line that is not UTF-8 or not a json object.
    """
    if not path.is_file():
        raise InputError(path, "there is no such file", "Check the path.")
    return _json_lines(path)


def _json_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    import jsonlines

    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            where = f"{path}:{number}"
            line = _utf8(raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw, where).strip()
            if not line:
                continue
            with jsonlines.Reader([line]) as reader:
                try:
                    yield where, reader.read(type=dict)
                except jsonlines.InvalidLineError as error:
                    what = str(error).splitlines()[0].split(" (line")[0]
                    raise InputError(where, f"is not a json object ({what})", "Mend or delete the line.") from None


def _spread(row: dict[str, Any], where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """One row as it is, or the many captions of a TEVAD-style or a joined row."""
    if "text" in row:
        yield where, row
    elif "uca" in row and "video" in row:
        carried = {"split": row.get("split"), "label": row.get("cls")}
        if row["uca"] is not None:
            yield from _timed(row["video"], row["uca"], where, {k: v for k, v in carried.items() if v})
    elif len(row) == 1 and isinstance(next(iter(row.values())), list):
        ((video, texts),) = row.items()
        for snippet, text in enumerate(texts):
            yield where, {"id": f"{video}#{snippet}", "video": video, "snippet": snippet, "text": text}
    else:
        yield where, row


def _timed(video: str, entry: Any, where: str, carried: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    times, texts = (entry.get("timestamps"), entry.get("sentences")) if isinstance(entry, dict) else (None, None)
    if not isinstance(times, list) or not isinstance(texts, list):
        raise InputError(where, "lacks `timestamps` and `sentences`", "Give both, of equal length.")
    if len(times) != len(texts):
        raise InputError(where, f"has {len(times)} timestamps for {len(texts)} sentences", "Give one for each.")
    for index, (span, text) in enumerate(zip(times, texts, strict=True)):
        if not isinstance(span, list) or len(span) != 2 or not all(isinstance(s, (int, float)) for s in span):
            raise InputError(where, f"timestamp {index} is not [start, end]", "Give seconds.")
        if not isinstance(text, str) or not text.strip() or span[0] == span[1]:
            continue  # UCA holds a few empty sentences and empty spans; they describe nothing
        start, end = sorted(map(float, span))  # and a few spans written backwards
        row = {"id": f"{video}#{index}", "video": video, "start": max(start, 0.0), "end": end, "text": text}
        yield where, {**carried, **row}


def caption_of(row: dict[str, Any], where: str) -> Caption:
    """A caption from a row of a caption file.

    Raises:
        InputError: a field is missing or is not what it should be; `where` names the row.
    """
    text = row.get("text")
    if text is None:
        raise InputError(where, "has no field 'text'", "Every caption row needs one.")
    if not isinstance(text, str):
        raise InputError(where, f"`text` is a {type(text).__name__}, not a string", "Mend the line.")
    if not text.strip():
        raise InputError(where, "the caption is empty", "Write one or delete the line.")
    if len(text) > LONGEST:
        what = f"the caption has {len(text):,} characters, more than {LONGEST:,}"
        raise InputError(where, what, "Is it a caption? Split it into sentences.")
    if _SURROGATE.search(text):
        raise InputError(where, "the caption holds half of a surrogate pair", "Write it as valid Unicode.")
    id_ = row.get("id", f"line-{where.rpartition(':')[2].removeprefix(' row ')}")
    if not isinstance(id_, (str, int)) or isinstance(id_, bool) or id_ == "":
        raise InputError(where, "`id` is neither a string nor a whole number", "Mend the line.")
    start, end = _number(row, "start", where), _number(row, "end", where)
    if (start is None) != (end is None) or (start is not None and end is not None and not 0 <= start < end):
        raise InputError(where, "`start` and `end` are not 0 <= start < end", "Give both, in seconds.")
    snippet = row.get("snippet")
    if snippet is not None and (not isinstance(snippet, int) or isinstance(snippet, bool) or snippet < 0):
        raise InputError(where, "`snippet` is not a whole number from 0", "Mend the line.")
    extra = {k: v for k, v in row.items() if k not in _OWN}
    video, label = (None if row.get(k) is None else str(row[k]) for k in ("video", "label"))
    return Caption(fold(text), str(id_), video, snippet, start, end, label, extra)


def _number(row: dict[str, Any], name: str, where: str) -> float | None:
    value = row.get(name)
    if value is None:
        return None
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
        raise InputError(where, f"`{name}` is not a number of seconds", "Mend the line.")
    return float(value)


def _cell(column: str, value: str | None) -> Any:
    """A csv cell, as a number only in the columns that hold one."""
    kind: Any = {"start": float, "end": float, "snippet": int}.get(column, str)
    try:
        return kind(value or "")
    except ValueError:
        return value


def _decode(path: Path) -> str:
    raw = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise _not_utf8(f"{path}:{line}") from None


def _utf8(raw: bytes, where: str) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise _not_utf8(where) from None


def _not_utf8(where: str) -> InputError:
    return InputError(where, "is not UTF-8", "Convert it, e.g. iconv -f latin1 -t utf-8 FILE.")


def _parse(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InputError(where, f"is not json ({error})", "Mend the file.") from None
