"""The one verb of this half: captions in, a sealed corpus out. Reads top to bottom."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from rewrite import chain, manifest
from rewrite.captions import read_captions
from rewrite.corpus import FILES, open_corpus
from rewrite.errors import CorpusError, SettingError
from rewrite.journal import NAME as JOURNAL
from rewrite.journal import Journal, first_difference, open_journal
from rewrite.lock import one_writer
from rewrite.negatives import negatives
from rewrite.plan import plan
from rewrite.recipe import Recipe
from rewrite.records import Caption, Completion, Draft, Request, Rewrite
from rewrite.reporter import Reporter, Silent


def rewrite(
    source: Path,
    out: Path,
    recipe: Recipe,
    *,
    limit: int | None = None,
    reporter: Reporter = Silent(),
) -> dict[str, Any]:
    """Rewrites the captions of a file and seals the corpus; stopped at any moment, it goes on where it was.

    Args:
        source: a caption file (jsonl, json, csv, parquet, txt).
        out: the corpus folder. An unfinished one of the same recipe is finished, a sealed one left as it is.
        limit: rewrite the first so many captions only.

    Returns:
        The manifest, its `report` beside it.

    Raises:
        InputError, SettingError, ModelError: what was asked cannot be done; nothing was begun.
        CorpusError: `out` is another corpus, is being written, or was edited.
        StorageError: the disk refused; finished drafts are kept.
    """
    if limit is not None and limit < 1:
        raise SettingError("--limit", f"{limit} is not a number of captions", "Give 1 or more.")
    captions = read_captions(source, split=recipe.source.split, limit=limit)
    asked = {"captions": manifest.digest([c.row() for c in captions]), **recipe.asked()}
    judged_by = recipe.judged()
    requests = plan(
        captions,
        dict(recipe.templates),
        variants=recipe.variants,
        sampling=recipe.sampling,
        few_shot=recipe.few_shot,
        seed=recipe.seed,
        engine=asked["backend"],
    )
    with one_writer(out):
        if manifest.is_sealed(out):
            return _already_sealed(out, asked, judged_by, reporter)
        _refuse_foreign(out)
        texts = len({r.source_id for r in requests})
        reporter.say(f"{len(captions)} captions, {texts} unique texts, {len(requests)} drafts asked for.")
        with open_journal(out, asked) as journal:
            _generate([r for r in requests if r.draft_id not in journal.drafts], journal, recipe, reporter)
            drafts = sorted(journal.drafts.values(), key=lambda d: (d.source_id, d.template, d.variant))
        judged = chain.judge(drafts, recipe.filters, reporter)
        sealed = seal_corpus(out, captions, drafts, judged, asked, judged_by)
        (out / JOURNAL).unlink()
    return sealed


def _already_sealed(out: Path, asked: Any, judged_by: Any, reporter: Reporter) -> dict[str, Any]:
    """The finished corpus, if it is the one that was asked for."""
    corpus = open_corpus(out)
    wanted = {"asked": asked, "filters": {f["filter"]: f for f in judged_by}}
    found = {"asked": corpus.manifest["asked"], "filters": {f["filter"]: f for f in corpus.manifest["filters"]}}
    if found != wanted:
        what = f"holds a sealed corpus that was asked differently ({first_difference(found, wanted)})"
        raise CorpusError(out, what, "Choose another --out: a sealed corpus never changes.")
    (out / JOURNAL).unlink(missing_ok=True)  # a kill between the seal and this line leaves one behind
    reporter.say(f"{out} is sealed already: nothing to do.")
    return {**corpus.manifest, "report": corpus.report()}


def _refuse_foreign(out: Path) -> None:
    """Without a journal, files by our names are somebody else's."""
    if (out / JOURNAL).exists():
        return
    for name in FILES:
        if (out / name).exists():
            raise CorpusError(out / name, "is there already and not ours", "Choose an empty or new --out folder.")


def _generate(missing: list[Request], journal: Journal, recipe: Recipe, reporter: Reporter) -> None:
    if journal.drafts:
        reporter.say(f"{len(journal.drafts)} drafts are in the journal, {len(missing)} are still to ask.")
    if not missing:
        return
    reporter.say(f"Starting {recipe.backend.identity()['backend']} with {recipe.backend.model}.")
    read = cached = 0
    with recipe.backend.session() as session, reporter.step("rewrite", len(missing), "drafts") as step:
        begun = time.monotonic()
        for request, answer in zip(missing, session.generate(missing), strict=True):
            journal.append(_draft(request, answer))
            read, cached = read + answer.prompt_tokens, cached + answer.cached_tokens
            step.advance()
        seconds = time.monotonic() - begun
    share = f", {cached / read:.0%} of the prompt tokens from the prefix cache" if read else ""
    reporter.say(f"{len(missing)} drafts in {seconds:.1f} s: {len(missing) / max(seconds, 1e-9):.2f} a second{share}.")


def _draft(request: Request, answer: Completion) -> Draft:
    # Half of a surrogate pair can come out of a byte-level model; no file of text can hold it.
    text = answer.text.encode("utf-8", "replace").decode()
    place = request.draft_id, request.source_id, request.source, request.template, request.variant
    return Draft(*place, text, answer.finish)


def seal_corpus(
    out: Path,
    captions: list[Caption],
    drafts: list[Draft],
    judged: list[Rewrite],
    asked: dict[str, Any],
    judged_by: list[dict[str, Any]],
    drafts_of: str = "",
) -> dict[str, Any]:
    """Writes a corpus's files and its manifest, last.

    Args:
        asked, judged_by: what decided the drafts, and the verdicts.
        drafts_of: id of the corpus that the drafts were taken from; empty where they were generated for this one.

    Raises:
        StorageError: the disk refused; nothing is sealed.
    """
    report = chain.report(judged, [f["filter"] for f in judged_by])
    rows = {
        "captions.jsonl": [c.row() for c in captions],
        "drafts.jsonl": [d.row() for d in drafts],
        "rewrites.jsonl": [r.row() for r in judged if r.kept],
        "rejected.jsonl": [r.row() for r in judged if not r.kept],
        "negatives.jsonl": list(negatives(judged)),
    }
    for name, kept in rows.items():
        manifest.write_atomic(out / name, manifest.jsonl_chunks(kept))
    manifest.write_atomic(out / "report.json", manifest.json_bytes(report))
    body = {
        "asked": asked,
        "filters": judged_by,
        "recipe_id": manifest.digest({"asked": asked, "filters": judged_by}),
        "environment": manifest.environment(),
        **({"drafts_of": drafts_of} if drafts_of else {}),
    }
    return {**manifest.seal(out, "corpus", body, FILES), "report": report}
