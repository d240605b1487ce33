"""Filtering again, at size: `python benchmarks/refilter.py [--json]`. 100,000 drafts through `fast`, vectors cached.

The drafts are the probe's tuning pairs, faithful and not, each in many variants: one clause ("near gate 17") is added
to caption and draft alike, so that every text is unlike every other. What is measured is `cli.py refilter` as a user
starts it: a process of its own that opens and verifies the corpus, judges, reports and seals. The cache is filled
beforehand with made-up vectors, those of drafts near those of their captions: encoding is not measured, and the
similarity filter drops none, so that those behind it have more to do than they would.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

ROOT = Path(__file__).resolve().parent.parent
PROBE = ROOT / "benchmarks" / "probe" / "tuning.jsonl"
ENCODER = Path(os.environ.get("TRCLIP_MODELS", ROOT / "models")) / "all-MiniLM-L6-v2"
LONGEST = 60.0  # seconds


def main(
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
    drafts: Annotated[int, typer.Option(help="How many.")] = 100_000,
    encoder: Annotated[Path, typer.Option(help="Sentence encoder folder: its digest names the cache.")] = ENCODER,
) -> None:
    """Measures, prints, and says whether the bar holds."""
    from rewrite.manifest import json_bytes

    if not (encoder / "modules.json").is_file():
        typer.echo(f"skipped: {encoder} is not there. Give --encoder (make models fetches one).", err=True)
        raise typer.Exit(2)
    found = measure(drafts, encoder)
    typer.echo(json_bytes(found).decode() if json else "\n".join(table(found)), nl=not json)


def measure(drafts: int, encoder: Path) -> dict[str, Any]:
    """Seconds of the whole command, and how many drafts each filter dropped."""
    from rewrite.manifest import environment

    with TemporaryDirectory() as folder:
        corpus, cache = Path(folder) / "corpus", Path(folder) / "cache"
        texts = make_corpus(corpus, drafts)
        fill_cache(texts, encoder, cache)
        # Single words are encoded too: after the first run they are cached, as they are in anybody's second corpus.
        cold, _ = refilter(corpus, Path(folder) / "cold", encoder, cache)
        seconds, report = refilter(corpus, Path(folder) / "warm", encoder, cache)
    return {
        "drafts": report["drafts"],
        "kept": report["kept"],
        "seconds": round(seconds, 1),
        "seconds_with_words_to_encode": round(cold, 1),
        "drafts_per_s": round(report["drafts"] / seconds),
        "dropped": {s["filter"]: s["seen"] - s["kept"] for s in report["filters"]},
        "load": round(os.getloadavg()[0], 1),
        "environment": environment(),
        "bars": {f"under_{LONGEST:.0f}_seconds": seconds < LONGEST},
    }


def refilter(corpus: Path, out: Path, encoder: Path, cache: Path) -> tuple[float, dict[str, Any]]:
    """Seconds of the command, and the report of what it sealed."""
    import json

    models = [part for name in ("similarity", "detail") for part in ("--set", f"{name}.model={encoder}")]
    command = [sys.executable, str(ROOT / "cli.py"), "refilter", str(corpus), "--out", str(out), "--json"]
    command += ["--filters", "fast"]
    begun = time.perf_counter()
    asked = {**os.environ, "TRCLIP_CACHE": str(cache)}
    subprocess.run([*command, *models], stdout=subprocess.DEVNULL, env=asked, check=True)
    return time.perf_counter() - begun, json.loads((out / "report.json").read_bytes())


def make_corpus(out: Path, count: int) -> dict[str, str]:
    """Seals a corpus of so many drafts. Every text -> the caption it is near."""
    from rewrite.captions import read_json_lines
    from rewrite.pipeline import seal_corpus
    from rewrite.records import Caption, Draft, Rewrite, text_id

    pairs = [row for _, row in read_json_lines(PROBE)]
    captions: dict[str, Caption] = {}
    drafts: list[Draft] = []
    texts: dict[str, str] = {}
    for number in range(count):
        pair, gate = pairs[number % len(pairs)], 2 + number // len(pairs)
        source, text = (f"{pair[part].rstrip('. ')} near gate {gate}." for part in ("source", "rewrite"))
        captions.setdefault(source, Caption(source, text_id(source)))
        texts |= {source: source, text: source}
        drafts.append(
            Draft(f"{number}", captions[source].source_id, source, "plain", number % len(pairs), text, "stop")
        )
    asked = {"templates": {"plain": "made up"}, "variants": len(pairs), "sampling": {"temperature": 0.0}}
    out.mkdir(parents=True)
    unjudged = [Rewrite(d, d.text, {}) for d in drafts]
    seal_corpus(out, list(captions.values()), drafts, unjudged, asked, [], encoder=None)
    return texts


def fill_cache(texts: dict[str, str], encoder: Path, cache: Path) -> None:
    """A random unit vector per source, and one at cosine 0.9 of it per draft."""
    import numpy as np

    from rewrite.embeddings import FOLDER
    from rewrite.manifest import digest
    from rewrite.records import text_id
    from rewrite.weights import weights_digest

    draw = np.random.default_rng(0)
    sources = {text: row for row, text in enumerate(dict.fromkeys(texts.values()))}
    means = draw.standard_normal((len(sources), 384)).astype(np.float32)
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    near = means[[sources[s] for s in texts.values()]]
    drift = draw.standard_normal(near.shape).astype(np.float32)
    drift /= np.linalg.norm(drift, axis=1, keepdims=True)
    same = np.array([[text == source] for text, source in texts.items()])
    vectors = np.where(same, near, near + 0.48 * drift)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = np.array([text_id(text).encode() for text in texts], dtype="S16")
    folder = cache / FOLDER / weights_digest(encoder)[:16]
    folder.mkdir(parents=True)
    np.savez(folder / f"{digest(len(ids))[:16]}.npz", ids=ids, vectors=vectors)


def table(found: dict[str, Any]) -> list[str]:
    """The figures as lines."""
    lines = [f"{found['drafts']} drafts, {found['kept']} kept: {found['seconds']} s, {found['drafts_per_s']} drafts/s"]
    lines.append(f"with its words still to be encoded: {found['seconds_with_words_to_encode']} s; load {found['load']}")
    lines += [f"  {name:<12}{count:>8} dropped" for name, count in found["dropped"].items()]
    lines += [f"bar {name}: {'holds' if held else 'MISSED'}" for name, held in found["bars"].items()]
    return lines


if __name__ == "__main__":
    typer.run(main)
