import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import f1_score, precision_score, recall_score

from shared.note import Entity
from shared.scores import COUNTS_PER_LABEL, count, score
from shared.tags import TagSet, decode

TAGS = TagSet(("Disease", "Chemical"))
SEQUENCE = st.lists(st.integers(0, len(TAGS) - 1), min_size=12, max_size=12)


def _entities(tags: list[int]) -> list[Entity]:
    return decode(TAGS, [(2 * index, 2 * index + 1) for index in range(len(tags))], tags)


@given(st.lists(st.tuples(SEQUENCE, SEQUENCE), min_size=1, max_size=4))
def test_strict_scores_equal_seqeval(pairs: list[tuple[list[int], list[int]]]) -> None:
    ours = score(
        TAGS.labels, count(TAGS.labels, [(_entities(gold), _entities(found)) for gold, found in pairs])
    )
    gold = [[TAGS.names[tag] for tag in tags] for tags, _ in pairs]
    found = [[TAGS.names[tag] for tag in tags] for _, tags in pairs]
    micro = ours.strict["micro"]
    assert micro.precision == pytest.approx(100 * precision_score(gold, found, zero_division=0), abs=1e-4)
    assert micro.recall == pytest.approx(100 * recall_score(gold, found, zero_division=0), abs=1e-4)
    assert ours.f1 == pytest.approx(100 * f1_score(gold, found, zero_division=0), abs=1e-4)


def _most_pairs(gold: list[Entity], found: list[Entity]) -> int:
    """The most pairs of overlapping spans, each span used once, by trying everything."""

    @functools.cache
    def best(at: int, used: frozenset[int]) -> int:
        if at == len(gold):
            return 0
        options = [best(at + 1, used)]
        for index, span in enumerate(found):
            if index not in used and max(span.start, gold[at].start) < min(span.end, gold[at].end):
                options.append(1 + best(at + 1, used | {index}))
        return max(options)

    return best(0, frozenset())


@given(SEQUENCE, SEQUENCE)
def test_overlap_hits_equal_the_best_pairing(gold: list[int], found: list[int]) -> None:
    counts = count(TAGS.labels, [(_entities(gold), _entities(found))])
    for row, label in enumerate(TAGS.labels):
        expected, predicted = (
            [span for span in _entities(tags) if span.label == label] for tags in (gold, found)
        )
        strict = len({(e.start, e.end) for e in expected} & {(e.start, e.end) for e in predicted})
        assert counts[row].tolist() == [
            len(expected),
            len(predicted),
            strict,
            _most_pairs(expected, predicted),
        ]


@given(st.lists(st.tuples(SEQUENCE, SEQUENCE), min_size=2, max_size=4))
def test_counts_of_hospitals_add_up(pairs: list[tuple[list[int], list[int]]]) -> None:
    notes = [(_entities(gold), _entities(found)) for gold, found in pairs]
    assert np.array_equal(
        count(TAGS.labels, notes), count(TAGS.labels, notes[:1]) + count(TAGS.labels, notes[1:])
    )


def test_labels_are_scored_apart() -> None:
    gold, found = [Entity(0, 3, "Disease")], [Entity(0, 3, "Chemical")]
    scores = score(TAGS.labels, count(TAGS.labels, [(gold, found)]))
    assert scores.f1 == scores.overlap["micro"].f1 == 0
    assert (scores.strict["Disease"].gold, scores.strict["Chemical"].predicted) == (1, 1)


def test_two_of_three() -> None:
    gold = [Entity(0, 3, "Disease"), Entity(4, 9, "Disease"), Entity(10, 12, "Disease")]
    found = [
        Entity(0, 3, "Disease"),
        Entity(5, 9, "Disease"),
        Entity(20, 22, "Disease"),
        Entity(30, 31, "Disease"),
    ]
    scores = score(("Disease",), count(("Disease",), [(gold, found)]))
    assert (scores.strict["Disease"].precision, scores.strict["Disease"].recall) == (25.0, 33.3333)
    assert (scores.overlap["Disease"].precision, scores.overlap["Disease"].recall) == (50.0, 66.6667)
    assert scores.f1 == 28.5714


def test_nothing_scores_zero_without_dividing_by_it() -> None:
    counts = count(TAGS.labels, [])
    assert counts.shape == (2, COUNTS_PER_LABEL)
    assert score(TAGS.labels, counts).f1 == 0
