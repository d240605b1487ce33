"""Plans the calls: which prompt, which examples, which seed. Pure: the same captions give the same requests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from rewrite.manifest import canonical, digest
from rewrite.records import Caption, Request, Sampling
from rewrite.settings import describe
from rewrite.templates import STOP, FewShot, Template


def plan(
    captions: Iterable[Caption],
    templates: dict[str, Template],
    *,
    variants: int,
    sampling: Sampling,
    few_shot: FewShot,
    seed: int,
    engine: dict[str, Any],
    warmer: float = 0.0,
) -> list[Request]:
    """One request per (unique text, template, variant), equal few-shot prefixes side by side.

    Each request's seed and examples come from a hash of (seed, text, template, variant) alone, so neither the
    order of the captions, nor the batch size, nor a restart changes what is asked.

    Args:
        captions: rows; equal texts are asked once.
        variants: draws per text and template.
        engine: the backend's identity; another model gives other draft ids.
        warmer: added to the temperature with each variant.
    """
    texts = dict(sorted({c.source_id: c for c in reversed(list(captions))}.items()))
    asked: list[Request] = []
    for name, template in sorted(templates.items()):
        sets = template.few_shot_sets(few_shot, seed)
        warmth = [
            replace(sampling, temperature=temperature_of(variant, sampling.temperature, warmer))
            for variant in range(variants)
        ]
        rules = [digest({"sampling": describe(some), "engine": engine, "stop": STOP}) for some in warmth]
        for source_id, caption in texts.items():
            if not template.speaks_of(caption):
                continue
            for variant in range(variants):
                key = canonical([seed, source_id, name, variant])
                shown = _hash(f"examples:{key}") % len(sets)
                prompt = template.render(caption, sets[shown], variant)
                own_seed = _hash(f"sampling:{key}") % 2**31
                draft_id = digest([key, prompt, own_seed, rules[variant]])[:16]
                prefix = f"{name}/{shown:02d}"
                asked.append(
                    Request(
                        draft_id,
                        source_id,
                        caption.text,
                        name,
                        variant,
                        prompt,
                        prefix,
                        own_seed,
                        warmth[variant],
                        STOP,
                    )
                )
    return sorted(asked, key=lambda r: (r.prefix, r.source_id, r.variant))


def temperature_of(variant: int, start: float, warmer: float) -> float:
    """The temperature that a variant is asked at: the ladder of a diversity budget, 2 at most.

    It is why a draft keeps its variant and no temperature.
    """
    return min(2.0, round(start + warmer * variant, 3)) if warmer * variant else start


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
