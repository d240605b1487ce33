"""A sealed corpus whose every word is chosen by the test, as no language model would write it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rewrite import manifest
from rewrite.corpus import FILES
from rewrite.records import text_id


def corpus(folder: Path, said: Mapping[str, Sequence[str]], captions: Sequence[Mapping[str, Any]] = ()) -> Path:
    """Seals a corpus.

    Args:
        said: caption -> its kept rewrites, one template.
        captions: rows; left out, one row per caption of `said`.
    """
    folder.mkdir()
    rows = list(captions) or [{"id": f"c{number}", "text": text} for number, text in enumerate(said)]
    rewrites = [
        {"id": f"{text_id(source)}-{n}", "source_id": text_id(source), "source": source, "text": text, "variant": n}
        | {"template": "plain", "scores": {}}
        for source, texts in said.items()
        for n, text in enumerate(texts)
    ]
    written: dict[str, list[Any]] = {name: [] for name in FILES if name.endswith(".jsonl")}
    written["captions.jsonl"] = [{"source_id": text_id(row["text"]), **row} for row in rows]
    written["rewrites.jsonl"] = rewrites
    for name, content in written.items():
        manifest.write_atomic(folder / name, manifest.jsonl_chunks(content))
    manifest.write_atomic(folder / "report.json", manifest.json_bytes({}))
    manifest.write_atomic(folder / "report.html", "")
    manifest.seal(folder, "corpus", {"asked": {}}, FILES)
    return folder
