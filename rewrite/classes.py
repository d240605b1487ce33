"""Class names become descriptions: a corpus whose captions are the classes and whose rewrites describe them."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rewrite.captions import LONGEST
from rewrite.errors import CorpusError, InputError, SettingError, did_you_mean
from rewrite.pipeline import produce
from rewrite.recipe import Recipe, configure
from rewrite.records import Caption, Rewrite, fold
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
        SettingError: no template speaks of a class; nothing was begun.
        CorpusError: a class is left without any description; the drafts are kept, nothing is sealed.
    """
    found = read_classes(locate_classes(source))
    unspoken = [c.text for c in found if not any(t.speaks_of(c) for t in recipe.templates.values())]
    if unspoken:
        what = f"none of those given speaks of {', '.join(unspoken)}"
        raise SettingError("--template", what, "Add one that does, e.g. question.")
    filters = informed(recipe.filters, found, recipe.asked()["examples"])
    recipe = dataclasses.replace(recipe, filters=filters)
    todo = "The drafts are kept: run it again with more --variants, or with other --filters."

    def check(judged: list[Rewrite]) -> None:
        refuse_empty(judged, found, out, todo)

    return produce(found, out, recipe, check=check, reporter=reporter)


def informed(filters: Mapping[str, Any], found: Sequence[Caption], examples: Sequence[str]) -> dict[str, Any]:
    """The same filters, told what they hold descriptions against.

    Args:
        found: the classes, as `read_classes` gives them.
        examples: answers of the templates' examples.
    """
    order = sorted(found, key=lambda c: c.text)
    told = {
        "classes": tuple(c.text for c in order),
        "glosses": tuple(c.extra["gloss"] for c in order),
        "examples": tuple(examples),
    }
    known = {name: {f.name for f in dataclasses.fields(plug)} & told.keys() for name, plug in filters.items()}
    return {
        name: dataclasses.replace(plug, **{field: told[field] for field in known[name]})
        for name, plug in filters.items()
    }


def refuse_empty(judged: Sequence[Rewrite], found: Sequence[Caption], out: Path, todo: str) -> None:
    """Nobody can tell a class that has no words.

    Raises:
        CorpusError: a class is left without any description; the line names it and what dropped it.
    """
    kept = Counter(r.draft.source for r in judged if r.kept)
    empty = [c.text for c in found if not kept[c.text]]
    if empty:
        why = Counter(r.reason for r in judged if r.draft.source in empty)
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(why.items()))
        raise CorpusError(out, f"no description is left of {', '.join(empty)} ({reasons})", todo)


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
        control: "random_words": as many texts per class, each the class's name and equally many random words; no
            model is asked, only what is no text is dropped; `backend`, `model` and `filters` are without effect.

    Raises:
        SettingError: an unknown name.
    """
    if control is not None and control not in CONTROLS:
        raise SettingError(f"control {control!r}", "there is none of that name", did_you_mean(control, CONTROLS))
    if control is not None:
        backend, model, filters = control, "", ["form", "length"]
        assignments = [f"{control}.named=true", *assignments]
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
    """A class a line: `name`, `name | gloss` or `name | gloss | other, other`: the classes it is most easily taken for.

    A tab may stand for the bar; lines that begin with # are skipped. Where no other class is named, it is the one whose
    gloss shares most words; the normal class is taken for every other one in turn.

    Returns:
        Captions whose text is the readable name, whose label is the name as it stands, and whose extra holds `gloss`
        and `others`, a list of `{"name":, "gloss":}`.

    Raises:
        InputError: not UTF-8, fewer than two classes, two equal names, an over-long line, or an unknown other class.
    """
    try:
        lines = path.read_bytes().removeprefix(b"\xef\xbb\xbf").decode().splitlines()
    except UnicodeDecodeError:
        raise InputError(path, "is not UTF-8", "Convert it, e.g. iconv -f latin1 -t utf-8 FILE.") from None
    rows: dict[str, _Row] = {}
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#"):
            row = _row(line, f"{path}:{number}")
            if row.text in rows:
                raise InputError(row.where, f"class {row.name!r} stands twice", "Keep one.")
            rows[row.text] = row
    if len(rows) < 2:
        raise InputError(path, f"holds {len(rows)} classes", "Write a class a line, two at least.")
    return [_caption(row, rows) for row in rows.values()]


def readable(name: str) -> str:
    """A class name as people write it: `RoadAccidents` -> `road accidents`."""
    return fold(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).replace("_", " ").lower())


@dataclasses.dataclass(frozen=True, slots=True)
class _Row:
    where: str
    name: str
    text: str
    gloss: str
    others: tuple[str, ...]


def _row(line: str, where: str) -> _Row:
    parts = [fold(part) for part in re.split(r"[\t|]", line)]
    if len(parts) > 3 or not parts[0]:
        raise InputError(where, "is not `name | gloss | other classes`", "Mend the line.")
    if len(line) > LONGEST:
        raise InputError(where, f"has {len(line):,} characters, more than {LONGEST:,}", "Shorten the gloss.")
    name, gloss, others = (*parts, "", "")[:3]
    named = tuple(readable(other) for other in others.split(",") if other.strip())
    return _Row(where, name, readable(name), gloss or readable(name), named)


def _caption(row: _Row, rows: Mapping[str, _Row]) -> Caption:
    known = [text for text in rows if text != row.text]
    for other in row.others:
        if other not in known:
            what = f"{row.name} is taken for {other!r}, which is no other class here"
            raise InputError(row.where, what, did_you_mean(other, known))
    others = row.others or (tuple(known) if row.text == NORMAL else (_nearest(row, rows),))
    told = [{"name": other, "gloss": rows[other].gloss} for other in others]
    return Caption(row.text, row.name, label=row.name, extra={"gloss": row.gloss, "others": told})


def _nearest(row: _Row, rows: Mapping[str, _Row]) -> str:
    """The other class whose gloss shares most words, where the file names none; normal is the last choice."""
    own = set(row.gloss.lower().split())
    shared = {text: len(own & set(other.gloss.lower().split())) for text, other in rows.items() if text != row.text}
    return max(shared, key=lambda other: (other != NORMAL, shared[other], other))
