"""Released arrays: paired by what their names say, whatever order they stand in; laid on the grid; never unpickled."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import trclip

from rewrite import manifest
from rewrite.errors import CorpusError, InputError, SettingError
from trclip_vad.datasets.folder import Folder
from trclip_vad.features import open_features
from trclip_vad.released_features import features_of, visual_store
from trclip_vad.released_text import text_bank
from trclip_vad.text_bank import open_bank

NAMES = {"walk": "Normal", "fight__#1_label_B1": "Fight|Fire", "calm.2": "Normal", "kick": "Fight"}
FRAMES = {"walk": 100, "fight__#1_label_B1": 64, "calm.2": 47, "kick": 80}
TESTED = ("calm.2", "kick")
FLOOR = {name: frames // 16 for name, frames in FRAMES.items()}  # T of the visual arrays
CEIL = {name: -(-frames // 16) for name, frames in FRAMES.items()}  # T of SwinBERT's captions
WIDE = 4


def rows_of(video: str, key: int, length: int) -> np.ndarray:
    """An array whose every number says what it is: video, key and row."""
    found = np.zeros((length, WIDE), np.float32)
    found[:, 0], found[:, 1], found[:, 2] = sorted(NAMES).index(video), key, np.arange(length)
    return found


def save(path: Path, array: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, array)


@pytest.fixture
def data(tmp_path: Path) -> Folder:
    """Four videos, two to train on."""
    folder = tmp_path / "data"
    folder.mkdir()
    split = {name: "test" if name in TESTED else "train" for name in NAMES}
    rows = [f"{name},{split[name]},{label},{FRAMES[name]},30" for name, label in NAMES.items()]
    (folder / "videos.csv").write_text("video,split,label,frames,fps\n" + "\n".join(rows) + "\n")
    (folder / "truth.jsonl").write_text(json.dumps({"video": "kick", "anomalous": [[16, 40]]}) + "\n")
    return Folder(folder)


@pytest.fixture
def arrays(tmp_path: Path) -> Path:
    """Crops and versions 0 to 2 of the training videos, and 5 of the test videos."""
    folder = tmp_path / "arrays"
    for video in NAMES:
        for key in [5] if video in TESTED else range(3):
            save(folder / "visual" / NAMES[video][:2] / f"{video}__{key}.npy", rows_of(video, key, FLOOR[video]))
            save(folder / "text" / f"{video}_emb_{key}.npy", rows_of(video, key, CEIL[video]))
    return folder


def listed(arrays: Path, kind: str, *, seed: int = 0) -> list[Path]:
    """The arrays' lists as their authors would write them, rows shuffled."""
    found = []
    for name in ("train", "test"):
        rows = [
            f"/home/authors/somewhere/{path.name},{NAMES[video]}"
            for video in NAMES
            for path in sorted((arrays / kind).rglob(f"{video}_*.npy"))
            if (video in TESTED) == (name == "test")
        ]
        random.Random(seed).shuffle(rows)
        found.append(arrays / f"{kind}_{name}_{seed}.csv")
        found[-1].write_text("path,label\r\n" + "\r\n".join(rows) + "\r\n")
    return found


def test_shuffled_lists_give_every_video_its_own_arrays(data: Folder, arrays: Path, tmp_path: Path) -> None:
    for seed in (1, 2):
        visual_store(data, arrays, listed(arrays, "visual", seed=seed), tmp_path / f"features{seed}")
        text_bank(data, arrays, listed(arrays, "text", seed=seed), tmp_path / f"bank{seed}")
    for split in ("train", "test"):
        features, bank = open_features(tmp_path / "features1", split), open_bank(tmp_path / "bank1", split)
        assert features.names == bank.names
        for index, video in enumerate(features.names):
            for key in features.crops[index]:
                np.testing.assert_array_equal(features.visual(index, key), rows_of(video, key, FLOOR[video]))
                version = [v["key"] for v in bank.manifest["asked"]["versions"]].index(key)
                text, covered = bank.text(index, version)
                np.testing.assert_array_equal(text, rows_of(video, key, CEIL[video]))
                assert covered.all()
    for kind in ("features", "bank"):
        ids = [manifest.read(tmp_path / f"{kind}{seed}", kind)[f"{kind}_id"] for seed in (1, 2)]
        assert ids[0] == ids[1]


