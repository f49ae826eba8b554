"""What leaves a hospital in a private round: a sum over units, each bounded in integers, and a share of the noise.

    sampled units -> gradient of each, clipped, on the grid -> their sum  -> + noise -> masked
    held-out units -> counts of each, clipped, on the grid -> their sum  -> + noise -> masked

Guarantees, for units of the hospital's own policy, added or removed:
    - A unit moves a sum by an L2 norm of at most `grid` integer steps, however many examples it has. Counts, and
      gradients of units computed alone, enter through one call of `privacy.quantise.quantise` each, where that is
      counted. Gradients of units in blocks are added up together (`privacy.block_sum`), where it is proved, with all
      that rounding can do in the bound, order by order of the units.
    - Noise and sampling come from `privacy.generator` with seeds of the operating system; what honest survivors leave
      in the sum of all hospitals is at least that of the noise multiplier (`privacy.noise_shares`).
    - The sum is released once: a second answer to the same order draws units and noise anew, and is charged anew.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from privacy.block_sum import block_sum
from privacy.dpsgd import unit_gradients
from privacy.generator import KEY, Generator, poisson_sample
from privacy.noise import discrete_gaussian
from privacy.noise_shares import ROUNDING, NoiseShares, exact_shares, plain_shares
from privacy.quantise import quantise
from shared.examples import Example
from shared.models.tagger import Tagger
from shared.private import Noise, PrivateRound
from shared.units import Unit


@dataclass(frozen=True)
class NoiseDrawn:
    """A hospital's noise.

    Args:
        values: integers, shape (coordinates,), int64.
        seeds: 32 bytes for each component of the shares; whoever has one can take that component away.
    """

    values: NDArray[np.int64]
    seeds: tuple[bytes, ...]


def sigma_for(noise_multiplier: float, grid: int) -> float:
    """The parameter of a discrete Gaussian that is no less private than Gaussian noise of a multiplier.

    Args:
        noise_multiplier: standard deviation over sensitivity.
        grid: sensitivity, in integer steps.

    Returns:
        In integer steps: the square is `(noise_multiplier * grid)^2 + 16`, rounded up (`effective_multiplier`).
    """
    square = (Fraction(noise_multiplier) * grid) ** 2 + ROUNDING
    root = math.sqrt(square)
    while Fraction(root) ** 2 < square:
        root = math.nextafter(root, math.inf)
    return root


def shares_of(
    noise: Noise, noise_multiplier: float, grid: int, *, hospitals: int, threshold: int, colluders: int
) -> NoiseShares:
    """Who adds how much noise to one sum.

    Args:
        noise: as ordered.
        noise_multiplier: that honest survivors must leave in the sum.
        grid: as ordered.
        hospitals: whose vectors may be in the sum.
        threshold: of them that remain at least.
        colluders: of them that may help the aggregator.

    Raises:
        FixSettings: as `NoiseShares`.
    """
    sigma = sigma_for(noise_multiplier, grid)
    if noise == "local":
        return plain_shares(sigma, 1, 1, 0)
    make = exact_shares if noise == "exact" else plain_shares
    return make(sigma, hospitals, threshold, colluders)


def draw_noise(shares: NoiseShares, size: int) -> NoiseDrawn:
    """Draws one hospital's noise from fresh seeds.

    Args:
        shares: what every hospital adds.
        size: coordinates.
    """
    source = Generator()
    seeds = tuple(source.bytes(KEY) for _ in shares.sigmas)
    values = np.zeros(size, dtype=np.int64)
    for component, seed in enumerate(seeds):
        values += component_of(shares, component, seed, size)
    return NoiseDrawn(values, seeds)


def component_of(shares: NoiseShares, component: int, seed: bytes, size: int) -> NDArray[np.int32]:
    """One component of a hospital's noise, the same whenever it is drawn again from its seed; shape (size,)."""
    return discrete_gaussian(shares.sigmas[component], size, Generator(seed))


def gradient_sum(
    tagger: Tagger,
    examples: Sequence[Example],
    unit_of: Sequence[int],
    asked: PrivateRound,
    generator: Generator,
) -> NDArray[np.int64]:
    """Samples units and adds up their clipped gradients.

    Args:
        tagger: with the global weights.
        examples: of the hospital, prepared by the tagger.
        unit_of: unit of each, counted from 0.
        asked: sampling rate, norm, grid, how many examples a unit may have, and whether each is computed alone.
        generator: chooses.

    Returns:
        Integers, shape (trained weights,), without noise; all zero if no unit was chosen. A unit whose gradient is
        not finite adds nothing.

    Guarantees: those of `block_sum` for units in blocks, those of `quantise` for the others; which way a unit goes
    follows from its own examples, the settings and the machine. So one unit more or less moves the sum by at most
    `grid`, on one thread and in evaluation mode; with dropout on, all units go alone. Where all do, a unit adds the
    same integers wherever it is, so that the hospitals' sums add up to that of all units in one place.
    """
    own: dict[int, list[int]] = {}
    for index, unit in enumerate(unit_of):
        own.setdefault(unit, []).append(index)
    chosen: list[int] = []
    for unit in poisson_sample(len(own), asked.sample_rate, generator).tolist():
        chosen += draw_some(own[unit], asked.max_examples, generator)
    total = np.zeros(sum(weight.numel() for weight in tagger.trained().values()), dtype=np.int64)
    if chosen:
        taken = [examples[index] for index in chosen]
        owners = [unit_of[index] for index in chosen]
        rest: Sequence[int] = range(len(taken))
        if not (asked.alone or _is_quick_alone(tagger)):
            total, rest = block_sum(tagger, taken, owners, asked.max_grad_norm, asked.grid, generator)
        lone = [taken[index] for index in rest], [owners[index] for index in rest]
        for _, gradient in unit_gradients(tagger, *lone, alone=True):
            total += quantise(gradient, asked.max_grad_norm, asked.grid)
    return total


def _is_quick_alone(tagger: Tagger) -> bool:
    """Whether blocks would save nothing: a bert's head reads features that were made beforehand, unit by unit."""
    return tagger.settings.kind == "bert" and tagger.settings.trained == "head"


def count_sum(counts: NDArray[np.int64], asked: PrivateRound) -> NDArray[np.int64]:
    """Adds up the clipped counts of units.

    Args:
        counts: shape (units, coordinates), none negative.
        asked: norm and grid.

    Returns:
        Integers, shape (coordinates,), without noise.
    """
    total = np.zeros(counts.shape[1], dtype=np.int64)
    for row in counts:
        total += quantise(row.astype(np.float32), asked.count_norm, asked.grid)
    return total


def count_sensitivity(unit: Unit) -> float:
    """How far one unit moves the sum of clipped counts, in clipping norms, rounded up.

    A sentence changes the counts of its note: of two rows without negative numbers, each within the norm, the
    difference is within `sqrt(2)` of it.
    """
    return math.nextafter(math.sqrt(2), 2) if unit == "sentence" else 1.0


def draw_some(indices: Sequence[int], most: int, generator: Generator) -> Sequence[int]:
    """At most so many of some indices, each set of that size as likely as another to within 2^-60."""
    if len(indices) <= most:
        return indices
    order = np.argsort(generator.words(len(indices)), kind="stable")
    return [indices[place] for place in sorted(order[:most].tolist())]
