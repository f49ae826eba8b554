"""Real numbers as ring elements: every hospital's value becomes an integer, and integers add up exactly.

Guarantees:
    - No overflow: with `parties` hospitals, values within `bound` and `parties * bound * scale < 2^(bits - 1)`, the
      sum of any subset lies in the ring's signed range. The constructor refuses anything else, and `encode` clips.
    - Error: scales are powers of two, so scaling a float32 is exact and rounding to the nearest integer is the only
      error; the decoded sum differs from the sum of the clipped values by at most `parties / (2 * scale)`.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from privacy.secagg.packing import RING_BITS
from shared.refusal import Reason, RefuseRound

_CHUNK = 1 << 15
LARGEST_VECTOR = 1 << 32  # coordinates
MOST_SEGMENTS = 64
_EXPONENT = 60  # of bounds and scales: within it, no product of float32 overflows or vanishes


@dataclass(frozen=True)
class Segment:
    """Neighbouring coordinates that are encoded alike.

    Args:
        length: coordinates.
        bound: values are clipped to [-bound, bound].
        scale: steps to the unit, a power of two.
    """

    length: int
    bound: float
    scale: float

    @property
    def steps(self) -> int:
        """The largest integer a value can become."""
        return math.ceil(self.bound * self.scale)


@dataclass(frozen=True)
class FixedPoint:
    """How a vector is laid on the integers; the same at every hospital of a sum.

    Args:
        segments: in the order of coordinates.
        parties: hospitals whose vectors may be added.
        bits: of the ring, 24, 28 or 32.

    Raises:
        RefuseRound: `RING` if the sum could overflow, or a number is out of its range.
    """

    segments: tuple[Segment, ...]
    parties: int
    bits: int

    def __post_init__(self) -> None:
        fits = (
            self.bits in RING_BITS
            and self.parties >= 1
            and 1 <= len(self.segments) <= MOST_SEGMENTS
            and all(_is_sound(segment) for segment in self.segments)
            and self.size <= LARGEST_VECTOR
            and all(self.parties * segment.steps < 1 << (self.bits - 1) for segment in self.segments)
        )
        if not fits:
            raise RefuseRound(Reason.RING)

    @cached_property
    def size(self) -> int:
        """Coordinates in all."""
        return sum(segment.length for segment in self.segments)

    def encode(
        self, values: NDArray[np.float32], *, overwrite: bool = False
    ) -> tuple[NDArray[np.int32], int]:
        """Clips and rounds.

        Args:
            values: finite float32, shape (size,).
            overwrite: put the integers where the values were.

        Returns:
            Integers, shape (size,), and how many values were clipped.

        Raises:
            RefuseRound: another shape or type, or a value that is not finite.
        """
        if values.dtype != np.float32 or values.shape != (self.size,):
            raise RefuseRound(Reason.VECTOR)
        encoded = values.view(np.int32) if overwrite else np.empty(self.size, dtype=np.int32)
        spare = np.empty(min(_CHUNK, self.size), dtype=np.float32)
        at = clipped = 0
        for segment in self.segments:
            scale, surely_within = np.float32(segment.scale), _rounded_down(segment.bound * segment.scale)
            for start in range(at, at + segment.length, _CHUNK):
                end = min(start + _CHUNK, at + segment.length)
                with np.errstate(over="ignore"):  # an infinite product is clipped like any that is too large
                    scaled = np.multiply(values[start:end], scale, out=spare[: end - start])
                if max(scaled.max(), -scaled.min()) <= surely_within:  # false also when one is not a number
                    encoded[start:end] = np.rint(scaled, out=scaled)
                else:
                    encoded[start:end], outside = _clip(values[start:end], segment)
                    clipped += outside
            at += segment.length
        return encoded, clipped

    def decode(self, total: NDArray[np.int32]) -> NDArray[np.float64]:
        """The sum of clipped values, to within `parties / (2 * scale)`; shape (size,)."""
        decoded = np.empty(total.shape, dtype=np.float64)
        at = 0
        for segment in self.segments:
            part = slice(at, at + segment.length)
            np.multiply(total[part], 1 / segment.scale, out=decoded[part])  # exact: a power of two
            at += segment.length
        return decoded

    @property
    def largest_error(self) -> float:
        """Of any coordinate of the decoded sum, in its own unit."""
        return max(self.parties / (2 * segment.scale) for segment in self.segments)


def finest_scale(bound: float, parties: int, bits: int) -> float:
    """The largest power of two with which `parties` values within a positive `bound` add up without overflow."""
    exponent = math.floor(math.log2(((1 << (bits - 1)) - 1) / (parties * bound)))
    while parties * math.ceil(bound * 2.0**exponent) >= 1 << (bits - 1):
        exponent -= 1
    return float(2.0**exponent)


def smallest_ring(bound: float, parties: int, largest_error: float) -> int:
    """The fewest bits with which the decoded sum keeps within `largest_error` (in the unit of `bound`), or 32."""
    enough = (b for b in RING_BITS if parties / (2 * finest_scale(bound, parties, b)) <= largest_error)
    return next(enough, 32)


def _clip(values: NDArray[np.float32], segment: Segment) -> tuple[NDArray[np.int64], int]:
    """Encodes values of which some may be out of bounds, in float64, where nothing is lost; and counts those."""
    if not np.isfinite(values).all():
        raise RefuseRound(Reason.VECTOR)
    exact = values.astype(np.float64)
    outside = int(np.count_nonzero(np.abs(exact) > segment.bound))
    clipped = np.clip(exact, -segment.bound, segment.bound) * segment.scale
    return np.rint(clipped).astype(np.int64), outside


def _rounded_down(value: float) -> np.float32:
    nearest = np.float32(value)
    return nearest if float(nearest) <= value else np.nextafter(nearest, np.float32(0))


def _is_sound(segment: Segment) -> bool:
    return (
        segment.length >= 1
        and math.isfinite(segment.bound)
        and segment.bound > 0
        and math.isfinite(segment.scale)
        and segment.scale > 0
        and math.frexp(segment.scale)[0] == 0.5
        and 2.0**-_EXPONENT <= segment.scale <= 2.0**_EXPONENT
        and 2.0**-_EXPONENT <= segment.bound <= 2.0**_EXPONENT
        and segment.steps >= 1
    )
