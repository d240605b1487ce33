"""Is what did not happen still what did not happen? A lost or a new "not" turns a caption round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rewrite.acts import Act, meet, pair
from rewrite.filters.rules import doubt_texts, rule_identity
from rewrite.lexicon import lexicon
from rewrite.polarity import denied
from rewrite.reading import Reading, Unit, once, read
from rewrite.records import Candidate, Verdict
from rewrite.settings import setting

_OBJECTS = frozenset({"nothing", "none", "nobody"})  # "pays nothing" denies what stands before it
_PREDICATES = frozenset({"empty", "absent", "missing", "go", "behind", "cancel"})  # "the till was empty"
_EMPTIED = tuple((word,) for word in ("the", "a", "an", "his", "her", "their", "its"))  # "they empty the till"
_NOBODY = frozenset({"nobody"})
_PEOPLE = frozenset({"one", "body", "soul", "people", "person"})
REACH = 3  # units of content that one "not" may govern, within its clause


@dataclass(frozen=True)
class Negation:
    """Reasons: negation, negation_count. "There is no one in the corridor" and "the hallway is empty" agree.

    The first: one caption denies what the other asserts. The second: only one of them denies anything, but nothing that
    the other speaks of. Both are doubts: without a model of inference they drop, for no similarity sees them; with one
    it decides, and a rewrite of which it is sure enough is kept although the rule read a turned "not". Of 185 such
    faults inference let 2 pass, and of 12 faithful pairs it saved 9 (measured).
    """

    lexicon: str = setting("", "a YAML file that adds to rewrite/lexicons")

    def identity(self) -> dict[str, Any]:
        return rule_identity(self.lexicon)

    def judge(self, candidates: Sequence[Candidate]) -> list[Verdict]:
        cues = _cues(self.lexicon)

        def fault(source: str, text: str) -> str:
            if _act_turned(source, text, self.lexicon):
                return "negation"
            if _not_yet(source) != _not_yet(text) and "already" in f"{source} {text}":
                return "negation"
            done = denied(source, self.lexicon), denied(text, self.lexicon)
            return _fault(read(source, self.lexicon), read(text, self.lexicon), cues, done)

        return doubt_texts(candidates, fault)


@dataclass(frozen=True, slots=True, eq=False)
class _Cues:
    hard: frozenset[str]  # deny what follows
    soft: frozenset[str]  # may answer a hard cue of the other caption, ask for none
    absent: dict[str, frozenset[str]]  # word -> concepts it denies by itself
    harmless: tuple[tuple[str, ...], ...]


@lru_cache(maxsize=8)
def _cues(extend: str) -> _Cues:
    lists = lexicon(extend).lists["negation"]
    absent = {word: frozenset(denied) for word, denied in lists["absent"].items()}
    harmless = tuple(tuple(phrase.split()) for phrase in lists["harmless"])
    return _Cues(frozenset(lists["cues"].split()), frozenset(lists["soft"].split()), absent, harmless)


def _fault(source: Reading, text: Reading, cues: _Cues, done: tuple[frozenset[int], frozenset[int]]) -> str:
    mine, theirs = _denials(source, cues.hard, cues), _denials(text, cues.hard, cues)
    soft = _denials(source, cues.soft, cues), _denials(text, cues.soft, cues)
    if _turned(mine, theirs + soft[1], source, text, done[1]) or _turned(theirs, mine + soft[0], text, source, done[0]):
        return "negation"
    if bool(mine) != bool(theirs):
        other = text if mine else source
        if not any(word in cues.soft for word in (*other.lemmas, *other.words)):
            return "negation_count"
    return ""


def _not_yet(text: str) -> bool:
    return "not yet" in text or "n't yet" in text


def _act_turned(source: str, text: str, extend: str) -> bool:
    """Whether an act that one caption denies is told as done by the other."""
    was, now = denied(source, extend), denied(text, extend)
    if not was and not now:
        return False
    both = pair(source, text, extend)
    for new in both.after:
        olds = [old for old in both.before if _same_act(old, new)]
        news = [w for w in both.after if any(_same_act(old, w) for old in olds)]
        before = {old.frame.unit.place in was for old in olds}
        after = {w.frame.unit.place in now for w in news}
        if olds and before.isdisjoint(after):
            return True
    return False


def _same_act(old: Act, new: Act) -> bool:
    if old.same_words(new):
        return not (old.patients and new.patients and all(old.patients) and all(new.patients)) or meet(
            old.patients, new.patients
        )
    return old.may_be(new) and meet(old.patients, new.patients)


def _turned(
    denials: list[_Denial], answered: list[_Denial], own: Reading, other: Reading, done: frozenset[int]
) -> bool:
    """Whether the other caption asserts something of what is denied, and denies none of it."""
    for denial in denials:
        matches = [u for u in other.units if denial.of(u) and u.word not in _OBJECTS]
        # What a caption denies of one and tells of another ("did not come out" again) proves nothing.
        told = [u for u in own.units if u.clause != denial.clause]
        matches = [u for u in matches if u.place not in done and not any(u.stems & t.stems for t in told)]
        if matches and not any(a.of_any(denial) or a.of(u) for a in answered for u in matches):
            return True
    return False


@dataclass(frozen=True, slots=True)
class _Denial:
    units: tuple[Unit, ...]
    concepts: frozenset[str]
    clause: int

    def of(self, unit: Unit) -> bool:
        return not self.concepts.isdisjoint(unit.concepts) or any(u.agrees(unit) for u in self.units)

    def of_any(self, other: _Denial) -> bool:
        return not self.concepts.isdisjoint(other.concepts) or any(self.of(u) for u in other.units)


@once
def _denials(reading: Reading, words: frozenset[str], cues: _Cues) -> list[_Denial]:
    found: list[_Denial] = []
    if all(some.isdisjoint(said) for some in (words, cues.absent.keys()) for said in (reading.words, reading.lemmas)):
        return found  # most captions
    for place, (word, lemma) in enumerate(zip(reading.words, reading.lemmas, strict=True)):
        if word in cues.absent and reading.words[place + 1 : place + 2] not in _EMPTIED:
            bare = words is cues.soft and lemma in _PREDICATES  # "the till is empty" answers "nothing in the till"
            before = [u for u in reading.units if bare and u.place < place and u.clause == reading.clauses[place]]
            found.append(_Denial(tuple(before[-1:]), cues.absent[word], reading.clauses[place]))
        elif (word in words or lemma in words) and not _harmless(reading.words, place, cues):
            if lemma == "fail" and reading.words[place + 1 : place + 2] not in (("to",), ("in",)):
                continue  # "the lights fail"
            if word in ("not", "never", "neither") and _until(reading.words, place):
                continue  # "neither of them surfaces until": both do in the end
            clause = reading.clauses[place]
            scope = [u for u in reading.units if u.place + u.length - 1 > place and u.clause == clause][:REACH]
            if not scope and (word in _OBJECTS or lemma in _PREDICATES):
                scope = [u for u in reading.units if u.place < place and u.clause == clause][-1:]
            found.append(_Denial(tuple(scope), _NOBODY if _nobody(reading, place) else frozenset(), clause))
    return found


def _until(words: tuple[str, ...], place: int) -> bool:
    """Whether "until" follows before the clause ends."""
    for word in words[place + 1 :]:
        if word == "until":
            return True
        if word in ("and", "but", "so") or not word[0].isalnum():
            return False
    return False


def _nobody(reading: Reading, place: int) -> bool:
    """Whether the cue denies people: "nobody", "no one", "not a soul"."""
    following = reading.lemmas[place + 1 : place + 3]
    return reading.words[place] == "nobody" or not _PEOPLE.isdisjoint(following)


def _harmless(words: tuple[str, ...], place: int, cues: _Cues) -> bool:
    for phrase in cues.harmless:
        if words[place] not in phrase:
            continue
        for begin in range(max(0, place - len(phrase) + 1), place + 1):
            if words[begin : begin + len(phrase)] == phrase:
                return True
    return False
