"""LaCLIP's files: a csv of picture and caption, and one text file per version with a line for each of its rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from rewrite.export.csv import csv_line
from rewrite.export.pictures import check_endings, picture_names
from rewrite.export.table import Table
from rewrite.settings import describe, setting

READS = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True)
class LaCLIP:
    """captions.csv, and caption_0.txt (the captions themselves) to caption_k.txt; equal line counts, one order.

    LaCLIP's loader adds the caption of the csv to the versions by itself, so it is given caption_1 to caption_k. It
    passes over csv rows whose picture does not end in .png, .jpg or .jpeg, and every line after one would be paired
    wrongly: such a name is refused here.
    """

    image: str = setting("image", "field that names a caption's picture; if no caption has it, row 12 is 00000012.jpg")

    def identity(self) -> dict[str, Any]:
        return describe(self, identity_only=True)

    def check(self, table: Table) -> None:
        check_endings(table, picture_names(table, self.image), READS)

    def files(self, table: Table) -> Iterator[tuple[str, Iterable[bytes]]]:
        names = picture_names(table, self.image)
        yield "captions.csv", (csv_line([n, row.texts[0]]) for n, row in zip(names, table.rows, strict=True))
        for version, key in enumerate(table.keys):
            yield f"{key}.txt", (f"{row.texts[version]}\n".encode() for row in table.rows)

    def arguments(self, table: Table, folder: str) -> dict[str, list[str]]:
        versions = [f"{folder}/{key}.txt" for key in table.keys[1:]]
        given = ["--train-data", f"{folder}/captions.csv", "--root", "PICTURES", "--aug-text"]
        return {"laclip": [*given, "--augmented-caption-filelist", *versions]}

    def notes(self, table: Table) -> list[str]:
        return ["LaCLIP reads a version of a single word as the caption."]
