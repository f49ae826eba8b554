"""The sum of the units' clipped gradients, as integers, from many units at a time.

    shapes -> blocks, in random order -> bounds of each unit -> weights -> one product a layer -> float64 -> integers

The proof. Let C be the norm to clip to, D the grid, d the coordinates, C' what `clip_within` gives. In real numbers:

    1. Of a unit u in a block, G_u is the sum of outer products (or the vectors) of the float32 numbers that its
       terms hold. It is a function of the unit alone, of its own examples and the weights: the bits are the same at
       any place, whoever stands beside it, in a full block and in the last one (`privacy.steady`).
    2. N_u >= ||G_u|| and s_u (`clipped_sums.terms.Bounds`) are functions of the unit alone for the same reason, and
       so is w_u = min(1, C' / N_u, E C' / (k s_u)), rounded down to float32; k is the number of units of a full
       block, E is `SLIP`. So the sum S of all w_u G_u moves by at most C' if a unit is added or removed.

What is computed, from S to the integers T:

    3. A block's sum, in float32, is off by at most the sum of w_u s_u over its k units at most: by at most E C'.
    4. Units of a shape are laid into blocks in a uniform random order. If u goes, let the last unit of its shape take
       its place and all others stay: that makes a uniform order of the rest. So the two sums may be compared order by
       order (a mixture of pairs that are each within a bound is within it, as divergences are jointly convex). Only
       two blocks then differ, u's and the last one; all others give the same bits. So at most 4 E C' of what float32
       rounds is not the same in both sums.
    5. Blocks are added up in float64: at most 2^18 numbers a coordinate, of at most 2^18 (1 + E) C' together. With
       the product by D / C, which rounds once, and with what is too small for float32, both sums are off by less than
       2^-15 C' together.
    6. Each coordinate is rounded to the nearest integer: two such vectors are at most sqrt(d) further apart.

    ||T - T'|| <= (D / C) C' (1 + 4 E + 2^-15) + sqrt(d) <= D          (`clip_within` chooses C' for it)

What is trusted: IEEE float32 and float64 in any order of addition, with fused products or not, with numbers too small
for float32 as 0 or not; and that a kernel's order of additions does not depend on the numbers, so that what
`privacy.steady` has seen once holds for all. A unit computed alone (`privacy.quantise`) needs neither, and is the way
of all that does not fit.
"""

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from privacy.blocks import Own, Shape, block, cut, shape_of
from privacy.clipped_sums.tape import Part, backward_passes
from privacy.clipped_sums.units import Roll
from privacy.dpsgd import token_losses
from privacy.generator import Generator
from privacy.steady import steady_counts
from shared.errors import FixSettings
from shared.examples import Batch, Example
from shared.models.tagger import Tagger

SLIP = 2.0**-7
"""E: what float32 may round in one block, in clipping norms."""
MOST_UNITS = 1 << 18
_FLOAT64 = Fraction(1, 1 << 15)
_LEAST = Fraction(3, 4)  # of C that must be left, or units are computed alone
_DOWN = 1 - 2.0**-20  # more than a weight is rounded
_TINY = 2.0**-60  # a weight below it is 0, so that no weighted number vanishes in float32 unseen
_LARGEST_NORM = 2.0**20  # and its inverse: between them, float32 neither overflows nor loses what counts


def clip_within(max_grad_norm: float, grid: int, size: int) -> float | None:
    """C': the norm to clip to so that rounding included, no unit moves the integers by more than the grid.

    Args:
        max_grad_norm: C.
        grid: D, integer steps that C becomes.
        size: d, trained weights.

    Returns:
        The largest number for which the inequality above holds; None if it is less than three quarters of C (a coarse
        grid for many weights), or C is not between 2^-20 and 2^20.
    """
    root = math.isqrt(size)
    share = (1 - Fraction(root + 1, grid)) / (1 + 4 * Fraction(SLIP) + _FLOAT64)
    if share < _LEAST or not 1 / _LARGEST_NORM <= max_grad_norm <= _LARGEST_NORM:
        return None
    within = float(share * Fraction(max_grad_norm))
    return within if Fraction(within) <= share * Fraction(max_grad_norm) else math.nextafter(within, 0)


