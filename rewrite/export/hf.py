"""A Hugging Face data set folder: json lines in shards and a card that tells `load_dataset` which files they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

from rewrite.errors import SettingError
from rewrite.export.table import FILL, Table
from rewrite.manifest import canonical, jsonl_chunks
from rewrite.settings import describe, setting

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))

_TYPES = {str: "string", bool: "bool", int: "int64", float: "float64"}


@dataclass(frozen=True)
class HuggingFace:
    """train-00000-of-00001.jsonl ... and README.md. `datasets` is not needed to write them.

    Every row has every field, null where its caption has none: a loader that meets a new column in a later shard
    refuses it. A field that is not of one type throughout is written as json text.
    """

    shard: int = setting(100_000, "rows per file")
    format: Literal["jsonl", "parquet"] = setting("jsonl", "of the shards; parquet needs pyarrow")

    def __post_init__(self) -> None:
        if self.shard < 1:
            raise ValueError("shard must be at least 1")

    def identity(self) -> dict[str, Any]:
        return describe(self, identity_only=True)

    def check(self, table: Table) -> None:
        if self.format == "parquet" and find_spec("pyarrow") is None:
            raise SettingError("hf.format=parquet", "needs pyarrow", "Run: pip install -e '.[parquet]'.")

    def files(self, table: Table) -> Iterator[tuple[str, Iterable[bytes]]]:
        count = -(-len(table.rows) // self.shard)
        mixed, columns = _mixed(table), table.columns
        for number in range(count):
            rows = [_full(row.flat(), columns, mixed) for row in table.rows[number * self.shard :][: self.shard]]
            name = f"train-{number:05d}-of-{count:05d}.{self.format}"
            yield name, jsonl_chunks(rows) if self.format == "jsonl" else [_parquet(rows)]
        yield "README.md", [self._card(table).encode()]

    def arguments(self, table: Table, folder: str) -> dict[str, list[str]]:
        return {"datasets": ["load_dataset", folder, "split=train"]}

    def notes(self, table: Table) -> list[str]:
        mixed = ", ".join(sorted(_mixed(table)))
        return [f"written as json text, since its rows are of several types: {mixed}."] if mixed else []

    def _card(self, table: Table) -> str:
        import yaml

        rows = len(table.rows)
        size = next((name for most, name in _SIZES if rows < most), "n>1M")
        head = {
            "dataset_info": {"features": _features(table)},
            "configs": [
                {"config_name": "default", "data_files": [{"split": "train", "path": f"train-*.{self.format}"}]}
            ],
            "size_categories": [size],
            "tags": ["caption-rewriting", "clip"],
        }
        what = f"the control `{table.control}` in place of rewrites" if table.control else "rewrites"
        lines = [
            f"---\n{yaml.safe_dump(head, sort_keys=True)}---",
            "# Captions and their rewrites",
            f"{rows:,} captions. `caption_0` is the caption, `caption_1` to `caption_{table.k}` are {what}, kept by "
            f"the filters of corpus `{table.corpus_id[:16]}`; `rewrites` says how many of them are no repetition "
            f"({FILL}).",
            "The rewrites were written by a language model and judged by programs, not by people. "
            "`manifest.json` holds the settings and the digest of every file.",
        ]
        return "\n\n".join(lines) + "\n"


def _full(row: dict[str, Any], columns: list[str], mixed: set[str]) -> dict[str, Any]:
    full = {**dict.fromkeys(columns), **row}
    return {name: canonical(v) if name in mixed and v is not None else v for name, v in full.items()}


def _kinds(table: Table) -> dict[str, set[type]]:
    """Carried field -> the types of its values."""
    found: dict[str, set[type]] = {name: set() for name in table.columns}
    for row in table.rows:
        for name, value in row.fields.items():
            if value is not None:
                found[name].add(type(value))
    return found


def _mixed(table: Table) -> set[str]:
    """Fields that no single column type holds."""
    numbers = {int, float}
    return {
        name for name, found in _kinds(table).items() if found - set(_TYPES) or (len(found) > 1 and found != numbers)
    }


def _features(table: Table) -> list[dict[str, str]]:
    """The type of every column. Stated, because a loader guesses from the first shard, where all may be null."""
    mixed = _mixed(table)
    found = {}
    for name, kinds in _kinds(table).items():
        (kind,) = {str} if name in mixed or not kinds else {float} if float in kinds else kinds
        found[name] = _TYPES[kind]
    found |= {"rewrites": "int64", **dict.fromkeys(table.keys, "string")}
    return [{"name": name, "dtype": dtype} for name, dtype in sorted(found.items())]


def _parquet(rows: list[dict[str, Any]]) -> bytes:
    import pyarrow
    from pyarrow import parquet

    sink = pyarrow.BufferOutputStream()
    parquet.write_table(pyarrow.Table.from_pylist(rows), sink)
    return bytes(sink.getvalue())
