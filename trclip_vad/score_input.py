"""What is to be scored: timed captions, videos, or both of the same videos, as one whole video after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewrite.captions import read_captions
from rewrite.errors import CorpusError, InputError, ModelError, SettingError
from rewrite.records import Caption
from rewrite.settings import revive
from trclip_vad import checkpoint
from trclip_vad.batch import Batch
from trclip_vad.clip import IMAGE_ENCODERS
from trclip_vad.config import Config
from trclip_vad.encoders import ENCODERS
from trclip_vad.grid import grid, span, spread
from trclip_vad.video import ENDINGS, Film

if TYPE_CHECKING:
    import numpy as np

LONGEST = 1_000_000  # snippets, six days at 30 frames a second: beyond that a time is a mistake


@dataclass(frozen=True)
class Whole:
    """One video, ready for a detector.

    Attributes:
        name, fps: of the video.
        batch: B = 1, every snippet.
    """

    name: str
    fps: float
    batch: Batch


@dataclass(frozen=True)
class Inputs:
    """The videos of a caption file, or of a folder of video files.

    Attributes:
        encoder, image_encoder: None where the run has no use for one.
        said: video -> its captions.
        films: video -> its file; empty for a run of captions alone.
        fps: of videos that are known by their captions alone.
        widths: E and D of the run, 0 where it is given none.
    """

    encoder: Any
    image_encoder: Any
    said: dict[str, list[Caption]]
    films: dict[str, Path]
    fps: float
    widths: tuple[int, int]

    def __len__(self) -> int:
        return len(self.films or self.said)

    def __iter__(self) -> Iterator[Whole]:
        """
        Raises:
            InputError: a video cannot be read, or a caption has no place in time.
        """
        import torch

        for name in self.films or self.said:
            visual, fps, length = None, self.fps, 0
            if self.films:
                film = Film(self.films[name])
                visual = torch.from_numpy(self.image_encoder.encode_crops(iter(film), (0,))[0])[None]
                fps, length = film.fps or self.fps, visual.shape[1]
            text = covered = None
            if self.widths[0]:
                rows, found = self._told(name, fps, length)
                text, covered = torch.from_numpy(rows)[None], torch.from_numpy(found)[None]
                length = text.shape[1]
            mask = torch.ones(1, length, dtype=torch.bool)
            yield Whole(name, fps, Batch(text, covered, mask, torch.zeros(1, 1), visual, (name,)))

    def _told(self, name: str, fps: float, length: int) -> tuple[np.ndarray, np.ndarray]:
        """((T, E), (T,) covered); without a length the video ends with its last caption."""
        import numpy as np

        captions = self.said.get(name, [])
        if not captions:
            return np.zeros((length, self.widths[0]), np.float32), np.zeros(length, bool)
        length = length or _length(captions, fps)
        spans = [span(c, fps, length, f"video {name}") or (0, 0) for c in captions]
        return spread(grid(spans, length), self.encoder.encode([c.text for c in captions]))


def read_inputs(
    run: Path,
    trained: dict[str, Any],
    source: Path,
    captions: Path | None,
    encoder: str | None,
    image_encoder: str | None,
    fps: float,
) -> Inputs:
    """What a run can score of `source`: a caption file for a run of captions alone, else a video or a folder of them.

    Args:
        captions: of these videos, by the files' stems, for a run that was trained with both.
        encoder, image_encoder: where they lie now; None: where they were when the run was trained.

    Raises:
        InputError: nothing to score, a caption that names no video, or captions of none of the videos.
        ModelError: an encoder is missing, or is not the one the run was trained with.
        SettingError: captions that the run cannot read, or none where it was never trained without.
        CorpusError: the run was made with an encoder that is unknown here.
    """
    widths = trained["text_width"], trained["visual_width"]
    films = _films(source) if widths[1] else {}
    told = captions if widths[1] else source
    if widths[1] and captions is not None and not widths[0]:
        raise SettingError("--captions", "are of no use to a run that sees frames alone", "Leave them out.")
    if not widths[1] and captions is not None:
        raise SettingError("--captions", "are what INPUT is, for a run of captions alone", "Give them as INPUT.")
    said = _by_video(told) if told is not None else {}
    if films and said and not set(said) & set(films):
        names = f"{next(iter(said))!r} and {next(iter(films))!r}"
        raise InputError(
            told or source, f"names none of the videos (say, {names})", "Call them as the files are called."
        )
    if films and widths[0]:
        _refuse_untold(trained, films, said)
    return Inputs(
        _proven(run, trained["encoder"], ENCODERS, "encoder", encoder) if said else None,
        _proven(run, trained["image_encoder"], IMAGE_ENCODERS, "image-encoder", image_encoder) if films else None,
        said,
        films,
        fps,
        widths,
    )


def _refuse_untold(trained: dict[str, Any], films: dict[str, Path], said: dict[str, list[Caption]]) -> None:
    config = revive(Config, trained["asked"]["config"], "config")
    learned = config.text.dropout or config.losses.distillation or trained.get("uncaptioned")
    untold = [name for name in films if name not in said]
    if untold and not learned:
        what = f"has no captions, and the run never learned to do without ({len(untold)} such videos)"
        todo = "Give them by --captions, or train with losses.distillation=1."
        raise SettingError(f"video {untold[0]}", what, todo)


def _films(source: Path) -> dict[str, Path]:
    if source.is_file():
        return {source.stem: source}
    found: dict[str, Path] = {}
    for path in sorted(source.rglob("*")) if source.is_dir() else []:
        if path.suffix.lower() in ENDINGS and path.is_file():
            if path.stem in found:
                raise InputError(path, f"has the name of {found[path.stem]}", "Score them one by one.")
            found[path.stem] = path
    if not found:
        raise InputError(source, "holds no video", f"Give a video or a folder of them ({', '.join(ENDINGS)}).")
    return found


def _by_video(source: Path) -> dict[str, list[Caption]]:
    videos: dict[str, list[Caption]] = {}
    for caption in read_captions(source):
        if caption.video is None:
            raise InputError(source, f"caption {caption.id!r} names no video", "Give each caption its video.")
        videos.setdefault(caption.video, []).append(caption)
    return videos


def _length(captions: list[Caption], fps: float) -> int:
    """T: up to the end of the last caption; nothing is known of the video behind it."""
    ends = [place[1] for c in captions if (place := span(c, fps, LONGEST, f"video {c.video}"))]
    if len(ends) < len(captions) or max(ends) == LONGEST:
        raise InputError(f"video {captions[0].video}", "a caption lies days behind its start", "Are its times seconds?")
    return max(ends)


def _proven(run: Path, identity: dict[str, Any] | None, board: dict[str, Any], option: str, model: str | None) -> Any:
    """The encoder the run was trained with, proven by its digest."""
    if identity is None:
        what = f"was imported without its {option}"
        raise CorpusError(run, what, "Import it with --encoder (captions) and a whole CLIP by --clip (frames).")
    name = identity["encoder"]
    if name not in board:
        raise CorpusError(run, f"was trained with the encoder {name!r}, unknown here", "Use the version that made it.")
    place = model or checkpoint.read_places(run).get(option.replace("-", "_"))
    if place is None:
        raise ModelError(run, f"does not say where its {option} lies", f"Give it by --{option}.")
    found = board[name](model=place)
    if found.identity() != identity:
        raise ModelError(place, f"is not the {option} this run was trained with", f"Give that one by --{option}.")
    return found
