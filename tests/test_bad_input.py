"""Whatever is wrong with the input: one clear line, exit code 2, nothing half-written, the journal intact."""

from __future__ import annotations

import json
import os
import pickle
import resource
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from conftest import ROOT, SAMPLE, Answer, trclip

from rewrite.captions import read_captions
from rewrite.errors import CorpusError, InputError, ModelError, SettingError, StorageError, TrclipError

GOOD = '{"text": "A man walks."}\n'
FAKE = ["--backend", "fake", "--filters", "form,copy"]


def rewritten(source: Path, out: Path, *more: object) -> Answer:
    return trclip("rewrite", source, "--out", out, *FAKE, *more)


def one_line(said: Answer, *parts: str) -> None:
    assert said.code == 2, said.err
    errors = [line for line in said.err.splitlines() if line.startswith("error:")]
    assert len(errors) == 1, said.err
    assert "Traceback" not in said.err
    for part in parts:
        assert part in errors[0]


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (GOOD + '{"text": "A man\n', (":2:", "is not a json object")),
        (GOOD + '["A man walks."]\n', (":2:", "is not a json object")),
        (GOOD + '{"caption": "A man walks."}\n', (":2:", "has no field 'text'")),
        (GOOD + '{"text": 3}\n', (":2:", "not a string")),
        (GOOD + '{"text": "   "}\n', (":2:", "the caption is empty")),
        (GOOD + json.dumps({"text": "a " * 50_000}) + "\n", (":2:", "100,000 characters")),
        (GOOD + '{"text": "x", "start": 3}\n', (":2:", "`start` and `end`")),
        (GOOD + '{"text": "x", "start": 3, "end": 1}\n', (":2:", "`start` and `end`")),
        (GOOD + '{"text": "x", "start": NaN, "end": 1}\n', (":2:",)),
        (GOOD + '{"text": "x", "snippet": -1}\n', (":2:", "`snippet`")),
        (GOOD + '{"text": "\\ud800"}\n', (":2:", "surrogate")),
        ('{"text": "a", "id": "1"}\n{"text": "b", "id": "1"}\n', (":2:", "id '1' stands already at")),
        ("", ("holds no caption",)),
    ],
)
def test_a_bad_caption_file_is_refused_by_its_line(content: str, parts: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "captions.jsonl"
    path.write_text(content)
    with pytest.raises(InputError) as caught:
        read_captions(path)
    for part in (*parts, "captions.jsonl"):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_utf8_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "captions.jsonl"
    path.write_bytes(GOOD.encode() + '{"text": "café"}\n'.encode("latin1"))
    with pytest.raises(InputError, match=r":2: is not UTF-8. Convert it"):
        read_captions(path)


def test_a_byte_order_mark_and_windows_line_ends_are_understood(tmp_path: Path) -> None:
    path = tmp_path / "captions.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode() * 1)
    assert [c.text for c in read_captions(path)] == ["A man walks."]


def test_a_bad_file_leaves_no_folder_behind(tmp_path: Path) -> None:
    (tmp_path / "captions.jsonl").write_text("{")
    one_line(rewritten(tmp_path / "captions.jsonl", tmp_path / "out"), "captions.jsonl:1:")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "parts"),
    [
        (["--template", "plian"], ("template 'plian'", "Did you mean 'plain'")),
        (["--backend", "llamacp"], ("backend 'llamacp'", "Did you mean 'llamacpp'")),
        (["--filters", "form,similarty"], ("filter 'similarty'", "Did you mean 'similarity'")),
        (["--set", "sampling.temprature=1"], ("'temprature'", "Did you mean 'temperature'")),
        (["--set", "sampling.temperature=9"], ("the temperature must lie in",)),
        (["--set", "sampling.temperature=warm"], ("'warm' is not of type float",)),
        (["--variants", "0"], ("--variants",)),
        (["--limit", "0"], ("--limit",)),
        (["--backend", "llamacpp", "--model", "/no/model.gguf"], ("/no/model.gguf", "there is no such file")),
        (["--filters", "similarity", "--set", "similarity.model=/no/encoder"], ("/no/encoder",)),
        (["--set", "source.split=dev"], ("holds no caption of split 'dev'",)),
        (["--no-such-option"], ("--no-such-option",)),
    ],
)
def test_a_wrong_wish_is_one_line(more: list[str], parts: tuple[str, ...], tmp_path: Path) -> None:
    one_line(rewritten(SAMPLE, tmp_path / "out", *more), *parts)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["train", "--recipe", "ucf_txt", "--out", "x"], "Did you mean 'ucf_text'"),
        (["train", "--recipe", "ucf_text", "--out", "x"], "the config names neither"),
        (
            ["train", "--recipe", "ucf_text", "--out", "x", "--set", "optimiser.rl=1"],
            "Known: accumulate, clip, ema, lr",
        ),
        (["train", "--recipe", "ucf_text", "--bank", "nowhere", "--out", "x"], "there is no such bank folder"),
        (["embed", "--dataset", "ucf", "--data", "x", "--out", "x"], "dataset 'ucf'"),
        (["embed", "--dataset", "ucf_crime", "--data", "nowhere", "--out", "x"], "there is no such file"),
        (["eval", "nowhere"], "there is no such run folder"),
        (["score", "nowhere", "captions.jsonl"], "there is no such run folder"),
        (["show", "nowhere"], "there is no such corpus folder"),
    ],
)
def test_the_other_verbs_refuse_in_one_line_too(words: list[str], part: str, tmp_path: Path) -> None:
    one_line(trclip(*words, cwd=tmp_path), part)
    assert not list(tmp_path.iterdir())


