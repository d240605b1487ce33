"""Settings are frozen dataclasses; boards are plain dicts from a name to one of them.

A *plug* is a frozen dataclass whose fields are its settings. `apply` sets them from the command line
(`--set similarity.floor=0.5`), typed by the field; `describe` turns them into plain json for a manifest
and `revive` turns that back. A field marked `operational()` changes how work is done, never what comes
out (threads, batch size), and stays out of every digest.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from rewrite.errors import SettingError, did_you_mean

Node = TypeVar("Node")


def operational(default: Any, why: str) -> Any:
    """A field that cannot change the output, only the speed or the place of the work."""
    return dataclasses.field(default=default, metadata={"operational": True, "why": why})


def setting(default: Any, why: str) -> Any:
    """A field with its unit or its reason."""
    return dataclasses.field(default=default, metadata={"why": why})


def pick(board: Mapping[str, Node], name: str, kind: str) -> Node:
    """The plug called `name`.

    Raises:
        SettingError: no plug of that name; the message names the nearest one.
    """
    if name not in board:
        raise SettingError(f"{kind} {name!r}", "there is none of that name", did_you_mean(name, board))
    return board[name]


def describe(node: Any, *, identity_only: bool = False) -> Any:
    """Plain json for a tree of settings. `identity_only` leaves operational fields out."""
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        return {
            f.name: describe(getattr(node, f.name), identity_only=identity_only)
            for f in dataclasses.fields(node)
            if f.init and not (identity_only and f.metadata.get("operational"))
        }
    if isinstance(node, Mapping):
        return {str(k): describe(v, identity_only=identity_only) for k, v in node.items()}
    if isinstance(node, (list, tuple)):
        return [describe(v, identity_only=identity_only) for v in node]
    return str(node) if isinstance(node, Path) else node


def revive(kind: type[Node], description: Mapping[str, Any], where: str) -> Node:
    """The settings that `describe` wrote down. Fields it does not name keep their default.

    Raises:
        SettingError: a name or a value that `kind` does not know (made by another version).
    """
    hints = typing.get_type_hints(kind)
    values: dict[str, Any] = {}
    for name, value in description.items():
        if name not in hints:
            raise SettingError(f"{where}.{name}", "is not a setting of this version", did_you_mean(name, hints))
        hint = hints[name]
        if dataclasses.is_dataclass(hint) and isinstance(value, Mapping):
            values[name] = revive(typing.cast(Any, hint), value, f"{where}.{name}")
        else:
            is_path = isinstance(value, str) and (hint is Path or Path in typing.get_args(hint))
            values[name] = tuple(value) if isinstance(value, list) else Path(value) if is_path else value
    return kind(**values)


def apply(tree: Node, assignments: list[str] | tuple[str, ...]) -> Node:
    """A copy of `tree` (a dataclass, or a mapping of them) with each `a.b=value` set.

    Raises:
        SettingError: an assignment without `=`, an unknown path, or a value of the wrong type.
    """
    for assignment in assignments:
        path, equals, value = assignment.partition("=")
        if not equals or not path.strip():
            raise SettingError(f"--set {assignment}", "is not of the form path=value", "Write --set NAME=VALUE.")
        tree = _assign(tree, path.strip().split("."), value.strip(), path.strip())
    return tree


def _assign(node: Any, steps: list[str], value: str, path: str) -> Any:
    head, rest = steps[0], steps[1:]
    if isinstance(node, Mapping):
        known = dict(node)
    elif dataclasses.is_dataclass(node) and not isinstance(node, type):
        known = {f.name: getattr(node, f.name) for f in dataclasses.fields(node) if f.init}
    else:
        raise SettingError(f"--set {path}", "goes deeper than the settings do", "Drop the last part of the path.")
    if head not in known:
        raise SettingError(f"--set {path}", f"there is no setting {head!r}", did_you_mean(head, known))
    if rest:
        new = _assign(known[head], rest, value, path)
    elif dataclasses.is_dataclass(known[head]) or isinstance(known[head], Mapping):
        inner = known[head] if isinstance(known[head], Mapping) else [f.name for f in dataclasses.fields(known[head])]
        raise SettingError(f"--set {path}", "is a group of settings", f"Set one of: {', '.join(inner)}.")
    else:
        new = _convert(value, typing.get_type_hints(type(node))[head], path)
    if isinstance(node, Mapping):
        return {**node, head: new}
    try:
        return dataclasses.replace(node, **{head: new})
    except ValueError as error:  # raised by a plug's own __post_init__
        raise SettingError(f"--set {path}", str(error), "Choose another value.") from error


def _convert(value: str, hint: Any, path: str) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value.lower() in ("none", "null", "") and type(None) in args:
            return None
        return _convert(value, next(a for a in args if a is not type(None)), path)
    if origin is tuple:
        return tuple(_convert(part.strip(), args[0], path) for part in value.split(",") if part.strip())
    if origin is typing.Literal:
        if value in args:
            return value
        raise SettingError(f"--set {path}", f"{value!r} is not a choice", did_you_mean(value, map(str, args)))
    if hint is bool:
        if value.lower() in ("true", "yes", "1", "on"):
            return True
        if value.lower() in ("false", "no", "0", "off"):
            return False
        raise SettingError(f"--set {path}", f"{value!r} is neither true nor false", "Write true or false.")
    try:
        return hint(value)
    except ValueError:
        raise SettingError(f"--set {path}", f"{value!r} is not of type {hint.__name__}", "Write one.") from None
