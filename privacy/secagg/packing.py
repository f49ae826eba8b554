"""Integers as words of a ring: what a hospital masks and sends, and what the aggregator adds up.

A word is an element of Z_2^32. Integers of 32 bits take one each. Narrower ones are packed, and packing is linear, so
the sum of packed vectors is the packed sum: with `s = 32 - bits` spare bits a word, `32 / s` integers share
`32 / s - 1` words, each of which holds one integer plus the last integer shifted so far that `s` further bits of it
lie above the word's own. For 24 bits and integers a, b, c, d the words are

    a + d * 2^24        b + d * 2^16        c + d * 2^8        modulo 2^32.

Guarantees: if every sum of integers lies in the signed range of `bits`, `Accumulator.unpack` gives it back exactly.
Words are masked one by one, so packing hides nothing and shows nothing.
"""

import numpy as np
from numpy.typing import NDArray

from shared.refusal import Reason, RefuseRound

Words = NDArray[np.uint32]
RING_BITS = (24, 28, 32)
_BLOCK = 1 << 15  # words at a time, for the cache


def wire_words(coordinates: int, bits: int) -> int:
    """Words that a packed vector takes."""
    return coordinates if bits == 32 else (_group(bits) - 1) * _rows(coordinates, bits)


def pack(integers: NDArray[np.int32], bits: int) -> Words:
    """Packs a vector, in its own memory wherever that is large enough.

    Args:
        integers: shape (coordinates,), contiguous, in the signed range of `bits`; they are lost.
        bits: 24, 28 or 32.

    Returns:
        Shape (`wire_words`,).
    """
    ring = integers.view(np.uint32)
    size = wire_words(ring.size, bits)
    if bits == 32:
        return ring
    if ring.size < size:
        ring = np.concatenate([ring, np.zeros(size - ring.size, dtype=np.uint32)])
    words, last = ring[:size], ring[size:]
    rows = size // (_group(bits) - 1)
    spare = np.empty(min(_BLOCK, last.size), dtype=np.uint32)
    for start in range(0, last.size, _BLOCK):
        piece = last[start : start + _BLOCK]
        for row in range(_group(bits) - 1):
            part = words[row * rows + start : row * rows + start + piece.size]
            part += np.left_shift(piece, _shift(row, bits), out=spare[: piece.size])
    last[:] = 0  # it is in the words now, and must not lie about beside them
    return words


class Accumulator:
    """The running sum of packed vectors.

    Args:
        coordinates: of each vector.
        bits: of the ring.
    """

    def __init__(self, coordinates: int, bits: int) -> None:
        self.coordinates, self.bits = coordinates, bits
        size = wire_words(coordinates, bits)
        self._memory: Words = np.zeros(max(coordinates, size), dtype=np.uint32)
        self.words = self._memory[:size]
        """The sum so far, packed; masks are taken away from it."""

    def add(self, packed: NDArray[np.generic], *, about: str = "") -> None:
        """Adds one packed vector.

        Raises:
            RefuseRound: another shape or type.
        """
        check_packed(packed, self.coordinates, self.bits, about=about)
        self.words += packed.view(np.uint32)

    def unpack(self) -> NDArray[np.int32]:
        """The sum as integers from -2^(bits-1) to 2^(bits-1) - 1, shape (coordinates,); the packed sum is lost."""
        if self.bits < 32:
            self._unpack_in_place()
        return self._memory[: self.coordinates].view(np.int32)

    def _unpack_in_place(self) -> None:
        spare, rows = 32 - self.bits, _rows(self.coordinates, self.bits)
        last = np.zeros(rows, dtype=np.uint32)  # of each group, the bits that are known so far
        for row, word in enumerate(self.words.reshape(-1, rows)):
            word -= last << _shift(row, self.bits)
            own = (word << spare).view(np.int32) >> spare
            last += (word - own.view(np.uint32)) >> self.bits << (spare * row)
            word[:] = own.view(np.uint32)
        tail = self._memory[self.words.size :]
        tail[:] = ((last << spare).view(np.int32) >> spare).view(np.uint32)[: tail.size]


def check_packed(packed: NDArray[np.generic], coordinates: int, bits: int, *, about: str = "") -> None:
    """Refuses a vector that is not one packed vector of this size.

    Raises:
        RefuseRound: another shape or type.
    """
    if packed.dtype != np.uint32 or packed.shape != (wire_words(coordinates, bits),):
        raise RefuseRound(Reason.VECTOR, about=about)


def _group(bits: int) -> int:
    """Integers that share words."""
    return 32 // (32 - bits)


def _rows(coordinates: int, bits: int) -> int:
    """Groups of them."""
    return -(-coordinates // _group(bits))


def _shift(row: int, bits: int) -> int:
    """By how much the last integer of a group is shifted in the word of another."""
    return bits - (32 - bits) * row
