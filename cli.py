"""The command line: each command reads its options, makes one library call and prints what came back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Rewrite captions with a local language model, and train the video-anomaly detector that uses them.",
)
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Any setting, e.g. sampling.temperature=0.6.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")]
Filters = Annotated[str | None, typer.Option(help="fast, strict, or names with commas between. [fast]")]
Settings = Annotated[Path | None, typer.Option(help="Thresholds that `calibrate` wrote; --set wins over them.")]
Seed = Annotated[int, typer.Option(help="Of every random draw.")]


@app.command()
def rewrite(
    source: Annotated[Path, typer.Argument(help="Captions: .jsonl, .json, .csv, .parquet or .txt.")],
    out: Annotated[Path, typer.Option(help="Corpus folder; an unfinished one is gone on with.")],
    template: Annotated[
        list[str] | None, typer.Option(help="A file of prompts/ by name, or a path; repeatable. [plain, reorder]")
    ] = None,
    variants: Annotated[int, typer.Option(help="Drafts per caption and template.")] = 1,
    backend: Annotated[str, typer.Option(help="vllm, llamacpp or openai.")] = "vllm",
    model: Annotated[str, typer.Option(help="Path or hub name of the model; a server's name for it.")] = "",
    limit: Annotated[int | None, typer.Option(help="Only the first so many captions.")] = None,
    target_vendi: Annotated[
        float | None, typer.Option(help="Ask each caption until its rewrites are so diverse (instead of --variants).")
    ] = None,
    max_attempts: Annotated[int, typer.Option(help="With --target-vendi: drafts per caption at most.")] = 8,
    filters: Filters = None,
    settings: Settings = None,
    seed: Seed = 0,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Rewrite the captions of a file into a sealed corpus."""
    from rewrite.overview import lines, overview
    from rewrite.pipeline import rewrite as run
    from rewrite.recipe import TEMPLATES, configure
    from rewrite.terminal import Terminal

    recipe = configure(
        templates=template or TEMPLATES,
        variants=variants,
        backend=backend,
        model=model,
        filters=_names(filters),
        seed=seed,
        assignments=set_ or [],
        settings=settings,
        target_vendi=target_vendi,
        max_attempts=max_attempts,
    )
    run(source, out, recipe, limit=limit, reporter=Terminal())
    _answer(overview(out), json, lines)


@app.command()
def show(
    folder: Annotated[Path, typer.Argument(help="A sealed corpus, export, bank, features, run or world.")],
    check: Annotated[bool, typer.Option("--check", help="Hold every file against its digest.")] = False,
    json: Json = False,
) -> None:
    """Say what a sealed folder holds, and whether it is as it was sealed."""
    from rewrite.overview import lines, overview

    _answer(overview(folder, check=check), json, lines)


