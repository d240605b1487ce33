"""Does it happen, or not? Which acts of a caption are denied: "does not stop", "fails to stop", "too late to stop"."""

from __future__ import annotations

from functools import lru_cache

from rewrite.frames import scene
from rewrite.lexicon import lexicon
from rewrite.reading import Reading, once, read
from rewrite.syntax import tags

_NOT = frozenset({"not", "never", "cannot", "no", "neither", "nor"})
_NOBODY = frozenset({"nobody", "nothing", "none", "neither", "no", "hardly", "scarcely", "few"})
_ATTEMPTS = frozenset({"try", "attempt", "struggle", "want", "hope", "seek", "manage"})


@once
def denied(text: str, extend: str = "") -> frozenset[int]:
    """Places of the verbs (as frames know them) that a caption denies; equal texts are read once."""
    reading, known = read(text, extend), lexicon(extend)
    hints = _hints(extend)
    if hints.isdisjoint(reading.words) and hints.isdisjoint(reading.lemmas):
        return frozenset()  # most captions
    letters = tags(text, extend)
    denying, almost = known.words("syntax", "denying"), known.words("syntax", "almost")
    vain = known.words("syntax", "vain")
    found = set()
    for frame in scene(text, extend).frames:
        place = frame.unit.place
        count = _not(reading, letters, place, almost) + _governed(reading, letters, place, denying, almost)
        if not count and (_nobody(reading, letters, place) or _attempted(reading, letters, place, vain)):
            count = 1
        if count % 2 and _until(reading, letters, place):
            continue  # "does not wake until": it does in the end
        if count % 2 or (frame.unit.lemma.startswith("without ")):
            found.add(place)
    return frozenset(found)


def _until(reading: Reading, letters: str, place: int) -> bool:
    """Whether "until" follows in the verb's own clause."""
    for at in range(place + 1, len(letters)):
        if letters[at] == "S" or reading.words[at] in ("and", "but", "so"):
            return False
        if reading.words[at] in ("until", "till") and letters[at] == "C":
            return True
    return False


@lru_cache(maxsize=8)
def _hints(extend: str) -> frozenset[str]:
    """Words without one of which nothing is denied."""
    lists = (lexicon(extend).words("syntax", name) for name in ("denying", "almost", "vain"))
    return _NOT.union(_NOBODY, {"without", "too"}, *lists)


def _not(reading: Reading, letters: str, place: int, almost: frozenset[str]) -> int:
    """Whether a "not" stands with the verb, among its auxiliaries and adverbs."""
    at, count = place - 1, 0
    while at >= 0 and letters[at] in "XA":
        count |= reading.words[at] in _NOT or reading.words[at] in almost
        at -= 1
    if at >= 0 and reading.words[at] == "without":
        return 1
    return int(count)


def _governed(reading: Reading, letters: str, place: int, denying: frozenset[str], almost: frozenset[str]) -> int:
    """Whether what governs the verb denies it, or is denied itself: "fails to", "too late to", "kept from"."""
    at = place - 1
    while at >= 0 and letters[at] in "XA" and reading.words[at] not in ("short", "unable"):
        at -= 1
    if at < 0:
        return 0
    bare = reading.words[place].endswith("ing")
    link = reading.words[at]
    begin = at
    while begin > 0 and letters[begin - 1] not in "SCJW" and at - begin < 5:
        begin -= 1
    before = list(zip(reading.words[begin : at + 1], reading.lemmas[begin : at + 1], strict=True))
    if link == "to" and any(word in ("too", "nothing", "nobody") for word, _ in before):
        return 1
    if (
        link == "to"
        and letters[at - 1 : at] == "V"
        and before[-2][1] not in denying
        and _not(reading, letters, at - 1, almost)
    ):
        return 1  # "did not want to go"
    if link in ("to", "from") or (bare and link not in ("by", "after", "before", "while", "for")):
        for offset, (_, lemma) in enumerate(before):
            if lemma in denying and _fits(lemma, link, bare, before[offset + 1 :]):
                # "Does not keep him from leaving" lets him leave.
                return 1 + _not(reading, letters, begin + offset, almost)
    return 0


def _fits(lemma: str, link: str, bare: bool, between: list[tuple[str, str]]) -> bool:
    """Whether a word denies a verb that follows in this form."""
    match lemma:
        case "keep":
            return link == "from"
        case "stop" | "prevent":
            return link == "from" or (bare and bool(between) and link != "to")
        case "short" | "instead":
            return link == "of"
        case "avoid" | "miss":
            return bare
    return link == "to"


def _nobody(reading: Reading, letters: str, place: int) -> bool:
    """Whether nobody does it, or it is done to nothing: "none of them is hurt", "pays nothing"."""
    if reading.words[place + 1 : place + 2] in (("nothing",), ("nobody",), ("none",)):
        return True
    at = place - 1
    while at >= 0 and letters[at] in "XA":
        at -= 1
    end = at
    while (at >= 0 and letters[at] in "DNR") or reading.words[at : at + 1] == ("of",):
        at -= 1
    if at >= 0 and letters[at] in "VP":
        # "A rider wearing no helmet is hit", but "without anyone noticing".
        aided = place > 0 and letters[place - 1] == "A"
        return reading.words[at] == "without" and reading.words[place].endswith("ing") and not aided
    subject = reading.words[at + 1 : end + 1]
    return any(word in _NOBODY and reading.words[max(0, at + n)] != "a" for n, word in enumerate(subject))


def _attempted(reading: Reading, letters: str, place: int, vain: frozenset[str]) -> bool:
    """Whether it is only tried: "tries to stop them, but cannot", "tries in vain"."""
    front = reading.lemmas[max(0, place - 4) : place]
    if reading.words[max(0, place - 1)] != "to" or _ATTEMPTS.isdisjoint(front):
        return False
    end = next((p for p in range(place, len(letters)) if letters[p] == "S"), len(letters))
    clause = reading.lemmas[max(0, place - 6) : end]
    if not vain.isdisjoint(clause):
        return "succeed" not in clause or not _NOT.isdisjoint(clause)
    # "but she could not.": an auxiliary without its verb.
    return reading.words[end - 1 : end] == ("not",) and letters[end - 2 : end - 1] == "A"
