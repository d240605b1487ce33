"""Draws a story as video: one street, flat shapes, no sound. Equal stories give equal bytes.

The pictures are a stand-in, not a simulation: enough motion that an encoder sees people meet, jerk, run, burn.
A motion is a table row, a few parts that move from one place to another while its beat lasts; a part is painted
by the painter of its kind.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import pi, sin
from typing import TYPE_CHECKING, Any

from trclip_vad.batch import STRIDE
from trclip_vad.datasets.street_grammar import Moment

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZE = (160, 120)  # pixels, width and height
FPS = 10  # a snippet lasts 1.6 s
BIT_RATE = 120_000  # bits per second; flat shapes need no more
WALK, LANE, FAR = 78, 100, 116  # where feet and wheels stand: pavement, road, the pavement on our side
SHOP, STOP, WALL, BINS = 62, 118, 22, 92  # where the shop door, bus stop, mural wall and bins are
PAINT = {
    "a": (50, 90, 190),
    "b": (200, 40, 40),
    "c": (120, 120, 125),
    "d": (40, 140, 70),
    "e": (25, 25, 30),
    "f": (125, 85, 50),
    "r": (190, 30, 35),
    "s": (185, 190, 195),
    "v": (240, 240, 240),
    "-": (150, 130, 170),  # somebody the caption does not colour
}


@dataclass(frozen=True, slots=True)
class Part:
    """Something that moves during a beat.

    Attributes:
        kind: its painter.
        start, end: x at the beginning and end of the beat, pixels.
        y: where it stands.
        who: its place in the cast, which gives its colour; -1 for one outside the cast.
        jerk: how far it shakes to and fro, pixels.
    """

    kind: str
    start: float
    end: float
    y: int = WALK
    who: int = -1
    jerk: float = 0.0


def _man(start: float, end: float, who: int = -1, y: int = WALK, jerk: float = 0.0, kind: str = "person") -> Part:
    return Part(kind, start, end, y, who, jerk)


def _car(start: float, end: float, who: int = -1, jerk: float = 0.0) -> Part:
    return Part("car", start, end, LANE, who, jerk)


MOTIONS: dict[str, tuple[Part, ...]] = {
    # everyday life
    "dog": (_man(20, 110, 0), Part("dog", 34, 124)),
    "wait": (_man(STOP, STOP, 0), _man(STOP + 12, STOP + 12)),
    "bus": (Part("bus", 200, STOP - 10, LANE), _man(STOP, STOP + 4, 0), _man(STOP - 10, STOP, 1)),
    "parcel": (_car(30, 30, 1), _man(34, SHOP, 0), Part("box", 40, SHOP + 6, WALK - 8)),
    "sweep": (_man(SHOP + 8, SHOP + 20, 0, jerk=2), Part("stick", SHOP + 14, SHOP + 26, jerk=3)),
    "jog": (_man(-6, 170, 0),),
    "cycle": (Part("bike", 168, -8, LANE, 0), _man(70, 70, 1)),
    "park": (_car(-30, 70, 1), _man(70, 78, 0)),
    "pram": (_man(140, 60, 0), Part("pram", 128, 48)),
    "shop": (_man(SHOP - 18, SHOP - 14, 0), _man(SHOP - 8, SHOP - 4, 1)),
    "talk": (_man(84, 84, 0), _man(96, 96, 1)),
    "drive": (_car(-30, 150, 0), _car(-75, 105, 1)),
    # harmless, though it looks otherwise
    "hug": (_man(50, 87, 0), _man(104, 91, 1)),
    "run": (Part("bus", STOP, STOP + 30, LANE), _man(10, STOP - 24, 0, jerk=1)),
    "wrestle": (_man(78, 84, 0, FAR, 5), _man(96, 90, 1, FAR, 5)),
    "boot": (_car(90, 90, 1), _man(68, 70, 0, LANE, 3)),
    "mural": (_man(WALL, WALL + 14, 0), Part("paint", WALL - 8, WALL + 12, WALK - 16), _man(44, 44)),
    "grill": (Part("bin", 90, 90, FAR), Part("smoke", 90, 90, FAR - 8), _man(80, 80, 0, FAR), _man(104, 104, 1, FAR)),
    "tow": (_car(30, 90, 0), Part("bus", 74, 134, LANE), _man(20, 80, 1)),
    "ladder": (Part("stick", SHOP, SHOP), _man(SHOP, SHOP, 0, 60), _man(SHOP + 10, SHOP + 10, 1)),
    "movers": (_car(100, 100, 1), _man(SHOP, 88, 0), Part("box", SHOP + 7, 95, WALK - 8)),
    "mend": (_man(SHOP - 16, SHOP - 14, 0, jerk=2), Part("shards", SHOP - 8, SHOP - 8), _man(SHOP, SHOP)),
    "loiter": (_man(SHOP + 4, SHOP + 16, 0, jerk=3),),
    # before it, it, after it
    "argue": (_man(84, 88, 0, jerk=2), _man(102, 98, 1, jerk=2)),
    "fight": (_man(84, 86, 0, jerk=6), _man(96, 94, 1, jerk=-6)),
    "lie": (_man(90, 90, 1, WALK + 2, kind="lying"), _man(108, 130, 0)),
    "follow": (_man(20, 70, 0), _man(40, 92, 1)),
    "snatch": (_man(82, 60, 0, jerk=5), _man(92, 88, 1, jerk=3), Part("box", 88, 66, WALK - 8)),
    "alone": (_man(92, 92, 1, jerk=1),),
    "smash": (_man(STOP - 8, STOP - 6, 0, jerk=6), Part("stick", STOP, STOP, jerk=6), Part("shards", STOP, STOP + 6)),
    "glass": (Part("shards", STOP, STOP), Part("shards", STOP + 8, STOP + 8)),
    "speed": (_car(-60, 170, 0, 6),),
    "crash": (_car(30, 84, 0, 3), Part("lying", 92, 108, LANE, 1, 4), Part("shards", 98, 104, LANE)),
    "hurt": (_car(84, 84, 0), Part("lying", 108, 108, LANE, 1), _man(118, 112), _man(134, 122)),
    "can": (_man(40, BINS - 8, 0), Part("can", 46, BINS - 2)),
    "burn": (Part("bin", BINS, BINS), Part("flames", BINS, BINS), Part("smoke", BINS, BINS, 58), _man(84, 20, 0)),
    "ashes": (Part("bin", BINS, BINS), Part("smoke", BINS, BINS, WALK - 6), _man(112, 112), _man(122, 122)),
    "break_in": (_man(SHOP + 8, SHOP, 0, jerk=4), Part("shards", SHOP - 6, SHOP - 6), Part("hole", SHOP, SHOP)),
    "open_door": (Part("hole", SHOP, SHOP), Part("lamp", SHOP, SHOP, 40)),
}


def encode(story: Sequence[Moment], frames: int, seed: str) -> bytes:
    """An mp4 of a story's first `frames` frames; the seed draws the light, the houses and the passers-by."""
    import av

    file = io.BytesIO()
    # One thread and the bitexact flags: no time, no library version, no race enters the bytes.
    with av.open(file, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("mpeg4", rate=FPS, options={"flags": "+bitexact"})
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = BIT_RATE
        stream.codec_context.thread_count = 1
        for pixels in draw(story, frames, seed):
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return file.getvalue()


def draw(story: Sequence[Moment], frames: int, seed: str) -> Iterator[NDArray[Any]]:
    """The frames of a story as (height, width, 3) arrays of bytes."""
    import numpy as np
    from PIL import ImageDraw

    rng = random.Random(seed)
    street = _street(rng)
    passer_by = rng.choice((0.4, -0.5, 0.7)), rng.randrange(400), rng.choice("abcdf")
    for frame in range(frames):
        moment = story[frame // STRIDE]
        done = moment.begin + (moment.end - moment.begin) * (frame % STRIDE) / STRIDE
        picture = street.copy()
        pen = ImageDraw.Draw(picture)
        for part in MOTIONS[moment.motion]:
            x = part.start + (part.end - part.start) * done + part.jerk * sin(2 * pi * frame / 5)
            ink = PAINT[moment.cast[part.who] if 0 <= part.who < len(moment.cast) else "-"]
            moves = part.start != part.end or part.jerk != 0
            PAINTERS[part.kind](pen, x, part.y, ink, frame if moves else 0)
        speed, offset, letter = passer_by
        _person(pen, (offset + speed * frame) % 400 - 20, FAR, PAINT[letter], frame)
        yield np.asarray(picture)


def _street(rng: random.Random) -> Any:
    from PIL import Image, ImageDraw

    light = rng.uniform(0.75, 1.0)
    brick, sky, road = (tuple(int(c * light) for c in ink) for ink in ((165, 120, 100), (170, 195, 220), (85, 85, 90)))
    picture = Image.new("RGB", SIZE, sky)
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 14, 160, 70), fill=brick)
    pen.rectangle((4, 36, 38, 66), fill=(215, 215, 205))  # the mural wall
    pen.rectangle((42, 40, 76, 70), fill=(70, 60, 55))  # the shop: sign, window, door
    pen.rectangle((42, 34, 76, 40), fill=rng.choice(((40, 90, 60), (60, 60, 120), (150, 60, 40))))
    pen.rectangle((44, 44, 57, 62), fill=(160, 200, 215))
    pen.rectangle((60, 46, 68, 70), fill=(110, 80, 60))
    for x in range(82, 160, 18):
        pen.rectangle((x, 20, x + 8, 32), fill=(150, 185, 205))
    pen.rectangle((0, 70, 160, 82), fill=(175, 172, 165))
    pen.rectangle((0, 82, 160, 108), fill=road)
    pen.rectangle((0, 108, 160, 120), fill=(165, 162, 155))
    for x in range(4, 160, 24):
        pen.line((x, 95, x + 12, 95), fill=(220, 220, 200))
    pen.rectangle((108, 50, 134, 52), fill=(60, 80, 110))  # the bus stop
    pen.line((109, 52, 109, 78), fill=(60, 80, 110))
    pen.line((133, 52, 133, 78), fill=(60, 80, 110))
    return picture


