"""An inference model of sentence-transformers: any CrossEncoder with a class for entailment."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any

from rewrite.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


class CrossEncoderJudge:
    """It reads the beginning of what is too long.

    What its classifier reads is overheard: of the last linear layer that has an output for each class.
    """

    def __init__(self, path: str) -> None:
        from sentence_transformers import CrossEncoder
        from torch.nn import Linear
        from transformers.utils import logging

        logging.disable_progress_bar()
        try:
            self._model = CrossEncoder(path, local_files_only=True)
        except (OSError, ValueError) as error:
            what = f"is no CrossEncoder ({str(error).splitlines()[0][:200]})"
            raise ModelError(path, what, "Give the folder of an NLI model.") from None
        labels = {int(i): str(name).lower() for i, name in self._model.config.id2label.items()}
        found = [i for i, name in labels.items() if name.startswith("entail")]
        if len(found) != 1:
            named = ", ".join(labels.values())
            raise ModelError(path, f"has no class for entailment (its classes: {named})", "Give an NLI model.")
        self.classes, self.asked = len(labels), found[0]
        self.denies = next((i for i, name in labels.items() if name.startswith("contra")), None)
        self._pooled: Tensor | None = None
        self._lock = Lock()  # what one thread overhears is not another's
        lasts = [m for m in self._model.modules() if isinstance(m, Linear) and m.out_features == self.classes]
        if lasts:
            lasts[-1].register_forward_pre_hook(self._overhear)

    def read(self, pairs: Sequence[tuple[str, str]], batch: int) -> np.ndarray:
        import numpy as np

        with self._lock:
            found = self._model.predict(
                list(pairs), batch_size=batch, activation_fn=self._with_pooled, show_progress_bar=False
            )
        return np.asarray(found, np.float32)

    def _overhear(self, _classifier: Any, inputs: tuple[Tensor, ...]) -> None:
        self._pooled = inputs[0]

    def _with_pooled(self, logits: Tensor) -> Tensor:
        """As an activation, so that `predict` brings these rows into the order of the pairs too."""
        import torch

        pooled, self._pooled = self._pooled, None
        if pooled is None or pooled.ndim != 2 or len(pooled) != len(logits):
            return logits
        return torch.cat([logits, pooled.to(logits)], dim=1)
