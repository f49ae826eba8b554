"""Quantised gradients against fractions: their integer norm never exceeds the grid, whatever the floats."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from privacy import quantise as module
from privacy.quantise import LARGEST_GRID, dequantise, quantise, quantise_units
from shared.errors import FixSettings
from shared.refusal import Reason, RefuseRound

MOST = float(np.finfo(np.float32).max)
TINY = float(np.finfo(np.float32).smallest_subnormal)
LOSS = 1 - Fraction(1, 2**19)  # more than the slack and all roundings take

coordinate = st.floats(width=32, allow_nan=False, allow_infinity=False) | st.sampled_from(
    [0.0, -0.0, TINY, -TINY, MOST, -MOST, 1.0, -1.0, 1e-38, 0.1]
)
gradients = arrays.arrays(np.float32, st.integers(0, 40), elements=coordinate)
alike = st.builds(
    lambda size, value: np.full(size, value, dtype=np.float32), st.integers(1, 5000), coordinate
)
norms = st.floats(2.0**-60, 2.0**60) | st.sampled_from([1e-3, 0.1, 1.0, 1.5, 10.0])
grids = st.sampled_from([1, 2, 3, 7, 1000, 1 << 16, (1 << 20) + 1, LARGEST_GRID]) | st.integers(
    1, LARGEST_GRID
)


def floats(*values: float) -> NDArray[np.float32]:
    return np.array(values, dtype=np.float32)


def squared_norm(quantised: NDArray[np.generic]) -> int:
    """Counted in integers of any size."""
    return sum(int(value) ** 2 for value in quantised)


def refused(gradient: NDArray[np.generic], max_grad_norm: float = 1.0, grid: int = 1 << 16) -> None:
    with pytest.raises(RefuseRound) as refusal:
        quantise(gradient, max_grad_norm, grid)  # type: ignore[arg-type]
    assert refusal.value.reason is Reason.VECTOR


@settings(max_examples=400, deadline=None)
@given(gradients | alike, norms, grids)
def test_the_norm_keeps_to_the_grid_and_the_direction_to_a_step(
    gradient: NDArray[np.float32], max_grad_norm: float, grid: int
) -> None:
    """Each coordinate is the clipped one's, in steps, less a little and rounded towards zero; as squares, exactly."""
    quantised = quantise(gradient, max_grad_norm, grid)
    assert quantised.dtype == np.int32
    assert quantised.shape == gradient.shape
    assert squared_norm(quantised) <= grid**2

    exact = {value: Fraction(value) for value in set(gradient.tolist())}
    squares = sum(exact[value] ** 2 for value in gradient.tolist())
    factor = Fraction(grid) ** 2 / max(squares, Fraction(max_grad_norm) ** 2)
    for value, integer in set(zip(gradient.tolist(), quantised.tolist(), strict=True)):
        wanted = exact[value] ** 2 * factor  # the clipped coordinate in steps, squared
        assert integer**2 <= wanted
        assert (abs(integer) + 1) ** 2 >= wanted * LOSS**2
        assert integer * value >= 0


@pytest.mark.parametrize("size", [1, 2, 1000, (1 << 14) - 1, 1 << 14, (1 << 14) + 1, 200_003])
@pytest.mark.parametrize("grid", [1, 300, 1 << 16, LARGEST_GRID])
@pytest.mark.parametrize("length", [1e-30, 0.5, 0.999999, 1.0, 1.000001, 3.0, 1e30])
def test_long_vectors(size: int, grid: int, length: float) -> None:
    gradient = np.random.default_rng(size).normal(0, 1, size)
    gradient *= length / np.linalg.norm(gradient)
    quantised = quantise(gradient.astype(np.float32), 1.0, grid)
    assert squared_norm(quantised) <= grid**2
    wanted = gradient * (grid / max(length, 1.0))
    assert np.abs(quantised - wanted).max() <= 1 + grid * 2.0**-19
    assert np.linalg.norm(quantised - wanted) <= math.sqrt(size) + grid * 2.0**-19


@pytest.mark.parametrize("value", [1.0, -1.0, 7.3, 1e20, MOST, -MOST])
@pytest.mark.parametrize("place", [0, 5, 99])
def test_one_hot(value: float, place: int) -> None:
    """One coordinate has the whole norm: of a thousand steps, the slack costs it the last."""
    gradient = np.zeros(100, dtype=np.float32)
    gradient[place] = value
    wanted = np.zeros(100, dtype=int)
    wanted[place] = math.copysign(999, value)
    assert np.array_equal(quantise(gradient, 1.0, 1000), wanted)


def test_nothing_is_lost_of_the_sum_but_steps() -> None:
    """Post-processing gives back the clipped sum to within a step a unit and coordinate."""
    rng = np.random.default_rng(0)
    units = (rng.normal(0, 0.01, (50, 400)) * rng.uniform(0.1, 30, (50, 1))).astype(np.float32)
    norms = np.linalg.norm(units.astype(float), axis=1, keepdims=True)
    clipped = (units * np.minimum(1, 0.5 / norms)).sum(0)
    back = dequantise(quantise_units(units, 0.5, 1 << 20), 0.5, 1 << 20)
    assert back.dtype == np.float32
    assert np.abs(back - clipped).max() <= 50 * 0.5 * (2.0**-20 + 2.0**-19)


def test_dequantising_is_exact_where_it_can_be() -> None:
    total = np.array([-(2**40), -3, 0, 1, 2**16], dtype=np.int64)
    assert dequantise(total, 0.5, 1 << 16).tolist() == [v * 0.5 / 2**16 for v in total.tolist()]
    assert dequantise(total.astype(np.int32)[1:], 1.0, 1).tolist() == [-3, 0, 1, 2**16]