def test_without_lists_the_same_arrays_are_found(data: Folder, arrays: Path, tmp_path: Path) -> None:
    one = visual_store(data, arrays, [], tmp_path / "all")
    other = visual_store(data, arrays, listed(arrays, "visual"), tmp_path / "listed")
    assert one["features_id"] == other["features_id"]
    assert one["splits"] == {"train": {"videos": 2, "snippets": 10}, "test": {"videos": 2, "snippets": 7}}


def test_a_features_store_points_at_the_arrays_and_copies_none(data: Folder, arrays: Path, tmp_path: Path) -> None:
    made = visual_store(data, arrays, [], tmp_path / "features")
    test = open_features(tmp_path / "features", "test")
    assert made["asked"]["crops"] == {"train": [0, 1, 2], "test": [5]}
    assert (test.crops, test.lengths, test.frames) == (((5,), (5,)), (2, 5), (47, 80))
    assert test.truth() == [(), ((16, 40),)]
    assert not list((tmp_path / "features").rglob("*.npy"))
    save(arrays / "visual" / "Fi" / "kick__5.npy", rows_of("kick", 5, 6))
    with pytest.raises(CorpusError, match=r"kick__5.npy: was changed"):
        test.visual(1, 5)


def test_a_video_no_list_names_is_left_out(data: Folder, arrays: Path, tmp_path: Path) -> None:
    lists = listed(arrays, "visual")
    lists[0].write_text("".join(row for row in lists[0].open() if "walk" not in row))
    visual_store(data, arrays, lists, tmp_path / "features")
    assert open_features(tmp_path / "features", "train").names == ("fight__#1_label_B1",)


@pytest.mark.parametrize("kind", ["visual", "text"])
def test_a_missing_crop_or_version_is_one_line(kind: str, data: Folder, arrays: Path, tmp_path: Path) -> None:
    make = visual_store if kind == "visual" else text_bank
    lists = listed(arrays, kind)
    gone = next((arrays / kind).rglob("walk_*1.npy"))
    gone.unlink()
    with pytest.raises(InputError, match=rf"_0.csv:\d+: {gone.name} is not in "):
        make(data, arrays, lists, tmp_path / "out")
    with pytest.raises(InputError, match="walk has no array 1, which other train videos have"):
        make(data, arrays, [], tmp_path / "out")
    for path in (arrays / kind).rglob("walk_*.npy"):
        path.unlink()
    with pytest.raises(InputError, match="lacks the arrays of 1 videos, walk the first"):
        make(data, arrays, [], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("row", "part"),
    [
        ("/x/stranger__0.npy,Normal", "stranger is no video of folder"),
        ("/x/walk__0.npy,Fight", "walk is listed as 'Fight', and the data set says Normal"),
        ("/x/walk_emb_0.npy,Normal", "is no name of the form <video>__<k>.npy"),
        ("/x/walk__7.npy,Normal", "walk__7.npy is not in"),
    ],
)
def test_a_list_that_does_not_fit_is_named_by_its_line(
    row: str, part: str, data: Folder, arrays: Path, tmp_path: Path
) -> None:
    (tmp_path / "own.csv").write_text(f"path,label\n{row}\n")
    with pytest.raises(InputError, match=r"own.csv:2: ") as caught:
        visual_store(data, arrays, [tmp_path / "own.csv"], tmp_path / "out")
    assert part in str(caught.value)


def test_one_name_at_two_places_is_refused(data: Folder, arrays: Path, tmp_path: Path) -> None:
    save(arrays / "again" / "walk__0.npy", rows_of("walk", 0, 6))
    for lists in ([], listed(arrays, "visual")):
        with pytest.raises(InputError, match=r"is the same array as|lies at .* and at "):
            visual_store(data, arrays, lists, tmp_path / "out")


