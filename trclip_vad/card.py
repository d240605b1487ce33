"""A run's card: what it learned from, by what settings, what was measured on held-out videos, and where it ran."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rewrite.errors import one_line

_MARKED = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_[]<>|#"})


def card(run: Mapping[str, Any], metrics: Sequence[Mapping[str, Any]]) -> str:
    """Markdown. Names come from data and are escaped.

    Args:
        run: what the manifest of the run will say.
        metrics: a row an epoch.
    """
    asked, kept = run["asked"], run["kept"]
    corpora = sorted({version["corpus_id"] for version in run["versions"] if "corpus_id" in version})
    facts = {
        "recipe": asked["config"]["recipe"],
        "seed": asked["seed"],
        "text bank": asked.get("bank_id"),
        "features": asked.get("features_id"),
        "rewrites": ", ".join(corpora) or None,
        "sentence encoder": _named(run["encoder"]),
        "image encoder": _named(run["image_encoder"]),
        "class names": _named(asked["names"]),
        "classes": ", ".join(run["labels"]),
    }
    columns = sorted({name for row in metrics for name in row if name != "epoch"})
    lines = [
        "# A TrCLIP-VAD run",
        "",
        "Trained from video labels alone. The figures below are of training videos held out of the loss; frame-level "
        "figures on test videos are in `eval.json`, once `cli.py eval` has been asked.",
        "",
        *(f"- {name}: {_shown(value)}" for name, value in facts.items() if value is not None),
        f"- kept: epoch {kept['epoch']} of {len(metrics)}",
        "",
        "| epoch | " + " | ".join(columns) + " |",
        "|---" * (len(columns) + 1) + "|",
        *(
            f"| {row['epoch']} | " + " | ".join(f"{row[c]:.4f}" if c in row else "" for c in columns) + " |"
            for row in metrics
        ),
        "",
        "## Settings",
        "",
        *_fenced(asked["config"]),
        "",
        "## Environment",
        "",
        *_fenced(run["environment"]),
    ]
    return "\n".join(lines) + "\n"


def imported_card(run: Mapping[str, Any]) -> str:
    """Markdown of a run whose weights came from a published file."""
    asked = run["asked"]
    facts = {
        "system": asked["imported"]["system"],
        "sha256 of the file": asked["imported"]["sha256"],
        "recipe": asked["config"]["recipe"],
        "image encoder": _named(run["image_encoder"]),
        "class names": _named(asked["names"]),
        "classes": ", ".join(run["labels"]),
        "of the frozen CLIP, left in the file": run["left_out"]["frozen CLIP"],
        "declared and unused": ", ".join(run["left_out"]["unused"]) or "none",
        "of the F-branch, left out": ", ".join(run["left_out"]["F-branch"]) or "none",
    }
    lines = [
        "# A TrCLIP-VAD run, imported",
        "",
        "The weights are a published file's; nothing was trained here, and how that file was chosen is its authors' "
        "affair. Of the settings below those of training are the recipe's, and had no part. Figures on test videos are "
        "in `eval.json`, once `cli.py eval` has been asked.",
        "",
        *(f"- {name}: {_shown(value)}" for name, value in facts.items() if value is not None),
        "",
        "## Settings",
        "",
        *_fenced(asked["config"]),
        "",
        "## Environment",
        "",
        *_fenced(run["environment"]),
    ]
    return "\n".join(lines) + "\n"


def _named(identity: Mapping[str, Any] | None) -> str | None:
    if identity is None:
        return None
    weights = identity.get("weights")
    return str(identity["encoder"]) + (f", weights {str(weights)[:16]}" if weights else "")


def _shown(value: object) -> str:
    return one_line(str(value)).translate(_MARKED)


def _fenced(values: object) -> list[str]:
    """Json, indented by four so that no text in it can end the block."""
    return [f"    {line}" for line in json.dumps(values, indent=2, sort_keys=True).splitlines()]
