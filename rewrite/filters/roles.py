"""Who does what to whom? A man who hits a woman is not a man hit by her, and no cosine tells them apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rewrite.acts import Act, Pair, answering, meet, pair
from rewrite.cast import Ids, somebody
from rewrite.filters.rules import doubt_texts, rule_identity
from rewrite.lexicon import Lexicon, lexicon
from rewrite.records import Candidate, Verdict
from rewrite.settings import setting

_GETS = frozenset({"get", "receive"})


@dataclass(frozen=True)
class Roles:
    """Reasons: role, role_unsure. Who does each act and whom it befalls, the passive turned round, held side by side.

    A fault is somebody whom both captions name, in another's place; what only one of them names is no matter of roles.
    All is a doubt, since subjects and objects are found by their place, not by a parser; `role` where two have plainly
    changed places: inference, asked by single claims too, passes none of these where it was measured.
    """

    lexicon: str = setting("", "a YAML file that adds to rewrite/lexicons")

    def identity(self) -> dict[str, Any]:
        return rule_identity(self.lexicon)

    def judge(self, candidates: Sequence[Candidate]) -> list[Verdict]:
        return doubt_texts(candidates, lambda source, text: _fault(source, text, self.lexicon))


def _fault(source: str, text: str, extend: str) -> str:
    both, known = pair(source, text, extend), lexicon(extend)
    changed = [new for new in both.after if _act_changed(new, both, known)]
    if any(_plain(new, both) for new in changed) or any(_turned_round(new, both, known) for new in both.after):
        return "role"
    owned = any(_owner_changed(thing, owners, both) for thing, owners in both.owners)
    return "role_unsure" if changed or owned else ""


def _plain(new: Act, both: Pair) -> bool:
    """Whether two have changed places, with no pronoun and no carried subject to be read another way.

    Where just one of both is passive its "by him" can be read no other way.
    """
    for old in answering(new, both.before):
        told = old.agents and new.agents and all(len(i) == 1 for i in (*old.agents, *new.agents))
        unsure = any(f.guessed or any(n.pronoun for n in f.agents) for f in (old.frame, new.frame))
        voiced = old.frame.passive != new.frame.passive and _exactly_swapped(old, new)
        if told and old.same_words(new) and (voiced if unsure else _swapped(old, new)):
            return True
    return False


def _exactly_swapped(old: Act, new: Act) -> bool:
    """Whether one is in the other's place and the other in his, with nobody else in either: "is then shoved by him"."""
    ends = (old.agents, old.patients, new.agents, new.patients)
    alone = all(len(some) == 1 and len(some[0]) == 1 and min(some[0]) >= 0 for some in ends)
    return alone and old.agents == new.patients and old.patients == new.agents


def _turned_round(new: Act, both: Pair, known: Lexicon) -> bool:
    """Whether the one act of its verb has its two ends exchanged, whatever other acts may stand for it."""
    if new.frame.guessed or len(new.agents) != 1 or len(new.patients) != 1:
        return False
    olds = _namesakes(new, both.before)
    if len(olds) != 1 or len(_namesakes(new, both.after)) != 1 or olds[0].frame.guessed:
        return False
    lemma = new.frame.unit.lemma.split()[0]
    named = not any(n.pronoun for f in (olds[0].frame, new.frame) for n in (*f.agents, *f.patients))
    telling = lemma not in known.words("syntax", "mutual") | known.words("syntax", "empty")
    return named and telling and _exactly_swapped(olds[0], new)


def _namesakes(act: Act, acts: tuple[Act, ...]) -> list[Act]:
    """Acts of its verb, else of its words: "shoots" before "fires at"."""
    exact = [a for a in acts if a.frame.unit.lemma == act.frame.unit.lemma]
    return exact or [a for a in acts if a.same_words(act)]


def _owner_changed(thing: Ids, owners: tuple[Ids, ...], both: Pair) -> bool:
    """ "The driver of the van" where it was the driver of the car, and both are there."""
    if len(thing) != 1:
        return False
    (number,) = thing
    return _disjoint(tuple(both.members[number].owners), owners, both)


def _act_changed(new: Act, both: Pair, known: Lexicon) -> bool:
    """Whether an act of the rewrite is one of the source with others in it, and nothing speaks for another reading."""
    olds = answering(new, both.before)
    if not olds:
        return any(_converse(old, new, known) for old in both.before if not answering(old, both.after))
    if not all(_changed(old, new, both, known) for old in olds):
        return False
    faithful = (_may_answer(old, new, both.after) and not _changed(old, new, both, known) for old in both.before)
    if any(faithful):
        return False
    told = ((old, w) for old in olds for w in both.after if _may_answer(w, old, both.before))
    return all(_changed(old, w, both, known) for old, w in told)


