"""Where UCF-Crime's lists and the sentence encoder lie, for the benchmarks that read its captions."""

from __future__ import annotations

import os
from pathlib import Path

import typer

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data" / "ucf_crime"
ENCODER = Path(os.environ.get("TRCLIP_MODELS", ROOT / "models")) / "all-MiniLM-L6-v2"


def need(data: Path, encoder: Path) -> None:
    """Ends with one line where either is missing."""
    for needed in (data / "text.jsonl", encoder / "modules.json"):
        if not needed.is_file():
            typer.echo(f"error: {needed}: is not there. Give --data and --encoder (make models fetches one).", err=True)
            raise typer.Exit(2)
