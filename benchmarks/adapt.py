"""Fits the adapter of an NLI model that the library ships: `python benchmarks/adapt.py --nli FOLDER --out FILE`.

Learns from the probe's tuning half alone, both ways of each pair: a pair is faithful where the less entailed way is
entailed. Pairs count as rewrite/labelled.py says. One adapter learns from all of them. Then the writers are left out in
four parts, each judged by an adapter that learned from the others: what is printed in the end, the entry of
rewrite/lexicons/calibrated.yaml, is fitted to that. An hour on 2 cores; --all-only leaves the second out. It knows the
one export that the library has an adapter for, by its names and its shape.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

HERE = Path(__file__).resolve().parent
PARTS = ("FACil", "BDOPLUEm", "GHIJKQVZ", "RSMNYjk")  # the first letter of a pair's id is its writer
LONGEST = 160  # tokens
EPOCHS, RATE, BATCH = 3, 5e-4, 32
THRESHOLDS = {"least": 0.8, "least_doubted": 0.95}
KEPT = 0.91  # share of paraphrases that faults are counted at
MIXED = 16  # batches among which pairs are sorted by length


def main(
    nli: Annotated[Path, typer.Option(help="Folder of the int8 DeBERTa-v3-xsmall .onnx and its tokenizer.json.")],
    out: Annotated[Path, typer.Option(help="The adapter, .safetensors.")],
    pairs: Annotated[Path, typer.Option(help="Labelled pairs.")] = HERE / "probe" / "tuning.jsonl",
    all_only: Annotated[bool, typer.Option("--all-only", help="Leave no writer out, print no entry.")] = False,
) -> None:
    """Writes the adapter, then prints how left-out pairs are judged."""
    import numpy as np
    from low_rank import through_lower_layers

    from rewrite.terminal import Terminal

    if not out.absolute().parent.is_dir():
        typer.echo(f"error: {out}: its folder is not there. Make it first.", err=True)
        raise typer.Exit(2)
    table = _Pairs(pairs)
    if strangers := set(table.writers) - set("".join(PARTS)):
        names = ", ".join(sorted(strangers))
        typer.echo(f"error: {pairs}: writers {names} are in no part. Name them in PARTS.", err=True)
        raise typer.Exit(2)
    model, words, weights = _opened(nli)
    with Terminal().step("lower layers", len(table.texts), "ways") as step:
        lower = through_lower_layers(model, [words.encode(*way).ids for way in table.texts], step.advance)
    _write(out, fitted(model, lower, table, np.arange(len(table.keep)), "on all").tensors(weights), table, nli)
    if all_only:
        return
    logits = np.zeros((len(table.keep), 2, 2), np.float32)
    for part in PARTS:
        out_of = np.flatnonzero([writer in part for writer in table.writers])
        left = np.setdiff1d(np.arange(len(table.keep)), out_of)
        logits[out_of] = infer(fitted(_opened(nli)[0], lower, table, left, f"without {part}"), lower, out_of)
        print(f"{part}: {_told(logits[out_of], table.keep[out_of], table.kinds[out_of])}", flush=True)
    print(f"all: {_told(logits, table.keep, table.kinds)}")
    print(_entry(out, logits, table))


class _Pairs:
    """Labelled pairs as arrays: `keep`, `weight`, `kinds` and `writers` (n,), `texts` both ways of each."""

    def __init__(self, path: Path) -> None:
        import numpy as np

        from rewrite.chain import tidy
        from rewrite.labelled import pair_weights
        from rewrite.pairs import read_pairs

        found = read_pairs(path)
        ways = [(p.source, tidy(p.rewrite)) for p in found]
        self.texts = [way for one, other in ways for way in ((one, other), (other, one))]
        self.keep, self.kinds = np.array([bool(p.keep) for p in found]), np.array([p.kind for p in found])
        self.writers = [json.loads(line)["id"][0] for line in path.read_text().splitlines()]
        self.weight = pair_weights(found)


def _opened(nli: Path) -> tuple[Any, Any, Mapping[str, str]]:
    from low_rank import rebuilt
    from tokenizers import Tokenizer

    from rewrite.weights import onnx_files

    file, words = onnx_files(nli)
    tokenizer = Tokenizer.from_file(str(words))
    tokenizer.no_padding()
    tokenizer.enable_truncation(LONGEST)
    model, names = rebuilt(file)
    return model, tokenizer, names


def fitted(model: Any, lower: Sequence[Any], table: _Pairs, rows: Any, named: str, seed: int = 0) -> Any:
    """The upper layers after three epochs of AdamW, in bfloat16 where PyTorch deems it safe."""
    import numpy as np
    import torch
    from low_rank import Upper
    from torch.nn import functional

    from rewrite.terminal import Terminal

    upper = Upper(model, seed).train()
    trained = [p for p in upper.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=RATE, weight_decay=0.01)
    steps = EPOCHS * -(-len(rows) // BATCH)
    plan = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, RATE, total_steps=steps + 1, pct_start=0.1, anneal_strategy="linear", cycle_momentum=False
    )
    wanted = torch.tensor(table.keep, dtype=torch.float32)
    weight = torch.tensor(table.weight / table.weight[rows].mean(), dtype=torch.float32)
    chance = np.random.default_rng(seed)
    with Terminal().step(f"adapter {named}", steps, "batches") as step:
        for _ in range(EPOCHS):
            for some in _batches(rows, lower, chance):
                with torch.autocast("cpu", torch.bfloat16):
                    logits = upper(*_both_ways(lower, some))
                loss = functional.binary_cross_entropy_with_logits(
                    _odds(logits.float().view(-1, 2, 2)), wanted[some], weight[some]
                )
                optimiser.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(trained, 1.0)
                optimiser.step()
                plan.step()
                step.advance(1)
    return upper.eval()


def infer(upper: Any, lower: Sequence[Any], rows: Any) -> Any:
    """(n, 2, 2) logits of pairs, by way and class."""
    import numpy as np
    import torch

    order = sorted(range(len(rows)), key=lambda n: len(lower[2 * rows[n]]))
    found = np.zeros((len(rows), 2, 2), np.float32)
    with torch.inference_mode():
        for begin in range(0, len(order), BATCH):
            some = order[begin : begin + BATCH]
            found[some] = upper(*_both_ways(lower, [rows[n] for n in some])).view(-1, 2, 2).numpy()
    return found


def _odds(logits: Any) -> Any:
    """(n,) of (n, 2, 2): log-odds that the less entailed way is entailed, softly; 0 where neither class is likelier."""
    import torch

    return -torch.logsumexp(logits[..., 1] - logits[..., 0], 1) + torch.log(torch.tensor(2.0))


def _told(logits: Any, keep: Any, kinds: Any) -> str:
    """Share of faults that are rejected where 0.91 of the paraphrases are kept."""
    import numpy as np
    import torch
    from faithfulness import DETAIL, MEANING

    odds = _odds(torch.from_numpy(logits)).numpy()
    kept = odds >= np.quantile(odds[keep], 1 - KEPT)
    groups = {"meaning": MEANING, "detail": DETAIL, "order": ("order",), "euphemism": ("euphemism",)}
    rates = {name: (~kept[np.isin(kinds, some)]).mean() for name, some in groups.items()}
    told = "  ".join(f"{name} {rate:.3f}" for name, rate in rates.items())
    return f"{len(keep)} pairs, {KEPT} of paraphrases kept, rejected: {told}"


def _entry(adapter: Path, logits: Any, table: _Pairs) -> str:
    """What calibrated.yaml says of the adapted model; its thresholds are chosen by hand, from the chain's rates."""
    import numpy as np
    import yaml

    from rewrite.adapter import read_adapter
    from rewrite.manifest import digest
    from rewrite.weighing import Evidence, fit, gather

    heard = gather(logits[:, 0], logits[:, 1])
    found = fit(Evidence(heard, np.zeros((len(heard), 2)), np.zeros((len(heard), 0))), table.keep, table.weight)
    read = read_adapter(adapter)
    weighing = {name: value for name, value in found.described().items() if value != []}
    known = {**THRESHOLDS, "contradiction_above": 1.0, "contradicted_below": 0.5, "weighing": weighing}
    entry = {digest({"model": read.of, "adapter": read.digest}): {"alone": known}}
    return str(yaml.safe_dump(entry, default_flow_style=None, width=118, sort_keys=False))


