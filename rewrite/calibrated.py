"""What is known of an inference model: thresholds and weights, as the library ships them or as `calibrate` wrote them.

Logits mean nothing without their model, so all of it belongs to the digest of what decides a model's numbers
(`rewrite.weights.numbers_digest`), and to the encoder's whose cosine is weighed in.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from rewrite.errors import SettingError
from rewrite.records import Candidate
from rewrite.weighing import Weighing, revived

_FILE = Path(__file__).resolve().parent / "lexicons" / "calibrated.yaml"
_ALONE = "alone"  # the weighing that reads no cosine
_WHERE = "nli.weighing"
_REMEDY = "Make one with: cli.py calibrate."


@dataclass(frozen=True)
class Calibration:
    """How what a model says becomes a verdict.

    Attributes:
        least, least_doubted: how sure it must be, of any candidate and of one that a rule doubts.
        contradiction_above: what both ways say on average, above which a drop is called contradicted.
        contradicted_below: what neither way may reach for a drop to be called so; for models whose share is entailment.
        weighing: None takes the smaller of what both ways say.
        encoder: digest of the encoder whose cosine is weighed in; empty where none is.
    """

    least: float
    least_doubted: float
    contradiction_above: float
    weighing: Weighing | None
    encoder: str
    contradicted_below: float = 0.0

    def least_of(self, candidate: Candidate) -> float:
        """How sure it must be of a candidate."""
        return self.least_doubted if candidate.flags else self.least

    def contradicts(self, forward: float, backward: float) -> bool:
        """Whether what the model says both ways is called a contradiction."""
        return (forward + backward) / 2 > self.contradiction_above or max(forward, backward) < self.contradicted_below

    def described(self) -> dict[str, Any]:
        """Plain json."""
        return {**asdict(self), "weighing": self.weighing.described() if self.weighing else None}


UNCALIBRATED = Calibration(0.5, 0.8, 1.0, None, "", 0.5)  # of probabilities of entailment


@lru_cache(maxsize=8)
def shipped(model: str, encoder: str) -> Calibration | None:
    """What the library knows of a model, best with the cosine of this encoder; None where it knows nothing.

    Args:
        model, encoder: digests; an empty `encoder` is none.
    """
    import yaml

    table: Mapping[str, Any] = yaml.safe_load(_FILE.read_bytes()).get(model, {})
    name = encoder if encoder in table else _ALONE
    if name not in table:
        return None
    return _parsed(table[name], name if name != _ALONE else "", _FILE.name)


@lru_cache(maxsize=8)
def stated(weighing: str, model: str, bare: str, encoder: str, least: float, least_doubted: float) -> Calibration:
    """The setting `nli.weighing` with its thresholds.

    Args:
        model, encoder: digests of what it is to be used with.
        bare: digest of the model without its adapter; the same where it has none.

    Raises:
        SettingError: it is none, or was made with other models.
    """
    try:
        found = json.loads(weighing)
        of, needs = str(found["of"]), str(found["encoder"])
    except (ValueError, KeyError, TypeError) as error:
        raise SettingError(_WHERE, f"is none ({error!r})", _REMEDY) from None
    if of == bare != model:
        todo = "Run with --set nli.adapter=none, or run cli.py calibrate again."
        raise SettingError(_WHERE, "was made without the adapter that the model has now", todo)
    if of != model:
        what = "is of another NLI model, or of another adapter"
        raise SettingError(_WHERE, what, "Run cli.py calibrate with this one.")
    if needs not in ("", encoder):
        todo = "Set nli.encoder to it, or keep similarity with it in the chain."
        raise SettingError(_WHERE, "needs the sentence encoder that it was made with", todo)
    return _parsed({**found, "least": least, "least_doubted": least_doubted, "weighing": found}, needs, _WHERE)


def setting_of(weighing: Weighing, contradiction_above: float, model: str, encoder: str) -> str:
    """The setting `nli.weighing` that `stated` reads."""
    # Of a model that is not loud of contradictions, what both ways say is entailment.
    below = {"contradicted_below": UNCALIBRATED.contradicted_below if contradiction_above == 1 else 0.0}
    named = {"of": model, "encoder": encoder, "contradiction_above": contradiction_above}
    kept = {**named, **below, **weighing.described()}
    return json.dumps(kept, separators=(",", ":"))


def _parsed(found: Mapping[str, Any], encoder: str, where: str) -> Calibration:
    try:
        least, doubted, above = (float(found[n]) for n in ("least", "least_doubted", "contradiction_above"))
        below = float(found.get("contradicted_below", 0.0))
    except (KeyError, TypeError, ValueError) as error:
        raise SettingError(where, f"is none ({error!r})", _REMEDY) from None
    return Calibration(least, doubted, above, revived(found["weighing"], where), encoder, below)
