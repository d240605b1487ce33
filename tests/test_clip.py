"""CLIP's two towers by path: the contract of image encoders, the geometry of crops, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from rewrite.errors import ModelError, SettingError
from trclip_vad.clip import (
    CONTEXT,
    IMAGE_ENCODERS,
    ClipImages,
    ClipTexts,
    name_tokens,
    tokenize,
)
from trclip_vad.clip_towers import END, START, text_tower
from trclip_vad.pictures import PREPROCESSOR, Preparation, preparation
from trclip_vad.prompts import PromptedNames


def noise(count: int, seed: int = 0) -> np.ndarray:
    """(count, 48, 80, 3) random bytes."""
    return np.random.default_rng(seed).integers(0, 256, (count, 48, 80, 3), dtype=np.uint8)


def edited(clip: Path, to: Path, **changes: object) -> Path:
    """A copy of the tiny CLIP with another config."""
    shutil.copytree(clip, to)
    config = json.loads((to / "config.json").read_text())
    for path, value in changes.items():
        part, _, name = path.partition("__")
        (config[part] if name else config)[name or part] = value
    (to / "config.json").write_text(json.dumps(config))
    return to


@pytest.mark.parametrize("name", sorted(IMAGE_ENCODERS))
def test_an_image_encoder_keeps_order_and_a_frame_its_vector_in_any_company(name: str, clip: Path) -> None:
    encoder, frames = IMAGE_ENCODERS[name](model=str(clip), batch=3), noise(7)
    together = encoder.encode_crops(iter(frames), encoder.crops)
    assert together.shape == (len(encoder.crops), 7, encoder.width)
    assert together.dtype == np.float32
    for place in (0, 3, 6):
        np.testing.assert_allclose(encoder.encode(frames[place : place + 1])[0], together[0, place], atol=1e-5)
    assert encoder.encode([]).shape == (0, encoder.width)
    assert encoder.identity() == IMAGE_ENCODERS[name](model=str(clip), batch=1).identity()
    assert json.loads(json.dumps(encoder.identity())) == encoder.identity()
    with pytest.raises(SettingError, match=r"crop 10: .* has none"):
        encoder.encode(frames, crop=10)


def test_the_image_tower_gives_what_transformers_gives(clip: Path) -> None:
    from transformers import CLIPModel

    encoder, frame = ClipImages(model=str(clip)), noise(1)[0]
    picture = preparation(clip, 32).cut(preparation(clip, 32).scaled(frame), 0)
    with torch.no_grad():
        wanted = CLIPModel.from_pretrained(clip).get_image_features(torch.from_numpy(picture)[None]).pooler_output
    np.testing.assert_allclose(encoder.encode([frame]), wanted.numpy(), atol=1e-5)


def test_crops_are_the_published_windows() -> None:
    prepared = Preparation(224, mean=(0.0,) * 3, std=(1.0,) * 3, rescale=1.0)
    assert prepared.scale == (340, 256)
    rows, columns = np.mgrid[:256, :340]
    scaled = np.stack([rows, columns % 256, columns // 256], -1).astype(np.uint8)
    for crop, (row, column) in enumerate([(16, 58), (0, 0), (0, 116), (32, 0), (32, 116)]):
        window = prepared.cut(scaled, crop)
        assert window.shape == (3, 224, 224)
        assert (window[0, 0, 0], window[1, 0, 0]) == (row, column)
        np.testing.assert_array_equal(prepared.cut(scaled, crop + 5), window[:, :, ::-1])


def test_other_towers_crop_in_proportion() -> None:
    assert Preparation(336).scale == (510, 384)
    assert Preparation(32).scale == (49, 37)


def test_a_model_that_does_not_crop_sees_the_whole_frame_and_its_mirror(clip: Path, tmp_path: Path) -> None:
    folder = edited(clip, tmp_path / "whole")
    told = {
        "do_center_crop": False,
        "size": {"height": 32, "width": 32},
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
    }
    (folder / PREPROCESSOR).write_text(json.dumps(told))
    prepared = preparation(folder, 32)
    assert prepared.crops == ClipImages(model=str(folder)).crops == (0, 5)
    frame = noise(1)[0]
    seen = prepared.cut(prepared.scaled(frame), 0)
    np.testing.assert_array_equal(prepared.cut(prepared.scaled(frame), 5), seen[:, :, ::-1])
    assert -1 <= seen.min() < seen.max() <= 1
    assert ClipImages(model=str(folder)).identity()["preparation"]["source"] == PREPROCESSOR


def test_preprocessing_that_does_not_fit_the_tower_is_refused(clip: Path, tmp_path: Path) -> None:
    folder = edited(clip, tmp_path / "c")
    (folder / PREPROCESSOR).write_text('{"crop_size": 224}')
    with pytest.raises(ModelError, match=r"makes pictures of \[224\] pixels, and the tower takes 32"):
        ClipImages(model=str(folder)).identity()
    (folder / PREPROCESSOR).write_text('{"resample": 99}')
    with pytest.raises(ModelError, match="is not a picture preprocessor"):
        ClipImages(model=str(folder)).identity()


def test_texts_are_read_at_their_end_whatever_stands_beside_them(clip: Path) -> None:
    encoder = ClipTexts(model=str(clip))
    together = encoder.encode(["A man walks.", "A dog " * 80, "Rain."])
    np.testing.assert_allclose(encoder.encode(["A man walks."])[0], together[0], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
    tokens = tokenize(["A man walks.", "A dog " * 80])
    assert tokens.shape == (2, CONTEXT)
    assert (tokens[:, 0] == START).all()
    assert (tokens[:, -1] == END).all()


def test_old_files_with_a_wrong_end_token_read_the_same_state(clip: Path, tmp_path: Path) -> None:
    old = edited(clip, tmp_path / "old", text_config__eos_token_id=2)
    texts = ["A man walks.", "Rain."]
    np.testing.assert_allclose(ClipTexts(model=str(old)).encode(texts), ClipTexts(model=str(clip)).encode(texts))


def test_class_names_are_prompted_through_the_text_tower(clip: Path) -> None:
    prompted = PromptedNames(text_tower(str(clip)), name_tokens(["fighting", "road accident"]), START, END)
    assert prompted().shape == (2, 24)


def test_one_tower_alone_is_a_model_too_and_the_other_is_missed(clip: Path, tmp_path: Path) -> None:
    from transformers import CLIPModel, CLIPVisionModelWithProjection

    whole = CLIPModel.from_pretrained(clip)
    whole.config.vision_config.projection_dim = whole.config.projection_dim
    alone = CLIPVisionModelWithProjection(whole.config.vision_config)
    alone.load_state_dict({n: v for n, v in whole.state_dict().items() if n.startswith("vis")}, strict=True)
    alone.save_pretrained(tmp_path / "vision")
    frames = noise(2)
    both = (ClipImages(model=str(folder)).encode(frames) for folder in (clip, tmp_path / "vision"))
    np.testing.assert_array_equal(*both)
    with pytest.raises(ModelError, match="is a 'clip_vision_model', and has no CLIP text tower"):
        text_tower(str(tmp_path / "vision"))


def test_a_foreign_vocabulary_or_end_token_is_refused(clip: Path, tmp_path: Path) -> None:
    other = edited(clip, tmp_path / "other", text_config__vocab_size=30_000)
    with pytest.raises(ModelError, match="has a vocabulary of 30000, and this reads CLIP's own of 49408"):
        text_tower(str(other))
    other = edited(clip, tmp_path / "end", text_config__eos_token_id=7)
    with pytest.raises(ModelError, match="reads a text at token 7"):
        text_tower(str(other))


def test_missing_weights_are_refused_and_not_drawn(clip: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = edited(clip, tmp_path / "c")
    weights = load_file(folder / "model.safetensors")
    del weights["visual_projection.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks 1 weights .* visual_projection.weight among them"):
        ClipImages(model=str(folder)).encode(noise(1))


def test_a_damaged_or_foreign_folder_is_told_in_one_line(clip: Path, tmp_path: Path) -> None:
    folder = edited(clip, tmp_path / "c")
    (folder / "model.safetensors").write_bytes(b"\0" * 40)
    with pytest.raises(ModelError, match="cannot be loaded"):
        ClipImages(model=str(folder)).encode(noise(1))
    (folder / "config.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        ClipImages(model=str(folder)).identity()
    with pytest.raises(ModelError, match=r"it has no config\.json"):
        ClipImages(model=str(tmp_path)).identity()
    with pytest.raises(ModelError, match="is a 'bert', and has no CLIP vision tower"):
        ClipImages(model=str(edited(clip, tmp_path / "bert", model_type="bert"))).identity()
