"""What stands for a model in a manifest: a name that is no path, and digests of what decides its numbers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import tiny_onnx

from rewrite.embeddings import DEFAULT
from rewrite.errors import ModelError
from rewrite.filters.nli import NLI
from rewrite.filters.selection import Selection
from rewrite.filters.similarity import Similarity
from rewrite.manifest import environment
from rewrite.weights import is_onnx, locate, numbers_digest, weights_digest


def test_a_model_in_the_home_folder_is_written_down_by_its_last_part(
    tiny_nli: Path, minilm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tiny_nli.parent))
    assert NLI(model=f"~/{tiny_nli.name}").identity()["model"] == tiny_nli.name
    monkeypatch.setenv("HOME", str(minilm.parent))
    assert Similarity(model=f"~/{minilm.name}").identity()["model"] == minilm.name


def test_a_model_of_the_hub_is_written_down_by_its_name(
    tiny_nli: Path, minilm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda name, **_: tiny_nli)
    assert NLI(model="someone/nli").identity()["model"] == "someone/nli"
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda name, **_: minilm)
    assert Similarity().identity()["model"] == DEFAULT
    assert Selection(keep=2).identity()["model"] == DEFAULT


def test_a_model_without_a_name_is_not_the_folder_one_stands_in() -> None:
    with pytest.raises(ModelError, match="none is named"):
        locate("", "an NLI model")


def test_an_onnx_file_and_its_folder_decide_the_same_numbers(tmp_path: Path) -> None:
    folder = tiny_onnx.write(tmp_path / "nli")
    before = numbers_digest(folder)
    assert numbers_digest(folder / "tiny.onnx") == before
    (folder / "manifest.json").write_text("{}")
    renamed = tmp_path / "renamed"
    shutil.copytree(folder, renamed)
    (renamed / "tiny.onnx").rename(renamed / "other.onnx")
    assert numbers_digest(renamed) == before
    (renamed / "other.onnx_data").write_bytes(b"weights")
    assert numbers_digest(renamed / "other.onnx") != before


def test_the_digest_of_an_onnx_file_sees_its_tokenizer(tmp_path: Path) -> None:
    one, other = (tiny_onnx.write(tmp_path / name) for name in ("one", "other"))
    words = other / "tokenizer.json"
    words.write_text(words.read_text() + "\n")
    assert weights_digest(one / "tiny.onnx") != weights_digest(other / "tiny.onnx")


def test_files_beside_an_encoder_decide_no_numbers(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    (plain / "1_Dense").mkdir(parents=True)
    for name in ("model.safetensors", "tokenizer.json", "config.json", "1_Dense/model.safetensors"):
        (plain / name).write_text(name)
    (plain / "modules.json").write_text('[{"path": ""}, {"path": "1_Dense"}, {"path": "2_Normalize"}]')
    full = tmp_path / "full"
    shutil.copytree(plain, full)
    (full / "onnx").mkdir()
    for name in ("onnx/model.onnx", "onnx/tokenizer.json", "pytorch_model.bin", "vocab.txt", "README.md"):
        (full / name).write_text(name)
    assert numbers_digest(full) == numbers_digest(plain)
    assert not is_onnx(full)
    assert weights_digest(full) != weights_digest(plain)
    other = tmp_path / "other"
    shutil.copytree(plain, other)
    (other / "1_Dense" / "model.safetensors").write_text("other")
    assert numbers_digest(other) != numbers_digest(plain)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.onnx_data", "model.onnx.data"])
def test_the_digest_of_a_folder_sees_weights_of_every_kind(name: str, tmp_path: Path) -> None:
    found = []
    for text in ("one", "other"):
        folder = tmp_path / text
        folder.mkdir()
        (folder / name).write_text(text)
        found.append(weights_digest(folder))
    assert found[0] != found[1]


def test_a_manifest_names_our_own_version() -> None:
    assert {"trclip-vad", "tokenizers", "numpy"} <= environment().keys()
