"""The published detectors a second time: their state dicts by name and shape, and their equations in plain functions.

Written from the equations alone, for a test to hold the library's modules against. `weights` are named as published.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch.nn import functional

LENGTH = 256
State = dict[str, torch.Tensor]


def state(
    whole: bool, blocks: int = 2, width: int = 512, text: int = 768, state_width: int = 256, clip: int = 512
) -> State:
    """Random weights under the published names; `whole` is TrCLIP-VAD, else VadCLIP."""
    shapes: dict[str, tuple[int, ...]] = {
        "frame_position_embeddings.weight": (LENGTH, width),
        "text_prompt_embeddings.weight": (77, clip),
        "disAdj.sigma": (1,),
        **_linear("linear", width, width),
        "clipmodel.logit_scale": (),
        "clipmodel.token_embedding.weight": (5, clip),
    }
    for number in range(blocks):
        block = f"temporal.resblocks.{number}"
        shapes |= {f"{block}.attn.in_proj_weight": (3 * width, width), f"{block}.attn.in_proj_bias": (3 * width,)}
        shapes |= _linear(f"{block}.attn.out_proj", width, width)
        shapes |= _linear(f"{block}.mlp.c_fc", width, 4 * width) | _linear(f"{block}.mlp.c_proj", 4 * width, width)
        shapes |= {f"{block}.{norm}.{part}": (width,) for norm in ("ln_1", "ln_2") for part in ("weight", "bias")}
    half = width // 2
    for graph, given in (("gc1", width), ("gc2", half), ("gc3", width), ("gc4", half)):
        shapes[f"{graph}.weight"] = (given, half)
        if given != half:
            shapes |= {f"{graph}.residual.weight": (half, given, 5), f"{graph}.residual.bias": (half,)}
    fused = width + text if whole else width
    for head in ("mlp1", "mlp2"):
        shapes |= _linear(f"{head}.c_fc", fused, 4 * fused) | _linear(f"{head}.c_proj", 4 * fused, fused)
    shapes |= _linear("classifier", fused, 1)
    if whole:
        shapes |= _linear("word_linear", clip, fused) | _linear("mlp3.c_proj", fused, width)
        shapes |= _linear("mamba.lin1", LENGTH, width) | _linear("mamba.lin2", width, half)
        shapes |= _linear("mamba.lin3", half, width) | _linear("mamba.lin4", 2 * width, width)
        for number, size in ((1, half), (2, half), (3, width), (4, width)):
            shapes |= _mamba_shapes(f"mamba.mamba{number}", size, state_width)
        shapes |= _scales_shapes("Aggregate", width) | _scales_shapes("Aggregate_text", text)
    draw = torch.Generator().manual_seed(0)
    found = {name: _draw(name, shape, draw) for name, shape in shapes.items()}
    if whole:
        found |= {
            name.replace("running_mean", "num_batches_tracked"): torch.tensor(7) for name in found if "_mean" in name
        }
    return found


def outputs(
    w: Mapping[str, torch.Tensor], visual: torch.Tensor, window: int, names: torch.Tensor, text: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Anomaly logits (T,) and alignment map (T, C) of one video of at most LENGTH snippets, in eval mode.

    Args:
        visual: (T, D).
        names: (C, E) features of the class names, as CLIP's text tower gives them.
        text: (T, E) of the captions, for TrCLIP-VAD.
    """
    real = len(visual)
    x = functional.pad(visual, (0, 0, 0, LENGTH - real)) + w["frame_position_embeddings.weight"]
    for number in range(len({name.split(".")[2] for name in w if name.startswith("temporal.")})):
        x = _block(_under(w, f"temporal.resblocks.{number}"), x, window)
    x = _adapter(w, x, real)
    if text is not None:
        x = scales(_under(w, "Aggregate"), _quad(_under(w, "mamba"), x))
        told = scales(_under(w, "Aggregate_text"), functional.pad(text, (0, 0, 0, LENGTH - real)))
        x = torch.cat([x, told], dim=1)
        names = _affine(w, "word_linear", names)
    logits = _affine(w, "classifier", x + _feed(_under(w, "mlp2"), x))[:, 0]
    prompt = logits @ x
    labels = names + prompt / prompt.norm()
    labels = labels + _feed(_under(w, "mlp1"), labels)
    cosine = (x @ labels.T) / (x.norm(dim=1)[:, None] * labels.norm(dim=1))
    return logits[:real], cosine[:real] / 0.07


