"""What the words around a word make of it: an outcome, a name, a verb that is waited for."""

from __future__ import annotations

from rewrite.grammar import Grammar
from rewrite.reading import Reading

PLURALS = frozenset(
    {"people", "men", "women", "children", "police", "staff", "policemen", "firefighters", "they", "who"}
)

TURNING = {
    "back": "N",
    "own": "N",
    "following": "V",
    "forwards": "",
    "as": "P",
    "on": "X",
    **dict.fromkeys(("himself", "herself", "itself", "themselves"), "X"),
}
BEHIND = frozenset(["behind", "ahead", "opposite", "inside", "outside", "above", "below", "beyond"])
# Words whose letter is told one by one; any other open word is a noun or a verb.
NAMED = BEHIND.union(
    TURNING,
    ("about", "all", "another", "bit", "both", "each", "her", "home", "left", "like", "once", "one", "other", "others"),
    ("over", "prior", "right", "some", "that", "then", "till"),
)
_OWNING = frozenset({"his", "her", "its", "their", "whose", "my", "your", "our"})
_PASSING = frozenset({"pose", "poses", "posed", "posing", "dressed", "disguised", "masquerading", "masked", "serving"})
_TOGETHER = frozenset({"couple", "pair", "group", "gang", "crew", "team", "family", "trio", "crowd"})


def turns(words: tuple[str, ...], place: int, last: str, following: str) -> bool:
    """Whether a word of one class is, where it stands, of the class that TURNING tells; none there: of an open one."""
    match words[place]:
        case "as":
            return place > 0 and words[place - 1] in _PASSING  # "men posing as electricians tie her up"
        case "back":
            return last == "D"  # "by the back door"
        case "on":
            return words[max(0, place - 2) : place] == ("from", "then")
        case "own":
            return place > 0 and words[place - 1] in _OWNING  # "whose own has rusted"
        case "following":
            return last == "N" and following == "R"  # "a car following it"
        case "forwards":
            return last == "N" and following in ("D", "R")  # "forwards the memo"
    return last in "NR"  # "after the guard himself has left"


def names_one(words: tuple[str, ...], place: int, found: list[str], known: Grammar) -> bool:
    """Whether a count tells which one: behind what is numbered ("bed nine"), or an adjective ("the taller one")."""
    if words[place] != "one":
        return words[place - 1] in known.numbered and (words[place] in known.numbers or words[place][0].isdigit())
    begin = place - 1
    while begin > 0 and found[begin] == "N":
        begin -= 1
    return found[begin] == "D" and found[begin - 1 : begin] != ["P"]


def greets(reading: Reading, place: int) -> bool:
    """Whether a five is none: "gives him a high five", "high-fives him"."""
    if not place or reading.words[place - 1 : place] != ("high",) or reading.words[place] not in ("five", "fives"):
        return False
    return place - 1 in reading.hyphened or reading.words[max(0, place - 2)] in ("a", "another")


def is_outcome(words: tuple[str, ...], place: int, following: str, found: list[str]) -> bool:
    """Whether a word behind an object tells what becomes of it."""
    if words[place] == "face":
        return words[place + 1 : place + 2] in (("down",), ("up",), ("first",))
    ends = following in ("P", "X", "J", "S", "C", "W") or words[place + 1 : place + 2] == ("until",)
    return ends and "V" in found


def several_do(reading: Reading, place: int, following: str, found: list[str]) -> bool:
    """Whether several, told of by where they are, wait for their verb: "teenagers in the balcony pelt"."""
    begin = place
    while begin > 0 and found[begin - 1] in "DNP":
        begin -= 1
    end = begin
    while end < place and found[end] in "DN":
        end += 1
    together = reading.words[end - 1] in _TOGETHER and following in (
        "D",
        "R",
    )  # "a couple in the back row shine a torch"
    return begin < end < place and (is_plural(reading, end - 1) or reading.words[end - 1] in PLURALS or together)


def one_does(reading: Reading, place: int, following: str, found: list[str], known: Grammar) -> bool:
    """Whether a word in -s stands behind "a" and a noun, where no noun of several can stand, and the clause waits."""
    word = reading.words[place]
    if not word.endswith("s") or word == reading.lemmas[place] or place - 1 in reading.owners:
        return False  # "a pupil's classmates"
    if word in known.compounding or told(found):
        return False
    begin = place - 1
    while begin > 0 and found[begin] == "N":
        begin -= 1
    if _terse(reading, place, found, known) or _placed(reading, place, found, known):
        return True
    opens = begin == 0 or found[begin - 1] in "SJCX"
    if found[begin] != "D" or not opens:
        return False
    if reading.words[begin] in ("a", "an", "another", "each", "every"):
        return True
    lemma = reading.lemmas[place]
    surely = lemma in known.verbs and lemma not in known.things and following in ("D", "R", "P", "X")
    return surely and reading.words[begin] == "the"  # "the apprentice winks at her"


