"""The selective scan: every way to compute it says the same, and each is chosen by name."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch
from conftest import ROOT

from rewrite.errors import ModelError, SettingError
from trclip_vad import scan_triton
from trclip_vad.scan import SCANS, scan_called

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
GPU = "cuda" if torch.cuda.is_available() and not INTERPRETED else ""
TRITON = pytest.param(
    "triton",
    marks=pytest.mark.skipif(
        importlib.util.find_spec("triton") is None or not (GPU or INTERPRETED),
        reason="scan triton needs the triton package and a CUDA device, or TRITON_INTERPRET=1",
    ),
)
HERE = ["reference", "chunked", "native", TRITON]  # mamba_ssm starts at no other state than 0
SHAPES = [(2, 5, 3, 1), (2, 37, 70, 3), (1, 1, 5, 16), (3, 32, 4, 2), (2, 33, 8, 256), (1, 600, 130, 2)]  # B, T, D, N
SHAPES += [(2, 19, 9, 64), (1, 18, 5, 200), (2, 50, 40, 16)]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Many small operations: beside other work, two threads wait for each other at each."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def place(name: str) -> str:
    """Where a scan runs here."""
    return GPU or "cpu" if name == "triton" else "cpu"


def inputs(
    shape: tuple[int, int, int, int], dtype: torch.dtype = torch.float64, device: str = "cpu"
) -> list[torch.Tensor]:
    """u, delta, A, B_t, C_t, skip, state."""
    videos, steps, width, states = shape
    draw = torch.Generator().manual_seed(0)

    def normal(*size: int) -> torch.Tensor:
        return torch.randn(*size, generator=draw, dtype=torch.float64)

    delta = torch.nn.functional.softplus(normal(videos, steps, width) - 3)
    decay = -torch.arange(1.0, states + 1, dtype=torch.float64).repeat(width, 1) + 0.5
    rows = [normal(videos, steps, states) for _ in range(2)]
    made = [normal(videos, steps, width), delta, decay, *rows, normal(width), normal(videos, width, states)]
    return [x.to(device, dtype).requires_grad_() for x in made]


def everything(name: str, given: list[torch.Tensor]) -> list[torch.Tensor]:
    """y, the last state, and the gradient of every input under a fixed random loss of both."""
    y, last = SCANS[name](*given)
    draw = torch.Generator().manual_seed(1)
    weights = [torch.randn(x.shape, generator=draw, dtype=torch.float64).to(x) for x in (y, last)]
    loss = (y * weights[0]).sum() + (last * weights[1]).sum()
    return [y, last, *torch.autograd.grad(loss, given)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", HERE)
def test_every_scan_agrees_with_the_float64_reference(name: str, shape: tuple[int, int, int, int]) -> None:
    if name == "triton" and INTERPRETED and shape[1] > 100:
        pytest.skip("the interpreter would take minutes")
    expected = everything("reference", inputs(shape))
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-5)):
        for found, right in zip(everything(name, inputs(shape, dtype, place(name))), expected, strict=True):
            scale = right.abs().max().clamp(min=1.0)
            torch.testing.assert_close(found.cpu().double() / scale, right / scale, atol=tolerance, rtol=0)


@pytest.mark.parametrize("name", HERE)
def test_gradients_are_the_slopes(name: str) -> None:
    shape = (1, 3, 2, 2) if name == "triton" and INTERPRETED else (2, 18, 3, 2)
    assert torch.autograd.gradcheck(SCANS[name], inputs(shape, device=place(name)))


@pytest.mark.parametrize("name", HERE)
def test_a_carried_state_continues_the_sequence(name: str) -> None:
    u, delta, decay, B_t, C_t, skip, _ = inputs((2, 50, 6, 3), device=place(name))
    whole, last = SCANS[name](u, delta, decay, B_t, C_t, skip)
    state, rows = None, []
    for piece in (slice(0, 7), slice(7, 8), slice(8, 50)):
        y, state = SCANS[name](u[:, piece], delta[:, piece], decay, B_t[:, piece], C_t[:, piece], skip, state)
        rows.append(y)
    torch.testing.assert_close(torch.cat(rows, dim=1), whole)
    torch.testing.assert_close(state, last)


@pytest.mark.parametrize("name", HERE)
def test_a_scan_looks_back_only(name: str) -> None:
    given = inputs((2, 40, 5, 3), device=place(name))
    before, _ = SCANS[name](*given)
    with torch.no_grad():
        given[0][:, 25] += 1
    after, _ = SCANS[name](*given)
    assert torch.equal(before[:, :25], after[:, :25])
    assert not torch.equal(before[:, 25:], after[:, 25:])


@pytest.mark.parametrize("name", [TRITON])
def test_videos_in_pieces_and_only_the_present_give_the_same_bits(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = inputs((5, 20, 40, 3), torch.float32, place(name))
    whole = everything(name, given)
    assert all(map(torch.equal, whole, everything(name, given)))
    monkeypatch.setattr(scan_triton, "FLOATS", 2 * (16 * 40 * 3 + 2 * 2 * 20 * 3))  # two videos, two, and one
    assert all(map(torch.equal, whole, everything(name, given)))
    with torch.no_grad():
        assert all(map(torch.equal, whole, SCANS[name](*given)))


@pytest.mark.parametrize("name", [TRITON])
def test_lower_precision_is_scanned_in_float32(name: str) -> None:
    given = inputs((2, 20, 40, 3), torch.bfloat16, place(name))
    found = everything(name, given)
    assert [x.dtype for x in found] == [torch.bfloat16, torch.float32] + 7 * [torch.bfloat16]
    with torch.no_grad():
        expected = SCANS["reference"](*(x.cpu().double() for x in given))
    for one, right in zip(found, expected, strict=False):
        torch.testing.assert_close(one.cpu().double(), right, atol=2e-2, rtol=1e-2)


def test_the_number_of_threads_changes_no_bit() -> None:
    given = inputs((3, 40, 130, 4), torch.float32)
    results = []
    for count in (1, 2, 5):
        torch.set_num_threads(count)
        results.append(everything("native", given))
    assert all(torch.equal(a, b) for other in results[1:] for a, b in zip(results[0], other, strict=True))


def test_not_a_number_stays_visible_and_strong_decay_is_no_trouble() -> None:
    given = inputs((1, 10, 2, 2), torch.float32)
    with torch.no_grad():
        given[1][0, 4, 0] = torch.nan
        given[1][0, :, 1] = 1e4
    y, _ = SCANS["native"](*given)
    assert y[0, 4:, 0].isnan().all()
    assert y[0, :, 1].isfinite().all()


def test_a_wrong_name_says_what_was_meant() -> None:
    with pytest.raises(SettingError, match="Did you mean 'native'"):
        scan_called("nativ")


def test_the_kernel_that_is_not_there_says_so() -> None:
    with pytest.raises(ModelError, match="scan mamba_ssm"):
        SCANS["mamba_ssm"](*inputs((1, 3, 2, 2), torch.float32)[:6])


@pytest.mark.skipif(INTERPRETED, reason="the interpreter reads tensors of the CPU")
def test_triton_says_what_it_needs() -> None:
    with pytest.raises(ModelError, match=r"scan triton.*Choose scan=native or scan=chunked"):
        SCANS["triton"](*inputs((1, 3, 2, 2), torch.float32))
    with pytest.raises(SettingError, match=r"N=257 is above its 256. Choose scan=chunked"):
        SCANS["triton"](*inputs((1, 3, 2, 257), torch.float32))


@pytest.mark.parametrize(
    "fault", [RuntimeError("Failed to find C compiler."), subprocess.CalledProcessError(1, "gcc"), OSError("no cc")]
)
def test_triton_says_that_it_needs_a_c_compiler(fault: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    class Bare:
        @staticmethod
        def apply(*given: object) -> None:
            raise fault

    monkeypatch.setattr(scan_triton, "_refuse_elsewhere", lambda given: None)
    monkeypatch.setattr(scan_triton, "_Scan", Bare)
    with pytest.raises(ModelError, match=r"cannot build its launcher.*or choose scan=chunked"):
        SCANS["triton"](*inputs((1, 3, 2, 2), torch.float32))


def test_native_refuses_what_it_cannot_compute() -> None:
    with pytest.raises(SettingError, match=r"not torch.bfloat16 on cpu. Choose scan=chunked"):
        SCANS["native"](*inputs((1, 3, 2, 2), torch.bfloat16))
    given = list(inputs((1, 3, 2, 2), torch.float32))
    given[3] = given[3].bfloat16()
    with pytest.raises(SettingError, match=r"not torch\.bfloat16 on cpu, torch\.float32 on cpu"):
        SCANS["native"](*given)


@pytest.mark.parametrize(
    ("compiler", "message"), [("no-such-compiler", "needs a C++ compiler"), ("false", "could not build scan.cpp")]
)
def test_without_a_compiler_one_line_says_what_to_do(compiler: str, message: str, tmp_path: object) -> None:
    code = (
        "from rewrite.errors import ModelError; from trclip_vad.scan_build import library\n"
        "try: library()\nexcept ModelError as error: print(error)"
    )
    environment = {"PATH": "/usr/bin:/bin", "CXX": compiler, "TRCLIP_CACHE": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert message in done.stdout
    assert "scan=chunked" in done.stdout
