"""Discrete Gaussian noise against exact probabilities: its tables, its sums, its look-ups, and its draws."""

import hashlib
import math
from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from privacy import noise
from privacy.generator import Generator
from privacy.noise import DISTANCE, LARGEST_SIGMA, LEAST_SIGMA, discrete_gaussian
from shared.errors import FixSettings

SEED = bytes(range(32))
SMALL = [0.5, 0.8, 2.5, 10.0, 50.0, 400.0]
LARGE = [1000.0, 4096.0, 65536.0, 2.0**20, 2.0**26]
FROZEN = {  # the first draws of SEED, and a hash of the first 100,000
    0.5: ([0, 0, 1, 0, 0, 0], "1a2564546bf2cb0f"),
    2.5: ([0, 1, 3, 2, -2, 1], "95f66391892faf7f"),
    50.0: ([-9, 10, 65, 31, -33, 19], "b9e5478fda463f03"),
    400.0: ([-354, 35, 537, 685, 222, -521], "2ae8f98a12f0143d"),
    4096.0: ([-3437, 106, 3691, 6774, 3447, -6326], "2f9f057c97932ab0"),
    65536.0: ([50168, 54989, 24849, 83667, 39799, 61976], "99c2e25dfa18e9a0"),
    2.0**26: ([9704535, -27226122, 109752509, -611068, 41527655, -14389435], "db71fa925e2583a2"),
}


def exact_pmf(variance: Fraction, reach: int) -> list[Any]:
    """Probabilities of -reach to reach, to 400 bits; `reach` must hold all but 2^-200 of them."""
    with mpmath.workprec(400):
        half = mpmath.mpf(variance.denominator) / (2 * variance.numerator)
        values = [mpmath.exp(-half * k * k) for k in range(reach + 1)]
        total = values[0] + 2 * mpmath.fsum(values[1:])
        return [values[abs(k)] / total for k in range(-reach, reach + 1)]


def weights_of(table: noise._Table) -> list[int]:
    """The integer weights of -reach to reach, read back from a table's places and leftovers."""
    places = np.bincount(
        table.guide[: table.common].astype(np.int64) + table.reach, minlength=2 * table.reach + 1
    )
    leftovers = np.diff(np.array([0, *table.bounds], dtype=object))
    return [(int(count) << 128) + int(rest) for count, rest in zip(places, leftovers, strict=True)]


