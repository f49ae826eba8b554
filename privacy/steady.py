"""Whether a unit's numbers depend on its place in a block, on its neighbours, or on how many these are.

In which order a kernel adds is decided by shapes, types, memory layout and place, not by the numbers themselves. So a
few blocks show it: where a unit gives the same bits at every place of every block that was tried, with other
neighbours, much larger ones and blanks, the kernels do not tell places apart. They are tried on the machine that
computes, with the network itself, before the first block of a shape counts. Where bits differ, the shape is not used.
"""

import dataclasses
from collections.abc import Sequence
from itertools import cycle, islice
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from privacy.blocks import COUNTS, Own, Shape, block
from privacy.clipped_sums.tape import Part, backward_passes
from privacy.clipped_sums.units import Roll
from privacy.dpsgd import token_losses
from shared.examples import Batch, Example
from shared.models.tagger import Tagger

LOUD = 2.0**10  # what neighbours' losses are multiplied by

_found: WeakKeyDictionary[Tagger, dict[tuple[Shape, int], bool]] = WeakKeyDictionary()


def steady_counts(tagger: Tagger, shape: Shape, units: int, pool: Sequence[Example]) -> tuple[int, ...]:
    """How many units a block of one shape may hold.

    Args:
        tagger: the network, in evaluation mode; what was found out about it is kept as long as it lives.
        shape: of the units.
        units: that are to be laid into blocks, above 0.
        pool: examples shorter than the shape, at least one, to try with.

    Returns:
        A full block's count, and the least that holds what remains of `units`; none if full blocks are not steady.
    """
    known = _found.setdefault(tagger, {})

    def steady(count: int) -> bool:
        if (shape, count) not in known:
            known[shape, count] = is_steady(tagger, shape, count, pool)
        return known[shape, count]

    if not steady(shape.full):
        return ()
    rest = units % shape.full
    fits = (count for count in reversed(COUNTS) if rest <= count <= shape.full)
    return (shape.full, next(count for count in fits if steady(count))) if rest else (shape.full,)


def is_steady(tagger: Tagger, shape: Shape, count: int, pool: Sequence[Example]) -> bool:
    """Whether a unit gives the same bits at every place of such blocks.

    Args:
        tagger: the network, in evaluation mode; it stays as it is.
        shape: of the units.
        count: units of the blocks that are tried, against those of a full block.
        pool: examples shorter than the shape, with which to try; every word of theirs is scored.
    """
    one, other = _probe(tagger, shape, pool, 0), _probe(tagger, shape, pool[::-1], 1)
    expected = _numbers(_run(tagger, shape, [one] * shape.full, [1.0] * shape.full), 0)
    for parity in (0, 1):
        own = [place % 2 == parity for place in range(count)]
        part = _run(
            tagger, shape, [one if mine else other for mine in own], [1.0 if mine else LOUD for mine in own]
        )
        if not all(_same(_numbers(part, place), expected) for place, mine in enumerate(own) if mine):
            return False
    beside_blanks = _run(tagger, shape, [one], [1.0] * count)
    return _same(_numbers(beside_blanks, 0), expected)


def _probe(tagger: Tagger, shape: Shape, pool: Sequence[Example], begin: int) -> Own:
    """A unit of the shape, with tags that are none of the hospital's."""
    return [
        dataclasses.replace(example, tags=torch.arange(begin, begin + len(example.tags)) % len(tagger.tagset))
        for example in islice(cycle(pool), shape.rows)
    ]


def _run(tagger: Tagger, shape: Shape, units: Sequence[Own], times: Sequence[float]) -> Part:
    """One block, each unit's loss multiplied."""
    batch = block(units, shape, len(times))
    factors = torch.tensor(times).repeat_interleave(shape.rows)
    losses = token_losses(tagger)
    roll = Roll([place for place in range(len(times)) for _ in range(shape.rows)])

    def loud(batch: Batch) -> Tensor:
        return losses(batch) * factors

    (part,) = backward_passes(
        tagger, tagger.trained(), loud, [batch], roll, norms=True, most_units=shape.full
    )
    return part


def _numbers(part: Part, place: int) -> list[Tensor]:
    """All that a unit's contribution follows from."""
    found = [part.squares[place], part.slips[place]]
    return found + [numbers for term in part.terms.values() for numbers in term.numbers(place)]


def _same(one: Sequence[Tensor], other: Sequence[Tensor]) -> bool:
    """To the last bit."""
    pairs = list(zip(one, other, strict=True))
    return all(mine.shape == yours.shape for mine, yours in pairs) and all(
        bool((_as_integers(mine) == _as_integers(yours)).all()) for mine, yours in pairs
    )


def _as_integers(values: Tensor) -> Tensor:
    return values.contiguous().view(_INTEGERS[values.element_size()])


_INTEGERS = {2: torch.int16, 4: torch.int32, 8: torch.int64}
