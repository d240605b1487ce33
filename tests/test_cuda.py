"""On a GPU: the same numbers as on a CPU, and the whole way from features to an evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from conftest import trclip
from small_world import World, bank_of, corpus, features_of
from small_world import videos as small
from test_temporal import made, videos
from torch import nn

from rewrite.errors import SettingError
from trclip_vad.evaluate import evaluate
from trclip_vad.recipes import configure
from trclip_vad.temporal.lgm_mamba import LGMMamba
from trclip_vad.temporal.lgt import LGT
from trclip_vad.train import train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
ON_GPU = [LGT(), LGT(variant="published"), *(LGMMamba(scan=scan) for scan in ("triton", "chunked"))]  # type: ignore[arg-type]
ON_GPU += [LGMMamba(scan="triton", variant=variant) for variant in ("published", "causal")]  # type: ignore[arg-type]
SHORT = ["epochs=2", "batch=4", "validation=0.3", "threads=1", "model.dropout=0"]


@pytest.fixture(autouse=True)
def whole_float32() -> Iterator[None]:
    """Convolutions in float32 and not in TensorFloat-32, whose ten bits a comparison would see."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32 = before


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(bank, features) of the small world."""
    folder, world = tmp_path_factory.mktemp("data"), World(small())
    return bank_of(world, folder / "bank", [corpus(folder)]), features_of(world, folder / "features")


def outputs(module: nn.Module, device: str, dtype: torch.dtype = torch.float32) -> list[torch.Tensor]:
    """The module's output on valid snippets, and the gradients of all its weights in one row: float64, on the CPU."""
    x, mask = (given.to(device) for given in videos())
    found = module.to(device, dtype).train()(x.to(dtype).masked_fill(~mask[..., None], 0.0), mask)[mask]
    learned = [p for p in module.parameters() if p.requires_grad]
    gradients = torch.autograd.grad(found.square().mean(), learned, allow_unused=True)
    rows = [found.detach(), torch.cat([x.flatten() for x in gradients if x is not None])]
    return [row.cpu().double() for row in rows]


@pytest.mark.parametrize("plug", ON_GPU, ids=str)
def test_a_temporal_module_says_the_same_on_both_devices(plug: LGT) -> None:
    """In float32. The published LGM-Mamba's gradients lose four digits of seven by that, on a CPU too: they are held
    against float64, and may lose twice as much as on a CPU."""
    on_cpu = LGMMamba(variant=plug.variant, scan="reference") if isinstance(plug, LGMMamba) else plug
    there, here = outputs(made(plug), "cuda"), outputs(made(on_cpu), "cpu")
    exact = outputs(made(on_cpu), "cpu", torch.float64)
    delicate = isinstance(plug, LGMMamba) and plug.variant == "published"
    for one, other, true in zip(there, here, exact, strict=True):
        scale = true.abs().max()
        lost = float((other - true).abs().max() / scale)
        held, atol = (true, max(2e-4, 2 * lost)) if delicate else (other, 2e-4)
        torch.testing.assert_close(one / scale, held / scale, atol=atol, rtol=0)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("scan", ["triton", "chunked"])
def test_training_on_a_gpu_ends_in_a_run_that_a_cpu_evaluates(
    scan: str, precision: str, data: tuple[Path, Path], clip: Path, tmp_path: Path
) -> None:
    settings = [f"model.lgm_mamba.scan={scan}", f"optimiser.precision={precision}", f"classes.model={clip}"]
    trained = train(configure("demo", data[0], [*SHORT, *settings], data[1]), tmp_path / "run")
    assert trained["kept"]["loss"] > 0
    assert evaluate(tmp_path / "run", resamples=5)["videos"] == 6


def test_the_command_line_trains_on_a_gpu_and_evaluates(data: tuple[Path, Path], clip: Path, tmp_path: Path) -> None:
    settings = [*SHORT, "model.lgm_mamba.scan=triton", f"classes.model={clip}"]
    words = [word for line in settings for word in ("--set", line)]
    run = tmp_path / "run"
    done = trclip("train", "--recipe", "demo", "--bank", data[0], "--features", data[1], "--out", run, *words)
    assert done.code == 0, done.err
    done = trclip("eval", run)
    assert done.code == 0, done.err


def test_a_scan_of_the_cpu_is_refused_on_a_gpu(data: tuple[Path, Path], clip: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"Set model.lgm_mamba.scan=triton"):
        train(configure("demo", data[0], [*SHORT, f"classes.model={clip}"], data[1]), tmp_path / "run")
