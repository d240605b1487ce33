"""The README is true: its commands run, in its order, and its tree names what is there."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import MODELS, ROOT

TEXT = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```\n(.*?)```", TEXT, re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.startswith(".venv/bin/python ")]
MAKE = [line for block in BLOCKS for line in block.splitlines() if line.startswith("make ")]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory, gguf: Path, minilm: Path) -> Path:
    """The project with its models, and a small world, corpus and CLIP where the demo leaves them."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("cli.py", "rewrite", "trclip_vad", "prompts", "corpora/sample", "benchmarks/probe"):
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        copy(source, folder / name)
    (folder / "models").symlink_to(MODELS)
    import torch

    from examples.tiny_clip import save, tiny_clip
    from rewrite.pipeline import rewrite
    from rewrite.recipe import configure
    from trclip_vad.datasets.synthetic import write_world

    write_world(folder / "demo" / "world", train=24, test=12)
    torch.manual_seed(0)
    save(tiny_clip(), folder / "demo" / "clip")  # untrained: the demo's own takes half a minute
    recipe = configure(backend="fake", filters=["form"])
    rewrite(folder / "demo" / "world" / "captions.jsonl", folder / "demo" / "corpus", recipe, limit=50)
    return folder


def test_every_command_of_the_readme_runs_in_its_order(clone: Path) -> None:
    assert len(COMMANDS) == 15
    for command in COMMANDS:
        words = shlex.split(command.replace(".venv/bin/python", sys.executable))
        done = subprocess.run(words, cwd=clone, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stderr}"


def test_every_make_target_of_the_readme_exists() -> None:
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {line.split()[1] for line in MAKE} <= set(targets)
    assert {"demo", "test", "lint"} <= set(targets)


def test_the_tree_names_what_is_there() -> None:
    block = next(b for b in BLOCKS if b.startswith("cli.py"))
    folder = ROOT
    for line in block.splitlines():
        name = line.split()[0]
        path = (folder if line.startswith("  ") else ROOT) / name
        if not line.startswith("  "):
            folder = ROOT / name
        assert path.exists(), f"{name} is in the README's tree only"


def test_every_board_is_told_in_the_readme() -> None:
    from rewrite.backends import BACKENDS
    from rewrite.export import EXPORTERS
    from rewrite.filters import CLASS_FILTERS, FILTERS
    from trclip_vad.datasets import DATASETS

    for name in (*BACKENDS, *FILTERS, *CLASS_FILTERS, *EXPORTERS, *DATASETS):
        assert name in TEXT


def test_the_commands_of_the_readme_are_all_there_are() -> None:
    listed = re.search(r"^cli\.py +the commands: (.*)$", TEXT, re.MULTILINE)
    assert listed is not None
    said = subprocess.run([sys.executable, "cli.py", "--help"], cwd=ROOT, capture_output=True, text=True).stdout
    shown = re.findall(r"^  ([a-z-]+)  ", said.split("Commands:")[1], re.MULTILINE)
    assert sorted(listed[1].split(", ")) == sorted(shown)
