"""Randomness that privacy rests on: one generator for the choice of units and for noise.

Its stream is that of AES-256 in counter mode, taken from GCM over zeros as in `privacy.secagg.masks` (NIST SP
800-38D, section 6.5), from a seed of 32 bytes.

Guarantees:
    - Without a seed, the operating system's generator chooses it. As long as AES-256 is a pseudo-random permutation,
      2^33 bytes of the stream (noise for 10^9 coordinates) are told from uniform ones with an advantage of 2^-71.
    - The stream is a function of the seed alone, on every platform and whatever the pieces in which it is drawn.

Not promised: two threads at one generator, or the two sides of a fork of the process, may see the same bytes; whoever
knows a seed knows all that came of it.
"""

import os
from fractions import Fraction
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes
from numpy.typing import NDArray

from shared.errors import FixSettings

KEY = 32  # bytes of a seed
SEGMENT = 1 << 30  # bytes under one nonce: far from the 2^36 that GCM allows
_CHUNK = 1 << 18  # bytes
_ZEROS = bytes(_CHUNK)
_WORD = 1 << 64

Bytes = bytes  # the class has a method of that name


class Generator:
    """Pseudo-random bytes and words.

    Args:
        seed: 32 bytes that nobody knows who must not know the noise; None draws them from the operating system.

    Raises:
        ValueError: a seed of another length.
    """

    def __init__(self, seed: Bytes | None = None) -> None:
        self._key = algorithms.AES256(os.urandom(KEY) if seed is None else seed)
        self._segment, self._left, self._stream = 0, SEGMENT, self._open(0)

    def fill(self, array: NDArray[Any]) -> None:
        """Overwrites an array, which is contiguous, with the next bytes of the stream, as they lie in memory."""
        rest = array.reshape(-1).view(np.uint8)
        while rest.size:
            if not self._left:
                self._segment, self._left = self._segment + 1, SEGMENT
                self._stream = self._open(self._segment)
            count = min(rest.size, self._left, _CHUNK)
            self._stream.update_into(memoryview(_ZEROS)[:count], rest[:count])  # type: ignore[arg-type]
            rest, self._left = rest[count:], self._left - count

    def words(self, n: int) -> NDArray[np.uint64]:
        """The next `n` words of 64 bits, each from eight bytes of the stream, little-endian; shape (n,)."""
        words = np.empty(n, dtype="<u8")
        self.fill(words)
        return words

    def bytes(self, n: int) -> Bytes:
        """The next `n` bytes of the stream."""
        drawn = np.empty(n, dtype=np.uint8)
        self.fill(drawn)
        return drawn.tobytes()

    def fork(self) -> "Generator":
        """A generator of its own, seeded with the next 32 bytes of this one's stream."""
        return Generator(self.bytes(KEY))

    def _open(self, segment: int) -> CipherContext:
        return Cipher(self._key, modes.GCM(segment.to_bytes(12, "big"))).encryptor()


def poisson_sample(n_units: int, sample_rate: float, generator: Generator) -> NDArray[np.int64]:
    """Chooses every unit by itself, with the same probability (Poisson sampling).

    Args:
        n_units: at least 0.
        sample_rate: the probability that the accountant charges, between 0 and 1.
        generator: of which `n_units` words are drawn.

    Returns:
        Indices of the chosen units, ascending, shape (chosen,).

    Raises:
        FixSettings: a rate that is no probability.

    Guarantees: each unit is chosen independently with a probability of exactly `floor(sample_rate * 2^64) / 2^64`.
    That is never more than what is charged, and a larger rate never costs less privacy; it is less by under 2^-64.
    Words are compared with their bound as integers. The choice is secret as long as the seed is.
    """
    if not 0 <= sample_rate <= 1:
        raise FixSettings(
            "a sampling rate is not between 0 and 1",
            where="sample_rate",
            remedy="Choose the share of units that a step shall hold.",
        )
    words = generator.words(n_units)
    below = int(Fraction(sample_rate) * _WORD)
    chosen = np.flatnonzero(words < np.uint64(below)) if below < _WORD else np.arange(n_units)
    return chosen.astype(np.int64, copy=False)
