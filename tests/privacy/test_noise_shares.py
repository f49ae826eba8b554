"""Noise shares for every drop-out of small cohorts and every set of colluders, and what an accountant may charge."""

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import chain, combinations

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy.generator import Generator
from privacy.noise import discrete_gaussian
from privacy.noise_shares import (
    LEAST_VARIANCE,
    ROUNDING,
    NoiseShares,
    effective_multiplier,
    exact_shares,
    plain_shares,
)
from shared.errors import FixSettings
from shared.refusal import Reason, RefuseRound

SIGMA = 65536.0
MAKERS = [plain_shares, exact_shares]
COHORTS = [(n, t, d) for n in range(1, 8) for t in range(1, n + 1) for d in range(t)]
LARGE = [(30, 21, 1), (100, 67, 1), (100, 67, 33), (100, 51, 0), (100, 100, 99)]
CLOSE = 1 + Fraction(1, 2**50)

Maker = Callable[[float, int, int, int], NoiseShares]


def subsets(of: range, least: int) -> Iterator[tuple[int, ...]]:
    return chain.from_iterable(combinations(of, size) for size in range(least, len(of) + 1))


def left_by_hand(shares: NoiseShares, survivors: tuple[int, ...], colluders: tuple[int, ...]) -> Fraction:
    """Variance the aggregator cannot take away: every component of every survivor, less the known ones."""
    known = {(who, part) for who in survivors for part in shares.removed(len(survivors))}
    known |= {(who, part) for who in colluders for part in range(len(shares.sigmas))}
    return sum(
        (
            Fraction(sigma) ** 2
            for who in survivors
            for part, sigma in enumerate(shares.sigmas)
            if (who, part) not in known
        ),
        Fraction(0),
    )


@pytest.mark.parametrize(("hospitals", "threshold", "colluders"), COHORTS)
@pytest.mark.parametrize("make", MAKERS)
def test_enough_is_left_whoever_drops_out_and_whoever_colludes(
    make: Maker, hospitals: int, threshold: int, colluders: int
) -> None:
    shares = make(SIGMA, hospitals, threshold, colluders)
    wanted = Fraction(SIGMA) ** 2
    for survivors in subsets(range(hospitals), threshold):
        for bad in combinations(range(hospitals), colluders):
            left = left_by_hand(shares, survivors, bad)
            assert left >= wanted
            if set(bad) <= set(survivors):
                assert left == shares.variance_left(len(survivors))
                if make is exact_shares or len(survivors) == threshold:
                    assert left <= wanted * CLOSE


@pytest.mark.parametrize(("hospitals", "threshold", "colluders"), LARGE)
def test_large_cohorts(hospitals: int, threshold: int, colluders: int) -> None:
    plain, exact = (make(SIGMA, hospitals, threshold, colluders) for make in MAKERS)
    wanted = Fraction(SIGMA) ** 2
    for survivors in range(threshold, hospitals + 1):
        assert wanted <= exact.variance_left(survivors) <= wanted * CLOSE
        surplus = Fraction(survivors - colluders, threshold - colluders)
        assert wanted * surplus <= plain.variance_left(survivors) <= wanted * surplus * CLOSE


