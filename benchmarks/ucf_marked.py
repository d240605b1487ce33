"""Where recipes for UCF-Crime's captions are chosen: `python benchmarks/ucf_marked.py [--set k=v] [--json]`.

No test video has a say. Of 208 anomalous training videos (16 of each class) all captions were read, and each marked:
does it lie within the event? (`probe/ucf_marks.jsonl`: a mark per caption in the order of text.jsonl's `uca`, without
its words; readers saw no video.) With 240 normal training videos they make two folds, held out of training in turn.

People are silent while nothing happens, and sometimes while the same goes on, so that what stands between captions is
truly unknown. Three readings are measured: `apart` (silence is normal, but for silence between two marked captions),
`joined` (silence is what its nearest caption is), and `told` (silence does not count). A recipe should gain in all.
"""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer
from ucf import DATA, ENCODER, ROOT, need

if TYPE_CHECKING:
    import numpy as np

    from trclip_vad.batch import Video
    from trclip_vad.config import Config
    from trclip_vad.paired import Paired

MARKS = Path(__file__).parent / "probe" / "ucf_marks.jsonl"
NORMAL, FOLDS = 240, 2
Truth = dict[str, dict[str, "np.ndarray"]]


def main(
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
    sets: Annotated[list[str] | None, typer.Option("--set", help="As of `train`.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each fold.")] = 1,
    data: Annotated[Path, typer.Option(help="Folder of UCF-Crime's lists and text.jsonl.")] = DATA,
    encoder: Annotated[Path, typer.Option(help="Sentence encoder folder.")] = ENCODER,
    out: Annotated[Path, typer.Option(help="Folder of the bank.")] = ROOT / "runs",
) -> None:
    """Trains on the rest, judges what was held out, prints AUC, AP and Ano-AUC of snippets."""
    from rewrite.errors import TrclipError
    from rewrite.manifest import json_bytes

    need(data, encoder)
    try:
        found = measure(sets or [], seeds, data, encoder, out)
    except TrclipError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    typer.echo(json_bytes(found).decode() if json else "\n".join(table(found)), nl=not json)


def measure(sets: list[str], seeds: int, data: Path, encoder: Path, out: Path) -> dict[str, Any]:
    """Per reading of silence the three measures, means over folds and seeds; and the mean of all nine."""
    import numpy as np

    from rewrite.errors import SettingError
    from rewrite.terminal import Terminal
    from trclip_vad.datasets import DATASETS
    from trclip_vad.embed import embed
    from trclip_vad.encoders import SentenceEncoder
    from trclip_vad.paired import open_paired
    from trclip_vad.recipes import configure

    reporter, dataset = Terminal(), DATASETS["ucf_crime"](data)
    bank = out / f"ucf_text_bank-{encoder.name}"
    config = configure("ucf_text", bank, sets)
    if config.select != "last" or config.validation:
        what = "would hold out videos that the folds train on, and this measures the last epoch"
        raise SettingError("select, validation", what, "Leave them as the recipe has them.")
    embed(dataset, [], SentenceEncoder(model=str(encoder)), bank, reporter)
    train = open_paired(bank, None, "train")
    marked = marks(train, dataset.videos("train"))
    rows = []
    for held in folds(train, marked):
        for seed in range(seeds):
            rows.append(measured(judged(config, train, held, seed, reporter), train, marked))
    means = {name: np.mean([row[name] for row in rows], axis=0).tolist() for name in rows[0]}
    return {"set": sets, "seeds": seeds, **means, "mean": float(np.mean(list(means.values()))), "bars": {}}


def marks(train: Paired, videos: list[Video]) -> Truth:
    """Of each marked video, by reading: (T,) bool `apart` and `joined`, and `told`, which snippets a caption covers."""

    from rewrite.captions import read_json_lines
    from trclip_vad.grid import span

    known = {video.name: video for video in videos}
    found: Truth = {}
    for where, row in read_json_lines(MARKS):
        video = known[row["video"]]
        told = train.text(train.names.index(video.name))[1]
        spans = [span(caption, video.fps, video.snippets, where) for caption in video.captions]
        both = zip(spans, row["marks"], strict=True)
        apart = inside([(*place, bool(mark)) for place, mark in both if place is not None], told)
        found[video.name] = {"apart": apart, "joined": nearest(apart, told), "told": told}
    return found