def test_crops_of_unequal_length_are_refused(data: Folder, arrays: Path, tmp_path: Path) -> None:
    save(next(arrays.rglob("walk__1.npy")), rows_of("walk", 1, 5))
    with pytest.raises(InputError, match=r"walk__1.npy: has the shape \(5, 4\), and walk__0.npy \(6, 4\)"):
        visual_store(data, arrays, [], tmp_path / "out")


class Bomb:
    """Pickled, it would make a file when it is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("kind", ["visual", "text"])
def test_a_pickled_array_is_refused_and_runs_nothing(kind: str, data: Folder, arrays: Path, tmp_path: Path) -> None:
    make = visual_store if kind == "visual" else text_bank
    path = next((arrays / kind).rglob("walk_*1.npy"))
    np.save(path, np.array([[Bomb(tmp_path / "ran")]], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"is no plain .npy array"):
        make(data, arrays, [], tmp_path / "out")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"\x93NUMPY\x01\x00", b"not an array at all", b"PK\x03\x04 not a zip either"],
)
def test_a_broken_array_is_one_line(content: bytes, data: Folder, arrays: Path, tmp_path: Path) -> None:
    next(arrays.rglob("walk_emb_1.npy")).write_bytes(content)
    with pytest.raises(InputError, match=r"walk_emb_1.npy: is no plain .npy array") as caught:
        text_bank(data, arrays, [], tmp_path / "out")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("array", [np.zeros(4), np.zeros((2, 4), int), np.zeros((0, 4)), np.zeros((2, 2, 4))])
def test_an_array_of_another_kind_is_refused(array: np.ndarray, data: Folder, arrays: Path, tmp_path: Path) -> None:
    save(next(arrays.rglob("walk__1.npy")), array)
    with pytest.raises(InputError, match="not of T rows of real numbers"):
        visual_store(data, arrays, [], tmp_path / "out")


def test_an_array_cut_short_is_refused(data: Folder, arrays: Path, tmp_path: Path) -> None:
    path = next(arrays.rglob("walk__1.npy"))
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(InputError, match=r"walk__1.npy: is no plain .npy array"):
        visual_store(data, arrays, [], tmp_path / "out")


def test_another_width_or_a_number_that_is_none_is_refused(data: Folder, arrays: Path, tmp_path: Path) -> None:
    save(arrays / "text" / "kick_emb_5.npy", np.zeros((5, 3), np.float32))
    with pytest.raises(InputError, match=r"kick_emb_5.npy: has 3 columns, and the arrays before it 4"):
        text_bank(data, arrays, [], tmp_path / "out")
    save(arrays / "text" / "kick_emb_5.npy", np.full((5, 4), np.nan, np.float32))
    with pytest.raises(InputError, match=r"kick_emb_5.npy: holds numbers that are not finite"):
        text_bank(data, arrays, [], tmp_path / "out")
    assert not list((tmp_path / "out").glob("*manifest*"))


def test_half_precision_is_read_as_float32(data: Folder, arrays: Path, tmp_path: Path) -> None:
    for path in arrays.rglob("*.npy"):
        save(path, np.load(path, allow_pickle=False).astype(np.float16))
    visual_store(data, arrays, [], tmp_path / "features")
    text_bank(data, arrays, [], tmp_path / "bank")
    visual, (text, _) = (
        open_features(tmp_path / "features", "train").visual(0, 2),
        open_bank(tmp_path / "bank", "train").text(0, 2),
    )
    assert visual.dtype == text.dtype == np.float32
    np.testing.assert_array_equal(visual, rows_of("walk", 2, 6))
    np.testing.assert_array_equal(text, rows_of("walk", 2, 7))


@pytest.mark.parametrize("length", [255, 256, 257])
@pytest.mark.parametrize("drift", [-2, -1, 0, 1])
def test_text_of_another_length_is_laid_on_the_videos_snippets(
    length: int, drift: int, data: Folder, arrays: Path, tmp_path: Path
) -> None:
    table = data.root / "videos.csv"
    table.write_text(table.read_text().replace("kick,test,Fight,80", f"kick,test,Fight,{16 * length}"))
    save(arrays / "text" / "kick_emb_5.npy", rows_of("kick", 5, length + drift))
    made = text_bank(data, arrays, [], tmp_path / "bank")
    text, covered = open_bank(tmp_path / "bank", "test").text(1, 0)
    expected = rows_of("kick", 5, length)
    expected[:, 2] = np.minimum(np.arange(length), length + drift - 1)
    np.testing.assert_array_equal(text, expected)
    assert covered.all()
    assert (made["splits"]["test"]["captions_outside"], made["splits"]["test"]["repeated"]) == (
        max(drift, 0),
        max(-drift, 0),
    )


def test_names_with_two_bars_or_modified_behind_are_the_same_text(data: Folder, arrays: Path, tmp_path: Path) -> None:
    made = text_bank(data, arrays, [], tmp_path / "bank")
    for path in list((arrays / "text").iterdir()):
        path.rename(path.with_name(path.name.replace("_emb_", "_emb__")))
    path = arrays / "text" / "kick_emb__5.npy"
    path.rename(path.with_name("kick_emb_5_modified.npy"))
    assert text_bank(data, arrays, [], tmp_path / "again")["bank_id"] == made["bank_id"]


def test_a_list_says_which_of_two_texts_counts(data: Folder, arrays: Path, tmp_path: Path) -> None:
    lists = listed(arrays, "text")
    lists[1].write_text(lists[1].read_text().replace("kick_emb_5.npy", "kick_emb_5_modified.npy"))
    save(arrays / "text" / "kick_emb_5_modified.npy", rows_of("kick", 6, 5))
    with pytest.raises(InputError, match="is the same array as"):
        text_bank(data, arrays, [], tmp_path / "bank")
    text_bank(data, arrays, lists, tmp_path / "bank")
    np.testing.assert_array_equal(open_bank(tmp_path / "bank", "test").text(1, 0)[0], rows_of("kick", 6, 5))


def test_equal_rows_are_stored_once(data: Folder, arrays: Path, tmp_path: Path) -> None:
    for path in (arrays / "text").iterdir():
        save(path, np.abs(rows_of("kick", 0, 7) * [1, 1, 0, 1]) * (-1 if "walk" in path.name else 1))
    made = text_bank(data, arrays, [], tmp_path / "bank")
    assert [made["splits"][split]["texts"] for split in ("train", "test")] == [2, 1]
    assert open_bank(tmp_path / "bank", "train").versions == 4


def test_a_split_says_its_first_text_where_it_lacks_a_version(data: Folder, arrays: Path, tmp_path: Path) -> None:
    made = text_bank(data, arrays, [], tmp_path / "bank")
    assert [v["name"] for v in made["asked"]["versions"]] == [f"released/{key}" for key in (0, 1, 2, 5)]
    assert made["splits"]["train"]["fallback"] == [0.0, 0.0, 0.0, 1.0]
    assert made["splits"]["test"]["fallback"] == [1.0, 1.0, 1.0, 0.0]
    test = open_bank(tmp_path / "bank", "test")
    for version in range(4):
        np.testing.assert_array_equal(test.text(1, version)[0], rows_of("kick", 5, 5))
    assert test.truth() == [(), ((16, 40),)]


def test_frames_are_16_a_row_where_the_data_set_knows_none(tmp_path: Path) -> None:
    from trclip_vad.datasets.xd_violence import XDViolence

    (tmp_path / "xd_CLIP_rgb.csv").write_text("path,label\n/x/a_label_A__0.npy,A\n/x/b_label_G__0.npy,G-0-0\n")
    (tmp_path / "xd_CLIP_rgbtest.csv").write_text("path,label\n/x/c_label_A__0.npy,A\n")
    (tmp_path / "truth.jsonl").write_text('{"video": "c_label_A", "frames": 48, "anomalous": []}\n')
    for name in "abc":
        label = "G" if name == "b" else "A"
        save(tmp_path / "arrays" / f"{name}_label_{label}__0.npy", np.ones((3, 4), np.float32))
        save(tmp_path / "arrays" / f"{name}_label_{label}_emb_0.npy", np.ones((4, 4), np.float32))
    lists = [tmp_path / "xd_CLIP_rgb.csv", tmp_path / "xd_CLIP_rgbtest.csv"]
    visual_store(XDViolence(tmp_path), tmp_path / "arrays", lists, tmp_path / "features")
    text_bank(XDViolence(tmp_path), tmp_path / "arrays", [], tmp_path / "bank")
    assert open_features(tmp_path / "features", "train").frames == (48, 48)
    assert open_bank(tmp_path / "bank", "train").frames == (64, 64)
    assert open_bank(tmp_path / "bank", "test").lengths == (3,)  # its frames are known: the fourth row lies outside


def test_a_test_video_without_truth_is_refused(data: Folder, arrays: Path, tmp_path: Path) -> None:
    (data.root / "truth.jsonl").unlink()
    with pytest.raises(InputError, match="kick: is a test video without frame truth"):
        text_bank(data, arrays, [], tmp_path / "out")


def test_the_same_is_not_made_twice_and_another_not_over_it(data: Folder, arrays: Path, tmp_path: Path) -> None:
    for kind, make in (("features", visual_store), ("bank", text_bank)):
        make(data, arrays, [], tmp_path / kind)
        before = (tmp_path / kind / "manifest.json").stat().st_mtime_ns
        make(data, arrays, [], tmp_path / kind)
        assert (tmp_path / kind / "manifest.json").stat().st_mtime_ns == before
        assert not list((tmp_path / kind).glob(".*"))
    lists = listed(arrays, "text")
    lists[0].write_text("".join(row for row in lists[0].open() if "walk" not in row))
    with pytest.raises(CorpusError, match=r"holds a bank asked differently"):
        text_bank(data, arrays, lists, tmp_path / "bank")


def test_embed_takes_released_arrays(data: Folder, arrays: Path, tmp_path: Path) -> None:
    train, test = listed(arrays, "text")
    words = ["embed", "--dataset", "folder", "--data", data.root, "--released", arrays, "--out", tmp_path / "bank"]
    said = trclip(*words, "--list", train, "--list", test, "--json")
    assert said.code == 0, said.err
    assert said.json()["asked"]["encoder"]["encoder"] == "released"
    assert open_bank(tmp_path / "bank", "train").names == ("walk", "fight__#1_label_B1")


@pytest.mark.parametrize(
    ("more", "part"),
    [
        (["--list", "x.csv"], "--list: is for released arrays"),
        (["--released", "nowhere"], "nowhere: there is no such folder"),
        (["--released", "nowhere", "--corpus", "x"], "--corpus: cannot be laid over released arrays"),
        (["--set", "dataset.nromal=x"], "Did you mean 'normal'"),
    ],
)
def test_a_wrong_wish_of_embed_is_one_line(more: list[str], part: str, data: Folder, tmp_path: Path) -> None:
    said = trclip("embed", "--dataset", "folder", "--data", data.root, "--out", tmp_path / "bank", *more)
    assert said.code == 2
    assert [part in line for line in said.err.splitlines() if line.startswith("error:")] == [True], said.err


def test_features_are_of_arrays_or_of_films_not_of_both(data: Folder, arrays: Path, tmp_path: Path) -> None:
    given: dict[str, Any] = {"encoder": None, "out": tmp_path / "features"}
    made = features_of(data, released=arrays, lists=listed(arrays, "visual"), **given)
    assert made["asked"]["encoder"]["encoder"] == "released"
    with pytest.raises(SettingError, match="--videos: is not looked at beside released arrays"):
        features_of(data, released=arrays, videos=tmp_path, **given)
    with pytest.raises(SettingError, match="--list: is for released arrays"):
        features_of(data, lists=[tmp_path / "x.csv"], **given)
