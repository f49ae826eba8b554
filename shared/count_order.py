"""The order to count word pairs: one vocabulary, one window and one list of pairs for every hospital.

The list travels where other orders have the global model's weights, so that what binds a task to the keys of a sum
(`privacy.task`) binds the list, too: a hospital that was shown another one finds that no share opens.
"""

from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from shared.cooccurrence import LONGEST_WINDOW, Counting, all_pairs, triangle
from shared.errors import FixSettings
from shared.models.tagger import Weights
from shared.private import Noise
from shared.vocabulary import LARGEST, Vocabulary

SMALLER, LARGER = "smaller", "larger"
CountUnit = Literal["patient", "note"]


class PrivateCounts(BaseModel):
    """How counts are made private; the same of every hospital, checked by each against its policy."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    unit: CountUnit
    """Whose presence is hidden. Not `sentence`: a window reaches from one into the next."""
    noise: Noise = "exact"
    """As in `shared.private.PrivateRound`."""
    noise_multiplier: float = Field(gt=0, allow_inf_nan=False)
    """Standard deviation over `max_norm`."""
    most_per_pair: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    """A unit's count of any one pair, in neighbouring words, is cut down to this."""
    max_norm: float = Field(default=1.0, ge=2.0**-60, le=2.0**60)
    """L2 norm that all of a unit's counts are clipped to."""
    grid: int = Field(default=1 << 12, ge=1 << 8, le=1 << 24)
    """Integer steps that this norm becomes: few, as the sum of a frequent pair over patients must fit the ring."""
    seed: int = 1
    """Tells one run from another, so that each may be of its own hospitals; nothing is drawn from it."""


class CountOrder(BaseModel):
    """What the aggregator asks of a hospital that shall count word pairs.

    An order for exact counts holds what is counted and nothing else. So two orders for the same counts are one task,
    and a hospital confirms a task for one set of hospitals only (`privacy.memory`): two sums whose difference is one
    hospital's counts are not to be had.

    Args:
        words: the vocabulary, in order.
        window: largest distance of two words.
        private: how to make the answer private; None for exact counts, which only a hospital without a budget gives,
            of a vocabulary that it has approved.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    words: tuple[str, ...] = Field(min_length=1, max_length=LARGEST)
    window: int = Field(ge=1, le=LONGEST_WINDOW)
    private: PrivateCounts | None = None


def pairs_as_weights(counting: Counting) -> Weights:
    """The list of pairs as arrays of an order: none for all pairs, or the rows of both words as float32."""
    if counting.pairs.size == triangle(len(counting.vocabulary.words)):
        return {}
    rows = counting.words_of(counting.pairs)  # below 2^16, which float32 holds exactly
    return {name: part.astype(np.float32) for name, part in zip((SMALLER, LARGER), rows, strict=True)}


def counting_of(order: CountOrder, weights: Weights) -> Counting:
    """What an order asks to count.

    Args:
        order: with the vocabulary.
        weights: as `pairs_as_weights` made them, unchecked.

    Raises:
        FixSettings: vocabulary or pairs are malformed.
    """
    vocabulary = Vocabulary(order.words)
    if not weights:
        return Counting(vocabulary, order.window, all_pairs(vocabulary))
    smaller, larger = weights.get(SMALLER), weights.get(LARGER)
    if smaller is None or larger is None or len(weights) != 2 or smaller.shape != larger.shape:
        raise _malformed()
    for part in (smaller, larger):
        inside = part.ndim == 1 and bool(((part >= 0) & (part < len(vocabulary.words))).all())
        if not inside or (part != np.floor(part)).any():
            raise _malformed()
    if (smaller > larger).any():
        raise _malformed()
    low, high = smaller.astype(np.int64), larger.astype(np.int64)
    return Counting(vocabulary, order.window, high * (high + 1) // 2 + low)


def _malformed() -> FixSettings:
    return FixSettings(
        "is not a list of pairs of the vocabulary's words",
        where="pairs",
        remedy="Use the same clinfed version at every site.",
    )
