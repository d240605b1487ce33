"""Image-text contrastive training with and without rewrites, and with controls, on frames of the demo world.

    python -m examples.contrastive demo/world demo/corpus runs/contrastive

Every arm takes the same steps from the same start and sees the same pictures in the same order; only the words differ.
Judged by retrieval on videos that no arm has seen. All of it is a toy: the pictures are drawn, the towers are tiny, and
the world's captions were written so that rewrites *can* help. It shows how to train with a corpus; it is no evidence
about real pictures.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from examples.street_frames import Frames, prepared, read_frames
from examples.tiny_clip import contrastive_loss, encode_pictures, encode_tokens, save, saved, tiny_clip
from rewrite import CorpusSampler
from rewrite.corpus import open_corpus
from rewrite.errors import InputError, TrclipError
from rewrite.manifest import json_bytes, write_atomic
from rewrite.reporter import Reporter, Silent
from rewrite.terminal import Terminal
from trclip_vad.clip import tokenize

# What an arm reads: how the sampler is made. One original=1 arm is the caption alone, which is also the duplicated
# control here: every arm draws one text per step, so it takes the same steps.
ARMS: dict[str, dict[str, Any]] = {
    "captions": {"original": 1.0},
    "rewrites": {"original": 0.5},
    "random_words": {"original": 0.5, "control": "random_words"},
    "shuffled": {"original": 0.5, "control": "shuffled"},
}


@dataclass(frozen=True)
class Settings:
    """Of every arm alike.

    Attributes:
        epochs: passes over the training snippets.
        batch: pairs a step.
        lr: of AdamW, rising over the first twentieth of the steps, then falling to zero along a cosine.
        seeds: 0 ... seeds - 1: start, order of pictures, draws of words.
        videos: training videos used; None: all.
    """

    epochs: int = 20
    batch: int = 128
    lr: float = 3e-3
    seeds: int = 3
    videos: int | None = None


def contrast(
    world: Path, corpus: Path, out: Path, settings: Settings = Settings(), reporter: Reporter = Silent()
) -> dict[str, Any]:
    """Trains every arm on every seed, saves the encoders under `out`/ARM-SEED, and writes `out`/report.json.

    Returns:
        `{"arms": {name: {measure: {"value", "low", "high"}}}, "chance": ..., "trained_on": ..., "note": ...}`.

    Raises:
        TrclipError: world or corpus is missing, edited, or of another world.
    """
    train = read_frames(world, "train", settings.videos).captioned()
    test = read_frames(world, "test").captioned()
    measured: dict[str, list[dict[str, float]]] = {arm: [] for arm in ARMS}
    for seed in range(settings.seeds):
        for arm, made in ARMS.items():
            sampler = CorpusSampler(corpus, seed=seed, **made)
            seen = _described(train, sampler, corpus, world)
            model = train_one(seen, sampler, settings, seed)
            measured[arm].append(retrieval(model, test))
            save(model, out / f"{arm}-{seed}", arm=arm, seed=seed, corpus=open_corpus(corpus).id)
            reporter.say(f"seed {seed}, {arm}: " + ", ".join(f"{k} {v:.3f}" for k, v in measured[arm][-1].items()))
    found = {
        "arms": {arm: _over_seeds(runs) for arm, runs in measured.items()},
        "chance": {f"R@{k}": min(1.0, k / len(set(test.texts))) for k in (1, 10)},
        "trained_on": len(seen.ids),
        "judged_on": len(test.ids),
        "texts": len(set(test.texts)),
        "settings": asdict(settings),
        "note": "A toy. Drawn pictures, tiny towers, captions written so that rewrites can help: no evidence about "
        "real pictures. Low and high are over seeds, not over videos.",
    }
    write_atomic(out / "report.json", json_bytes(found))
    return found


def train_encoder(world: Path, corpus: Path, out: Path, settings: Settings = Settings(), seed: int = 0) -> None:
    """One toy CLIP from captions and rewrites, saved in `out`; the same one is not trained twice.

    Raises:
        TrclipError: world or corpus is missing, edited, or of another world; `out` cannot be written.
    """
    about = {"arm": "rewrites", "seed": seed, "corpus": open_corpus(corpus).id, "settings": asdict(settings)}
    if saved(out, **about):
        return
    sampler = CorpusSampler(corpus, seed=seed, **ARMS["rewrites"])
    frames = read_frames(world, "train", settings.videos).captioned()
    save(train_one(_described(frames, sampler, corpus, world), sampler, settings, seed), out, **about)


def _described(frames: Frames, sampler: CorpusSampler, corpus: Path, world: Path) -> Frames:
    found = frames.known(set(sampler.ids))
    if len(found.ids) < 2:
        raise InputError(corpus, f"describes no training snippet of {world}", "Rewrite that world's captions.")
    return found


def train_one(frames: Frames, words: Callable[[str, int], str], settings: Settings, seed: int) -> Any:
    """One encoder, a CLIPModel.

    Args:
        words: (caption id, epoch) -> the text to read, e.g. a CorpusSampler.
    """
    with _alone(seed):
        return _train(frames, words, settings)


@contextmanager
def _alone(seed: int) -> Iterator[None]:
    """Torch's draws by this seed, on one thread: towers so small are no faster on two. Its state is put back."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(before)