@torch.no_grad()
def block_sum(
    tagger: Tagger,
    examples: Sequence[Example],
    unit_of: Sequence[int],
    max_grad_norm: float,
    grid: int,
    generator: Generator,
) -> tuple[NDArray[np.int64], list[int]]:
    """Adds up the clipped gradients of all units that can share blocks.

    Args:
        tagger: with the global weights.
        examples: prepared by the tagger.
        unit_of: unit of each.
        max_grad_norm: L2 norm that a unit's gradient is clipped to.
        grid: integer steps that this norm becomes.
        generator: of the order in which units stand, which nobody else may know.

    Returns:
        Integers, shape (trained weights,), and the indices of the examples whose units are not in them: those too
        large for a block, those of a shape that is not steady here, and all of them where `clip_within` finds no
        norm, or where dropout is on.

    Raises:
        FixSettings: more than 2^18 units.

    Guarantees: if a unit is added or removed, the integers move by an L2 norm of at most `grid`, order by order of
    the same probability, and which other units are in them does not change. The proof is above. A unit whose
    gradient is not finite, or has a row beyond 2^20, adds nothing.
    """
    trained = tagger.trained()
    size = sum(weight.numel() for weight in trained.values())
    within = clip_within(max_grad_norm, grid, size)
    if within is None or tagger.training:
        return np.zeros(size, dtype=np.int64), list(range(len(examples)))
    own: dict[int, list[int]] = {}
    for index, unit in enumerate(unit_of):
        own.setdefault(unit, []).append(index)
    if len(own) > MOST_UNITS:
        raise FixSettings(
            "more units were drawn than a sum is proved for",
            where="sample_rate",
            remedy="Ask for a smaller one.",
        )
    shapes: dict[Shape | None, list[list[int]]] = {}
    for indices in own.values():
        shape = shape_of([examples[index] for index in indices], tagger.reader.limit + _MARKS)
        shapes.setdefault(shape, []).append(indices)
    rest = [index for indices in shapes.pop(None, []) for index in indices]
    total = torch.zeros(size, dtype=torch.float64)
    parts = total.split([weight.numel() for weight in trained.values()])
    into = {
        name: part.view(weight.shape) for part, (name, weight) in zip(parts, trained.items(), strict=True)
    }
    for shape, members in sorted((key, members) for key, members in shapes.items() if key is not None):
        pool = [examples[index] for indices in members[:_POOL] for index in indices]
        counts = steady_counts(tagger, shape, len(members), pool)
        if not counts:
            rest += [index for indices in members for index in indices]
            continue
        units = [
            [examples[index] for index in members[place]] for place in _shuffled(len(members), generator)
        ]
        for part in _passes(tagger, units, shape, counts):
            weights = _weights(part, within, shape.full)
            for name, term in part.terms.items():
                term.add_weighted(weights, into[name])
            del part
    return total.mul_(grid / max_grad_norm).round_().long().numpy(), sorted(rest)  # to even, as good as any


_POOL = 4  # units to try a shape with
_MARKS = 2  # subtokens that a reader adds to a window


def _passes(tagger: Tagger, units: Sequence[Own], shape: Shape, counts: Sequence[int]) -> Iterator[Part]:
    """Block after block of one shape."""
    sizes = cut(len(units), counts)
    roll = Roll([place for place in range(sum(sizes)) for _ in range(shape.rows)])

    def batches() -> Iterator[Batch]:
        start = 0
        for count in sizes:
            yield block(units[start : start + count], shape, count)
            start += count

    return backward_passes(
        tagger, tagger.trained(), token_losses(tagger), batches(), roll, norms=True, most_units=shape.full
    )


def _weights(part: Part, within: float, full: int) -> Tensor:
    """What each unit's gradient is multiplied by, float32; 0 where it is not finite."""
    norms, slips = part.squares.sqrt(), part.slips.sqrt()
    weights = torch.minimum(within / norms, (SLIP * within / full) / slips).mul_(_DOWN).clamp_(max=1.0)
    usable = torch.isfinite(part.squares) & torch.isfinite(part.slips) & (weights > _TINY)
    return torch.where(usable, weights, 0.0).float()


def _shuffled(count: int, generator: Generator) -> list[int]:
    """A random order, each as likely as another to within `count^2` times 2^-129."""
    order: list[int] = np.lexsort((generator.words(count), generator.words(count))).tolist()
    return order
