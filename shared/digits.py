"""Counts of any size as two digits each, so that a ring of 32 bits adds them up exactly over all hospitals.

A secure sum clips what does not fit its ring, and a clipped count is no count any more. The base is so small that all
hospitals' digits together stay within the ring: 2^27 for 10 hospitals, 2^23 for 255, so that a count may have 46 bits
or more.
"""

import numpy as np
from numpy.typing import NDArray

from shared.refusal import Reason, RefuseRound

RING = 31  # bits of a sum in a ring of 32, without its sign
DIGITS = 2


def digit_bits(parties: int) -> int:
    """The largest number of bits with which the digits of so many hospitals add up within the ring."""
    return RING - (parties - 1).bit_length()


def to_digits(counts: NDArray[np.int64], parties: int) -> NDArray[np.int64]:
    """Writes counts as digits.

    Args:
        counts: not negative, shape (counts,).
        parties: hospitals whose digits may be added.

    Returns:
        The low digits, then the high ones, each below `2^digit_bits(parties)`; shape (2 * counts,).

    Raises:
        RefuseRound: `VECTOR` if a count is negative or needs a third digit.
    """
    bits = digit_bits(parties)
    if counts.size and (counts.min() < 0 or int(counts.max()) >> (DIGITS * bits)):
        raise RefuseRound(Reason.VECTOR)
    return np.concatenate([counts & ((1 << bits) - 1), counts >> bits])


def from_digits(totals: NDArray[np.int64], parties: int) -> NDArray[np.int64]:
    """The sum of counts, from the sums of their digits.

    Args:
        totals: of digits as `to_digits` lays them out, shape (2 * counts,).
        parties: as the digits were made with.

    Returns:
        Shape (counts,).
    """
    low, high = np.split(totals, DIGITS)
    return low + (high << digit_bits(parties))
