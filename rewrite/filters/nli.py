"""Does each say what the other says? Natural language inference, both ways; it also clears or confirms doubts.

What the model says both ways, and the cosine of the two captions, are weighed into one number: how sure it is that both
say the same (rewrite/weighing.py). Of a model that nobody has calibrated it is the smaller probability of entailment.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rewrite.embeddings import locate_encoder, vectors
from rewrite.entailment import calibrated, is_onnx, logits, share
from rewrite.errors import ModelError, SettingError
from rewrite.records import Candidate, Verdict
from rewrite.settings import describe, operational, setting
from rewrite.weighing import Weighing, gather, revived
from rewrite.weights import locate, weights_digest

if TYPE_CHECKING:
    import numpy as np

_ENTAILS = {"least": 0.5, "least_doubted": 0.8, "denies": 1.0}  # of probabilities of entailment
_ALONE = "alone"  # the weighing that reads no cosine


@dataclass(frozen=True)
class NLI:
    """Reasons: contradicted, invented, dropped; of a doubted candidate the doubt's own name.

    Stores `nli` in [0, 1], how sure it is that both say the same, by which candidates are kept; and `nli_forward`
    (source -> rewrite) and `nli_backward`, what the model itself says: the probability of its entailment class, of an
    ONNX model that of its last class. Unset thresholds and weights are those measured for the model, by its digest.
    """

    clears: ClassVar[bool] = True

    model: str = setting("", "a CrossEncoder (folder or hub name), or a folder of one .onnx and its tokenizer.json")
    encoder: str = setting("", "encoder whose cosine is weighed in, where calibrated with the model; none: the chain's")
    least: float | None = setting(None, "least `nli` to be kept; none: as calibrated for this model")
    least_doubted: float | None = setting(None, "the same for a candidate that a rule doubts")
    weighing: str = setting("", "json that `calibrate` wrote; none: the weights measured for this model")
    batch: int = operational(32, "pairs that a CrossEncoder judges at a time")

    def __post_init__(self) -> None:
        for name in ("least", "least_doubted"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"{name} must lie in [0, 1]")

    def identity(self) -> dict[str, Any]:
        path = self._path()
        name = self.model if not path.samefile(self.model) else path.name
        settings = describe(self, identity_only=True)
        return {**settings, **self._known(), "model": name, "weights": weights_digest(path)}

    def judge(self, candidates: Sequence[Candidate]) -> list[Verdict]:
        import numpy as np

        if not candidates:
            return []
        known = self._known()
        ways = [(c.draft.source, c.text) for c in candidates]
        ahead, back = self._both(ways)
        forward, backward = share(self.model, ahead), share(self.model, back)
        if known["weighing"]:
            cosine = self._cosine(ways) if known["encoder"] else None
            sure = revived(known["weighing"], "nli.weighing").sure(gather(ahead, back, cosine))
        else:
            sure = np.minimum(forward, backward)
        # Three digits: the last bits differ between machines, a verdict should not.
        numbers = np.stack([sure, forward, backward], axis=1).astype(float).round(3)
        return [_verdict(c, row, known) for c, row in zip(candidates, numbers.tolist(), strict=True)]

    def evidence(self, ways: Sequence[tuple[str, str]]) -> np.ndarray:
        """(n, F) of (source, rewrite) pairs: what a weighing is fitted to, with the cosine where an encoder is set."""
        return gather(*self._both(ways), self._cosine(ways) if self.encoder else None)

    def shares(self, ways: Sequence[tuple[str, str]]) -> np.ndarray:
        """(n, 2) of (source, rewrite) pairs: what `nli_forward` and `nli_backward` give."""
        import numpy as np

        return np.stack([share(self.model, logits) for logits in self._both(ways)], axis=1)

    def described(self, weighing: Weighing, denies: float) -> str:
        """A fitted weighing as the setting `weighing`: with the digests of the models it belongs to."""
        weights = {"of": weights_digest(self._path()), "encoder": self._encoder(), "denies": denies}
        return json.dumps({**weights, **weighing.described()}, separators=(",", ":"))

    def _both(self, ways: Sequence[tuple[str, str]]) -> tuple[np.ndarray, np.ndarray]:
        """(n, K) each: logits from source to rewrite, and back."""
        turned = [(text, source) for source, text in ways]
        return logits(self.model, ways, self.batch), logits(self.model, turned, self.batch)

    def _cosine(self, ways: Sequence[tuple[str, str]]) -> np.ndarray:
        import numpy as np

        texts = sorted({text for way in ways for text in way})
        row = dict(zip(texts, vectors(self.encoder, texts), strict=True))
        return np.array([round(float(row[source] @ row[text]), 3) for source, text in ways])

    def _path(self) -> Path:
        if not self.model:
            todo = "Give --set nli.model=NAME_OR_PATH, or choose --filters fast."
            raise ModelError("filter nli", "no model is named", todo)
        return locate(self.model, "an NLI model")

    def _encoder(self) -> str:
        """The digest of the encoder; empty where none is set."""
        return weights_digest(locate_encoder(self.encoder)) if self.encoder else ""

    def _known(self) -> dict[str, Any]:
        """Thresholds, `denies`, the weights, and the digest of the encoder that they read ("": none)."""
        found = self._stated() if self.weighing else self._measured()
        for name in ("least", "least_doubted"):
            if (value := getattr(self, name)) is not None:
                found[name] = value
        return found

    def _stated(self) -> dict[str, Any]:
        """The weights of a settings file."""
        try:
            found = json.loads(self.weighing)
            of, encoder, denies = found["of"], found["encoder"], float(found["denies"])
        except (ValueError, KeyError, TypeError) as error:
            raise SettingError("nli.weighing", f"is none ({error})", "Make one with: cli.py calibrate.") from None
        if of != weights_digest(self._path()) or encoder not in ("", self._encoder()):
            todo = "Run cli.py calibrate with these."
            raise SettingError("nli.weighing", "was made with another NLI model or sentence encoder", todo)
        weights = revived(found, "nli.weighing").described()
        return {**_ENTAILS, "denies": denies, "weighing": weights, "encoder": encoder}

    def _measured(self) -> dict[str, Any]:
        """What the library knows of a model."""
        table = calibrated(weights_digest(self._path()))
        if (encoder := self._encoder()) and encoder in table:
            return {**table[encoder], "encoder": encoder}
        if _ALONE in table:
            return {**table[_ALONE], "encoder": ""}
        if is_onnx(self._path()):  # its numbers may mean anything
            todo = "Run cli.py calibrate and give its file by --settings."
            raise ModelError(self.model, "is an NLI model that was never calibrated", todo)
        return {**_ENTAILS, "weighing": None, "encoder": ""}


def _verdict(candidate: Candidate, numbers: list[float], known: Mapping[str, Any]) -> Verdict:
    reason, (sure, forward, backward) = "", numbers
    if sure < known["least_doubted" if candidate.flags else "least"]:
        if candidate.flags:
            reason = candidate.flags[0]
        elif (forward + backward) / 2 > known["denies"]:
            reason = "contradicted"
        else:
            reason = "invented" if forward <= backward else "dropped"
    return Verdict(not reason, reason, {"nli": sure, "nli_forward": forward, "nli_backward": backward})
