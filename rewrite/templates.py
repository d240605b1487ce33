"""Prompt templates: one file of `prompts/` each, front matter (what to say) above a Jinja2 body (how to lay it out).

A template is data: it is rendered in a sandbox and knows three fields, `instruction`, `pairs` and `caption`.
A caption's label is not among them, so no class name can reach the rewriter.
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

FOLDER = Path(__file__).resolve().parent.parent / "prompts"
FIELDS = ("instruction", "pairs", "caption")
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
        instruction: what the model is told.
        pairs: (source, target) examples.
        body: Jinja2 text.
    """

    name: str
    instruction: str
    pairs: tuple[tuple[str, str], ...]
    body: str

    @property
    def digest(self) -> str:
        """Names the template's content in a manifest, whatever its file is called."""
        return digest([self.instruction, self.pairs, self.body])

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

    def render(self, caption: str, pairs: Iterable[tuple[str, str]]) -> str:
        """The prompt for one caption.

        Raises:
            InputError: the body asks for something the sandbox forbids or cannot compute.
        """
        from jinja2 import TemplateError

        shown = [{"source": source, "target": target} for source, target in pairs]
        try:
            return _compile(self.body).render(instruction=self.instruction, pairs=shown, caption=caption).strip()
        except (TemplateError, ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
            # All that a body can raise by itself: it reaches nothing but these three fields.
            raise InputError(f"template {self.name}", f"cannot be rendered ({error})", "Mend its body.") from None


def load_templates(names: Iterable[str], folder: Path = FOLDER) -> dict[str, Template]:
    """The named templates, checked before any model starts.

    Raises:
        InputError: no such template, broken front matter, an unknown field, no pairs.
    """
    found: dict[str, Template] = {}
    for asked in dict.fromkeys(names):
        template = _load(asked, folder)
        if template.name in found:
            raise InputError(asked, f"another template is called {template.name!r} too", "Rename one of the files.")
        found[template.name] = template
    if not found:
        raise InputError("--template", "none was given", f"Choose from: {', '.join(known_templates(folder))}.")
    return found


def known_templates(folder: Path = FOLDER) -> list[str]:
    """Names of the templates in a folder."""
    return sorted(path.stem for path in folder.glob("*.md"))


def _load(name: str, folder: Path) -> Template:
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
    head, body = _front_matter(parts[1], path), parts[2]
    _check_body(body, path)
    template = Template(path.stem, head["instruction"].strip(), _pairs(head.get("pairs"), path), body)
    if _PROBE not in template.render(_PROBE, template.pairs[:1]):
        raise InputError(path, "its prompt does not hold the caption", "Place {{ caption }} where it always shows.")
    return template


def _front_matter(text: str, path: Path) -> dict[str, Any]:
    import yaml

    try:
        head = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date or number that is none
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 2
        raise InputError(f"{path}:{line}", "the front matter is not YAML", "Mend it.") from None
    repeated = [key for key, count in Counter(re.findall(r"^(\w+):", text, re.MULTILINE)).items() if count > 1]
    if repeated:  # YAML would let the last one win in silence
        raise InputError(path, f"the field {repeated[0]!r} stands twice", "Keep one.")
    known = {"kind", "instruction", "pairs"}
    if not isinstance(head, dict):
        raise InputError(path, "the front matter is not a list of settings", "Give kind, instruction and pairs.")
    for field in head:
        if field not in known:
            raise InputError(path, f"unknown field {field!r}", did_you_mean(str(field), known))
    if head.get("kind") != "caption":
        raise InputError(path, f"kind is {head.get('kind')!r}", "Write kind: caption.")
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


def _check_body(body: str, path: Path) -> None:
    from jinja2 import TemplateSyntaxError, meta
    from jinja2.sandbox import SandboxedEnvironment

    try:
        used = meta.find_undeclared_variables(SandboxedEnvironment().parse(body))
    except TemplateSyntaxError as error:
        raise InputError(f"{path}: body line {error.lineno}", str(error.message), "Mend the Jinja body.") from None
    for field in sorted(used):
        if field not in FIELDS:
            raise InputError(path, f"unknown field {{{{ {field} }}}}", did_you_mean(field, FIELDS))
    if "caption" not in used:
        raise InputError(path, "the body never uses {{ caption }}", "Place it where the caption belongs.")


def _compile(body: str) -> Any:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    global _environment
    if _environment is None:
        _environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
        _environment.globals.clear()  # lipsum() draws by chance, range() can run for ever
    return _environment.from_string(body)


_environment: Any = None
