"""Micro-batches of a fixed shape: so that what is computed of a unit does not depend on who else was drawn.

A unit's shape follows from its own examples alone. Units of one shape fill blocks of so many units, and blanks fill
the last. Then every matrix product has the same shape, whoever stands beside a unit; that its place and its
neighbours do not show in its numbers either is found out by trying (`privacy.steady`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from shared.examples import Batch, Example
from shared.models.birnn import SPELLED_APART
from shared.tags import IGNORED

MOST_INPUTS = 1024  # words or subtokens of a block, padding included
COUNTS = (32, 28, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 5, 4, 3, 2, 1)  # units of a last block
_FULL = (
    32,
    28,
    24,
    20,
    16,
    12,
    8,
    4,
    3,
    2,
)  # of a full one; fours are what an LSTM's kernels are steady with
_ROWS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)  # examples a unit, missing ones blank
_STEP = 4  # of lengths, at least; of longer ones an eighth to a quarter

Own = Sequence[Example]
"""All examples of one unit."""


@dataclass(frozen=True, order=True)
class Shape:
    """What a unit takes up in a block.

    Args:
        length: words or subtokens of each example, padding included.
        rows: examples.
    """

    length: int
    rows: int

    @property
    def full(self) -> int:
        """Units of a full block; 0 if two do not fit, which is then not worth a block."""
        return next((count for count in _FULL if count * self.rows * self.length <= MOST_INPUTS), 0)


def shape_of(own: Own, longest: int) -> Shape | None:
    """The shape of one unit; None if it is too large to share a block.

    Args:
        own: its examples.
        longest: words or subtokens that the network can read.

    Where there is a mask, every example is padded by one position at least: transformers leaves the mask away, and
    takes another kernel, where no example of a batch has padding.
    """
    rows = next((rows for rows in _ROWS if rows >= len(own)), 0)
    least = max(example.cost for example in own) + ("mask" in own[0].inputs)
    step = max(_STEP, (1 << least.bit_length()) // 8)
    shape = Shape(min(-(-least // step) * step, longest), rows)
    return shape if rows and shape.length >= least and shape.full else None


def cut(units: int, counts: Sequence[int]) -> list[int]:
    """How many units stand in each block, blanks included.

    Args:
        units: of one shape.
        counts: of units that a block may hold, the largest of them that of a full one.
    """
    full = max(counts)
    whole, rest = divmod(units, full)
    return [full] * whole + ([min(count for count in counts if count >= rest)] if rest else [])


def block(units: Sequence[Own], shape: Shape, count: int) -> Batch:
    """Lays units into one block.

    Args:
        units: of one shape, 1 to `count`.
        shape: theirs.
        count: units of the block.

    Returns:
        `count * shape.rows` rows, those of a unit one after another. A missing row repeats its unit's first example,
        and a missing unit the first unit's, without any tag: its loss is 0, and its gradient exactly 0.
    """
    rows: list[tuple[Example, bool]] = []
    for own in units:
        rows += [(example, True) for example in own] + [(own[0], False)] * (shape.rows - len(own))
    rows += [(units[0][0], False)] * (count * shape.rows - len(rows))
    inputs: Mapping[str, torch.Tensor] = rows[0][0].inputs
    filled = {name: like.new_zeros(len(rows), shape.length, *like.shape[1:]) for name, like in inputs.items()}
    tags = torch.full((len(rows), shape.length), IGNORED)
    for row, (example, scored) in enumerate(rows):
        for name, values in example.inputs.items():
            filled[name][row, : len(values)] = values
        if scored:
            tags[row, : len(example.tags)] = example.tags
    lengths = torch.tensor([len(example.tags) for example, _ in rows])
    return Batch(filled | {SPELLED_APART: torch.ones(len(rows), 1)}, tags, lengths)