def inside(captions: list[tuple[int, int, bool]], told: np.ndarray) -> np.ndarray:
    """(T,) bool of captions [first, end) and their marks: the marked ones, and silence from one of them to the next."""
    import numpy as np

    found, silent, last = np.zeros(len(told), bool), np.zeros(len(told), bool), -1
    for first, end, mark in sorted(captions):
        if mark:
            found[first:end] = True
            if 0 <= last < first:
                silent[last:first] = True
            last = max(last, end)
        elif first >= last:
            last = -1  # something else was told: what follows is not joined to the event
    return found | (silent & ~told)


def nearest(values: np.ndarray, told: np.ndarray) -> np.ndarray:
    """Where nothing is told, the value of the nearest snippet of which something is; of two as near, the earlier's."""
    import numpy as np

    known = np.flatnonzero(told)
    if not len(known):
        return values
    place = np.arange(len(told))
    after = np.searchsorted(known, place).clip(max=len(known) - 1)
    before = (after - 1).clip(min=0)
    closer = np.abs(place - known[before]) <= np.abs(known[after] - place)
    return values[np.where(closer, known[before], known[after])]


def folds(train: Paired, marked: Truth) -> list[list[int]]:
    """Held-out videos of each fold: marked ones, and normal ones by a seeded hash."""
    from trclip_vad.sampling import draw

    normal = [i for i, labels in enumerate(train.labels) if labels == (train.classes[0],)]
    kept = sorted(normal, key=lambda i: draw("marked", train.names[i]))[:NORMAL]
    both = [i for i, name in enumerate(train.names) if name in marked] + kept
    ranked = sorted(both, key=lambda i: (train.labels[i], draw("fold", train.names[i])))
    return [sorted(ranked[fold::FOLDS]) for fold in range(FOLDS)]


def judged(config: Config, train: Paired, held: list[int], seed: int, reporter: Any) -> dict[str, np.ndarray]:
    """Scores (T,) of the held-out videos, by what was learned from all others."""
    from trclip_vad.class_names import names_of
    from trclip_vad.fit import Fit
    from trclip_vad.parallel import Parallel
    from trclip_vad.sampling import Draws, whole

    with TemporaryDirectory() as folder:
        asked = {"seed": seed, "held": held}
        fit = Fit(config, train, names_of(config.classes, train), Path(folder), asked, Parallel(), reporter)
        fit.fitted = sorted(set(fit.fitted) - set(held))
        fit.draws = Draws(train, fit.fitted, config, seed)
        begun = time.monotonic()
        fit.run()
        reporter.say(f"Trained in {time.monotonic() - begun:.0f} s.")
    learned: Any = fit.detector if fit.averaged is None else fit.averaged.module
    scores = (learned.eval().cpu().scores(whole(train, index)) for index in held)
    return {train.names[index]: found.double().numpy() for index, found in zip(held, scores, strict=True)}


def measured(scores: dict[str, np.ndarray], train: Paired, marked: Truth) -> dict[str, list[float]]:
    """AUC, AP and Ano-AUC over snippets, by reading."""
    import numpy as np
    from sklearn.metrics import average_precision_score, roc_auc_score

    place = {name: index for index, name in enumerate(train.names)}
    found = {}
    for reading in ("apart", "joined", "told"):
        parts = []
        for name, values in scores.items():
            truth = marked[name]["joined" if reading == "joined" else "apart"] if name in marked else values < 0
            use = train.text(place[name])[1] if reading == "told" else np.ones(len(values), bool)
            parts.append((values[use], truth[use], np.full(use.sum(), name in marked)))
        values, truth, abnormal = (np.concatenate(column) for column in zip(*parts, strict=True))
        own = roc_auc_score(truth[abnormal], values[abnormal])
        found[reading] = [
            float(roc_auc_score(truth, values)),
            float(average_precision_score(truth, values)),
            float(own),
        ]
    return found


def table(found: dict[str, Any]) -> list[str]:
    """The figures as lines."""
    lines = [
        f"{' '.join(found['set']) or 'the recipe'}; {found['seeds']} seeds, {FOLDS} folds; snippets, training videos"
    ]
    lines.append(f"{'silence':<10}{'AUC':>8}{'AP':>8}{'Ano-AUC':>9}")
    for reading in ("apart", "joined", "told"):
        auc, ap, own = found[reading]
        lines.append(f"{reading:<10}{auc:>8.4f}{ap:>8.4f}{own:>9.4f}")
    return [*lines, f"mean of the nine {found['mean']:.4f}"]


if __name__ == "__main__":
    typer.run(main)
