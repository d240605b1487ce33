"""How good is the chain on real drafts? `python benchmarks/hand_read.py --corpus FOLDER [--json]`.

results/hand_read.jsonl holds verdicts on 200 drafts of the 500-caption corpus of Qwen2.5-Coder-1.5B: row ids and
faithful or not, read twice without knowing what any filter said (the captions are not ours to give away). The sample is
100 drafts that `strict` of commit cc9fc09 kept and 100 that it dropped; each is weighted by its stratum, so that any
chain's corpus of the same drafts can be measured: FOLDER is what `cli.py refilter` made of them. Intervals: 2,000
bootstraps.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

HERE = Path(__file__).resolve().parent
VERDICTS = HERE / "results" / "hand_read.jsonl"
SIZES = {"kept": 662, "dropped": 1306}  # drafts of each stratum in the whole corpus
COPIES = ("copy", "duplicates", "selection")  # these drop what is faithful and of no use


def main(
    corpus: Annotated[list[Path], typer.Option(help="A corpus refiltered from those drafts; repeatable.")],
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Precision and recall of each corpus's chain."""
    from rewrite.errors import TrclipError
    from rewrite.manifest import json_bytes

    try:
        found = {str(folder): measure(folder) for folder in corpus}
    except TrclipError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    document = {"corpora": found, "bars": {}}
    typer.echo(json_bytes(document).decode() if json else "\n".join(table(found)), nl=not json)


def measure(folder: Path) -> dict[str, Any]:
    """Precision, recall, and the share of faithful drafts, with 95 % intervals.

    Raises:
        CorpusError: not a sealed corpus.
        InputError: not one of these drafts.
    """
    import numpy as np

    from rewrite.captions import read_json_lines
    from rewrite.corpus import open_corpus
    from rewrite.errors import InputError

    opened = open_corpus(folder)
    verdict = {row["id"]: "" for row in opened.rows("rewrites")}
    verdict |= {row["id"]: row["filter"] for row in opened.rows("rejected")}
    rows = [row for _, row in read_json_lines(VERDICTS)]
    if any(row["id"] not in verdict for row in rows):
        raise InputError(folder, "does not hold the drafts that were read", "Refilter the corpus they are from.")
    strata = [row["stratum"] for row in rows]
    weight = np.array([SIZES[s] / strata.count(s) for s in strata])
    faithful = np.array([row["faithful"] for row in rows])
    kept = np.array([not verdict[row["id"]] for row in rows])
    copies = np.array([verdict[row["id"]] in COPIES for row in rows])
    draw = np.random.default_rng(0)
    groups = [np.flatnonzero(np.array(strata) == s) for s in SIZES]
    rounds = [np.concatenate([draw.choice(g, len(g)) for g in groups]) for _ in range(2000)]

    def share(of: np.ndarray, among: np.ndarray) -> dict[str, float]:
        values = [float((weight * of * among)[r].sum() / max((weight * among)[r].sum(), 1e-9)) for r in rounds]
        low, high = np.percentile(values, [2.5, 97.5])
        return {
            "value": float((weight * of * among).sum() / (weight * among).sum()),
            "low": float(low),
            "high": float(high),
        }

    return {
        "filters": [stage["filter"] for stage in opened.report()["filters"]],
        "read": len(rows),
        "kept_of_them": int(kept.sum()),
        "precision": share(faithful, kept),
        "recall": share(kept, faithful & ~copies),
        "faithful_drafts": share(faithful, np.ones_like(kept)),
    }


def table(found: dict[str, dict[str, Any]]) -> list[str]:
    """The figures as lines."""
    lines = []
    for folder, one in found.items():
        lines.append(f"{folder}: {one['read']} drafts read, {one['kept_of_them']} of them kept")
        for name, shown in (
            ("precision", "precision: kept ones that are faithful"),
            ("recall", "recall: faithful ones, copies aside, that are kept"),
            ("faithful_drafts", "all drafts that are faithful"),
        ):
            m = one[name]
            lines.append(f"  {shown:<52}{m['value']:.3f} [{m['low']:.3f}, {m['high']:.3f}]")
    return lines


if __name__ == "__main__":
    typer.run(main)
