"""The gradient of a matrix: a sum of outer products of what came out (its gradient) and what went in.

With rows x_t (what went in) and g_t (the gradient of what came out) of one unit, the gradient is G^T X, and
||G^T X||^2 = <X X^T, G G^T>: the ghost norm (Goodfellow 2015, arXiv:1510.01799; Li et al. 2022, arXiv:2110.05679,
section 4), which is cheaper than the product where rows are few. Book-keeping (Bu et al. 2023, arXiv:2210.00038,
section 3) then forms the weighted sum over units as one product of all rows, with no second backward pass.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.linalg import vector_norm
from typing_extensions import override

from privacy.clipped_sums.products import gram, is_rounded, outer_sum, outer_sums
from privacy.clipped_sums.terms import Bounds, Term, add_matrix, slip
from privacy.clipped_sums.units import Slab, UnitRows

_REMEMBERED = 2
_SLACK = 2.0**-21  # of (sum of |x_t| |g_t|)^2; some 15 times the worst error found in float32
_ROUNDING = 2.0**-8  # relative, of one number rounded to bfloat16
_UP = 1 + 2.0**-20  # more than float64 rounds here
LARGEST_ROW = 2.0**20  # |x_t| and |g_t| of which rounding is bounded here
_VANISHED = 2.0**-50  # more than all that becomes 0 for being too small, with such rows


@dataclass(frozen=True)
class Inner:
    """Inner products of each unit's rows.

    Args:
        products: float32, but rounded to bfloat16 if `is_rounded(rows)`, shape `(units, n, n)` for n rows a unit;
            not to be changed.
        rows: shape `(units, n, width)`.
    """

    products: Tensor
    rows: Tensor

    @cached_property
    def lengths(self) -> Tensor:
        """Their norms, float64, shape `(units, n)`."""
        lengths: Tensor = vector_norm(self.rows, dim=2, dtype=torch.float64)
        return lengths.contiguous()  # so that sums over them go unit by unit


class Grams:
    """The inner products formed last: query, key and value share their input, an LSTM's two matrices their gates."""

    def __init__(self) -> None:
        self._last: list[tuple[Tensor, Slab, bool, Inner]] = []

    def of(self, values: Tensor, slab: Slab, *, blank: bool) -> Inner:
        """Inner products of each unit's rows.

        Args:
            values: shape `(rows, positions, width)`.
            slab: which units.
            blank: as for `Slab.gather`.
        """
        for known, where, blanked, inner in self._last:
            if where is slab and blanked is blank and _is_same(known, values):
                return inner
        rows = slab.gather(values, blank=blank)
        inner = Inner(gram(rows), rows)
        # Keeping `values` keeps their memory from being given to another tensor at the same address.
        self._last = [*self._last[1 - _REMEMBERED :], (values, slab, blank, inner)]
        return inner


