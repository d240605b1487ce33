"""A folder of films, from training to a score of each: frames and captions through the towers of a tiny CLIP."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import trclip
from test_features import film

from rewrite.errors import InputError, SettingError, TrclipError
from trclip_vad.clip import IMAGE_ENCODERS, ClipImages, ClipTexts
from trclip_vad.datasets.folder import Folder
from trclip_vad.embed import embed
from trclip_vad.encoders import ENCODERS
from trclip_vad.evaluate import evaluate
from trclip_vad.evaluate import table as evaluated_table
from trclip_vad.extract import extract
from trclip_vad.recipes import configure
from trclip_vad.score import ScoreSettings, score, table
from trclip_vad.train import train

LABELS = ("Normal", "Fight", "Normal", "Road_Accident")
SAID = {"Normal": "A man walks.", "Fight": "Two men fight hard.", "Road_Accident": "A car hits a bus."}
SMALL = ["epochs=2", "batch=4", "validation=0.3", "threads=1", "text.rewrites=false", "select=last"]
SMALL += ["classes.encoder=clip", "optimiser.lr=1e-3"]


def captions(path: Path, names: Sequence[str]) -> Path:
    """Two timed captions of each video; the second lies partly behind its end."""
    rows = [{"text": SAID[LABELS[n % 4]], "video": name, "start": 0.0, "end": 3.0} for n, name in enumerate(names)]
    rows += [{"text": f"Person {name} leaves.", "video": name, "start": 6.4, "end": 99.0} for name in names]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, clip: Path) -> Path:
    """A folder of 14 films with captions, the bank and the features of it, and a CLIP of its own."""
    folder = tmp_path_factory.mktemp("films")
    shutil.copytree(clip, folder / "clip")
    names = [f"train{n}" for n in range(12)] + [f"test{n}" for n in range(2)]
    for n, name in enumerate(names):
        film(folder / "data" / "videos" / f"{name}.mkv", 80 + 7 * (n % 3))
    rows = [f"{name},{name.rstrip('0123456789')},{LABELS[n % 4]}" for n, name in enumerate(names)]
    (folder / "data" / "videos.csv").write_text("video,split,label\n" + "\n".join(rows) + "\n")
    captions(folder / "data" / "captions.jsonl", names)
    data = Folder(folder / "data")
    extract(data, None, ClipImages(model=str(folder / "clip")), folder / "features")
    embed(data, [], ClipTexts(model=str(folder / "clip")), folder / "bank")
    (folder / "new").mkdir()
    for name in ("a", "$x^2$ <b>"):
        shutil.copy(folder / "data" / "videos" / "test1.mkv", folder / "new" / f"{name}.mkv")
    return folder


def trained(world: Path, name: str, *changes: str, bank: bool = True) -> Path:
    model = f"classes.model={world / 'clip'}"
    if not (world / name / "manifest.json").exists():
        config = configure("demo", world / "bank" if bank else None, [*SMALL, model, *changes], world / "features")
        train(config, world / name)
    return world / name


@pytest.fixture(scope="module")
def taught(world: Path) -> Path:
    """A run that has learned to do without captions."""
    return trained(world, "taught", "losses.distillation=1", "text.dropout=0.3")


@pytest.mark.parametrize(("board", "door"), [(ENCODERS, ClipTexts), (IMAGE_ENCODERS, ClipImages)])
def test_an_encoder_is_found_under_the_name_it_gives(board: dict[str, type], door: type, clip: Path) -> None:
    assert board[door(model=str(clip)).identity()["encoder"]] is door


def test_a_folder_of_films_is_scored_with_its_captions(world: Path, taught: Path, tmp_path: Path) -> None:
    told = captions(tmp_path / "said.jsonl", ["a", "$x^2$ <b>"])
    answer = trclip("score", taught, world / "new", "--captions", told, "--out", tmp_path / "out", "--json")
    assert answer.code == 0, answer.err
    found = {row["video"]: row for row in answer.json()["videos"]}
    assert set(found) == {"a", "$x^2$ <b>"}
    for row in found.values():
        assert row["fps"] == 10.0
        assert len(row["scores"]) == len(row["covered"]) == 6
        assert row["covered"] == [True, True, False, False, True, True]
        assert all(0 <= s <= 1 for s in row["scores"])
    rows = [json.loads(line) for line in (tmp_path / "out" / "scores.jsonl").read_text().splitlines()]
    assert rows == answer.json()["videos"]
    pictures = sorted(tmp_path.glob("out/*.png"))
    assert len(pictures) == 2
    assert all(p.read_bytes().startswith(b"\x89PNG") for p in pictures)


def test_an_event_has_a_class_and_times_within_the_film(world: Path, taught: Path, tmp_path: Path) -> None:
    found = score(taught, world / "new", tmp_path / "out", settings=ScoreSettings(threshold=0.0))
    for row in found["videos"]:
        assert row["events"] == [[0.0, 9.6]]  # six snippets of 16 frames at 10 a second
        assert row["classes"][0] in ("Fight", "Road_Accident")
    assert all(row["classes"][0] in line for row, line in zip(found["videos"], table(found), strict=True))
    quiet = score(taught, world / "new", tmp_path / "out", settings=ScoreSettings(threshold=1.0))
    assert all(line.endswith("; no event") for line in table(quiet))


def test_a_run_that_was_taught_scores_films_without_captions_and_another_refuses(
    world: Path, taught: Path, tmp_path: Path
) -> None:
    found = score(taught, world / "new", tmp_path / "out")
    assert [row["covered"] for row in found["videos"]] == [[False] * 6] * 2
    both = trained(world, "both")
    with pytest.raises(SettingError, match=r"has no captions, and the run never learned to do without \(2 such"):
        score(both, world / "new", tmp_path / "other")
    told = captions(tmp_path / "said.jsonl", ["a"])
    with pytest.raises(SettingError, match=r"\(1 such videos\)"):
        score(both, world / "new", tmp_path / "other", captions=told)
    assert not (tmp_path / "other").exists()
    told = captions(tmp_path / "said.jsonl", ["a", "$x^2$ <b>"])
    assert len(score(both, world / "new", tmp_path / "other", captions=told)["videos"]) == 2


def test_a_film_has_the_same_score_as_its_features_had(world: Path, tmp_path: Path) -> None:
    run = trained(world, "frames", bank=False)
    assert "undefined" in "".join(evaluated_table(evaluate(run, resamples=2)))  # the folder has no truth
    rows = [json.loads(line) for line in (run / "test_scores.jsonl").read_text().splitlines()]
    for row in rows:
        found = score(run, world / "data" / "videos" / f"{row['video']}.mkv", tmp_path / "out")["videos"][0]
        np.testing.assert_allclose(found["scores"], row["scores"], atol=2e-6)
        assert found["covered"] == []
    with pytest.raises(SettingError, match="are of no use to a run that sees frames alone"):
        score(run, world / "new", tmp_path / "out", captions=captions(tmp_path / "said.jsonl", ["a"]))


REFUSED = {
    "broken": "broken.mkv: cannot be read as a video",
    "empty": "holds no video",
    "missing": "holds no video",
    "captions for a film": "cannot be read as a video",
    "twice": "has the name of",
    "nobody's captions": "names none of the videos (say, 'A' and '$x^2$ <b>')",
    "nameless captions": "names no video",
    "no time": "has no place in time",
    "another clip": "is not the image-encoder this run was trained with",
    "no clip": "there is no such file or folder",
}


def wrong(case: str, world: Path, clip: Path, folder: Path) -> dict[str, Any]:
    """What a user gives in such a case: `source`, and perhaps `captions` or `image_model`."""
    source, said = folder / "in", folder / "said.jsonl"
    if case not in ("missing", "empty"):
        shutil.copytree(world / "new", source)
    if case == "empty":
        source.mkdir()
    if case == "broken":
        (source / "broken.mkv").write_bytes(b"no film at all")
    if case == "captions for a film":
        source = captions(said, ["a"])
    if case == "twice":
        shutil.copytree(world / "new", source / "again")
    if case == "nobody's captions":
        return {"source": source, "captions": captions(said, ["A", "b"])}
    if case in ("nameless captions", "no time"):
        row = {"text": "A man walks."} | ({"video": "a"} if case == "no time" else {"start": 0, "end": 1})
        said.write_text(json.dumps(row) + "\n")
        return {"source": source, "captions": said}
    if case == "another clip":
        config = shutil.copytree(clip, folder / "clip") / "config.json"
        config.write_text(config.read_text().replace('"layer_norm_eps": 1e-05', '"layer_norm_eps": 1e-06'))
        return {"source": source, "image_model": str(folder / "clip")}
    return {"source": source} | ({"image_model": str(folder / "nowhere")} if case == "no clip" else {})


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_what_cannot_be_scored_is_refused(case: str, world: Path, taught: Path, clip: Path, tmp_path: Path) -> None:
    with pytest.raises(TrclipError) as refused:
        score(taught, out=tmp_path / "out", **wrong(case, world, clip, tmp_path))
    assert REFUSED[case] in str(refused.value)
    assert not list(tmp_path.glob("out/*.jsonl"))


def test_a_refusal_is_one_line(world: Path, taught: Path, clip: Path, tmp_path: Path) -> None:
    answer = trclip("score", taught, wrong("broken", world, clip, tmp_path)["source"], "--out", tmp_path / "out")
    assert answer.code == 2
    assert len([line for line in answer.err.splitlines() if line.strip()]) == 1, answer.err


def test_a_broken_film_leaves_an_earlier_scoring_as_it_was(world: Path, taught: Path, tmp_path: Path) -> None:
    shutil.copytree(world / "new", tmp_path / "in")
    score(taught, tmp_path / "in", tmp_path / "out")
    before = (tmp_path / "out" / "scores.jsonl").read_bytes()
    (tmp_path / "in" / "broken.mkv").write_bytes(b"no film at all")
    with pytest.raises(InputError):
        score(taught, tmp_path / "in", tmp_path / "out")
    assert (tmp_path / "out" / "scores.jsonl").read_bytes() == before
