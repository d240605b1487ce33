"""Videos through an image tower: middle frames, the folder they end in, and everything that can break on the way."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from conftest import trclip

from rewrite.errors import CorpusError, InputError, SettingError
from trclip_vad import extract as extraction
from trclip_vad.batch import LabelSet, Video
from trclip_vad.clip import ClipImages
from trclip_vad.extract import extract
from trclip_vad.features import open_features, seal
from trclip_vad.grid import pooled
from trclip_vad.video import Film, find_films

LENGTHS = {"train0": 40, "train1": 24, "test0": 57}  # frames: a last snippet that ends before, at, behind its middle


def film(path: Path, frames: int, fps: int = 10) -> None:
    """Frame n is grey of brightness n, without loss."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "bgr0"
        for number in range(frames):
            picture = np.full((48, 64, 3), number, np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


@dataclass(frozen=True)
class Greys:
    """Two training videos and one test video."""

    root: Path
    name: str = "greys"

    def labels(self) -> LabelSet:
        return LabelSet(("Normal", "Fight"))

    def videos(self, split: str) -> list[Video]:
        truth = {"test0": ((16, 32),)}
        return [
            Video(name, split, ("Fight",), frames, 10.0, (), truth.get(name))
            for name, frames in LENGTHS.items()
            if name.startswith(split)
        ]


@pytest.fixture
def greys(tmp_path: Path) -> Greys:
    for name, frames in LENGTHS.items():
        film(tmp_path / "data" / "videos" / name[:-1] / f"{name}.mkv", frames)
    return Greys(tmp_path / "data")


@pytest.fixture
def encoder(clip: Path) -> ClipImages:
    return ClipImages(model=str(clip), batch=2)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize(
    ("frames", "middles"),
    [(1, [0]), (8, [7]), (9, [8]), (16, [8]), (17, [8, 16]), (40, [8, 24, 39]), (57, [8, 24, 40, 56])],
)
def test_a_film_gives_the_middle_frame_of_every_snippet(tmp_path: Path, frames: int, middles: list[int]) -> None:
    film(tmp_path / "x.mkv", frames)
    opened = Film(tmp_path / "x.mkv")
    assert [int(picture[0, 0, 0]) for picture in opened] == middles
    assert opened.frames == frames
    assert opened.fps == 10
    assert len(middles) == -(-frames // 16)


def test_a_missing_a_broken_and_an_empty_video_are_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such video"):
        list(Film(tmp_path / "gone.mp4"))
    (tmp_path / "junk.mp4").write_bytes(b"no film" * 100)
    with pytest.raises(InputError, match=r"cannot be read as a video \(Invalid data"):
        list(Film(tmp_path / "junk.mp4"))
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(InputError, match="cannot be read as a video"):
        list(Film(tmp_path / "empty.mp4"))


def test_files_are_found_by_their_exact_name(tmp_path: Path) -> None:
    film(tmp_path / "a" / "v1.mkv", 1)
    film(tmp_path / "v10.mkv", 1)
    (tmp_path / "v1.txt").touch()
    assert find_films(tmp_path, ["v1"]) == {"v1": tmp_path / "a" / "v1.mkv"}
    with pytest.raises(InputError, match=r"lacks 2 of 3 videos: v, 1\."):
        find_films(tmp_path, ["v", "v1", "1"])


def test_a_video_that_lies_there_twice_must_be_one_and_the_same(tmp_path: Path) -> None:
    film(tmp_path / "a" / "v.mkv", 1)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert find_films(tmp_path, ["v"])["v"] == tmp_path / "a" / "v.mkv"
    film(tmp_path / "b" / "v.mkv", 2)
    with pytest.raises(InputError, match="is another video of the name v"):
        find_films(tmp_path, ["v"])


def test_features_are_those_of_the_middle_frames_in_the_data_sets_order(greys: Greys, encoder: ClipImages) -> None:
    extract(greys, None, encoder, greys.root / "f")
    train = open_features(greys.root / "f", "train")
    assert (train.names, train.lengths, train.frames) == (("train0", "train1"), (3, 2), (40, 24))
    assert (train.crops, train.classes, train.width) == (((0,), (0,)), ("Normal", "Fight"), encoder.width)
    alone = encoder.encode(Film(greys.root / "videos" / "train" / "train0.mkv"))
    np.testing.assert_array_equal(train.visual(0, 0), alone)
    assert open_features(greys.root / "f", "test").truth() == [((16, 32),)]


def test_a_longer_video_is_averaged_into_bins(greys: Greys, encoder: ClipImages) -> None:
    extract(greys, None, encoder, greys.root / "f")
    test = open_features(greys.root / "f", "test")
    whole = test.visual(0, 0)
    np.testing.assert_allclose(test.visual(0, 0, at_most=2), [whole[:2].mean(0), whole[2:].mean(0)], atol=1e-6)
    np.testing.assert_array_equal(pooled(whole, at_most=4), whole)


def test_ten_crops_hold_the_same_centre_as_one(greys: Greys, encoder: ClipImages) -> None:
    extract(greys, None, encoder, greys.root / "one")
    extract(greys, None, encoder, greys.root / "ten", crops=range(10))
    one, ten = (open_features(greys.root / name, "train") for name in ("one", "ten"))
    assert ten.crops[0] == tuple(range(10))
    np.testing.assert_array_equal(one.visual(0, 0), ten.visual(0, 0))
    with pytest.raises(SettingError, match="crop 5: train0 has none"):
        one.visual(0, 5)


@pytest.mark.parametrize("last", range(1, 13))  # asked, then an array and a note a video, then five to seal
def test_killed_at_any_write_it_goes_on_and_ends_in_the_same_bytes(
    greys: Greys, encoder: ClipImages, last: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, writes = greys.root / "f", 0
    real = extraction.manifest.write_atomic

    def dying(path: Path, data: object) -> None:
        nonlocal writes
        writes += 1
        if writes == last:
            path.with_name(f".{path.name}.partial").write_bytes(b"half")
            raise KeyboardInterrupt
        real(path, data)  # type: ignore[arg-type]

    extract(greys, None, encoder, greys.root / "whole")
    monkeypatch.setattr(extraction.manifest, "write_atomic", dying)
    with pytest.raises(KeyboardInterrupt):
        extract(greys, None, encoder, out)
    monkeypatch.undo()
    with pytest.raises(CorpusError, match="not finished"):
        open_features(out, "train")
    extract(greys, None, encoder, out)
    assert contents(out) == contents(greys.root / "whole")


def test_finished_videos_are_not_encoded_again_unless_their_file_changed(
    greys: Greys, encoder: ClipImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = greys.root / "videos" / "test" / "test0.mkv"
    whole = broken.read_bytes()
    broken.write_bytes(b"junk")
    with pytest.raises(InputError, match=r"test0\.mkv: cannot be read as a video"):
        extract(greys, None, encoder, greys.root / "f")
    broken.write_bytes(whole)
    film(greys.root / "videos" / "train" / "train1.mkv", 25)  # another film, not longer by a snippet
    read: list[str] = []
    real = extraction.Film

    def watched(path: Path) -> Film:
        read.append(path.stem)
        return real(path)

    monkeypatch.setattr(extraction, "Film", watched)
    extract(greys, None, encoder, greys.root / "f")
    assert read == ["train1", "test0"]


def test_all_videos_that_cannot_be_used_are_told_at_once(greys: Greys, encoder: ClipImages) -> None:
    (greys.root / "videos" / "train" / "train0.mkv").write_bytes(b"junk")
    film(greys.root / "videos" / "test" / "test0.mkv", 30)
    with pytest.raises(InputError, match=r"2 of 3 videos: .*train0.*; .*test0.mkv: has 30 frames.* says 57\. Mend"):
        extract(greys, None, encoder, greys.root / "f")


def test_opening_the_training_half_opens_no_file_of_the_test_half(greys: Greys, encoder: ClipImages) -> None:
    extract(greys, None, encoder, greys.root / "f")
    for path in greys.root.rglob("f/**/test*"):
        path.unlink()
    train = open_features(greys.root / "f", "train")
    assert [train.visual(video, 0).shape for video in (0, 1)] == [(3, 24), (2, 24)]
    with pytest.raises(SettingError, match="has no frame truth"):
        train.truth()


def test_an_edited_array_or_list_is_refused(greys: Greys, encoder: ClipImages) -> None:
    extract(greys, None, encoder, greys.root / "f")
    array = greys.root / "f" / "arrays" / "train1__0.npy"
    array.write_bytes(array.read_bytes()[:-1] + b"\1")
    train = open_features(greys.root / "f", "train")
    with pytest.raises(CorpusError, match=r"train1__0\.npy: was changed after sealing"):
        train.visual(1, 0)
    (greys.root / "f" / "train_videos.jsonl").write_text("")
    with pytest.raises(CorpusError, match=r"train_videos\.jsonl: is missing or was changed"):
        open_features(greys.root / "f", "train")


def test_released_arrays_are_read_where_they_lie_and_held_against_their_size(greys: Greys, tmp_path: Path) -> None:
    out, array = tmp_path / "released", tmp_path / "train0__5.npy"
    out.mkdir()
    np.save(array, np.arange(12, dtype=np.float16).reshape(4, 3))
    entry = {"path": str(array), "bytes": array.stat().st_size}
    row = {"video": "train0", "labels": ["Fight"], "frames": 64, "fps": 30.0, "snippets": 4, "crops": {"5": entry}}
    seal(out, {"dataset": "greys"}, ("Normal", "Fight"), {"train": [row], "test": []}, [], 3, {})
    train = open_features(out, "train")
    assert train.crops == ((5,),)
    np.testing.assert_array_equal(train.visual(0, 5), np.arange(12, dtype=np.float32).reshape(4, 3))
    array.write_bytes(array.read_bytes() + b"more")
    with pytest.raises(CorpusError, match="was changed after sealing"):
        open_features(out, "train").visual(0, 5)


def test_the_same_features_are_not_made_twice_and_others_not_over_them(greys: Greys, encoder: ClipImages) -> None:
    out = greys.root / "f"
    made = extract(greys, None, encoder, out)
    assert extract(greys, None, encoder, out) == made
    with pytest.raises(CorpusError, match=r"asked differently \(crops\)"):
        extract(greys, None, encoder, out, crops=(0, 5))
    film(greys.root / "videos" / "test" / "test0.mkv", 56)
    with pytest.raises(CorpusError, match="features of another file of test0"):
        extract(greys, None, encoder, out)


def test_the_command_extracts_a_world_and_says_what_it_holds(clip: Path, tmp_path: Path) -> None:
    from trclip_vad.datasets.synthetic import write_world

    write_world(tmp_path / "world", train=2, test=2)
    words = ("--dataset", "synthetic", "--data", tmp_path / "world", "--encoder", clip, "--out", tmp_path / "f")
    answer = trclip("features", *words, "--json")
    assert answer.code == 0, answer.err
    assert answer.json()["splits"]["train"]["videos"] == 2
    assert trclip("show", tmp_path / "f", "--check").code == 0
    answer = trclip("features", *words, "--crops", "five")
    assert answer.code == 2
    assert "crops 'five': there is none of that name" in answer.err
