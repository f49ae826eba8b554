"""One patient more or less moves the sum by at most the grid, counted in integers; without the bound, further."""

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from privacy import bounded_counts as module
from privacy.bounded_counts import CountBound, bounded_sum
from privacy.quantise import dequantise
from shared.cooccurrence import Counting, SparseCounts, all_pairs, count_unit
from shared.errors import FixSettings
from shared.refusal import Reason, RefuseRound
from shared.vocabulary import Vocabulary

WORDS = Vocabulary(tuple("abcdefgh"))
EVERY = Counting(WORDS, 4, all_pairs(WORDS))
PATIENTS: dict[str, list[str]] = {
    "no words": [""],
    "one pair": ["a b"],
    "two notes": ["a b c d", "a c e g"],
    "every pair": [" ".join("abcdefgh" * 3)],
    "one pair ten thousand times": ["a b " * 10_000],
    "everything, very often": ["a b c d e f g h " * 3_000] * 2,
}
COUNTS = {name: count_unit(texts, EVERY) for name, texts in PATIENTS.items()}
BOUNDS = [
    CountBound(most, norm, grid)
    for most in (0.25, 1.0, 1e9)
    for norm in (0.5, 1.0, 30.0)
    for grid in (64, 1 << 16)
]


def summed(bound: CountBound, *left_out: str) -> NDArray[np.int64]:
    units = [counts for name, counts in COUNTS.items() if name not in left_out]
    return bounded_sum(units, EVERY.pairs.size, EVERY.steps, bound)


def squares(vector: NDArray[np.int64]) -> int:
    return sum(int(value) ** 2 for value in vector)


@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize("patient", PATIENTS)
def test_a_patient_moves_the_sum_by_the_grid_at_most(patient: str, bound: CountBound) -> None:
    assert squares(summed(bound) - summed(bound, patient)) <= bound.grid**2


def test_the_bound_is_nearly_reached() -> None:
    """So it is the sensitivity, and not merely above it."""
    bound = CountBound(most_per_pair=1e9)
    moved = squares(summed(bound) - summed(bound, "one pair ten thousand times"))
    assert moved > 0.999 * bound.grid**2


@pytest.mark.parametrize("patient", ["every pair", "everything, very often"])
def test_without_the_clip_a_patient_moves_it_further(patient: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def unbounded(counts: NDArray[np.float32], max_norm: float, grid: int) -> NDArray[np.int64]:
        return np.trunc(counts * (grid / max_norm)).astype(np.int64)

    bound = CountBound()
    monkeypatch.setattr(module, "quantise", unbounded)
    assert squares(summed(bound) - summed(bound, patient)) > bound.grid**2


def test_a_place_named_twice_would_double_the_norm_and_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    bound, parts = CountBound(), 50
    twice = SparseCounts(np.zeros(parts, dtype=np.int64), np.full(parts, EVERY.steps))

    def total() -> NDArray[np.int64]:
        return bounded_sum([twice], EVERY.pairs.size, EVERY.steps, bound)

    with pytest.raises(RefuseRound) as refusal:
        total()
    assert refusal.value.reason is Reason.VECTOR
    monkeypatch.setattr(module, "_ascend", lambda places, pairs: True)
    add = np.add.at  # what a plain `+=` over repeated places would have to mean
    moved = np.zeros(EVERY.pairs.size, dtype=np.int64)
    values = module.quantise(np.ones(parts, dtype=np.float32), bound.max_norm, bound.grid)
    add(moved, twice.places, values)
    assert squares(moved) > bound.grid**2


@pytest.mark.parametrize(
    ("places", "counts"),
    [
        ([1, 0], [1, 1]),
        ([-1, 0], [1, 1]),
        ([0, EVERY.pairs.size], [1, 1]),
        ([0, 1], [1]),
        ([[0], [1]], [[1], [1]]),
    ],
    ids=["not ascending", "below the list", "beyond the list", "a count too few", "two dimensions"],
)
def test_a_malformed_unit_is_refused(places: list[int], counts: list[int]) -> None:
    unit = SparseCounts(np.array(places), np.array(counts))
    with pytest.raises(RefuseRound):
        bounded_sum([unit], EVERY.pairs.size, EVERY.steps, CountBound())


def test_small_counts_come_through_to_a_step() -> None:
    """Within cap and norm, the sum over patients is that of their counts, less a step each."""
    bound = CountBound(most_per_pair=1e9, max_norm=1e6, grid=1 << 24)
    units = list(COUNTS.values())
    plain = np.zeros(EVERY.pairs.size)
    for unit in units:
        plain[unit.places] += unit.counts / EVERY.steps
    given = dequantise(bounded_sum(units, plain.size, EVERY.steps, bound), bound.max_norm, bound.grid)
    assert np.abs(given - plain).max() <= 2e-6 * plain.max() + len(units) * bound.max_norm / bound.grid


def test_counts_too_large_for_floats_are_bounded_too() -> None:
    unit = SparseCounts(np.array([0, 1]), np.array([1 << 62, 1 << 62]))
    bound = CountBound(most_per_pair=float("inf"))
    total = bounded_sum([unit], 3, 1, bound)
    assert 0.999 * bound.grid**2 < squares(total) <= bound.grid**2


@pytest.mark.parametrize("most", [0.0, -1.0, float("nan")])
def test_a_cap_that_is_none_is_a_setting_to_fix(most: float) -> None:
    with pytest.raises(FixSettings, match="most_per_pair"):
        dataclasses.replace(CountBound(), most_per_pair=most)


def test_no_units_make_zeros() -> None:
    assert not bounded_sum([], 5, 1, CountBound()).any()
