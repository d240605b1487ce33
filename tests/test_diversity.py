"""Measures of diversity against values worked out by hand, or known from their papers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rewrite.metrics.diversity import bleu, distinct, mean_cosine, self_bleu, vendi, words


def test_words_are_lower_case_and_without_marks() -> None:
    assert words("A man's DOG, runs!") == ["a", "man", "s", "dog", "runs"]


def test_distinct_counts_different_n_grams_over_all_of_them() -> None:
    texts = ["a man runs", "a man walks"]
    assert distinct(texts, 1) == pytest.approx(4 / 6)
    assert distinct(texts, 2) == pytest.approx(3 / 4)


def test_distinct_of_nothing_is_nothing() -> None:
    assert distinct([], 1) == 0
    assert distinct(["one"], 2) == 0


def test_bleu_of_a_copy_is_one_and_of_strange_words_zero() -> None:
    assert bleu("A man runs over the street.", ["a man runs over the street"]) == pytest.approx(1)
    assert bleu("Two cats sleep.", ["a man runs over the street"]) == 0


def test_bleu_is_the_smoothed_equation() -> None:
    # 3 of 4 words, then (1+1)/(3+1), (0+1)/(2+1), (0+1)/(1+1); equal lengths, no penalty.
    expected = (3 / 4 * 2 / 4 * 1 / 3 * 1 / 2) ** 0.25
    assert bleu("a man runs fast", ["a man walks fast"]) == pytest.approx(expected)


def test_bleu_of_a_short_text_pays_for_its_brevity() -> None:
    assert bleu("a man runs", ["a man runs over the street"]) == pytest.approx(math.exp(1 - 6 / 3))


def test_bleu_clips_a_word_that_is_said_too_often() -> None:
    # "the" stands twice in the reference: 2 of 7, the example of Papineni et al.; no longer n-gram is shared.
    expected = (2 / 7 * 1 / 7 * 1 / 6 * 1 / 5) ** 0.25
    assert bleu("the the the the the the the", ["the cat is on the mat"]) == pytest.approx(expected)


def test_bleu_gives_what_sacrebleu_gives() -> None:
    """Values of sacrebleu 2.6.0: smooth_method="add-k", smooth_value=1, tokenize="none"."""
    assert bleu("c h b b", ["h b e e b f d e h", "g f"]) == pytest.approx(0.5)
    assert bleu("h b c", ["a h g h a b h", "c a a c f b f d g h b a h"]) == pytest.approx(0.20029051217596)
    assert bleu("e e c d b g g", ["e e h f c c b b g g h c e", "h g d h h f", "a h e c h a d a"]) == pytest.approx(
        0.46713797772820
    )


def test_bleu_without_words_is_zero() -> None:
    assert bleu("", ["a man"]) == bleu("a man", [""]) == bleu("...", ["a man"]) == 0


def test_self_bleu_of_copies_is_one_and_of_one_text_zero() -> None:
    assert self_bleu(["a man runs over there"] * 3) == pytest.approx(1)
    assert self_bleu(["a man runs"]) == self_bleu([]) == 0


def test_mean_cosine_is_over_pairs_of_different_texts() -> None:
    turned = np.array([[1, 0], [1, 0], [0, 1]], np.float32)  # cosines 1, 0, 0
    assert mean_cosine(turned) == pytest.approx(1 / 3)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_the_vendi_score_of_orthogonal_vectors_is_their_number(n: int) -> None:
    assert vendi(np.eye(n, dtype=np.float32)) == pytest.approx(n)


def test_the_vendi_score_of_copies_is_one() -> None:
    assert vendi(np.array([[0.6, 0.8]] * 4, np.float32)) == pytest.approx(1, abs=1e-5)


def test_the_vendi_score_of_two_vectors_follows_their_cosine() -> None:
    # K/2 has the eigenvalues (1 + c) / 2 and (1 - c) / 2.
    c = 0.6
    high, low = (1 + c) / 2, (1 - c) / 2
    expected = math.exp(-high * math.log(high) - low * math.log(low))
    assert vendi(np.array([[1, 0], [c, 0.8]], np.float32)) == pytest.approx(expected, abs=1e-6)


def test_the_vendi_score_knows_no_order_and_of_nothing_is_zero() -> None:
    found = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    assert vendi(found) == pytest.approx(vendi(found[::-1]), abs=1e-5)
    assert vendi(np.zeros((0, 8), np.float32)) == 0
