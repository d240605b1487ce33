"""What a sealed folder holds, for people and for programs: a corpus, bank, features, run, world or export."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rewrite import manifest
from rewrite.errors import CorpusError, one_line


def overview(folder: Path, *, check: bool = False) -> dict[str, Any]:
    """The manifest of a sealed folder, and a corpus's report beside it.

    Args:
        check: hold every file against its digest; the answer then has `checked: true`.

    Raises:
        CorpusError: no such folder, not finished, or (with `check`) edited after sealing.
    """
    kind = _kind(folder)
    found = manifest.verify(folder, kind) if check else manifest.read(folder, kind)
    report = folder / "report.json"
    if kind == "corpus" and report.is_file():
        try:
            found["report"] = json.loads(report.read_bytes())
        except ValueError:
            raise CorpusError(report, "was changed after sealing", "Restore it, or make the corpus again.") from None
    return {**found, "checked": check}


def lines(found: dict[str, Any]) -> Iterator[str]:
    """An overview as a few lines of text. Every value is untrusted: control characters come out escaped."""
    kind = found["kind"]
    yield f"{kind} {found[f'{kind}_id'][:16]}  {len(found['files'])} files" + (", all intact" * found["checked"])
    if kind != "corpus":
        for name in sorted(found.keys() - {"kind", "files", "format", "checked", "environment", f"{kind}_id"}):
            yield f"  {name}: {one_line(json.dumps(found[name], ensure_ascii=False))}"
        return
    asked, report = found["asked"], found["report"]
    backend = asked["backend"]
    yield f"  made by {one_line(backend['backend'])} with {one_line(backend['model'])}, seed {asked['seed']}"
    yield f"  {report['drafts']} drafts of {report['sources']} texts: {report['kept']} kept"
    yield f"  {report['sources_without_rewrite']} texts have no rewrite"
    for stage in report["filters"]:
        reasons = ", ".join(f"{reason} {count}" for reason, count in stage["reasons"].items())
        yield f"  {stage['filter']:<12}{stage['seen']:>7} -> {stage['kept']:<7}{reasons}"
    for name, counted in report["templates"].items():
        yield f"  template {one_line(name)}: {counted['kept']} of {counted['drafts']} kept"


def _kind(folder: Path) -> str:
    path = folder / manifest.NAME
    if folder.is_dir() and path.is_file():
        try:
            found = json.loads(path.read_bytes())
        except ValueError:
            found = None
        if isinstance(found, dict) and found.get("kind") in ("corpus", "bank", "features", "run", "world", "export"):
            return str(found["kind"])
    return "corpus"  # `read` says what is wrong with it
