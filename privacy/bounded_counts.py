"""Counts of word pairs that hide a unit of privacy: each unit bounded in integers before anything is added.

A unit is all notes of one patient, or one note. Its counts are capped pair by pair, so that a few pairs that everyone
writes do not use its norm up, and then clipped and laid on a grid by `privacy.quantise`.

Guarantees: for units added or removed, the sum changes by an L2 norm of at most `grid`, counted in integers, as long
as every unit is in it once. Only the places of a unit's own pairs are kept, strictly ascending: no place is added to
twice, so the norm of its part is the norm of what `quantise` returned.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privacy.quantise import quantise
from shared.cooccurrence import SparseCounts
from shared.errors import FixSettings
from shared.refusal import Reason, RefuseRound


@dataclass(frozen=True)
class CountBound:
    """What one unit may add to a sum of counts.

    Args:
        most_per_pair: of any pair, in neighbouring words.
        max_norm: L2 norm of all its counts together, in neighbouring words.
        grid: integer steps that this norm becomes.

    Raises:
        FixSettings: `most_per_pair` is not above 0.
    """

    most_per_pair: float = 1.0
    max_norm: float = 1.0
    grid: int = 1 << 16

    def __post_init__(self) -> None:
        if not self.most_per_pair > 0:
            raise FixSettings("is not above 0", where="most_per_pair", remedy="Give a number above 0.")


def bounded_sum(
    units: Iterable[SparseCounts], pairs: int, steps: int, bound: CountBound
) -> NDArray[np.int64]:
    """Adds up the bounded counts of units.

    Args:
        units: counts of each; a unit must not come twice.
        pairs: in the list.
        steps: of a count that neighbouring words make (`Counting.steps`).
        bound: of each unit.

    Returns:
        Integers on the grid, without noise, shape (pairs,); `privacy.quantise.dequantise` gives neighbouring words.

    Raises:
        FixSettings: a norm or grid out of range.
        RefuseRound: `VECTOR` if a unit's places are not ascending or not in the list, or its counts are malformed.
    """
    total = np.zeros(pairs, dtype=np.int64)
    for unit in units:
        places = unit.places
        if places.shape != unit.counts.shape or places.ndim != 1 or not _ascend(places, pairs):
            raise RefuseRound(Reason.VECTOR)
        capped = np.minimum(unit.counts / steps, bound.most_per_pair).astype(np.float32)
        total[places] += quantise(capped, bound.max_norm, bound.grid)
    return total


def _ascend(places: NDArray[np.int64], pairs: int) -> bool:
    if not places.size:
        return True
    return bool(places[0] >= 0 and places[-1] < pairs and (places[1:] > places[:-1]).all())
