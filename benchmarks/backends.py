"""One engine on captions of this project: `python benchmarks/backends.py --backend llamacpp --model M.gguf [--json]`.

Prints drafts a second, the share of prompt tokens served from the prefix cache, and the contract: one completion per
request, in order, equal words when asked again. vLLM is measured this way by hand, where it is installed.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

SAMPLE = Path(__file__).resolve().parent.parent / "corpora" / "sample" / "captions.jsonl"


def main(
    backend: Annotated[str, typer.Option(help="vllm, llamacpp or openai.")],
    model: Annotated[str, typer.Option(help="Path or name.")],
    limit: Annotated[int, typer.Option(help="Captions.")] = 20,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Settings.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Runs the captions twice and compares."""
    from rewrite.errors import TrclipError
    from rewrite.manifest import json_bytes

    try:
        found = measure(backend, model, limit, set_ or [])
    except TrclipError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    if json:
        typer.echo(json_bytes(found).decode(), nl=False)
        return
    for name, value in found.items():
        typer.echo(f"{name:<26}{value}")


def measure(backend: str, model: str, limit: int, assignments: list[str]) -> dict[str, Any]:
    """Two passes over the same requests in one session."""
    from rewrite.captions import read_captions
    from rewrite.manifest import environment
    from rewrite.plan import plan
    from rewrite.recipe import configure

    recipe = configure(backend=backend, model=model, filters=[], assignments=assignments)
    requests = plan(
        read_captions(SAMPLE, limit=limit),
        dict(recipe.templates),
        variants=recipe.variants,
        sampling=recipe.sampling,
        few_shot=recipe.few_shot,
        seed=recipe.seed,
        engine=recipe.backend.identity(),
    )
    begun = time.monotonic()
    with recipe.backend.session() as session:
        started = time.monotonic()
        first = list(session.generate(requests))
        done = time.monotonic()
        second = list(session.generate(requests))
    read = sum(answer.prompt_tokens for answer in first)
    return {
        "backend": backend,
        "model": Path(model).name,
        "environment": environment(),
        "requests": len(requests),
        "start_seconds": round(started - begun, 1),
        "drafts_per_second": round(len(requests) / (done - started), 2),
        "prefix_cache_share": round(sum(a.cached_tokens for a in first) / read, 3) if read else None,
        "equal_when_asked_again": sum(a.text == b.text for a, b in zip(first, second, strict=True)),
        "sample": [first[0].text, first[-1].text],
        "bars": {"one_completion_per_request": len(first) == len(second) == len(requests)},
    }


if __name__ == "__main__":
    typer.run(main)
