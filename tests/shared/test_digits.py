"""Counts come through a ring of 32 bits exactly, whatever their size and however many hospitals there are."""

import numpy as np
import pytest

from shared.digits import digit_bits, from_digits, to_digits
from shared.refusal import RefuseRound


@pytest.mark.parametrize("parties", [1, 2, 3, 4, 5, 10, 32, 33, 100, 255])
def test_sums_are_exact_and_fit(parties: int) -> None:
    bits = digit_bits(parties)
    most = (1 << 2 * bits) - 1
    edges = np.array([0, 1, (1 << bits) - 1, 1 << bits, (1 << bits) + 1, 123_456_789, most // 2, most])
    digits = to_digits(edges, parties)
    assert digits.shape == (2 * edges.size,)
    assert digits.min() >= 0
    assert parties * int(digits.max()) < 1 << 31
    assert np.array_equal(from_digits(digits, parties), edges)
    assert np.array_equal(from_digits(parties * digits, parties), parties * edges)
    assert bits == max(b for b in range(1, 32) if parties << b <= 1 << 31)


def test_one_digit_would_not_fit() -> None:
    """Which is why there are two: a pair that stands together a million times, in steps of 1/2520."""
    count = 1_000_000 * 2520
    assert count > (1 << 31) - 1
    assert from_digits(to_digits(np.array([count]), 10), 10).tolist() == [count]


@pytest.mark.parametrize("count", [-1, 1 << 54, 1 << 62])
def test_what_no_two_digits_hold_is_refused(count: int) -> None:
    with pytest.raises(RefuseRound):
        to_digits(np.array([0, count]), 10)


def test_nothing_is_nothing() -> None:
    none = np.empty(0, dtype=np.int64)
    assert from_digits(to_digits(none, 3), 3).size == 0
