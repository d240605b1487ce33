"""`--set` is typed by the field, and a wrong path says what was meant."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from rewrite.errors import SettingError
from rewrite.settings import apply, describe, operational, revive, setting


@dataclass(frozen=True)
class Inner:
    rate: float = setting(0.5, "per second")
    mode: Literal["slow", "fast"] = setting("slow", "pace")
    widths: tuple[int, ...] = setting((1, 2), "units")
    on: bool = setting(False, "switch")
    folder: Path | None = setting(None, "place")

    def __post_init__(self) -> None:
        if self.rate < 0:
            raise ValueError("the rate must not be negative")


@dataclass(frozen=True)
class Outer:
    inner: Inner = Inner()
    threads: int = operational(1, "cores")


@pytest.mark.parametrize(
    ("assignment", "field", "value"),
    [
        ("inner.rate=2", "rate", 2.0),
        ("inner.mode=fast", "mode", "fast"),
        ("inner.widths=3, 4", "widths", (3, 4)),
        ("inner.on=yes", "on", True),
        ("inner.folder=/a", "folder", Path("/a")),
        ("inner.folder=none", "folder", None),
    ],
)
def test_a_value_takes_the_type_of_its_field(assignment: str, field: str, value: object) -> None:
    assert getattr(apply(Outer(), [assignment]).inner, field) == value


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("inner.rat=2", "there is no setting 'rat'. Did you mean 'rate'"),
        ("iner.rate=2", "Did you mean 'inner'"),
        ("inner.rate=fast", "'fast' is not of type float"),
        ("inner.mode=fats", "'fats' is not a choice. Did you mean 'fast'"),
        ("inner.on=maybe", "neither true nor false"),
        ("inner.rate=-1", "the rate must not be negative"),
        ("inner=1", "is a group of settings. Set one of: rate"),
        ("inner.rate.more=1", "goes deeper than the settings do"),
        ("inner.rate", "is not of the form path=value"),
    ],
)
def test_a_wrong_assignment_says_what_is_wrong(assignment: str, message: str) -> None:
    with pytest.raises(SettingError) as caught:
        apply(Outer(), [assignment])
    assert message in str(caught.value)


def test_what_is_described_can_be_revived() -> None:
    outer = apply(Outer(), ["inner.widths=7", "inner.folder=/a", "threads=4"])
    assert revive(Outer, describe(outer), "outer") == outer


def test_identity_leaves_operational_settings_out() -> None:
    assert "threads" not in describe(Outer(), identity_only=True)


def test_a_setting_of_another_version_is_refused() -> None:
    with pytest.raises(SettingError, match=r"outer.inner.speed: is not a setting of this version"):
        revive(Outer, {"inner": {"speed": 1}}, "outer")
