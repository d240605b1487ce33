"""The word lists behind the rules: data files of `rewrite/lexicons/`, which a user's own file may extend.

A user's file is YAML with any of our lists by name, e.g. `concepts: {people: {guard: "bouncer, doorman"}}` or
`labels: {families: {violence: {strong: "shank"}}}`: its words are added to ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from rewrite.errors import InputError, did_you_mean
from rewrite.manifest import digest

FOLDER = Path(__file__).resolve().parent / "lexicons"
LISTS = ("attributes", "concepts", "grammar", "labels", "negation", "numbers", "order", "refusals", "syntax", "vague")
LONGEST = 5  # words in a phrase


@dataclass(frozen=True)
class Lexicon:
    """All lists, read and merged.

    Attributes:
        lists: name -> the file's content.
        overrides: word -> lemma where the dictionary errs for captions.
        concepts: lemmas of a word or phrase -> the concepts it may mean.
        longest: first word of a phrase -> words in the longest that it begins.
        acts, entities: the concepts of doing, and those of who or what can do.
        verbs: of acts and of syntax.yaml, as dictionary forms; "feeding" is one of these, whatever the dictionary says.
        digest: of all content; stands in the manifest of what was judged by it.
    """

    lists: Mapping[str, Any]
    overrides: Mapping[str, str]
    concepts: Mapping[tuple[str, ...], frozenset[str]]
    longest: Mapping[str, int]
    acts: frozenset[str]
    entities: frozenset[str]
    verbs: frozenset[str]
    digest: str

    def words(self, name: str, key: str) -> frozenset[str]:
        """A list of single words, as they stand in the file."""
        return _word_set(self.lists[name][key])

    def phrases(self, text: str) -> frozenset[tuple[str, ...]]:
        """Comma-separated words and phrases, each as a tuple of lemmas."""
        return frozenset(self.lemmas(part) for part in _split(text))

    def lemmas(self, phrase: str) -> tuple[str, ...]:
        return tuple(self.lemma(word) for word in phrase.lower().replace("-", " ").split())

    def lemma(self, word: str) -> str:
        """The word's dictionary form; lower case."""
        found = self.overrides.get(word) or _dictionary_form(word)
        if found.endswith("e") and word == f"{found}s" and found[:-1] in self.verbs and found not in self.verbs:
            return found[:-1]  # "fixes" is of no "fixe"
        if found == word and word.endswith("ing") and len(word) > 5 and word not in self.overrides:
            base = word[:-3]
            forms = (base, f"{base}e", base[:-1] if base[-1] == base[-2] else base)
            return next((form for form in forms if form in self.verbs), word)
        return found


@lru_cache(maxsize=8)
def lexicon(extend: str = "") -> Lexicon:
    """Our lists, with those of a user's YAML file added.

    Args:
        extend: path of the user's file; empty for none.

    Raises:
        InputError: the file is missing, no YAML, or names a list that is not ours.
    """
    lists = {name: _yaml(FOLDER / f"{name}.yaml") for name in LISTS}
    if extend:
        path = Path(extend)
        for name, added in _yaml(path).items():
            if name not in lists:
                raise InputError(path, f"there is no list {name!r}", did_you_mean(str(name), lists))
            lists[name] = _merge(lists[name], added, f"{path}: {name}")
    overrides = lists["grammar"]["overrides"]
    sections = lists["concepts"]
    acts = frozenset(sections["acts"])
    entities = frozenset(sections["people"]) | frozenset(lists["grammar"]["entities"].split())
    verbs = frozenset(lists["syntax"]["verbs"].split()) | {
        part for words in sections["acts"].values() for part in _split(words) if " " not in part
    }
    bare = Lexicon(lists, overrides, {}, {}, acts, entities, verbs, "")
    concepts: dict[tuple[str, ...], set[str]] = {}
    for section in sections.values():
        for concept, words in section.items():
            for phrase in bare.phrases(words):
                concepts.setdefault(phrase, set()).add(concept)
    frozen = {phrase: frozenset(meant) for phrase, meant in concepts.items()}
    longest: dict[str, int] = {}
    for phrase in frozen:
        longest[phrase[0]] = max(longest.get(phrase[0], 0), len(phrase))
    return Lexicon(lists, overrides, frozen, longest, acts, entities, verbs, digest(lists))


@lru_cache(maxsize=256)
def _word_set(text: str) -> frozenset[str]:
    return frozenset(text.split())


@lru_cache(maxsize=65536)
def _dictionary_form(word: str) -> str:
    from simplemma import lemmatize

    return str(lemmatize(word, lang="en")).lower()


def _split(text: str) -> Iterable[str]:
    return (part.strip() for part in str(text).split(",") if part.strip())


def _merge(ours: Any, added: Any, where: str) -> Any:
    """Theirs into ours: mappings by key, word lists end to end."""
    if isinstance(ours, dict) and isinstance(added, dict):
        return {**ours, **{k: _merge(ours[k], v, f"{where}.{k}") if k in ours else v for k, v in added.items()}}
    if isinstance(ours, list) and isinstance(added, list):
        return [*ours, *added]
    if isinstance(ours, str) and isinstance(added, str):
        return f"{ours}{',' if ',' in ours else ''} {added}"
    if type(ours) is type(added):
        return added
    kinds = f"a {type(added).__name__} where ours is a {type(ours).__name__}"
    raise InputError(where, f"holds {kinds}", "Write it as in rewrite/lexicons.")


def _yaml(path: Path) -> dict[str, Any]:
    import yaml

    try:
        found = yaml.safe_load(path.read_bytes())
    except FileNotFoundError:
        raise InputError(path, "there is no such lexicon", "Check the path.") from None
    except (OSError, yaml.YAMLError, ValueError) as error:
        what = str(error).splitlines()[0]
        raise InputError(path, f"is not YAML ({what})", "Write it as in rewrite/lexicons.") from None
    if not isinstance(found, dict):
        raise InputError(path, "holds no lists by name", "Write it as in rewrite/lexicons.")
    return found
