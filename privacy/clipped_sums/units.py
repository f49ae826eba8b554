"""Units of privacy and rows of tensors: who owns which example, and which row of a layer's input.

A micro-batch numbers the units in it from 0 (local units). A layer's rows are the leading dimension of its input:
the examples themselves, or a fixed number of consecutive rows for each example (its words).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from shared.errors import FixSettings

_EXACT = 4  # rows of a unit up to which no row is filled up


@dataclass(frozen=True)
class Present:
    """The units of one micro-batch.

    Args:
        units: positions in `Roll.ids`, ascending, shape `(units,)`, int64.
        owner: local unit of each example, shape `(examples,)`, int64.
        whole: whether all examples of a unit are in this micro-batch, shape `(units,)`.
    """

    units: Tensor
    owner: Tensor
    whole: Tensor


class Roll:
    """All units of a sum, in the order in which their ids first appear.

    Args:
        unit_of: unit id of each example, in the order in which the micro-batches bring them.
    """

    def __init__(self, unit_of: Sequence[int]) -> None:
        self.ids = list(dict.fromkeys(unit_of))
        self.examples = len(unit_of)
        position = {unit: at for at, unit in enumerate(self.ids)}
        self._position = torch.tensor([position[unit] for unit in unit_of], dtype=torch.int64)
        ends = {unit: at for at, unit in enumerate(unit_of)}
        starts = {unit: at for at, unit in reversed(list(enumerate(unit_of)))}
        self._starts = torch.tensor([starts[unit] for unit in self.ids], dtype=torch.int64)
        self._ends = torch.tensor([ends[unit] for unit in self.ids], dtype=torch.int64)

    def present(self, start: int, count: int) -> Present:
        """The units of the examples `start` up to and without `start + count`.

        Raises:
            FixSettings: the micro-batches bring more examples than unit ids were given.
        """
        if start + count > self.examples:
            raise FixSettings(
                f"example {start + count} came, but {self.examples} unit ids were given",
                where="unit_of",
                remedy="Give one unit id for each example.",
            )
        units, owner = torch.unique(self._position[start : start + count], return_inverse=True)
        whole = (self._starts[units] >= start) & (self._ends[units] < start + count)
        return Present(units, owner, whole)

    def is_last(self, unit: int, end: int) -> bool:
        """Whether all examples of the unit at a position of `ids` lie before the example `end`."""
        return int(self._ends[unit]) < end


@dataclass(frozen=True)
class Slab:
    """Units with equally many rows.

    Args:
        units: local units, ascending, shape `(units,)`.
        index: the rows of each, shape `(units, each)`; None where they are `first`, `first + 1`, and so on.
        first: row of the first, where `index` is None.
        each: rows a unit.
        blank: True where `index` only fills up, shape `(units, each)`; None where it never does.
    """

    units: Tensor
    index: Tensor | None
    first: int
    each: int
    blank: Tensor | None

    def part(self, first: int, last: int) -> "Slab | None":
        """Only the local units `first` up to and without `last`; None if none is here."""
        begin, end = torch.searchsorted(self.units, torch.tensor([first, last])).tolist()
        if begin == end:
            return None
        return Slab(
            self.units[begin:end],
            None if self.index is None else self.index[begin:end],
            self.first + begin * self.each,
            self.each,
            None if self.blank is None else self.blank[begin:end],
        )

    def gather(self, values: Tensor, *, blank: bool = False) -> Tensor:
        """Each unit's rows beside one another.

        Args:
            values: shape `(rows, positions, width)`.
            blank: zero what only fills up; one of two factors is enough.

        Returns:
            Shape `(units, each * positions, width)`; a view where the rows already lie so.
        """
        count = len(self.units)
        if self.index is None:
            found = values[self.first : self.first + count * self.each]
        else:
            found = values.index_select(0, self.index.flatten())
            if blank and self.blank is not None:
                found[self.blank.flatten()] = 0.0
        return found.reshape(count, self.each * values.shape[1], values.shape[2])


class UnitRows:
    """Which rows of one layer's tensors belong to which local unit.

    Args:
        owner: local unit of each row, shape `(rows,)`, int64.
        units: how many there are; a unit may own no row.
    """

    def __init__(self, owner: Tensor, units: int) -> None:
        self.owner, self.units = owner, units

    @cached_property
    def single(self) -> bool:
        """Whether row i is all that unit i owns."""
        return len(self.owner) == self.units and bool((self.owner == torch.arange(self.units)).all())

    @cached_property
    def some_own_none(self) -> bool:
        """Whether a unit owns no row, and so is in no slab."""
        return sum(len(slab.units) for slab in self.slabs) < self.units

    @cached_property
    def slabs(self) -> tuple[Slab, ...]:
        """All rows, by the number of rows of their unit; many rows are rounded up, so that slabs are few."""
        if self.single:
            return (Slab(torch.arange(self.units), None, 0, 1, None),)
        counts = torch.bincount(self.owner, minlength=self.units)
        starts = counts.cumsum(0) - counts
        order = torch.argsort(self.owner, stable=True)
        in_order = bool((order == torch.arange(len(order))).all())
        sizes = torch.tensor([_rounded(count) for count in counts.tolist()])
        return tuple(self._slabs(sizes, counts, starts, None if in_order else order))

    def _slabs(self, sizes: Tensor, counts: Tensor, starts: Tensor, order: Tensor | None) -> Iterator[Slab]:
        for each in sizes.unique().tolist():
            if each == 0:
                continue
            units = (sizes == each).nonzero().flatten()
            within = torch.arange(each)
            index = starts[units].unsqueeze(1) + within  # (units, each)
            blank: Tensor | None = within >= counts[units].unsqueeze(1)
            if blank is not None and bool(blank.any()):
                # Filled up with a row of its own, so that a unit that is not finite spoils no other.
                index = torch.where(blank, starts[units].unsqueeze(1), index)
            else:
                blank = None
            first = int(index[0, 0])
            if order is not None:
                yield Slab(units, order[index], 0, each, blank)
            elif bool((index.flatten() == torch.arange(first, first + index.numel())).all()):
                yield Slab(units, None, first, each, blank)
            else:
                yield Slab(units, index, 0, each, blank)

    def sums(self, values: Tensor) -> Tensor:
        """Sums rows by unit.

        Args:
            values: float32, shape `(rows, width)`.

        Returns:
            Shape `(units, width)`; `values` themselves where each unit owns one row.
        """
        if self.single:
            return values
        return values.new_zeros(self.units, values.shape[1]).index_add_(0, self.owner, values)


def _rounded(count: int) -> int:
    """`count`, or a little more, so that many units share a number."""
    if count <= _EXACT:
        return count
    step = max(1, 1 << ((count - 1).bit_length() - 3))
    return -(-count // step) * step