@pytest.mark.parametrize(("hospitals", "threshold", "colluders"), [*COHORTS, *LARGE])
def test_components_are_those_of_the_papers(hospitals: int, threshold: int, colluders: int) -> None:
    n, d, square = hospitals, colluders, Fraction(SIGMA) ** 2
    (plain,) = plain_shares(SIGMA, n, threshold, d).sigmas
    assert 0 <= Fraction(plain) ** 2 - square / (threshold - d) < square / 2**50
    wanted = [square / (n - d)]
    wanted += [square / ((n - k - d) * (n - k + 1 - d)) for k in range(1, n - threshold + 1)]
    exact = exact_shares(SIGMA, n, threshold, d)
    assert all(
        0 <= Fraction(sigma) ** 2 - v <= v / 2**50 for sigma, v in zip(exact.sigmas, wanted, strict=True)
    )
    assert [list(exact.removed(n - gone)) for gone in range(n - threshold + 1)] == [
        list(range(gone + 1, n - threshold + 1)) for gone in range(n - threshold + 1)
    ]
    assert all(not plain_shares(SIGMA, n, threshold, d).removed(s) for s in range(threshold, n + 1))


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("colluders", [0, 1, 2])
def test_drawn_noise_has_the_deviation_for_every_drop_out(make: Maker, colluders: int) -> None:
    """Five hospitals, of which three remain at least: noise is added, seeds are revealed, noise is taken away."""
    size, sigma, hospitals, threshold = 20_000, 4096.0, 5, 3
    shares = make(sigma, hospitals, threshold, colluders)
    seeds = {
        (who, part): bytes([who, part, colluders]) + bytes(29)
        for who in range(hospitals)
        for part in range(len(shares.sigmas))
    }
    noise = {
        key: discrete_gaussian(shares.sigmas[key[1]], size, Generator(seed)).astype(np.int64)
        for key, seed in seeds.items()
    }
    for survivors in subsets(range(hospitals), threshold):
        total = sum(drawn for (who, _), drawn in noise.items() if who in survivors)
        for who in survivors:
            for part in shares.removed(len(survivors)):
                revealed = Generator(seeds[who, part])
                total = total - discrete_gaussian(shares.sigmas[part], size, revealed)
        honest = total - sum(
            noise[who, part]
            for who in survivors[:colluders]
            for part in range(shares.removed(len(survivors)).start)
        )
        expected = math.sqrt(shares.variance_left(len(survivors)))
        assert abs(np.std(honest) / expected - 1) < 4 / math.sqrt(2 * size)
        assert np.std(honest) >= sigma * (1 - 4 / math.sqrt(2 * size))
        everybody = expected * math.sqrt(len(survivors) / (len(survivors) - colluders))
        assert abs(np.std(total) / everybody - 1) < 4 / math.sqrt(2 * size)


@pytest.mark.parametrize("make", MAKERS)
def test_colluders_who_were_not_provided_for_leave_too_little(make: Maker) -> None:
    """The same count sees the attack: two reveal their noise where one was allowed for."""
    shares = make(SIGMA, 6, 5, 1)
    worst = min(left_by_hand(shares, survivors, (0, 1)) for survivors in subsets(range(6), 5))
    assert worst < Fraction(SIGMA) ** 2


def test_one_component_too_many_removed_leaves_too_little() -> None:
    shares = exact_shares(SIGMA, 6, 4, 1)
    kept = shares.sigmas[: shares.removed(5).start - 1]
    assert 4 * sum(Fraction(sigma) ** 2 for sigma in kept) < Fraction(SIGMA) ** 2


@pytest.mark.parametrize("make", MAKERS)
def test_no_seed_is_revealed_below_the_threshold_or_above_the_cohort(make: Maker) -> None:
    shares = make(SIGMA, 6, 4, 1)
    for survivors in (-1, 0, 3, 7):
        for ask in (shares.removed, shares.variance_left):
            with pytest.raises(RefuseRound) as refusal:
                ask(survivors)
            assert refusal.value.reason is Reason.TOO_FEW


@pytest.mark.parametrize(
    ("hospitals", "threshold", "colluders", "sigma"),
    [
        pytest.param(5, 6, 1, SIGMA, id="threshold above the cohort"),
        pytest.param(5, 3, 3, SIGMA, id="as many colluders as may remain"),
        pytest.param(5, 3, 5, SIGMA, id="more colluders than may remain"),
        pytest.param(5, 3, 9, SIGMA, id="more colluders than hospitals"),
        pytest.param(5, 3, -1, SIGMA, id="fewer than no colluders"),
        pytest.param(0, 0, 0, SIGMA, id="nobody"),
        pytest.param(5, 3, 1, 6.0, id="shares too small to add up to a Gaussian"),
        pytest.param(1, 1, 0, 2.0**27, id="more than can be drawn"),
        pytest.param(5, 3, 1, 0.0, id="no noise"),
        pytest.param(5, 3, 1, -SIGMA, id="less than no noise"),
        pytest.param(5, 3, 1, math.inf, id="infinite noise"),
        pytest.param(5, 3, 1, math.nan, id="not a number"),
    ],
)
@pytest.mark.parametrize("make", MAKERS)
def test_what_does_not_fit_is_refused(
    make: Maker, hospitals: int, threshold: int, colluders: int, sigma: float
) -> None:
    with pytest.raises(FixSettings):
        make(sigma, hospitals, threshold, colluders)


