"""Every export says the same captions, loses none of them to its format, and names the corpus it came from."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import shlex
import tarfile
from pathlib import Path
from typing import Any

import pytest
from conftest import SAMPLE, trclip
from handmade import corpus

from rewrite.controls import CONTROLS
from rewrite.corpus import open_corpus
from rewrite.errors import CorpusError, InputError, SettingError
from rewrite.export import EXPORTERS, configure
from rewrite.export.folder import export, lines
from rewrite.export.table import tabulate
from rewrite.filters.length import clip_tokens
from rewrite.overview import overview
from rewrite.pipeline import rewrite
from rewrite.recipe import configure as recipe

A, B, C = "A man walks.", "Two dogs, one ball: a game.", 'He says "no"\tand\nleaves.'
SAID = {A: ["A man is walking.", "Somebody strolls."], B: ["=A game of two dogs."], C: []}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    rows = [
        {"id": "a", "text": A, "video": "v1", "start": 0.0, "end": 1.5},
        {"id": "b", "text": B, "video": "v,2"},
        {"id": "c", "text": C},
        {"id": "a again", "text": A, "video": "v2"},
    ]
    return corpus(tmp_path / "small", SAID, rows)


@pytest.fixture(scope="module")
def rewritten(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample captions, rewritten by the fake backend with some drafts lost: some texts have fewer rewrites."""
    out = tmp_path_factory.mktemp("corpus") / "corpus"
    asked = recipe(backend="fake", filters=["form", "duplicates"], variants=2, assignments=["fake.manner=mixed"])
    rewrite(SAMPLE, out, asked)
    return out


def exported(source: Path, to: str, *settings: str, out: Path | None = None, **asked: Any) -> Path:
    out = out or source.parent / f"{source.name}-{to}-{len(list(source.parent.iterdir()))}"
    export(source, out, *configure(to, settings), **asked)
    return out


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().split("\n") if line]


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()}


@pytest.mark.parametrize("to", EXPORTERS)
def test_equal_requests_give_equal_bytes_and_a_sealed_folder(to: str, rewritten: Path, tmp_path: Path) -> None:
    first, second = (exported(rewritten, to, out=tmp_path / name) for name in ("one", "two"))
    assert contents(first) == contents(second)
    found = overview(first, check=True)
    assert found["asked"]["corpus_id"] == open_corpus(rewritten).id
    assert found["rows"] == 60


@pytest.mark.parametrize("to", EXPORTERS)
def test_no_version_of_a_caption_breaks_its_line(to: str, small: Path) -> None:
    table = tabulate(open_corpus(small), k=None, control=None, seed=0)
    texts = [text for row in table.rows for text in row.texts]
    assert not [text for text in texts if "\n" in text or "\t" in text]
    assert 'He says "no" and leaves.' in texts
    exported(small, to)


@pytest.mark.parametrize("to", EXPORTERS)
def test_an_edited_corpus_is_refused(to: str, small: Path) -> None:
    path = small / "rewrites.jsonl"
    path.write_bytes(path.read_bytes().replace(b"strolls", b"marches"))
    with pytest.raises(CorpusError, match="was changed after sealing"):
        exported(small, to, out=small.parent / "out")
    assert not (small.parent / "out").exists()


def test_every_value_a_trainer_reads_is_a_string_and_every_key_is_there(small: Path) -> None:
    found = rows(exported(small, "flat") / "captions.jsonl")
    assert [row["id"] for row in found] == ["a", "b", "c", "a again"]
    for row in found:
        assert all(isinstance(row[f"caption_{i}"], str) and row[f"caption_{i}"] for i in range(3))
        assert "caption_3" not in row
    assert found[0]["caption_0"] == A
    assert (found[0]["video"], found[0]["start"], found[0]["end"]) == ("v1", 0.0, 1.5)
    assert "text" not in found[0]


def test_too_few_rewrites_are_filled_by_repeating_the_caption_first(small: Path) -> None:
    found = rows(exported(small, "flat", k=4) / "captions.jsonl")
    assert [found[1][f"caption_{i}"] for i in range(5)] == [B, SAID[B][0], B, SAID[B][0], B]
    assert [row["rewrites"] for row in found] == [2, 1, 0, 2]
    sealed = overview(exported(small, "flat", k=4))
    assert sealed["filled"]["rows"] == 4
    assert sealed["filled"]["cells"] == 2 + 3 + 4 + 2


