"""Ring elements on the wire: 32 bits as they are, 24 bits without the byte that nobody needs.

The 24-bit form is planar: the vector's four quarters a, b, c, d become three rows of words, a | b << 24,
b >> 8 | c << 16 and c >> 16 | d << 8, so that packing and adding up are a few passes over contiguous memory.
"""

import numpy as np
from numpy.typing import NDArray

from shared.refusal import Reason, RefuseRound

Ring = NDArray[np.uint32]
RING_BITS = (24, 32)
_BLOCK = 1 << 15  # words of a quarter at a time, for the cache


def wire_words(coordinates: int, bits: int) -> int:
    """32-bit words that a packed vector takes."""
    return coordinates if bits == 32 else 3 * -(-coordinates // 4)


def pack(vector: Ring, bits: int) -> Ring:
    """Brings a masked vector into its wire form.

    Args:
        vector: shape (coordinates,); only its lowest `bits` bits count.
        bits: 24 or 32.

    Returns:
        Shape (`wire_words`,).
    """
    if bits == 32:
        return vector
    a, b, c, d = _quarters(vector)
    packed = np.empty((3, len(a)), dtype=np.uint32)
    spare = np.empty(_BLOCK, dtype=np.uint32)
    for i in range(0, len(a), _BLOCK):
        part = slice(i, i + _BLOCK)
        first, second, third = packed[:, part]
        shifted = spare[: len(first)]
        np.bitwise_and(a[part], 0xFFFFFF, out=first)
        first |= np.left_shift(b[part], 24, out=shifted)
        np.bitwise_and(np.right_shift(b[part], 8, out=shifted), 0xFFFF, out=second)
        second |= np.left_shift(c[part], 16, out=shifted)
        np.bitwise_and(np.right_shift(c[part], 16, out=shifted), 0xFF, out=third)
        third |= np.left_shift(d[part], 8, out=shifted)
    return packed.reshape(-1)


class Accumulator:
    """The running sum of packed vectors.

    Args:
        coordinates: of each vector.
        bits: of the ring.
    """

    def __init__(self, coordinates: int, bits: int) -> None:
        self.coordinates, self.bits = coordinates, bits
        quarter = -(-coordinates // 4)
        self._total = np.zeros(4 * quarter, dtype=np.uint32)

    def add(self, packed: NDArray[np.generic], *, about: str = "") -> None:
        """Adds one packed vector.

        Raises:
            RefuseRound: another shape or type.
        """
        check_packed(packed, self.coordinates, self.bits, about=about)
        words = packed.view(np.uint32)
        if self.bits == 32:
            self.vector[:] += words
            return
        a, b, c, d = self._total.reshape(4, -1)
        rows = words.reshape(3, -1)
        spare = np.empty(_BLOCK, dtype=np.uint32)
        for i in range(0, len(a), _BLOCK):
            part = slice(i, i + _BLOCK)
            first, second, third = rows[:, part]
            shifted = spare[: len(first)]
            # What stands above bit 24 of a sum is never looked at, so a field's neighbours may be added with it.
            a[part] += first
            b[part] += np.right_shift(first, 24, out=shifted)
            b[part] += np.left_shift(second, 8, out=shifted)
            c[part] += np.right_shift(second, 16, out=shifted)
            c[part] += np.left_shift(third, 16, out=shifted)
            d[part] += np.right_shift(third, 8, out=shifted)

    @property
    def vector(self) -> Ring:
        """The sum so far, shape (coordinates,), a view; only its lowest `bits` bits count."""
        return self._total[: self.coordinates]

    def signed(self) -> NDArray[np.int32]:
        """The sum as integers from -2^(bits-1) to 2^(bits-1) - 1."""
        shift = 32 - self.bits
        return (self.vector << np.uint32(shift)).view(np.int32) >> np.int32(shift)


def check_packed(packed: NDArray[np.generic], coordinates: int, bits: int, *, about: str = "") -> None:
    """Refuses a vector that is not one packed vector of this size.

    Raises:
        RefuseRound: another shape or type.
    """
    if packed.dtype != np.uint32 or packed.shape != (wire_words(coordinates, bits),):
        raise RefuseRound(Reason.VECTOR, about=about)


def _quarters(vector: Ring) -> Ring:
    quarter = -(-vector.size // 4)
    if vector.size == 4 * quarter:
        return vector.reshape(4, quarter)
    padded = np.zeros(4 * quarter, dtype=np.uint32)
    padded[: vector.size] = vector
    return padded.reshape(4, quarter)
