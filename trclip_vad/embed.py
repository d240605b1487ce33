"""From captions to a sealed text bank: every unique text is encoded once, part by part, so that a kill loses little.

What the folder holds is told in text_bank.py, which opens it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewrite import manifest
from rewrite.corpus import open_corpus
from rewrite.errors import CorpusError, InputError
from rewrite.lock import one_writer
from rewrite.reporter import Reporter, Silent
from trclip_vad.batch import STRIDE, Video
from trclip_vad.checkpoint import PLACES
from trclip_vad.datasets import Dataset
from trclip_vad.encoders import Encoder
from trclip_vad.grid import span
from trclip_vad.halves import SPLITS, about, npy, place

if TYPE_CHECKING:
    import numpy as np

_PARTS = ".parts"
_PART = 512  # texts per part file: the work a kill can lose


def embed(
    dataset: Dataset,
    corpora: Sequence[Path],
    encoder: Encoder,
    out: Path,
    reporter: Reporter = Silent(),
) -> dict[str, Any]:
    """Embeds the captions of every video, and their rewrites, into a sealed bank; stopped, it goes on.

    Args:
        corpora: sealed corpora; each gives one version per template and variant.

    Returns:
        The manifest.

    Raises:
        InputError: the data set is broken, or a caption has no place in its video.
        ModelError: the encoder is missing.
        CorpusError: a corpus was edited, or `out` holds another bank.
        StorageError: the disk refused; finished parts are kept.
    """
    rewrites = _versions(corpora)
    videos = {split: dataset.videos(split) for split in SPLITS}
    asked = {
        "dataset": dataset.name,
        "videos": {split: manifest.digest([_row(v) for v in videos[split]]) for split in SPLITS},
        "versions": [version for version, _ in rewrites],
        "encoder": encoder.identity(),
        "stride": STRIDE,
    }
    with one_writer(out):
        if manifest.is_sealed(out):
            return _already(out, asked, reporter)
        _begin(out, asked)
        counted = {split: _write_split(out, split, videos[split], rewrites, encoder, reporter) for split in SPLITS}
        truth = [{"video": v.name, "frames": v.frames, "anomalous": v.anomalous or ()} for v in videos["test"]]
        manifest.write_atomic(out / "test_truth.jsonl", manifest.jsonl_chunks(truth))
        manifest.write_atomic(out / PLACES, manifest.json_bytes({"encoder": place(encoder.model)}))
        body = {
            "asked": asked,
            "labels": list(dataset.labels().names),
            "splits": counted,
            "environment": manifest.environment(),
        }
        files = [f"{split}_{name}" for split in SPLITS for name in ("vectors.npy", "videos.jsonl")]
        sealed = manifest.seal(out, "bank", body, [*files, "test_truth.jsonl"])
        shutil.rmtree(out / _PARTS, ignore_errors=True)
    texts = sum(split["texts"] for split in counted.values())
    reporter.say(f"{texts} unique texts in {len(rewrites)} versions, bank {sealed['bank_id'][:16]} in {out}.")
    return sealed


def _encode(texts: Iterable[str], encoder: Encoder, parts: Path, label: str, reporter: Reporter) -> np.ndarray:
    """(n, E) float32 in the order of `texts`, kept in part files on the way. Texts of one length go together."""
    import numpy as np

    order = sorted(set(texts), key=lambda t: (len(t), t))
    found: list[np.ndarray] = []
    with reporter.step(f"embed {label}", len(order), "texts") as step:
        for number, begin in enumerate(range(0, len(order), _PART)):
            path, some = parts / f"{label}-{number:05d}.npy", order[begin : begin + _PART]
            if not path.is_file():
                manifest.write_atomic(path, npy(encoder.encode(some)))
            found.append(np.load(path, allow_pickle=False))
            step.advance(len(some))
    row = {text: index for index, text in enumerate(order)}
    vectors = np.concatenate(found) if found else np.zeros((0, 1), np.float32)
    return vectors[[row[text] for text in texts]]


def _versions(corpora: Sequence[Path]) -> list[tuple[dict[str, Any], Mapping[str, str]]]:
    """(what it is, source_id -> text) per version; the first is the source, which rewrites nothing."""
    found: list[tuple[dict[str, Any], Mapping[str, str]]] = [({"name": "source"}, {})]
    for folder in corpora:
        corpus = open_corpus(folder)
        for (template, variant), texts in corpus.versions().items():
            place = {"name": f"{template}/{variant}", "corpus_id": corpus.id, "template": template, "variant": variant}
            found.append((place, texts))
    return found


def _write_split(
    out: Path,
    split: str,
    videos: Sequence[Video],
    rewrites: Sequence[tuple[dict[str, Any], Mapping[str, str]]],
    encoder: Encoder,
    reporter: Reporter,
) -> dict[str, Any]:
    """Writes the two files of a split and counts what they hold."""
    row_of: dict[str, int] = {}
    rows, outside, captions, fallback, covered = [], 0, 0, [0] * len(rewrites), 0
    for video in videos:
        placed = [(c, span(c, video.fps, video.snippets, f"video {video.name}")) for c in video.captions]
        said = [(c, where) for c, where in placed if where is not None]
        outside += len(placed) - len(said)
        captions += len(said)
        covered += len({t for _, (first, end) in said for t in range(first, end)})
        texts = []
        for version, (_, rewritten) in enumerate(rewrites):
            fallback[version] += sum(c.source_id not in rewritten for c, _ in said)
            texts.append([row_of.setdefault(rewritten.get(c.source_id, c.text), len(row_of)) for c, _ in said])
        spans = [where for _, where in said]
        rows.append({**about(video), "spans": spans, "texts": texts})
    if not captions:
        raise InputError(f"split {split!r}", "none of its videos has a caption", "Give the data set captions.")
    vectors = _encode(list(row_of), encoder, out / _PARTS, split, reporter)
    manifest.write_atomic(out / f"{split}_vectors.npy", npy(vectors))
    manifest.write_atomic(out / f"{split}_videos.jsonl", manifest.jsonl_chunks(rows))
    return {
        "videos": len(videos),
        "captions": captions,
        "captions_outside": outside,
        "texts": len(row_of),
        "covered": round(covered / sum(v.snippets for v in videos), 4),
        "fallback": [0.0, *(round(count / captions, 4) for count in fallback[1:])],
    }


def _row(video: Video) -> dict[str, Any]:
    """All that a bank takes from a video, for the digest of what was asked."""
    return {**about(video), "captions": [c.row() for c in video.captions], "anomalous": video.anomalous}


def _begin(out: Path, asked: dict[str, Any]) -> None:
    """Goes on with the parts of the same question; refuses those of another."""
    parts = out / _PARTS
    with manifest.storage(parts):
        parts.mkdir(exist_ok=True)
    question = parts / "asked"
    if not question.is_file():
        manifest.write_atomic(question, manifest.digest(asked))
    elif question.read_text() != manifest.digest(asked):
        raise CorpusError(out, "holds unfinished work that was asked differently", "Choose another --out.")


def _already(out: Path, asked: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    found = manifest.verify(out, "bank")
    if found["asked"] != asked:
        changed = ", ".join(sorted(k for k in asked if found["asked"].get(k) != asked[k]))
        raise CorpusError(out, f"holds a bank that was asked differently ({changed})", "Choose another --out.")
    reporter.say(f"{out} is already embedded: nothing to do.")
    shutil.rmtree(out / _PARTS, ignore_errors=True)
    return found
