"""Are there as many of them? Counts, ordinals and quantifiers; and one where there were several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, pairwise
from typing import Any

from rewrite.filters.rules import judge_each_text, rule_identity
from rewrite.frames import scene
from rewrite.lexicon import lexicon
from rewrite.reading import Reading, Unit, once, read
from rewrite.records import Candidate, Verdict
from rewrite.settings import setting
from rewrite.surroundings import greets
from rewrite.syntax import tags

_DOUBTS = frozenset({"number_unsure"})
_WHOLE = frozenset({"all", "both"})
_ONE = frozenset({"a", "an", "one", "another", "this", "single"})
_SAVE = frozenset({"except", "save", "bar", "apart", "excepting"})  # "all but one" is not all


@dataclass(frozen=True)
class Numbers:
    """Reasons: number, number_unsure. "Both men" and "2 men" agree, "all the drawers" and "every drawer" too.

    Another count drops alone. One for many, or some for all, is a doubt: "the other picks the lock" tells no number.
    """

    lexicon: str = setting("", "a YAML file that adds to rewrite/lexicons")

    def identity(self) -> dict[str, Any]:
        return rule_identity(self.lexicon)

    def judge(self, candidates: Sequence[Candidate]) -> list[Verdict]:
        names = _names(self.lexicon)
        return judge_each_text(candidates, lambda source, text: _fault(source, text, names, self.lexicon), _DOUBTS)


@dataclass(frozen=True, slots=True, eq=False)
class _Names:
    words: dict[str, int]
    times: dict[str, int]
    ordinals: dict[str, int]
    quantifiers: dict[str, str]  # word -> its group
    two: frozenset[str]
    ends: frozenset[str]
    pointing: frozenset[str]
    before_plurals: frozenset[str]
    people: frozenset[str]
    counting: frozenset[str]  # words that say how many, whatever stands beside them


@lru_cache(maxsize=8)
def _names(extend: str) -> _Names:
    lists = lexicon(extend).lists["numbers"]
    groups = {word: group for group, words in lists["quantifiers"].items() for word in words.split()}
    sets = [frozenset(lists[name].split()) for name in ("two", "ends", "pointing", "before_plurals")]
    sets.append(lexicon(extend).entities)
    counted = (lists[name] for name in ("words", "times", "ordinals"))
    sets.append(frozenset({"once", "both", "half", "quarter", "some"}).union(groups, *counted))
    return _Names(lists["words"], lists["times"], lists["ordinals"], groups, *sets)


@dataclass(frozen=True, slots=True)
class _Counts:
    values: frozenset[int]  # of two and more
    texts: frozenset[str]  # figures that are no whole number: times of day, decimals
    single: bool  # "only one", "a single", "once" as a count
    ones: frozenset[str]  # lemmas of nouns that an explicit "one" counts
    ordinals: frozenset[int]
    quantifiers: frozenset[str]
    plural: frozenset[str]  # noun lemmas that stand in the plural, and never in the singular
    singular: frozenset[str]
    pairs: bool  # speaks of two in some other way: "the other", "each other", two different people


def _fault(source: str, text: str, names: _Names, extend: str) -> str:
    before, after = _counts(source, names, extend), _counts(text, names, extend)
    if _other_values(before, after):
        return "number"
    return "number_unsure" if _one_for_many(before, after) or _other_share(before, after) else ""


def _other_values(before: _Counts, after: _Counts) -> bool:
    """A count of two or more, a time of day or an ordinal that only one of the captions has."""
    for values, other in ((before.values - after.values, after), (after.values - before.values, before)):
        told = values - other.ordinals  # "floor 5" is the fifth
        if told - {2} or (told and not other.pairs):
            return True
    new, lost = after.ordinals - before.ordinals - after.values, before.ordinals - after.ordinals - after.values
    ordinals = new - {2} and lost
    return before.texts != after.texts or bool(ordinals)


def _one_for_many(before: _Counts, after: _Counts) -> bool:
    """ "Only one", "once" or "one drawer" where there were several, or several where there was one."""
    many = before.values or before.quantifiers
    grown = after.values - before.values or after.quantifiers - before.quantifiers
    if (after.single and not (before.single or before.ones) and many) or (
        before.single and not (after.single or after.ones) and grown
    ):
        return True
    if (after.ones - before.ones and "all" in before.quantifiers - after.quantifiers) or (
        before.ones - after.ones and "all" in after.quantifiers - before.quantifiers
    ):
        return True  # "gets one child out" where it was every child
    if (after.ones - before.ones) & before.plural or (before.ones - after.ones) & after.plural:
        return True
    return bool((before.singular & after.plural) or (before.plural & after.singular))


def _other_share(before: _Counts, after: _Counts) -> bool:
    """ "A few of the drawers" where it was every drawer."""
    new, lost = after.quantifiers - before.quantifiers, before.quantifiers - after.quantifiers
    parts = [{g for g in groups if g.startswith("part")} for groups in (new, lost)]
    if "half" in new | lost or (parts[0] and lost & _WHOLE) or (parts[1] and new & _WHOLE) or all(parts):
        return True
    new, lost = new - parts[0] - {"both"}, lost - parts[1] - {"both"}
    return bool(new and (lost or before.single))


@once
def _counts(text: str, names: _Names, extend: str) -> _Counts:
    reading = read(text, extend)
    words = reading.words
    values: set[int] = set()
    texts: set[str] = set()
    ones: set[str] = set()
    ordinals: set[int] = set()
    groups: set[str] = set()
    single = False
    for place, word in enumerate(words):
        if word not in names.counting and reading.lemmas[place] not in names.quantifiers and not word[0].isdigit():
            continue
        if greets(reading, place):
            continue
        last, following = words[place - 1] if place else "", words[place + 1] if place + 1 < len(words) else "."
        value = _value(word, names)
        if word == "once":
            single |= last != "at" and (following in names.ends or last in ("only", "just"))
        elif word in names.times:
            values.add(names.times[word])
        elif word in names.ordinals and last and following not in names.ends and _noun(reading, place + 1):
            ordinals.add(names.ordinals[word])
        elif value == 1:
            noun = _noun(reading, place + 1)
            explicit = last in ("only", "just", "exactly", "a") or word in ("sole", "lone", "1")
            single |= explicit or (noun is not None and noun.lemma == "time")
            counts = word == "one" and following not in ("of", "another", "after", "by") and last not in names.pointing
            if noun and (counts or explicit):
                ones.add(noun.lemma)
            if word == "one" and following == "of":
                shared = (u.lemma for u in reading.units if u.place > place + 1 and u.lemma not in names.words)
                ones.update(islice(shared, 1))
        elif value is not None:
            half = words[max(0, place - 2) : place + 1] == ("half", "a", "dozen")
            values |= {6 if half else value} - {0}
        elif word[0].isdigit():
            texts.add(word.lstrip("0"))
        group = names.quantifiers.get(word) or names.quantifiers.get(reading.lemmas[place])
        if group and following not in ("other", "at") and not (group == "few" and _while(last, following)):
            spared = following == "but" or not _SAVE.isdisjoint(words[place:])
            groups.add("most" if group == "all" and spared else group)
        if value_of := _part_of_hour(words, place):
            values.add(value_of)
        if following == "of" and last not in ("last", "first", "the", "a") and value and word != "both":
            groups.add(f"part {value}")
        elif word == "both":
            groups.add("both")
        if word == "some" and following == "of":
            groups.add("part some")
        if word == "half" and following not in ("a", "past", "an", "dozen"):
            groups.add("half")
    plural, singular = _numbers_of_nouns(text, reading, names, extend)
    people = [u for u in reading.units if not u.concepts.isdisjoint(names.people)]
    return _Counts(
        values=frozenset(values),
        texts=frozenset(texts),
        single=single,
        ones=frozenset(ones),
        ordinals=frozenset(ordinals),
        quantifiers=frozenset(groups),
        plural=plural - ones,  # "one of the officers" is one officer
        singular=singular,
        pairs=not names.two.isdisjoint(words) or len(people) > 1 or _joined(words),
    )


def _part_of_hour(words: tuple[str, ...], place: int) -> int:
    """Minutes: "a quarter of an hour", "half an hour"; 0 for all else."""
    if words[place : place + 4] == ("quarter", "of", "an", "hour"):
        return 15
    return 30 if words[place : place + 3] == ("half", "an", "hour") else 0


def _joined(words: tuple[str, ...]) -> bool:
    """Whether two are named side by side: "a chef and a waiter"."""
    return any(one == "and" and two in ("a", "an", "the", "his", "her") for one, two in pairwise(words))


def _while(last: str, following: str) -> bool:
    """ "A few seconds", "a few metres": a short while or way, however it is worded."""
    return last == "a" and following.rstrip("s") in ("second", "metre", "meter", "moment")


def _value(word: str, names: _Names) -> int | None:
    if word.isdecimal():
        return int(word)
    return names.words.get(word)


def _noun(reading: Reading, place: int) -> Unit | None:
    """The unit that begins within two words from a place: what a number in front of it counts."""
    near = [u for u in reading.units if place <= u.place <= place + 2 and u.clause == reading.clauses[place - 1]]
    return next((u for u in reversed(near)), None)


def _numbers_of_nouns(text: str, reading: Reading, names: _Names, extend: str) -> tuple[frozenset[str], frozenset[str]]:
    """(plural, singular) lemmas of nouns that a determiner or their ending shows to be nouns, in one number only."""
    plural: set[str] = set()
    singular: set[str] = set()
    bare: set[str] = set()  # in the singular's form, with nothing that counts them
    letters = tags(text, extend)
    for last, word, lemma, letter in zip(("", *reading.words), reading.words, reading.lemmas, letters, strict=False):
        if letter == "P" or (letter == "V" and word != lemma):
            continue  # "while the other picks the lock", "one of them"
        if word == lemma:
            (singular if last in _ONE else bare).add(lemma)
        elif (word == f"{lemma}s" or word == f"{lemma}es" or word in ("men", "women", "children", "boys")) and (
            last in names.before_plurals or _value(last, names) not in (None, 1)
        ):
            plural.add(lemma)
    for noun in scene(text, extend).nouns:
        if noun.pronoun or noun.head is None or noun.prep == "'s":
            continue
        lemma, first = reading.lemmas[noun.place], reading.words[noun.begin]
        counted = first in names.before_plurals or _value(first, names) is not None
        actors = not noun.prep and not noun.head.concepts.isdisjoint(names.people)  # "masked men rope it"
        if noun.several and (counted or actors) and first != "one":
            plural.add(lemma)
        elif not noun.several and first in _ONE:
            singular.add(lemma)
    both = plural & singular
    return frozenset(plural - both - bare), frozenset(singular - both)