def _block(w: State, x: torch.Tensor, window: int) -> torch.Tensor:
    """Torch's own attention under a mask of blocks, one head."""
    width = x.shape[1]
    at = torch.arange(len(x)) // window
    mask = torch.zeros(len(x), len(x)).masked_fill(at[:, None] != at, -math.inf)
    attention = torch.nn.MultiheadAttention(width, 1)
    attention.load_state_dict(_under(w, "attn"))
    rows = functional.layer_norm(x, (width,), w["ln_1.weight"], w["ln_1.bias"])[:, None]
    with torch.no_grad():
        x = x + attention(rows, rows, rows, attn_mask=mask)[0][:, 0]
    return x + _feed(_under(w, "mlp"), functional.layer_norm(x, (width,), w["ln_2.weight"], w["ln_2.bias"]))


def _adapter(w: State, x: torch.Tensor, real: int) -> torch.Tensor:
    alike, near = torch.zeros(len(x), len(x)), torch.zeros(len(x), len(x))
    for i in range(len(x)):
        for j in range(len(x)):
            near[i, j] = math.exp(-abs(i - j) / math.e)
    cosine = functional.cosine_similarity(x[:real, None], x[None, :real], dim=2)
    alike[:real, :real] = torch.where(cosine > 0.7, cosine, 0).softmax(dim=1)
    first = _graph(_under(w, "gc2"), _graph(_under(w, "gc1"), x, alike), alike)
    second = _graph(_under(w, "gc4"), _graph(_under(w, "gc3"), x, near), near)
    return _affine(w, "linear", torch.cat([first, second], dim=1))


def _graph(w: State, x: torch.Tensor, adjacency: torch.Tensor) -> torch.Tensor:
    straight = x
    if "residual.weight" in w:
        straight = _wide(x, w["residual.weight"], w["residual.bias"], 1)
    return _phi(adjacency @ x @ w["weight"] + straight)


def _quad(w: State, y: torch.Tensor) -> torch.Tensor:
    high = mamba(_under(w, "mamba3"), y) + mamba(_under(w, "mamba4"), y)
    z = _affine(w, "lin2", y)
    low = mamba(_under(w, "mamba1"), z) + z + mamba(_under(w, "mamba2"), z)
    return _affine(w, "lin4", torch.cat([_affine(w, "lin3", low) + y, high], dim=1))


def mamba(w: State, x: torch.Tensor) -> torch.Tensor:
    """(T, width) -> the same: the block's equations, a snippet after the other, in float64."""
    w = {name: tensor.double() for name, tensor in w.items()}
    width, states = w["A_log"].shape
    rank = w["dt_proj.weight"].shape[1]
    entered = x.double() @ w["in_proj.weight"].T
    values, gate = entered[:, :width], entered[:, width:]
    taps = w["conv1d.weight"].shape[2]
    hidden, rows = torch.zeros(width, states, dtype=torch.float64), []
    for t in range(len(x)):
        a = w["conv1d.bias"].clone()
        for back in range(min(taps, t + 1)):  # the last tap is the present snippet
            a = a + w["conv1d.weight"][:, 0, taps - 1 - back] * values[t - back]
        a = a * torch.sigmoid(a)
        chosen = w["x_proj.weight"] @ a
        delta, before, after = chosen[:rank], chosen[rank : rank + states], chosen[rank + states :]
        step = torch.log1p(torch.exp(w["dt_proj.weight"] @ delta + w["dt_proj.bias"]))[:, None]
        hidden = torch.exp(-step * torch.exp(w["A_log"])) * hidden + step * before * a[:, None]
        rows.append((hidden @ after + w["D"] * a) * gate[t] * torch.sigmoid(gate[t]))
    return (torch.stack(rows) @ w["out_proj.weight"].T).float()


