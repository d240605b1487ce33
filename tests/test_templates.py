"""The shipped templates keep what they preach; a broken template is refused in one line."""

from __future__ import annotations

import re
from collections import Counter
from itertools import chain
from pathlib import Path

import pytest
from rapidfuzz.fuzz import ratio

from rewrite.errors import InputError
from rewrite.records import Caption
from rewrite.templates import FewShot, Template, known_templates, load_templates

SHIPPED = load_templates(known_templates())
PAIRS = [(name, *pair) for name, template in SHIPPED.items() for pair in template.pairs]
COUNTS = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
DIGITS = {str(number): word for number, word in enumerate(COUNTS, 2)}
COUNTS += ["twenty", "twice", "second", "third", "several", "both"]
COLOURS = ["black", "white", "red", "green", "blue", "yellow", "brown", "grey", "orange", "purple", "pink"]
COLOURS += ["silver", "golden", "blonde", "dark"]
NEGATION = re.compile(r"\b(no|not|nobody|nothing|none|never|nor|neither|without|cannot)\b|n't\b")
HEAD = "kind: caption\ninstruction: Say it.\npairs:\n- {source: A dog runs., target: A dog is running.}"
CLASS_STEMS = re.compile(
    r"\b(abus|arrest|arson|assault|burgl|explo[ds]|fight|fought|riot|robb|robs?\b|shoot|shot"
    r"|shoplift|steal|stole|vandal|accident|anomal|(ab)?normal)",
    re.IGNORECASE,
)


def counted(text: str, words: list[str]) -> Counter[str]:
    """How often each of the words stands in the text; digits count as their words."""
    found = (DIGITS.get(word, word) for word in re.findall(r"\w+", text.lower()))
    return Counter(word for word in found if word in words or word.isdigit())


def written(folder: Path, body: str, head: str = HEAD) -> Path:
    """A template of one pair with this body, as a file."""
    path = folder / "mine.md"
    path.write_text(f"---\n{head}\n---\n{body}")
    return path


def loaded(path: Path) -> Template:
    (template,) = load_templates([str(path)]).values()
    return template


def test_there_are_four_templates_of_sixteen_pairs() -> None:
    assert {name: len(template.pairs) for name, template in SHIPPED.items()} == dict.fromkeys(
        ["plain", "reorder", "terse", "vivid"], 16
    )


def test_no_source_stands_in_two_templates() -> None:
    assert len({source.lower() for _, source, _ in PAIRS}) == len(PAIRS)


@pytest.mark.parametrize("name", SHIPPED)
def test_no_prompt_names_an_anomaly_class(name: str) -> None:
    fixed = SHIPPED[name].render(Caption("", "c"), SHIPPED[name].pairs)
    assert CLASS_STEMS.search(fixed) is None
    assert fixed.isascii()


@pytest.mark.parametrize("name", SHIPPED)
def test_a_prompt_is_instruction_then_examples_then_the_caption_to_rewrite(name: str) -> None:
    template = SHIPPED[name]
    (a, b), (c, d) = shown = template.pairs[:2]
    assert template.render(Caption("A dog runs.", "c"), shown) == (
        f"{template.instruction}\n\nCaption: {a}\nRewrite: {b}\n\nCaption: {c}\nRewrite: {d}\n\n"
        "Caption: A dog runs.\nRewrite:"
    )


@pytest.mark.parametrize(("name", "source", "target"), PAIRS)
def test_a_pair_keeps_its_numbers_colours_sides_and_negation(name: str, source: str, target: str) -> None:
    for words in (COUNTS, COLOURS, ["left", "right"]):
        assert counted(source, words) == counted(target, words)
    assert bool(NEGATION.search(source.lower())) == bool(NEGATION.search(target.lower()))


@pytest.mark.parametrize(("name", "source", "target"), PAIRS)
def test_a_pair_is_a_caption_long_and_no_near_copy(name: str, source: str, target: str) -> None:
    assert ratio(source.lower(), target.lower()) / 100 < 0.85
    assert 6 <= len(source.split()) <= 30
    assert 6 <= len(target.split()) <= 30


@pytest.mark.parametrize("name", SHIPPED)
def test_each_template_shows_every_kind_of_fact(name: str) -> None:
    sources = [source for source, _ in SHIPPED[name].pairs]
    assert sum(bool(counted(s, COLOURS)) for s in sources) >= 4
    assert sum(bool(counted(s, COUNTS)) for s in sources) >= 3
    assert sum(bool(counted(s, ["left", "right"])) for s in sources) >= 2
    assert sum(bool(NEGATION.search(s.lower())) for s in sources) >= 2
    assert sum(bool(re.search(r"\b(first|then|after|before)\b", s.lower())) for s in sources) >= 3


def test_a_body_with_an_unknown_field_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"unknown field \{\{ label \}\}"):
        loaded(written(tmp_path, "{{ caption }} is a {{ label }}"))


def test_a_body_that_never_shows_the_caption_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="never uses"):
        loaded(written(tmp_path, "{{ instruction }}"))


def test_an_unknown_setting_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"unknown field 'pair'.*Did you mean 'pairs'"):
        loaded(written(tmp_path, "{{ caption }}", "kind: caption\ninstruction: Say it.\npair: []"))


@pytest.mark.parametrize("escape", ["caption.__class__", "caption.__class__.__mro__", "pairs.append(1)"])
def test_the_sandbox_refuses_an_escape(tmp_path: Path, escape: str) -> None:
    with pytest.raises(InputError, match="template mine: cannot be rendered"):
        loaded(written(tmp_path, f"{{{{ caption }}}} {{{{ {escape} }}}}"))


def test_a_body_that_loses_the_caption_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="its prompt does not hold the caption"):
        loaded(written(tmp_path, "{% if not caption %}{{ caption }}{% endif %}Rewrite:"))


def test_a_setting_written_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the field 'kind' stands twice"):
        loaded(written(tmp_path, "{{ caption }}", f"{HEAD}\nkind: caption"))


def test_two_templates_of_one_name_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "{{ caption }}").rename(tmp_path / "plain.md")
    with pytest.raises(InputError, match="another template is called 'plain' too"):
        load_templates(["plain", str(path)])


def test_few_shot_sets_are_fixed_draws_of_different_pairs() -> None:
    template = SHIPPED["plain"]
    sets = template.few_shot_sets(FewShot(shots=4, sets=8), seed=0)
    assert sets == template.few_shot_sets(FewShot(shots=4, sets=8), seed=0)
    assert sets != template.few_shot_sets(FewShot(shots=4, sets=8), seed=1)
    assert [len(set(draw)) for draw in sets] == [4] * 8
    assert set(chain(*sets)) <= set(template.pairs)


def test_a_draw_larger_than_the_template_is_refused() -> None:
    with pytest.raises(InputError, match=r"has 16 pairs, fewshot.shots asks for 17"):
        SHIPPED["plain"].few_shot_sets(FewShot(shots=17), seed=0)
