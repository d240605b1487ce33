"""Classes become descriptions: every class keeps some, none speaks of another, and the control asks no model."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Answer, trclip

from rewrite.chain import judge, tidy
from rewrite.classes import classes, configure_classes, informed, locate_classes, read_classes, readable
from rewrite.corpus import open_corpus
from rewrite.errors import CorpusError, InputError, SettingError, TrclipError
from rewrite.filters import CLASS_CHAINS, CLASS_FILTERS
from rewrite.filters.naming import Naming
from rewrite.filters.nearest import Nearest
from rewrite.filters.parrot import Parrot
from rewrite.filters.shared import Shared
from rewrite.journal import NAME as JOURNAL
from rewrite.manifest import is_sealed
from rewrite.plan import plan
from rewrite.records import Candidate, Completion, Draft, Request, text_id
from rewrite.reporter import Silent
from rewrite.templates import FOLDERS, NORMAL, known_templates, load_templates

TEMPLATES = load_templates(known_templates(FOLDERS["class"]), kind="class")
UCF = read_classes(locate_classes("ucf_crime"))
XD = read_classes(locate_classes("xd_violence"))
NAMES = tuple(sorted(c.text for c in UCF))
UCF_LABELS = (
    "Abuse Arrest Arson Assault Burglary Explosion Fighting RoadAccidents Robbery Shooting Shoplifting Stealing"
)
TWO = "Arson | a person sets a house on fire\nArrest | police officers put handcuffs on a person\n"
SAID = {
    "arson": ["A man pours petrol on a car and lights it.", "Flames climb up a wall where a woman threw a match."],
    "arrest": ["Two officers hold a man down.", "A woman in handcuffs is led to a police van."],
}


@dataclasses.dataclass(frozen=True)
class Scripted:
    """A stand-in for a language model that says what it is told to: class -> answer of each variant."""

    said: dict[str, list[str]]
    asked: list[str] = dataclasses.field(default_factory=list)
    model: str = "scripted"

    def identity(self) -> dict[str, Any]:
        return {"backend": "scripted", "model": self.model}

    @contextmanager
    def session(self) -> Iterator[Scripted]:
        yield self

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        for request in requests:
            self.asked.append(request.draft_id)
            answers = self.said[request.source]
            yield Completion(answers[min(request.variant, len(answers) - 1)])


def written(folder: Path, text: str | bytes) -> str:
    path = folder / "mine.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def described(source: str, out: Path, said: dict[str, list[str]], variants: int = 2) -> Scripted:
    """Describes the classes of a file by script; returns what was asked."""
    recipe = configure_classes(templates=["question"], variants=variants, backend="fake")
    engine = Scripted(said)
    classes(source, out, dataclasses.replace(recipe, backend=engine))
    return engine


def candidate(name: str, text: str, template: str = "question") -> Candidate:
    draft = Draft(text_id(name + text), text_id(name), name, template, 0, text, "stop")
    return Candidate(draft, tidy(text))


def fault(plug: Any, name: str, text: str, template: str = "question") -> str:
    (verdict,) = plug.judge([candidate(name, text, template)])
    return str(verdict.reason)


def refused(said: Answer, *parts: str) -> None:
    assert said.code == 2, said.err
    errors = [line for line in said.err.splitlines() if line.startswith("error:")]
    assert len(errors) == 1, said.err
    assert "Traceback" not in said.err
    for part in parts:
        assert part in errors[0]


# The lists.


def test_the_shipped_lists_hold_the_classes_of_their_data_sets() -> None:
    assert {c.label for c in UCF} == {"Normal", *UCF_LABELS.split(), "Vandalism"}
    assert {c.label for c in XD} == {"Normal", "Fighting", "Shooting", "Riot", "Abuse", "Car accident", "Explosion"}
    assert all(c.extra["gloss"] != c.text for c in (*UCF, *XD))


def test_a_class_is_read_as_people_write_it_and_keeps_its_own_name() -> None:
    (road,) = [c for c in UCF if c.label == "RoadAccidents"]
    assert road.text == "road accidents"
    assert [readable(name) for name in ("RoadAccidents", "car_accident", "Car  accident")] == [
        "road accidents",
        "car accident",
        "car accident",
    ]


@pytest.mark.parametrize("bar", ["\t", " | ", "|"])
def test_a_gloss_stands_after_a_tab_or_a_bar(bar: str, tmp_path: Path) -> None:
    found = read_classes(Path(written(tmp_path, f"Arson{bar}a  fire\nRiot{bar}a crowd{bar}Arson\n")))
    assert [c.extra["gloss"] for c in found] == ["a fire", "a crowd"]


def test_a_byte_order_mark_crlf_blank_lines_and_remarks_are_understood(tmp_path: Path) -> None:
    plain = read_classes(Path(written(tmp_path, TWO)))
    odd = b"\xef\xbb\xbf# mine\r\n\r\n" + TWO.replace("\n", "\r\n").encode()
    assert read_classes(Path(written(tmp_path, odd))) == plain


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Arson\nRiot\nArson\n", (":3:", "class 'Arson' stands twice")),
        ("RoadAccidents\nRiot\nroad_accidents | cars\n", (":3:", "class 'road_accidents' stands twice")),
        ("Arson | a | Riot | b\nRiot\n", (":1:", "is not `name | gloss | other classes`")),
        ("Riot\n | a gloss alone\n", (":2:", "is not `name | gloss | other classes`")),
        ("Arson | a | Riots\nRiot\n", (":1:", "'riots', which is no other class here", "Did you mean 'riot'")),
        ("Arson | a | Arson\nRiot\n", (":1:", "no other class")),
        ("Arson\n", ("holds 1 classes",)),
        ("", ("holds 0 classes",)),
        (f"Arson | {'a ' * 3000}\nRiot\n", (":1:", "more than 2,000")),
        (b"Arson\nRi\xf6t\n", ("is not UTF-8",)),
    ],
)
def test_a_bad_list_is_refused_by_its_line(text: str | bytes, parts: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_classes(Path(written(tmp_path, text)))
    for part in parts:
        assert part in str(caught.value)


def test_a_list_that_is_nowhere_is_refused_with_the_nearest_shipped_one() -> None:
    with pytest.raises(InputError, match="Did you mean 'ucf_crime'"):
        locate_classes("ucf_crimes")


def test_the_normal_class_is_taken_for_every_other_one_in_turn() -> None:
    (normal,) = [c for c in UCF if c.text == NORMAL]
    assert sorted(o["name"] for o in normal.extra["others"]) == sorted(set(NAMES) - {NORMAL})


# The templates.


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_class_template_shows_six_to_ten_pairs(name: str) -> None:
    assert 6 <= len(TEMPLATES[name].pairs) <= 10


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_example_describes_a_class_that_is_asked_for(name: str) -> None:
    plug = Naming(classes=(*NAMES, *(c.text for c in XD)))
    targets = [target for _, target in TEMPLATES[name].pairs]
    assert {t: r for t in targets if (r := fault(plug, NORMAL, t, name))} == {}


def test_hard_normal_speaks_of_the_normal_class_alone_and_names_another_look_each_time() -> None:
    asked = plan_of(["hard_normal"], variants=5)
    assert {r.source for r in asked} == {NORMAL}
    assert len({r.prompt.splitlines()[-2] for r in asked}) == 5


def test_confusion_tells_the_model_the_class_it_is_most_easily_taken_for() -> None:
    asked = plan_of(["confusion"], variants=1)
    assert NORMAL not in {r.source for r in asked}
    (prompt,) = [r.prompt for r in asked if r.source == "robbery"]
    assert "What tells robbery (" in prompt.splitlines()[-2]
    assert ") from burglary (" in prompt.splitlines()[-2]


def test_more_variants_leave_the_earlier_requests_as_they_were() -> None:
    assert set(plan_of(list(TEMPLATES), variants=2)) <= set(plan_of(list(TEMPLATES), variants=5))


def plan_of(names: list[str], variants: int) -> list[Request]:
    recipe = configure_classes(templates=names, variants=variants, backend="fake")
    return plan(
        UCF,
        dict(recipe.templates),
        variants=variants,
        sampling=recipe.sampling,
        few_shot=recipe.few_shot,
        seed=0,
        engine={"backend": "fake"},
    )


def test_a_class_template_is_refused_where_captions_are_rewritten(tmp_path: Path) -> None:
    said = trclip(
        "rewrite", ROOT / "corpora/sample/captions.jsonl", "--out", tmp_path / "c", "--backend", "fake",
        "--template", "prompts/classes/camera.md", "--filters", "form",
    )  # fmt: skip
    refused(said, "camera.md", "kind is 'class', and a template of kind caption is needed")
    assert not (tmp_path / "c").exists()


def test_a_caption_template_is_refused_where_classes_are_described(tmp_path: Path) -> None:
    said = trclip(
        "classes", "ucf_crime", "--out", tmp_path / "c", "--backend", "fake", "--template", "prompts/plain.md"
    )
    refused(said, "plain.md", "kind is 'caption', and a template of kind class is needed")


@pytest.mark.parametrize("field", ["name", "gloss", "other", "other_gloss"])
def test_no_field_of_a_class_reaches_a_caption_template(field: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.md"
    head = "kind: caption\ninstruction: Say it.\npairs:\n- {source: A dog runs., target: A dog is running.}"
    path.write_text(f"---\n{head}\n---\n{{{{ caption }}}} {{{{ {field} }}}}")
    with pytest.raises(InputError, match="unknown field"):
        load_templates([str(path)])


def test_a_class_template_must_show_the_class(tmp_path: Path) -> None:
    path = tmp_path / "mine.md"
    path.write_text("---\nkind: class\ninstruction: Say it.\npairs:\n- {source: a, target: b}\n---\n{{ other }}")
    with pytest.raises(InputError, match=r"never uses \{\{ gloss \}\}"):
        load_templates([str(path)], kind="class")


# The filters.


@pytest.fixture(params=sorted(CLASS_FILTERS))
def plug(request: pytest.FixtureRequest) -> Any:
    kind = CLASS_FILTERS[request.param]
    made = kind(model=str(request.getfixturevalue("minilm"))) if request.param == "nearest" else kind()
    return informed({"it": made}, UCF, ["A cook opens an oven and steam rolls across the ceiling."])["it"]


def test_every_class_filter_keeps_the_contract(plug: Any) -> None:
    texts = ["", "A robber runs off.", "A man lights a match below a curtain.", "Question: What is this?"]
    some = [candidate(name, text) for name in ("arson", NORMAL) for text in texts]
    verdicts = plug.judge(some)
    assert len(verdicts) == len(some)
    assert all(bool(v.reason) != v.keep for v in verdicts)
    assert plug.judge(some) == verdicts
    assert plug.judge([]) == []
    json.dumps([plug.identity(), *(dict(v.scores) for v in verdicts)])


def test_every_setting_of_a_class_filter_says_why() -> None:
    for kind in CLASS_FILTERS.values():
        assert all(f.metadata.get("why") for f in dataclasses.fields(kind))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("burglary", "A robber in a mask threatens the clerk."),
        ("shoplifting", "A customer stole a bottle."),
        ("vandalism", "An arsonist runs off."),
        ("fighting", "Two cars collide on the road."),
        ("fighting", "A road accident blocks the street."),
        ("robbery", "Two men fight over a bag."),
        (NORMAL, "Everybody leaves after the burglary."),
    ],
)
def test_a_description_may_not_name_another_class_nor_say_what_it_is_called(name: str, text: str) -> None:
    assert fault(Naming(classes=NAMES), name, text) == "other_class"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("robbery", "A robber points a knife at a clerk and takes the money."),
        ("arson", "Flames shoot up behind the man who dropped a match."),
        ("assault", "A man falls to the floor after a punch."),
        ("shooting", "People run for cover as a man fires."),
        ("burglary", "A person climbs in through a window at night."),
        (NORMAL, "A man strolls by with his hands in his pockets."),
        (NORMAL, "A guard helps an old man up from the floor."),
    ],
)
def test_a_description_of_its_own_class_stays(name: str, text: str) -> None:
    assert fault(Naming(classes=NAMES), name, text) == ""


def test_a_description_that_evokes_other_anomalies_only_is_dropped() -> None:
    assert fault(Naming(classes=NAMES), "arson", "A man punches another man in the face.") == "off_class"
    assert fault(Naming(classes=NAMES), NORMAL, "A man punches another man in the face.") == "not_normal"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Unlike a burglary, the victim is there and is threatened with a knife.", ""),
        ("A clerk is held at gunpoint, not in a burglary but face to face.", ""),
        ("This is a burglary: a man enters an empty house.", "other_class"),
        ("A burglary happens in a closed shop.", "other_class"),
        ("Unlike a burglary.", "contrast_only"),
        ("The victim is threatened, whereas in an arson things burn.", ""),
    ],
)
def test_only_a_contrasting_description_names_another_class_and_only_to_set_it_apart(text: str, reason: str) -> None:
    assert fault(Naming(classes=NAMES), "robbery", text, "confusion") == reason


def test_outside_the_contrasting_templates_a_contrast_is_no_excuse() -> None:
    text = "Unlike a burglary, the victim is there and is threatened with a knife."
    assert fault(Naming(classes=NAMES), "robbery", text, "camera") == "other_class"


def test_what_a_class_is_called_can_be_added_to(tmp_path: Path) -> None:
    extend = tmp_path / "words.yaml"
    extend.write_text("labels: {names: {Trespassing: 'trespassing, trespass, intruder'}}")
    plug = Naming(classes=("trespassing", "arson"), lexicon=str(extend))
    assert fault(plug, "arson", "An intruder lights a match.") == "other_class"
    assert fault(plug, "trespassing", "An intruder climbs over a fence.") == ""


def test_a_descriptor_of_two_classes_is_dropped_from_both_however_it_is_written() -> None:
    texts = [("arson", "A man runs away."), ("arrest", "a man runs AWAY"), ("arson", "A man runs.")]
    verdicts = Shared().judge([candidate(name, text) for name, text in texts])
    assert [v.reason for v in verdicts] == ["shared", "shared", ""]


def test_a_shared_descriptor_is_found_however_many_descriptions_there_are() -> None:
    drafts = [
        Draft(
            f"{name}{v}", text_id(name), name, "question", v, f"{name} number {v}" if v else "The same words.", "stop"
        )
        for name in ("abuse", "arson")
        for v in range(1100)
    ]
    assert sum(r.reason == "shared" for r in judge(drafts, {"shared": Shared()}, Silent())) == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Someone pours fuel or holds a flame to a building, a car or goods, and sets them on fire.", "gloss"),
        ("A cook opens an oven and steam rolls across the room.", "example"),
        ("A man drops a match. Question: What does hypnosis look like?", "layout"),
        ("A man pours petrol along a wall and drops a match.", ""),
    ],
)
def test_what_the_prompt_said_is_no_description(text: str, reason: str) -> None:
    shown = ["In the kitchen a cook opens an oven and steam rolls across the ceiling."]
    plug = informed({"parrot": Parrot()}, UCF, shown)["parrot"]
    assert fault(plug, "arson", text) == reason


def test_a_description_nearer_to_another_class_is_dropped_but_no_normal_scene(minilm: Path) -> None:
    plug = informed({"nearest": Nearest(model=str(minilm))}, UCF, [])["nearest"]
    burning = "A man pours fuel on a car and sets it on fire."
    assert fault(plug, "arson", burning) == ""
    assert fault(plug, "shoplifting", burning) == "nearer_other"
    assert fault(plug, NORMAL, "Two friends throw their arms around each other.") == ""


def test_the_rules_alone_need_no_model_and_all_adds_the_encoder() -> None:
    assert "nearest" not in CLASS_CHAINS["rules"]
    assert set(configure_classes(backend="fake").filters) == set(CLASS_CHAINS["rules"])
    assert set(configure_classes(backend="fake", filters=["all"]).filters) == set(CLASS_FILTERS)


def test_a_filter_of_captions_is_unknown_to_classes() -> None:
    with pytest.raises(SettingError, match="filter 'roles': there is none of that name"):
        configure_classes(backend="fake", filters=["roles"])


# The verb.


def test_descriptions_are_sealed_like_any_corpus(tmp_path: Path) -> None:
    described(written(tmp_path, TWO), tmp_path / "c", SAID)
    corpus = open_corpus(tmp_path / "c")
    assert [(r["text"], r["label"], r["gloss"]) for r in corpus.rows("captions")] == [
        ("arson", "Arson", "a person sets a house on fire"),
        ("arrest", "Arrest", "police officers put handcuffs on a person"),
    ]
    assert sorted((r["source"], r["text"]) for r in corpus.rows("rewrites")) == sorted(
        (name, text) for name, texts in SAID.items() for text in texts
    )
    assert corpus.manifest["asked"]["kind"] == "class"
    assert trclip("show", tmp_path / "c", "--check").code == 0


def test_a_class_without_description_fails_the_run_and_nothing_is_sealed(tmp_path: Path) -> None:
    source, out = written(tmp_path, TWO), tmp_path / "c"
    said = {**SAID, "arrest": ["I'm sorry, I can't help with that.", "A house is set on fire by a man."]}
    with pytest.raises(CorpusError, match=r"no description is left of arrest \(off_class 1, refusal 1\)\. The drafts"):
        described(source, out, said)
    assert not is_sealed(out)
    assert (out / JOURNAL).read_bytes().count(b"\n") == 1 + 4


def test_after_an_empty_class_more_variants_go_on_with_the_drafts_there_are(tmp_path: Path) -> None:
    source, out = written(tmp_path, TWO), tmp_path / "c"
    said = {**SAID, "arrest": ["I'm sorry.", "I'm sorry.", "Two officers hold a man down."]}
    with pytest.raises(CorpusError, match="no description is left of arrest"):
        described(source, out, said)
    again = described(source, out, said, variants=3)
    assert len(again.asked) == 2  # one more of each class
    whole = described(source, tmp_path / "whole", said, variants=3)
    assert len(whole.asked) == 6
    assert {p.name: p.read_bytes() for p in out.iterdir()} == {
        p.name: p.read_bytes() for p in (tmp_path / "whole").iterdir()
    }


def test_an_empty_class_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    said = trclip(
        "classes", "ucf_crime", "--out", tmp_path / "c", "--backend", "fake", "--variants", "1",
        "--set", "fake.manner=refuse",
    )  # fmt: skip
    refused(said, "no description is left of normal, abuse", "refusal 42", "--variants")
    assert not is_sealed(tmp_path / "c")


def test_templates_that_never_speak_of_a_class_are_refused_before_anything_is_asked(tmp_path: Path) -> None:
    said = trclip("classes", "ucf_crime", "--out", tmp_path / "c", "--backend", "fake", "--template", "confusion")
    refused(said, "--template: none of those given speaks of normal", "e.g. question")
    assert not (tmp_path / "c").exists()


def test_the_command_describes_a_shipped_list(tmp_path: Path) -> None:
    words = ["classes", "xd_violence", "--out", tmp_path / "c", "--backend", "fake", "--json"]
    found = trclip(*words).json()
    assert found["report"]["sources"] == 7
    assert found["report"]["sources_without_rewrite"] == 0
    again = trclip(*words)
    assert again.json() == found
    assert "sealed already" in again.err


def test_refiltering_descriptions_asks_the_class_filters_and_refuses_an_empty_class(tmp_path: Path) -> None:
    described(written(tmp_path, TWO), tmp_path / "c", SAID)
    done = trclip("refilter", tmp_path / "c", "--out", tmp_path / "d", "--json").json()
    assert [f["filter"] for f in done["filters"]] == list(CLASS_CHAINS["rules"])
    assert done["report"]["kept"] == 4
    strict = trclip("refilter", tmp_path / "c", "--out", tmp_path / "e", "--set", "length.fewest=40")
    refused(strict, "no description is left of arson, arrest (too_short 4)")
    assert not is_sealed(tmp_path / "e")


# The control.


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("control") / "c"
    recipe = configure_classes(variants=3, backend="vllm", model="/no/where", control="random_words")
    classes("ucf_crime", out, recipe)  # the model that is not there is never looked for
    return out


def test_the_control_asks_no_model_and_is_named_as_one(control: Path) -> None:
    asked = open_corpus(control).manifest["asked"]
    assert asked["backend"]["backend"] == "random_words"
    assert asked["backend"]["purpose"] == "control"


def test_the_control_has_as_many_texts_per_class_as_is_asked_of_a_model(control: Path) -> None:
    corpus = open_corpus(control)
    had = Counter(r["source"] for r in corpus.rows("rewrites"))
    assert had == Counter(r.source for r in plan_of(["question", "camera", "confusion", "hard_normal"], variants=3))
    assert set(had.values()) == {9}


def test_the_controls_texts_are_the_class_and_equally_many_random_words(control: Path) -> None:
    rows = list(open_corpus(control).rows("rewrites"))
    said = [r["text"].removeprefix(f"{r['source']}, which has ") for r in rows]
    assert {len(text.split()) for text in said} == {14}
    assert len(set(said)) == len(said)


def test_the_control_is_the_same_for_a_seed_and_another_for_another(control: Path, tmp_path: Path) -> None:
    for seed in (0, 1):
        classes("ucf_crime", tmp_path / str(seed), configure_classes(variants=3, control="random_words", seed=seed))
    ids = [open_corpus(folder).id for folder in (control, tmp_path / "0", tmp_path / "1")]
    assert ids[0] == ids[1] != ids[2]


def test_the_control_is_one_flag(tmp_path: Path) -> None:
    assert trclip("classes", "xd_violence", "--out", tmp_path / "c", "--control", "random_words").code == 0


def test_an_unknown_control_is_refused() -> None:
    with pytest.raises(TrclipError, match="Did you mean 'random_words'"):
        configure_classes(control="random_word")
