"""A span's confidence is its exact probability in the chain of tags that BIO allows, by enumeration."""

import itertools

import numpy as np
import pytest

from shared.models.confidence import span_confidences
from shared.models.viterbi import best_tags
from shared.tags import OUTSIDE, TagSet

TAGS = TagSet(("Disease", "Drug"))


def by_enumeration(scores: np.ndarray, tags: list[int], first: int, last: int) -> float:
    """Sums the probabilities of every sequence that agrees up to the span and with its end."""
    total = 0.0
    inside = tags[last - 1] if tags[last - 1] % 2 == 0 else tags[last - 1] + 1
    for tail in itertools.product(range(len(TAGS)), repeat=len(tags) - first):
        chance, previous = 1.0, tags[first - 1] if first else OUTSIDE
        for word, tag in enumerate(tail, start=first):
            if not TAGS.may_follow(previous, tag):
                chance = 0.0
                break
            allowed = [other for other in range(len(TAGS)) if TAGS.may_follow(previous, other)]
            chance *= np.exp(scores[word, tag]) / np.exp(scores[word, allowed]).sum()
            previous = tag
        agrees = list(tail[: last - first]) == tags[first:last]
        ends = last == len(tags) or tail[last - first] != inside
        total += chance if agrees and ends else 0.0
    return total


@pytest.mark.parametrize("seed", range(12))
def test_it_is_the_probability_of_the_span(seed: int) -> None:
    scores = np.random.default_rng(seed).normal(0, 2, (5, len(TAGS)))
    tags = best_tags(TAGS, scores)
    spans = []
    for word, tag in enumerate(tags):
        previous = tags[word - 1] if word else OUTSIDE
        if tag and tag % 2 == 0 and TAGS.may_follow(previous, tag):
            spans[-1][1] = word + 1
        elif tag:
            spans.append([word, word + 1])
    expected = [by_enumeration(scores, tags, first, last) for first, last in spans]
    assert span_confidences(TAGS, scores, tags) == pytest.approx(expected)


def test_without_spans_there_is_none() -> None:
    assert span_confidences(TAGS, np.zeros((0, 5)), []) == []
    assert span_confidences(TAGS, np.zeros((2, 5)), [0, 0]) == []
