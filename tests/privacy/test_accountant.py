"""The accountant against known values, a closed form, and a slow accountant that shares nothing with it."""

import math
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import log_ndtr, ndtr

from privacy import accountant
from privacy.accountant import (
    CLOSE,
    GRID,
    MOST_TIMES,
    Epsilon,
    Release,
    epsilon,
    epsilon_by_rdp,
    merge,
    noise_for,
    times_that_fit,
)
from shared.errors import ClinfedError, FixSettings

BAD_RELEASES = [
    (0.0, 0.1, 1, "no noise"),
    (-1.0, 0.1, 1, "negative noise"),
    (math.nan, 0.1, 1, "noise is no number"),
    (math.inf, 0.1, 1, "infinite noise"),
    (1.0, 0.0, 1, "nobody takes part"),
    (1.0, 1.0001, 1, "more than everyone"),
    (1.0, math.nan, 1, "rate is no number"),
    (1.0, 0.1, 0, "no steps"),
    (1.0, 0.1, -1, "negative steps"),
    (1.0, 0.1, 1.5, "half a step"),
    (1.0, 0.1, True, "a truth value"),
    (1.0, 0.1, 10**10, "more steps than anyone takes"),
]
phases = st.builds(
    Release,
    st.floats(0.8, 20.0),
    st.one_of(st.floats(0.001, 0.9), st.just(1.0)),
    st.integers(1, 200),
)


