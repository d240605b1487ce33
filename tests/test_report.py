"""The report counts what happened, and its page is one file that trusts no caption."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rewrite import manifest
from rewrite.corpus import open_corpus
from rewrite.metrics import report as module
from rewrite.metrics.report import corpus_report
from rewrite.pipeline import rewrite
from rewrite.recipe import configure
from rewrite.records import Caption, Draft, Rewrite, text_id
from rewrite.report_page import corpus_page, word_diff

FILTERS = ["form", "copy", "negation", "similarity", "duplicates", "selection"]
EVIL = "A man <script>alert(\"1\")</script> & 'walks' \x1b[31mred\x00 \u202eback."


def row(source: str, text: str, dropped: str = "", template: str = "plain", variant: int = 0) -> Rewrite:
    """A judged rewrite; `dropped` is "filter reason"."""
    draft = Draft(text_id(source + text + template), text_id(source), source, template, variant, text, "stop")
    return Rewrite(draft, text, {"similarity": 0.7}, *(dropped.split() or ("", "")))


A, B = "A man walks over the street.", "Two dogs sleep."
JUDGED = [
    row(A, "Over the street walks a man."),
    row(A, "A man crosses the road.", variant=1),
    row(A, "I cannot help with that.", "form refusal", variant=2),
    row(A, "A man crosses the road", "duplicates duplicate", template="terse"),
    row(A, "A man walks over the street!", "copy copy", template="terse", variant=1),
    row(B, "Two dogs are asleep."),
    row(B, "Two dogs do not sleep.", "negation negation", variant=1),
    row(B, "Two dogs take a nap.", "selection surplus", variant=2),
    row(B, "Sorry, no.", "form refusal", template="terse"),
]
CAPTIONS = [Caption(A, "1", label="Normal"), Caption(B, "2", label="Abuse"), Caption(B, "3", label="Burglary")]


def found(judged: Sequence[Rewrite] = JUDGED, captions: Sequence[Caption] = CAPTIONS, **more: Any) -> dict[str, Any]:
    return corpus_report(captions, judged, FILTERS, temperature=0.7, **more)


@pytest.fixture
def orthogonal(monkeypatch: pytest.MonkeyPatch) -> None:
    """An encoder to which different texts have nothing in common."""
    places: dict[str, int] = {}

    def vectors(texts: Sequence[str], _: str) -> np.ndarray:
        return np.eye(64, dtype=np.float32)[[places.setdefault(text, len(places)) for text in texts]]

    monkeypatch.setattr(module, "_vectors", vectors)


def test_every_stage_says_what_share_it_kept_and_dropped_for_what() -> None:
    stages = {stage["filter"]: stage for stage in found()["filters"]}
    assert (stages["form"]["seen"], stages["form"]["kept"], stages["form"]["pass_rate"]) == (9, 7, 0.7778)
    assert stages["form"]["drop_rates"] == {"refusal": 0.2222}
    assert stages["similarity"]["pass_rate"] == 1
    assert stages["selection"]["reasons"] == {"surplus": 1}


def test_a_stage_that_saw_nothing_has_no_rate() -> None:
    assert found([row(A, "", "form empty")])["filters"][1]["pass_rate"] is None


def test_the_counts_of_the_chain_are_all_still_there() -> None:
    report = found()
    assert (report["drafts"], report["kept"], report["sources"], report["sources_without_rewrite"]) == (9, 3, 2, 0)
    assert report["templates"] == {"plain": {"drafts": 6, "kept": 3}, "terse": {"drafts": 3, "kept": 0}}


def test_refusals_are_counted_per_class_and_a_text_of_two_classes_once() -> None:
    classes = found()["refusals_per_class"]
    assert list(classes) == ["Abuse", "Normal"]
    assert classes["Abuse"] == {"drafts": 4, "refusals": 1, "kept": 1, "refusal_rate": 0.25}
    assert classes["Normal"]["refusal_rate"] == 0.2


def test_attempts_are_counted_per_source() -> None:
    assert found()["attempts_per_source"] == {"4": 1, "5": 1}


def test_lengths_and_words_are_told_before_and_after() -> None:
    report = found([row("word " * 80, "A word."), row(B, "Two dogs nap.")])
    assert report["over_77_tokens"] == {"before": 0.5, "after": 0.0}
    assert report["clip_tokens"]["before"] == {"5": 1, "80": 1}
    assert report["vocabulary"] == {"before": 4, "after": 5, "together": 6}


def test_without_an_encoder_cosines_are_absent_and_the_page_says_so() -> None:
    report = found()
    assert report["diversity"]["vendi"] is report["diversity"]["mean_cosine"] is None
    assert report["diversity"]["distinct_1"] is not None
    assert "Cosines are absent" in corpus_page(report, JUDGED, FILTERS)


@pytest.mark.usefixtures("orthogonal")
def test_diversity_is_a_mean_over_sources_with_several_rewrites() -> None:
    diversity = found(encoder="any")["diversity"]
    assert (diversity["sources"], diversity["of"], diversity["sources_with_several"]) == (2, 2, 1)
    assert (diversity["vendi"], diversity["vendi_per_k"], diversity["mean_cosine"]) == (2.0, 1.0, 0.0)


def test_of_many_sources_a_fixed_draw_is_measured_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SOURCES", 3)
    judged = [row(f"Source {n}.", f"A rewrite of {n}.") for n in range(9)]
    assert (found(judged)["diversity"]["sources"], found(judged)["diversity"]["of"]) == (3, 9)
    assert found(judged) == found(judged[::-1])


@pytest.mark.usefixtures("orthogonal")
def test_a_dot_counts_as_faithful_what_only_its_likeness_dropped() -> None:
    plain, terse = found(encoder="any")["dots"]
    assert (plain["drafts"], plain["kept_share"], plain["faithful_share"]) == (6, 0.5, 0.6667)  # surplus is no fault
    assert (terse["drafts"], terse["kept_share"], terse["faithful_share"]) == (3, 0.0, 0.5)  # a copy is not counted


@pytest.mark.usefixtures("orthogonal")
def test_a_ladder_of_temperatures_gives_a_dot_each_and_still_a_figure() -> None:
    """Each has one draft per source, so that Vendi/k is not to be had: the source is counted as one more text."""
    report = found([row(A, f"Text {n}.", variant=n) for n in range(3)], warmer=0.1, encoder="any")
    assert [dot["temperature"] for dot in report["dots"]] == [0.7, 0.8, 0.9]
    assert [(dot["vendi_per_k"], dot["vendi_with_source"]) for dot in report["dots"]] == [(None, 1.0)] * 3
    page = corpus_page(report, JUDGED, FILTERS)
    assert "Vendi of source and rewrites / (k + 1)" in page
    assert page.count("<circle") == 3


@pytest.mark.usefixtures("orthogonal")
def test_where_every_dot_has_several_rewrites_the_figure_shows_vendi_over_k() -> None:
    judged = [row(A, f"{t} text {n}.", template=t, variant=n) for t in ("plain", "terse") for n in range(2)]
    page = corpus_page(found(judged, encoder="any"), judged, FILTERS)
    assert "Right: Vendi / k" in page
    assert page.count("<circle") == 2


@pytest.mark.parametrize("nothing", [[], [row(A, "", "form empty")]])
def test_a_corpus_of_which_nothing_is_left_has_a_page_too(nothing: list[Rewrite]) -> None:
    page = corpus_page(found(nothing), nothing, FILTERS)
    assert page.count("<circle") == 0


def test_long_texts_share_the_last_bar() -> None:
    judged = [row("word " * 300, "word " * 120), row("word " * 200, "A word.")]
    assert ">100+</text>" in corpus_page(found(judged), judged, FILTERS)


def test_a_word_diff_reads_in_order_and_loses_no_word() -> None:
    diff = word_diff("A man walks over the street", "A man crosses the street slowly")
    assert diff == [
        ("same", "A man"),
        ("gone", "walks over"),
        ("new", "crosses"),
        ("same", "the street"),
        ("new", "slowly"),
    ]
    assert word_diff("", "") == []


def test_samples_are_shown_with_filter_reason_and_scores() -> None:
    page = corpus_page(found(), JUDGED, FILTERS)
    assert "<td>negation: negation</td>" in page
    assert "similarity 0.7" in page
    assert "Two dogs <ins>do not</ins> sleep." in page


def test_samples_are_a_fixed_draw_of_many() -> None:
    many = [row(f"Source {n}.", f"Rewrite {n}.") for n in range(500)]
    pages = {corpus_page(found(many), many, FILTERS) for _ in range(2)}
    assert len(pages) == 1
    shown = re.findall(r"<ins>Rewrite</ins> (\d+)\.", pages.pop())
    assert len(shown) == 20
    assert shown != [str(n) for n in range(20)]


@pytest.fixture
def hostile() -> str:
    """A page on which every untrusted text is evil: caption, rewrite, label, template and reason."""
    judged = [row(EVIL, EVIL[::-1], template="<img src=x>"), row(EVIL, EVIL, "form <b>", template='" onload="x')]
    return corpus_page(found(judged, [Caption(EVIL, "1", label=EVIL)]), judged, [*FILTERS, "<i>"])


def test_nobodys_text_brings_code(hostile: str) -> None:
    assert not re.search(r"<script|<img|<b>|<i>", hostile)
    assert "&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt; &amp; &#39;walks&#39;" in hostile
    assert "onload=&#34;x" not in re.sub(r">[^<]*<", "><", hostile)  # in no tag


def test_control_characters_are_shown_escaped(hostile: str) -> None:
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e]", hostile)
    assert r"\x1b[31mred\x00 \u202eback" in hostile


def test_the_page_needs_nothing_from_elsewhere(hostile: str) -> None:
    tags = re.findall(r"<[a-z][^>]*>", hostile)
    assert not [tag for tag in tags if re.search(r"src=|href=|https?:", tag)]
    assert not re.search(r"@import|url\(|<link|<iframe|<object", hostile)


def test_every_tag_is_closed(hostile: str) -> None:
    stack: list[str] = []

    class Balance(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag != "meta":
                stack.append(tag)

        def handle_startendtag(self, tag: str, attrs: object) -> None:
            """`<rect/>` closes itself."""

        def handle_endtag(self, tag: str) -> None:
            assert stack.pop() == tag

    Balance().feed(hostile)
    assert not stack


def sealed(folder: Path, captions: str) -> Path:
    (folder / "captions.txt").write_text(captions)
    recipe = configure(backend="fake", variants=3, filters=["form", "copy"], assignments=["fake.manner=mixed"])
    rewrite(folder / "captions.txt", folder / "corpus", recipe)
    return folder / "corpus"


def test_a_corpus_vouches_for_its_page_and_makes_it_the_same_again(tmp_path: Path) -> None:
    pages = []
    for name in ("once", "again"):
        (tmp_path / name).mkdir()
        corpus = sealed(tmp_path / name, f"{A}\n{B}\n")
        assert "report.html" in open_corpus(corpus).manifest["files"]
        pages.append((corpus / "report.html").read_bytes())
    assert pages[0] == pages[1]


def test_a_corpus_sealed_before_there_were_pages_still_opens(tmp_path: Path) -> None:
    corpus = sealed(tmp_path, f"{A}\n")
    body = json.loads((corpus / "manifest.json").read_text())
    for name in ("report.html", "negatives.jsonl"):
        (corpus / name).unlink()
        del body["files"][name]
    body["corpus_id"] = manifest.digest(body["files"])
    (corpus / "manifest.json").write_bytes(manifest.json_bytes(body))
    assert open_corpus(corpus).report()["drafts"] == 6
