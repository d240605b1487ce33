"""Does each say what the other says? Natural language inference, both ways; it also clears or confirms doubts.

What the model says both ways, the vector that its classifier reads, the cosine of the two captions, and how far single
claims of the one are denied by the other (rewrite/claims.py) are weighed into one number: how sure it is that both say
the same (rewrite/weighing.py). A model with an adapter (rewrite/adapter.py) has learned entailment of captions: what it
says both ways is enough. Of a model that nobody has calibrated it is the smaller probability of entailment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rewrite.adapter import learned_of, read_adapter, shipped_adapter
from rewrite.calibrated import UNCALIBRATED, Calibration, setting_of, shipped, stated
from rewrite.claims import denied
from rewrite.embeddings import cosines, locate_encoder
from rewrite.entailment import Inference, Said, said, share
from rewrite.errors import ModelError, SettingError
from rewrite.filters.rules import rule_identity
from rewrite.manifest import digest
from rewrite.records import Candidate, Verdict
from rewrite.settings import describe, operational, setting
from rewrite.weighing import KINDS, Evidence, Weighing, gather
from rewrite.weights import is_onnx, locate, numbers_digest, weights_digest, written_name

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class NLI:
    """Reasons: contradicted, invented, dropped; role or order, where denied claims decide; of a doubt its own name.

    A model with the library's adapter is asked no claims: what it denies is contradicted, whatever its kind.

    Stores `nli` in [0, 1], how sure it is that both say the same, by which candidates are kept; and `nli_forward`
    (source -> rewrite) and `nli_backward`, what the model itself says: the probability of entailment, of an ONNX model
    without an adapter that of its last class. Unset thresholds and weights are those measured for the model, by its
    digest. A CrossEncoder that was never measured is held against 0.5, and 0.8 where a rule doubts, of its probability
    of entailment; such an ONNX model is refused.
    """

    clears: ClassVar[bool] = True

    model: str = setting("", "a CrossEncoder (folder or hub name), or a folder of one .onnx and its tokenizer.json")
    encoder: str = setting("", "encoder whose cosine is weighed in, where calibrated with the model; none: the chain's")
    least: float | None = setting(None, "least `nli` to be kept; none: as calibrated for this model")
    least_doubted: float | None = setting(None, "the same for a candidate that a rule doubts")
    weighing: str = setting("", "json that `calibrate` wrote; none: the weights measured for this model")
    lexicon: str = setting("", "a YAML file that adds to rewrite/lexicons")
    adapter: str = setting("", "a .safetensors of benchmarks/adapt.py, or `none`; empty: the library's for this model")
    batch: int = operational(32, "pairs that a CrossEncoder judges at a time")

    def __post_init__(self) -> None:
        for name in ("least", "least_doubted"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"{name} must lie in [0, 1]")

    def identity(self) -> dict[str, Any]:
        path, settings = self.located(), describe(self, identity_only=True)
        adapter = self.adapted()
        named = {"model": written_name(self.model), "weights": weights_digest(path)}
        named["adapter"] = read_adapter(adapter).digest if adapter else "none"
        return {**settings, **self._calibration().described(), **named, **rule_identity(self.lexicon)}

    def note(self) -> str:
        """What a user should hear of before anything is judged; empty where there is nothing."""
        if not self.encoder or self.weighing or self.adapted():  # an adapter learned what a cosine would tell
            return ""
        if (known := self._calibration()).weighing and not known.encoder:
            return (
                f"nli: {written_name(self.model)} was never calibrated with {written_name(self.encoder)}; "
                "it is weighed without the cosine. cli.py calibrate weighs both."
            )
        return ""

    def judge(self, candidates: Sequence[Candidate]) -> list[Verdict]:
        import numpy as np

        if not candidates:
            return []
        known = self._calibration()
        ways = [(c.draft.source, c.text) for c in candidates]
        asked, (ahead, back) = self._inference(), self._both(ways)
        forward, backward = share(asked, ahead.logits), share(asked, back.logits)
        claims = [""] * len(ways)
        if known.weighing:
            least = np.array([known.least_of(c) for c in candidates])
            before = _before_claims(ahead, back, self._cosine(ways) if known.encoder else None)
            sure, claims = self._weighed(ways, before, least, known.weighing)
        else:
            sure = np.minimum(forward, backward)
        # Three digits: the last bits differ between machines, a verdict should not.
        numbers = np.stack([sure, forward, backward], axis=1).astype(float).round(3)
        rows = zip(candidates, numbers.tolist(), claims, strict=True)
        return [_verdict(c, row, known, claim) for c, row, claim in rows]

    def _weighed(
        self, ways: Sequence[tuple[str, str]], before: Evidence, least: np.ndarray, weighing: Weighing
    ) -> tuple[np.ndarray, list[str]]:
        """(n,) how sure it is, and for each pair that denied claims keep below `least` their kind that weighs most.

        Claims only speak against a pair: of one that is too unsure without them they are not asked.
        """
        import numpy as np

        denials = before.denied.copy()
        passes = weighing.sure(before) >= least
        rows = np.flatnonzero(passes).tolist() if any(weighing.against) else []
        denials[rows] = denied(self._inference(), [ways[row] for row in rows], self.batch, self.lexicon)
        sure = weighing.sure(replace(before, denied=denials))
        loudest = (denials * weighing.against).argmax(axis=1)
        fallen = passes & ~(sure >= least)
        return sure, [KINDS[kind] if fell else "" for kind, fell in zip(loudest, fallen, strict=True)]

    def evidence(self, ways: Sequence[tuple[str, str]]) -> Evidence:
        """Of (source, rewrite) pairs, what a weighing is fitted to; with the cosine where an encoder is set."""
        before = _before_claims(*self._both(ways), self._cosine(ways) if self.encoder else None)
        return replace(before, denied=denied(self._inference(), ways, self.batch, self.lexicon))

    def shares(self, ways: Sequence[tuple[str, str]]) -> np.ndarray:
        """(n, 2) of (source, rewrite) pairs: what `nli_forward` and `nli_backward` give."""
        import numpy as np

        return np.stack([share(self._inference(), way.logits) for way in self._both(ways)], axis=1)

    def learned(self, sources: Sequence[str]) -> int:
        """How many of these sources of pairs the model's adapter was fitted to."""
        adapter = self.adapted()
        return learned_of(read_adapter(adapter), sources) if adapter else 0

    def described(self, weighing: Weighing, contradiction_above: float) -> str:
        """A fitted weighing as the setting `weighing`: with the digests of the models it belongs to."""
        return setting_of(weighing, contradiction_above, self._measured(), self._encoder())

    def located(self) -> Path:
        """Where the model lies.

        Raises:
            ModelError: none is named, or it is not there.
        """
        if not self.model:
            todo = "Give --set nli.model=NAME_OR_PATH, or choose --filters fast."
            raise ModelError("filter nli", "no model is named", todo)
        return locate(self.model, "an NLI model")

    def adapted(self) -> Path | None:
        """The file of the model's adapter; None where it has none, or is to be left as it is.

        Raises:
            ModelError: the adapter is none, or of another model.
        """
        model = numbers_digest(self.located())
        if self.adapter in ("", "none"):
            return shipped_adapter(model) if not self.adapter else None
        file = Path(self.adapter).expanduser()
        if read_adapter(file).of != model:
            raise ModelError(file, f"is an adapter of another model than {self.model}", "Run with nli.adapter=none.")
        return file

    def _inference(self) -> Inference:
        return Inference(self.model, str(self.adapted() or ""))

    def _measured(self) -> str:
        """The digest of what is calibrated: the model, with its adapter where it has one."""
        model, adapter = numbers_digest(self.located()), self.adapted()
        return digest({"model": model, "adapter": read_adapter(adapter).digest}) if adapter else model

    def _both(self, ways: Sequence[tuple[str, str]]) -> tuple[Said, Said]:
        """From source to rewrite, and back."""
        turned = [(text, source) for source, text in ways]
        asked = self._inference()
        return said(asked, ways, self.batch), said(asked, turned, self.batch)

    def _cosine(self, ways: Sequence[tuple[str, str]]) -> np.ndarray:
        import numpy as np

        return np.array(cosines(self.encoder, ways))

    def _encoder(self) -> str:
        """The digest of the encoder; empty where none is set."""
        return numbers_digest(locate_encoder(self.encoder)) if self.encoder else ""

    def _calibration(self) -> Calibration:
        """Of the settings where they state one, else the one measured for the model; set thresholds win."""
        path = self.located()
        model, encoder = self._measured(), self._encoder()
        if self.weighing:
            if self.least is None or self.least_doubted is None:
                todo = "Give the whole file that cli.py calibrate wrote by --settings, or set all three."
                raise SettingError("nli.weighing", "needs the nli.least and nli.least_doubted chosen for it", todo)
            return stated(self.weighing, model, numbers_digest(path), encoder, self.least, self.least_doubted)
        known = shipped(model, encoder)
        if known is None and is_onnx(path):  # its numbers may mean anything
            todo = "Run cli.py calibrate and give its file by --settings."
            what = "was never calibrated with this adapter" if self.adapted() else "was never calibrated"
            raise ModelError(self.model, f"is an NLI model that {what}", todo)
        set_here = {name: value for name in ("least", "least_doubted") if (value := getattr(self, name)) is not None}
        return replace(known or UNCALIBRATED, **set_here)


def _before_claims(ahead: Said, back: Said, cosine: np.ndarray | None) -> Evidence:
    """What is known of pairs before claims are asked: the same whichever caption stands first."""
    import numpy as np

    heard = gather(ahead.logits, back.logits, cosine)
    return Evidence(heard, np.zeros((len(heard), len(KINDS))), ahead.pooled + back.pooled)


def _verdict(candidate: Candidate, numbers: list[float], known: Calibration, claim: str) -> Verdict:
    reason, (sure, forward, backward) = "", numbers
    if not sure >= known.least_of(candidate):  # what is no number is not sure
        if claim or candidate.flags:
            reason = claim or candidate.flags[0]
        elif known.contradicts(forward, backward):
            reason = "contradicted"
        else:
            reason = "invented" if forward <= backward else "dropped"
    return Verdict(not reason, reason, {"nli": sure, "nli_forward": forward, "nli_backward": backward})
