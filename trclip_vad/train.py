"""Training: a bank and a config become a run. Only the bank's training half is ever opened here.

A run folder is sealed by its manifest. Until then `state.pt`, whole after every epoch, is all there is: killed at any
moment, training goes on from the last finished epoch and ends in the same bytes. Each epoch's draws (order, text
versions, dropout) come from the seed and the epoch's number alone, so there is no generator state to keep.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewrite import manifest
from rewrite.errors import CorpusError, SettingError
from rewrite.lock import one_writer
from rewrite.reporter import Reporter, Silent
from rewrite.settings import describe
from trclip_vad import checkpoint
from trclip_vad.batch import Batch
from trclip_vad.config import Config
from trclip_vad.text_bank import Bank, open_bank
from trclip_vad.validation import NAMES, validate

if TYPE_CHECKING:
    import torch

    from trclip_vad.model import Detector

METRICS = "metrics.jsonl"


def train(config: Config, out: Path, seed: int = 0, reporter: Reporter = Silent()) -> dict[str, Any]:
    """Trains a detector on the training half of a bank and seals the run; stopped, it goes on.

    Args:
        config: a recipe's, its `bank` set.
        seed: of the held-out videos, the first weights and every draw.

    Returns:
        The manifest of the run.

    Raises:
        SettingError: no bank, rewrites that the bank does not hold, too few videos.
        CorpusError: the bank was edited, or `out` holds another run.
        StorageError: the disk refused; the last finished epoch stands.
    """
    if config.bank is None:
        raise SettingError("bank", "the config names none", "Give the folder of a text bank.")
    bank = open_bank(config.bank, "train")
    if config.text.rewrites and bank.versions == 1:
        todo = "Embed with a corpus, or set text.rewrites=false."
        raise SettingError(config.bank, "holds the source captions only, and rewrites are asked for", todo)
    asked = {"config": describe(config, identity_only=True), "bank_id": bank.id, "seed": seed}
    with one_writer(out):
        if manifest.is_sealed(out):
            return _already(out, asked, reporter)
        with _quiet_torch(config.threads):
            state = _fit(config, bank, out, asked, reporter)
        return _seal(out, bank, asked, state, reporter)


def version_of(seed: int, epoch: int, video: str, versions: int) -> int:
    """The text version that a video shows in an epoch: uniform, and independent of order, batches and restarts."""
    return _draw(seed, "version", epoch, video) % versions


def carve(bank: Bank, share: float, seed: int) -> tuple[list[int], list[int]]:
    """(training, held-out) videos: of each class the share with the lowest seeded hash, one at least of two or more.

    A class is a video's whole tuple of labels, so that a video lies on one side only.
    """
    classes: dict[tuple[str, ...], list[int]] = {}
    for index, labels in enumerate(bank.labels):
        classes.setdefault(labels, []).append(index)
    held: set[int] = set()
    for members in classes.values():
        ranked = sorted(members, key=lambda i: _draw(seed, "validation", bank.names[i]))
        count = max(1, round(share * len(members))) if share and len(members) > 1 else 0
        held.update(ranked[:count])
    return [i for i in range(len(bank.names)) if i not in held], sorted(held)


def balanced(bank: Bank, videos: Sequence[int], batch: int, seed: int, epoch: int) -> Iterator[list[int]]:
    """Batches of one half normal and one half anomalous videos; the smaller class is gone through more than once."""
    normal = bank.classes[0]
    halves = [[i for i in videos if (bank.labels[i] == (normal,)) == is_normal] for is_normal in (True, False)]
    half = min(batch // 2, max(map(len, halves)))
    steps = max(map(len, halves)) // half
    orders = []
    for members in halves:
        rounds = math.ceil(steps * half / len(members))
        orders.append(
            [
                index
                for number in range(rounds)
                for index in sorted(members, key=lambda i: _draw(seed, "order", epoch, number, bank.names[i]))
            ]
        )
    for step in range(steps):
        place = slice(step * half, (step + 1) * half)
        yield orders[0][place] + orders[1][place]


def collate(bank: Bank, videos: Sequence[int], versions: Sequence[int], at_most: int) -> Batch:
    """Videos of the bank, each in one of its text versions, padded to the longest."""
    import torch

    read = [bank.text(i, version, at_most) for i, version in zip(videos, versions, strict=True)]
    length = max(len(text) for text, _ in read)
    shape = len(videos), length
    found = Batch(
        text=torch.zeros(*shape, bank.width),
        covered=torch.zeros(shape, dtype=torch.bool),
        mask=torch.zeros(shape, dtype=torch.bool),
        target=torch.zeros(len(videos), len(bank.classes)),
        names=tuple(bank.names[i] for i in videos),
    )
    for row, (index, (text, covered)) in enumerate(zip(videos, read, strict=True)):
        found.text[row, : len(text)] = torch.from_numpy(text)
        found.covered[row, : len(text)] = torch.from_numpy(covered)
        found.mask[row, : len(text)] = True
        for label in bank.labels[index]:
            found.target[row, bank.classes.index(label)] = 1 / len(bank.labels[index])
    return found


def _fit(config: Config, bank: Bank, out: Path, asked: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Every epoch that is still to do. The state says what was measured and which weights are kept."""
    import torch

    from trclip_vad.model import build

    seed = asked["seed"]
    fitted, held = carve(bank, config.validation, seed)
    _refuse_one_sided(bank, fitted, "train on")
    if config.select != "last":
        _refuse_one_sided(bank, held, "select by")
    torch.manual_seed(_draw(seed, "weights"))
    detector = build(config.model, bank.width)
    settings = config.optimiser
    optimiser = torch.optim.AdamW(detector.parameters(), lr=settings.lr, weight_decay=settings.weight_decay)
    state = _resume(out, asked, detector, optimiser, reporter)
    steps = sum(1 for _ in balanced(bank, fitted, config.batch, seed, 0))
    reporter.say(f"{len(fitted)} videos to fit, {len(held)} held out, {steps} steps an epoch.")
    with reporter.step("train", (config.epochs - state["epoch"]) * steps, "steps") as progress:
        for epoch in range(state["epoch"], config.epochs):
            torch.manual_seed(_draw(seed, "epoch", epoch))
            loss = 0.0
            for number, videos in enumerate(balanced(bank, fitted, config.batch, seed, epoch)):
                _set_rate(optimiser, settings.lr, (epoch * steps + number) / (config.epochs * steps))
                versions = [
                    version_of(seed, epoch, bank.names[i], bank.versions) if config.text.rewrites else 0 for i in videos
                ]
                loss += _step(detector, optimiser, collate(bank, videos, versions, config.text.snippets)) / steps
                progress.advance()
            measured = {
                "epoch": epoch + 1,
                "loss": loss,
                **validate(detector, bank, held, partial(_draw, seed)),
            }
            _keep(state, measured, detector, optimiser, config)
            checkpoint.save_state(out / checkpoint.STATE, state)
    return state


