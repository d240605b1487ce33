"""Who tells a faithful rewrite from a changed one? `python benchmarks/faithfulness.py [--nli PATH] [--json]`.

Judges the labelled probe (its test half unless told otherwise) by a cosine band alone, by the two-way NLI model
alone, by that model with its adapter where it has one, and by the chains `fast` and `strict`. Every threshold was set
on the tuning half, none on the test half. `--pairs` may be given several times: one table over all of them. The chains
drop near-copies too, which teach a text tower nothing: how many of the dropped paraphrases are such is told apart.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

HERE = Path(__file__).resolve().parent
MODELS = Path(os.environ.get("TRCLIP_MODELS", HERE.parent / "models"))
MEANING = ("role", "number", "negation", "attribute", "label_flip")
DETAIL = ("invention", "dropped")
SINGLE = ("paraphrase", "refusal", "order", "euphemism")  # kinds that are a group by themselves
BARS = {
    "fast": {"meaning": 0.85, "detail": 0.60, "paraphrase": 0.75},
    "strict": {"meaning": 0.98, "detail": 0.92, "paraphrase": 0.88, "refusal": 0.9, "order": 0.9, "euphemism": 0.9},
}
NEAR = ("copy", "too_near")  # reasons
BANDS = ((0.0, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 1.01))  # words shared / words of both


def main(
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
    pairs: Annotated[list[Path] | None, typer.Option(help="Labelled pairs; repeatable; none: the test half.")] = None,
    encoder: Annotated[Path, typer.Option(help="Sentence encoder folder.")] = MODELS / "all-MiniLM-L6-v2",
    nli: Annotated[Path | None, typer.Option(help="NLI model; without one `strict` is not measured.")] = None,
) -> None:
    """Prints the table and says whether the bars hold."""
    from rewrite.errors import TrclipError
    from rewrite.manifest import json_bytes

    try:
        found = measure(pairs or [HERE / "probe" / "test.jsonl"], encoder, nli)
    except TrclipError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    typer.echo(json_bytes(found).decode() if json else "\n".join(table(found)), nl=not json)


def measure(paths: Sequence[Path], encoder: Path, nli: Path | None) -> dict[str, Any]:
    """Per system: rates with intervals per kind and group, keep rates by word overlap, and the bars."""
    from rewrite.filters.nli import NLI
    from rewrite.manifest import digest_file
    from rewrite.pairs import read_pairs

    pairs = [pair for path in paths for pair in read_pairs(path)]
    systems: dict[str, Callable[[], list[Judged]]] = {
        "cosine": lambda: _judge(pairs, ["similarity"], [f"similarity.model={encoder}", "similarity.floor=0.55"]),
        "fast": lambda: _judge(pairs, ["fast"], [f"similarity.model={encoder}"]),
    }
    if nli is not None:
        systems["nli alone"] = lambda: _rough(pairs, nli)
        models = [f"similarity.model={encoder}", f"nli.model={nli}"]
        if NLI(model=str(nli)).adapted():
            systems["nli, adapted"] = lambda: _judge(pairs, ["nli"], models[1:])
        systems["strict"] = lambda: _judge(pairs, ["strict"], models)
    found = {name: _rates(pairs, kept()) for name, kept in systems.items()}
    bars = {
        f"{name}: {group}": found[name]["groups"][group]["value"] >= least
        for name, wanted in BARS.items()
        if name in found
        for group, least in wanted.items()
        if found[name]["groups"][group]["of"]
    }
    counts = {"pairs": len(pairs), "sources": len({p.source for p in pairs})}
    files = {path.name: digest_file(path) for path in paths}
    return {"probe": {"files": files, **counts}, "systems": found, "bars": bars}


class Judged(NamedTuple):
    """A verdict, and whether it was dropped for being nearly the source's own words."""

    kept: bool
    near: bool = False


