"""Video files: the middle frame of every 16-frame snippet, in one decoding pass, and the file of each video by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rewrite.errors import InputError
from rewrite.manifest import digest_file
from trclip_vad.batch import STRIDE

if TYPE_CHECKING:
    import numpy as np

ENDINGS = (".mp4", ".avi", ".mkv", ".webm", ".mov")
_SHOWN = 8  # names in one line of an error


class Film:
    """Iterates over the middle frames of a file, one (H, W, 3) uint8 array per snippet; one frame is held at a time.

    The middle of snippet t is frame 16 t + 8, or the last frame where the film ends before it. Iterated anew, the
    file is decoded anew.

    Attributes:
        path: the file.
        frames: how many were decoded, known when an iteration has ended; 0 before.
        fps: frames per second as the file says; 0 before the first iteration, and where it does not say.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.frames = 0
        self.fps = 0.0

    def __iter__(self) -> Iterator[np.ndarray]:
        """
        Raises:
            InputError: there is no such file, or it is no video that can be decoded to its end.
        """
        import av

        todo = "Is the file whole? Fetch or encode it again."
        if not self.path.is_file():
            raise InputError(self.path, "there is no such video", "Check the folder of videos.")
        number, last, middle = -1, None, STRIDE // 2
        try:
            with av.open(str(self.path.resolve())) as container:  # a bare name with a colon would be a protocol
                if not container.streams.video:
                    raise InputError(self.path, "holds no video stream", todo)
                stream = container.streams.video[0]
                stream.thread_type = "AUTO"
                self.fps = float(stream.average_rate or 0)
                for number, last in enumerate(container.decode(stream)):
                    if number % STRIDE == middle:
                        yield last.to_ndarray(format="rgb24")
                if last is not None and number % STRIDE < middle:
                    yield last.to_ndarray(format="rgb24")
        except (OSError, av.FFmpegError) as error:
            why = getattr(error, "strerror", None) or str(error)
            what = f"cannot be decoded past frame {number}" if last is not None else "cannot be read as a video"
            raise InputError(self.path, f"{what} ({why})", todo) from None
        if last is None:
            raise InputError(self.path, "holds no frame", todo)
        self.frames = number + 1


def find_films(folder: Path, names: Sequence[str]) -> dict[str, Path]:
    """Video name -> its file, anywhere below the folder: `<name>.mp4`, .avi, .mkv, .webm or .mov, the name exact.

    Files of one name must be of equal bytes (some data sets ship a video twice); the first by path is taken.

    Raises:
        InputError: no such folder; videos without a file, all in one line; a name with two different files.
    """
    if not folder.is_dir():
        raise InputError(folder, "there is no such folder of videos", "Give it with --videos.")
    wanted, found = set(names), {}  # type: set[str], dict[str, list[Path]]
    for path in sorted(folder.rglob("*")):
        if path.stem in wanted and path.suffix.lower() in ENDINGS and path.is_file():
            found.setdefault(path.stem, []).append(path)
    missing = [name for name in names if name not in found]
    if missing:
        shown = ", ".join(missing[:_SHOWN]) + (f" and {len(missing) - _SHOWN} more" * (len(missing) > _SHOWN))
        todo = f"Put them there ({', '.join(ENDINGS)}), or give another folder with --videos."
        raise InputError(folder, f"lacks {len(missing)} of {len(names)} videos: {shown}", todo)
    for name, paths in found.items():
        if len(paths) > 1 and len({digest_file(path) for path in paths}) > 1:
            raise InputError(paths[1], f"is another video of the name {name} than {paths[0]}", "Remove one.")
    return {name: found[name][0] for name in names}