class Outer(Term):
    """A sum of outer products.

    Args:
        inputs: what the layer read, shape `(rows, positions, n)`.
        gradient: of what it wrote, shape `(rows, positions, m)`.
        rows: their units.
        grams: shared by the micro-batch.
    """

    def __init__(self, inputs: Tensor, gradient: Tensor, rows: UnitRows, grams: Grams) -> None:
        self._inputs, self._gradient, self._rows, self._grams = inputs, gradient, rows, grams
        self._narrow = gradient.shape[2] <= inputs.shape[2]
        self._formed: dict[int, Tensor] = {}  # slab: gradients of its units, (units, m, n)

    @override
    def squared_norms(self) -> Tensor:
        norms = torch.zeros(self._rows.units, dtype=torch.float64)
        for number, slab in enumerate(self._rows.slabs):
            if self._is_small(slab):
                formed = self._formed[number] = self._form(slab)
                # Row by row first: one float32 sum over all of a large matrix loses up to 1e-4 of it.
                lengths = vector_norm(formed if self._narrow else formed.mT, dim=2)
                norms[slab.units] = vector_norm(lengths, dim=1, dtype=torch.float64).square()
            else:
                inputs, outputs = self._inner(slab)
                norms[slab.units] = _ghost(inputs.products, outputs.products, self._rounding())
        self._let_go()
        return norms

    @override
    def bounds(self, most_units: int) -> Bounds:
        """As in `Term`.

        Guarantees: of a unit that is formed, as in `Term`. Else, with n = |x|, m = |g| coordinates and t the sum over
        its rows of |x_t| |g_t|, all that float32 may lose of its squared norm is below `slip(2 (n + m)) t^2`, since
        each inner product is off by less than `slip(n) |x_s| |x_t|`, and with products rounded to bfloat16 by 2^-8 of
        itself more. A unit with a row beyond 2^20 has no finite bound; for others, numbers too small for float32 are
        in `_VANISHED`. A weighted sum over units has at most `most_units` times the unit's rows for products, and
        is off by `slip(of these) t` times the weight.
        """
        squares, slips = (torch.zeros(self._rows.units, dtype=torch.float64) for _ in range(2))
        for number, slab in enumerate(self._rows.slabs):
            if self._is_small(slab):
                formed = self._formed[number] = self._form(slab)
                flat = (formed if self._narrow else formed.mT).flatten(1)  # as it lies, so unit by unit
                found = vector_norm(flat, dim=1, dtype=torch.float64).square() * _UP
                squares[slab.units], slips[slab.units] = found, found * slip(most_units) ** 2
            else:
                inputs, outputs = self._inner(slab)
                reach = (inputs.lengths * outputs.lengths).sum(1).square() * _UP
                width = self._inputs.shape[2] + self._gradient.shape[2]
                found = _ghost(inputs.products, outputs.products, self._rounding() * (1 + _ROUNDING))
                found = found * _UP + (slip(2 * width) * reach + _VANISHED)
                longest = torch.maximum(inputs.lengths.amax(1), outputs.lengths.amax(1))
                squares[slab.units] = torch.where(longest <= LARGEST_ROW, found, torch.inf)
                slips[slab.units] = reach * slip(most_units * inputs.lengths.shape[1]) ** 2
        self._let_go()
        return Bounds(squares, slips)

    @override
    def numbers(self, unit: int) -> Sequence[Tensor]:
        found: list[Tensor] = []
        for number, slab in enumerate(self._rows.slabs):
            part = slab.part(unit, unit + 1)
            if part is not None and number in self._formed:
                found.append(self._formed[number][slab.units == unit])
            elif part is not None:
                found += [part.gather(self._inputs), part.gather(self._gradient)]
        return found

    def _inner(self, slab: Slab) -> tuple[Inner, Inner]:
        return self._grams.of(self._inputs, slab, blank=False), self._grams.of(
            self._gradient, slab, blank=True
        )

    def _rounding(self) -> float:
        return _ROUNDING * sum(is_rounded(side) for side in (self._inputs, self._gradient))

    def _let_go(self) -> None:
        if len(self._formed) == len(self._rows.slabs):
            del self._inputs, self._gradient  # as large as what was formed, or larger

    @override
    def add_weighted(self, weights: Tensor, into: Tensor) -> None:
        rest = torch.zeros(self._rows.units, dtype=torch.bool)  # a unit may own no row here at all
        for number, slab in enumerate(self._rows.slabs):
            units, formed = slab.units, self._formed.get(number)
            if formed is None:
                rest[units] = True
            elif self._narrow:
                add_matrix(formed.flatten(1), weights[units], into)
            else:  # laid out with n before m
                turned = into.new_zeros(formed.shape[:0:-1])
                add_matrix(formed.mT.flatten(1), weights[units], turned)
                into += turned.t().reshape(into.shape)
        if bool(rest.any()):
            self._add_rows(torch.where(rest, weights, 0.0), into)

    def _add_rows(self, weights: Tensor, into: Tensor) -> None:
        """One product over all rows of weight other than 0."""
        inputs, gradient, factors = self._inputs, self._gradient, weights[self._rows.owner]
        if bool((factors == 0).any()):
            kept = (factors != 0).nonzero().flatten()
            inputs, gradient, factors = inputs[kept], gradient[kept], factors[kept]
        factors = factors.view(-1, 1, 1)
        inputs, gradient = inputs.float(), gradient.float()  # first: torch multiplies mixed types very slowly
        if self._narrow:
            gradient = gradient * factors
        else:
            inputs = inputs * factors
        turn = not gradient.is_contiguous() and gradient.transpose(0, 1).is_contiguous()  # time comes first
        left, right = _flat(gradient, turn=turn), _flat(inputs, turn=turn)
        into += outer_sum(left, right).view_as(into)

    @override
    def write_units(self, first: int, last: int, into: Tensor) -> None:
        table = into.unflatten(1, (self._gradient.shape[2], self._inputs.shape[2]))  # (units, m, n)
        if self._rows.some_own_none:
            into.zero_()
        for slab in self._rows.slabs:
            part = slab.part(first, last)
            if part is None:
                continue
            begin, end = int(part.units[0]) - first, int(part.units[-1]) + 1 - first
            if end - begin == len(part.units):
                self._form(part, table[begin:end])
            else:
                table[part.units - first] = self._form(part)

    def _is_small(self, slab: Slab) -> bool:
        """Whether forming the gradients is cheaper than their ghost norm; then they take less than their factors."""
        n, m = self._inputs.shape[2], self._gradient.shape[2]
        return m * n <= slab.each * self._inputs.shape[1] * (m + n)

    def _form(self, slab: Slab, out: Tensor | None = None) -> Tensor:
        """The gradients of a slab's units, shape `(units, m, n)`."""
        inputs, gradient = slab.gather(self._inputs), slab.gather(self._gradient, blank=True)
        if self._narrow:  # the narrower side first, which is faster
            return outer_sums(gradient, inputs, out)
        return outer_sums(inputs, gradient, None if out is None else out.mT).mT


def _ghost(inputs: Tensor, outputs: Tensor, rounding: float) -> Tensor:
    """Squared norms from inner products of both sides, never less than they are, float64, shape `(units,)`.

    Where a unit's rows cancel, float32 leaves of a small norm only the error of its large parts. That error is added,
    so that a unit made to cancel cannot pass for small; for ordinary ones it is a millionth, or with products
    rounded to bfloat16 (`rounding`, relative) a hundredth or two.
    """
    products = inputs * outputs
    squares = products.sum((1, 2), dtype=torch.float64).clamp(min=0)
    if rounding:
        squares += rounding * products.abs_().sum((1, 2), dtype=torch.float64)
    rows = (inputs.diagonal(dim1=1, dim2=2) * outputs.diagonal(dim1=1, dim2=2)).sqrt()  # |x_t| |g_t|
    return squares + _SLACK * rows.sum(1, dtype=torch.float64).square()


def _is_same(left: Tensor, right: Tensor) -> bool:
    """Whether both are the same numbers at the same place; a tensor that is kept keeps its place."""
    return (
        left.data_ptr() == right.data_ptr()
        and left.shape == right.shape
        and left.stride() == right.stride()
        and left.dtype == right.dtype
        and left._version == right._version
    )


def _flat(values: Tensor, *, turn: bool) -> Tensor:
    """`(rows, positions, width)` as `(rows * positions, width)`, without a copy where time comes first in memory."""
    return (values.transpose(0, 1) if turn else values).reshape(-1, values.shape[2])
