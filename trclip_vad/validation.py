"""Validation on held-out training videos: weak labels only, so it asks two questions that these can answer.

`auc`, `ap`: does the top-k score tell anomalous videos from normal ones? Soon saturated, and blind to *where*.
`splice`: an anomalous video is set between the halves of a normal one, and the whole is scored at once. Snippets of the
normal video must come out lower than those of the anomalous one: a detector that smears one over the other fails.
(Half of an anomalous video is normal too, so the ceiling is below 1; only comparisons on equal videos mean something.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from trclip_vad.model import Detector
    from trclip_vad.text_bank import Bank

NAMES = ("auc", "ap", "splice")
SNIPPETS = 256  # T at most, whatever training used: recipes are compared on one grid


def validate(detector: Detector, bank: Bank, held: Sequence[int], draw: Callable[..., int]) -> dict[str, float]:
    """`auc`, `ap` over videos and `splice` (AUC over snippets); empty without both kinds of videos.

    Args:
        held: indices into the bank's training half.
        draw: a seeded hash of its arguments; says which normal video surrounds which anomalous one.
    """
    import torch
    from sklearn.metrics import average_precision_score, roc_auc_score

    from trclip_vad.losses import top_k_mean

    normal = (bank.classes[0],)
    kinds: dict[bool, list[int]] = {True: [], False: []}
    for index in held:
        kinds[bank.labels[index] != normal].append(index)
    if not kinds[True] or not kinds[False]:
        return {}
    read = {i: _tensors(bank, i) for i in held}
    says = []
    for index in held:
        scores = detector.scores(*read[index])
        says.append(float(top_k_mean(scores[None], torch.ones_like(scores, dtype=torch.bool)[None])))
    truth = [bank.labels[i] != normal for i in held]
    inside, spliced = [], []
    for index in kinds[True]:
        around = kinds[False][draw("splice", bank.names[index]) % len(kinds[False])]
        half = len(read[around][1]) // 2
        text, covered = (torch.cat([n[:half], a, n[half:]]) for a, n in zip(read[index], read[around], strict=True))
        inside += [half <= t < half + len(read[index][1]) for t in range(len(covered))]
        spliced += detector.scores(text, covered).tolist()
    return {
        "auc": float(roc_auc_score(truth, says)),
        "ap": float(average_precision_score(truth, says)),
        "splice": float(roc_auc_score(inside, spliced)),
    }


def _tensors(bank: Bank, index: int) -> tuple[torch.Tensor, torch.Tensor]:
    import torch

    text, covered = bank.text(index, 0, SNIPPETS)
    return torch.from_numpy(text), torch.from_numpy(covered)
