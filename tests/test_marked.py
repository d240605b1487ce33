"""What a marked caption says of the snippets around it, in benchmarks/ucf_marked.py."""

from __future__ import annotations

import numpy as np
import pytest
import ucf_marked


def told_by(captions: list[tuple[int, int, bool]], length: int = 12) -> np.ndarray:
    told = np.zeros(length, bool)
    for first, end, _ in captions:
        told[first:end] = True
    return told


@pytest.mark.parametrize(
    ("captions", "inside"),
    [
        ([(2, 4, True), (6, 8, True)], "001111110000"),
        ([(2, 4, True), (4, 6, False), (8, 9, True)], "001100001000"),
        ([(2, 6, True), (3, 4, False), (8, 9, True)], "001111111000"),
        ([(2, 4, True), (3, 7, False), (9, 10, True)], "001100011100"),
        ([(1, 7, False), (2, 4, True), (9, 10, True)], "001100011100"),
        ([(3, 5, False)], "000000000000"),
    ],
    ids=["silence between", "cut by another", "another within", "another beyond", "another before", "nothing marked"],
)
def test_silence_from_one_marked_caption_to_the_next_is_inside_and_what_another_caption_tells_is_not(
    captions: list[tuple[int, int, bool]], inside: str
) -> None:
    found = ucf_marked.inside(captions, told_by(captions))
    assert "".join(map(str, found.astype(int))) == inside


def test_silence_joins_its_nearest_caption_and_of_two_as_near_the_earlier() -> None:
    values, told = np.arange(10), told_by([(2, 4, True), (7, 8, True)], 10)
    assert ucf_marked.nearest(values, told).tolist() == [2, 2, 2, 3, 3, 3, 7, 7, 7, 7]
    assert ucf_marked.nearest(values, told_by([(4, 5, True)], 10)).tolist() == [4] * 10
    assert ucf_marked.nearest(values, told_by([], 10)).tolist() == values.tolist()


def test_a_video_of_hours_needs_no_table_of_its_snippets_by_its_captions() -> None:
    told = np.ones(300_000, bool)
    told[::3] = False
    assert ucf_marked.nearest(told, told).all()
