"""One process or several, as `accelerate launch` started them: each works a share of every batch.

Gradients are averaged after the backward pass in one sum over all processes, so that a step may run the model several
times. Normalisation takes its statistics over all processes (mtn.py). What is drawn inside the model (dropout) differs
by process; all else, and so every loss without dropout, is what one process would find, up to rounding.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rewrite.errors import SettingError

if TYPE_CHECKING:
    import torch


class Parallel:
    """The processes of this run. `main` writes the files.

    Raises:
        SettingError: several were asked for, and this one was started alone.
    """

    def __init__(self) -> None:
        self._accelerator = _accelerator()
        if self.world == 1 and os.environ.get("ACCELERATE_USE_CPU") == "True" and "MASTER_ADDR" in os.environ:
            todo = "Say --multi_gpu instead: without a GPU it starts processes on the CPU."  # true of accelerate 1.15
            raise SettingError("accelerate launch --cpu", "starts one process alone where there is no MPI", todo)

    @property
    def device(self) -> torch.device:
        return self._accelerator.device

    @property
    def rank(self) -> int:
        return int(self._accelerator.process_index)

    @property
    def world(self) -> int:
        """How many processes there are."""
        return int(self._accelerator.num_processes)

    @property
    def main(self) -> bool:
        return bool(self._accelerator.is_main_process)

    def wait(self) -> None:
        """Until all are here."""
        self._accelerator.wait_for_everyone()

    def mean(self, value: torch.Tensor) -> torch.Tensor:
        """The mean over processes."""
        return self._accelerator.reduce(value, "mean") if self.world > 1 else value

    def average_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Every gradient becomes its mean over processes."""
        import torch

        if self.world == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = self.mean(torch.cat([g.flatten() for g in gradients]))
        for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))


@lru_cache(maxsize=1)
def _accelerator() -> Any:
    import torch
    from accelerate import Accelerator

    return Accelerator(cpu=not torch.cuda.is_available())
