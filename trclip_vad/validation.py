"""Validation on held-out training videos: weak labels only, so it asks two questions that these can answer.

`auc`, `ap`: does the top-k score tell anomalous videos from normal ones? Soon saturated, and blind to *where*.
`splice`: an anomalous video is set between the halves of a normal one, and the whole is scored at once. Snippets of the
normal video must come out lower than those of the anomalous one: a detector that smears one over the other fails.
(Half of an anomalous video is normal too, so the ceiling is below 1; only comparisons on equal videos mean something.)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rewrite.errors import SettingError
from trclip_vad.sampling import whole

if TYPE_CHECKING:
    from trclip_vad.batch import Batch
    from trclip_vad.model import Detector
    from trclip_vad.paired import Paired

NAMES = ("auc", "ap", "splice")
SNIPPETS = 256  # T at most, whatever training used: recipes are compared on one grid


def validate(detector: Detector, data: Paired, held: Sequence[int], draw: Callable[..., int]) -> dict[str, float]:
    """`auc`, `ap` over videos and `splice` (AUC over snippets); empty without both kinds of videos.

    Args:
        held: indices into the training half.
        draw: a seeded hash of its arguments; says which normal video surrounds which anomalous one.

    Raises:
        SettingError: its weights have become no numbers.
    """
    import torch
    from sklearn.metrics import average_precision_score, roc_auc_score

    from trclip_vad.losses import top_k_mean

    normal = (data.classes[0],)
    kinds: dict[bool, list[int]] = {True: [], False: []}
    for index in held:
        kinds[data.labels[index] != normal].append(index)
    if not kinds[True] or not kinds[False]:
        return {}
    device = next(detector.parameters()).device
    read = {i: whole(data, i, SNIPPETS).to(device) for i in held}
    says = []
    for index in held:
        scores = detector.scores(read[index])
        says.append(float(top_k_mean(scores[None], torch.ones_like(scores, dtype=torch.bool)[None])))
    truth = [data.labels[i] != normal for i in held]
    inside, spliced = [], []
    for index in kinds[True]:
        around = kinds[False][draw("splice", data.names[index]) % len(kinds[False])]
        half, length = read[around].mask.shape[1] // 2, read[index].mask.shape[1]
        both = splice(read[index], read[around], half)
        inside += [half <= t < half + length for t in range(both.mask.shape[1])]
        spliced += detector.scores(both).tolist()
    if not all(map(math.isfinite, [*says, *spliced])):
        raise SettingError("optimiser.lr", "led to scores that are no numbers, on the held-out videos", "Lower it.")
    return {
        "auc": float(roc_auc_score(truth, says)),
        "ap": float(average_precision_score(truth, says)),
        "splice": float(roc_auc_score(inside, spliced)),
    }


def splice(inner: Batch, around: Batch, at: int) -> Batch:
    """One video (B = 1) set into another before its snippet `at`."""
    import torch

    def joined(a: torch.Tensor | None, n: torch.Tensor | None) -> torch.Tensor | None:
        return None if a is None or n is None else torch.cat([n[:, :at], a, n[:, at:]], dim=1)

    mask = torch.cat([around.mask, inner.mask], dim=1)
    text, covered = joined(inner.text, around.text), joined(inner.covered, around.covered)
    return replace(inner, text=text, covered=covered, mask=mask, visual=joined(inner.visual, around.visual))
