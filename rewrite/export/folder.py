"""The verb: a sealed corpus becomes a sealed folder in another format."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rewrite import manifest
from rewrite.corpus import open_corpus
from rewrite.errors import CorpusError, one_line
from rewrite.export import Exporter
from rewrite.export.table import tabulate
from rewrite.journal import first_difference
from rewrite.lock import one_writer
from rewrite.reporter import Reporter, Silent

_MARK = ".export"


def export(
    corpus: Path,
    out: Path,
    to: str,
    plug: Exporter,
    *,
    k: int | None = None,
    control: str | None = None,
    seed: int = 0,
    reporter: Reporter = Silent(),
) -> dict[str, Any]:
    """Writes the captions of a sealed corpus and k versions of each, and seals the folder. Equal requests, equal bytes.

    Args:
        out: the new folder. An unfinished one of the same request is written again, a sealed one left as it is.
        to, plug: name and settings of an exporter.
        k: versions beside the caption; None: as many as the text with most rewrites has.
        control: `duplicated`, `random_words` or `shuffled` versions in place of the rewrites.
        seed: of the control's draws.

    Returns:
        The manifest; the paths in its `arguments` lead into `out`.

    Raises:
        CorpusError: `corpus` is not sealed or was edited; `out` is something else, or is being written.
        InputError, SettingError: what was asked cannot be done.
        StorageError: the disk refused; nothing is sealed.
    """
    opened = open_corpus(corpus)
    table = tabulate(opened, k=k, control=control, seed=seed)
    plug.check(table)
    asked = {"corpus_id": opened.id, "to": to, "settings": plug.identity(), "k": table.k, "control": control}
    asked["seed"] = seed if control else None
    with one_writer(out):
        if manifest.is_sealed(out):
            found = manifest.verify(out, "export")
            if found["asked"] != asked:
                what = f"holds another export ({first_difference(found['asked'], asked)})"
                raise CorpusError(out, what, "Choose another --out.")
            (out / _MARK).unlink(missing_ok=True)  # a kill between the seal and the unlink leaves one behind
            reporter.say(f"{out} is sealed already: nothing to do.")
            return {**found, "arguments": plug.arguments(table, str(out))}
        _begin(out, manifest.digest(asked))
        names = []
        for name, chunks in plug.files(table):
            manifest.write_atomic(out / name, chunks)
            names.append(name)
        body = {
            "asked": asked,
            "rows": len(table.rows),
            "filled": table.filled(),
            "clip_tokens": {**table.budget, "ratio": round(table.budget["exported"] / table.budget["rewrites"], 4)},
            "arguments": plug.arguments(table, "."),
            "notes": plug.notes(table),
        }
        sealed = manifest.seal(out, "export", body, names)
        (out / _MARK).unlink()
    return {**sealed, "arguments": plug.arguments(table, str(out))}


def _begin(out: Path, asked: str) -> None:
    """Goes on with what a kill left of the same request; refuses anybody else's files."""
    mark = out / _MARK
    if mark.is_file():
        if mark.read_text() != asked:
            raise CorpusError(out, "holds an unfinished export that was asked differently", "Choose another --out.")
        return
    if any(path.name != ".lock" for path in out.iterdir()):
        raise CorpusError(out, "is not empty and not ours", "Choose an empty or new --out folder.")
    manifest.write_atomic(mark, asked)


def lines(found: dict[str, Any]) -> Iterator[str]:
    """What was exported, and what to give the trainer."""
    asked, filled, tokens = found["asked"], found["filled"], found["clip_tokens"]
    versions = f"versions of the control {asked['control']}" if asked["control"] else "rewrites"
    yield f"export {found['export_id'][:16]}  {asked['to']}, {len(found['files'])} files"
    yield f"  {found['rows']} captions, caption_0 and {asked['k']} {versions} each, of corpus {asked['corpus_id'][:16]}"
    if filled["cells"]:
        yield f"  {filled['rows']} captions have fewer rewrites: {filled['cells']} cells repeat caption and rewrites"
    yield f"  {tokens['exported']} CLIP tokens beside the captions; the rewrites have {tokens['rewrites']}"
    for note in found["notes"]:
        yield f"  {one_line(note)}"
    for name, words in found["arguments"].items():
        yield f"{name}:"
        yield f"  {one_line(shlex.join(words))}"