def _step(detector: Detector, optimiser: torch.optim.Optimizer, batch: Batch) -> float:
    from trclip_vad.losses import mil_bce

    loss = mil_bce(detector.train()(batch).logits, batch.mask, 1 - batch.target[:, 0])
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return float(loss.detach())


def _set_rate(optimiser: torch.optim.Optimizer, lr: float, done: float) -> None:
    """Half a cosine from lr to 0."""
    for group in optimiser.param_groups:
        group["lr"] = lr * (1 + math.cos(math.pi * done)) / 2


def _keep(
    state: dict[str, Any],
    measured: dict[str, Any],
    detector: Detector,
    optimiser: torch.optim.Optimizer,
    config: Config,
) -> None:
    """Takes an epoch into the state: its weights are the kept ones when it is the best yet (the first of equals)."""
    weights = {name: tensor.clone() for name, tensor in detector.state_dict().items()}
    metrics = [*state["metrics"], measured]
    best = config.select == "last" or all(measured[config.select] > m[config.select] for m in state["metrics"])
    if best:
        state["kept"], state["kept_epoch"] = weights, measured["epoch"]
    state |= {"epoch": measured["epoch"], "metrics": metrics, "weights": weights, "optimiser": optimiser.state_dict()}


def _resume(
    out: Path, asked: dict[str, Any], detector: Detector, optimiser: torch.optim.Optimizer, reporter: Reporter
) -> dict[str, Any]:
    """The state after the last finished epoch, put into the detector and its optimiser; a fresh one if there is none.

    Raises:
        CorpusError: the folder holds unfinished training of another config, bank or seed.
    """
    state = checkpoint.load_state(out / checkpoint.STATE)
    if state is None:
        return {"asked": manifest.canonical(asked), "epoch": 0, "metrics": []}
    if state["asked"] != manifest.canonical(asked):
        todo = "Ask the same again to go on with it, or choose another --out."
        raise CorpusError(out, "holds unfinished training that was asked differently", todo)
    detector.load_state_dict(state["weights"])
    optimiser.load_state_dict(state["optimiser"])
    reporter.say(f"{state['epoch']} epochs are done already.")
    return state


