"""The one verb of this half: captions in, a sealed corpus out. Reads top to bottom."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rewrite import chain, manifest
from rewrite.budget import rounds
from rewrite.captions import read_captions
from rewrite.corpus import FILES, open_corpus
from rewrite.engine import Engine
from rewrite.errors import CorpusError, SettingError
from rewrite.journal import NAME as JOURNAL
from rewrite.journal import first_difference, open_journal
from rewrite.lock import one_writer
from rewrite.metrics.report import corpus_report
from rewrite.negatives import negatives
from rewrite.plan import plan
from rewrite.recipe import Recipe, encoder_of
from rewrite.records import Caption, Draft, Rewrite
from rewrite.report_page import corpus_page
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
    return produce(read_captions(source, split=recipe.source.split, limit=limit), out, recipe, reporter=reporter)


def produce(
    captions: list[Caption],
    out: Path,
    recipe: Recipe,
    *,
    check: Callable[[list[Rewrite]], None] = lambda judged: None,
    reporter: Reporter = Silent(),
) -> dict[str, Any]:
    """Plan, generate, judge, seal: what `rewrite` does with the captions of a file, and `classes` with classes.

    Args:
        check: looks at the verdicts before anything is sealed, and may refuse them by raising.
    """
    asked = {"captions": manifest.digest([c.row() for c in captions]), **recipe.asked()}
    judged_by = recipe.judged()
    requests = plan(
        captions,
        dict(recipe.templates),
        variants=recipe.draws,
        sampling=recipe.sampling,
        few_shot=recipe.few_shot,
        seed=recipe.seed,
        engine=asked["backend"],
        warmer=0.0 if recipe.budget.target_vendi is None else recipe.budget.warmer,
    )
    with one_writer(out):
        if manifest.is_sealed(out):
            return _already_sealed(out, asked, judged_by, reporter)
        _refuse_foreign(out)
        texts = len({r.source_id for r in requests})
        most = f"{len(requests)} drafts asked for"
        if recipe.budget.target_vendi is not None:
            most = f"{min(len(requests), texts * recipe.budget.max_attempts)} drafts asked for at most"
        reporter.say(f"{len(captions)} captions, {texts} unique texts, {most}.")
        with open_journal(out, asked) as journal, Engine(recipe, journal, reporter) as engine:
            if journal.drafts:
                reporter.say(f"{len(journal.drafts)} drafts are in the journal.")
            for some in rounds(requests, recipe, journal):
                engine.generate(some)
            drafts = sorted(journal.drafts.values(), key=lambda d: (d.source_id, d.template, d.variant))
        judged = chain.judge(drafts, recipe.filters, reporter)
        check(judged)
        sealed = seal_corpus(out, captions, drafts, judged, asked, judged_by, encoder=encoder_of(recipe.filters))
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


def seal_corpus(
    out: Path,
    captions: list[Caption],
    drafts: list[Draft],
    judged: list[Rewrite],
    asked: dict[str, Any],
    judged_by: list[dict[str, Any]],
    *,
    encoder: str | None,
    drafts_of: str = "",
) -> dict[str, Any]:
    """Writes a corpus's files and its manifest, last.

    Args:
        asked, judged_by: what decided the drafts, and the verdicts.
        encoder: sentence encoder for the report's cosines; None leaves them out.
        drafts_of: id of the corpus that the drafts were taken from; empty where they were generated for this one.

    Raises:
        StorageError: the disk refused; nothing is sealed.
    """
    names = [f["filter"] for f in judged_by]
    warmer = asked.get("budget", {}).get("warmer", 0.0)
    temperature = asked["sampling"]["temperature"]
    report = corpus_report(captions, judged, names, encoder=encoder, temperature=temperature, warmer=warmer)
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
    manifest.write_atomic(out / "report.html", corpus_page(report, judged, names))
    body = {
        "asked": asked,
        "filters": judged_by,
        "recipe_id": manifest.digest({"asked": asked, "filters": judged_by}),
        "environment": manifest.environment(),
        **({"drafts_of": drafts_of} if drafts_of else {}),
    }
    return {**manifest.seal(out, "corpus", body, FILES), "report": report}
