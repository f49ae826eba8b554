"""Noise: the discrete Gaussian on the integers, drawn from a cryptographic generator without a float.

A draw of a small sigma is looked up: 16 random bits choose one of 65,536 places of a table whose outcomes stand there
as often as their probability fills whole places (after Marsaglia, Tsang and Wang 2004). What is left over of all
probabilities shares the last few places; who hits one of those draws 128 bits more and is sent to an outcome through
the cumulative leftovers. A draw of a large sigma is a sum of small ones, `x_0 + m_1 (x_1 + m_2 (x_2 + ...))`.

Why such a sum is a discrete Gaussian: let x and y be independent, of parameters s^2 and t^2. Completing the square,
the probability of `x + m y = k` is proportional to `exp(-k^2 / (2 v))`, `v = s^2 + m^2 t^2`, times the sum over
all integers y of `exp(-(y - c)^2 / (2 w^2))` with some centre c and `w = s t / sqrt(v)`. By Poisson summation that
sum is the same for every c up to a factor of `1 +- e`, `e = 2.01 exp(-2 pi^2 w^2)` (Peikert 2010, theorem 3.1;
Micciancio and Walter 2017). Every sum here has `w^2 >= 5`, so that e is below 2^-141.
"""

from bisect import bisect_right
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from privacy.generator import Generator
from shared.errors import FixSettings

LEAST_SIGMA = 0.5
LARGEST_SIGMA = 2.0**26  # no draw is beyond 20 sigma, which just fits in 31 bits
DISTANCE = 2.0**-120  # a bound on the statistical distance of a draw from the discrete Gaussian

_LARGEST = Fraction(320**2)  # variance of a table; larger ones have more leftovers than another table costs
_BASE = Fraction(160**2)  # variance of every summand of a sum but the last
_SMOOTH = 5  # w^2 at least
_DIGIT = 16  # bits that choose a place
_LEFTOVER = 128  # bits that choose among leftovers
_WEIGHT = _DIGIT + _LEFTOVER  # bits: the sum of a table's weights
_FIXED = 256  # bits after the point while weights are computed
_CHUNK = 1 << 16  # coordinates: the whole work on a chunk stays in cache, and calls cost little beside it


def discrete_gaussian(sigma: float, size: int, generator: Generator) -> NDArray[np.int32]:
    """Draws independent integers with a probability proportional to `exp(-k^2 / (2 sigma^2))`.

    Args:
        sigma: in integer steps, 0.5 to 2^26; taken as the exact fraction that it is. From 1.5 on it is the standard
            deviation to within 10^-16; below, that is smaller (of 0.5, 0.464).
        size: draws.
        generator: of which 64 bytes are drawn for each table.

    Returns:
        Shape (size,), int32; no draw is beyond 20 sigma, so none overflows.

    Raises:
        FixSettings: sigma out of its range.

    Guarantees:
        - The statistical distance of a draw from the discrete Gaussian is below 2^-126: a table's integer weights sum
          to 2^144 and are off by less than 2^14 in all, a draw has the weights' probability exactly, at most four
          tables are added, and each addition is off by a factor of at most `1 +- 2^-141`.
        - No float is used once sigma is a fraction: the same seed gives the same draws on every platform, today and
          later, and `size` draws are the first of any larger number. A hospital that reveals the seed of a noise
          component (`privacy.noise_shares`) thereby reveals exactly what it added.

    Not promised: constant time. How long a draw takes depends on it, by nanoseconds a coordinate; only the time of
    the whole vector can be seen from outside the process.
    """
    if not LEAST_SIGMA <= sigma <= LARGEST_SIGMA:
        raise FixSettings(
            f"noise of this size cannot be drawn: sigma is not between {LEAST_SIGMA} and 2^26 steps",
            where="sigma",
            remedy="Choose another noise multiplier or another grid.",
        )
    noise = np.zeros(size, dtype=np.int32)
    for step, variance in _plan(Fraction(sigma) ** 2):
        _add_draws(noise, step, _table(variance), generator.fork(), generator.fork())
    return noise


