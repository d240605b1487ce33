"""Which words are nouns, which are verbs? Told by the words around them, so that words no list knows find their place.

A determiner opens a noun phrase; a verb's ending behind a noun, in front of a determiner, makes a verb. What comes out
is one letter a word: D determiner, R pronoun, P preposition, A auxiliary, V verb, N noun or adjective, X adverb or
particle, W relative, J "and", "or", ",", C other joints of clauses, S the end of a sentence.
"""

from __future__ import annotations

from functools import lru_cache

from rewrite.grammar import Grammar, grammar
from rewrite.reading import Reading, once, read
from rewrite.surroundings import (
    BEHIND,
    NAMED,
    PLURALS,
    TURNING,
    acts_joined,
    calls_one,
    describes,
    is_outcome,
    is_plural,
    names_one,
    one_does,
    several_do,
    told,
    turns,
    unconjugated,
)

_GERUND = frozenset(["by", "without", "from", "for", "after", "before", "while", "to", "off"])
_DO = frozenset({"do", "does", "did"})
_CLOSED = frozenset("DRPXSJCWA")


@once
def tags(text: str, extend: str = "") -> str:
    """One letter per word of a caption; equal texts are read once."""
    reading, known = read(text, extend), grammar(extend)
    words, hyphened = reading.words, reading.hyphened
    count = len(words)
    first = [_closed(word, known) for word in words] + ["S"]
    found: list[str] = []
    for place in range(count):
        letter = first[place]
        last = found[place - 1] if place else "S"
        following = first[place + 1]
        word = words[place]
        if not letter and word not in NAMED and word not in known.outcomes:
            if place and place - 1 in hyphened and not following and word.endswith(("ed", "clad")):
                letter = "N"  # "a red-capped swimmer"
            elif hyphened and place in hyphened and acts_joined(reading, place + 1, first, known):
                letter = "X"  # "pepper-sprays him"
        elif word == "her" and following in _CLOSED:
            letter = "R"
        elif word in TURNING and turns(words, place, last, following):
            letter = TURNING[word]
        elif word == "another" and words[max(0, place - 2) : place] == ("one", "after"):
            letter = "X"
        elif (
            word == "that"
            and words[max(0, place - 1)] in ("after", "before")
            and _past(reading, place + 1, first, known)
        ):
            letter = "X"  # "and only after that rang the bell"
        elif word == "that" and last != "N":
            letter = "C" if words[max(0, place - 1)] == "so" or following in _CLOSED else "D"
        elif (
            word in ("one", "other", "others", "another")
            and following in _CLOSED
            and words[place + 1 : place + 2] != ("one",)
        ):
            letter = "N"
        elif word == "one" and last == "D" and words[place + 1 : place + 2] and words[place + 1].endswith("ing"):
            letter = "N"  # "the one sitting there"
        elif letter == "D" and last == "N" and names_one(words, place, found, known):
            letter = "N"  # "the taller one", "bed nine"
        elif letter == "P" and last == "D" and words[place - 1] in ("a", "an", "the", "his", "its", "their"):
            letter = "N"  # "an off-duty soldier"
        elif word in known.outcomes and last in ("N", "R") and is_outcome(words, place, following, found):
            letter = "X"  # "wrenches the pipe loose", "takes him hostage"
        elif word in BEHIND and last == "N" and following in "SJAC" and following:
            letter = "X"  # "it hits the car behind"
        elif word in BEHIND and last in "NV" and not following and _past(reading, place + 1, first, known):
            letter = "X"  # "the car behind hit it"
        elif word == "then" and (last in "WJSC" or not told(found)):
            letter = "X"
        elif word == "left" and _leaves(words, place, found, following):
            letter = "V"
        elif word == "bit" and last in "RN" and following in ("D", "R"):
            letter = "V"  # "it bit her thumb"
        elif word == "over" and last in "NXSJ" and following in ("D", "R"):
            letter = "P"  # "sprays paint over the camera", but "knocks over the vase"
        elif word in ("left", "right") and last != "D" and following in _CLOSED:
            letter = "X"  # "looks left and right"
        elif word == "about" and (words[place + 1 : place + 2] or ("",))[0] not in known.numbers:
            letter = "P"
        elif word == "home" and last in "DN":
            letter = "N"  # "a nursing home"
        elif word == "till" and last in "NXRV":
            letter = "C"
        elif (
            (word == "once" and words[max(0, place - 1)] == "at")
            or (word, *words[place + 1 : place + 2]) in (("at", "once"), ("prior", "to"))
            or (word == "all" and following == "P")
        ):
            letter = "X"
        elif letter == "D" and following in ("A", "S") and (word in known.parts or word[0].isdigit()):
            letter = "R"  # "the two have fought"
        elif word == "like" or (letter == "D" and word in ("all", "both", "each", "some") and following == "A"):
            letter = "X"
        if not letter:
            letter = "V" if _verb(reading, place, following, found, known) else "N"
        found.append(letter)
    return "".join(found)


