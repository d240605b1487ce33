"""Data sets say what their files say: classes, lengths, captions, truth; a broken file is one line that names it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from conftest import ROOT

from rewrite.errors import InputError, SettingError
from trclip_vad.batch import Video
from trclip_vad.datasets import DATASETS
from trclip_vad.datasets.folder import Folder, count_frames
from trclip_vad.datasets.lists import TEXT, VISUAL, key_of, read_list
from trclip_vad.datasets.ucf_crime import UCFCrime
from trclip_vad.datasets.xd_violence import CODES, LABELS, XDViolence

SHARED = ROOT.parent / "shared" / "data"
CLIP = "Film.2001__#00-01-00_00-02-00_label_B2-G-0"  # a name as XD-Violence has them


def shared(name: str) -> Path:
    if not (SHARED / name).is_dir():
        pytest.skip(f"{SHARED / name} is not there")
    return SHARED / name


def lines(path: Path, rows: Iterable[object]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def xd(tmp_path: Path) -> Path:
    """Two training and two test videos, as the lists of ten crops and of one crop name them."""
    train = [("v=calm__#1_label_A", "A"), (CLIP, "B2-G-0")]
    test = [("v=riot__#1_label_B4-0-0", "B4-0-0"), ("v=still__#1_label_A", "A")]
    rows = [f"/home/authors/{name}__{crop}.npy,{label}" for name, label in train for crop in range(10)]
    (tmp_path / "xd_CLIP_rgb.csv").write_text("path,label\r\n" + "\r\n".join(rows) + "\r\n")
    rows = [f"D:\\authors\\{name}__0.npy,{label}" for name, label in test]
    (tmp_path / "xd_CLIP_rgbtest.csv").write_text("path,label\n" + "\n".join(rows))
    truth = [{"video": test[0][0], "frames": 320, "anomalous": [[16, 320]]}]
    lines(tmp_path / "truth.jsonl", [*truth, {"video": test[1][0], "frames": 160, "anomalous": []}])
    return tmp_path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = ["walk,train,Calm,100,25", "push.mp4,train,Push|Fall,90,25", "kick,test,Kick,80,30", "sit,test,Calm,70,30"]
    (tmp_path / "videos.csv").write_text("video,split,label,frames,fps\n" + "\n".join(rows) + "\n")
    lines(tmp_path / "truth.jsonl", [{"video": "kick", "anomalous": [[40, 60], [10, 20]]}])
    lines(tmp_path / "captions.jsonl", [{"text": "A man walks.", "video": "walk", "start": 0, "end": 2}])
    return tmp_path


@pytest.mark.parametrize(
    ("name", "pattern", "expected"),
    [
        ("Abuse028_x264__5.npy", VISUAL, ("Abuse028_x264", 5)),
        (f"{CLIP}__9.npy", VISUAL, (CLIP, 9)),
        ("v=a__#1_label_A__0.npy", VISUAL, ("v=a__#1_label_A", 0)),
        ("Abuse028_x264_emb_5.npy", TEXT, ("Abuse028_x264", 5)),
        ("Abuse028_x264_emb__5.npy", TEXT, ("Abuse028_x264", 5)),
        ("Normal_Videos_182_x264_emb_5_modified.npy", TEXT, ("Normal_Videos_182_x264", 5)),
        ("Abuse028_x264_emb_5.npy", VISUAL, None),
        ("Abuse028_x264.npy", TEXT, None),
        ("Abuse028_x264__5.npy.part", VISUAL, None),
    ],
)
def test_a_file_name_is_taken_apart_as_a_whole(name: str, pattern: object, expected: object) -> None:
    assert key_of(name, pattern) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("string", "labels"),
    [
        ("A", ("Normal",)),
        ("B1-0-0", ("fighting",)),
        ("B1-B2-G", ("fighting", "shooting", "explosion")),
        ("G-B6-B2", ("shooting", "car accident", "explosion")),
        ("B5-B9-0", ("abuse",)),
    ],
)
def test_a_label_string_of_xd_names_its_classes_and_unknown_parts_nothing(string: str, labels: tuple[str]) -> None:
    assert XDViolence(Path()).labels_of(string) == labels


@pytest.mark.parametrize("string", ["", "0-0-0", "B11", "A-B1", "fighting"])
def test_a_label_string_that_names_no_class_is_refused(string: str) -> None:
    with pytest.raises(InputError, match="is no label of XD-Violence"):
        XDViolence(Path()).labels_of(string)


def test_xd_has_seven_classes_normal_first() -> None:
    assert LABELS.names == ("Normal", "fighting", "shooting", "riot", "abuse", "car accident", "explosion")
    assert list(CODES) == ["A", "B1", "B2", "B4", "B5", "B6", "G"]


def test_ten_rows_of_a_list_are_one_video(xd: Path) -> None:
    train = XDViolence(xd).videos("train")
    assert [(v.name, v.labels) for v in train] == [
        ("v=calm__#1_label_A", ("Normal",)),
        (CLIP, ("shooting", "explosion")),
    ]
    assert {(v.frames, v.fps, v.anomalous, v.captions) for v in train} == {(0, 24.0, None, ())}


def test_test_videos_of_xd_have_the_truth_and_training_opens_none(xd: Path) -> None:
    riot, still = XDViolence(xd).videos("test")
    assert (riot.frames, riot.anomalous, still.frames, still.anomalous) == (320, ((16, 320),), 160, ())
    (xd / "truth.jsonl").unlink()
    assert len(XDViolence(xd).videos("train")) == 2
    with pytest.raises(InputError, match=r"truth.jsonl: there is no such file"):
        XDViolence(xd).videos("test")


def test_the_official_annotations_are_the_truth_where_they_lie_alone(xd: Path) -> None:
    (xd / "truth.jsonl").unlink()
    (xd / "annotations.txt").write_text("v=riot__#1_label_B4-0-0.mp4 0 100 160 330 400 500\n")
    (xd / "frame_counts.json").write_text(json.dumps({"v=riot__#1_label_B4-0-0": 320, "v=still__#1_label_A": 160}))
    riot, still = XDViolence(xd).videos("test")
    assert riot.anomalous == ((0, 100), (160, 320))  # what lies behind the last frame is cut off
    assert still.anomalous == ()


def test_captions_tell_xd_lengths_and_rates_where_nothing_else_does(xd: Path) -> None:
    said = [{"id": str(i), "text": "A man.", "video": CLIP, "snippet": i, "fps": 25} for i in range(7)]
    lines(xd / "captions.jsonl", said)
    calm, clip = XDViolence(xd).videos("train")
    assert (calm.frames, clip.frames, clip.fps, len(clip.captions)) == (0, 112, 25.0, 7)
    (xd / "frame_counts.json").write_text(json.dumps({CLIP: 100}))
    assert [v.frames for v in XDViolence(xd).videos("train")] == [0, 100]


@pytest.mark.parametrize(
    ("row", "part"),
    [
        (f"/x/{CLIP}.npy,B2-G-0", "is no name of the form <video>__<k>.npy"),
        (f"/x/{CLIP}__0.npy,C3", "'C3' is no label of XD-Violence"),
        (f"/x/{CLIP}__0.npy,", "its 'label' is empty"),
        (f"/x/{CLIP}__0.npy,B2-G-0,more", "more cells than the header"),
        (f"/x/{CLIP}__1.npy,B2-G-0\n/x/{CLIP}__1.npy,B2-G-0", "stands already at"),
        (f"/x/{CLIP}__1.npy,B2-G-0\n/x/{CLIP}__2.npy,A", "had another label in an earlier row"),
    ],
)
def test_a_broken_list_is_named_by_its_line(row: str, part: str, xd: Path) -> None:
    (xd / "xd_CLIP_rgb.csv").write_text(f"path,label\n{row}\n")
    with pytest.raises(InputError, match=r"xd_CLIP_rgb.csv:[23]: ") as caught:
        XDViolence(xd).videos("train")
    assert part in str(caught.value)


def test_a_list_without_a_header_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(f"/x/{CLIP}__0.npy,A\n")
    with pytest.raises(InputError, match="names no column 'path'"):
        read_list(tmp_path / "list.csv", VISUAL)


def test_the_real_xd_test_set_is_read_to_the_frame() -> None:
    videos = XDViolence(shared("xd_violence")).videos("test")
    anomalous = sum(end - start for video in videos for start, end in video.anomalous or ())
    assert (len(videos), sum(v.frames for v in videos), anomalous) == (800, 2_330_384, 537_805)
    assert sum(v.labels == ("Normal",) for v in videos) == 300


def test_the_official_xd_annotations_give_the_same_truth(tmp_path: Path) -> None:
    found = shared("xd_violence")
    whole = XDViolence(found).videos("test")
    for name in ("annotations.txt", "xd_CLIP_rgbtest.csv"):
        (tmp_path / name).write_bytes((found / name).read_bytes())
    (tmp_path / "frame_counts.json").write_text(json.dumps({v.name: v.frames for v in whole}))
    assert XDViolence(tmp_path).videos("test") == whole


def test_ucf_crime_keeps_wordless_videos_when_asked() -> None:
    found = shared("ucf_crime")
    assert [len(UCFCrime(found, keep="all").videos(s)) for s in ("train", "test")] == [1610, 290]
    assert [len(UCFCrime(found, captions="none.jsonl", keep="all").videos(s)) for s in ("train", "test")] == [1610, 290]
    assert [len(UCFCrime(found).videos(s)) for s in ("train", "test")] == [1567, 287]


def test_a_folder_reads_its_classes_off_the_csv(folder: Path) -> None:
    found = Folder(folder, normal="Calm")
    assert found.labels().names == ("Calm", "Fall", "Kick", "Push")
    walk, push = found.videos("train")
    assert (walk.labels, walk.frames, walk.fps, walk.anomalous) == (("Calm",), 100, 25.0, None)
    assert (push.name, push.labels, [c.text for c in walk.captions]) == ("push", ("Fall", "Push"), ["A man walks."])


def test_a_folder_takes_truth_from_its_file_and_normal_videos_as_normal(folder: Path) -> None:
    kick, sit = Folder(folder, normal="Calm").videos("test")
    assert (kick.anomalous, sit.anomalous) == (((10, 20), (40, 60)), ())
    (folder / "truth.jsonl").unlink()
    assert [v.anomalous for v in Folder(folder, normal="Calm").videos("test")] == [None, ()]


def test_a_folder_asks_the_film_where_the_csv_says_no_length(tmp_path: Path) -> None:
    import av

    from trclip_vad.datasets.synthetic import Synthetic, write_world

    write_world(tmp_path / "world", train=2, test=2)
    films = {v.name: v for v in Synthetic(tmp_path / "world").videos("train")}
    rows = [f"{v.name}.mp4,train,{v.labels[0]}" for v in films.values()]
    (tmp_path / "world" / "videos.csv").write_text("video,split,label\n" + "\n".join(rows) + "\n")
    (tmp_path / "world" / "captions.jsonl").unlink()
    for video in Folder(tmp_path / "world").videos("train"):
        assert (video.frames, video.fps) == (films[video.name].frames, films[video.name].fps)
        path = tmp_path / "world" / "videos" / f"{video.name}.mp4"
        with av.open(str(path)) as film:
            assert sum(1 for _ in film.decode(video=0)) == count_frames(path)[0]


def test_the_frames_of_a_real_film_are_counted_without_decoding() -> None:
    import av

    for path in sorted((shared("fights") / "videos").iterdir())[:3]:
        with av.open(str(path)) as film:
            assert sum(1 for _ in film.decode(video=0)) == count_frames(path)[0]


@pytest.mark.parametrize(
    ("row", "part"),
    [
        ("run,val,Calm,9,9", "its split is 'val'. Write train or test"),
        ("walk,train,Calm,9,9", "walk stands already at"),
        ("run,train,,9,9", "its 'label' is empty"),
        ("run,train,Calm|Push,9,9", "is not one class, or several anomalies"),
        ("run,train,Calm,many,9", "its `frames` is 'many', not a number above 0"),
        ("run,train,Calm,9.5,9", "its `frames` is not a whole number"),
        ("run,train,Calm,9,nan", "its `fps` is 'nan'"),
        ("run,train,Calm,9", "there is no film of run"),
        ("run,train,Calm,9,9,9", "more cells than the header"),
    ],
)
def test_a_broken_row_of_a_folder_is_named_by_its_line(row: str, part: str, folder: Path) -> None:
    with (folder / "videos.csv").open("a") as file:
        file.write(row + "\n")
    with pytest.raises(InputError, match=r"videos.csv:6: ") as caught:
        Folder(folder, normal="Calm").videos("train")
    assert part in str(caught.value)


@pytest.mark.parametrize(
    ("file", "row", "part"),
    [
        ("captions.jsonl", {"text": "A dog.", "video": "wlak"}, "names wlak, which the csv does not list"),
        ("captions.jsonl", {"text": "A dog."}, "names no video"),
        ("truth.jsonl", {"video": "kcik", "anomalous": []}, "names kcik, which the csv does not list"),
        ("truth.jsonl", {"video": "kick", "anomalous": [[1, 81]]}, "behind its 80 frames"),
        ("truth.jsonl", {"video": "kick", "anomalous": [[9, 9]]}, "is not 0 <= start < end"),
        ("truth.jsonl", {"video": "kick", "anomalous": 3}, "is not a row of frame truth"),
        ("truth.jsonl", {"video": "walk", "anomalous": []}, "has no row for the anomalous test video kick"),
    ],
)
def test_captions_and_truth_of_a_folder_must_fit_its_videos(file: str, row: object, part: str, folder: Path) -> None:
    lines(folder / file, [row])
    with pytest.raises(InputError) as caught:
        Folder(folder, normal="Calm").videos("test")
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_normal_video_with_anomalous_frames_is_a_contradiction(folder: Path) -> None:
    rows = [{"video": "kick", "anomalous": [[1, 2]]}, {"video": "sit", "anomalous": [[1, 2]]}]
    lines(folder / "truth.jsonl", rows)
    with pytest.raises(InputError, match="sit is labelled Calm and has anomalous frames"):
        Folder(folder, normal="Calm").videos("test")


def test_a_folder_without_its_normal_class_says_how_to_name_it(folder: Path) -> None:
    with pytest.raises(InputError, match=r"no video is labelled 'Normal'.*--set dataset.normal=NAME"):
        Folder(folder).labels()


def test_a_folder_without_a_csv_or_with_a_broken_film_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"videos.csv: there is no such file"):
        Folder(tmp_path).videos("train")
    (tmp_path / "videos.csv").write_text("video,split,label\nrun,train,Normal\n")
    (tmp_path / "run.mp4").write_bytes(b"no film")
    with pytest.raises(InputError, match=r"run.mp4: is no film that can be read"):
        Folder(tmp_path).videos("train")


@pytest.mark.parametrize("name", sorted(DATASETS))
def test_no_data_set_has_a_third_split(name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="split 'dev'"):
        DATASETS[name](tmp_path).videos("dev")


@pytest.mark.parametrize("name", sorted(DATASETS))
def test_a_missing_folder_is_one_line(name: str, tmp_path: Path) -> None:
    found: list[Video] = []
    with pytest.raises(InputError, match="there is no such file"):
        found += DATASETS[name](tmp_path / "nowhere").videos("train")
    assert not found
