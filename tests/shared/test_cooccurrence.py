"""Counts against two slow loops over words; and whatever way the notes are divided, the counts add up exactly."""

import math
import random
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import cooccurrence as module
from shared.cooccurrence import (
    LONGEST_WINDOW,
    Counting,
    all_pairs,
    count_pairs,
    count_unit,
    frequent_pairs,
    triangle,
)
from shared.errors import FixSettings
from shared.tokenize import words
from shared.vocabulary import Vocabulary

WORDS = Vocabulary(("the", "gout", "of", ".", "fever", "12"))
TEXTS = {
    "empty": [],
    "no words": ["", " \n"],
    "one word": ["gout"],
    "a word with itself": ["gout Gout gout"],
    "only words outside": ["asthma asthma asthma"],
    "words outside keep their places": ["gout asthma fever asthma asthma gout"],
    "notes do not touch": ["gout", "fever", "gout fever", "fever"],
    "plain": ["The gout of 12 fevers. The fever of the gout.", "Fever? The 12 of the 12."],
    "long": [" ".join(random.Random(7).choices([*WORDS.words, "asthma"], k=700))],  # noqa: S311
}


def slow_counts(texts: Sequence[str], vocabulary: Vocabulary, window: int) -> dict[tuple[str, str], Fraction]:
    """By unordered pair, in fractions."""
    counts: dict[tuple[str, str], Fraction] = Counter()  # type: ignore[assignment]
    for text in texts:
        said = [text[start:end].lower() for start, end in words(text)]
        for here, one in enumerate(said):
            for there in range(here + 1, min(len(said), here + window + 1)):
                other = said[there]
                if one in vocabulary.rows and other in vocabulary.rows:
                    pair = tuple(sorted((one, other), key=vocabulary.rows.__getitem__))
                    counts[pair[0], pair[1]] += Fraction(1, there - here)
    return counts


def named(counting: Counting, counts: np.ndarray) -> dict[tuple[str, str], Fraction]:
    """Counts as the slow loops give them."""
    spoken = counting.vocabulary.words
    smaller, larger = counting.words_of(counting.pairs)
    return {
        (spoken[one], spoken[other]): Fraction(count, counting.steps)
        for one, other, count in zip(smaller.tolist(), larger.tolist(), counts.tolist(), strict=True)
        if count
    }


def counting(window: int = 5, vocabulary: Vocabulary = WORDS) -> Counting:
    return Counting(vocabulary, window, all_pairs(vocabulary))


@pytest.mark.parametrize("window", [1, 2, 3, 7, 10, 15, 16])
@pytest.mark.parametrize("texts", TEXTS.values(), ids=TEXTS)
def test_counts_are_those_of_two_slow_loops(texts: list[str], window: int) -> None:
    every = counting(window)
    counts = count_pairs(texts, every)
    assert counts.dtype == np.int64
    assert named(every, counts) == slow_counts(texts, WORDS, window)
    unit = count_unit(texts, every)
    dense = np.zeros_like(counts)
    dense[unit.places] = unit.counts
    assert np.array_equal(dense, counts)
    assert (np.diff(unit.places) > 0).all()
    assert (unit.counts > 0).all()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from([*WORDS.words, "x"]), max_size=25).map(" ".join), max_size=12),
    st.integers(1, LONGEST_WINDOW),
    st.integers(1, 5),
    st.randoms(use_true_random=False),
)
def test_any_division_adds_up_bit_for_bit(
    texts: list[str], window: int, shards: int, draw: random.Random
) -> None:
    every = counting(window)
    pooled = count_pairs(texts, every)
    assert named(every, pooled) == slow_counts(texts, WORDS, window)
    owner = [draw.randrange(shards) for _ in texts]
    own = [[text for text, o in zip(texts, owner, strict=True) if o == shard] for shard in range(shards)]
    draw.shuffle(own)
    assert np.array_equal(sum(count_pairs(part, every) for part in own), pooled)


