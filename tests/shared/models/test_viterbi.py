"""The fast search finds what trying every sequence finds."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from shared.models.viterbi import best_tags
from shared.tags import OUTSIDE, TagSet

ONE, TWO = TagSet(("Disease",)), TagSet(("Disease", "Chemical"))


def allowed(tagset: TagSet, tags: tuple[int, ...] | list[int]) -> bool:
    return all(tagset.may_follow(before, tag) for before, tag in itertools.pairwise([OUTSIDE, *tags]))


def total(scores: NDArray[np.float32], tags: tuple[int, ...] | list[int]) -> float:
    return sum(float(scores[word, tag]) for word, tag in enumerate(tags))


@pytest.mark.parametrize(("tagset", "longest"), [(ONE, 6), (TWO, 4)], ids=["one label", "two labels"])
@given(data=st.data())
def test_the_best_allowed_sequence_is_found(tagset: TagSet, longest: int, data: st.DataObject) -> None:
    words = data.draw(st.integers(0, longest))
    values = st.lists(
        st.one_of(st.floats(-20, 20, width=32), st.sampled_from([-1.0, 0.0, 1.0])),
        min_size=words * len(tagset),
        max_size=words * len(tagset),
    )
    scores = np.array(data.draw(values), dtype=np.float32).reshape(words, len(tagset))
    found = best_tags(tagset, scores)
    assert len(found) == words
    assert allowed(tagset, found)
    every = itertools.product(range(len(tagset)), repeat=words)
    best = max(total(scores, tags) for tags in every if allowed(tagset, tags))
    assert total(scores, found) == pytest.approx(best, abs=1e-9)


def test_an_inside_tag_takes_its_begin_along() -> None:
    scores = np.array([[1.0, 0.9, 0.0], [0.0, 0.0, 5.0]], dtype=np.float32)
    assert scores.argmax(axis=1).tolist() == [0, 2]  # not allowed
    assert best_tags(ONE, scores) == [1, 2]


def test_large_sums_do_not_swallow_small_differences() -> None:
    scores = np.array([[3e7, 0.0, 0.0], [0.0, 0.5, 1.0]], dtype=np.float32)
    assert np.float32(3e7) + np.float32(0.5) == np.float32(3e7)
    assert best_tags(ONE, scores) == [0, 1]


def test_a_long_note_is_as_good_as_its_halves() -> None:
    half = np.random.default_rng(0).normal(size=(2000, 5)).astype(np.float32) * 8
    gap = np.array([[1e4, 0, 0, 0, 0]], dtype=np.float32)  # outside for sure: the halves do not touch
    whole = best_tags(TWO, np.concatenate([half, gap, half]))
    assert whole == [*best_tags(TWO, half), 0, *best_tags(TWO, half)]
