"""Hard negatives: well-formed rewrites dropped for one typed change of meaning. Contrastive training pays for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from rewrite.records import Rewrite

KINDS = {
    "negation": "negation",
    "role": "role",
    "number": "number",
    "attribute": "attribute",
    "order": "order",
    "label_flip": "label_flip",
    "label_new": "label_flip",
    "label_lost": "label_flip",
}  # reason of a drop -> kind of the negative; whatever else is dropped may be true, or no caption


def negatives(judged: Iterable[Rewrite]) -> Iterator[dict[str, Any]]:
    """Rows of negatives.jsonl: `id, source_id, source, text, template, variant, kind, filter`."""
    for r in judged:
        if not r.kept and r.reason in KINDS:
            d = r.draft
            row = {"id": d.id, "source_id": d.source_id, "source": d.source, "text": r.text}
            yield {**row, "template": d.template, "variant": d.variant, "kind": KINDS[r.reason], "filter": r.filter}
