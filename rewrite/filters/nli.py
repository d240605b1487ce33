"""Does each say what the other says? Natural language inference, both ways; it also clears or confirms doubts.

From source to rewrite a low number means something was added, from rewrite to source that something was lost; with a
model that has contradiction at its high end, numbers above the band mean that the two deny each other. Who denies is
denied: both ways are asked together, since one high number alone stands beside many a paraphrase.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rewrite.entailment import calibrated, is_onnx, score
from rewrite.errors import ModelError
from rewrite.records import Candidate, Verdict
from rewrite.settings import describe, operational, setting
from rewrite.weights import locate, weights_digest

_ROLES = "role_unsure"
_ENTAILS = {"low": 0.5, "high": 1.0, "low_doubted": 0.8, "high_doubted": 1.0}  # a probability of entailment


@dataclass(frozen=True)
class NLI:
    """Reasons: contradicted, invented, dropped; of a doubted candidate the doubt's own name.

    Stores `nli_forward` (source -> rewrite), `nli_backward`, and `nli` in [0, 1], how well both lie in the band: the
    smaller number where the band ends at 1 (a probability of entailment), else the nearness to its middle, so that a
    number close to contradiction counts as little as one close to nothing said. A candidate that a rule doubts must lie
    in the narrower band. Unset thresholds are those calibrated for the model, by its digest.
    """

    clears: ClassVar[bool] = True

    model: str = setting("", "a CrossEncoder (folder or hub name), or a folder of one .onnx and its tokenizer.json")
    low: float | None = setting(None, "least number both ways; none: as calibrated for this model")
    high: float | None = setting(None, "greatest mean of both ways; where roles are doubted, greatest number")
    low_doubted: float | None = setting(None, "the same for a candidate that a rule doubts")
    high_doubted: float | None = setting(None, "the same for a candidate that a rule doubts")
    batch: int = operational(32, "pairs judged at a time")

    def __post_init__(self) -> None:
        for name in _ENTAILS:
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"{name} must lie in [0, 1]")

    def identity(self) -> dict[str, Any]:
        path = self._path()
        name = self.model if not path.samefile(self.model) else path.name
        return {**describe(self, identity_only=True), **self._band(), "model": name, "weights": weights_digest(path)}

    def judge(self, candidates: Sequence[Candidate]) -> list[Verdict]:
        if not candidates:
            return []
        band = self._band()
        ways = [(c.draft.source, c.text) for c in candidates]
        forward = score(self.model, ways, self.batch)
        backward = score(self.model, [(text, source) for source, text in ways], self.batch)
        return [
            _verdict(c, round(float(f), 3), round(float(b), 3), band)
            for c, f, b in zip(candidates, forward, backward, strict=True)
        ]

    def _path(self) -> Any:
        if not self.model:
            todo = "Give --set nli.model=NAME_OR_PATH, or choose --filters fast."
            raise ModelError("filter nli", "no model is named", todo)
        return locate(self.model, "an NLI model")

    def _band(self) -> dict[str, float]:
        stated = {name: getattr(self, name) for name in _ENTAILS}
        if None not in stated.values():
            return stated
        known = calibrated(weights_digest(self._path()))
        if known is None and is_onnx(self._path()):  # its number may mean anything
            todo = (
                "Run cli.py calibrate and give its file by --settings, or set nli.low, high, low_doubted, high_doubted."
            )
            raise ModelError(self.model, "is an NLI model without known thresholds", todo)
        return {name: (known or _ENTAILS)[name] if value is None else value for name, value in stated.items()}


def _verdict(candidate: Candidate, forward: float, backward: float, band: dict[str, float]) -> Verdict:
    kind = "_doubted" if candidate.flags else ""
    low, high = band[f"low{kind}"], band[f"high{kind}"]
    reason = ""
    if denial(forward, backward, candidate.flags) > high:
        reason = "contradicted"
    elif forward < low:
        reason = "invented"
    elif backward < low:
        reason = "dropped"
    if reason and candidate.flags:
        reason = candidate.flags[0]
    agreed = min(_nearness(number, band["low"], band["high"]) for number in (forward, backward))
    return Verdict(not reason, reason, {"nli": agreed, "nli_forward": forward, "nli_backward": backward})


def denial(forward: float, backward: float, flags: Sequence[str]) -> float:
    """How much two captions deny each other: the mean of both ways, the greater where a rule doubts who does it.

    Of two who have changed places a model often hears no more than one way.
    """
    return max(forward, backward) if _ROLES in flags else (forward + backward) / 2


def _nearness(number: float, low: float, high: float) -> float:
    """1 at the middle of a band that ends below 1, 0 at its edges and beyond; the number itself in any other."""
    if high >= 1 or high <= low:
        return number
    return round(max(0.0, 1 - abs(2 * number - low - high) / (high - low)), 3)
