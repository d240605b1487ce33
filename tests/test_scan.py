"""The selective scan: every way to compute it says the same, and each is chosen by name."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch
from conftest import ROOT

from rewrite.errors import ModelError, SettingError
from trclip_vad.scan import SCANS, scan_called

HERE = ["reference", "chunked", "native"]  # mamba_ssm needs a CUDA device
SHAPES = [(2, 5, 3, 1), (2, 37, 70, 3), (1, 1, 5, 16), (3, 32, 4, 2), (2, 33, 8, 256), (1, 600, 130, 2)]  # B, T, D, N


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Many small operations: beside other work, two threads wait for each other at each."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def inputs(shape: tuple[int, int, int, int], dtype: torch.dtype = torch.float64) -> list[torch.Tensor]:
    """u, delta, A, B_t, C_t, skip, state."""
    videos, steps, width, states = shape
    draw = torch.Generator().manual_seed(0)

    def normal(*size: int) -> torch.Tensor:
        return torch.randn(*size, generator=draw, dtype=torch.float64)

    delta = torch.nn.functional.softplus(normal(videos, steps, width) - 3)
    decay = -torch.arange(1.0, states + 1, dtype=torch.float64).repeat(width, 1) + 0.5
    rows = [normal(videos, steps, states) for _ in range(2)]
    made = [normal(videos, steps, width), delta, decay, *rows, normal(width), normal(videos, width, states)]
    return [x.to(dtype).requires_grad_() for x in made]


def everything(name: str, given: list[torch.Tensor]) -> list[torch.Tensor]:
    """y, the last state, and the gradient of every input under a fixed random loss of both."""
    y, last = SCANS[name](*given)
    draw = torch.Generator().manual_seed(1)
    weights = [torch.randn(x.shape, generator=draw, dtype=torch.float64).to(x.dtype) for x in (y, last)]
    loss = (y * weights[0]).sum() + (last * weights[1]).sum()
    return [y, last, *torch.autograd.grad(loss, given)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", HERE)
def test_every_scan_agrees_with_the_float64_reference(name: str, shape: tuple[int, int, int, int]) -> None:
    expected = everything("reference", inputs(shape))
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-5)):
        for found, right in zip(everything(name, inputs(shape, dtype)), expected, strict=True):
            scale = right.abs().max().clamp(min=1.0)
            torch.testing.assert_close(found.double() / scale, right / scale, atol=tolerance, rtol=0)


@pytest.mark.parametrize("name", HERE)
def test_gradients_are_the_slopes(name: str) -> None:
    assert torch.autograd.gradcheck(SCANS[name], inputs((2, 18, 3, 2)))


@pytest.mark.parametrize("name", HERE)
def test_a_carried_state_continues_the_sequence(name: str) -> None:
    u, delta, decay, B_t, C_t, skip, _ = inputs((2, 50, 6, 3))
    whole, last = SCANS[name](u, delta, decay, B_t, C_t, skip)
    state, rows = None, []
    for piece in (slice(0, 7), slice(7, 8), slice(8, 50)):
        y, state = SCANS[name](u[:, piece], delta[:, piece], decay, B_t[:, piece], C_t[:, piece], skip, state)
        rows.append(y)
    torch.testing.assert_close(torch.cat(rows, dim=1), whole)
    torch.testing.assert_close(state, last)


@pytest.mark.parametrize("name", HERE)
def test_a_scan_looks_back_only(name: str) -> None:
    given = inputs((2, 40, 5, 3))
    before, _ = SCANS[name](*given)
    with torch.no_grad():
        given[0][:, 25] += 1
    after, _ = SCANS[name](*given)
    assert torch.equal(before[:, :25], after[:, :25])
    assert not torch.equal(before[:, 25:], after[:, 25:])


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