@pytest.mark.parametrize("short", [0, 1, 2])
def test_shares_that_leave_too_little_cannot_be_made(short: int) -> None:
    sigmas = list(exact_shares(SIGMA, 6, 4, 1).sigmas)
    sigmas[short] = math.nextafter(sigmas[short] * (1 - 2.0**-40), 0)
    with pytest.raises(FixSettings, match="too small"):
        NoiseShares(SIGMA, 6, 4, 1, tuple(sigmas))
    with pytest.raises(FixSettings, match="too small"):
        NoiseShares(SIGMA, 6, 4, 1, ())


@settings(max_examples=200, deadline=None)
@given(st.floats(4.001, 2.0**26), st.integers(1, 2**24))
def test_the_multiplier_is_rounded_down(sigma: float, grid: int) -> None:
    exact = (Fraction(sigma) ** 2 - 16) / grid**2
    multiplier = effective_multiplier(sigma, grid)
    assert Fraction(multiplier) ** 2 <= exact < Fraction(math.nextafter(multiplier, math.inf)) ** 2


@pytest.mark.parametrize(
    ("sigma", "grid"), [(4.0, 1), (3.9, 1), (0.0, 1), (-5.0, 1), (math.nan, 1), (math.inf, 1), (10.0, 0)]
)
def test_a_multiplier_of_too_little_noise_is_refused(sigma: float, grid: int) -> None:
    with pytest.raises(FixSettings):
        effective_multiplier(sigma, grid)


def masses(variance: int, reach: int) -> dict[int, mpmath.mpf]:
    """`exp(-k^2 / (2 variance))` for k from -reach to reach."""
    return {k: mpmath.exp(-mpmath.mpf(k * k) / (2 * variance)) for k in range(-reach, reach + 1)}


def off_by(first: int, second: int) -> mpmath.mpf:
    """The largest relative difference of the sum of two discrete Gaussians from one, over a few values."""
    reach = 60 * math.isqrt(first + second)
    one, two, both = masses(first, reach), masses(second, reach), masses(first + second, reach)
    scale = mpmath.fsum(both.values()) / (mpmath.fsum(one.values()) * mpmath.fsum(two.values()))
    return max(
        abs(mpmath.fsum(one[k - j] * two[j] for j in range(-reach // 2, reach // 2)) * scale / both[k] - 1)
        for k in (0, 1, 2, 7)
    )


def test_two_least_shares_sum_to_a_discrete_gaussian() -> None:
    """To the factor that the multiplier's guarantee states; shares of two do not."""
    with mpmath.workdps(200):
        assert off_by(LEAST_VARIANCE, LEAST_VARIANCE) < mpmath.mpf(10) ** -135
        assert off_by(2, 2) > mpmath.mpf(10) ** -10


def rounding_off_by(sigma: int, rounding: float) -> mpmath.mpf:
    """The relative difference of a Gaussian rounded at random from a discrete one of parameter sigma.

    The integral is a sum in steps of an eighth, which for such a smooth function is as good as the integral.
    """
    with mpmath.workdps(200):
        steps = [mpmath.mpf(i) / 8 for i in range(-8 * 25 * sigma, 8 * 25 * sigma + 1)]
        density = [mpmath.exp(-(y * y) / (2 * (sigma**2 - rounding))) for y in steps]
        kernel = {y: mpmath.exp(-(y * y) / (2 * rounding)) for y in steps}
        total = {  # what normalises the rounding, for each of the eight fractions a centre may have
            i: mpmath.fsum(
                mpmath.exp(-((k - mpmath.mpf(i) / 8) ** 2) / (2 * rounding)) for k in range(-110, 111)
            )
            for i in range(8)
        }
        mass = {}
        for k in (0, 1, 5):
            terms = (
                d * kernel[y - k] / total[int(y * 8) % 8]
                for y, d in zip(steps, density, strict=True)
                if abs(y - k) <= 25 * sigma
            )
            mass[k] = mpmath.fsum(terms)
        return max(
            abs(mass[k] / mass[0] / mpmath.exp(-mpmath.mpf(k * k) / (2 * sigma**2)) - 1) for k in (1, 5)
        )


def test_rounding_a_gaussian_at_random_gives_the_discrete_one() -> None:
    """With the 16 that are charged to the factor stated; with a quarter of one, one sees the difference."""
    assert rounding_off_by(5, ROUNDING) < mpmath.mpf(10) ** -136
    assert rounding_off_by(5, 0.25) > mpmath.mpf(10) ** -6