def delta_by_hand(noise: float, rate: float, steps: int, target: float) -> tuple[float, float]:
    """Brackets delta at an epsilon: adds up a step's privacy losses on a fine grid, rounded down and rounded up.

    Both neighbours are tried, a unit removed and a unit added, and the worse one counts. In the test of a slow and
    obvious accountant nothing is clever but the convolution, which is a power of the characteristic function.
    """
    cells, step = 1 << 19, 1e-4
    edges = (np.arange(cells + 1) - cells // 2) * step  # of losses, -26 to 26
    brackets = []
    for removed in (True, False):
        # loss = +-log(1 - q + q * exp((2x - 1) / (2 z^2))) grows with x; the x at which it takes the value of an edge
        ratio = np.exp(edges if removed else -edges) + rate - 1
        with np.errstate(divide="ignore"):
            x = noise**2 * np.log(np.maximum(ratio, 0) / rate) + 0.5
        with_unit = (1 - rate) * ndtr(x / noise) + rate * ndtr((x - 1) / noise)
        below = with_unit if removed else 1 - ndtr(x / noise)
        mass = np.diff(below)
        total = np.fft.irfft(np.fft.rfft(np.fft.ifftshift(mass)) ** steps)
        losses = np.fft.fftshift(total)
        for lift in (0.0, float(steps)):  # every loss was rounded down to its edge, by a cell a step at most
            gain = 1 - np.exp(np.minimum(target - (edges[:-1] + lift * step), 0))
            brackets.append(float(losses @ gain) + (1 - mass.sum()) * steps * (lift > 0))
    low = max(brackets[0], brackets[2])
    high = max(brackets[1], brackets[3])
    return low, high


def epsilon_of_gaussian(mu: float, delta: float) -> float:
    """Epsilon of a Gaussian of sensitivity / noise = mu, exactly (Balle & Wang 2018, Theorem 8)."""

    def excess(target: float) -> float:
        outside = math.exp(target + log_ndtr(-mu / 2 - target / mu))
        return float(ndtr(mu / 2 - target / mu)) - outside - delta

    return float(brentq(excess, 0.0, mu**2 + 10 * mu)) if excess(0.0) > 0 else 0.0


@pytest.mark.parametrize(
    ("release", "known", "known_rdp"),
    [(Release(1.0, 0.01, 1000), 2.13, 2.44), (Release(2.0, 0.1, 300), 4.71, 5.08)],
)
def test_known_values(release: Release, known: float, known_rdp: float) -> None:
    found = epsilon([release], 1e-6)
    assert known - 0.005 < found.prv < known + 0.02  # an upper estimate
    assert found.rdp == pytest.approx(known_rdp, abs=0.005)
    assert found.value == found.prv
    assert epsilon_by_rdp([release], 1e-6) == found.rdp


@pytest.mark.parametrize(
    ("noise", "rate", "steps"),
    [
        (1.0, 0.01, 200),
        (0.8, 0.05, 20),
        (2.0, 0.1, 100),
        (4.0, 0.5, 50),
        (1.5, 0.9, 5),
        (3.0, 1.0, 10),
        (1.0, 0.2, 1),
    ],
)
@pytest.mark.parametrize("delta", [1e-4, 1e-6])
def test_a_slow_accountant_agrees(noise: float, rate: float, steps: int, delta: float) -> None:
    found = epsilon([Release(noise, rate, steps)], delta)
    low, _ = delta_by_hand(noise, rate, steps, found.value)
    assert low <= delta, "the bound is below the truth"
    _, high = delta_by_hand(noise, rate, steps, found.value - 0.03)
    assert high > delta * 0.98, "the bound is far above the truth"
    _, at_rdp = delta_by_hand(noise, rate, steps, found.rdp)
    assert at_rdp <= delta


def test_the_slow_accountant_sees_a_bound_that_is_too_low() -> None:
    """Negative twin: the GDP accountant's value, which is no bound, is found out."""
    noise, rate, steps, delta = 0.8, 0.05, 20, 1e-6
    mu = rate * math.sqrt(steps * (math.exp(1 / noise**2) - 1))
    low, _ = delta_by_hand(noise, rate, steps, epsilon_of_gaussian(mu, delta))
    assert low > delta


@pytest.mark.parametrize("noise", [0.7, 1.0, 5.0, 40.0])
@pytest.mark.parametrize("steps", [1, 7, 300])
@pytest.mark.parametrize("delta", [1e-3, 1e-5, 1e-7])
def test_counts_over_everyone_have_a_closed_form(noise: float, steps: int, delta: float) -> None:
    exact = epsilon_of_gaussian(math.sqrt(steps) / noise, delta)
    found = epsilon([Release(noise, 1.0, steps)], delta)
    assert exact <= found.value <= exact * 1.01 + 0.005 or found.prv == math.inf
    assert exact <= found.rdp


def test_opacus_on_its_own_grid_agrees() -> None:
    history = [Release(1.0, 0.01, 500), Release(2.0, 0.1, 100), Release(30.0, 1.0, 4)]
    opacus = accountant.PRVAccountant()
    opacus.history = [(one.noise_multiplier, one.sample_rate, one.steps) for one in history[:2]]
    assert epsilon(history[:2], 1e-5).prv == pytest.approx(opacus.get_epsilon(1e-5), abs=0.02)
    assert epsilon(history[:2], 1e-5).prv < epsilon(history, 1e-5).prv < epsilon(history, 1e-5).rdp


def test_an_empty_history_costs_nothing() -> None:
    assert epsilon([], 1e-5) == Epsilon(0.0, 0.0)
    assert epsilon_by_rdp([], 1e-5) == 0.0
    assert merge([]) == ()


@settings(deadline=None, max_examples=25)
@given(phases, st.floats(1.05, 2.0))
def test_less_costs_less(release: Release, factor: float) -> None:
    """More steps, less noise, a higher rate: each costs more, by either accountant."""
    noise, rate, steps = release.noise_multiplier, release.sample_rate, release.steps
    dearer = [
        Release(noise, rate, steps + math.ceil(steps * (factor - 1))),
        Release(noise / factor, rate, steps),
        Release(noise, min(1.0, rate * factor), steps),
    ]
    base = epsilon([release], 1e-5)
    for other in dearer:
        found = epsilon([other], 1e-5)
        assert found.value >= base.value * 0.999 - 1e-4
        assert found.rdp >= base.rdp * (1 - 1e-9) - 1e-9 or rate <= 0.25 < other.sample_rate
    assert epsilon([release], 1e-6).value > base.value * 0.999
    assert base.value <= base.rdp


@settings(deadline=None, max_examples=10)
@given(st.lists(phases, min_size=2, max_size=3))
def test_order_and_splitting_do_not_matter(history: list[Release]) -> None:
    value = epsilon(history, 1e-5)
    for order in permutations(history):
        assert epsilon(order, 1e-5) == value
    apart = [Release(one.noise_multiplier, one.sample_rate, 1) for one in history for _ in range(one.steps)]
    assert epsilon(apart, 1e-5) == value
    assert value.value >= max(epsilon([one], 1e-5).value for one in history) * 0.999 - 1e-4


def test_equal_phases_are_one() -> None:
    once, again = Release(2.0, 0.1, 3), Release(2.0, 0.1, 5)
    assert merge([once, Release(1.0, 0.1), again]) == (Release(1.0, 0.1, 1), Release(2.0, 0.1, 8))


def test_counts_over_everyone_are_one_gaussian() -> None:
    (one,) = merge([Release(3.0, 1.0, 9), Release(2.0, 1.0, 4)])
    assert (one.sample_rate, one.steps) == (1.0, 1)
    assert one.noise_multiplier == pytest.approx(1 / math.sqrt(2))
    assert one.noise_multiplier < 1 / math.sqrt(2)  # rounded towards more cost


@pytest.mark.parametrize(
    ("release", "delta", "why"),
    [
        (Release(0.01, 0.1), 1e-5, "losses beyond what exp can hold"),
        (Release(2.0, 0.1, 300), 1e-11, "delta within rounding"),
        (Release(2.0, 1e-6, 10**7), 1e-6, "more steps than the grid can hold"),
        (Release(1e-9, 0.1), 1e-5, "hardly any noise"),
    ],
)
def test_where_numbers_give_out_the_other_bound_is_reported(release: Release, delta: float, why: str) -> None:
    found = epsilon([release], delta)
    assert found.prv == math.inf, why
    assert found.value == found.rdp
    assert not math.isnan(found.rdp)


@pytest.mark.parametrize("error", [OverflowError, ValueError, RuntimeError, IndexError, ZeroDivisionError])
def test_a_failure_of_opacus_leaves_the_other_bound(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> float:
        raise error

    release = Release(1.75 + 1e-7 * len(error.__name__), 0.11, 30)  # not in the cache
    monkeypatch.setattr(accountant.PRVAccountant, "get_epsilon", fail)
    found = epsilon([release], 1e-5)
    assert found.prv == math.inf
    assert found.value == found.rdp < 10
    monkeypatch.setattr(accountant.PRVAccountant, "get_epsilon", lambda *_, **__: math.nan)
    assert epsilon([Release(1.76, 0.11, 30)], 1e-5).prv == math.inf


@pytest.mark.parametrize(("noise", "rate", "steps", "why"), BAD_RELEASES)
def test_a_release_out_of_range_is_refused(noise: float, rate: float, steps: Any, why: str) -> None:
    with pytest.raises(ClinfedError, match="out of range") as refusal:
        Release(noise, rate, steps)
    assert refusal.value.code == "fix-settings", why


@pytest.mark.parametrize("delta", [0.0, 1.0, -1e-5, math.nan])
def test_a_delta_out_of_range_is_refused(delta: float) -> None:
    for call in (epsilon, epsilon_by_rdp):
        with pytest.raises(FixSettings, match="delta"):
            call([Release(1.0, 0.1)], delta)


@pytest.mark.parametrize(
    ("target", "history", "rate", "steps"),
    [
        (3.0, [], 0.2, 64),
        (8.0, [], 0.05, 300),
        (1.0, [Release(5.0, 0.1, 20)], 0.1, 50),
        (0.3, [], 1.0, 10),
        (60.0, [], 0.1, 1),
    ],
)
def test_noise_keeps_to_the_target_and_is_hardly_more_than_needed(
    target: float, history: list[Release], rate: float, steps: int
) -> None:
    noise = noise_for(target, 1e-5, history, rate, steps)
    assert noise * GRID == pytest.approx(round(noise * GRID))
    assert epsilon([*history, Release(noise, rate, steps)], 1e-5).value <= target
    less = min(noise - 1 / GRID, noise * (1 - 2 / CLOSE))
    if less > 0:
        assert epsilon([*history, Release(less, rate, steps)], 1e-5).value > target


def test_no_noise_pays_for_a_history() -> None:
    with pytest.raises(FixSettings, match="cannot keep epsilon at 1"):
        noise_for(1.0, 1e-5, [Release(1.0, 1.0)], 0.1, 10)
    for target in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(FixSettings, match="epsilon"):
            noise_for(target, 1e-5, [], 0.1, 10)


@pytest.mark.parametrize(
    ("mix", "history"),
    [
        ([Release(5.0, 0.2)], []),
        ([Release(5.0, 0.2, 10), Release(60.0, 1.0)], [Release(3.0, 0.1, 30)]),
    ],
)
def test_as_often_as_it_fits_and_not_once_more(mix: list[Release], history: list[Release]) -> None:
    times = times_that_fit(mix, history, 2.0, 1e-5)
    assert 1 < times < MOST_TIMES
    assert epsilon([*history, *(mix * times)], 1e-5).value <= 2.0
    assert epsilon([*history, *(mix * (times + 1))], 1e-5).value > 2.0


def test_how_often_has_an_end_on_both_sides() -> None:
    assert times_that_fit([Release(1.0, 1.0)], [], 1.0, 1e-5) == 0
    assert times_that_fit([Release(1000.0, 0.001)], [], 1.0, 1e-5) == MOST_TIMES
