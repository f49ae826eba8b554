"""Whether word vectors under differential privacy are worth their budget, said before it is spent.

The noise follows from the accountant. How near the vectors come to those of the pooled counts depends, in all that
was measured, on one number: units / (noise multiplier * sqrt(pairs)), the length that units which all say the same
would add up to, over the length of the noise. The plan looks it up.
"""

import math
from dataclasses import dataclass

import numpy as np

from privacy.accountant import noise_for
from shared.cooccurrence import MOST_PAIRS, triangle
from shared.errors import FixSettings
from shared.vocabulary import LARGEST

# Measured on abstracts and case reports (NCBI-disease, BC5CDR, MACCROBAT), each a unit: window 10, all pairs, at most
# 1 a pair, norm 1, 30 epochs. Neighbour overlap at 10: share of a word's ten nearest words that it also has in the
# vectors of the same notes without bound or noise, mean over words; lowest and highest of 600, 1,221 and 2,442 units
# (from 2,000 words on, of 2,442 alone). Signals were varied by the noise. Noise was Gaussian in floats; the finished
# program, with integers and discrete noise, came out at these figures or a little above.
SIGNALS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
Curve = tuple[tuple[float, float], ...]
MEASURED: dict[int, Curve] = {
    200: (
        (0.07, 0.09),
        (0.10, 0.11),
        (0.13, 0.15),
        (0.15, 0.21),
        (0.23, 0.27),
        (0.32, 0.35),
        (0.36, 0.41),
        (0.41, 0.47),
        (0.43, 0.48),
    ),
    500: (
        (0.05, 0.05),
        (0.06, 0.06),
        (0.07, 0.09),
        (0.12, 0.13),
        (0.19, 0.21),
        (0.28, 0.31),
        (0.33, 0.42),
        (0.37, 0.49),
        (0.39, 0.53),
    ),
    1000: (
        (0.03, 0.03),
        (0.04, 0.04),
        (0.05, 0.06),
        (0.08, 0.09),
        (0.12, 0.16),
        (0.18, 0.24),
        (0.23, 0.34),
        (0.28, 0.42),
        (0.32, 0.47),
    ),
    2000: (
        (0.02, 0.02),
        (0.02, 0.02),
        (0.03, 0.03),
        (0.05, 0.05),
        (0.07, 0.07),
        (0.13, 0.13),
        (0.20, 0.20),
        (0.27, 0.27),
        (0.33, 0.33),
    ),
    5000: (
        (0.01, 0.01),
        (0.01, 0.01),
        (0.02, 0.02),
        (0.02, 0.02),
        (0.04, 0.04),
        (0.06, 0.06),
        (0.08, 0.08),
        (0.11, 0.11),
        (0.14, 0.14),
    ),
}
ENOUGH, LEAST = (
    64.0,
    0.2,
)  # signal and overlap from which vectors are about as near as those of as much other text
PUBLIC = (0.20, 0.54)  # overlap that as many other notes of the same corpora gave, for 2,000 to 200 words
ANOTHER_SEED = (0.49, 0.74)  # overlap of the same counts with another seed: nothing can be expected beyond it
REACH = 2.0  # how far a vocabulary may be from a measured one, as a factor
LEAST_PAIRS = (
    100  # a word, in a list shorter than all pairs: with 20 and 10, 16 % and 7 % were right without any noise
)


@dataclass(frozen=True)
class Verdict:
    """What a budget would buy.

    Args:
        noise_multiplier: that keeps to epsilon.
        signal_to_noise: `units / (noise in the sum * sqrt(pairs))`.
        low: neighbour overlap at 10 to expect; None where nothing comparable was measured.
        high: as `low`.
        worth_it: whether the vectors come as near to the pooled ones as public text does.
        documents_needed: units with which they would; None where no measured signal was enough.
        note: how this was come by, and what to do.
    """

    noise_multiplier: float
    signal_to_noise: float
    low: float | None
    high: float | None
    worth_it: bool
    documents_needed: int | None
    note: str


