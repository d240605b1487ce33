"""Two processes train as one: the same losses, the same weights, one writer, and a folder that can be gone on with."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import several
import torch
from conftest import ROOT
from safetensors.torch import load_file
from small_world import World, bank_of, corpus, features_of, videos

from rewrite import manifest
from rewrite.errors import SettingError
from rewrite.lock import one_writer
from trclip_vad import parallel
from trclip_vad.train import train

# What shifts all of a normalisation's inputs, or of a softmax's, changes nothing. The gradient of such a bias is
# rounding, which AdamW takes for a direction.
FREE = (*(f"local.{n}.bias" for n in range(3)), "everywhere.out.bias", "read.bias", "running_mean")
SCENARIOS = ["text", "lgm_mamba", "odd", "parts"]


def launched(*words: object) -> subprocess.Popen[str]:
    """`accelerate launch` of two processes on this machine's CPU, in a process group of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    command += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", port]
    places = {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]), "OMP_NUM_THREADS": "1"}
    environment = {**os.environ, **places, "CUDA_VISIBLE_DEVICES": ""}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "start_new_session": True}
    return subprocess.Popen([*map(str, command), *map(str, words)], cwd=ROOT, env=environment, **pipes)  # type: ignore[call-overload,no-any-return]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bank and features of 14 training videos."""
    folder, world = tmp_path_factory.mktemp("several"), World(videos(train=14))
    bank_of(world, folder / "bank", [corpus(folder)])
    features_of(world, folder / "features", crops=(0, 1))
    return folder


@pytest.fixture(scope="module")
def together(folder: Path) -> Path:
    """The folder after two processes have done every scenario of several.py in it."""
    process = launched(ROOT / "tests" / "several.py", folder)
    said = process.communicate(timeout=200)[0]
    assert process.returncode == 0, said
    assert "Warning" not in said
    return folder


@pytest.fixture(scope="module")
def alone(folder: Path) -> Path:
    """What one process makes of the same."""
    for name, config in several.configs(folder).items():
        train(config, folder / "alone" / name)
    return folder / "alone"


def losses(run: Path) -> list[list[float]]:
    return [list(json.loads(line).values()) for line in (run / "metrics.jsonl").read_text().splitlines()]


def compare(run: Path, other: Path) -> None:
    """The same losses to 1e-5 and weights to 1e-4."""
    for row, wanted in zip(losses(run), losses(other), strict=True):
        assert row == pytest.approx(wanted, abs=1e-5)
    found, wanted = load_file(run / "weights.safetensors"), load_file(other / "weights.safetensors")
    assert found.keys() == wanted.keys()
    for name, tensor in found.items():
        if not name.endswith(FREE):
            torch.testing.assert_close(tensor, wanted[name], atol=1e-4, rtol=0, msg=name)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_two_processes_give_the_losses_and_weights_of_one(scenario: str, together: Path, alone: Path) -> None:
    compare(together / scenario, alone / scenario)
    asked = [manifest.read(place / scenario, "run")["asked"] for place in (together, alone)]
    assert asked[0] == asked[1]


def test_a_normalisation_is_over_the_snippets_of_all_processes(together: Path) -> None:
    parts = [json.loads((together / f"found{rank}.json").read_text()) for rank in range(2)]
    whole = several.normalised(*several.rows())
    for name in ("out", "gradient"):
        for rank in range(2):
            torch.testing.assert_close(torch.tensor(parts[rank][name]), torch.tensor(whole[name][rank::2]))
    for name in ("mean", "var"):
        assert parts[0][name] == parts[1][name] == pytest.approx(whole[name])


def test_a_batch_that_cannot_be_shared_is_refused_by_every_process(together: Path) -> None:
    for rank in range(2):
        said = json.loads((together / f"found{rank}.json").read_text())["refused"]
        assert said == [f"batch={n}: cannot be shared by 2 processes. Set batch to a multiple of 4." for n in (6, 2)]
    assert not (together / "refused").exists()


def words(folder: Path, out: Path) -> Iterator[object]:
    """The command line of the scenario "odd", long enough to be stopped."""
    yield from (ROOT / "cli.py", "train", "--recipe", "demo", "--bank", folder / "bank", "--features")
    yield from (folder / "features", "--out", out)
    for assignment in [*several.PLAIN, "batch=64", "epochs=6"]:
        yield from ("--set", assignment)


def test_two_processes_stopped_by_ctrl_c_go_on_to_what_one_would_give(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    process = launched(*words(folder, out))
    while not (out / "state.pt").is_file() and process.poll() is None:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=100)[0]
    assert (out / "state.pt").is_file(), said
    assert not manifest.is_sealed(out)
    process = launched(*words(folder, out))
    said = process.communicate(timeout=100)[0]
    assert process.returncode == 0, said
    assert "epochs are done already" in said
    assert not (out / "state.pt").exists()
    train(several.apply(several.configs(folder)["odd"], ["epochs=6"]), tmp_path / "alone")
    compare(out, tmp_path / "alone")


def test_two_processes_do_not_enter_a_folder_in_which_another_writes(folder: Path, tmp_path: Path) -> None:
    with one_writer(tmp_path / "run"):
        process = launched(*words(folder, tmp_path / "run"))
        said = process.communicate(timeout=100)[0]
    assert process.returncode
    assert "another process is writing here. Wait for it, or choose another --out." in said
    assert not list((tmp_path / "run").iterdir())


def test_a_launch_that_would_quietly_train_alone_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    parallel.Parallel()
    monkeypatch.setenv("ACCELERATE_USE_CPU", "True")
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    with pytest.raises(SettingError, match="starts one process alone"):
        parallel.Parallel()