def _may_answer(one: Act, other: Act, others: tuple[Act, ...]) -> bool:
    """Whether both may tell one act, and the first tells no other one by a word of its own, or of what they share."""
    return one.may_be(other) and any(other is o for o in answering(one, others))


def _changed(old: Act, new: Act, both: Pair, known: Lexicon) -> bool:
    """Whether somebody else, whom the source names too, does it or bears it."""
    lemma = old.frame.unit.lemma.split()[0]
    if lemma in known.words("syntax", "empty") or not (old.same_words(new) or meet(old.all, new.all)):
        return False  # words that may mean the same, of others: another act
    if lemma in known.words("syntax", "mutual") and not old.patients and not old.frame.unit.lemma.endswith("into"):
        return _other_company(old, new, both)
    if _disjoint(old.agents, new.agents, both):
        return _other_agent(old, new, both)
    if not new.agents and meet(old.agents, new.patients) and _disjoint(old.patients, new.patients, both):
        return True
    if not old.agents and meet(old.patients, new.agents) and _disjoint(old.patients, new.patients, both):
        return True
    if _reversed(old, new) or _crossed(old, new):
        return True
    if old.agents and all(new.agents) and meet(old.patients, new.agents) and not meet(old.agents, new.agents):
        return bool(new.patients) and not meet(old.patients, new.patients)
    persons = all(somebody(both.members[n]) for i in (*old.patients, *new.patients) for n in i if n >= 0)
    return persons and _disjoint(old.patients, new.patients, both)


def _other_agent(old: Act, new: Act, both: Pair) -> bool:
    """Whether another agent is a fault: not where it is what the first one did it with, or what it was done to."""
    turned = not new.patients and not new.frame.passive and meet(old.patients, new.agents)
    made = not old.patients and not old.frame.passive and meet(old.agents, new.patients)
    tool = meet(new.agents, old.behind("with")) or meet(old.agents, new.behind("with"))
    one, other = (a.frame.unit.lemma.split()[0] in _GETS for a in (old, new))
    got = one != other and (meet(old.behind("to"), new.agents) or meet(new.behind("to"), old.agents))
    if turned or made or tool or got:
        # "Breaks the pane" - "the pane breaks"; "sprays it with water" - "water sprays it"; "gives to" - "gets from".
        return False
    return _swapped(old, new) or _things(old.agents, both) == _things(new.agents, both)


def _swapped(old: Act, new: Act) -> bool:
    """Whether who does it in the one is by, or befallen, in the other, both ways."""
    return meet(old.agents, (*new.patients, *new.others)) and meet(new.agents, (*old.patients, *old.others))


def _crossed(old: Act, new: Act) -> bool:
    """Whether, of several who do it, one has changed places with one whom it befalls."""
    gone = any(i and not meet((i,), new.agents) and meet((i,), new.patients) for i in old.agents)
    return gone and any(i and meet((i,), new.agents) and not meet((i,), new.patients) for i in old.patients)


def _things(agents: tuple[Ids, ...], both: Pair) -> bool:
    return all(both.members[n].thing for i in agents for n in i if n >= 0)


def _reversed(old: Act, new: Act) -> bool:
    """Whether it goes from where it went to, and to where it came from."""
    return any(
        meet(old.behind(end), new.behind(start))
        and not meet(old.behind(end), new.behind(end))
        and (not old.behind(start) or meet(old.behind(start), new.behind(end)))
        for end, start in (("to", "from"), ("from", "to"))
    )


def _disjoint(old: tuple[Ids, ...], new: tuple[Ids, ...], both: Pair) -> bool:
    """Whether both are told and known, nobody may be the same, and whoever is gone is still spoken of."""
    if not old or not new or not all(old) or not all(new):
        return False
    return not meet(old, new) and any(i & both.there for i in old)


def _other_company(old: Act, new: Act, both: Pair) -> bool:
    """Whether one of those who fight has changed places with one who does not."""
    gone = [i for i in old.agents if i and not meet((i,), new.all)]
    come = [i for i in new.agents if i and not meet((i,), old.all)]
    return bool(come) and any(i & both.there for i in gone)


def _converse(old: Act, new: Act, known: Lexicon) -> bool:
    """Whether one who gave now receives."""
    if not meet(old.agents, new.agents):
        return False
    if _reversed(old, new) and meet(old.patients, new.patients):
        return True
    mine, theirs = ({*a.frame.unit.concepts, a.frame.unit.lemma} for a in (old, new))
    gone, come = mine - theirs, theirs - mine
    pairs = [words.split(":") for words in known.words("grammar", "converse")]
    return any((a in gone and b in come) or (b in gone and a in come) for a, b in pairs)