@settings(max_examples=100, deadline=None)
@given(
    arrays.arrays(np.float32, st.tuples(st.integers(1, 6), st.integers(1, 12)), elements=coordinate),
    arrays.arrays(np.float32, 12, elements=coordinate),
    norms,
    grids,
)
def test_a_unit_more_or_less_changes_a_sum_by_no_more_than_the_grid(
    units: NDArray[np.float32], newcomer: NDArray[np.float32], max_grad_norm: float, grid: int
) -> None:
    total = quantise_units(units, max_grad_norm, grid)
    assert (
        total.tolist() == sum(quantise(unit, max_grad_norm, grid).astype(object) for unit in units).tolist()
    )
    assert total.dtype == np.int64
    more = quantise_units(np.vstack([units, newcomer[: units.shape[1]]]), max_grad_norm, grid)
    assert squared_norm(more - total) <= grid**2
    for gone in range(len(units)):
        less = quantise_units(np.delete(units, gone, axis=0), max_grad_norm, grid)
        assert squared_norm(total - less) <= grid**2


def test_float_sums_have_no_such_bound() -> None:
    """Why gradients are quantised one by one: in float32 a tiny unit can move a sum by more than its norm.

    Beside 2^24 there are even numbers only. Clipped to one, the newcomer changes the sum by two.
    """
    units = floats(2.0**24, 1.0, 1.0)
    assert np.add.accumulate(units)[-1] - units[0] == 0
    assert np.float32(2.0**24 + 2) + np.float32(1) - np.float32(2.0**24 + 2) == 2


def test_sums_of_many_units_at_the_grid_do_not_overflow() -> None:
    units = np.ones((300, 1), dtype=np.float32)
    each = int(quantise(units[0], 1.0, LARGEST_GRID)[0])
    assert quantise_units(units, 1.0, LARGEST_GRID).tolist() == [300 * each]
    assert 300 * each > 2**31
    assert quantise_units(np.empty((0, 3), np.float32), 1.0, 8).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("gradient", "grid"),
    [
        pytest.param(np.ones(1000, np.float32), 20, id="each coordinate 0.63 steps, rounded up to one"),
        pytest.param(np.ones(40_000, np.float32), 301, id="each 1.505 steps, rounded up to two"),
        pytest.param(floats(3, 3, 3, 3, 3, 3, 3, 3), 10, id="each 3.54 steps, rounded up to four"),
    ],
)
def test_rounding_to_nearest_would_exceed_the_grid(
    monkeypatch: pytest.MonkeyPatch, gradient: NDArray[np.float32], grid: int
) -> None:
    """Without truncation the norm is too large, and the count finds it; without the count nobody would."""
    assert squared_norm(quantise(gradient, 1.0, grid)) <= grid**2
    scaled = gradient / np.linalg.norm(gradient) * grid
    assert squared_norm(np.rint(scaled).astype(int)) > grid**2
    monkeypatch.setattr(module, "_towards_zero", np.rint)
    refused(gradient, 1.0, grid)


def test_without_clipping_the_count_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_scale", lambda gradient, max_grad_norm, grid: grid / max_grad_norm)
    assert squared_norm(quantise(floats(0.6, 0.8), 1.0, 1000)) <= 1000**2
    refused(floats(0.7, 0.8), 1.0, 1000)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_count_is_not_fooled_by_overflow(monkeypatch: pytest.MonkeyPatch, sign: int) -> None:
    """2^14 squares of 2^25 sum to 2^64, which is zero in 64 bits."""
    monkeypatch.setattr(module, "_scale", lambda gradient, max_grad_norm, grid: 2.0**25)
    ones = np.full(1 << 14, sign, dtype=np.float32)
    steps = (ones * 2.0**25).astype(np.int64)
    assert steps @ steps == 0
    refused(ones, 1.0, LARGEST_GRID)


@pytest.mark.parametrize("place", [0, 1, 20_000, 40_000])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_refused(place: int, value: float) -> None:
    gradient = np.zeros(40_001, dtype=np.float32)
    gradient[place] = value
    refused(gradient)
    with pytest.raises(RefuseRound):
        quantise_units(np.vstack([np.zeros_like(gradient), gradient]), 1.0, 8)


@pytest.mark.parametrize(
    "gradient",
    [
        pytest.param(np.zeros((2, 3), np.float32), id="two dimensions: of one unit or of several?"),
        pytest.param(np.zeros(3, np.float64), id="doubles, whose squares are rounded"),
        pytest.param(np.zeros(3, np.int32), id="integers"),
        pytest.param(np.zeros(3, ">f4"), id="the other byte order"),
    ],
)
def test_another_shape_or_type_is_refused(gradient: NDArray[np.generic]) -> None:
    refused(gradient)


def test_units_that_are_no_matrix_are_refused() -> None:
    with pytest.raises(RefuseRound):
        quantise_units(np.zeros(3, np.float32), 1.0, 8)


@pytest.mark.parametrize(
    ("max_grad_norm", "grid"),
    [(0.0, 8), (-1.0, 8), (math.nan, 8), (math.inf, 8), (2.0**-61, 8), (1.0, 0), (1.0, -8), (1.0, 2**24 + 1)],
)
def test_settings_out_of_range_are_refused(max_grad_norm: float, grid: int) -> None:
    with pytest.raises(FixSettings):
        quantise(floats(1.0), max_grad_norm, grid)
    with pytest.raises(FixSettings):
        quantise_units(np.empty((0, 2), np.float32), max_grad_norm, grid)
    with pytest.raises(FixSettings):
        dequantise(np.zeros(2, np.int64), max_grad_norm, grid)
