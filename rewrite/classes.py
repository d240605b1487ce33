"""Class names become descriptions: a corpus whose captions are the classes and whose rewrites describe them."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rewrite.errors import CorpusError, InputError, SettingError, did_you_mean
from rewrite.pipeline import produce
from rewrite.recipe import Recipe, configure
from rewrite.records import Caption, Rewrite
from rewrite.reporter import Reporter, Silent
from rewrite.templates import FOLDERS, NORMAL

TEMPLATES = ("question", "camera", "confusion", "hard_normal")
CONTROLS = ("random_words",)


def classes(source: str, out: Path, recipe: Recipe, reporter: Reporter = Silent()) -> dict[str, Any]:
    """Describes the classes of a file and seals the descriptions; stopped, it goes on like `rewrite`.

    Args:
        source: a file of classes (see `read_classes`), or the name of a list in prompts/classes.
        recipe: of kind "class" (`configure_classes`).

    Raises:
        InputError: the file is missing or broken.
        CorpusError: a class is left without any description; the drafts are kept, nothing is sealed.
    """
    found = read_classes(locate_classes(source))
    filters = dict(recipe.filters)
    if "naming" in filters:
        names = tuple(sorted(c.text for c in found))
        filters["naming"] = dataclasses.replace(filters["naming"], classes=names)
    recipe = dataclasses.replace(recipe, filters=filters)

    def refuse_empty(judged: list[Rewrite]) -> None:
        kept = Counter(r.draft.source for r in judged if r.kept)
        empty = [c.text for c in found if not kept[c.text]]
        if empty:
            todo = "Run it again with more --variants or other templates; the drafts so far are kept."
            raise CorpusError(out, f"no description is left of {', '.join(empty)}", todo)

    return produce(found, out, recipe, check=refuse_empty, reporter=reporter)


def configure_classes(
    *,
    templates: Sequence[str] | None = None,
    variants: int = 4,
    backend: str = "vllm",
    model: str = "",
    control: str | None = None,
    filters: Sequence[str] | None = None,
    seed: int = 0,
    assignments: Sequence[str] = (),
) -> Recipe:
    """The recipe for describing classes, or for its control.

    Args:
        control: "random_words": as many texts per class, of random words; no model is asked and nothing is filtered out
            but what is no text.

    Raises:
        SettingError: an unknown name.
    """
    if control is not None and control not in CONTROLS:
        raise SettingError(f"control {control!r}", "there is none of that name", did_you_mean(control, CONTROLS))
    if control is not None:
        backend, model, filters = control, "", ["form", "length"]
    return configure(
        templates=templates or TEMPLATES,
        variants=variants,
        backend=backend,
        model=model,
        filters=filters,
        seed=seed,
        assignments=assignments,
        kind="class",
    )


def locate_classes(source: str) -> Path:
    """A file by path, or a shipped list by name.

    Raises:
        InputError: neither.
    """
    shipped = FOLDERS["class"] / f"{source}.txt"
    if shipped.is_file():
        return shipped
    if not Path(source).is_file():
        known = [path.stem for path in FOLDERS["class"].glob("*.txt")]
        raise InputError(source, "there is no such file, and no shipped list of that name", did_you_mean(source, known))
    return Path(source)


def read_classes(path: Path) -> list[Caption]:
    """A class a line: `name`, `name | gloss` or `name | gloss | the class it is most easily taken for`.

    Returns:
        Captions whose text is the readable name, whose label is the name as it stands, and whose extra holds `gloss`,
        `other` and `other_gloss`.

    Raises:
        InputError: not UTF-8, no class, two equal names, or an unknown other class.
    """
    try:
        lines = path.read_bytes().removeprefix(b"\xef\xbb\xbf").decode().splitlines()
    except UnicodeDecodeError:
        raise InputError(path, "is not UTF-8", "Convert it, e.g. iconv -f latin1 -t utf-8 FILE.") from None
    rows: dict[str, tuple[str, str, str]] = {}
    for number, line in enumerate(lines, 1):
        parts = [part.strip() for part in re.split(r"\t|\|", line)]
        if not any(parts) or line.startswith("#"):
            continue
        if len(parts) > 3 or not parts[0]:
            raise InputError(f"{path}:{number}", "is not `name | gloss | other class`", "Mend the line.")
        name, gloss, other = (*parts, "", "")[:3]
        if readable(name) in rows:
            raise InputError(f"{path}:{number}", f"class {name!r} stands twice", "Keep one.")
        rows[readable(name)] = name, gloss or readable(name), readable(other)
    if len(rows) < 2:
        raise InputError(path, f"holds {len(rows)} classes", "Write a class a line, two at least.")
    return [_caption(text, rows, path) for text in rows]


def readable(name: str) -> str:
    """A class name as people write it: `RoadAccidents` -> `road accidents`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).replace("_", " ").lower()


def _caption(text: str, rows: dict[str, tuple[str, str, str]], path: Path) -> Caption:
    name, gloss, other = rows[text]
    if other and other not in rows:
        raise InputError(path, f"{name} is taken for {other!r}, which is no class here", did_you_mean(other, rows))
    other = other or _nearest(text, rows)
    return Caption(text, name, label=name, extra={"gloss": gloss, "other": other, "other_gloss": rows[other][1]})


def _nearest(text: str, rows: dict[str, tuple[str, str, str]]) -> str:
    """The other class whose gloss shares most words, where the file names none; normal is the last choice."""
    own = set(rows[text][1].lower().split())
    shared = {other: len(own & set(row[1].lower().split())) for other, row in rows.items() if other != text}
    return max(shared, key=lambda other: (other != NORMAL, shared[other], other))
