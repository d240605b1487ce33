"""A sealed corpus: opened, verified, read. The bridge between the two halves of the project."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rewrite import manifest
from rewrite.captions import read_json_lines

FILES = (
    "captions.jsonl",
    "drafts.jsonl",
    "rewrites.jsonl",
    "rejected.jsonl",
    "negatives.jsonl",
    "report.json",
    "report.html",
)


@dataclass(frozen=True, slots=True)
class Corpus:
    """A corpus folder that was sealed and found whole.

    Attributes:
        folder: where it lies.
        manifest: what was asked, and the digest of every file.
    """

    folder: Path
    manifest: dict[str, Any]

    @property
    def id(self) -> str:
        """Digest of the bytes that came out."""
        return str(self.manifest["corpus_id"])

    def rows(self, name: str) -> Iterator[dict[str, Any]]:
        """The rows of one of its jsonl files: "captions", "drafts", "rewrites", "rejected" or "negatives"."""
        return (row for _, row in read_json_lines(self.folder / f"{name}.jsonl"))

    def report(self) -> dict[str, Any]:
        """Counts per filter, reason and template."""
        found: dict[str, Any] = json.loads((self.folder / "report.json").read_bytes())
        return found

    def versions(self) -> dict[tuple[str, int], dict[str, str]]:
        """(template, variant) -> source_id -> rewrite; every pair that was asked of any text, in sorted order."""
        asked = self.manifest["asked"]
        pairs = [(name, v) for name in sorted(asked["templates"]) for v in range(asked["variants"])]
        if "budget" in asked:  # its rounds may end before the last pair
            pairs = sorted({(row["template"], row["variant"]) for row in self.rows("drafts")})
        found: dict[tuple[str, int], dict[str, str]] = {pair: {} for pair in pairs}
        for row in self.rows("rewrites"):
            found[row["template"], row["variant"]][row["source_id"]] = row["text"]
        return found


def open_corpus(folder: Path) -> Corpus:
    """A corpus whose every file is as it was sealed.

    Raises:
        CorpusError: not a corpus, not finished, or edited after sealing.
    """
    return Corpus(folder, manifest.verify(folder, "corpus"))
