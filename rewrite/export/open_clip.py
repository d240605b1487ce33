"""open_clip's files: a csv for every release, and webdataset shards for the ones that read several captions.

Release 3.3.0 reads one caption per sample, from the `txt` member or from a csv. Its main branch (pull request 1183)
reads `--json-text-key a;b`: with `--json-text-key-probs` the keys are drawn into an order by these weights, without
them they stand in the order given; then the first key whose value is a string with words in it wins. A list, a number
or a missing key is passed over in silence, hence flat string keys, all of them in every sample.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rewrite.errors import InputError
from rewrite.export.csv import csv_line
from rewrite.export.pictures import check_endings, picture_names, picture_path
from rewrite.export.table import Row, Table
from rewrite.export.tar import tar_end, tar_member
from rewrite.manifest import canonical, json_bytes, jsonl_chunks
from rewrite.settings import describe, operational, setting

READS = (".jpg", ".png", ".jpeg", ".webp")
# What pandas reads as "missing" in a csv: open_clip would train on the word "nan".
_MISSING = {"", "#n/a", "#n/a n/a", "#na", "-1.#ind", "-1.#qnan", "-nan", "1.#ind", "1.#qnan", "<na>", "n/a", "na"}
_MISSING |= {"nan", "none", "null"}


@dataclass(frozen=True)
class OpenCLIP:
    """train.tsv, samples.jsonl, and with `images` shard-00000.tar ... and sizes.json.

    train.tsv      tab between `filepath` and `title`; each version of a caption is a row of its own, k + 1 rows a
                   picture: an epoch reads all of them
    samples.jsonl  the json member of every sample, in order, for a shard writer of one's own
    shard-*.tar    per sample the picture, `json` (all versions) and `txt` (the caption), under the row's number
    sizes.json     samples per shard, where open_clip looks for them
    """

    image: str = setting("image", "field that names a caption's picture; if no caption has it, row 12 is 00000012.jpg")
    images: Path | None = operational(None, "folder the pictures' names are relative to; if given, shards are written")
    original: float = setting(0.5, "weight of the caption among --json-text-key-probs; the rest is shared equally")
    shard: int = setting(1_000, "samples per shard; open_clip wants at least one shard per worker")

    def __post_init__(self) -> None:
        if not 0 <= self.original <= 1:
            raise ValueError("original must lie in [0, 1]")
        if self.shard < 1:
            raise ValueError("shard must be at least 1")

    def identity(self) -> dict[str, Any]:
        return {**describe(self, identity_only=True), "pictures": self.images is not None}

    def check(self, table: Table) -> None:
        names = picture_names(table, self.image)
        for row in table.rows:
            _refuse_missing(row)
        if self.images is not None:
            check_endings(table, [name.lower() for name in names], READS)
            for name in names:
                picture_path(self.images, name)

    def files(self, table: Table) -> Iterator[tuple[str, Iterable[bytes]]]:
        names = picture_names(table, self.image)
        yield "train.tsv", _tsv(table, names)
        yield "samples.jsonl", jsonl_chunks(row.flat() for row in table.rows)
        if self.images is None:
            return
        sizes = {}
        for number, begin in enumerate(range(0, len(names), self.shard)):
            places = range(begin, min(begin + self.shard, len(names)))
            sizes[_shard(number)] = len(places)
            yield _shard(number), _tar(self.images, table, names, places)
        yield "sizes.json", [json_bytes(sizes)]

    def arguments(self, table: Table, folder: str) -> dict[str, list[str]]:
        csv = ["--dataset-type", "csv", "--train-data", f"{folder}/train.tsv"]
        given = {"csv": [*csv, "--csv-img-key", "filepath", "--csv-caption-key", "title"]}
        if self.images is not None:
            last = -(-len(table.rows) // self.shard) - 1
            numbers = f"{{00000..{last:05d}}}" if last else "00000"
            found = ["--dataset-type", "webdataset", "--train-data", f"{folder}/shard-{numbers}.tar"]
            found += ["--train-num-samples", str(len(table.rows)), "--json-text-key", ";".join(table.keys)]
            rest = (1 - self.original) / table.k
            weights = [f"{weight:.6g}" for weight in (self.original, *[rest] * table.k)]
            given["webdataset"] = [*found, "--json-text-key-probs", *weights]
        return given

    def notes(self, table: Table) -> list[str]:
        said = ["csv: start open_clip in the folder that the pictures' names are relative to."]
        if self.images is None:
            return [*said, "no shards: they need the pictures (--set open_clip.images=FOLDER)."]
        return [
            *said,
            "webdataset: --json-text-key-probs is newer than release 3.3.0, which reads the txt member alone.",
        ]


def _shard(number: int) -> str:
    return f"shard-{number:05d}.tar"


def _tsv(table: Table, names: list[str]) -> Iterator[bytes]:
    yield csv_line(["filepath", "title"], "\t")
    for name, row in zip(names, table.rows, strict=True):
        for text in row.texts:
            yield csv_line([name, text], "\t")


def _tar(images: Path, table: Table, names: list[str], places: range) -> Iterator[bytes]:
    for place in places:
        key, row = f"{place:08d}", table.rows[place]
        ending = Path(names[place]).suffix.lower()
        yield from tar_member(f"{key}{ending}", picture_path(images, names[place]).read_bytes())
        yield from tar_member(f"{key}.json", canonical(row.flat()).encode())
        yield from tar_member(f"{key}.txt", row.texts[0].encode())
    yield tar_end()


def _refuse_missing(row: Row) -> None:
    for text in row.texts:
        if text.lower() in _MISSING:
            where = f"caption {row.fields.get('id')}"
            raise InputError(where, f"pandas reads {text!r} as a missing value", "Say it in a sentence.")
