"""A published state dict, imported: every name is used or accounted for, and the outputs are those of the equations."""

from __future__ import annotations

import json
import pickle
import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import by_equation
import numpy as np
import pytest
import torch
from conftest import trclip
from test_features import film

from rewrite import manifest
from rewrite.errors import CorpusError, InputError, ModelError, SettingError, TrclipError
from trclip_vad import checkpoint
from trclip_vad.assembly import Widths, build
from trclip_vad.batch import Batch, LabelSet
from trclip_vad.clip import IMAGE_ENCODERS
from trclip_vad.config import ModelSettings
from trclip_vad.datasets.folder import Folder
from trclip_vad.encoders import ENCODERS, PooledEncoder
from trclip_vad.evaluate import evaluate, table
from trclip_vad.import_checkpoint import CLASSES, import_checkpoint
from trclip_vad.published import laid_out, read_published
from trclip_vad.published_names import TRCLIP, UNUSED, VADCLIP, ours, spare, system_of
from trclip_vad.recipes import configure
from trclip_vad.released_features import visual_store
from trclip_vad.released_text import text_bank
from trclip_vad.reopen import load
from trclip_vad.score import score

WIDTH, TEXT, STATES = 32, 24, 4
SMALL = {"width": WIDTH, "text": TEXT, "state_width": STATES, "clip": WIDTH}
SETTINGS = [f"model.lgm_mamba.state={STATES}", "model.lgm_mamba.scan=reference"]
SYSTEMS = {True: TRCLIP, False: VADCLIP}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLIP with fresh weights, CLIP's own vocabulary, and the space of the small state dicts."""
    from transformers import CLIPConfig, CLIPModel

    torch.manual_seed(0)
    shape = {"hidden_size": WIDTH, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    said = {**shape, "vocab_size": 49_408, "bos_token_id": 49_406, "eos_token_id": 49_407}
    seen = {**shape, "image_size": 32, "patch_size": 16}
    folder = tmp_path_factory.mktemp("clip")
    CLIPModel(CLIPConfig(text_config=said, vision_config=seen, projection_dim=WIDTH)).save_pretrained(folder)
    return folder


def saved(folder: Path, weights: Any, name: str = "model.pth") -> Path:
    torch.save(weights, folder / name)
    return folder / name


def refused(folder: Path, weights: Any, match: str, error: type[TrclipError] = InputError) -> str:
    """The one line that a file is refused with."""
    with pytest.raises(error, match=match) as caught:
        import_checkpoint(saved(folder, weights), folder / "run", assignments=SETTINGS, classes=False)
    assert "\n" not in str(caught.value)
    assert not (folder / "run" / manifest.NAME).exists()
    return str(caught.value)


@pytest.mark.parametrize("classes", [True, False])
@pytest.mark.parametrize(("recipe", "blocks"), [("ucf_crime", 2), ("xd_violence", 1)])
@pytest.mark.parametrize("whole", [True, False])
def test_at_full_size_every_name_is_used_once_or_accounted_for(
    whole: bool, recipe: str, blocks: int, classes: bool
) -> None:
    with torch.device("meta"):
        model = replace(configure(recipe).model, variant="published", temporal="lgm_mamba" if whole else "lgt")
        detector = build(model, Widths(512, 768 if whole else 0, False, 512 if classes else 0))
    with torch.no_grad():
        given = by_equation.state(whole, blocks)
    table, left = ours(SYSTEMS[whole], blocks, classes), spare(given, classes)
    accounted = [name for names in left.values() for name in names]
    assert sorted([*table, *accounted]) == sorted(given)
    assert len(set(table.values())) == len(table)
    shapes = {name: tensor.shape for name, tensor in detector.state_dict().items() if name != "text.null"}
    if classes:
        shapes["names.table"] = torch.Size((77, 512))
    assert {name: given[theirs].shape for theirs, name in table.items()} == shapes
    parameters = {name for name, _ in detector.named_parameters()} | {"names.table"}
    used = sum(given[theirs].numel() for theirs, name in table.items() if name in parameters)
    if classes:
        assert (
            used
            == {(True, 2): 44_149_729, (True, 1): 40_997_345, (False, 2): 12_642_305, (False, 1): 9_489_921}[
                whole, blocks
            ]
        )


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(("recipe", "blocks", "window"), [("ucf_crime", 2, 8), ("xd_violence", 1, 64)])
def test_an_imported_run_computes_what_the_equations_say(
    whole: bool, recipe: str, blocks: int, window: int, clip: Path, tmp_path: Path
) -> None:
    weights = by_equation.state(whole, blocks, **SMALL)
    file = saved(tmp_path, {"epoch": 3, "model_state_dict": weights, "optimizer_state_dict": {"state": {}}})
    sealed = import_checkpoint(file, tmp_path / "run", recipe, SETTINGS, str(clip))
    detector = load(tmp_path / "run", manifest.verify(tmp_path / "run", "run"))
    torch.manual_seed(1)
    visual, text = torch.randn(1, 70, WIDTH), torch.randn(1, 70, TEXT) if whole else None
    real = torch.ones(1, 70, dtype=torch.bool)
    found = detector.infer(Batch(text, real if whole else None, real, torch.zeros(1, 2), visual))
    names = checkpoint.load_weights(tmp_path / "run" / checkpoint.WEIGHTS)[checkpoint.CLASSES]
    assert len(names) == len(sealed["labels"]) == {"ucf_crime": 14, "xd_violence": 7}[recipe]
    logits, aligned = by_equation.outputs(weights, visual[0], window, names, None if text is None else text[0])
    assert found.aligned is not None
    torch.testing.assert_close(found.logits[0], logits, atol=2e-4, rtol=1e-4)
    torch.testing.assert_close(found.aligned[0], aligned, atol=2e-4, rtol=1e-4)
    assert float(logits.std()) > 0.1  # the comparison is of something


def test_the_imported_prompts_stand_around_the_names_that_the_published_code_hands_to_clip(
    clip: Path, tmp_path: Path
) -> None:
    from trclip_vad.clip import name_tokens
    from trclip_vad.clip_towers import END, START, text_tower

    weights = by_equation.state(False, **SMALL)
    import_checkpoint(saved(tmp_path, weights), tmp_path / "run", clip=str(clip))
    kept = checkpoint.load_weights(tmp_path / "run" / checkpoint.WEIGHTS)
    table = weights["text_prompt_embeddings.weight"]
    tower = text_tower(str(clip))
    (name,) = name_tokens(["roadaccidents"])
    rows = table.clone()
    rows[0] = tower.get_input_embeddings().weight[START]
    rows[11 : 11 + len(name)] = tower.get_input_embeddings().weight[name]
    end = 21 + len(name)
    rows[end] = tower.get_input_embeddings().weight[END]
    hook = tower.get_input_embeddings().register_forward_hook(lambda *_: rows[None, : end + 1])
    try:
        expected = tower(input_ids=torch.tensor([[START] * end + [END]])).text_embeds[0]
    finally:
        hook.remove()
    at = [label.lower() for label in CLASSES["ucf_crime"].names].index("roadaccidents")
    torch.testing.assert_close(kept[checkpoint.CLASSES][at], expected, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(kept["names.table"], table)


def test_the_manifest_says_what_was_imported_and_what_was_left(clip: Path, tmp_path: Path) -> None:
    file = saved(tmp_path, by_equation.state(True, **SMALL))
    sealed = import_checkpoint(file, tmp_path / "run", assignments=SETTINGS, clip=str(clip))
    assert sealed["asked"]["imported"] == {"system": TRCLIP, "sha256": manifest.digest_file(file)}
    assert sealed["left_out"] == {"frozen CLIP": 2, "unused": sorted(UNUSED), "F-branch": []}
    assert manifest.digest_file(file) in (tmp_path / "run" / "card.md").read_text()
    assert str(tmp_path) not in (tmp_path / "run" / manifest.NAME).read_text()
    again = import_checkpoint(file, tmp_path / "run", assignments=SETTINGS, clip=str(clip))
    assert again == sealed
    with pytest.raises(CorpusError, match="holds another run"):
        import_checkpoint(file, tmp_path / "run", assignments=SETTINGS, classes=False)


def test_the_coarse_branch_alone_needs_no_clip(tmp_path: Path) -> None:
    file = saved(tmp_path, by_equation.state(True, **SMALL))
    with pytest.raises(SettingError, match=r"--clip: is not given.*--no-classes"):
        import_checkpoint(file, tmp_path / "run", assignments=SETTINGS)
    sealed = import_checkpoint(file, tmp_path / "run", assignments=SETTINGS, classes=False)
    assert {name.split(".")[0] for name in sealed["left_out"]["F-branch"]} == {
        "mlp1",
        "word_linear",
        "text_prompt_embeddings",
    }
    assert load(tmp_path / "run", sealed).f_branch is None


def test_a_half_precision_file_is_imported_as_single(tmp_path: Path) -> None:
    weights = {name: t.half() if t.is_floating_point() else t for name, t in by_equation.state(False, **SMALL).items()}
    import_checkpoint(saved(tmp_path, weights), tmp_path / "run", classes=False)
    kept = checkpoint.load_weights(tmp_path / "run" / checkpoint.WEIGHTS)
    assert {tensor.dtype for tensor in kept.values()} == {torch.float32}


def changed(change: Callable[[dict[str, Any]], object], whole: bool = True) -> dict[str, Any]:
    weights = by_equation.state(whole, **SMALL)
    change(weights)
    return weights


def test_a_missing_an_unknown_and_a_misshapen_weight_are_named(tmp_path: Path) -> None:
    refused(tmp_path, changed(lambda w: w.pop("gc2.weight")), r"1 missing: gc2\.weight\)")
    refused(tmp_path, changed(lambda w: w.update(extra=torch.zeros(1))), r"1 unknown: extra\)")
    refused(tmp_path, changed(lambda w: w.update({"mlp1.extra": torch.zeros(1)})), r"1 unknown: mlp1\.extra\)")
    line = refused(
        tmp_path,
        changed(lambda w: w.update({"mamba.mamba1.conv1d.weight": torch.zeros(16, 2), "x": torch.zeros(1)})),
        r"1 of a wrong shape: mamba\.mamba1\.conv1d\.weight 16x2, wanted 16x1x2\)",
    )
    assert "1 unknown: x" in line


def test_a_missing_unused_weight_is_no_fault(tmp_path: Path) -> None:
    weights = changed(lambda w: [w.pop(name) for name in (*UNUSED, "clipmodel.logit_scale")])
    import_checkpoint(saved(tmp_path, weights), tmp_path / "run", assignments=SETTINGS, classes=False)


def test_many_faults_are_counted_and_the_first_shown(tmp_path: Path) -> None:
    line = refused(tmp_path, changed(lambda w: [w.pop(n) for n in list(w) if n.startswith("mamba.mamba")]), "missing")
    assert "36 missing: mamba.mamba1.A_log" in line
    assert "and 28 more" in line


def test_a_file_of_the_other_data_set_says_so(tmp_path: Path) -> None:
    refused(tmp_path, by_equation.state(True, 1, **SMALL), r"It has 1 local blocks and the recipe 2.*--recipe")


def test_settings_that_no_published_file_fits_are_refused(tmp_path: Path) -> None:
    file = saved(tmp_path, by_equation.state(False, **SMALL))
    with pytest.raises(InputError, match="not in any such file"):
        import_checkpoint(file, tmp_path / "run", assignments=["model.variant=clean"], classes=False)
    with pytest.raises(SettingError, match="published recipe 'demo'"):
        import_checkpoint(file, tmp_path / "run", "demo", classes=False)


def test_a_number_that_is_none_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, changed(lambda w: w["linear.bias"].fill_(float("nan"))), r"1 not finite: linear\.bias")


class Object:
    """Not a tensor."""


@pytest.mark.parametrize("weights", [{"a": Object()}, Object(), [Object()]])
def test_a_file_that_needs_objects_is_refused(weights: Any, tmp_path: Path) -> None:
    refused(tmp_path, weights, r"holds an object besides tensors \(test_import\.Object\)")


def test_a_checkpoint_with_numbers_of_numpy_is_told_to_give_its_weights_alone(tmp_path: Path) -> None:
    checkpoint = {"model_state_dict": by_equation.state(False, **SMALL), "ap": np.float64(0.8)}
    refused(tmp_path, checkpoint, r"besides tensors \(numpy\.\S+\), and none is made\. Save its model_state_dict alone")


@pytest.mark.parametrize(
    ("weights", "match"),
    [
        ({}, "not named tensors"),
        (torch.zeros(3), "holds a Tensor"),
        ({"model_state_dict": {}}, "not named tensors"),
        ({"temporal.x": 3}, "is a int, not a tensor"),
        ({"conv1.weight": torch.zeros(1)}, "neither TrCLIP-VAD nor VadCLIP"),
        ({3: torch.zeros(1)}, "neither TrCLIP-VAD nor VadCLIP"),
        ({"gc1": torch.zeros(1)}, "missing"),
        ({"gc1\n.x": torch.zeros(1), "temporal.x": torch.zeros(1)}, r"gc1\\n"),
        ({"mamba.x": torch.zeros(1), "frame_position_embeddings.weight": torch.zeros(())}, "wrong shape"),
    ],
)
def test_what_is_no_published_state_dict_is_one_line(weights: Any, match: str, tmp_path: Path) -> None:
    refused(tmp_path, weights, match)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04 nonsense", pickle.dumps({"a": 1}), b"\x80\x02."])
def test_a_broken_file_is_one_line(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "model.pth"
    file.write_bytes(content)
    with pytest.raises(InputError):
        read_published(file)
    with pytest.raises(InputError, match="no such file"):
        read_published(tmp_path / "none.pth")


def test_a_file_cut_anywhere_is_one_line(tmp_path: Path) -> None:
    whole = saved(tmp_path, by_equation.state(False, **SMALL)).read_bytes()
    for share in range(1, 10):
        file = tmp_path / "cut.pth"
        file.write_bytes(whole[: len(whole) * share // 10])
        with pytest.raises(InputError):
            read_published(file)


def test_a_file_with_any_byte_changed_is_read_or_one_line(tmp_path: Path) -> None:
    small = dict(list(by_equation.state(False, **SMALL).items())[:6])
    draw = random.Random(0)
    for zipped in (True, False):
        file = tmp_path / "model.pth"
        torch.save(small, file, _use_new_zipfile_serialization=zipped)
        whole = file.read_bytes()
        for _ in range(200):
            content = bytearray(whole)
            content[draw.randrange(min(2000, len(content)))] = draw.randrange(256)
            file.write_bytes(content)
            with suppress(InputError):
                read_published(file)


def test_another_clip_than_the_files_own_is_refused(clip: Path, tmp_path: Path) -> None:
    from trclip_vad.clip_towers import text_tower

    weights = by_equation.state(False, **SMALL)
    projection = text_tower(str(clip)).text_projection.weight.detach().T
    weights["clipmodel.text_projection"] = projection.half()
    import_checkpoint(saved(tmp_path, weights), tmp_path / "run", clip=str(clip))
    weights["clipmodel.text_projection"] = torch.randn_like(projection)
    with pytest.raises(ModelError, match="is another CLIP than the one inside"):
        import_checkpoint(saved(tmp_path, weights), tmp_path / "other", clip=str(clip))


def test_names_that_look_like_neither_system_are_told_apart() -> None:
    assert system_of(by_equation.state(True, **SMALL)) == TRCLIP
    assert system_of(by_equation.state(False, **SMALL)) == VADCLIP
    assert system_of(["model.weight"]) is None


def test_the_names_are_laid_on_nothing_twice(tmp_path: Path) -> None:
    weights = by_equation.state(True, **SMALL)
    published = read_published(saved(tmp_path, weights))
    settings = ModelSettings(variant="published", temporal="lgm_mamba")
    with torch.device("meta"):
        shapes = {n: t.shape for n, t in build(settings, Widths(WIDTH, TEXT)).state_dict().items()}
    with pytest.raises(InputError, match=r"not in any such file: text\.null"):
        laid_out(published, shapes, 2, classes=False)


def test_clip_must_have_the_widths_of_the_file(clip: Path, tmp_path: Path) -> None:
    weights = by_equation.state(True, **SMALL | {"clip": 16})
    with pytest.raises(InputError, match=r"text_prompt_embeddings\.weight 77x16, wanted 77x32"):
        import_checkpoint(saved(tmp_path, weights), tmp_path / "run", assignments=SETTINGS, clip=str(clip))


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT with fresh weights and the width of the small captions."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("bert")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "man", "runs", "two", "men", "fight"]
    (folder / "vocab.txt").write_text("\n".join(words))
    shape = {"hidden_size": TEXT, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    BertModel(BertConfig(vocab_size=len(words), max_position_embeddings=16, **shape)).save_pretrained(folder)
    BertTokenizerFast(vocab=str(folder / "vocab.txt"), model_max_length=16).save_pretrained(folder)
    return folder


def test_pooled_vectors_are_berts_own_whatever_stands_beside_them(bert: Path) -> None:
    from transformers import AutoTokenizer, BertModel

    texts = ["a man runs", "two men fight two men fight", "a " * 40]
    found = PooledEncoder(model=str(bert), batch=2).encode(texts)
    tokenizer, model = AutoTokenizer.from_pretrained(bert), BertModel.from_pretrained(bert).eval()
    for row, text in zip(found, texts, strict=True):
        tokens = tokenizer(text, truncation=True, max_length=16, return_tensors="pt")
        with torch.no_grad():
            torch.testing.assert_close(torch.from_numpy(row), model(**tokens).pooler_output[0], atol=1e-5, rtol=1e-4)
    assert PooledEncoder(model=str(bert)).encode([]).shape == (0, TEXT)


def test_a_bert_without_its_pooler_or_in_pickle_is_refused(bert: Path, clip: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    shutil.copytree(bert, tmp_path / "poor")
    weights = load_file(tmp_path / "poor" / "model.safetensors")
    kept = {name: tensor for name, tensor in weights.items() if "pooler" not in name}
    save_file(kept, tmp_path / "poor" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="lacks 2 weights, pooler"):
        PooledEncoder(model=str(tmp_path / "poor")).encode(["a man"])
    (tmp_path / "poor" / "model.safetensors").rename(tmp_path / "poor" / "pytorch_model.bin")
    with pytest.raises(ModelError, match="has no weights in safetensors"):
        PooledEncoder(model=str(tmp_path / "poor")).identity()
    with pytest.raises(ModelError, match="not a BERT"):
        PooledEncoder(model=str(clip)).identity()


@pytest.mark.parametrize("board", [ENCODERS, IMAGE_ENCODERS])
def test_an_encoder_is_called_on_its_board_what_a_run_calls_it(
    board: dict[str, Any], clip: Path, bert: Path, minilm: Path
) -> None:
    places = {"sentence_transformers": minilm, "clip_texts": clip, "clip_images": clip, "pooled": bert}
    for name, kind in board.items():
        assert kind(model=str(places[name])).identity()["encoder"] == name


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """Two short videos."""
    for name, frames in (("calm", 60), ("fight", 40)):
        film(tmp_path / "videos" / f"{name}.mkv", frames)
    return tmp_path / "videos"


def test_an_imported_run_scores_videos(clip: Path, videos: Path, tmp_path: Path) -> None:
    import_checkpoint(saved(tmp_path, by_equation.state(False, **SMALL)), tmp_path / "run", clip=str(clip))
    found = score(tmp_path / "run", videos, tmp_path / "out")
    assert {video["video"]: len(video["scores"]) for video in found["videos"]} == {"calm": 4, "fight": 3}
    import_checkpoint(saved(tmp_path, by_equation.state(False, **SMALL)), tmp_path / "bare", classes=False)
    with pytest.raises(CorpusError, match="was imported without its image-encoder"):
        score(tmp_path / "bare", videos, tmp_path / "out")


def test_an_imported_run_scores_videos_with_their_captions(
    clip: Path, bert: Path, videos: Path, tmp_path: Path
) -> None:
    file = saved(tmp_path, by_equation.state(True, **SMALL))
    run = tmp_path / "run"
    import_checkpoint(file, run, assignments=SETTINGS, clip=str(clip), encoder=str(bert))
    with pytest.raises(CorpusError, match="holds another run"):
        import_checkpoint(file, run, assignments=SETTINGS, clip=str(clip))
    rows = [{"text": "two men fight", "video": name, "start": 0.0, "end": 9.0} for name in ("calm", "fight")]
    captions = tmp_path / "captions.jsonl"
    captions.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = score(run, videos, tmp_path / "out", captions=captions)
    assert all(all(video["covered"]) for video in found["videos"])
    captions.write_text(json.dumps(rows[0]) + "\n")
    with pytest.raises(SettingError, match="video fight: has no captions"):
        score(run, videos, tmp_path / "out", captions=captions)
    small = saved(tmp_path, by_equation.state(False, **SMALL))
    with pytest.raises(SettingError, match="VadCLIP, which reads no captions"):
        import_checkpoint(small, tmp_path / "other", classes=False, encoder=str(bert))


class Streets(Folder):
    """A folder's videos under the classes of UCF-Crime."""

    def labels(self) -> LabelSet:
        return CLASSES["ucf_crime"]


@pytest.fixture
def data(tmp_path: Path) -> tuple[Path, Path]:
    """Features and a bank of released arrays, of two test videos and a training video."""
    folder = tmp_path / "data"
    (folder / "visual").mkdir(parents=True)
    (folder / "text").mkdir()
    lines = ["video,split,label,frames,fps"]
    for name, split, label in (("a", "train", "Normal"), ("b", "test", "Normal"), ("c", "test", "Fighting")):
        lines.append(f"{name},{split},{label},320,30")
        np.save(folder / "visual" / f"{name}__0.npy", np.random.default_rng(1).normal(size=(20, WIDTH)).astype("f4"))
        np.save(folder / "text" / f"{name}_emb_0.npy", np.random.default_rng(2).normal(size=(20, TEXT)).astype("f4"))
    (folder / "videos.csv").write_text("\n".join(lines) + "\n")
    (folder / "truth.jsonl").write_text(json.dumps({"video": "c", "anomalous": [[32, 160]]}) + "\n")
    visual_store(Streets(folder), folder / "visual", [], tmp_path / "features")
    text_bank(Streets(folder), folder / "text", [], tmp_path / "bank")
    return tmp_path / "features", tmp_path / "bank"


def test_an_imported_run_is_measured_on_data_that_it_is_given(
    clip: Path, data: tuple[Path, Path], tmp_path: Path
) -> None:
    features, bank = data
    run = tmp_path / "run"
    import_checkpoint(saved(tmp_path, by_equation.state(True, **SMALL)), run, assignments=SETTINGS, clip=str(clip))
    found = evaluate(run, features=features, bank=bank, resamples=10)
    assert (found["videos"], found["seed"], found["opened"]) == (2, None, 1)
    assert found["f_branch"] is not None
    assert "ucf_crime, imported: 2 test videos" in table(found)[0]
    assert table(found)[-1] == "  the test set was opened once by this run"
    for given, what in (({"bank": bank}, "--features"), ({"features": features}, "--bank")):
        with pytest.raises(SettingError, match=f"{what}: is not given"):
            evaluate(run, **given)
    alone = tmp_path / "alone"
    import_checkpoint(saved(tmp_path, by_equation.state(False, **SMALL)), alone, classes=False)
    assert evaluate(alone, features=features, resamples=10)["f_branch"] is None
    with pytest.raises(SettingError, match="--bank: is of no use"):
        evaluate(alone, features=features, bank=bank)


@pytest.mark.parametrize("scan", ["triton", "mamba_ssm"])
def test_a_run_whose_scan_needs_a_gpu_is_measured_on_a_cpu(
    scan: str, clip: Path, data: tuple[Path, Path], tmp_path: Path
) -> None:
    file, found = saved(tmp_path, by_equation.state(True, **SMALL)), []
    for name in (scan, "reference"):
        settings = [SETTINGS[0], f"model.lgm_mamba.scan={name}"]
        import_checkpoint(file, tmp_path / name, assignments=settings, clip=str(clip))
        evaluate(tmp_path / name, features=data[0], bank=data[1], resamples=2)
        rows = (tmp_path / name / "test_scores.jsonl").read_text().splitlines()
        found.append([score for row in rows for score in json.loads(row)["scores"]])
    assert found[0] == pytest.approx(found[1], abs=1e-4)


def test_data_that_an_imported_run_cannot_read_is_refused(data: tuple[Path, Path], tmp_path: Path) -> None:
    features, _ = data
    wide = saved(tmp_path, by_equation.state(False, **SMALL | {"width": 40}))
    import_checkpoint(wide, tmp_path / "wide", classes=False)
    with pytest.raises(CorpusError, match=r"has vectors of width 32, and .* reads 40"):
        evaluate(tmp_path / "wide", features=features)
    other = saved(tmp_path, by_equation.state(False, 1, **SMALL))
    import_checkpoint(other, tmp_path / "other", "xd_violence", classes=False)
    with pytest.raises(CorpusError, match="has other classes"):
        evaluate(tmp_path / "other", features=features)


def test_the_command_imports_and_answers(tmp_path: Path) -> None:
    file = saved(tmp_path, by_equation.state(False, **SMALL))
    done = trclip("import-checkpoint", file, "--out", tmp_path / "run", "--no-classes", "--json")
    assert done.code == 0, done.err
    assert done.json()["asked"]["imported"]["system"] == VADCLIP
    done = trclip("import-checkpoint", file, "--out", tmp_path / "other", "--recipe", "xd_violence", "--no-classes")
    assert done.code == 2
    assert len(done.err.strip().splitlines()) == 1
    assert "2 local blocks and the recipe 1" in done.err
