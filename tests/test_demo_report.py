"""The report is one page that needs nothing else and trusts no caption."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any, ClassVar

import pytest

from examples.demo_report import write_report
from rewrite.pipeline import rewrite
from rewrite.recipe import configure

EVIL = 'A man <script>alert(1)</script> walks & "talks".'


def measures(value: float) -> dict[str, Any]:
    each = {"value": value, "low": value - 0.1, "high": value + 0.1}
    return {"auc": each, "ap": each, "ano_auc": each, "seeds": 3}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report")
    (folder / "captions.txt").write_text(f"{EVIL}\nA dog runs to the left.\n")
    recipe = configure(backend="fake", variants=4, filters=["form", "copy"], assignments=["fake.manner=mixed"])
    rewrite(folder / "captions.txt", folder / "corpus", recipe)
    curve = {"video": EVIL, "label": "Fighting", "frames": 40, "truth": [(16, 32)], "scores": {"a": [0, 1, 0.5]}}
    evaluations = {"a": measures(0.7), "b": measures(0.8)}
    write_report(
        folder / "report.html", corpus=folder / "corpus", evaluations=evaluations, curves=[curve], notes=["A note."]
    )
    return (folder / "report.html").read_text()


def test_a_caption_cannot_bring_code(page: str) -> None:
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_nothing_is_loaded_from_elsewhere(page: str) -> None:
    assert not re.search(r"https?://|src=|@import|url\(", page)


def test_every_tag_is_closed(page: str) -> None:
    class Balance(HTMLParser):
        stack: ClassVar[list[str]] = []

        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag not in {"meta", "br"}:
                self.stack.append(tag)

        def handle_startendtag(self, tag: str, attrs: object) -> None:
            """`<rect/>` closes itself."""

        def handle_endtag(self, tag: str) -> None:
            assert self.stack.pop() == tag

    balance = Balance()
    balance.feed(page)
    assert not balance.stack


def test_table_filters_curves_and_verdicts_are_all_there(page: str) -> None:
    for part in ("0.700", "0.800", "A note.", "form", "kept", "dropped: form", "A dog runs to the left."):
        assert part in page
    assert page.count("<svg") == 1
    assert 'class="truth" x="256.0" y="0" width="256.0"' in page


def test_a_curve_ends_where_the_video_ends(page: str) -> None:
    points = re.search(r'points="([^"]*)"', page)
    assert points is not None
    assert points[1].split()[-1] == "640.0,60.0"
