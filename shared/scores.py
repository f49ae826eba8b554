"""Precision, recall and F1 of entities, from counts that add up over notes and hospitals.

Strict: same label and same characters. Overlap: same label and at least one character in common, each gold and
each predicted span counted once. Counts are integers, so hospitals can send them as coordinates of a vector.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from shared.note import Entity

COUNTS_PER_LABEL = 4  # gold, predicted, strict hits, overlap hits


@dataclass(frozen=True)
class Score:
    """Precision, recall and F1 in percent, with the counts behind them."""

    precision: float
    recall: float
    f1: float
    gold: int
    predicted: int
    correct: int


@dataclass(frozen=True)
class Scores:
    """Scores of one model on one set of notes.

    Args:
        strict: by label, and over all labels under `micro`.
        overlap: likewise.
    """

    strict: dict[str, Score] = field(default_factory=dict)
    overlap: dict[str, Score] = field(default_factory=dict)

    @property
    def f1(self) -> float:
        """Strict F1 over all labels, in percent."""
        return self.strict["micro"].f1


def count(
    labels: Sequence[str], pairs: Iterable[tuple[Sequence[Entity], Sequence[Entity]]]
) -> NDArray[np.int64]:
    """Counts hits over notes.

    Args:
        labels: the labels that are scored; others are ignored.
        pairs: gold and predicted entities of each note, sorted, not overlapping.

    Returns:
        Counts, shape `(labels, 4)`: gold, predicted, strict hits, overlap hits.
    """
    counts = np.zeros((len(labels), COUNTS_PER_LABEL), dtype=np.int64)
    for gold, predicted in pairs:
        for row, label in enumerate(labels):
            expected = [(e.start, e.end) for e in gold if e.label == label]
            found = [(e.start, e.end) for e in predicted if e.label == label]
            counts[row] += len(expected), len(found), len({*expected} & {*found}), _overlaps(expected, found)
    return counts


def score(labels: Sequence[str], counts: NDArray[np.int64]) -> Scores:
    """Turns summed counts into scores.

    Args:
        labels: the labels, in the order of the rows.
        counts: shape `(labels, 4)`.

    Returns:
        Strict and overlap scores by label and in all.
    """
    rows = {**dict(zip(labels, counts.tolist(), strict=True)), "micro": counts.sum(axis=0).tolist()}
    return Scores(
        strict={name: _score(gold, predicted, hits) for name, (gold, predicted, hits, _) in rows.items()},
        overlap={name: _score(gold, predicted, hits) for name, (gold, predicted, _, hits) in rows.items()},
    )


def _score(gold: int, predicted: int, correct: int) -> Score:
    precision = 100 * correct / predicted if predicted else 0.0
    recall = 100 * correct / gold if gold else 0.0
    f1 = 200 * correct / (gold + predicted) if gold + predicted else 0.0
    return Score(round(precision, 4), round(recall, 4), round(f1, 4), gold, predicted, correct)


def _overlaps(expected: list[tuple[int, int]], found: list[tuple[int, int]]) -> int:
    hits = at = 0
    for start, end in expected:
        while at < len(found) and found[at][1] <= start:
            at += 1
        if at < len(found) and found[at][0] < end:
            hits += 1
            at += 1
    return hits