def _terse(reading: Reading, place: int, found: list[str], known: Grammar) -> bool:
    """Whether a report leaves out its determiners: "courier hands guard a parcel"."""
    who, lemma = place - 1, reading.lemmas[place]
    if who >= 2 and found[who - 1] == "P" and lemma not in known.things:
        who -= 2  # "man in cap pays"
    one = reading.words[who] == reading.lemmas[who] and reading.words[who] not in PLURALS
    if not one or reading.lemmas[who] not in known.people or lemma in known.people or lemma not in known.verbs:
        return False
    while who > 0 and found[who - 1] == "N":
        who -= 1
    return who == 0 or found[who - 1] in "SJ"


def _placed(reading: Reading, place: int, found: list[str], known: Grammar) -> bool:
    """Whether one, told of by what he wears, waits for his verb: "a runner in yellow shorts finishes second"."""
    lemma = reading.lemmas[place]
    if lemma not in known.verbs or lemma in known.things or not reading.words[place - 1].endswith("s"):
        return False
    begin = place
    while begin > 0 and found[begin - 1] in "DNP":
        begin -= 1
    opens = begin < place and reading.words[begin] in ("a", "an", "another", "each", "every")
    return opens and "P" in found[begin:place] and found[begin : begin + 2] == ["D", "N"]


def unconjugated(reading: Reading, place: int, following: str, found: list[str], known: Grammar) -> bool:
    """Whether one who opens a clause waits for a verb: many who caption leave the -s away."""
    begin = place
    while begin > 0 and found[begin - 1] in "DNP":
        begin -= 1
    opens = begin == 0 or found[begin - 1] in "SJCX"
    word = reading.words[begin]
    named = found[begin] == "D" or word in ("someone", "somebody")
    named = named or (word == reading.lemmas[begin] and word in known.people)  # "robber with gun force them down"
    if not opens or not named or told(found):
        return False
    if following in ("D", "R"):
        return True
    return (
        reading.lemmas[place] not in known.things and following in ("P", "X", "") and not _waits(reading, place, known)
    )


def _waits(reading: Reading, place: int, known: Grammar) -> bool:
    """Whether a verb with an ending is still to come in the clause."""
    for word, lemma in zip(reading.words[place + 1 :], reading.lemmas[place + 1 :], strict=True):
        if not word[0].isalnum() or known.classes.get(word, "N") in "CWA" or word == "and":
            return False
        if lemma in known.verbs and word != lemma:
            return True
    return False


def describes(reading: Reading, place: int, found: list[str], known: Grammar) -> bool:
    """Whether a word in -ing tells of the one behind it: "a lanyard-wearing man", but not "a man wearing gloves"."""
    who = place + 1
    if who >= len(reading.words) or reading.words[who] in PLURALS or is_plural(reading, who):
        return False
    begin = place
    while begin > 0 and found[begin - 1] == "N":
        begin -= 1
    return reading.lemmas[who] in known.people and reading.lemmas[place - 1] not in known.people and place > begin


def calls_one(reading: Reading, place: int, known: Grammar) -> bool:
    """Whether a word in -ing begins what somebody is called: "a parking attendant"."""
    unit = next((u for u in reading.units if u.place == place), None)
    return unit is not None and unit.length > 1 and unit.lemma in known.called


def acts_joined(reading: Reading, place: int, first: list[str], known: Grammar) -> bool:
    """Whether the second part of a word with a hyphen is a verb: "pistol-whips a clerk", "was pepper-sprayed by"."""
    word, lemma = reading.words[place], reading.lemmas[place]
    formed = word != lemma and word.endswith(("s", "ed"))
    return (
        formed
        and lemma in known.verbs
        and first[place + 1] in (("D", "R") if word[-1] == "s" else ("D", "R", "P", "X"))
    )


def is_plural(reading: Reading, place: int) -> bool:
    return reading.words[place].endswith("s") and reading.words[place] != reading.lemmas[place]


def told(found: list[str]) -> bool:
    """Whether the clause has its verb already."""
    for letter in reversed(found):
        if letter in "JSCWV":
            return letter == "V"
    return False
