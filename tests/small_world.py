"""A made-up data set for tests: frames' features and captions of the same videos, sealed as the library seals them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from test_text_bank import HashEncoder

from rewrite import manifest
from rewrite.pipeline import rewrite
from rewrite.recipe import configure
from rewrite.records import Caption
from trclip_vad.batch import LabelSet, Video
from trclip_vad.embed import embed
from trclip_vad.features import seal

CLASSES = ("Normal", "Fight", "RoadAccidents")
SAID = {"Normal": "A man walks.", "Fight": "Two men fight hard.", "RoadAccidents": "A car hits a bus."}
D = 24


def video(name: str, *labels: str, snippets: int = 5, captions: int = 3) -> Video:
    """One video of either half by its name; the middle of an anomalous one is what its label says."""
    split = "test" if name.startswith("test") else "train"
    texts = [SAID["Normal"], *(SAID[label] for label in labels), f"Person {name} leaves."]
    said = tuple(Caption(texts[i % len(texts)], f"{name}#{i}", name, snippet=i) for i in range(captions))
    truth = () if labels == ("Normal",) else ((16, 48),)
    return Video(name, split, labels, 16 * snippets, 30.0, said, truth if split == "test" else None)


def videos(snippets: Sequence[int] = (5, 3, 9, 4, 7, 5), train: int = 16, test: int = 6) -> list[Video]:
    """Every other one normal, and both anomalies in turn."""
    found = []
    for split, count in (("train", train), ("test", test)):
        for n in range(count):
            label = "Normal" if n % 2 == 0 else CLASSES[1 + n // 2 % 2]
            found.append(video(f"{split}{n}", label, snippets=snippets[n % len(snippets)]))
    return found


@dataclass(frozen=True)
class World:
    """A data set of given videos."""

    all: Sequence[Video]
    root: Path = Path()
    name: str = "small world"
    classes: tuple[str, ...] = field(default=CLASSES)

    def labels(self) -> LabelSet:
        return LabelSet(self.classes)

    def videos(self, split: str) -> list[Video]:
        return [v for v in self.all if v.split == split]


def corpus(folder: Path) -> Path:
    """Two rewrites of each of the classes' sentences."""
    (folder / "said.txt").write_text("".join(f"{text}\n" for text in SAID.values()))
    recipe = configure(templates=["plain"], variants=2, backend="fake", filters=["form"])
    rewrite(folder / "said.txt", folder / "corpus", recipe)
    return folder / "corpus"


def bank_of(world: World, out: Path, corpora: Sequence[Path] = (), encoder: Any = None) -> Path:
    """A text bank; E = 16 unless another encoder is given."""
    embed(world, list(corpora), encoder or HashEncoder(), out)
    return out


def rows_of(v: Video, crop: int, snippets: int, width: int = D) -> np.ndarray:
    """(T, width) that only the name and the crop decide, moved by the video's labels."""
    seed = int.from_bytes(hashlib.sha256(f"{v.name} {crop}".encode()).digest()[:4], "big")
    rows = np.random.default_rng(seed).normal(size=(snippets, width)).astype(np.float32)
    rows[snippets // 3 :, : len(v.labels)] += 2.0 * (v.labels != ("Normal",))
    return rows


def features_of(
    world: World,
    out: Path,
    crops: Sequence[int] = (0,),
    snippets: dict[str, int] | None = None,
    encoder: dict[str, Any] | None = None,
) -> Path:
    """Sealed features of the world's videos, in the world's order.

    Args:
        snippets: T of videos whose frames are counted otherwise than by the data set.
    """
    rows: dict[str, list[dict[str, Any]]] = {"train": [], "test": []}
    (out / "arrays").mkdir(parents=True)
    for v in world.all:
        length, entries = (snippets or {}).get(v.name, v.snippets), {}
        for crop in crops:
            path = f"arrays/{v.name}__{crop}.npy"
            np.save(out / path, rows_of(v, crop, length))
            entries[str(crop)] = {"path": path, "sha256": manifest.digest_file(out / path)}
        about = {"video": v.name, "labels": v.labels, "frames": v.frames, "fps": v.fps}
        rows[v.split].append({**about, "snippets": length, "crops": entries})
    asked = {"dataset": world.name, "encoder": encoder or {"encoder": "none, tests only"}, "crops": list(crops)}
    seal(out, asked, world.classes, rows, world.videos("test"), D, {})
    return out
