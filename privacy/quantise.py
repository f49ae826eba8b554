"""Gradients as integers of a bounded norm: a unit's contribution to a sum, with its sensitivity proved by counting.

Floats have no exact sensitivity: their sums round, each in its own way (Casacuberta et al. 2022). So each unit's
gradient becomes a vector of integers before anything is added, and its norm is checked as an integer.
"""

import math

import numpy as np
from numpy.typing import NDArray

from shared.errors import FixSettings
from shared.refusal import Reason, RefuseRound

LARGEST_GRID = 1 << 24
LARGEST_UNITS = 1 << 32
LARGEST_GRADIENT = 1 << 32  # coordinates
_EXPONENT = 60  # of norms: within it, no product here overflows or vanishes
_CHUNK = 1 << 14  # coordinates, whose squares within the largest grid sum to at most 2^62
_SLACK = 1 - 2.0**-20  # more than all roundings together, so that the check below never fails


def quantise(gradient: NDArray[np.float32], max_grad_norm: float, grid: int) -> NDArray[np.int32]:
    """Clips one unit's gradient to a norm and lays it on a grid, towards zero.

    Args:
        gradient: of one unit, summed over its examples and not clipped; float32, shape (coordinates,).
        max_grad_norm: the L2 norm to clip to, in the gradient's unit, 2^-60 to 2^60.
        grid: integer steps that this norm becomes, 1 to 2^24.

    Returns:
        Integers, shape (coordinates,); of a gradient within the norm, `gradient * grid / max_grad_norm` less a
        millionth and less than one step, coordinate by coordinate.

    Raises:
        FixSettings: a norm or grid out of its range.
        RefuseRound: another shape or type, a value that is not finite, or a norm that exceeds the grid after all.

    Guarantees: the squares of what is returned sum to at most `grid^2`, counted in integers before it is returned. A
    sum over units therefore changes by an L2 norm of at most `grid` if a unit is added or removed, whatever the
    gradients, as long as each unit enters it through one call of this function. A value that is not finite is
    refused rather than ignored: one unit can stop a round, but not distort it.
    """
    if gradient.ndim != 1:
        raise RefuseRound(Reason.VECTOR)
    quantised = np.empty(gradient.size, dtype=np.int32)
    _quantise(gradient, max_grad_norm, grid, quantised)
    return quantised


def quantise_units(gradients: NDArray[np.float32], max_grad_norm: float, grid: int) -> NDArray[np.int64]:
    """The sum of many units' quantised gradients.

    Args:
        gradients: shape (units, coordinates), each unit in one row.
        max_grad_norm: as for `quantise`.
        grid: as for `quantise`.

    Returns:
        Shape (coordinates,), int64.

    Raises:
        FixSettings: as `quantise`.
        RefuseRound: as `quantise`.

    Guarantees: as `quantise`. No overflow: up to 2^32 units of at most 2^24 each stay within 2^56, and so do sums of
    such sums over all hospitals. In a ring of 32 bits, `units * grid` must stay below 2^31 less the noise.
    """
    _check_settings(max_grad_norm, grid)
    if gradients.ndim != 2 or len(gradients) > LARGEST_UNITS:
        raise RefuseRound(Reason.VECTOR)
    total = np.zeros(gradients.shape[1], dtype=np.int64)
    quantised = np.empty(total.size, dtype=np.int32)
    for gradient in gradients:
        _quantise(gradient, max_grad_norm, grid, quantised)
        total += quantised
    return total


def dequantise(total: NDArray[np.integer], max_grad_norm: float, grid: int) -> NDArray[np.float32]:
    """A sum in the gradient's unit, which is post-processing.

    Args:
        total: integers, with or without noise, shape (coordinates,).
        max_grad_norm: as it was quantised with.
        grid: as it was quantised with.

    Returns:
        `total * max_grad_norm / grid`, rounded to float32; shape (coordinates,).
    """
    _check_settings(max_grad_norm, grid)
    return (total.astype(np.float64) * (max_grad_norm / grid)).astype(np.float32)


def _quantise(
    gradient: NDArray[np.float32], max_grad_norm: float, grid: int, quantised: NDArray[np.int32]
) -> None:
    """Writes one unit's integers into `quantised`, and returns only if their squares have been counted."""
    _check_settings(max_grad_norm, grid)
    if gradient.dtype != np.float32 or gradient.size > LARGEST_GRADIENT:
        raise RefuseRound(Reason.VECTOR)
    steps = _scale(gradient, max_grad_norm, grid)
    scaled = np.empty(min(_CHUNK, gradient.size), dtype=np.float64)
    squares = largest = 0
    for start in range(0, gradient.size, _CHUNK):
        part = quantised[start : start + _CHUNK]
        part[:] = _towards_zero(np.multiply(gradient[start : start + _CHUNK], steps, out=scaled[: part.size]))
        largest = max(largest, int(part.max()), -int(part.min()))
        exact = part.astype(np.int64)
        squares += int(exact @ exact)
    if largest > grid or squares > grid**2:  # within the grid, no chunk's sum of squares has overflowed
        raise RefuseRound(Reason.VECTOR)


def _scale(gradient: NDArray[np.float32], max_grad_norm: float, grid: int) -> float:
    """Steps to the gradient's unit. In float64, no square of a float32 is rounded, overflows or vanishes."""
    squares = 0.0
    for start in range(0, gradient.size, _CHUNK):
        exact = gradient[start : start + _CHUNK].astype(np.float64)
        squares += float(exact @ exact)
    if not math.isfinite(squares):
        raise RefuseRound(Reason.VECTOR)
    return grid / max(math.sqrt(squares), max_grad_norm) * _SLACK


def _towards_zero(scaled: NDArray[np.float64]) -> NDArray[np.float64]:
    """No coordinate grows, so the norm cannot."""
    return np.trunc(scaled, out=scaled)


def _check_settings(max_grad_norm: float, grid: int) -> None:
    if not 2.0**-_EXPONENT <= max_grad_norm <= 2.0**_EXPONENT:
        raise FixSettings(
            "a norm to clip to is not between 2^-60 and 2^60", where="max_grad_norm", remedy="Choose another."
        )
    if not 1 <= grid <= LARGEST_GRID:
        raise FixSettings("a grid is not between 1 and 2^24 steps", where="grid", remedy="Choose another.")
