"""Generate once, filter for ever: new filters over the drafts of a sealed corpus make a new corpus, no model asked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rewrite import chain, manifest
from rewrite.captions import caption_of
from rewrite.classes import informed, refuse_empty
from rewrite.corpus import FILES, open_corpus
from rewrite.errors import CorpusError
from rewrite.lock import one_writer
from rewrite.pipeline import seal_corpus
from rewrite.recipe import encoder_of
from rewrite.records import Draft
from rewrite.reporter import Reporter, Silent

_MARK = ".refilter"


def kind_of(corpus: Path) -> str:
    """Whether a sealed corpus holds rewrites of captions ("caption") or descriptions of classes ("class").

    Raises:
        CorpusError: not a corpus, or not finished.
    """
    return str(manifest.read(corpus, "corpus")["asked"].get("kind", "caption"))


def refilter(corpus: Path, out: Path, filters: Mapping[str, Any], reporter: Reporter = Silent()) -> dict[str, Any]:
    """Judges the drafts of a sealed corpus anew and seals the answer in another folder.

    Returns:
        The manifest, its `report` beside it. `asked` is the old one's; `drafts_of` names the old corpus.

    Raises:
        CorpusError: `corpus` is not sealed or was edited, or `out` holds something else.
        ModelError: a filter's model is missing.
        StorageError: the disk refused; nothing is sealed.
    """
    old = open_corpus(corpus)
    captions = [caption_of(row, f"{corpus}/captions.jsonl") for row in old.rows("captions")]
    described = old.manifest["asked"].get("kind") == "class"
    if described:
        filters = informed(filters, captions, old.manifest["asked"]["examples"])
    if out.resolve() == corpus.resolve():
        raise CorpusError(out, "is the corpus itself", "A sealed corpus never changes: choose another --out.")
    judged_by = [{"filter": name, **plug.identity()} for name, plug in filters.items()]
    origin = str(old.manifest.get("drafts_of") or old.id)
    with one_writer(out):
        if manifest.is_sealed(out):
            return _already(out, origin, judged_by, reporter)
        _begin(out, manifest.digest([origin, judged_by]))
        drafts = [Draft(**row) for row in old.rows("drafts")]
        judged = chain.judge(drafts, filters, reporter)
        if described:
            refuse_empty(judged, captions, out, "Choose other --filters, or a new --out with milder settings.")
        sealed = seal_corpus(
            out,
            captions,
            drafts,
            judged,
            old.manifest["asked"],
            judged_by,
            encoder=encoder_of(filters),
            drafts_of=origin,
        )
        (out / _MARK).unlink()
        return sealed


def _begin(out: Path, asked: str) -> None:
    """Goes on with what a kill left of the same question; refuses anybody else's files."""
    mark = out / _MARK
    if mark.is_file():
        if mark.read_text() != asked:
            raise CorpusError(out, "holds unfinished work that was asked differently", "Choose another --out.")
        return
    for name in FILES:
        if (out / name).exists():
            raise CorpusError(out / name, "is there already and not ours", "Choose an empty or new --out folder.")
    manifest.write_atomic(mark, asked)


def _already(out: Path, origin: str, judged_by: list[dict[str, Any]], reporter: Reporter) -> dict[str, Any]:
    found = open_corpus(out)
    if found.manifest.get("drafts_of") != origin or found.manifest["filters"] != judged_by:
        raise CorpusError(out, "holds a corpus that was filtered differently", "Choose another --out.")
    (out / _MARK).unlink(missing_ok=True)  # a kill between the seal and the unlink leaves one behind
    reporter.say(f"{out} is sealed already: nothing to do.")
    return {**found.manifest, "report": found.report()}