def distance(weights: Sequence[int], variance: Fraction, total: int) -> float:
    """The statistical distance of integer weights on -reach to reach from the discrete Gaussian."""
    reach = max(len(weights) // 2, math.isqrt(int(300 * variance)) + 2)
    margin = reach - len(weights) // 2
    padded = [0] * margin + list(weights) + [0] * margin
    with mpmath.workprec(400):
        gaps = (
            abs(mpmath.mpf(w) / total - p) for w, p in zip(padded, exact_pmf(variance, reach), strict=True)
        )
        return float(mpmath.fsum(gaps) / 2)


def chi_square(draws: NDArray[np.int32], sigma: float) -> tuple[float, int]:
    """The statistic and its degrees of freedom; outcomes that are expected fewer than 20 times share cells."""
    reach = int(14.2 * sigma) + 2
    steps = np.arange(-reach, reach + 1)
    pmf = np.exp(-(steps.astype(float) ** 2) / (2 * sigma**2))
    expected = pmf / pmf.sum() * draws.size
    observed = np.bincount(draws.astype(np.int64) + reach, minlength=steps.size)
    assert observed.size == steps.size
    common = np.flatnonzero(expected >= 20)
    first, last = common[0], common[-1] + 1
    cells = [
        np.array([c[:first].sum(), *c[first:last], c[last:].sum()])
        for c in (observed.astype(float), expected)
    ]
    kept = cells[1] >= 5  # a tail may be expected too seldom for a cell
    return float(((cells[0] - cells[1])[kept] ** 2 / cells[1][kept]).sum()), int(kept.sum()) - 1


def chi_square_of_bins(draws: NDArray[np.int32], sigma: float, bins: int = 500) -> float:
    """The p-value of the counts in bins that the normal distribution fills about equally; for large sigma."""
    inner = np.rint(stats.norm.ppf(np.arange(1, bins) / bins) * sigma) + 0.5
    edges = np.concatenate([[-np.inf], inner, [np.inf]])
    expected = np.diff(stats.norm.cdf(edges / sigma)) * draws.size
    observed = np.bincount(np.searchsorted(inner, draws), minlength=bins)
    return float(stats.chi2.sf(((observed - expected) ** 2 / expected).sum(), bins - 1))


@pytest.mark.parametrize("sigma", [0.5, 0.51, 0.8, 1.5, 2.5, 10.0, 50.0, 160.0, 320.0])
def test_a_table_is_the_discrete_gaussian(sigma: float) -> None:
    """To 2^-130: the four tables that are added at most keep to 2^-128."""
    variance = Fraction(sigma) ** 2
    table = noise._table(variance)
    weights = weights_of(table)
    assert sum(weights) == 1 << 144
    assert weights == weights[::-1]
    assert all(weight > 0 for weight in weights)
    assert distance(weights, variance, 1 << 144) < 2.0**-130
    assert table.guide.dtype == np.int16
    assert 0 < table.common < 1 << 16
    assert table.bounds[-1] == (2**16 - table.common) << 128


def test_another_sigma_is_seen_by_the_distance() -> None:
    """The oracle can fail: tables of a sigma that is off by 2^-40 of it are further away than 2^-50."""
    sigma = 2.5
    weights = weights_of(noise._table(Fraction(sigma * (1 + 2.0**-40)) ** 2))
    assert distance(weights, Fraction(sigma) ** 2, 1 << 144) > 2.0**-50


@pytest.mark.parametrize("sigma", [0.5, 2.5, 160.0, 320.0])
def test_a_look_up_is_the_inverse_of_the_cumulative_weights(sigma: float) -> None:
    """Random ones, and those next to every bound on either side, where all 64 leading bits are the bound's."""
    table = noise._table(Fraction(sigma) ** 2)
    leftovers = [weight % 2**128 for weight in weights_of(table)]
    bounds = list(accumulate(leftovers))
    rng = np.random.default_rng(0)
    values = [int.from_bytes(rng.bytes(24), "big") % bounds[-1] for _ in range(2000)]
    borders = bounds[:: max(1, len(bounds) // 300)]
    values += [bound + off for bound in borders for off in (-(2**64), -1, 0, 1, 2**64)]
    values = [value for value in (*values, 0, bounds[-1] - 1) if 0 <= value < bounds[-1]]
    digits = np.array([table.common + (value >> 128) for value in values], dtype=np.uint16)
    words = np.array([[value >> 64 & 2**64 - 1, value & 2**64 - 1] for value in values], dtype=np.uint64)

    wanted = [next(i for i, bound in enumerate(bounds) if value < bound) for value in values[:200]]
    wanted += [bisect_right(bounds, value) for value in values[200:]]
    assert table.rare(digits, words).tolist() == [place - table.reach for place in wanted]
    assert wanted[-2:] == [0, len(bounds) - 1]  # the extreme outcomes are reached

    heads = np.array([value >> (64 + table.shift) for value in values], dtype=np.uint64)
    coarse = np.searchsorted(table.heads, heads, side="right")
    assert coarse.tolist() != wanted  # without the second word, values just below a bound go astray


def draw_by_hand(sigma: float, size: int, generator: Generator) -> NDArray[np.int64]:
    """One coordinate after the other: 144 bits, of which the first 16 may do, against the weights themselves."""
    total = np.zeros(size, dtype=np.int64)
    for step, variance in noise._plan(Fraction(sigma) ** 2):
        weights = weights_of(noise._table(variance))
        reach = len(weights) // 2
        places = list(accumulate(weight >> 128 for weight in weights))
        leftovers = list(accumulate(weight % 2**128 for weight in weights))
        stream, words = generator.bytes(32), Generator(generator.bytes(32))
        digits = Generator(stream).bytes(2 * size)
        for at in range(size):
            digit = int.from_bytes(digits[2 * at : 2 * at + 2], "little")
            if digit < places[-1]:
                outcome = bisect_right(places, digit)
            else:
                first, second = words.words(2).tolist()
                outcome = bisect_right(leftovers, (digit - places[-1]) << 128 | first << 64 | second)
            total[at] += step * (outcome - reach)
    return total


@pytest.mark.parametrize("sigma", [0.5, 320.0, 30_000.123])
def test_draws_are_those_of_a_slow_sampler(sigma: float) -> None:
    size = 150_000  # every digit comes about twice, that of the border too
    draws = discrete_gaussian(sigma, size, Generator(SEED))
    assert np.array_equal(draws, draw_by_hand(sigma, size, Generator(SEED)))


@settings(max_examples=300, deadline=None)
@given(st.floats(LEAST_SIGMA, LARGEST_SIGMA) | st.integers(1, 2**26).map(float))
@example(LARGEST_SIGMA)
@example(320.0)
@example(math.nextafter(320.0, 400))
def test_a_plan_has_exactly_the_variance_and_smooth_sums(sigma: float) -> None:
    plan = noise._plan(Fraction(sigma) ** 2)
    assert sum(step**2 * variance for step, variance in plan) == Fraction(sigma) ** 2
    assert len(plan) <= 4
    assert all(Fraction(1, 4) <= variance <= 320**2 for _, variance in plan)

    total, step = Fraction(0), plan[-1][0]
    for outer, variance in reversed(plan):  # the sum of what follows, in steps of its own
        ratio, rest = Fraction(step, outer), total
        assert ratio.denominator == 1
        total = variance + ratio**2 * rest
        assert not rest or variance * rest / total >= 5
        step = outer
    assert step == 1

    reach = sum(step * (math.sqrt(2 * 144 * math.log(2) * variance) + 1) for step, variance in plan)
    assert reach <= 20 * sigma
    assert reach < 2**31


def small_sum(monkeypatch: pytest.MonkeyPatch, smooth: Fraction) -> float:
    """The distance of a sum of several small tables from the discrete Gaussian of sigma 30, multiplied out."""
    monkeypatch.setattr(noise, "_BASE", Fraction(36))
    monkeypatch.setattr(noise, "_LARGEST", Fraction(144))
    monkeypatch.setattr(noise, "_SMOOTH", smooth)
    plan = noise._plan(Fraction(900))
    assert len(plan) > 1
    product = np.array([1], dtype=object)
    for step, variance in plan:
        weights = weights_of(noise._table(variance))
        spread = np.zeros((len(weights) - 1) * step + 1, dtype=object)
        spread[::step] = weights
        product = np.convolve(product, spread)
    return distance(product.tolist(), Fraction(900), 1 << 144 * len(plan))


def test_a_sum_of_tables_is_the_discrete_gaussian(monkeypatch: pytest.MonkeyPatch) -> None:
    assert small_sum(monkeypatch, Fraction(5)) < 2.0**-126 < DISTANCE


def test_a_sum_that_is_not_smooth_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert small_sum(monkeypatch, Fraction(1, 4)) > 1e-4


@pytest.mark.parametrize("sigma", SMALL)
def test_draws_have_the_exact_probabilities(sigma: float) -> None:
    statistic, freedom = chi_square(discrete_gaussian(sigma, 1_000_000, Generator(SEED)), sigma)
    assert 1e-3 < stats.chi2.sf(statistic, freedom) < 1 - 1e-3


@pytest.mark.parametrize("sigma", SMALL)
def test_a_wrong_sampler_is_seen(sigma: float) -> None:
    """A rounded Gaussian where rounding shows, noise three per cent too small where it does not."""
    rng = np.random.default_rng(0)
    rounded = np.rint(rng.normal(0, sigma, 1_000_000) * (1 if sigma < 1 else 0.97)).astype(np.int32)
    assert stats.chi2.sf(*chi_square(rounded, sigma)) < 1e-9


@pytest.mark.parametrize("sigma", LARGE)
def test_draws_of_a_large_sigma_are_normal_and_leave_no_gaps(sigma: float) -> None:
    draws = discrete_gaussian(sigma, 1_000_000, Generator(SEED))
    assert chi_square_of_bins(draws, sigma) > 1e-3
    assert chi_square_of_bins((draws * 0.97).astype(np.int32), sigma) < 1e-9
    for step in {step for step, _ in noise._plan(Fraction(sigma) ** 2)} - {1}:
        modulus = min(step, 1000)
        assert stats.chisquare(np.bincount(draws % modulus, minlength=modulus)).pvalue > 1e-3


@pytest.mark.parametrize("sigma", [*SMALL[2:], *LARGE])
def test_moments_tails_and_independence(sigma: float) -> None:
    size = 1_000_000
    draws = discrete_gaussian(sigma, size, Generator(SEED[::-1])) / sigma
    error = 1 / math.sqrt(size)
    assert abs(draws.mean()) < 4 * error
    assert abs((draws**2).mean() - 1) < 4 * math.sqrt(2) * error
    assert abs((draws**3).mean()) < 4 * math.sqrt(15) * error
    assert abs((draws**4).mean() - 3) < 4 * math.sqrt(96) * error
    for lag in (1, 2, 64):
        assert abs((draws[lag:] * draws[:-lag]).mean()) < 4 * error
        assert abs(np.corrcoef(draws[lag:] ** 2, draws[:-lag] ** 2)[0, 1]) < 4 * error
    assert abs(np.sign(draws).mean()) < 4 * error
    for beyond in (3.1, 4.1, 4.7) if sigma >= 10 else ():
        least = math.floor(beyond * sigma) + 0.5  # between two integers
        expected = stats.norm.sf(least / sigma) * size
        for side in (draws, -draws):
            seen = int((side > beyond).sum())
            assert stats.poisson.cdf(seen, expected) > 1e-3
            assert stats.poisson.sf(seen - 1, expected) > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("sigma", SMALL)
def test_twenty_million_draws_have_the_exact_probabilities(sigma: float) -> None:
    statistic, freedom = chi_square(discrete_gaussian(sigma, 20_000_000, Generator(SEED)), sigma)
    assert abs(statistic - freedom) < 4 * math.sqrt(2 * freedom)


@pytest.mark.slow
@pytest.mark.parametrize("sigma", LARGE)
def test_twenty_million_draws_of_a_large_sigma(sigma: float) -> None:
    draws = discrete_gaussian(sigma, 20_000_000, Generator(SEED))
    assert chi_square_of_bins(draws, sigma, 2000) > 6e-5
    assert abs(draws.std() / sigma - 1) < 4 / math.sqrt(2 * draws.size)


@pytest.mark.parametrize("sigma", list(FROZEN))
def test_frozen_answers(sigma: float) -> None:
    """What a seed gives must never change: other hospitals take away the noise of revealed seeds."""
    first, digest = FROZEN[sigma]
    draws = discrete_gaussian(sigma, 100_000, Generator(SEED))
    assert draws.dtype == np.int32
    assert draws[:6].tolist() == first
    assert hashlib.sha256(draws.astype("<i4").tobytes()).hexdigest()[:16] == digest


@pytest.mark.parametrize("sigma", [0.5, 320.0, 4096.0, 2.0**26])
@pytest.mark.parametrize("chunk", [1, 7, 1000, 2999, 3000])
def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch, sigma: float, chunk: int) -> None:
    wanted = discrete_gaussian(sigma, 3000, Generator(SEED))
    monkeypatch.setattr(noise, "_CHUNK", chunk)
    assert np.array_equal(discrete_gaussian(sigma, 3000, Generator(SEED)), wanted)


@pytest.mark.parametrize("sigma", [2.5, 65536.0])
def test_fewer_draws_are_the_first_of_more(sigma: float) -> None:
    most = discrete_gaussian(sigma, 200_000, Generator(SEED))
    for size in (0, 1, 65535, 65536, 65537):
        assert np.array_equal(discrete_gaussian(sigma, size, Generator(SEED)), most[:size])


def test_two_calls_share_no_noise() -> None:
    drawn = Generator(SEED)
    first, second = (discrete_gaussian(4096.0, 10_000, drawn) for _ in range(2))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.04
    assert (first == second).mean() < 0.01


@pytest.mark.parametrize(
    "sigma", [0.0, -1.0, math.nextafter(0.5, 0), math.nextafter(2.0**26, math.inf), math.inf, math.nan]
)
def test_a_sigma_out_of_range_is_refused(sigma: float) -> None:
    with pytest.raises(FixSettings, match="sigma"):
        discrete_gaussian(sigma, 10, Generator())
