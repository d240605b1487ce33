"""How far does a model of inference deny the single claims of two captions? One short question at a time.

A model that reads two long captions overlooks who hits whom, and hears order hardly at all. Of one claim and its
opposite it is sure: "the driver hits the passenger" is denied where "the passenger hits the driver" is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rewrite.contrasts import contrasts
from rewrite.entailment import Inference, denial, said
from rewrite.weighing import KINDS

if TYPE_CHECKING:
    import numpy as np


def denied(inference: Inference, ways: Sequence[tuple[str, str]], batch: int, extend: str = "") -> np.ndarray:
    """(n, C) of (source, rewrite) pairs: by kind of claim, how much more one is denied than its opposite, at most.

    In log-odds of contradiction; 0 where no claim is denied more than its opposite, or none is asked.
    """
    import numpy as np

    asked = [(row, c) for row, (source, text) in enumerate(ways) for c in contrasts(source, text, extend)]
    premises = [ways[row][0 if c.of_rewrite else 1] for row, c in asked]
    pairs = [
        (premise, claim) for premise, (_, c) in zip(premises, asked, strict=True) for claim in (c.said, c.opposite)
    ]
    found = np.zeros((len(ways), len(KINDS)))
    if pairs:
        margins = denial(inference, said(inference, pairs, batch).logits).reshape(-1, 2) @ (1, -1)
        for (row, c), margin in zip(asked, margins.tolist(), strict=True):
            found[row, KINDS.index(c.kind)] = max(found[row, KINDS.index(c.kind)], margin)
    return found
