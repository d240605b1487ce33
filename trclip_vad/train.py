"""Training: captions, frames' features or both, and a config, become a run. Only training halves are ever opened here.

A run folder is sealed by its manifest. Until then `state.pt`, whole after every epoch, is all there is: killed at any
moment, training goes on from the last finished epoch and ends in the same bytes. Each epoch's draws (order, text
versions, dropout) come from the seed and the epoch's number alone, so there is no generator state to keep.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from rewrite import manifest
from rewrite.errors import CorpusError, SettingError
from rewrite.lock import one_writer
from rewrite.reporter import Reporter, Silent
from rewrite.settings import describe
from trclip_vad import checkpoint
from trclip_vad.card import card
from trclip_vad.class_names import names_of
from trclip_vad.config import Config
from trclip_vad.fit import Fit
from trclip_vad.paired import Paired, open_paired
from trclip_vad.parallel import Parallel
from trclip_vad.validation import NAMES

METRICS = "metrics.jsonl"
CARD = "card.md"


def train(config: Config, out: Path, seed: int = 0, reporter: Reporter = Silent()) -> dict[str, Any]:
    """Trains a detector on the training half of its data and seals the run; stopped, it goes on.

    Started by `accelerate launch`, every process works a share of each batch and the first one writes.

    Args:
        config: a recipe's, its `bank`, `features` or both set.
        seed: of the held-out videos, the first weights and every draw.

    Returns:
        The manifest of the run.

    Raises:
        SettingError: neither bank nor features, two that do not pair, rewrites that the bank does not hold, too few
            videos, a batch that the processes cannot share, a rate that breaks the numbers.
        CorpusError: the data was edited, or `out` holds another run.
        ModelError: the encoder of the class names is missing.
        StorageError: the disk refused; the last finished epoch stands.
    """
    data = open_paired(config.bank, config.features, "train", config.text.missing)
    _refuse_contradictions(config, data)
    names = names_of(config.classes, data)
    asked = {"config": describe(config, identity_only=True), **data.ids, "seed": seed, "names": names.identity}
    parallel = Parallel()
    _refuse_shares(config, parallel)
    if (
        parallel.device.type == "cuda"
        and config.model.temporal == "lgm_mamba"
        and config.model.lgm_mamba.scan == "native"
    ):
        todo = "Set model.lgm_mamba.scan=triton, or chunked where there is no Triton."
        raise SettingError("model.lgm_mamba.scan=native", "runs on a CPU, and this machine trains on its GPU", todo)
    reporter = reporter if parallel.main else Silent()
    sealed = manifest.is_sealed(out)
    parallel.wait()
    with one_writer(out) if parallel.main else nullcontext():
        if sealed:
            return _already(out, asked, reporter)
        with _quiet_torch(config.threads):
            state = Fit(config, data, names, out, asked, parallel, reporter).run()
        if parallel.main:
            _seal(out, data, asked, state, reporter)
        parallel.wait()
    return manifest.verify(out, "run")


def _seal(out: Path, data: Paired, asked: dict[str, Any], state: dict[str, Any], reporter: Reporter) -> None:
    checkpoint.save_weights(out / checkpoint.WEIGHTS, state["kept"])
    manifest.write_atomic(out / METRICS, manifest.jsonl_chunks(state["metrics"]))
    manifest.write_atomic(out / checkpoint.PLACES, manifest.json_bytes(_places(data)))
    kept = next(m for m in state["metrics"] if m["epoch"] == state["kept_epoch"])
    body = {
        "asked": asked,
        "kept": kept,
        "labels": list(data.classes),
        "text_width": data.bank.width if data.bank else 0,
        "encoder": data.bank.manifest["asked"]["encoder"] if data.bank else None,
        "versions": data.bank.manifest["asked"]["versions"] if data.bank else [],
        "uncaptioned": sum(row is None for row in data.rows) if data.bank and data.features else 0,
        "visual_width": data.features.width if data.features else 0,
        "image_encoder": data.features.manifest["asked"]["encoder"] if data.features else None,
        "environment": manifest.environment(),
    }
    manifest.write_atomic(out / CARD, card(body, state["metrics"]))
    sealed = manifest.seal(out, "run", body, [checkpoint.WEIGHTS, METRICS, CARD])
    (out / checkpoint.STATE).unlink(missing_ok=True)
    measured = ", ".join(f"{name} {kept[name]:.3f}" for name in ("loss", *NAMES) if name in kept)
    reporter.say(f"Kept epoch {kept['epoch']} ({measured} held out), run {sealed['run_id'][:16]} in {out}.")


def _places(data: Paired) -> dict[str, str]:
    """Where bank, features and their encoders lay: hints."""
    found: dict[str, str] = {}
    if data.bank:
        found |= {"bank": str(data.bank.folder.resolve()), **checkpoint.read_places(data.bank.folder)}
    if data.features:
        places = checkpoint.read_places(data.features.folder)
        found |= {"features": str(data.features.folder.resolve())}
        found |= {"image_encoder": places["encoder"]} if "encoder" in places else {}
    return found


def _already(out: Path, asked: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    found = manifest.verify(out, "run")
    if found["asked"] != asked:
        changed = ", ".join(sorted(k for k in asked if found["asked"].get(k) != asked[k]))
        raise CorpusError(out, f"holds a run that was asked differently ({changed})", "Choose another --out.")
    reporter.say(f"{out} is already trained: nothing to do.")
    (out / checkpoint.STATE).unlink(missing_ok=True)  # a kill between the seal and the unlink leaves one behind
    return found


def _refuse_contradictions(config: Config, data: Paired) -> None:
    """Settings that ask for what the data does not hold, or for nothing."""
    if not (config.losses.mil_bce or (config.losses.mil_align and config.classes.encoder != "none")):
        todo = "Set losses.mil_bce=1, or losses.mil_align=1 with classes.encoder=sentence or clip."
        raise SettingError("losses", "nothing would learn from the videos' labels", todo)
    if data.bank and config.text.rewrites and data.bank.versions == 1:
        todo = "Embed with a corpus, or set text.rewrites=false."
        raise SettingError(data.bank.folder, "holds the source captions only, and rewrites are asked for", todo)
    hides = config.text.dropout or config.losses.distillation
    if hides and not (data.bank and data.features):
        what = "hide the captions, and there would be nothing left to see"
        raise SettingError("text.dropout, losses.distillation", what, "Give a bank and features, or set them to 0.")
    if config.losses.consistency and not (data.versions > 1 and config.text.rewrites):
        todo = "Embed with a corpus, or set losses.consistency=0."
        raise SettingError("losses.consistency", "compares two versions of the captions, and there is one", todo)


def _refuse_shares(config: Config, parallel: Parallel) -> None:
    if (config.batch // 2) % parallel.world:
        todo = f"Set batch to a multiple of {2 * parallel.world}."
        raise SettingError(f"batch={config.batch}", f"cannot be shared by {parallel.world} processes", todo)


@contextmanager
def _quiet_torch(threads: int) -> Iterator[None]:
    """Deterministic work on so many threads; torch's own state is left as it was found."""
    import torch

    before, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available())
    try:
        with torch.random.fork_rng():
            yield
    finally:
        torch.use_deterministic_algorithms(strict)
        torch.set_num_threads(before)
