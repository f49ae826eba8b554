"""Why noise is made of integers: what float noise gives away, and that ours does not."""

import numpy as np
import torch
from numpy.typing import NDArray

from privacy.generator import Generator
from privacy.noise import discrete_gaussian
from privacy.quantise import dequantise, quantise

DRAWS = 1_000_000
GRID = 1 << 16


def gives_away(seen: NDArray[np.float32]) -> float:
    """How often an observation near zero lies between the multiples of 2^-24.

    Float32 noise of one added to a sum of one never does: near minus one, noise has no finer multiples. Added to zero
    it often does (Mironov 2012). One such observation tells the two apart for certain.
    """
    near = np.abs(seen) < 0.5
    return float((near & (np.mod(seen.astype(np.float64) * 2**24, 1) != 0)).mean())


def test_float_noise_tells_a_sum_of_zero_from_one() -> None:
    """Nominally an epsilon of about four for one observation, in truth none is large enough."""
    noise = torch.normal(0.0, 1.0, (2, DRAWS), generator=torch.Generator().manual_seed(0)).numpy()
    assert gives_away(np.float32(0) + noise[0]) > 0.2
    assert gives_away(np.float32(1) + noise[1]) == 0


def test_integer_noise_lies_on_one_grid_whatever_the_sum() -> None:
    """The same event never happens, and remainders of the grid are as frequent for a sum of zero as of one."""
    counts = []
    for value in (0.0, 1.0):
        (total,) = quantise(np.array([value], dtype=np.float32), 1.0, GRID)
        noisy = total + discrete_gaussian(float(GRID), DRAWS, Generator(bytes([int(value)]) * 32))
        assert gives_away(dequantise(noisy, 1.0, GRID)) == 0
        counts.append(np.bincount(noisy % 64, minlength=64))
    assert np.abs(counts[0] - counts[1]).max() < 6 * np.sqrt(2 * DRAWS / 64)
