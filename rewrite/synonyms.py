"""Words that WordNet gives one sense: beside our own lists, for the rare ones. Made by benchmarks/synonyms.py.

WordNet 3.1, Princeton University; its licence stands in the file's first lines.
"""

from __future__ import annotations

import gzip
from functools import lru_cache
from pathlib import Path

from rewrite.manifest import digest_file

_FILE = Path(__file__).resolve().parent / "lexicons" / "wordnet.txt.gz"
_NONE: frozenset[int] = frozenset()


def synonyms(one: str, other: str) -> bool:
    """Whether two words or phrases, in their dictionary forms, share a sense that is among the commonest of both."""
    known = _senses()
    return not known.get(one, _NONE).isdisjoint(known.get(other, _NONE))


@lru_cache(maxsize=1)
def synonyms_digest() -> str:
    """sha256 of the file."""
    return digest_file(_FILE)


@lru_cache(maxsize=1)
def _senses() -> dict[str, frozenset[int]]:
    """Word or phrase -> the numbers of its senses."""
    found: dict[str, set[int]] = {}
    for number, line in enumerate(gzip.decompress(_FILE.read_bytes()).decode().splitlines()):
        if not line.startswith("#"):
            for word in line.split(","):
                found.setdefault(word, set()).add(number)
    return {word: frozenset(senses) for word, senses in found.items()}