def _plan(variance: Fraction) -> list[tuple[int, Fraction]]:
    """Steps and variances of tables; the sum of `step^2 * variance` is exact, and every sum is smooth enough.

    With `rest = variance - _BASE` and `m^2 <= _BASE * rest / (_SMOOTH * variance)`, a sum of one base and m times
    what has variance `rest / m^2` has `w^2 = _BASE * rest / (m^2 * variance) >= _SMOOTH`.
    """
    if variance <= _LARGEST:
        return [(1, variance)]
    rest = variance - _BASE
    step = isqrt(_BASE * rest // (_SMOOTH * variance))
    return [(1, _BASE), *((step * inner, part) for inner, part in _plan(rest / step**2))]


@dataclass(frozen=True, eq=False)
class _Table:
    """A distribution on the integers from -reach to reach, laid out to be looked up.

    `guide` holds the outcome of every digit below `common`; digits from there on share the leftovers. `bounds` are
    the cumulative leftovers, of which the last is `(2^16 - common) * 2^128`, and `heads` their first 64 bits, counted
    from bit `128 + shift - 1`.
    """

    guide: NDArray[np.int16]
    common: int
    reach: int
    shift: int
    bounds: list[int]
    heads: NDArray[np.uint64]

    def rare(self, digits: NDArray[np.uint16], words: NDArray[np.uint64]) -> NDArray[np.int16]:
        """Outcomes of digits from `common` on with 128 bits each, shapes (n,) and (n, 2): an inverse CDF, exactly.

        The first 64 bits of digit and words decide, unless they are just those of a bound.
        """
        above = (digits - np.uint16(self.common)).astype(np.uint64)
        heads = above << np.uint64(64 - self.shift) | words[:, 0] >> np.uint64(self.shift)
        places = np.searchsorted(self.heads, heads)
        for tied in np.flatnonzero(self.heads[places] == heads):
            value = int(above[tied]) << 128 | int(words[tied, 0]) << 64 | int(words[tied, 1])
            places[tied] = bisect_right(self.bounds, value)
        return (places - self.reach).astype(np.int16)


def _add_draws(
    noise: NDArray[np.int32], step: int, table: _Table, digits_from: Generator, words_from: Generator
) -> None:
    """Adds `step` times a draw to every coordinate; two streams, so that the size of a chunk changes nothing."""
    size = min(_CHUNK, noise.size)
    digits, places = np.empty(size, dtype="<u2"), np.empty(size, dtype=np.intp)
    draws, scaled = np.empty(size, dtype=np.int16), np.empty(size, dtype=np.int32)
    for start in range(0, noise.size, _CHUNK):
        part = noise[start : start + _CHUNK]
        digits, places = digits[: part.size], places[: part.size]
        draws, scaled = draws[: part.size], scaled[: part.size]
        digits_from.fill(digits)
        places[:] = digits
        np.take(table.guide, places, out=draws, mode="wrap")  # the fastest mode: none is out of range
        rare = np.flatnonzero(digits >= np.uint16(table.common))
        draws[rare] = table.rare(digits[rare], words_from.words(2 * rare.size).reshape(-1, 2))
        part += np.multiply(draws, np.int32(step), out=scaled)


@lru_cache(maxsize=64)
def _table(variance: Fraction) -> _Table:
    """Takes a few milliseconds and up to 0.8 MB."""
    above = _weights(variance)
    weights = [*reversed(above), (1 << _WEIGHT) - 2 * sum(above), *above]
    outcomes = np.arange(-len(above), len(above) + 1, dtype=np.int16)
    whole = np.repeat(outcomes, [weight >> _LEFTOVER for weight in weights])
    guide = np.zeros(1 << _DIGIT, dtype=np.int16)
    guide[: whole.size] = whole
    bounds = list(accumulate(weight % (1 << _LEFTOVER) for weight in weights))
    shift = (guide.size - whole.size).bit_length()
    heads = np.array([bound >> (shift + _LEFTOVER - 64) for bound in bounds], dtype=np.uint64)
    return _Table(guide, whole.size, len(above), shift, bounds, heads)


def _weights(variance: Fraction) -> list[int]:
    """Probabilities of 1, 2, ... times 2^144, rounded down, as long as they are at least 1.

    `exp(-k^2 / (2 v))` is the product of `exp(-(2 i + 1) / (2 v))` for i below k. A multiplication loses at most one
    step of 2^-256: in 5,000 of them less than 2^-230 is lost. The decimal module rounds its exponential correctly.
    """
    with localcontext(prec=100):
        exponent = Decimal(-variance.denominator) / Decimal(2 * variance.numerator)
        factor = int(exponent.exp() * (1 << _FIXED))
    square, values = factor * factor >> _FIXED, [1 << _FIXED]
    while values[-1] >> (_FIXED - _WEIGHT):
        values.append(values[-1] * factor >> _FIXED)
        factor = factor * square >> _FIXED
    total = values[0] + 2 * sum(values[1:])
    weights = ((value << _WEIGHT) // total for value in values[1:])
    return [weight for weight in weights if weight]