def _seal(out: Path, bank: Bank, asked: dict[str, Any], state: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    checkpoint.save_weights(out / checkpoint.WEIGHTS, state["kept"])
    manifest.write_atomic(out / METRICS, manifest.jsonl_chunks(state["metrics"]))
    places = {"bank": str(bank.folder.resolve()), **checkpoint.read_places(bank.folder)}
    manifest.write_atomic(out / checkpoint.PLACES, manifest.json_bytes(places))
    kept = next(m for m in state["metrics"] if m["epoch"] == state["kept_epoch"])
    body = {
        "asked": asked,
        "kept": kept,
        "labels": list(bank.classes),
        "width": bank.width,
        "encoder": bank.manifest["asked"]["encoder"],
        "versions": bank.manifest["asked"]["versions"],
        "environment": manifest.environment(),
    }
    sealed = manifest.seal(out, "run", body, [checkpoint.WEIGHTS, METRICS])
    (out / checkpoint.STATE).unlink(missing_ok=True)
    measured = ", ".join(f"{name} {kept[name]:.3f}" for name in ("loss", *NAMES) if name in kept)
    reporter.say(f"Kept epoch {kept['epoch']} ({measured} held out), run {sealed['run_id'][:16]} in {out}.")
    return sealed


def _already(out: Path, asked: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    found = manifest.verify(out, "run")
    if found["asked"] != asked:
        changed = ", ".join(sorted(k for k in asked if found["asked"].get(k) != asked[k]))
        raise CorpusError(out, f"holds a run that was asked differently ({changed})", "Choose another --out.")
    reporter.say(f"{out} is already trained: nothing to do.")
    (out / checkpoint.STATE).unlink(missing_ok=True)  # a kill between the seal and the unlink leaves one behind
    return found


def _refuse_one_sided(bank: Bank, videos: Sequence[int], purpose: str) -> None:
    kinds = {bank.labels[i] == (bank.classes[0],) for i in videos}
    if len(kinds) < 2:
        what = f"has too few videos to {purpose}: normal and anomalous ones are both needed"
        raise SettingError(bank.folder, what, "Give more videos, or set select=last and validation=0.")


def _draw(*parts: object) -> int:
    """63 bits that depend on the parts alone."""
    return int.from_bytes(hashlib.sha256(manifest.canonical(parts).encode()).digest()[:8], "big") >> 1


@contextmanager
def _quiet_torch(threads: int) -> Iterator[None]:
    """Deterministic work on so many threads; torch's own state is left as it was found."""
    import torch

    before, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.use_deterministic_algorithms(strict)
        torch.set_num_threads(before)
