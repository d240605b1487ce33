"""Runs the filters, cheap to dear: each sees what the ones before it kept. Every drop keeps its filter and reason."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby
from typing import Any

from rewrite.filters import Filter
from rewrite.reading import forget
from rewrite.records import Candidate, Draft, Rewrite, Verdict, fold
from rewrite.reporter import Reporter

_CHUNK = 1024  # candidates; one chunk's texts are embedded together, and progress moves by it
_MANY = 8  # chunks; fewer are done before other processes have started
_Answer = tuple[Mapping[str, float], str, str, tuple[str, ...]]  # what judging adds to a candidate: a Rewrite's rest
_QUOTES = (('"', '"'), ("'", "'"), ("“", "”"), ("‘", "’"))


def tidy(text: str) -> str:
    """The draft as a caption: white space folded, one pair of enclosing quotes taken off."""
    text = fold(text)
    for left, right in _QUOTES:
        if len(text) > 1 and text.startswith(left) and text.endswith(right):
            inner = text[1:-1]
            return text if left in inner or right in inner else inner.strip()
    return text


def judge(drafts: Iterable[Draft], filters: Mapping[str, Filter], reporter: Reporter) -> list[Rewrite]:
    """A verdict on every draft, sorted by source, template, variant."""
    candidates = [
        Candidate(draft, tidy(draft.text))
        for draft in sorted(drafts, key=lambda d: (d.source_id, d.template, d.variant))
    ]
    for plug in filters.values():
        if note := getattr(plug, "note", str)():
            reporter.say(note)
    judged: list[Rewrite] = []
    whole = any(getattr(plug, "whole", False) for plug in filters.values())
    chunks = [candidates] if whole else list(_chunks(candidates))
    with reporter.step("filter", len(candidates), "drafts") as step:
        for done in _judge_chunks(chunks, filters):
            judged += done
            step.advance(len(done))
    return judged


def _judge_chunks(chunks: list[list[Candidate]], filters: Mapping[str, Filter]) -> Iterator[list[Rewrite]]:
    """Chunk by chunk in order; many are shared by a process per core, for the rules are plain Python.

    A filter with a model of inference stays in this process: it keeps the cores busy by itself.
    """
    heavy = any(getattr(plug, "clears", False) for plug in filters.values())
    if len(chunks) < _MANY:
        found = (_judge_chunk(chunk, filters) for chunk in chunks)
    elif heavy:
        found = (_judge_apart(chunk, filters) for chunk in chunks)
    else:
        from joblib import Parallel, cpu_count, delayed

        work = (delayed(_judge_apart)(chunk, dict(filters)) for chunk in chunks)
        found = Parallel(n_jobs=cpu_count(), return_as="generator", pre_dispatch="2*n_jobs")(work)
    for chunk, answers in zip(chunks, found, strict=True):
        yield [Rewrite(c.draft, c.text, *answer) for c, answer in zip(chunk, answers, strict=True)]


def _judge_apart(chunk: list[Candidate], filters: Mapping[str, Filter]) -> list[_Answer]:
    """One chunk of many: its sources are its own, so what was read of them is of no use to the next one."""
    with _no_collection():
        try:
            return _judge_chunk(chunk, filters)
        finally:
            forget()


@contextmanager
def _no_collection() -> Iterator[None]:
    """No search for cycles meanwhile: readings hold none, and looking for some takes a quarter of the time."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


@_no_collection()
def _judge_chunk(chunk: list[Candidate], filters: Mapping[str, Filter]) -> list[_Answer]:
    chunk = list(chunk)
    dropped: dict[int, tuple[str, str]] = {}
    for place, (name, plug) in enumerate(filters.items()):
        cleared_later = any(getattr(p, "clears", False) for p in list(filters.values())[place + 1 :])
        alive = [i for i in range(len(chunk)) if i not in dropped]
        verdicts: list[Verdict] = plug.judge([chunk[i] for i in alive])
        for i, verdict in zip(alive, verdicts, strict=True):
            c = chunk[i]
            if verdict.scores or verdict.flag:
                flags = (*c.flags, verdict.flag) if verdict.flag else c.flags
                chunk[i] = Candidate(c.draft, c.text, flags, {**c.scores, **verdict.scores})
            if not verdict.keep or (verdict.flag and not cleared_later):
                dropped[i] = name, verdict.reason or verdict.flag
    return [(c.scores, *dropped.get(i, ("", "")), c.flags) for i, c in enumerate(chunk)]


def _chunks(candidates: list[Candidate]) -> Iterator[list[Candidate]]:
    """Whole sources only: a filter may compare the rewrites of one source with each other."""
    chunk: list[Candidate] = []
    for _, group in groupby(candidates, key=lambda c: c.draft.source_id):
        chunk += group
        if len(chunk) >= _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def report(judged: list[Rewrite], filters: Iterable[str]) -> dict[str, Any]:
    """Counts for people and plots: per filter and reason, per template, per source. The body of report.json."""
    reasons: dict[str, Counter[str]] = {name: Counter() for name in filters}
    templates: dict[str, Counter[str]] = {}
    sources: dict[str, int] = {}
    for r in judged:
        templates.setdefault(r.draft.template, Counter())["kept" if r.kept else "dropped"] += 1
        sources[r.draft.source_id] = sources.get(r.draft.source_id, 0) + r.kept
        if not r.kept:
            reasons[r.filter][r.reason] += 1
    stages, alive = [], len(judged)
    for name, counted in reasons.items():
        kept = alive - counted.total()
        stages.append({"filter": name, "seen": alive, "kept": kept, "reasons": dict(sorted(counted.items()))})
        alive = kept
    return {
        "drafts": len(judged),
        "kept": alive,
        "sources": len(sources),
        "sources_without_rewrite": sum(kept == 0 for kept in sources.values()),
        "filters": stages,
        "templates": {
            name: {"drafts": counted.total(), "kept": counted["kept"]} for name, counted in sorted(templates.items())
        },
    }