def test_a_small_k_shows_every_template_before_a_second_variant(rewritten: Path) -> None:
    corpus_ = open_corpus(rewritten)
    template = {(row["source_id"], row["text"]): row["template"] for row in corpus_.rows("rewrites")}
    table = tabulate(corpus_, k=2, control=None, seed=0)
    both = [
        r for r in table.rows if {template.get((r.fields["source_id"], t)) for t in r.texts[1:]} == {"plain", "reorder"}
    ]
    assert len(both) > 20


def test_a_field_by_a_name_of_ours_is_refused(tmp_path: Path) -> None:
    made = corpus(tmp_path / "c", {A: ["x y"]}, [{"id": "1", "text": A, "caption_1": "mine"}])
    with pytest.raises(InputError, match="has a field 'caption_1'"):
        exported(made, "flat")


def test_a_corpus_without_rewrites_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="keeps no rewrite"):
        exported(corpus(tmp_path / "c", {A: []}), "flat")


# csv


def test_csv_gives_every_caption_back_whatever_its_quotes_and_commas(small: Path) -> None:
    with (exported(small, "csv") / "captions.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert [row["caption_0"] for row in found] == [A, B, 'He says "no" and leaves.', A]
    assert found[1]["video"] == "v,2"
    assert (found[0]["start"], found[2]["start"]) == ("0.0", "")


def test_a_caption_that_begins_like_a_formula_is_kept_and_counted_or_escaped_when_asked(small: Path) -> None:
    kept, escaped = exported(small, "csv"), exported(small, "csv", "csv.formulas=escape")
    assert ",=A game of two dogs." in (kept / "captions.csv").read_text()
    assert overview(kept)["notes"] == [
        "1 cells begin like a formula: in a spreadsheet import the columns as text, or escape them."
    ]
    assert ",'=A game of two dogs." in (escaped / "captions.csv").read_text()


# LaCLIP


def test_laclip_files_have_equal_line_counts_in_the_order_of_the_csv(small: Path) -> None:
    folder = exported(small, "laclip")
    with (folder / "captions.csv").open() as file:
        pairs = list(csv.reader(file))
    versions = {path.name: path.read_text().splitlines() for path in folder.glob("*.txt")}
    assert sorted(versions) == ["caption_0.txt", "caption_1.txt", "caption_2.txt"]
    assert {len(said) for said in versions.values()} == {len(pairs)} == {4}
    assert [caption for _, caption in pairs] == versions["caption_0.txt"]
    assert versions["caption_1.txt"][:2] == ["A man is walking.", "=A game of two dogs."]
    assert all(image.endswith(".jpg") for image, _ in pairs)


def test_laclip_is_refused_a_picture_that_it_would_skip(tmp_path: Path) -> None:
    said = {A: ["A man is walking."], B: ["Dogs play."]}
    made = corpus(tmp_path / "c", said, [{"id": n, "text": t, "image": f"{n}.webp"} for n, t in enumerate(said)])
    with pytest.raises(InputError, match=r"'0\.webp' would be passed over"):
        exported(made, "laclip", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


# open_clip


@pytest.fixture
def pictured(tmp_path: Path) -> tuple[Path, Path]:
    from PIL import Image

    said = {A: ["A man is walking."], B: ["Dogs play."], "Night.": ["It is dark."]}
    captions = [{"id": f"{n}", "text": text, "image": f"in/{n}.png"} for n, text in enumerate(said)]
    (tmp_path / "pictures" / "in").mkdir(parents=True)
    for n in range(3):
        Image.new("RGB", (4, 4), (n, n, n)).save(tmp_path / "pictures" / "in" / f"{n}.png")
    return corpus(tmp_path / "c", said, captions), tmp_path / "pictures"


def test_open_clip_shards_hold_a_picture_and_flat_strings_per_sample(pictured: tuple[Path, Path]) -> None:
    made, pictures = pictured
    folder = exported(made, "open_clip", f"open_clip.images={pictures}", "open_clip.shard=2")
    with tarfile.open(folder / "shard-00000.tar") as tar:
        assert tar.getnames() == [f"{n:08d}.{e}" for n in range(2) for e in ("png", "json", "txt")]
        sample = json.load(tar.extractfile("00000001.json") or io.BytesIO())
        text = (tar.extractfile("00000000.txt") or io.BytesIO()).read().decode()
    assert (sample["caption_0"], sample["caption_1"], text) == (B, "Dogs play.", A)
    assert json.loads((folder / "sizes.json").read_text()) == {"shard-00000.tar": 2, "shard-00001.tar": 1}


def test_open_clip_is_told_exactly_what_to_read(pictured: tuple[Path, Path]) -> None:
    made, pictures = pictured
    out = made.parent / "out"
    name, plug = configure("open_clip", [f"open_clip.images={pictures}", "open_clip.original=0.6"])
    found = export(made, out, name, plug, k=2)
    words = found["arguments"]["webdataset"]
    assert words[words.index("--train-data") + 1] == f"{out}/shard-00000.tar"
    assert words[words.index("--json-text-key") + 1] == "caption_0;caption_1;caption_2"
    assert words[words.index("--json-text-key-probs") + 1 :] == ["0.6", "0.2", "0.2"]
    assert shlex.join(words) in "\n".join(lines(found))
    assert str(out) not in (out / "manifest.json").read_text()


def test_open_clips_csv_has_a_row_for_every_version(small: Path) -> None:
    with (exported(small, "open_clip") / "train.tsv").open() as file:
        found = list(csv.reader(file, delimiter="\t"))
    assert found[0] == ["filepath", "title"]
    assert len(found) == 1 + 4 * 3
    assert found[1:4] == [["00000000.jpg", text] for text in (A, *SAID[A])]


def test_a_caption_that_pandas_takes_for_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="pandas reads 'None' as a missing value"):
        exported(corpus(tmp_path / "c", {"None": ["Nothing happens."]}), "open_clip")


@pytest.mark.parametrize("name", ["../secret.jpg", "/etc/hostname.jpg", "gone.jpg"])
def test_a_picture_outside_its_folder_or_missing_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "secret.jpg").write_bytes(b"x")
    (tmp_path / "pictures").mkdir()
    made = corpus(tmp_path / "c", {A: ["A man is walking."]}, [{"id": "1", "text": A, "image": name}])
    with pytest.raises(InputError, match=r"lies outside|no such picture"):
        exported(made, "open_clip", f"open_clip.images={tmp_path / 'pictures'}", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_pictures_for_some_captions_only_are_refused(tmp_path: Path) -> None:
    captions = [{"id": "1", "text": A, "image": "a.jpg"}, {"id": "2", "text": B}]
    made = corpus(tmp_path / "c", SAID, captions)
    with pytest.raises(InputError, match="caption 2: has no picture"):
        exported(made, "laclip")


# Hugging Face


def test_a_hugging_face_folder_names_its_files_and_fills_every_column(tmp_path: Path) -> None:
    import yaml

    captions = [{"id": "1", "text": A, "place": 3}, {"id": "2", "text": B, "place": "north"}, {"id": "3", "text": B}]
    folder = exported(corpus(tmp_path / "c", SAID, captions), "hf", "hf.shard=2")
    head = yaml.safe_load((folder / "README.md").read_text().split("---")[1])
    assert head["configs"][0]["data_files"] == [{"split": "train", "path": "train-*.jsonl"}]
    shards = sorted(folder.glob("train-*.jsonl"))
    assert [path.name for path in shards] == ["train-00000-of-00002.jsonl", "train-00001-of-00002.jsonl"]
    found = [row for path in shards for row in rows(path)]
    assert {tuple(sorted(row)) for row in found} == {tuple(sorted(found[0]))}
    assert [row["place"] for row in found] == ["3", '"north"', None]
    features = {f["name"]: f["dtype"] for f in head["dataset_info"]["features"]}
    assert set(features) == set(found[0])
    assert (features["place"], features["rewrites"], features["caption_1"]) == ("string", "int64", "string")


def test_parquet_is_written_when_asked(small: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    folder = exported(small, "hf", "hf.format=parquet")
    found = parquet.read_table(folder / "train-00000-of-00001.parquet").to_pylist()
    assert [row["caption_0"] for row in found][:2] == [A, B]


# controls


@pytest.mark.parametrize("control", CONTROLS)
def test_a_control_keeps_captions_steps_and_token_budget(control: str, rewritten: Path) -> None:
    corpus_ = open_corpus(rewritten)
    real, fake, again, other = (
        tabulate(corpus_, k=None, control=c, seed=s) for c, s in ((None, 0), (control, 0), (control, 0), (control, 1))
    )
    assert fake == again
    assert (fake == dataclasses.replace(other)) == (control == "duplicated")
    assert [r.texts[0] for r in fake.rows] == [r.texts[0] for r in real.rows]
    assert {len(r.texts) for r in fake.rows} == {real.k + 1}
    assert fake.budget["rewrites"] == sum(clip_tokens(t) for r in real.rows for t in r.texts[1:])
    assert fake.budget["exported"] == sum(clip_tokens(t) for r in fake.rows for t in r.texts[1:])
    assert abs(fake.budget["exported"] / fake.budget["rewrites"] - 1) < 0.1


def test_random_words_have_exactly_the_rewrites_tokens_and_none_of_its_order(rewritten: Path) -> None:
    corpus_ = open_corpus(rewritten)
    real, noise = (tabulate(corpus_, k=None, control=c, seed=0) for c in (None, "random_words"))
    for told, drawn in zip(real.rows, noise.rows, strict=True):
        assert list(map(clip_tokens, told.texts)) == list(map(clip_tokens, drawn.texts))
        assert not set(told.texts[1 : 1 + told.rewrites]) & set(drawn.texts)


def test_random_words_keep_the_name_of_a_class_in_front(tmp_path: Path) -> None:
    said = {"Fighting": ["Fighting: two people hit each other."], "Arson": ["Somebody sets a bin on fire."]}
    table = tabulate(open_corpus(corpus(tmp_path / "c", said)), k=None, control="random_words", seed=0)
    assert table.rows[0].texts[1].startswith("Fighting ")
    assert not table.rows[1].texts[1].startswith("Arson")
    assert table.budget["exported"] == table.budget["rewrites"]


def test_shuffled_pairs_give_every_caption_the_rewrites_of_another(rewritten: Path) -> None:
    corpus_ = open_corpus(rewritten)
    real, mixed = (tabulate(corpus_, k=4, control=c, seed=0) for c in (None, "shuffled"))
    owner = {t: r.fields["source_id"] for r in real.rows for t in r.texts[1 : 1 + r.rewrites]}
    for row in mixed.rows:
        given = {owner[t] for t in row.texts[1 : 1 + row.rewrites]}
        assert row.fields["source_id"] not in given
        assert len(given) <= 1


def test_shuffling_needs_two_captions(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="fewer than two captions have rewrites"):
        exported(corpus(tmp_path / "c", {A: ["A man is walking."], B: []}), "flat", control="shuffled")


def test_the_manifest_states_control_and_reached_budget(small: Path) -> None:
    found = overview(exported(small, "flat", control="duplicated"))
    assert found["asked"]["control"] == "duplicated"
    assert set(found["clip_tokens"]) == {"rewrites", "exported", "ratio"}


# the folder


def test_the_same_export_twice_is_left_alone_and_another_is_refused(small: Path) -> None:
    out = exported(small, "flat")
    before = contents(out)
    exported(small, "flat", out=out)
    assert contents(out) == before
    with pytest.raises(CorpusError, match="holds another export"):
        exported(small, "flat", out=out, k=1)
    with pytest.raises(CorpusError, match="describes a 'corpus'"):
        exported(small, "flat", out=small)


def test_a_killed_export_goes_on_and_other_files_are_not_overwritten(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, whole = small.parent / "out", contents(exported(small, "laclip"))
    with monkeypatch.context() as broken:
        broken.setattr("rewrite.manifest.seal", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            exported(small, "laclip", out=out)
    with pytest.raises(CorpusError, match="unfinished export that was asked differently"):
        exported(small, "flat", out=out)
    exported(small, "laclip", out=out)
    assert contents(out) == whole
    other = small.parent / "other"
    other.mkdir()
    (other / "captions.jsonl").write_text("mine")
    with pytest.raises(CorpusError, match="is not empty and not ours"):
        exported(small, "flat", out=other)


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("plug", EXPORTERS.values())
def test_every_setting_of_an_exporter_says_why(plug: type) -> None:
    assert not [f.name for f in dataclasses.fields(plug) if not f.metadata.get("why")]


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--to", "opn_clip"], "Did you mean 'open_clip'?"),
        (["--to", "flat", "--control", "shufled"], "Did you mean 'shuffled'?"),
        (["--to", "flat", "--k", "0"], "--k: 0 is not a number of versions"),
        (["--to", "csv", "--set", "csv.formulas=drop"], "'drop' is not a choice"),
        (["--to", "csv", "--set", "csv.formula=keep"], "Did you mean 'formulas'?"),
    ],
)
def test_a_wrong_wish_is_one_line(words: list[str], part: str, small: Path) -> None:
    said = trclip("export", small, "--out", small.parent / "out", *words)
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert part in said.err
    assert not (small.parent / "out").exists()


def test_the_command_prints_lines_or_one_document(small: Path) -> None:
    said = trclip("export", small, "--to", "laclip", "--out", small.parent / "out")
    assert said.code == 0, said.err
    assert "--augmented-caption-filelist" in said.out
    assert trclip("show", small.parent / "out", "--check").code == 0
    found = trclip("export", small, "--to", "laclip", "--out", small.parent / "out", "--json").json()
    assert found["kind"] == "export"


def test_an_unknown_format_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="Did you mean 'laclip'"):
        configure("lacilp")
    assert not list(tmp_path.iterdir())