def _train(frames: Frames, words: Callable[[str, int], str], settings: Settings) -> Any:
    model = tiny_clip()
    pixels = prepared(frames.pixels)
    order = [torch.randperm(len(frames.ids)) for _ in range(settings.epochs)]
    caption = {text: number for number, text in enumerate(dict.fromkeys(frames.texts))}
    which = torch.tensor([caption[text] for text in frames.texts])
    optimiser = torch.optim.AdamW(model.parameters(), lr=settings.lr, weight_decay=0.05)
    steps = settings.epochs * -(-len(frames.ids) // settings.batch)
    rise = max(1, steps // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / rise, 1.0) * (1 + math.cos(math.pi * step / steps)) / 2
    )
    model.train()
    for epoch, places in enumerate(order):
        for chosen in places.split(settings.batch):
            said = tokenize([words(frames.ids[place], epoch) for place in chosen.tolist()])
            same = which[chosen][:, None] == which[chosen][None, :]
            pictures = encode_pictures(model, pixels[chosen])
            loss = contrastive_loss(pictures, encode_tokens(model, said), model.logit_scale, same)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
    return model.eval()


@torch.no_grad()
def retrieval(model: Any, frames: Frames) -> dict[str, float]:
    """Recall at 1 and 10 in both directions; a picture's right texts and a text's right pictures share a caption."""
    texts = list(dict.fromkeys(frames.texts))
    right = torch.tensor([texts.index(text) for text in frames.texts])
    pictures = torch.cat([encode_pictures(model, part) for part in prepared(frames.pixels).split(256)])
    near = pictures @ encode_tokens(model, tokenize(texts)).T
    found = {}
    for k in (1, 10):
        best = near.topk(min(k, len(texts)), dim=1).indices
        found[f"picture to text R@{k}"] = float((best == right[:, None]).any(1).float().mean())
        best = near.T.topk(min(k, len(right)), dim=1).indices
        hit = right[best] == torch.arange(len(texts))[:, None]
        found[f"text to picture R@{k}"] = float(hit.any(1).float().mean())
    return found


def _over_seeds(runs: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    return {
        name: {"value": sum(r[name] for r in runs) / len(runs), "low": min(r[name] for r in runs)}
        | {"high": max(r[name] for r in runs)}
        for name in runs[0]
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Contrastive training with and without rewrites, on a toy world.")
    parser.add_argument("world", type=Path, help="the demo world, with its videos")
    parser.add_argument("corpus", type=Path, help="a sealed corpus of its training captions")
    parser.add_argument("out", type=Path, help="folder for the encoders and report.json")
    parser.add_argument("--epochs", type=int, default=Settings.epochs)
    parser.add_argument("--seeds", type=int, default=Settings.seeds)
    asked = parser.parse_args()
    try:
        settings = Settings(epochs=asked.epochs, seeds=asked.seeds)
        found = contrast(asked.world, asked.corpus, asked.out, settings, Terminal())
    except TrclipError as error:
        sys.exit(f"error: {error}")
    for arm, measures in found["arms"].items():
        shown = "  ".join(f"{name} {m['value']:.3f} ({m['low']:.3f}-{m['high']:.3f})" for name, m in measures.items())
        print(f"{arm:<13}{shown}")
    print(f"{found['trained_on']} training and {found['judged_on']} held-out snippets; chance {found['chance']}")
    print(found["note"])


if __name__ == "__main__":
    main()
