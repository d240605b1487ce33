"""Zero-shot classification: do descriptions of the classes help, and is it their meaning that helps?

    python -m examples.zero_shot runs/contrastive/rewrites-0 demo/world corpora/classes

Reads the descriptions from a sealed corpus whose captions are class names and whose rewrites describe them. A class
is the mean of its texts' vectors; a held-out snippet gets the class nearest to its frame. Side by side: the bare name,
the descriptions, and as many random words of equal length (WaffleCLIP's question: if these do as well, the words'
meaning was not what helped). A toy encoder on a drawn street: no evidence about real cameras.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from examples.street_frames import Frames, read_frames
from rewrite import CorpusSampler
from rewrite.errors import InputError, TrclipError
from trclip_vad.clip import ClipImages, ClipTexts

DRAWS = 5  # of random words, and the spread over them is told


def zero_shot(encoder: Path, world: Path, classes: Path, draws: int = DRAWS) -> dict[str, Any]:
    """Balanced accuracy on the snippets of held-out videos, for three ways to word the classes.

    Returns:
        `{"name": x, "descriptions": x, "random_words": {"value", "low", "high"}, "chance": 1 / C, ...}`.

    Raises:
        TrclipError: encoder, world or corpus is missing or edited; the corpus lacks a class of the world.
    """
    frames, words = read_frames(world, "test"), ClipTexts(model=str(encoder))
    pictures = ClipImages(model=str(encoder)).encode(frames.pixels.numpy())
    names = sorted(set(frames.labels))
    described = _texts(CorpusSampler(classes), classes, names)
    noise = [
        _accuracy(
            words, pictures, frames, _texts(CorpusSampler(classes, control="random_words", seed=seed), classes, names)
        )
        for seed in range(draws)
    ]
    return {
        "name": _accuracy(words, pictures, frames, {name: [name] for name in names}),
        "descriptions": _accuracy(words, pictures, frames, described),
        "random_words": {"value": sum(noise) / len(noise), "low": min(noise), "high": max(noise)},
        "chance": 1 / len(names),
        "classes": {name: len(texts) for name, texts in described.items()},
        "snippets": len(frames.labels),
        "note": "A toy encoder on a drawn street: no evidence about real cameras.",
    }


def _texts(sampler: CorpusSampler, corpus: Path, names: list[str]) -> dict[str, list[str]]:
    """Class -> its descriptions, for the classes of the world."""
    found: dict[str, list[str]] = {}
    for sample in sampler.ids:
        name, *descriptions = sampler.versions(sample)
        found[_letters(name)] = descriptions
    for name in names:
        if not found.get(_letters(name)):
            raise InputError(corpus, f"has no description of {name!r}", "Describe every class of the world.")
    return {name: found[_letters(name)] for name in names}


def _letters(name: str) -> str:
    """RoadAccident, "Road accident" and road_accident are one class."""
    return "".join(c for c in name.lower() if c.isalnum())


def _accuracy(words: ClipTexts, pictures: np.ndarray, frames: Frames, texts: dict[str, list[str]]) -> float:
    """Mean over classes of the share of snippets that are given their class."""
    from sklearn.metrics import balanced_accuracy_score

    names = list(texts)
    anchors = np.stack([words.encode(said).mean(0) for said in texts.values()])
    anchors /= np.linalg.norm(anchors, axis=1, keepdims=True)
    guessed = (pictures @ anchors.T).argmax(1)  # the length of a picture's vector does not change which is nearest
    return float(balanced_accuracy_score([names.index(label) for label in frames.labels], guessed))


def main() -> None:
    parser = argparse.ArgumentParser(description="Zero-shot classes by name, descriptions and random words.")
    parser.add_argument("encoder", type=Path, help="a folder that examples.contrastive wrote")
    parser.add_argument("world", type=Path, help="the demo world, with its videos")
    parser.add_argument("classes", type=Path, help="a sealed corpus: captions are class names, rewrites describe them")
    asked = parser.parse_args()
    try:
        found = zero_shot(asked.encoder, asked.world, asked.classes)
    except TrclipError as error:
        sys.exit(f"error: {error}")
    noise = found["random_words"]
    print(f"balanced accuracy on {found['snippets']} held-out snippets, chance {found['chance']:.3f}")
    print(f"  class name    {found['name']:.3f}")
    print(f"  descriptions  {found['descriptions']:.3f}")
    print(f"  random words  {noise['value']:.3f} ({noise['low']:.3f}-{noise['high']:.3f} over draws)")
    print(found["note"])


if __name__ == "__main__":
    main()
