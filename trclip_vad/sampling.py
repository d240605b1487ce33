"""Which videos a step sees, in which version and crop: seeded hashes, so that no generator's state has to be kept."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rewrite import manifest
from trclip_vad.batch import Batch

if TYPE_CHECKING:
    from trclip_vad.config import Config
    from trclip_vad.paired import Paired

Item = tuple[int, int]  # a video and one of its crops


def draw(*parts: object) -> int:
    """63 bits that depend on the parts alone."""
    return int.from_bytes(hashlib.sha256(manifest.canonical(parts).encode()).digest()[:8], "big") >> 1


def version_of(seed: int, epoch: int, video: str, versions: int) -> int:
    """The text version that a video shows in an epoch: uniform, and independent of order, batches and restarts."""
    return draw(seed, "version", epoch, video) % versions


def carve(data: Paired, share: float, seed: int) -> tuple[list[int], list[int]]:
    """(training, held-out) videos: of each class the share with the lowest seeded hash, one at least of two or more.

    A class is a video's whole tuple of labels, so that a video lies on one side only, all its crops with it.
    """
    classes: dict[tuple[str, ...], list[int]] = {}
    for index, labels in enumerate(data.labels):
        classes.setdefault(labels, []).append(index)
    held: set[int] = set()
    for members in classes.values():
        ranked = sorted(members, key=lambda i: draw(seed, "validation", data.names[i]))
        least = min(1, len(members) - 1) if share else 0
        count = min(len(members) - 1, max(least, round(share * len(members))))
        held.update(ranked[:count])
    return [i for i in range(len(data.names)) if i not in held], sorted(held)


@dataclass(frozen=True)
class Draws:
    """What a run draws of its data.

    Attributes:
        data: the training half.
        videos: those that are not held out.
        config: its batch, crops and text settings are read.
        seed: of every draw.
    """

    data: Paired
    videos: Sequence[int]
    config: Config
    seed: int

    def batches(self, epoch: int) -> Iterator[list[Item]]:
        """One half normal, one half anomalous; the smaller class is gone through more than once."""
        normal = (self.data.classes[0],)
        items = [item for video in self.videos for item in self._items(video, epoch)]
        halves = [[i for i in items if (self.data.labels[i[0]] == normal) == is_normal] for is_normal in (True, False)]
        half = min(self.config.batch // 2, max(map(len, halves)))
        steps = max(map(len, halves)) // half
        orders = []
        for members in halves:
            rounds = math.ceil(steps * half / len(members))
            orders.append([item for number in range(rounds) for item in self._shuffled(members, epoch, number)])
        for step in range(steps):
            place = slice(step * half, (step + 1) * half)
            yield orders[0][place] + orders[1][place]

    def batch(self, items: Sequence[Item], epoch: int, reworded: bool = False) -> Batch:
        """The items with the captions of this epoch; `reworded`: with another version's, where there is one."""
        return collate(self.data, items, [self._version(v, epoch, reworded) for v, _ in items], self.config.snippets)

    def hidden(self, items: Sequence[Item], epoch: int) -> list[bool]:
        """Whose captions are hidden in this epoch (caption dropout)."""
        share = self.config.text.dropout
        names = [self.data.names[video] for video, _ in items]
        return [draw(self.seed, "hidden", epoch, name) < share * 2**63 for name in names]

    def _items(self, video: int, epoch: int) -> list[Item]:
        crops = self.data.crops(video)
        if self.config.crops == "all":
            return [(video, crop) for crop in crops]
        return [(video, crops[draw(self.seed, "crop", epoch, self.data.names[video]) % len(crops)])]

    def _shuffled(self, members: list[Item], epoch: int, number: int) -> list[Item]:
        return sorted(members, key=lambda i: draw(self.seed, "order", epoch, number, self.data.names[i[0]], i[1]))

    def _version(self, video: int, epoch: int, reworded: bool) -> int:
        versions = self.data.versions if self.config.text.rewrites else 1
        first = version_of(self.seed, epoch, self.data.names[video], versions)
        if not reworded or versions == 1:
            return first
        return (first + 1 + draw(self.seed, "reworded", epoch, self.data.names[video]) % (versions - 1)) % versions


def share_of(items: Sequence[Item], part: int, parts: int) -> list[Item]:
    """Every `parts`-th item of a batch's normal half, and of its anomalous half: a small batch of the same kind."""
    half = len(items) // 2
    return [*items[:half][part::parts], *items[half:][part::parts]]


def collate(data: Paired, items: Sequence[Item], versions: Sequence[int], at_most: int | None) -> Batch:
    """Videos, each in one crop and one text version, padded to the longest."""
    import torch

    lengths = [min(data.lengths[video], at_most or data.lengths[video]) for video, _ in items]
    shape = len(items), max(lengths)
    found = Batch(
        text=torch.zeros(*shape, data.bank.width) if data.bank else None,
        covered=torch.zeros(shape, dtype=torch.bool) if data.bank else None,
        mask=torch.arange(shape[1])[None] < torch.tensor(lengths)[:, None],
        target=torch.zeros(len(items), len(data.classes)),
        visual=torch.zeros(*shape, data.features.width) if data.features else None,
        names=tuple(data.names[video] for video, _ in items),
    )
    for row, ((video, crop), version) in enumerate(zip(items, versions, strict=True)):
        length = lengths[row]
        if found.text is not None and found.covered is not None:
            text, covered = data.text(video, version, at_most)
            found.text[row, :length], found.covered[row, :length] = torch.from_numpy(text), torch.from_numpy(covered)
        if found.visual is not None:
            found.visual[row, :length] = torch.from_numpy(data.visual(video, crop, at_most))
        for label in data.labels[video]:
            found.target[row, data.classes.index(label)] = 1 / len(data.labels[video])
    return found


def whole(data: Paired, video: int, at_most: int | None = None) -> Batch:
    """One video (B = 1) as it is judged: its source captions, its first crop, every snippet unless told otherwise."""
    return collate(data, [(video, data.crops(video)[0])], [0], at_most)