@pytest.mark.parametrize("chunk", [1, 5, 100, 1 << 17])
def test_chunks_change_nothing(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [text for some in TEXTS.values() for text in some]
    every = counting()
    whole, unit = count_pairs(texts, every), count_unit(texts, every)
    monkeypatch.setattr(module, "_CHUNK", chunk)
    monkeypatch.setattr(module, "_MERGE", chunk)
    assert np.array_equal(count_pairs(texts, every), whole)
    again = count_unit(texts, every)
    assert np.array_equal(again.places, unit.places)
    assert np.array_equal(again.counts, unit.counts)


def test_a_list_of_pairs_counts_those_alone() -> None:
    every, texts = counting(), TEXTS["long"]
    whole = count_pairs(texts, every)
    for pairs in ([0], [3, 7, 11], [triangle(6) - 1], list(range(0, 21, 2))):
        some = Counting(WORDS, 5, np.array(pairs))
        assert np.array_equal(count_pairs(texts, some), whole[pairs])
        unit = count_unit(texts, some)
        assert np.array_equal(unit.counts, whole[pairs][unit.places])


def test_the_most_frequent_pairs_are_chosen() -> None:
    every, texts = counting(), TEXTS["long"]
    whole = count_pairs(texts, every)
    for most in (1, 4, 20):
        pairs = frequent_pairs(texts, WORDS, 5, most)
        assert (np.diff(pairs) > 0).all()
        chosen = sorted(range(whole.size), key=lambda pair: (-whole[pair], pair))[:most]
        assert pairs.tolist() == sorted(chosen)
    occurring = frequent_pairs(texts, WORDS, 5, 1000)
    assert occurring.tolist() == np.flatnonzero(whole).tolist()


@pytest.mark.parametrize("number", [0, 1, 2, 3, 1 << 20, (1 << 31) - 1])
def test_a_pair_is_found_in_its_number(number: int) -> None:
    """Also where the square root is rounded: around triangles of large rows."""
    rows = {0, 1, 2, 1000, 46_340, 65_535, math.isqrt(2 * number)}
    numbers = {number, *(triangle(row) + step for row in rows for step in (-1, 0, 1, row))} - {-1}
    asked = np.array(sorted(numbers))
    smaller, larger = counting().words_of(asked)
    assert (smaller >= 0).all()
    assert (smaller <= larger).all()
    assert np.array_equal(larger * (larger + 1) // 2 + smaller, asked)


def test_weights_are_integers_for_every_window() -> None:
    for window in range(1, LONGEST_WINDOW + 1):
        every = counting(window)
        assert all(every.steps % distance == 0 for distance in range(1, window + 1))
    assert counting(10).steps == 2520


def test_the_digest_tells_words_window_and_pairs() -> None:
    other = Vocabulary((*WORDS.words[:-1], "13"))
    different = [
        counting(5),
        counting(6),
        counting(5, other),
        Counting(WORDS, 5, np.array([0, 1])),
        Counting(WORDS, 5, np.array([0, 2])),
    ]
    assert len({one.digest for one in different}) == len(different)
    assert counting(5).digest == counting(5).digest


@pytest.mark.parametrize(
    ("window", "pairs", "where"),
    [
        (0, [0], "window"),
        (17, [0], "window"),
        (5, [], "pairs"),
        (5, [0, 0], "pairs"),
        (5, [1, 0], "pairs"),
        (5, [-1, 0], "pairs"),
        (5, [21], "pairs"),
        (5, [[0], [1]], "pairs"),
        (5, [0.0], "pairs"),
    ],
)
def test_what_cannot_be_counted_is_a_setting_to_fix(window: int, pairs: list[object], where: str) -> None:
    with pytest.raises(FixSettings) as refusal:
        Counting(WORDS, window, np.array(pairs, dtype=None if pairs else np.int64))
    assert refusal.value.where == where


def test_public_texts_without_pairs_are_a_setting_to_fix() -> None:
    with pytest.raises(FixSettings, match="near each other"):
        frequent_pairs(["gout", "asthma"], WORDS, 5, 10)
    with pytest.raises(FixSettings, match="pairs"):
        frequent_pairs(["gout fever"], WORDS, 5, 0)
