"""Which wording of a caption a training step sees: drawn per (sample, epoch), for any trainer in Python."""

from __future__ import annotations

import hashlib
from pathlib import Path

from rewrite.controls import CONTROLS
from rewrite.corpus import open_corpus
from rewrite.errors import InputError, SettingError, did_you_mean
from rewrite.settings import pick
from rewrite.wordings import read_wordings

MIXES = ("original", "uniform")


class CorpusSampler:
    """Picks a wording by a hash of (seed, epoch, caption id): no state, no order, the same in every worker.

        sampler = CorpusSampler("corpora/mine", original=0.5)
        text = sampler("cam01#0", epoch=3)

    The mix:
      "original"  the caption's own words with probability `original`, otherwise one of its kept rewrites, each as
                  likely as the next. original=1 trains on captions alone.
      "uniform"   LaCLIP's rule: one of the caption and its rewrites, all equally likely. A caption with three
                  rewrites is then read in its own words a quarter of the time.
    A caption without rewrites is always read in its own words. Rewrites can help retrieval and hurt classification:
    state the mix beside every result, and never leave the captions out.

    Plain strings inside: it can be pickled to the workers of a torch DataLoader. The corpus is opened, and held
    against its digests, once.
    """

    def __init__(
        self,
        corpus: Path | str,
        *,
        original: float = 0.5,
        mix: str = "original",
        seed: int = 0,
        control: str | None = None,
    ) -> None:
        """
        Args:
            corpus: a sealed corpus.
            original: probability of the caption's own words, in [0, 1]; only in the mix "original".
            mix: "original" or "uniform".
            seed: of every draw.
            control: in place of the rewrites read `duplicated`, `random_words` or `shuffled` ones.

        Raises:
            CorpusError: not a corpus, not finished, or edited.
            SettingError: no such mix or control, or a probability outside [0, 1].
        """
        if mix not in MIXES:
            raise SettingError(f"mix {mix!r}", "there is none of that name", did_you_mean(mix, MIXES))
        if not 0 <= original <= 1:
            raise SettingError("original", f"{original} is not a probability", "Give a number from 0 to 1.")
        samples, texts = read_wordings(open_corpus(Path(corpus)))
        if control is not None:
            texts = pick(CONTROLS, control, "control")(texts, seed)
        self.mix, self.original, self.seed = mix, original, seed
        self._source = {str(sample.fields["id"]): sample.source_id for sample in samples}
        self._texts = {source: (w.source, *w.rewrites) for source, w in texts.items()}

    def __len__(self) -> int:
        return len(self._source)

    @property
    def ids(self) -> list[str]:
        """The captions' ids, in the corpus's order."""
        return list(self._source)

    def versions(self, sample: str) -> tuple[str, ...]:
        """The caption's own words, then its rewrites.

        Raises:
            InputError: the corpus has no caption of that id.
        """
        if sample not in self._source:
            raise InputError(f"caption {sample!r}", "the corpus has none of that id", "Take one of `ids`.")
        return self._texts[self._source[sample]]

    def pick(self, sample: str, epoch: int) -> int:
        """Which of `versions`: 0 is the caption's own words."""
        rewrites = len(self.versions(sample)) - 1
        drawn = _uniform(f"{self.seed}:{epoch}:{sample}")
        if self.mix == "uniform":
            return int(drawn * (rewrites + 1))
        if not rewrites or drawn < self.original:
            return 0
        return 1 + min(int((drawn - self.original) / (1 - self.original) * rewrites), rewrites - 1)

    def __call__(self, sample: str, epoch: int) -> str:
        """The words that this sample is read in, in this epoch."""
        return self.versions(sample)[self.pick(sample, epoch)]


def _uniform(key: str) -> float:
    """A number in [0, 1), of 53 bits."""
    return (int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) >> 11) / (1 << 53)