def _leaves(words: tuple[str, ...], place: int, found: list[str], following: str) -> bool:
    """Whether "left" is what somebody did, not where something is."""
    last = found[-1] if found else "S"
    if (last == "X" and found[-2:-1] == ["A"]) or (last == "N" and following in ("C", "X", "S") and not told(found)):
        return True  # "has already left", "the pilgrims left only after"
    if last in "AR" or (last in "NXJ" and following in ("D", "R")):
        return True
    return last == "J" and following in "SJPC" and words[max(0, place - 2)] != "right"


def _past(reading: Reading, place: int, first: list[str], known: Grammar) -> bool:
    """Whether a word is a verb's form, and no noun, or has its object behind it."""
    if first[min(place, len(first) - 1)] or place >= len(reading.words):
        return False
    word, lemma = reading.words[place], reading.lemmas[place]
    form = lemma in known.verbs and (word != lemma or word in known.irregular)
    return form and (lemma not in known.things or first[place + 1] in ("D", "R"))


@lru_cache(maxsize=65536)
def _closed(word: str, known: Grammar) -> str:
    """The letter of a word that is of one class alone; empty for an open one."""
    if not word[0].isalnum():
        return "J" if word == "," else "S" if word in ".;!?:" else "J"
    if word in known.classes:
        return known.classes[word]
    if word[0].isdigit():
        return "D"
    adverb = word.endswith("ly") and len(word) > 4 and word not in known.adjectives
    return "X" if adverb and not (word in known.things or word in known.people) else ""