def _both_ways(lower: Sequence[Any], rows: Sequence[int]) -> tuple[Any, Any]:
    from low_rank import padded

    return padded([lower[2 * row + way].float() for row in rows for way in (0, 1)])


def _batches(rows: Any, lower: Sequence[Any], chance: Any) -> list[Any]:
    """In a new order each time, pairs of about one length together."""
    import numpy as np

    length = np.array([max(len(lower[2 * row]), len(lower[2 * row + 1])) for row in range(len(lower) // 2)])
    mixed = chance.permutation(rows)
    batches = []
    for begin in range(0, len(mixed), BATCH * MIXED):
        some = mixed[begin : begin + BATCH * MIXED]
        some = some[np.argsort(length[some], kind="stable")]
        batches += [some[n : n + BATCH] for n in range(0, len(some), BATCH)]
    return [batches[n] for n in chance.permutation(len(batches))]


def _write(out: Path, tensors: dict[str, Any], table: _Pairs, nli: Path) -> None:
    import numpy as np
    from safetensors.numpy import save

    from rewrite.adapter import LEARNED, mark
    from rewrite.manifest import write_atomic
    from rewrite.weights import numbers_digest

    learned = np.array(sorted({mark(one) for one, _ in table.texts[::2]}), np.uint64)
    write_atomic(out, save({**tensors, LEARNED: learned}, {"of": numbers_digest(nli), "entailment": "0"}))
    print(f"wrote {out}: {out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    typer.run(main)