Ink = tuple[int, int, int]


def _person(pen: Any, x: float, y: float, ink: Ink, frame: int) -> None:
    stride = 3 * sin(frame * 1.3)
    pen.line((x, y - 8, x - stride, y), fill=(35, 35, 45), width=2)
    pen.line((x, y - 8, x + stride, y), fill=(35, 35, 45), width=2)
    pen.rectangle((x - 3, y - 18, x + 3, y - 8), fill=ink)
    pen.line((x, y - 16, x + 6 - stride, y - 11), fill=ink, width=2)
    pen.ellipse((x - 3, y - 24, x + 3, y - 18), fill=(225, 180, 150))


def _lying(pen: Any, x: float, y: float, ink: Ink, frame: int) -> None:
    pen.rectangle((x - 5, y - 5, x + 5, y), fill=ink)
    pen.line((x + 5, y - 2, x + 13, y - 1), fill=(35, 35, 45), width=3)
    pen.ellipse((x - 11, y - 6, x - 5, y), fill=(225, 180, 150))


def _vehicle(length: int, height: int) -> Callable[..., None]:
    def paint(pen: Any, x: float, y: float, ink: Ink, frame: int) -> None:
        pen.rectangle((x - length, y - height, x + length, y - 3), fill=ink)
        pen.rectangle((x - length + 6, y - height - 7, x + length - 6, y - height), fill=ink)
        pen.rectangle((x - length + 8, y - height - 5, x + length - 8, y - height), fill=(150, 190, 205))
        for wheel in (x - length + 6, x + length - 6):
            pen.ellipse((wheel - 3, y - 5, wheel + 3, y + 1), fill=(20, 20, 20))

    return paint