def _verb(reading: Reading, place: int, following: str, found: list[str], known: Grammar) -> bool:
    """Whether an open word is a verb where it stands."""
    words, lemmas = reading.words, reading.lemmas
    word, lemma = words[place], lemmas[place]
    last = found[-1] if found else "S"
    before = words[place - 1] if place >= 1 else ""
    behind = words[place - 2] if place >= 2 else ""
    listed = lemma in known.verbs
    noun = lemma in known.people
    acted = "V" in found or "A" in found
    adjective = last == "N" and before != lemmas[place - 1] and before.endswith(("ed", "ing"))  # "with raised hands"
    if word.endswith("ing") and (word != lemma or listed or (last == "A" and len(word) > 5)):
        # "In riding boots" is what she wears; "without paying" and "by climbing" are acts.
        worn = last == "P" and before not in _GERUND and not following
        worn = worn or calls_one(reading, place, known)
        worn = worn or (last == "N" and bool(behind) and not following and describes(reading, place, found, known))
        return last != "D" and not worn and not adjective
    several = last == "D" and behind == "the" and before in known.several
    if several and listed and word == lemma and following in _CLOSED and lemma not in known.things:
        return True  # "the two wrestle"
    if last == "D" or (last == "P" and before != "to"):
        return False
    if before in known.bare or (last == "X" and behind in known.bare):
        return listed or following in ("D", "R")
    ed = (word.endswith(("ed", "en", "wn")) or word in known.irregular or word != lemma) and not word.endswith("s")
    if ed and (listed or (word.endswith("ed") and word != lemma)):
        if last == "A":
            return True
        return last in "NRXWJCSV" and (following != "" or last in "NRW" or (listed and last != "S"))
    if last == "A":
        return False
    plural = last == "N" and (before in PLURALS or before.endswith("men") or is_plural(reading, place - 1))
    if plural and word != lemma and words[max(0, place - 2)] == "of" and words[max(0, place - 3)] in known.parts:
        plural = False  # "a group of welders blocks a train"
    plural = plural or (last == "N" and listed and word == lemma and several_do(reading, place, following, found))
    strange = following in ("D", "R") and not word.endswith(("ss", "us"))  # no dictionary knows it
    if last == "N" and one_does(reading, place, following, found, known):
        return True  # "a busboy slops bleach"
    if word.endswith("s") and (word != lemma or strange):
        if last == "N" and _counted(reading, place, found, known):
            return False
        if last == "N" and lemma in known.things and following not in ("D", "R") and told(found):
            return False  # "takes the gold chains"
        if adjective:
            return False
        if plural and not listed:
            return False
        if last == "J" and acted and following in ("D", "R"):
            return True  # "and seals the lid"
        leads = following == "X" and last in "NRW" and words[place + 1] in known.particles and not told(found)
        if noun:
            return last in "NRWX" and (following in ("D", "R") or leads)
        if leads and not plural:
            return True  # "the clown hands out balloons"
        if last in "NRWX":
            return (listed and (not plural or following in _CLOSED)) or following in ("D", "R")
        return last in "JCV" and listed and acted and (following != "" or last == "J")
    did = next((p for p in range(place - 1, max(-1, place - 6), -1) if words[p] in _DO), None)
    asked = did is not None and "V" not in found[did:]
    if listed and word == lemma and last in "NR" and asked:
        return True  # "only then does the guard look"
    if word == lemma and plural and following == "X" and words[place + 1] in known.particles and not told(found):
        return True  # "the children hand out balloons"
    if listed and word == lemma and last == "N" and not noun and unconjugated(reading, place, following, found, known):
        return True  # "the boy snatch the bag"
    if listed and word == lemma and not noun:
        if before == "police" and acted and following not in ("D", "R", "P"):
            return False
        if plural or (last in "RW" and before in ("they", "who", "that", "which")):
            return True
        if last == "R" and before in ("he", "she"):
            return True  # "and he throw it"
        if last == "N" and _joined(words, found):
            return not acted or following in ("D", "R", "P")
        if last not in "JX" or not acted:
            return False
        earlier = max(place for place, letter in enumerate(found) if letter == ("V" if "V" in found else "A"))
        like = words[earlier] == lemmas[earlier] and before not in ("", "or")  # "cut the chain, load the moped"
        return like or following == "R" or (following in ("D", "P", "X") and before != ",")
    return False


def _counted(reading: Reading, place: int, found: list[str], known: Grammar) -> bool:
    """Whether a number stands in front and its noun is still to come: "both front wheels"."""
    first = place - 1
    while first > 0 and found[first] == "N":
        if reading.words[first] != reading.lemmas[first]:
            return False
        first -= 1
    word = reading.words[first]
    return found[first] == "D" and (word in known.several or (word.isdecimal() and word != "1"))


def _joined(words: tuple[str, ...], found: list[str]) -> bool:
    """Whether two nouns stand joined behind the last verb: "a chef and a waiter"."""
    places = range(len(found) - 1, 0, -1)
    joint = next((p for p in places if found[p] not in "DN"), 0)
    return joint > 0 and words[joint] == "and" and found[joint - 1] == "N"
