"""Killed at any moment, resumed with another batch size: the corpus is the same to the last byte."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, trclip

# 12 texts x 2 templates x 2 variants make 48 drafts. Writes, in order: the journal's header (2), a draft each (48),
# the rows and the replace of each sealed file (about 116), reports, manifest, the journal's and the lock's removal.
WRITES = 171
WHILE_REWRITING, WHILE_SEALING = range(51), range(51, WRITES)
DRAW = random.Random(20)
LAST = range(WRITES - 4, WRITES)
MOMENTS = sorted({*DRAW.sample(WHILE_REWRITING, 8), *DRAW.sample(WHILE_SEALING, 8), *LAST})


def words(source: Path, out: Path, batch: int) -> list[str]:
    options = ["--backend", "fake", "--variants", "2", "--filters", "form,length,copy,duplicates"]
    return [
        "rewrite",
        str(source),
        "--out",
        str(out),
        *options,
        "--set",
        "fake.manner=mixed",
        "--set",
        f"fake.batch={batch}",
    ]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "captions.txt"
    path.write_text("".join(f"A man in coat number {n} walks along the street.\n" for n in range(12)))
    return path


@pytest.fixture(scope="module")
def unbroken(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("unbroken") / "corpus"
    assert trclip(*words(source, out, 8)).code == 0
    return contents(out)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def killed_at(moment: int, *arguments: str) -> int:
    """Exit code of the run that dies at its `moment`-th write; 0 when it was done before."""
    command = [sys.executable, str(ROOT / "tests" / "killed.py"), str(moment), str(moment), *arguments]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True
    ).returncode


def writes_of(*arguments: str) -> int:
    """How many writes the run makes when nothing kills it."""
    command = [sys.executable, str(ROOT / "tests" / "killed.py"), str(10**9), "0", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
    )
    return int(done.stderr.rpartition("writes: ")[2])


def test_the_moments_reach_to_the_last_write(source: Path, tmp_path: Path) -> None:
    assert writes_of(*words(source, tmp_path / "corpus", 8)) == WRITES


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_run_resumes_to_the_same_bytes(
    moment: int, source: Path, unbroken: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "corpus"
    assert killed_at(moment, *words(source, out, 3)) == -9
    assert trclip(*words(source, out, 5)).code == 0
    assert contents(out) == unbroken


def test_killed_again_and_again_it_still_gets_there(source: Path, unbroken: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "corpus"
    for moment in (9, 17, 30, 45, 70, 100, 116):
        assert killed_at(moment, *words(source, out, 4)) == -9
    assert trclip(*words(source, out, 4)).code == 0
    assert contents(out) == unbroken