def _bike(pen: Any, x: float, y: float, ink: Ink, frame: int) -> None:
    for wheel in (x - 6, x + 6):
        pen.ellipse((wheel - 4, y - 7, wheel + 4, y + 1), outline=(20, 20, 20))
    _person(pen, x, y - 4, ink, frame)


def _scatter(inks: tuple[Ink, ...], count: int, spread: int, rise: int) -> Callable[..., None]:
    """Flames, smoke, shards, paint: blots that dance by an arithmetic of the frame, not by chance."""

    def paint(pen: Any, x: float, y: float, ink: Ink, frame: int) -> None:
        for i in range(count):
            left = x + (i * 37 + frame * 11) % (2 * spread) - spread
            top = y - (i * 23 + frame * 5) % rise
            pen.ellipse((left - 2, top - 3, left + 2, top + 1), fill=inks[(i + frame) % len(inks)])

    return paint


def _block(width: int, height: int, ink: Ink) -> Callable[..., None]:
    def paint(pen: Any, x: float, y: float, _: Ink, frame: int) -> None:
        pen.rectangle((x - width, y - height, x + width, y), fill=ink)

    return paint


def _lamp(pen: Any, x: float, y: float, ink: Ink, frame: int) -> None:
    pen.ellipse((x - 4, y - 4, x + 4, y + 4), fill=(255, 60, 40))


PAINTERS: dict[str, Callable[..., None]] = {
    "person": _person,
    "lying": _lying,
    "bike": _bike,
    "car": _vehicle(18, 11),
    "bus": _vehicle(28, 20),
    "flames": _scatter(((250, 200, 60), (240, 110, 30), (220, 50, 20)), 26, 10, 26),
    "smoke": _scatter(((70, 70, 72), (95, 95, 98), (120, 120, 122)), 18, 12, 34),
    "shards": _scatter(((200, 235, 245), (235, 250, 255)), 10, 9, 8),
    "paint": _scatter(((240, 200, 40), (230, 80, 150), (60, 170, 220)), 12, 9, 14),
    "dog": _block(4, 5, (110, 75, 45)),
    "box": _block(4, 7, (175, 135, 85)),
    "pram": _block(5, 8, (50, 60, 90)),
    "stick": _block(1, 22, (80, 80, 85)),
    "bin": _block(6, 11, (60, 75, 65)),
    "can": _block(2, 6, (210, 30, 30)),
    "hole": _block(5, 22, (10, 10, 12)),
    "lamp": _lamp,
}