def test_an_edited_corpus_is_noticed(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert rewritten(SAMPLE, out).code == 0
    assert trclip("show", out, "--check").code == 0
    path = out / "rewrites.jsonl"
    path.write_bytes(path.read_bytes().replace(b"man", b"dog", 1))
    one_line(trclip("show", out, "--check"), "rewrites.jsonl", "was changed after sealing")


def test_a_sealed_corpus_is_left_alone_and_another_recipe_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    rewritten(SAMPLE, out)
    before = {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in out.iterdir()}
    assert "sealed already" in rewritten(SAMPLE, out).err
    one_line(rewritten(SAMPLE, out, "--seed", "1"), "asked differently (asked.seed: 0, now 1)")
    assert {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in out.iterdir()} == before


def test_a_folder_with_files_of_our_names_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "captions.jsonl").write_text(GOOD)
    one_line(rewritten(tmp_path / "captions.jsonl", tmp_path), "is there already and not ours")
    assert (tmp_path / "captions.jsonl").read_text() == GOOD


def begin(source: Path, out: Path) -> subprocess.Popen[str]:
    """A slow rewriting that has written some drafts."""
    words = ["rewrite", source, "--out", out, *FAKE, "--set", "fake.delay=0.2", "--set", "fake.batch=4"]
    command = [sys.executable, ROOT / "cli.py", *words]
    # A runner in the background ignores Ctrl-C and its children inherit that: a user's terminal does not.
    hears = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = subprocess.Popen([*map(str, command)], stderr=subprocess.PIPE, text=True, preexec_fn=hears)
    journal = out / "journal.jsonl"
    for _ in range(200):
        if journal.exists() and journal.read_bytes().count(b"\n") > 4:
            return process
        time.sleep(0.05)
    raise AssertionError("it never began")


def test_two_processes_on_one_folder_are_told_apart(tmp_path: Path) -> None:
    first = begin(SAMPLE, tmp_path / "out")
    one_line(rewritten(SAMPLE, tmp_path / "out"), "another process is writing here")
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert rewritten(SAMPLE, tmp_path / "out").code == 0


def test_control_c_ends_with_130_and_loses_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = begin(SAMPLE, out)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert "Traceback" not in said
    kept = (out / "journal.jsonl").read_bytes()
    assert kept.count(b"\n") > 4
    assert rewritten(SAMPLE, out).code == 0
    assert kept.splitlines()[1] in (out / "drafts.jsonl").read_bytes().splitlines()


def test_another_recipe_on_unfinished_work_is_refused_by_its_difference(tmp_path: Path) -> None:
    process = begin(SAMPLE, tmp_path / "out")
    process.send_signal(signal.SIGKILL)
    process.wait()
    said = rewritten(SAMPLE, tmp_path / "out", "--set", "sampling.temperature=0.1")
    one_line(said, "asked differently (sampling.temperature: 0.7, now 0.1)")


def test_a_full_disk_is_one_line_and_the_journal_stays_whole(tmp_path: Path) -> None:
    """A limit on file size stands in for a full disk: the same refusal by the system, at a chosen byte."""
    out = tmp_path / "out"
    command = [sys.executable, str(ROOT / "cli.py"), "rewrite", str(SAMPLE), "--out", str(out), *FAKE]

    def small_disk() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        preexec_fn=small_disk,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    one_line(Answer(done), "journal.jsonl", "File too large")
    assert rewritten(SAMPLE, out).code == 0


def test_an_engine_that_fails_half_way_keeps_its_drafts(tmp_path: Path) -> None:
    one_line(rewritten(SAMPLE, tmp_path / "out", "--set", "fake.manner=crash"), "crashed on demand")
    assert (tmp_path / "out" / "journal.jsonl").exists()


def test_a_captions_control_characters_never_reach_the_terminal() -> None:
    assert "\x1b" not in str(TrclipError("a\x1b[2Jb", "what\nnow"))
    assert "\n" not in str(TrclipError("a", "what\nnow"))


def test_our_own_bug_shows_its_traceback() -> None:
    broken = "import rewrite.overview as o\no.overview = None"
    code = f"import cli, sys; sys.argv = ['cli.py', 'show', 'x']\n{broken}\ncli.main()"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "Traceback" in done.stderr


@pytest.mark.parametrize("kind", [InputError, SettingError, ModelError, CorpusError, StorageError])
def test_an_error_of_another_process_is_the_same_line(kind: type[TrclipError]) -> None:
    error = kind("here", "is wrong", "Mend it.")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(again) is kind
    assert str(again) == str(error)
