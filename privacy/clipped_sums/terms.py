"""What a layer leaves of one trained weight's gradient: a sum over rows, still apart by unit.

Every layer we know adds up, row by row, one of three forms: an outer product (`Outer`: matrices), a vector
(`Sum`: biases, scales), or vectors at indices (`Scatter`: embedding tables).
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.linalg import vector_norm
from typing_extensions import override

from privacy.clipped_sums.units import UnitRows

FLOAT32 = 2.0**-24
"""Unit roundoff; a sum of n products, in whatever order, is off by at most `n * FLOAT32 / (1 - n * FLOAT32)` of the
sum of their sizes (Higham 2002, section 3.1)."""
_UP = 1 + 2.0**-20  # more than float64 rounds here


@dataclass(frozen=True)
class Bounds:
    """What is certain of each unit's gradient, in real arithmetic on what a term holds of the unit.

    Args:
        squares: no less than its squared L2 norm, float64, shape `(units,)`; not finite where it may not be.
        slips: squared; a weighted sum over units is off, by float32 rounding in `Term.add_weighted`, by an L2 norm
            of at most the sum over units of weight times slip. Float64, shape `(units,)`.
    """

    squares: Tensor
    slips: Tensor


class Term(ABC):
    """One trained weight's gradient in one micro-batch."""

    @abstractmethod
    def squared_norms(self) -> Tensor:
        """Squared L2 norm of each unit's gradient, float64, shape `(units,)`."""

    def bounds(self, most_units: int) -> Bounds:
        """Proved bounds, where `squared_norms` is as good as float32 happens to be.

        Args:
            most_units: no less than the units of this micro-batch.

        Guarantees: of terms that hold a unit's whole gradient as one float32 vector, its norm is that vector's, and
        a weighted sum over units adds up at most `most_units` products a coordinate.
        """
        squares = self.squared_norms() * _UP
        return Bounds(squares, squares * slip(most_units) ** 2)

    @abstractmethod
    def numbers(self, unit: int) -> Sequence[Tensor]:
        """All numbers that a local unit's gradient follows from."""

    @abstractmethod
    def add_weighted(self, weights: Tensor, into: Tensor) -> None:
        """Adds the weighted sum of the units' gradients.

        Args:
            weights: float32, shape `(units,)`. A unit of weight 0 is left out, even if its gradient is not finite.
            into: of the trained weight's shape, contiguous, float32; or float64, to which the float32 sum is added.
        """

    @abstractmethod
    def write_units(self, first: int, last: int, into: Tensor) -> None:
        """Writes each unit's gradient.

        Args:
            first: local unit to begin with.
            last: one past the last.
            into: all of it is written over, whatever it held; shape `(last - first, size)`, float32, rows in the
                layout of the trained weight.
        """


class Sum(Term):
    """A vector for each row.

    Args:
        values: shape `(rows, positions, size)`, any floating type.
        rows: their units.
    """

    def __init__(self, values: Tensor, rows: UnitRows) -> None:
        self._sums = rows.sums(values.sum(1, dtype=torch.float32))  # (units, size)

    @override
    def squared_norms(self) -> Tensor:
        norms: Tensor = vector_norm(self._sums, dim=1, dtype=torch.float64)
        return norms.square()

    @override
    def numbers(self, unit: int) -> Sequence[Tensor]:
        return (self._sums[unit],)

    @override
    def add_weighted(self, weights: Tensor, into: Tensor) -> None:
        add_matrix(self._sums, weights, into)

    @override
    def write_units(self, first: int, last: int, into: Tensor) -> None:
        into.copy_(self._sums[first:last])


class Scatter(Term):
    """A vector for each row and position, which belongs to one index of a table.

    A unit that meets an index often has one gradient there, the sum, and its norm is that of the sum.

    Args:
        index: of the table, int64, shape `(rows, positions)`.
        values: shape `(rows, positions, width)`.
        rows: their units.
        size: indices of the table.
        padding: index that never learns; None for none.
    """

    def __init__(
        self, index: Tensor, values: Tensor, rows: UnitRows, *, size: int, padding: int | None
    ) -> None:
        owner = rows.owner.unsqueeze(1).expand_as(index)
        keys, vectors = (owner * size + index).flatten(), values.flatten(0, 1).float()
        if padding is not None:
            learns = (index != padding).flatten()
            keys, vectors = keys[learns], vectors[learns]
        found, where = torch.unique(keys, return_inverse=True)
        self._units, self._size = rows.units, size
        self._owner, self._index = found // size, found % size  # (met,) each
        self._sums = vectors.new_zeros(len(found), values.shape[2]).index_add_(0, where, vectors)

    @override
    def squared_norms(self) -> Tensor:
        squares: Tensor = vector_norm(self._sums, dim=1, dtype=torch.float64).square()
        return squares.new_zeros(self._units).index_add_(0, self._owner, squares)

    @override
    def numbers(self, unit: int) -> Sequence[Tensor]:
        own = self._owner == unit
        return self._index[own], self._sums[own]

    @override
    def add_weighted(self, weights: Tensor, into: Tensor) -> None:
        factors = weights[self._owner]
        index, sums = self._index, self._sums
        if bool((factors == 0).any()):
            kept = factors != 0
            factors, index, sums = factors[kept], index[kept], sums[kept]
        into.index_add_(0, index, (sums * factors.unsqueeze(1)).to(into.dtype))

    @override
    def write_units(self, first: int, last: int, into: Tensor) -> None:
        chosen = (self._owner >= first) & (self._owner < last)
        into.zero_()
        table = into.unflatten(1, (self._size, -1))  # (units, size, width)
        table[self._owner[chosen] - first, self._index[chosen]] = self._sums[chosen]


def add_matrix(gradients: Tensor, weights: Tensor, into: Tensor) -> None:
    """Adds the weighted sum of rows.

    Args:
        gradients: of each unit, shape `(units, size)`; units of weight 0 are not looked at.
        weights: shape `(units,)`.
        into: `size` elements, contiguous.
    """
    if bool((weights == 0).any()):
        kept = weights != 0
        gradients, weights = gradients[kept], weights[kept]
    if into.dtype == torch.float32:
        into.view(-1).addmv_(gradients.t(), weights)
    else:
        into.view(-1).add_(gradients.t() @ weights)


def slip(products: int) -> float:
    """By how much of the sum of its products' sizes a float32 sum of so many is off, weights multiplied in before."""
    rounded = (products + 2) * FLOAT32
    return rounded / (1 - rounded)