def scales(w: State, x: torch.Tensor) -> torch.Tensor:
    """(T, width) -> the same: three dilations, a look at everything, a mix, and the input."""
    local = [
        _norm(w, f"conv_{n}.2", torch.relu(_wide(x, w[f"conv_{n}.0.weight"], w[f"conv_{n}.0.bias"], dilation)))
        for n, dilation in ((1, 1), (2, 2), (3, 4))
    ]
    b = torch.relu(_wide(x, w["conv_4.0.weight"], None, 1))
    g, theta, psi = (_wide(b, w[f"non_local.{n}.weight"], w[f"non_local.{n}.bias"], 1) for n in ("g", "theta", "phi"))
    seen = (theta @ psi.T / len(x)) @ g
    b = b + _norm(w, "non_local.W.1", _wide(seen, w["non_local.W.0.weight"], w["non_local.W.0.bias"], 1))
    mixed = torch.relu(_wide(torch.cat([*local, b], dim=1), w["conv_5.0.weight"], None, 1))
    return _norm(w, "conv_5.2", mixed) + x


def _wide(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, dilation: int) -> torch.Tensor:
    """A convolution over (T, width) that keeps T."""
    around = dilation * (weight.shape[2] // 2)
    return functional.conv1d(x.T[None], weight, bias, padding=around, dilation=dilation)[0].T


def _norm(w: State, name: str, x: torch.Tensor) -> torch.Tensor:
    part = _under(w, name)
    return (x - part["running_mean"]) / (part["running_var"] + 1e-5).sqrt() * part["weight"] + part["bias"]


def _feed(w: State, x: torch.Tensor) -> torch.Tensor:
    return _affine(w, "c_proj", _phi(_affine(w, "c_fc", x)))


def _affine(w: Mapping[str, torch.Tensor], name: str, x: torch.Tensor) -> torch.Tensor:
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def _phi(x: torch.Tensor) -> torch.Tensor:
    return x * torch.sigmoid(1.702 * x)


def _under(w: Mapping[str, Any], name: str) -> State:
    return {key.removeprefix(f"{name}."): tensor for key, tensor in w.items() if key.startswith(f"{name}.")}


def _linear(name: str, given: int, out: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (out, given), f"{name}.bias": (out,)}


def _mamba_shapes(name: str, width: int, states: int) -> dict[str, tuple[int, ...]]:
    rank = math.ceil(width / 16)
    return {
        f"{name}.A_log": (width, states),
        f"{name}.D": (width,),
        f"{name}.in_proj.weight": (2 * width, width),
        f"{name}.conv1d.weight": (width, 1, 2),
        f"{name}.conv1d.bias": (width,),
        f"{name}.x_proj.weight": (rank + 2 * states, width),
        f"{name}.dt_proj.weight": (width, rank),
        f"{name}.dt_proj.bias": (width,),
        f"{name}.out_proj.weight": (width, width),
    }


def _scales_shapes(name: str, width: int) -> dict[str, tuple[int, ...]]:
    quarter = width // 4
    eighth = quarter // 2
    found: dict[str, tuple[int, ...]] = {f"{name}.conv_4.0.weight": (quarter, width, 1)}
    found[f"{name}.conv_5.0.weight"] = (width, width, 3)
    for number in (1, 2, 3):
        found |= {f"{name}.conv_{number}.0.weight": (quarter, width, 3), f"{name}.conv_{number}.0.bias": (quarter,)}
    for layer in ("g", "theta", "phi"):
        found[f"{name}.non_local.{layer}.weight"] = (eighth, quarter, 1)
        found[f"{name}.non_local.{layer}.bias"] = (eighth,)
    found |= {f"{name}.non_local.W.0.weight": (quarter, eighth, 1), f"{name}.non_local.W.0.bias": (quarter,)}
    norms = {"conv_1.2": quarter, "conv_2.2": quarter, "conv_3.2": quarter, "conv_5.2": width, "non_local.W.1": quarter}
    for layer, size in norms.items():
        for part in ("weight", "bias", "running_mean", "running_var"):
            found[f"{name}.{layer}.{part}"] = (size,)
    return found


def _draw(name: str, shape: tuple[int, ...], draw: torch.Generator) -> torch.Tensor:
    found = torch.randn(shape, generator=draw)
    if name.endswith(("running_var", "A_log")):
        return found.abs() + 0.1
    return found if len(shape) < 2 else found / math.sqrt(math.prod(shape[1:]))
