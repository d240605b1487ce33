"""Is it still the red car that turns left? Closed classes whose values exclude each other, and what they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rewrite.filters.rules import judge_each, rule_identity
from rewrite.lexicon import lexicon
from rewrite.reading import Reading, once
from rewrite.records import Candidate, Verdict
from rewrite.settings import setting

_DOUBTS = frozenset({"attribute_new", "attribute_lost", "attribute_unsure"})
_SEXES = dict.fromkeys(["he", "him", "his", "himself"], "male") | dict.fromkeys(["she", "her", "hers"], "female")
_BOUND = ("colour", "size", "newness", "height")  # classes whose value belongs to the noun behind it


@dataclass(frozen=True)
class Attributes:
    """Reasons: attribute (one value for another, or a value on another noun), attribute_new, attribute_lost,
    attribute_unsure.

    One value for another drops alone; a value that came in or went out is a doubt, which a language model may clear. So
    is one for another in a class of ways and places ("into", "away"), whose words are said of many things.
    """

    lexicon: str = setting("", "a YAML file that adds to rewrite/lexicons")

    def identity(self) -> dict[str, Any]:
        return rule_identity(self.lexicon)

    def judge(self, candidates: Sequence[Candidate]) -> list[Verdict]:
        known = _classes(self.lexicon)
        return judge_each(candidates, lambda source, text: _fault(source, text, known), _DOUBTS, self.lexicon)


@dataclass(frozen=True, slots=True, eq=False)
class _Classes:
    values: dict[str, list[tuple[str, str]]]  # word -> (class, value)
    stated: frozenset[str]
    loose: frozenset[str]
    context: dict[str, frozenset[str]]


@lru_cache(maxsize=8)
def _classes(extend: str) -> _Classes:
    lists = lexicon(extend).lists["attributes"]
    values: dict[str, list[tuple[str, str]]] = {}
    for name, choices in lists.items():
        if name not in ("stated", "loose", "context"):
            for value, words in choices.items():
                for word in words:
                    values.setdefault(str(word), []).append((name, str(value)))
    context = {name: frozenset(words.split()) for name, words in lists["context"].items()}
    return _Classes(values, frozenset(lists["stated"]), frozenset(lists["loose"].split()), context)


def _fault(source: Reading, text: Reading, known: _Classes) -> str:
    before, after = _values(source, known), _values(text, known)
    fault = "attribute_unsure" if _other_sex(source, text) else ""
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name, {}), after.get(name, {})
        gained, lost = new.keys() - old.keys(), old.keys() - new.keys()
        if gained and lost and name not in known.loose:
            return "attribute"
        if name in _BOUND and any(_moved(old[v], new[v], old, v) for v in old.keys() & new.keys()):
            return "attribute"
        if gained and lost:
            fault = fault or "attribute_unsure"
        elif name in known.stated and (gained or lost):
            fault = "attribute_new" if gained else "attribute_lost"
    return fault


def _other_sex(source: Reading, text: Reading) -> bool:
    """Whether one caption speaks of "her" alone and the other of "him" alone."""
    sexes = [{_SEXES[word] for word in reading.words if word in _SEXES} for reading in (source, text)]
    return all(sexes) and sexes[0].isdisjoint(sexes[1])


def _moved(old: set[str], new: set[str], source: dict[str, set[str]], value: str) -> bool:
    """Whether a value has left its noun for one that had another value in the source."""
    if not old or not new or old & new:
        return False
    return any(nouns & new for other, nouns in source.items() if other != value)


@once
def _values(reading: Reading, known: _Classes) -> dict[str, dict[str, set[str]]]:
    """Class -> value -> what it belongs to (the next words; empty where none is near)."""
    found: dict[str, dict[str, set[str]]] = {}
    said = known.values
    for place, (word, lemma) in enumerate(zip(reading.words, reading.lemmas, strict=True)):
        if word not in said and lemma not in said:
            continue
        for name, value in said.get(word) or said[lemma]:
            if _meant(reading.words, place, name, known.context):
                nouns = found.setdefault(name, {}).setdefault(value, set())
                after = [u for u in reading.units if place < u.place <= place + 3]
                nouns.update(u.lemma for u in after[:2])
    return found


def _meant(words: tuple[str, ...], place: int, name: str, context: dict[str, frozenset[str]]) -> bool:
    """Whether the word has its closed-class sense here: "turned left" has one, "a man left" has none."""
    word = words[place]
    last, following = words[place - 1] if place else "", words[place + 1] if place + 1 < len(words) else "."
    if last in ("not", "no", "never", "without"):
        return False  # "not moving" is no motion
    match name:
        case "side":
            turned = last in context["turns"] and following not in ("in", "away")
            return word.endswith("-hand") or following in context["sides"] or turned
        case "body" | "surface":
            at_door = word == "back" and following in context["at_back"]
            return last in context["owners"] and following not in ("him", "her", "over") and not at_door
        case "vertical":
            return word not in ("up", "down") or following in context["ways"] or last == "face"
        case "end":
            if word == "front":
                return last != "in"
            return word != "back" or (last == "the" and following in context["behind_back"])
        case "passage":
            return word == "into" or following == "of"
        case "motion":
            return following != "by" and word != "standing"
        case "state":
            return last in context["states"]
        case "build":
            return last in ("a", "the", "two") and following not in ("traffic", "rain", "box", "blow")
        case "arm":
            return word != "stick" or last in context["owners"]
        case "vehicle":
            return word != "car" or (following != "park" and last not in context["rails"])
        case "unit":
            return word != "second" or last in ("a", "one", "few", "of", "some")
        case "shape":
            return word not in ("round", "square") or last in context["owners"]
        case "size":
            return word not in ("little", "big") or following not in context["kin"]
        case "length":
            return (last, following) != ("as", "as")
        case "light":
            return following not in (".", ",")
        case "newness" | "height" | "age":
            return word not in ("short", "new") or last in context["owners"]
    return True
