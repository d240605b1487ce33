"""The epochs of a training: steps, averages, what is kept of them, and going on where a stopped one was."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from rewrite import manifest
from rewrite.errors import CorpusError, SettingError
from rewrite.reporter import Reporter
from trclip_vad import checkpoint
from trclip_vad.assembly import build
from trclip_vad.batch import Batch
from trclip_vad.class_names import Names
from trclip_vad.config import Config
from trclip_vad.event_log import event_log
from trclip_vad.objective import terms, total
from trclip_vad.paired import Paired
from trclip_vad.parallel import Parallel
from trclip_vad.sampling import Draws, Item, carve, draw, share_of
from trclip_vad.validation import validate

if TYPE_CHECKING:
    import torch
    from torch.optim.swa_utils import AveragedModel

    from trclip_vad.model import Detector


class Fit:
    """Every epoch that is still to do."""

    def __init__(
        self,
        config: Config,
        data: Paired,
        names: Names,
        out: Path,
        asked: dict[str, Any],
        parallel: Parallel,
        reporter: Reporter,
    ) -> None:
        import torch
        from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

        self.config, self.data, self.parallel, self.reporter = config, data, parallel, reporter
        self.out, self.asked, self.seed = out, asked, asked["seed"]
        self.fitted, self.held = carve(data, config.validation, self.seed)
        _refuse_one_sided(data, self.fitted, "train on")
        if config.select != "last":
            _refuse_one_sided(data, self.held, "select by")
        self.draws = Draws(data, self.fitted, config, self.seed)
        _refuse_few(data, len(next(self.draws.batches(0))) // 2, parallel.world)
        torch.manual_seed(draw(self.seed, "weights"))
        self.detector = build(config.model, names.widths(data), names.module(), names.prior()).to(parallel.device)
        settings = config.optimiser
        self.learned = [p for p in self.detector.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(self.learned, lr=settings.lr, weight_decay=settings.weight_decay)
        self.averaged: AveragedModel | None = None
        if settings.ema:
            average = get_ema_multi_avg_fn(settings.ema)
            self.averaged = AveragedModel(self.detector, multi_avg_fn=average, use_buffers=True)

    def run(self) -> dict[str, Any]:
        """The state after the last epoch: what was measured, and the weights that are kept."""
        import torch

        config, state = self.config, self._resume()
        steps = sum(1 for _ in self.draws.batches(0))
        self.reporter.say(f"{len(self.fitted)} videos to fit, {len(self.held)} held out, {steps} steps an epoch.")
        with (
            event_log(self.out, config.tensorboard and self.parallel.main) as log,
            self.reporter.step("train", (config.epochs - state["epoch"]) * steps, "steps") as progress,
        ):
            for epoch in range(state["epoch"], config.epochs):
                torch.manual_seed(
                    draw(self.seed, "epoch", epoch, *([self.parallel.rank] if self.parallel.rank else []))
                )
                sums: dict[str, float] = {}
                for number, items in enumerate(self.draws.batches(epoch)):
                    self._set_rate(epoch, (epoch * steps + number) / (config.epochs * steps))
                    for name, value in self._step(items, epoch).items():
                        sums[name] = sums.get(name, 0.0) + value / steps
                    progress.advance()
                judged = cast("Detector", self.averaged.module) if self.averaged is not None else self.detector
                measured = {"epoch": epoch + 1, **sums}
                if self.parallel.main:
                    measured |= validate(judged, self.data, self.held, partial(draw, self.seed))
                    log(measured)
                    self._keep(state, measured, judged)
                    checkpoint.save_state(self.out / checkpoint.STATE, state)
                self.parallel.wait()
        return state

    def _step(self, items: Sequence[Item], epoch: int) -> dict[str, float]:
        """One step of the optimiser. Each loss by name, its mean over all videos of the batch."""
        import torch

        config, device, world = self.config, self.parallel.device, self.parallel.world
        mine = share_of(items, self.parallel.rank, world)
        parts = min(config.optimiser.accumulate, len(items) // 2 // world)  # as many in every process
        sums: dict[str, torch.Tensor] = {}
        self.detector.train()
        self.optimiser.zero_grad()
        for part in range(parts):
            some = share_of(mine, part, parts)
            weight = len(some) * world / len(items)
            found = self._terms(some, epoch)
            loss = total(config.losses, found) * weight
            loss.backward()
            for name, value in {"loss": loss / weight, **found}.items():
                sums[name] = sums.get(name, torch.zeros((), device=device)) + value.detach() * weight
        self.parallel.average_gradients(self.learned)
        if config.optimiser.clip:
            torch.nn.utils.clip_grad_norm_(self.learned, config.optimiser.clip)
        self.optimiser.step()
        if self.averaged is not None:
            self.averaged.update_parameters(self.detector)
            _copy_whole_numbers(self.detector, self.averaged.module)
        return {name: float(self.parallel.mean(value)) for name, value in sums.items()}

    def _terms(self, items: Sequence[Item], epoch: int) -> dict[str, torch.Tensor]:
        """The losses of some items. What they are compared with goes through the model in one batch with them, so that
        normalisation learns one kind of statistics, for videos with captions and without."""
        weights, device = self.config.losses, self.parallel.device
        batch = self.draws.batch(items, epoch)
        hidden = self.draws.hidden(items, epoch)
        views = {"found": batch.without_captions(hidden)}
        if weights.consistency:
            views["reworded"] = self.draws.batch(items, epoch, reworded=True).without_captions(hidden)
        if weights.distillation:
            views["uncaptioned"] = batch.without_captions([True] * len(items))
        with self._precision():
            outputs = self.detector(Batch.joined(list(views.values())).to(device))
        if not outputs.logits.isfinite().all():
            what = f"led to scores that are no numbers, in epoch {epoch + 1}"
            raise SettingError(f"optimiser.lr={self.config.optimiser.lr}", what, "Lower it; look at the features too.")
        found = dict(zip(views, outputs.split(len(views)), strict=True))
        return terms(weights, batch.to(device), **found)

    def _precision(self) -> torch.autocast:
        """Of the forward pass; losses are always found in float32."""
        import torch

        lower = self.config.optimiser.precision == "bfloat16"
        return torch.autocast(self.parallel.device.type, torch.bfloat16, enabled=lower)

    def _set_rate(self, epoch: int, done: float) -> None:
        settings = self.config.optimiser
        if settings.schedule == "cosine":
            share = (1 + math.cos(math.pi * done)) / 2
        else:
            share = 0.1 ** sum(epoch >= milestone for milestone in settings.milestones)
        for group in self.optimiser.param_groups:
            group["lr"] = settings.lr * share

    def _keep(self, state: dict[str, Any], measured: dict[str, Any], judged: Detector) -> None:
        """Takes an epoch into the state. Its weights are the kept ones if it is the best yet, the first of equals."""
        select = self.config.select
        if select == "last" or all(measured[select] > m[select] for m in state["metrics"]):
            state["kept"], state["kept_epoch"] = checkpoint.to_keep(judged), measured["epoch"]
        state |= {
            "epoch": measured["epoch"],
            "metrics": [*state["metrics"], measured],
            "weights": _copied(self.detector.state_dict()),
            "averaged": _copied(self.averaged.state_dict()) if self.averaged is not None else {},
            "optimiser": self.optimiser.state_dict(),
        }

    def _resume(self) -> dict[str, Any]:
        """The state after the last finished epoch, put into the model and its optimiser; a fresh one if there is none.

        Raises:
            CorpusError: the folder holds unfinished training of another config, data or seed.
        """
        state = checkpoint.load_state(self.out / checkpoint.STATE)
        if state is None:
            return {"asked": manifest.canonical(self.asked), "epoch": 0, "metrics": []}
        if state["asked"] != manifest.canonical(self.asked):
            todo = "Ask the same again to go on with it, or choose another --out."
            raise CorpusError(self.out, "holds unfinished training that was asked differently", todo)
        self.detector.load_state_dict(state["weights"])
        self.optimiser.load_state_dict(state["optimiser"])
        if self.averaged is not None:
            self.averaged.load_state_dict(state["averaged"])
        self.reporter.say(f"{state['epoch']} epochs are done already.")
        return state


def _copy_whole_numbers(one: torch.nn.Module, other: torch.nn.Module) -> None:
    """Buffers of ids and counts as they are: averaged, a token would become another."""
    for ours, theirs in zip(one.buffers(), other.buffers(), strict=True):
        if not ours.is_floating_point():
            theirs.copy_(ours)


def _copied(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in weights.items()}


def _refuse_one_sided(data: Paired, videos: Sequence[int], purpose: str) -> None:
    kinds = {data.labels[i] == (data.classes[0],) for i in videos}
    if len(kinds) < 2:
        what = f"has too few videos to {purpose}: normal and anomalous ones are both needed"
        raise SettingError(data.folder, what, "Give more videos, or set select=last and validation=0.")


def _refuse_few(data: Paired, half: int, processes: int) -> None:
    if half < processes:
        what = f"gives batches of {half} normal and {half} anomalous videos, and {processes} processes want one each"
        raise SettingError(data.folder, what, f"Start {half} or fewer.")
