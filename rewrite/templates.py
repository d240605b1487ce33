"""Prompt templates: one file of `prompts/` each, front matter (what to say) above a Jinja2 body (how to lay it out).

A template is data: it is rendered in a sandbox and knows the fields of its kind and no others. Those of a caption are
`instruction`, `pairs` and `caption`: its label is not among them, so no class name can reach the rewriter. Those of a
class (`prompts/classes`) are its name and gloss, and those of the class it is most easily taken for.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rewrite.errors import InputError, did_you_mean
from rewrite.manifest import digest
from rewrite.records import Caption

FOLDER = Path(__file__).resolve().parent.parent / "prompts"
FIELDS = {  # kind -> what its body may use
    "caption": ("instruction", "pairs", "caption"),
    "class": ("instruction", "pairs", "name", "gloss", "other", "other_gloss"),
}
FOLDERS = {"caption": FOLDER, "class": FOLDER / "classes"}
SUBJECT = {"caption": ("caption",), "class": ("gloss", "name")}  # a prompt cannot do without one of these
NORMAL = "normal"  # the name of the class without anomaly, case aside
STOP = ("\n",)  # one caption, one line
_PROBE = "A probe crosses the street."


@dataclass(frozen=True, slots=True)
class FewShot:
    """Which examples stand before a caption.

    A few fixed draws instead of one draw per caption: the same variety, and an engine's prefix cache
    then serves nearly all of the prompt.
    """

    shots: int = 4  # pairs in a prompt
    sets: int = 8  # fixed, seeded draws of `shots` pairs per template

    def __post_init__(self) -> None:
        if self.shots < 1 or self.sets < 1:
            raise ValueError("shots and sets must be at least 1")


@dataclass(frozen=True, slots=True)
class Template:
    """A checked template.

    Attributes:
        name: the file's name without its ending.
        kind: "caption" or "class".
        only: of a class template, whether it speaks of "normal" or "anomaly" classes; empty for both.
        instruction: what the model is told.
        pairs: (source, target) examples.
        body: Jinja2 text.
    """

    name: str
    instruction: str
    pairs: tuple[tuple[str, str], ...]
    body: str
    kind: str = "caption"
    only: str = ""

    @property
    def digest(self) -> str:
        """Names the template's content in a manifest, whatever its file is called."""
        return digest([self.instruction, self.pairs, self.body, *([self.only] if self.only else [])])

    def speaks_of(self, caption: Caption) -> bool:
        """Whether this template asks anything of a caption, or of a class."""
        normal = caption.text.casefold() == NORMAL
        return not self.only or (self.only == "normal") == normal

    def few_shot_sets(self, few_shot: FewShot, seed: int) -> tuple[tuple[tuple[str, str], ...], ...]:
        """The fixed draws: `sets` tuples of `shots` pairs, seeded by the run and the template.

        Raises:
            InputError: the template has fewer pairs than a draw needs.
        """
        if few_shot.shots > len(self.pairs):
            what = f"has {len(self.pairs)} pairs, fewshot.shots asks for {few_shot.shots}"
            raise InputError(f"template {self.name}", what, "Write more pairs or lower fewshot.shots.")
        draw = random.Random(f"{seed}:{self.name}:{self.digest}")
        return tuple(tuple(draw.sample(self.pairs, few_shot.shots)) for _ in range(few_shot.sets))

    def render(self, caption: Caption, pairs: Iterable[tuple[str, str]], variant: int = 0) -> str:
        """The prompt for one caption, or for one class (a caption as `rewrite.classes.read_classes` makes them).

        Args:
            variant: a class that is taken for several others is told apart from each in turn.

        Raises:
            InputError: the body asks for something the sandbox forbids or cannot compute.
        """
        from jinja2 import TemplateError

        shown = [{"source": source, "target": target} for source, target in pairs]
        try:
            fields = {"caption": caption.text} if self.kind == "caption" else _class_fields(caption, variant)
            return _compile(self.body).render(**{**fields, "instruction": self.instruction, "pairs": shown}).strip()
        except (TemplateError, ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
            # All that a body can raise by itself: it reaches nothing but these fields.
            raise InputError(f"template {self.name}", f"cannot be rendered ({error})", "Mend its body.") from None


def load_templates(names: Iterable[str], folder: Path | None = None, kind: str = "caption") -> dict[str, Template]:
    """The named templates of a kind, checked before any model starts.

    Raises:
        InputError: no such template, broken front matter, an unknown field, no pairs.
    """
    folder = folder or FOLDERS[kind]
    found: dict[str, Template] = {}
    for asked in dict.fromkeys(names):
        template = _load(asked, folder, kind)
        if template.name in found:
            raise InputError(asked, f"another template is called {template.name!r} too", "Rename one of the files.")
        found[template.name] = template
    if not found:
        raise InputError("--template", "none was given", f"Choose from: {', '.join(known_templates(folder))}.")
    return found


def known_templates(folder: Path = FOLDER) -> list[str]:
    """Names of the templates in a folder."""
    return sorted(path.stem for path in folder.glob("*.md"))


def _load(name: str, folder: Path, kind: str) -> Template:
    path = Path(name) if name.endswith(".md") else folder / f"{name}.md"
    if not path.is_file():
        raise InputError(
            f"template {name!r}", f"there is none in {folder}", did_you_mean(name, known_templates(folder))
        )
    try:
        text = path.read_bytes().decode().replace("\r\n", "\n").removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise InputError(path, "is not UTF-8", "Convert it, e.g. iconv -f latin1 -t utf-8 FILE.") from None
    parts = re.match(r"---\n(.*?)\n---\n(.*)\Z", text, re.DOTALL)
    if parts is None:
        raise InputError(path, "has no front matter", "Begin it with ---, the settings, and --- again.")
    head, body = _front_matter(parts[1], path, kind), parts[2]
    # Of the normal class it may be enough to say what it is taken for.
    subject = (*SUBJECT[kind], "other") if head.get("only") == "normal" else SUBJECT[kind]
    _check_body(body, path, kind, subject)
    pairs = _pairs(head.get("pairs"), path)
    template = Template(path.stem, head["instruction"].strip(), pairs, body, kind, head.get("only", ""))
    about = {"gloss": _PROBE, "others": [{"name": _PROBE, "gloss": ""}]} if kind == "class" else {}
    if _PROBE not in template.render(Caption(_PROBE, "probe", extra=about), template.pairs[:1]):
        todo = f"Place {{{{ {subject[0]} }}}} where it always shows."
        raise InputError(path, f"its prompt does not hold the {subject[0]}", todo)
    return template


def _class_fields(caption: Caption, variant: int) -> dict[str, str]:
    others = caption.extra["others"]
    other = others[variant % len(others)]
    about = {"name": caption.text, "gloss": caption.extra["gloss"]}
    return {**about, "other": other["name"], "other_gloss": other["gloss"]}


def _front_matter(text: str, path: Path, kind: str) -> dict[str, Any]:
    import yaml

    try:
        head = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date or number that is none
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 2
        raise InputError(f"{path}:{line}", "the front matter is not YAML", "Mend it.") from None
    repeated = [key for key, count in Counter(re.findall(r"^(\w+):", text, re.MULTILINE)).items() if count > 1]
    if repeated:  # YAML would let the last one win in silence
        raise InputError(path, f"the field {repeated[0]!r} stands twice", "Keep one.")
    known = {"kind", "instruction", "pairs", *(("only",) if kind == "class" else ())}
    if not isinstance(head, dict):
        raise InputError(path, "the front matter is not a list of settings", "Give kind, instruction and pairs.")
    for field in head:
        if field not in known:
            raise InputError(path, f"unknown field {field!r}", did_you_mean(str(field), known))
    if head.get("kind") != kind:
        todo = f"Write kind: {kind}, or use it where its kind is asked for."
        raise InputError(path, f"kind is {head.get('kind')!r}, and a template of kind {kind} is needed", todo)
    if head.get("only", "") not in ("", "normal", "anomaly"):
        raise InputError(path, f"only is {head['only']!r}", "Write normal or anomaly, or leave it out.")
    if not isinstance(head.get("instruction"), str) or not head["instruction"].strip():
        raise InputError(path, "has no instruction", "Say in a sentence what the model shall do.")
    return head


def _pairs(value: Any, path: Path) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, list) or not value:
        raise InputError(path, "has no pairs", "Give at least one pair of source and target.")
    for number, pair in enumerate(value, 1):
        good = isinstance(pair, dict) and set(pair) == {"source", "target"}
        if not good or not all(isinstance(v, str) and v.strip() and "\n" not in v.strip() for v in pair.values()):
            raise InputError(path, f"pair {number} is not one line of source and one of target", "Mend it.")
    return tuple((pair["source"].strip(), pair["target"].strip()) for pair in value)


def _check_body(body: str, path: Path, kind: str, subject: tuple[str, ...]) -> None:
    from jinja2 import TemplateSyntaxError, meta
    from jinja2.sandbox import SandboxedEnvironment

    try:
        used = meta.find_undeclared_variables(SandboxedEnvironment().parse(body))
    except TemplateSyntaxError as error:
        raise InputError(f"{path}: body line {error.lineno}", str(error.message), "Mend the Jinja body.") from None
    for field in sorted(used):
        if field not in FIELDS[kind]:
            raise InputError(path, f"unknown field {{{{ {field} }}}}", did_you_mean(field, FIELDS[kind]))
    if used.isdisjoint(subject):
        todo = f"Place it where the {subject[0]} belongs."
        raise InputError(path, f"the body never uses {{{{ {subject[0]} }}}}", todo)


def _compile(body: str) -> Any:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    global _environment
    if _environment is None:
        _environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
        _environment.globals.clear()  # lipsum() draws by chance, range() can run for ever
    return _environment.from_string(body)


_environment: Any = None
