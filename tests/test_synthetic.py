"""The street world: equal seeds, equal bytes; its truth fits its story; training sees no truth."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rewrite.captions import read_captions
from rewrite.errors import CorpusError, InputError
from trclip_vad.datasets import synthetic
from trclip_vad.datasets.street_grammar import ANOMALIES, DISTRACTORS, EVERYDAY, LABELS, acts
from trclip_vad.datasets.street_render import MOTIONS, PAINTERS
from trclip_vad.datasets.synthetic import Synthetic, write_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world") / "world"
    write_world(folder, train=60, test=40, frames=False)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_equal_seeds_give_equal_bytes_films_and_all(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        write_world(tmp_path / name, train=2, test=2, seed=seed)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert contents(tmp_path / "a")["videos/test-000.mp4"] != contents(tmp_path / "c")["videos/test-000.mp4"]


def test_a_killed_writing_resumes_to_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_world(tmp_path / "whole", train=2, test=2)
    encode, made = synthetic.encode, []

    def dying(*args: object) -> bytes:
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(args)
        return encode(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(synthetic, "encode", dying)
    with pytest.raises(KeyboardInterrupt):
        write_world(tmp_path / "broken", train=2, test=2)
    made.clear()
    write_world(tmp_path / "broken", train=2, test=2)
    assert len(made) == 2  # the other two were whole
    assert contents(tmp_path / "broken") == contents(tmp_path / "whole")


def test_a_film_has_the_frames_its_row_says(tmp_path: Path) -> None:
    import av

    write_world(tmp_path / "world", train=2, test=2)
    for video in Synthetic(tmp_path / "world").videos("test"):
        with av.open(str(tmp_path / "world" / "videos" / f"{video.name}.mp4")) as film:
            assert sum(1 for _ in film.decode(video=0)) == video.frames


def test_half_of_each_split_is_normal_and_every_class_occurs(world: Path) -> None:
    for split in ("train", "test"):
        labels = [v.labels[0] for v in Synthetic(world).videos(split)]
        assert labels.count(LABELS.normal) == len(labels) / 2
        assert set(labels) == set(LABELS.names)


def test_truth_lies_inside_anomalous_test_videos_only(world: Path) -> None:
    for video in Synthetic(world).videos("test"):
        assert bool(video.anomalous) == (video.labels != (LABELS.normal,))
        assert all(0 <= start < end <= video.frames for start, end in video.anomalous or ())
    assert all(video.anomalous is None for video in Synthetic(world).videos("train"))


def test_training_videos_are_read_without_the_truth(tmp_path: Path) -> None:
    write_world(tmp_path / "world", train=2, test=2, frames=False)
    (tmp_path / "world" / "truth.jsonl").unlink()
    assert len(Synthetic(tmp_path / "world").videos("train")) == 2
    with pytest.raises(InputError, match="there is no such file"):
        Synthetic(tmp_path / "world").videos("test")


def test_captions_lie_on_the_grid_and_leave_gaps(world: Path) -> None:
    videos = Synthetic(world).videos("train")
    assert all(0 <= c.snippet < v.snippets for v in videos for c in v.captions if c.snippet is not None)
    assert any(len(v.captions) < v.snippets for v in videos)


def test_reserved_wordings_are_heard_in_the_test_split_only(world: Path) -> None:
    train, test = ({c.text for c in read_captions(world / "captions.jsonl", split=s)} for s in ("train", "test"))
    new = [text for text in test if text not in train]
    assert len(new) > len(test) / 3
    assert "sidewalk" not in " ".join(train)
    assert "sidewalk" in " ".join(test)


def test_no_caption_names_its_class() -> None:
    for act in acts(ANOMALIES):
        wordings = " ".join(text for beat in act.beats for text in (*beat.train, *beat.test)).lower()
        assert act.name.lower() not in wordings


def test_the_grammar_has_twelve_activities_six_anomalies_and_distractors() -> None:
    assert len(acts(EVERYDAY)) == 12
    assert [act.name for act in acts(ANOMALIES)] == list(LABELS.names[1:])
    assert len(acts(DISTRACTORS)) >= 10
    assert all([b.phase for b in act.beats] == ["precursor", "event", "aftermath"] for act in acts(ANOMALIES))


def test_every_motion_of_the_grammar_can_be_drawn() -> None:
    told = {beat.motion for g in (EVERYDAY, DISTRACTORS, ANOMALIES) for act in acts(g) for beat in act.beats}
    assert told <= set(MOTIONS)
    assert {part.kind for parts in MOTIONS.values() for part in parts} <= set(PAINTERS)


def test_another_world_is_not_written_over_this_one(world: Path) -> None:
    with pytest.raises(CorpusError, match="holds another world"):
        write_world(world, train=4, test=4, frames=False)


def test_a_broken_row_is_named_by_its_line(tmp_path: Path) -> None:
    write_world(tmp_path / "world", train=2, test=2, frames=False)
    path = tmp_path / "world" / "videos.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    del rows[1]["frames"]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(InputError, match=r"videos.jsonl:2: is not a row of a video"):
        Synthetic(tmp_path / "world").videos("train")
