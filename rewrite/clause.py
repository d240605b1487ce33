"""One clause of a caption, as the line of its acts needs it."""

from __future__ import annotations

from dataclasses import dataclass, field

from rewrite.reading import Unit


@dataclass(slots=True)
class Clause:
    """A stretch of a caption with the acts that are told in it.

    Attributes:
        kind: main, first, after, before, when, while, or beside (a relative clause, a reason).
        begin, end: its first and last word.
        fronted: whether it stands in front of what it is said of.
        sentence: number of its sentence.
        goes_on: whether "and" joins it to a clause of its kind.
        over: whether it tells what has been done already.
        named: the first noun in it; set, as its units are, by whoever puts the acts in.
    """

    kind: str
    begin: int
    fronted: bool
    sentence: int
    goes_on: bool = False
    named: Unit | None = None
    over: bool = False
    units: list[Unit] = field(default_factory=list)
    end: int = 0

    def verbless(self, letters: str, end: int) -> bool:
        """Whether what a word of order opens is told by a noun alone."""
        said = letters[self.begin : end]
        return self.kind in ("after", "before") and "V" not in said and "A" not in said