@app.command()
def classes(
    file: Annotated[str, typer.Argument(help="A class a line (name | gloss | taken for), or ucf_crime, xd_violence.")],
    out: Annotated[Path, typer.Option(help="Corpus folder; an unfinished one is gone on with.")],
    template: Annotated[
        list[str] | None, typer.Option(help="Of prompts/classes by name, or a path; repeatable. [all]")
    ] = None,
    variants: Annotated[int, typer.Option(help="Drafts per class and template.")] = 4,
    backend: Annotated[str, typer.Option(help="vllm, llamacpp or openai.")] = "vllm",
    model: Annotated[str, typer.Option(help="Path or hub name of the model; a server's name for it.")] = "",
    control: Annotated[str | None, typer.Option(help="random_words: the control, asked of no model.")] = None,
    filters: Filters = None,
    seed: Seed = 0,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Describe classes in many ways, into a sealed corpus."""
    from rewrite.classes import classes as run
    from rewrite.classes import configure_classes
    from rewrite.overview import lines, overview
    from rewrite.terminal import Terminal

    recipe = configure_classes(
        templates=template,
        variants=variants,
        backend=backend,
        model=model,
        control=control,
        filters=_names(filters),
        seed=seed,
        assignments=set_ or [],
    )
    run(file, out, recipe, Terminal())
    _answer(overview(out), json, lines)


@app.command()
def refilter(
    corpus: Annotated[Path, typer.Argument(help="A sealed corpus.")],
    out: Annotated[Path, typer.Option(help="Folder of the new corpus.")],
    filters: Filters = None,
    settings: Settings = None,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Filter the drafts of a sealed corpus anew, into another corpus; no language model is asked."""
    from rewrite.overview import lines, overview
    from rewrite.recipe import configure_filters
    from rewrite.refilter import kind_of
    from rewrite.refilter import refilter as run
    from rewrite.terminal import Terminal

    chain, _ = configure_filters(_names(filters), set_ or [], settings, kind=kind_of(corpus))
    run(corpus, out, chain, Terminal())
    _answer(overview(out), json, lines)


@app.command()
def audit(
    file: Annotated[Path, typer.Argument(help="Pairs: .jsonl, .txt (with --source), CuPL .json, or a corpus.")],
    source: Annotated[Path | None, typer.Option(help="Source captions beside a .txt, line by line.")] = None,
    out: Annotated[Path | None, typer.Option(help="File for the verdicts, as jsonl.")] = None,
    filters: Filters = None,
    settings: Settings = None,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Judge rewrites that anyone made: a verdict per row, and a report."""
    from rewrite.audit import audit as run
    from rewrite.audit import lines
    from rewrite.recipe import configure_filters
    from rewrite.terminal import Terminal

    chain, _ = configure_filters(_names(filters), set_ or [], settings)
    _answer(run(file, chain, sources=source, out=out, reporter=Terminal()), json, lines)


@app.command()
def calibrate(
    labelled: Annotated[Path, typer.Argument(help="jsonl of `source`, `rewrite`, `keep`.")],
    out: Annotated[Path | None, typer.Option(help="File for the settings, for --settings.")] = None,
    precision: Annotated[float, typer.Option(help="Wanted share of faithful rewrites among the kept.")] = 0.95,
    filters: Filters = None,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Pick the thresholds of similarity and inference from labelled pairs."""
    from rewrite.calibrate import calibrate as run
    from rewrite.calibrate import lines
    from rewrite.recipe import configure_filters
    from rewrite.terminal import Terminal

    chain, _ = configure_filters(_names(filters), set_ or [])
    _answer(run(labelled, chain, precision=precision, out=out, reporter=Terminal()), json, lines)


@app.command()
def export(
    corpus: Annotated[Path, typer.Argument(help="A sealed corpus.")],
    to: Annotated[str, typer.Option(help="flat, open_clip, laclip, hf or csv.")],
    out: Annotated[Path, typer.Option(help="Folder of the export.")],
    k: Annotated[int | None, typer.Option(help="Versions beside the caption. [as many as there are]")] = None,
    control: Annotated[str | None, typer.Option(help="duplicated, random_words or shuffled, for rewrites.")] = None,
    seed: Seed = 0,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Write the captions of a corpus and their rewrites as another trainer reads them."""
    from rewrite.export import configure
    from rewrite.export.folder import export as run
    from rewrite.export.folder import lines
    from rewrite.terminal import Terminal

    name, plug = configure(to, set_ or [])
    _answer(run(corpus, out, name, plug, k=k, control=control, seed=seed, reporter=Terminal()), json, lines)


@app.command()
def embed(
    dataset: Annotated[str, typer.Option(help="ucf_crime, xd_violence, synthetic or folder.")],
    data: Annotated[Path, typer.Option(help="Its folder.")],
    out: Annotated[Path, typer.Option(help="Text bank folder; an unfinished one is gone on with.")],
    corpus: Annotated[list[Path] | None, typer.Option(help="A sealed corpus of rewrites; repeatable.")] = None,
    encoder: Annotated[
        str, typer.Option(help="Sentence encoder: a folder, or a hub name in the local cache.")
    ] = "sentence-transformers/all-MiniLM-L6-v2",
    released: Annotated[Path | None, typer.Option(help="Folder of text arrays instead: VIDEO_emb_K.npy.")] = None,
    list_: Annotated[
        list[Path] | None, typer.Option("--list", help="With --released: csv of the arrays that count; repeatable.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="E.g. dataset.keep=all, encoder.batch=256.")
    ] = None,
    json: Json = False,
) -> None:
    """Embed the captions of a data set, and their rewrites, into a text bank."""
    from rewrite.overview import lines, overview
    from rewrite.settings import apply, pick
    from rewrite.terminal import Terminal
    from trclip_vad.datasets import DATASETS
    from trclip_vad.encoders import SentenceEncoder
    from trclip_vad.released_text import bank_of

    asked: dict[str, Any] = {"dataset": pick(DATASETS, dataset, "dataset")(data)}
    asked["encoder"] = SentenceEncoder(model=encoder)
    chosen = apply(asked, set_ or [])
    bank_of(
        chosen["dataset"],
        out,
        encoder=chosen["encoder"],
        corpora=corpus or [],
        released=released,
        lists=list_ or [],
        reporter=Terminal(),
    )
    _answer(overview(out), json, lines)


@app.command()
def features(
    dataset: Annotated[str, typer.Option(help="ucf_crime, xd_violence, synthetic or folder.")],
    data: Annotated[Path, typer.Option(help="Its folder.")],
    out: Annotated[Path, typer.Option(help="Features folder; an unfinished one is gone on with.")],
    videos: Annotated[Path | None, typer.Option(help="Folder of the video files. [DATA/videos]")] = None,
    released: Annotated[Path | None, typer.Option(help="Folder of released VIDEO__K.npy, instead of videos.")] = None,
    list_: Annotated[list[Path] | None, typer.Option("--list", help="A csv of what was released; repeatable.")] = None,
    encoder: Annotated[
        str, typer.Option(help="CLIP image tower: a folder, or a hub name in the local cache.")
    ] = "openai/clip-vit-base-patch16",
    crops: Annotated[str, typer.Option(help="one (the centre) or ten.")] = "one",
    set_: Set = None,
    json: Json = False,
) -> None:
    """Encode the videos of a data set with a frozen CLIP image tower."""
    from rewrite.overview import lines, overview
    from rewrite.settings import apply, pick
    from rewrite.terminal import Terminal
    from trclip_vad.clip import ClipImages
    from trclip_vad.datasets import DATASETS
    from trclip_vad.extract import CROPS
    from trclip_vad.released_features import features_of

    asked: dict[str, Any] = {"dataset": pick(DATASETS, dataset, "dataset")(data), "encoder": ClipImages(model=encoder)}
    chosen = apply(asked, set_ or [])
    features_of(
        chosen["dataset"],
        out,
        encoder=chosen["encoder"],
        videos=videos,
        crops=pick(CROPS, crops, "crops"),
        released=released,
        lists=list_ or [],
        reporter=Terminal(),
    )
    _answer(overview(out), json, lines)


@app.command()
def train(
    out: Annotated[Path, typer.Option(help="Run folder; an unfinished one is gone on with.")],
    recipe: Annotated[str, typer.Option(help="demo, demo_source, demo_text, ucf_crime, ucf_text, xd_violence ...")],
    bank: Annotated[Path | None, typer.Option(help="Text bank to learn from.")] = None,
    features: Annotated[Path | None, typer.Option(help="Features of the frames to learn from.")] = None,
    seed: Seed = 0,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Train a detector on the training half of a text bank, of features, or of both."""
    from rewrite.overview import lines, overview
    from rewrite.terminal import Terminal
    from trclip_vad.recipes import configure
    from trclip_vad.train import train as run

    run(configure(recipe, bank, set_ or [], features), out, seed, Terminal())
    _answer(overview(out), json, lines)


@app.command()
def import_checkpoint(
    file: Annotated[Path, typer.Argument(help="A published .pth of TrCLIP-VAD or VadCLIP; no code in it is run.")],
    out: Annotated[Path, typer.Option(help="Run folder.")],
    recipe: Annotated[str, typer.Option(help="ucf_crime or xd_violence: what the file was trained for.")] = "ucf_crime",
    clip: Annotated[str | None, typer.Option(help="The CLIP it was trained beside: a folder or hub name.")] = None,
    classes: Annotated[bool, typer.Option(help="With the F-branch, which needs --clip.")] = True,
    encoder: Annotated[str | None, typer.Option(help="TrCLIP-VAD's sentence encoder (SimCSE), for score.")] = None,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Make a run of a published model file, for eval and score."""
    from rewrite.overview import lines, overview
    from rewrite.terminal import Terminal
    from trclip_vad.import_checkpoint import import_checkpoint as run

    run(file, out, recipe, set_ or [], clip, classes, encoder, Terminal())
    _answer(overview(out), json, lines)


@app.command(name="eval")
def evaluate(
    run: Annotated[Path, typer.Argument(help="A trained run.")],
    bank: Annotated[Path | None, typer.Option(help="Its text bank, if that has moved.")] = None,
    features: Annotated[Path | None, typer.Option(help="Its features, if they have moved.")] = None,
    resamples: Annotated[int, typer.Option(help="Draws of the bootstrap over videos.")] = 1000,
    json: Json = False,
) -> None:
    """Measure a run on the test videos: frame AUC, AP, Ano-AUC with intervals."""
    from rewrite.terminal import Terminal
    from trclip_vad.evaluate import evaluate as measure
    from trclip_vad.evaluate import table

    _answer(measure(run, Terminal(), bank, resamples, features), json, table)


@app.command()
def score(
    run: Annotated[Path, typer.Argument(help="A trained run.")],
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="Timed captions, or a video or folder of videos.")],
    out: Annotated[Path | None, typer.Option(help="Folder for scores.jsonl and pictures. [RUN/scores]")] = None,
    captions: Annotated[Path | None, typer.Option(help="Captions of the videos, for a run that reads both.")] = None,
    encoder: Annotated[str | None, typer.Option(help="The run's sentence encoder, if that has moved.")] = None,
    image_encoder: Annotated[str | None, typer.Option(help="The run's image encoder, if that has moved.")] = None,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Score videos by their captions, their frames, or both: curve, events, picture."""
    from rewrite.settings import apply
    from rewrite.terminal import Terminal
    from trclip_vad.score import ScoreSettings, table
    from trclip_vad.score import score as run_score

    settings = apply(ScoreSettings(), set_ or [])
    found = run_score(run, source, out or run / "scores", encoder, settings, Terminal(), captions, image_encoder)
    _answer(found, json, table)


def _names(filters: str | None) -> list[str] | None:
    return None if filters is None else [name.strip() for name in filters.split(",") if name.strip()]


def _answer(found: dict[str, Any], json: bool, lines: Any) -> None:
    if json:
        from rewrite.manifest import json_bytes

        sys.stdout.buffer.write(json_bytes(found))
    else:
        for line in lines(found):
            typer.echo(line)


def main() -> None:
    """Runs a command. A user's mistake is one line and exit code 2; our bug shows its traceback."""
    from typer.exceptions import TyperException

    from rewrite.errors import TrclipError

    try:
        code = app(standalone_mode=False)
    except (TrclipError, TyperException) as error:
        message = getattr(error, "format_message", error.__str__)()
        typer.echo(f"error: {message}", err=True)
        sys.exit(2)
    except (KeyboardInterrupt, typer.Abort):
        typer.echo("stopped: finished work is kept; the same command goes on with it.", err=True)
        sys.exit(130)
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