def _rough(pairs: Sequence[Any], nli: Path) -> list[Judged]:
    """The bare NLI model by a band on its number both ways: no rule, no cosine, no weighing.

    The band, 0.4 to 0.75, is one for the int8 ONNX model of rewrite/lexicons/calibrated.yaml, whose number rises again
    where captions contradict each other; for another model it means nothing.
    """
    from rewrite.chain import tidy
    from rewrite.filters.nli import NLI

    shares = NLI(model=str(nli), adapter="none").shares([(p.source, tidy(p.rewrite)) for p in pairs])
    return [Judged(bool(row.min() >= 0.4 and row.mean() <= 0.75)) for row in shares]


def _judge(pairs: Sequence[Any], filters: list[str], settings: list[str]) -> list[Judged]:
    from rewrite.audit import judge_pairs
    from rewrite.recipe import configure_filters
    from rewrite.terminal import Terminal

    chain, _ = configure_filters(filters, settings)
    return [Judged(r.kept, r.reason in NEAR) for r in judge_pairs(pairs, chain, Terminal())]


def _rates(pairs: Sequence[Any], judged: Sequence[Judged]) -> dict[str, Any]:
    """The share that is judged rightly: faithful pairs kept, faulty ones rejected."""
    from rewrite.calibrate import wilson

    right = [j.kept == p.keep for p, j in zip(pairs, judged, strict=True)]
    kinds = sorted({p.kind for p in pairs})
    groups = {
        "meaning": MEANING,
        "detail": DETAIL,
        **{k: (k,) for k in SINGLE},
    }

    def rate(chosen: Callable[[Any], bool]) -> dict[str, Any]:
        some = [r for p, r in zip(pairs, right, strict=True) if chosen(p)]
        return wilson(sum(some), len(some))

    return {
        "paraphrases_dropped_as_near_copies": sum(p.keep and j.near for p, j in zip(pairs, judged, strict=True)),
        "groups": {name: rate(lambda p, k=kinds_: p.kind in k) for name, kinds_ in groups.items()},
        "kinds": {kind: rate(lambda p, k=kind: p.kind == k) for kind in kinds},
        "by_overlap": {
            f"{low:.1f}-{min(high, 1):.1f}": {
                "paraphrases_kept": rate(lambda p, b=(low, high): p.keep and b[0] <= overlap(p) < b[1]),
                "faults_rejected": rate(lambda p, b=(low, high): not p.keep and b[0] <= overlap(p) < b[1]),
            }
            for low, high in BANDS
        },
    }


def overlap(pair: Any) -> float:
    """Words that both texts share, over the words of either (Jaccard)."""
    one, other = (set(text.lower().replace(",", " ").replace(".", " ").split()) for text in (pair.source, pair.rewrite))
    return len(one & other) / max(1, len(one | other))


def table(found: dict[str, Any]) -> list[str]:
    """The figures as lines: share judged rightly, 95 % interval in brackets."""
    systems = found["systems"]
    probe = found["probe"]
    files = ", ".join(probe["files"])
    lines = [f"{probe['pairs']} pairs of {probe['sources']} sources ({files}): share judged rightly"]
    lines.append(f"{'':<22}" + "".join(f"{name:>22}" for name in systems))
    first = next(iter(systems.values()))
    for part in ("groups", "kinds"):
        for name in first[part]:
            cells = (s[part][name] for s in systems.values())
            shown = "".join(f"{c['value']:>8.3f} [{c['low']:.2f}, {c['high']:.2f}]" for c in cells)
            lines.append(f"{name:<16}{first[part][name]['of']:>5} {shown}")
        lines.append("")
    for band in first["by_overlap"]:
        for side in ("paraphrases_kept", "faults_rejected"):
            cells = [s["by_overlap"][band][side] for s in systems.values()]
            shown = "".join(f"{c['value']:>22.3f}" if c["of"] else f"{'-':>22}" for c in cells)
            lines.append(f"overlap {band} {side[:10]:<11}{cells[0]['of']:>4}{shown}")
    near = (f"{name} {s['paraphrases_dropped_as_near_copies']}" for name, s in systems.items())
    lines += ["", f"paraphrases dropped as near-copies: {', '.join(near)}"]
    lines += ["", *(f"bar {name}: {'holds' if held else 'MISSED'}" for name, held in found["bars"].items())]
    if "strict" not in systems:
        lines.append("strict was not measured: give --nli PATH")
    return lines


if __name__ == "__main__":
    typer.run(main)
