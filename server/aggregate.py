"""Where updates are merged: checked vectors in, their sum out.

Secure aggregation takes the place of `add`: it, too, turns the hospitals' vectors into their sum.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privacy.quantise import dequantise
from server.strategy import Arrays
from shared.errors import RejectUpdate
from shared.private import PrivateRound
from shared.vector import Layout

LARGEST_COUNT = 1 << 24  # up to here float32 holds every whole number


def accept_update(layout: Layout, vector: NDArray[np.generic]) -> NDArray[np.float32]:
    """Checks one hospital's training vector before it may enter the sum.

    Returns:
        The same vector.

    Raises:
        RejectUpdate: another shape or type, a value that is not finite, or a weight that is no count.
    """
    layout.check(vector)
    checked = vector.astype(np.float32, copy=False)
    _, extras = layout.unpack(checked)
    if not 1 <= extras["examples"] <= LARGEST_COUNT or extras["examples"] != int(extras["examples"]):
        raise RejectUpdate(
            f"the number of examples is not a whole number from 1 to {LARGEST_COUNT}", where="vector"
        )
    return checked


def accept_counts(layout: Layout, vector: NDArray[np.generic]) -> NDArray[np.int64]:
    """Checks one hospital's evaluation vector.

    Returns:
        Counts, shape `(labels, counts per label)`.

    Raises:
        RejectUpdate: another shape or type, or a value that is no count.
    """
    layout.check(vector)
    counts = layout.unpack(vector.astype(np.float32, copy=False))[0]["counts"]
    if (counts < 0).any() or (counts > LARGEST_COUNT).any() or (counts != np.floor(counts)).any():
        raise RejectUpdate(f"a count is not a whole number from 0 to {LARGEST_COUNT}", where="vector")
    return counts.astype(np.int64)


def add(vectors: Mapping[str, NDArray[np.number]]) -> NDArray[np.float64]:
    """The sum of the hospitals' vectors, in the order of their names so that it is the same bit for bit."""
    total = np.zeros(next(iter(vectors.values())).shape, dtype=np.float64)
    for hospital in sorted(vectors):
        np.add(total, vectors[hospital], out=total)
    return total


@dataclass(frozen=True)
class MeanUpdate:
    """What the sum of training vectors says.

    Args:
        arrays: mean of (trained - global), weighted by examples; or the mean gradient, downhill; float32.
        examples: behind it; of gradients, the units that are expected in a step.
        loss: mean training loss, weighted by examples; None where hospitals do not tell it.
    """

    arrays: Arrays
    examples: int
    loss: float | None


def mean_update(layout: Layout, total: NDArray[np.float64]) -> MeanUpdate:
    """Divides the sum of training vectors by the sum of their weights."""
    arrays, extras = layout.unpack(total)
    examples = extras["examples"]
    return MeanUpdate(
        arrays={name: (array / examples).astype(np.float32) for name, array in arrays.items()},
        examples=int(examples),
        loss=extras["loss"] / examples,
    )


def mean_descent(layout: Layout, total: NDArray[np.float64], private: PrivateRound, units: int) -> MeanUpdate:
    """Divides the noised sum of clipped gradients by the units that are expected in it, and turns it downhill.

    Args:
        layout: of gradients.
        total: integers, shape (coordinates,).
        private: the order that was answered.
        units: declared by the hospitals whose vectors are in the sum.
    """
    expected = private.sample_rate * units
    gradient = dequantise(total.astype(np.int64), private.max_grad_norm, private.grid)
    arrays, _ = layout.unpack(gradient)
    return MeanUpdate(
        arrays={name: (-array / expected).astype(np.float32) for name, array in arrays.items()},
        examples=round(expected),
        loss=None,
    )
