"""What the published state dicts call their weights, and which of ours each one is.

Both detectors share VadCLIP's names; TrCLIP-VAD adds four Mambas, two multi-scale networks and a projection of the
class texts. Every layout agrees, so that no tensor is turned: a graph layer's matrix is (in, out) in both, attention
packs query, key, value and a Mamba's entrance packs values and gate in the same order, a convolution is (out, in, taps)
with the oldest snippet first.

The names were read in the authors' public sources: `src/model.py` and `src/utils/layers.py` of nwpu-zxr/VadCLIP; the
same two and `src/mamba.py` of vpsg-research/TrCLIP-VAD; `mamba_ssm/modules/mamba_simple.py` of state-spaces/mamba. No
released file could be looked into: one made by an earlier version of those sources may name things otherwise, and is
then refused with the names that differ.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

TRCLIP, VADCLIP = "TrCLIP-VAD", "VadCLIP"
FROZEN_CLIP = "clipmodel."  # prefix of the whole frozen CLIP, which both files carry along
UNUSED = {
    "disAdj.sigma": "declared; the distance graph's width is fixed",
    "mamba.lin1.weight": "declared; the 256 -> 512 map of TimeMachine's time axis",
    "mamba.lin1.bias": "declared; the 256 -> 512 map of TimeMachine's time axis",
    "mlp3.c_proj.weight": "declared; a 1280 -> 512 map",
    "mlp3.c_proj.bias": "declared; a 1280 -> 512 map",
}

_AFFINE = ("weight", "bias")
_NORM = (*_AFFINE, "running_mean", "running_var", "num_batches_tracked")
_BLOCK = {
    "attn.in_proj_weight": "read.weight",
    "attn.in_proj_bias": "read.bias",
    "attn.out_proj.weight": "write.weight",
    "attn.out_proj.bias": "write.bias",
    "ln_1.weight": "norm_attention.weight",
    "ln_1.bias": "norm_attention.bias",
    "mlp.c_fc.weight": "ffn.0.weight",
    "mlp.c_fc.bias": "ffn.0.bias",
    "mlp.c_proj.weight": "ffn.2.weight",
    "mlp.c_proj.bias": "ffn.2.bias",
    "ln_2.weight": "norm_ffn.weight",
    "ln_2.bias": "norm_ffn.bias",
}
_GRAPHS = {
    "gc1.weight": "alike.0.weight",
    "gc1.residual.weight": "alike.0.residual.weight",
    "gc1.residual.bias": "alike.0.residual.bias",
    "gc2.weight": "alike.1.weight",
    "gc3.weight": "near.0.weight",
    "gc3.residual.weight": "near.0.residual.weight",
    "gc3.residual.bias": "near.0.residual.bias",
    "gc4.weight": "near.1.weight",
    "linear.weight": "mix.weight",
    "linear.bias": "mix.bias",
}
_HEADS = {
    "mlp2.c_fc": "c_branch.ffn.0",
    "mlp2.c_proj": "c_branch.ffn.2",
    "classifier": "c_branch.classifier",
}
_CLASS_HEADS = {"mlp1.c_fc": "f_branch.ffn.0", "mlp1.c_proj": "f_branch.ffn.2"}
_MAMBA = {
    "A_log": "A_log",
    "D": "skip",
    "in_proj.weight": "inner.weight",
    "conv1d.weight": "conv.weight",
    "conv1d.bias": "conv.bias",
    "x_proj.weight": "select.weight",
    "dt_proj.weight": "step.weight",
    "dt_proj.bias": "step.bias",
    "out_proj.weight": "out.weight",
}
_MAMBAS = {"mamba1": "low.0", "mamba2": "low.1", "mamba3": "high.0", "mamba4": "high.1"}
_LINEARS = {"lin2": "narrow", "lin3": "widen", "lin4": "mix"}
_SCALES = {
    "conv_1.0": ("local.0", _AFFINE),
    "conv_1.2": ("local_norm.0", _NORM),
    "conv_2.0": ("local.1", _AFFINE),
    "conv_2.2": ("local_norm.1", _NORM),
    "conv_3.0": ("local.2", _AFFINE),
    "conv_3.2": ("local_norm.2", _NORM),
    "conv_4.0": ("narrow", ("weight",)),
    "conv_5.0": ("mix", ("weight",)),
    "conv_5.2": ("mix_norm", _NORM),
    "non_local.g": ("everywhere.g", _AFFINE),
    "non_local.theta": ("everywhere.theta", _AFFINE),
    "non_local.phi": ("everywhere.psi", _AFFINE),
    "non_local.W.0": ("everywhere.out", _AFFINE),
    "non_local.W.1": ("everywhere.norm", _NORM),
}


def system_of(names: Iterable[str]) -> str | None:
    """TRCLIP, VADCLIP, or None for a state dict of neither."""
    roots = {name.split(".")[0] for name in names}
    if roots & {"mamba", "Aggregate", "Aggregate_text", "word_linear"}:
        return TRCLIP
    return VADCLIP if roots & {"temporal", "gc1", "frame_position_embeddings"} else None


def ours(system: str, blocks: int, classes: bool) -> dict[str, str]:
    """Published name -> the name in `Detector.state_dict()`, of every weight that is used.

    Args:
        system: TRCLIP or VADCLIP.
        blocks: local blocks; UCF-Crime 2, XD-Violence 1.
        classes: with the F-branch.
    """
    whole = system == TRCLIP
    inside = "visual.temporal.inside"
    adapter = f"{inside}.adapter" if whole else inside
    found = {"frame_position_embeddings.weight": f"{adapter}.positions.table"}
    for number in range(blocks):
        found |= _within(f"temporal.resblocks.{number}", f"{adapter}.blocks.{number}", _BLOCK)
    found |= {theirs: f"{adapter}.graph.{name}" for theirs, name in _GRAPHS.items()}
    found |= _affine(_HEADS)
    if whole:
        for theirs, name in _MAMBAS.items():
            found |= _within(f"mamba.{theirs}", f"{inside}.quad.{name}", _MAMBA)
        found |= _affine({f"mamba.{theirs}": f"{inside}.quad.{name}" for theirs, name in _LINEARS.items()})
        found |= _multi_scale("Aggregate", f"{inside}.multi_scale")
        found |= _multi_scale("Aggregate_text", "text.multi_scale")
    return found | (_class_texts(whole) if classes else {})


def spare(names: Collection[str], classes: bool) -> dict[str, list[str]]:
    """The published names that no weight of ours is made of, by the reason: "frozen CLIP", "unused", "F-branch"."""
    return {
        "frozen CLIP": sorted(name for name in names if name.startswith(FROZEN_CLIP)),
        "unused": sorted(name for name in names if name in UNUSED),
        "F-branch": [] if classes else sorted(_class_texts(whole=True).keys() & set(names)),
    }


def _class_texts(whole: bool) -> dict[str, str]:
    """What the F-branch alone reads."""
    found = _affine(_CLASS_HEADS | ({"word_linear": "f_branch.project"} if whole else {}))
    return found | {"text_prompt_embeddings.weight": "names.table"}


def _within(theirs: str, name: str, parts: Mapping[str, str]) -> dict[str, str]:
    return {f"{theirs}.{part}": f"{name}.{target}" for part, target in parts.items()}


def _affine(layers: Mapping[str, str]) -> dict[str, str]:
    return {f"{theirs}.{part}": f"{name}.{part}" for theirs, name in layers.items() for part in _AFFINE}


def _multi_scale(theirs: str, name: str) -> dict[str, str]:
    return {
        f"{theirs}.{layer}.{part}": f"{name}.{target}.{part}"
        for layer, (target, parts) in _SCALES.items()
        for part in parts
    }