def worth_it(
    documents: int, vocabulary: int, pairs: int, epsilon: float, delta: float, in_sum: float = 1.0
) -> Verdict:
    """Says what noised counts would be good for.

    Args:
        documents: units of privacy of all hospitals together: patients, or notes.
        vocabulary: words.
        pairs: of them, in the list.
        epsilon: that the counts may cost.
        delta: at which.
        in_sum: noise in the sum of all hospitals, over the noise that epsilon takes; 1 or more, as each hospital adds
            a share for those that may leave or tell theirs, or, with `--trust none`, all of it.

    Returns:
        The verdict.

    Raises:
        FixSettings: a number is out of range, or no noise keeps to epsilon.
    """
    for name, good, remedy in (
        ("documents", documents >= 1, "Give the patients of all hospitals together."),
        ("vocabulary", 1 <= vocabulary <= LARGEST, f"Give 1 to {LARGEST} words."),
        ("pairs", 1 <= pairs <= min(triangle(vocabulary), MOST_PAIRS), "Give at most all pairs of words."),
        ("epsilon", 0 < epsilon < math.inf, "Give a number above 0."),
        ("delta", 0 < delta < 1, "Give a number between 0 and 1."),
        ("in_sum", 1 <= in_sum < math.inf, "Give 1 or more."),
    ):
        if not good:
            raise FixSettings("is out of range", where=name, remedy=remedy)
    noise = noise_for(epsilon, delta, [], 1.0, 1)
    signal = documents / (noise * in_sum * math.sqrt(pairs))
    curve = _curve(vocabulary)
    if curve is None:
        note = f"Nothing was measured near {vocabulary:,} words, so nothing is promised."
        return Verdict(noise, signal, None, None, False, None, note)
    if pairs < min(triangle(vocabulary), LEAST_PAIRS * vocabulary):
        note = (
            f"Fewer than {LEAST_PAIRS} pairs a word: so short a list loses more than noise does. "
            "Name more pairs, or fewer words."
        )
        return Verdict(noise, signal, None, None, False, None, note)
    low, high = _overlap(signal, curve)
    _, at_enough = _overlap(ENOUGH, curve)
    needed = math.ceil(ENOUGH * noise * in_sum * math.sqrt(pairs)) if at_enough >= LEAST else None
    worth = needed is not None and documents >= needed
    return Verdict(noise, signal, low, high, worth, needed, _note(signal, worth, needed, low, high))


def _curve(vocabulary: int) -> Curve | None:
    """Of the nearest measured vocabulary; None if none is near."""
    near = min(MEASURED, key=lambda words: abs(math.log(words / vocabulary)))
    return MEASURED[near] if 1 / REACH <= vocabulary / near <= REACH else None


def _overlap(signal: float, curve: Curve) -> tuple[float, float]:
    """Read from a curve; beyond the last point it is taken as flat."""
    low, high = (
        float(np.interp(math.log(signal), np.log(SIGNALS), bound)) for bound in zip(*curve, strict=True)
    )
    return (low if signal >= SIGNALS[0] else 0.0), high


def _note(signal: float, worth: bool, needed: int | None, low: float, high: float) -> str:
    basis = (
        f"At a signal of {signal:.3g}, {low:.0%} to {high:.0%} of a word's ten nearest are right; other text "
        f"of the same kind gave {PUBLIC[0]:.0%} to {PUBLIC[1]:.0%}, another seed "
        f"{ANOTHER_SEED[0]:.0%} to {ANOTHER_SEED[1]:.0%} (600 to 2,442 abstracts)."
    )
    if worth:
        return f"{basis} The counts are worth their budget where no public text is like the notes."
    takes = "fewer words" if needed is None else f"{needed:,} patients, fewer words or a larger epsilon"
    return (
        f"{basis} The noise wins: it takes {takes}. Use public vectors, or counts without noise where the hospitals' "
        "policies allow them."
    )
