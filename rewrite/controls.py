"""Controls: what a gain from rewrites must beat before anybody may say that their meaning did it.

  duplicated    the caption again in place of every rewrite: the same steps, nothing new to read
  random_words  words drawn from the corpus in place of a rewrite's words, as many CLIP tokens (WaffleCLIP's question)
  shuffled      the rewrites of another caption: good sentences, wrong pairs

Each keeps which caption has how many rewrites, so a run with a control takes the same steps. A new control is one
function and one line on the board.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace

from rewrite.errors import CorpusError
from rewrite.filters.length import clip_tokens
from rewrite.wordings import Wordings

MARKS = 2  # CLIP's begin and end, counted by `clip_tokens` with every text


def duplicated(texts: Mapping[str, Wordings], seed: int) -> dict[str, Wordings]:
    """Every rewrite becomes its caption. Tokens differ from the rewrites' as much as the rewrites do from captions."""
    return {source: replace(w, rewrites=(w.source,) * len(w.rewrites)) for source, w in texts.items()}


def random_words(texts: Mapping[str, Wordings], seed: int) -> dict[str, Wordings]:
    """Every rewrite becomes words of the corpus's captions and rewrites, drawn by a seed of its own.

    As many CLIP tokens as the rewrite has: the last words are drawn among those that still fit. Where a rewrite
    holds its caption whole, as the description of a class holds the class's name, the caption stays in front.
    """
    said = {word for w in texts.values() for text in (w.source, *w.rewrites) for word in _words(text)}
    tokens = {word: clip_tokens(word) - MARKS for word in sorted(said)}
    by_cost: dict[int, list[str]] = {}
    for word, cost in tokens.items():
        by_cost.setdefault(cost, []).append(word)
    fitting = {}
    for most in range(1, max(by_cost, default=0) + 1):
        fitting[most] = [word for cost in sorted(by_cost) if 0 < cost <= most for word in by_cost[cost]]

    def drawn(source: str, caption: str, wanted: str, slot: int) -> str:
        draw = random.Random(f"{seed}:{source}:{slot}:words")
        words = [caption] if caption.lower() in wanted.lower() else []
        left = clip_tokens(wanted) - (clip_tokens(" ".join(words)) if words else MARKS)
        while left > 0 and (choice := fitting.get(min(left, len(fitting)))):
            words.append(draw.choice(choice))
            left -= tokens[words[-1]]
        return " ".join(words) or caption

    return {
        source: replace(w, rewrites=tuple(drawn(source, w.source, r, slot) for slot, r in enumerate(w.rewrites)))
        for source, w in texts.items()
    }


def shuffled(texts: Mapping[str, Wordings], seed: int) -> dict[str, Wordings]:
    """Every caption gets the rewrites of another one, each list used once.

    Captions of equal count and equally many rewrites stand next to each other in the ring that is turned by one
    place, otherwise in an order drawn by the seed: so the tokens over all rows stay nearly the same.

    Raises:
        CorpusError: fewer than two captions have rewrites.
    """
    having = [source for source, w in texts.items() if w.rewrites]
    if len(having) < 2:
        raise CorpusError("--control shuffled", "fewer than two captions have rewrites", "Choose another control.")
    dice = {source: random.Random(f"{seed}:{source}:ring").random() for source in having}
    ring = sorted(having, key=lambda s: (texts[s].rows, len(texts[s].rewrites), dice[s], s))
    given = {source: texts[ring[place - 1]].rewrites for place, source in enumerate(ring)}
    return {source: replace(w, rewrites=given.get(source, ())) for source, w in texts.items()}


def _words(text: str) -> list[str]:
    stripped = (word.strip(".,;:!?\"'()[]“”‘’").lower() for word in text.split())
    return [word for word in stripped if word]


CONTROLS: dict[str, Callable[[Mapping[str, Wordings], int], dict[str, Wordings]]] = {
    "duplicated": duplicated,
    "random_words": random_words,
    "shuffled": shuffled,
}
