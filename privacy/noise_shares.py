"""Who adds how much noise, so that the sum holds enough of it whoever drops out or colludes.

The sum of the hospitals' vectors shall hold noise of `sigma` that the aggregator cannot take away, even in league
with `colluders` hospitals that tell it their own noise. Hospitals may drop out down to `threshold`, and nobody knows
beforehand which. Two answers:

plain: every hospital adds a share large enough for the worst case, `sigma^2 / (threshold - colluders)`. Where more
    than the threshold remain, the sum holds more noise than it must.
exact: every hospital adds `hospitals - threshold + 1` components, each from a seed of its own: v_0 and one v_k for
    every further hospital that may drop out. Once it is known how many dropped out, the survivors reveal the seeds of
    the components that were not needed, and the aggregator takes those away (XNoise: Jiang, Wang and Chen, Dordis,
    EuroSys '24, section 3).

Shares are the parameters of discrete Gaussians (`privacy.noise`), in steps of the grid (`privacy.quantise`).
"""

import math
from dataclasses import dataclass
from fractions import Fraction

from privacy.noise import LARGEST_SIGMA
from shared.errors import FixSettings
from shared.refusal import Reason, RefuseRound

LEAST_VARIANCE = 32  # of a share: the sum of two is a discrete Gaussian up to a factor of 1 +- 10^-137
ROUNDING = 16  # variance that turns a Gaussian into a discrete one


@dataclass(frozen=True)
class NoiseShares:
    """What every hospital adds.

    Args:
        sigma: that honest survivors leave in the sum at least, in integer steps.
        hospitals: that add noise.
        threshold: hospitals that remain at least, more than the colluders.
        colluders: hospitals that may tell the aggregator their noise.
        sigmas: of the components, in integer steps, each drawn from a seed of its own.

    Raises:
        FixSettings: numbers that do not fit together, a component too small or too large, or components that leave
            less than sigma for some allowed number of survivors.
    """

    sigma: float
    hospitals: int
    threshold: int
    colluders: int
    sigmas: tuple[float, ...]

    def __post_init__(self) -> None:
        if not 0 <= self.colluders < self.threshold <= self.hospitals:
            raise FixSettings(
                "noise cannot be shared: it takes colluders < threshold <= hospitals",
                where="threshold",
                remedy="Raise the threshold or provide for fewer colluders.",
            )
        if not all(0 < sigma <= LARGEST_SIGMA and sigma**2 >= LEAST_VARIANCE for sigma in self.sigmas):
            raise FixSettings(
                "a noise share is not between 5.7 and 2^26 steps",
                where="sigma",
                remedy="Choose a finer grid, or a coarser one for large noise.",
            )
        allowed = range(self.threshold, self.hospitals + 1)
        if any(self.variance_left(survivors) < Fraction(self.sigma) ** 2 for survivors in allowed):
            raise FixSettings("the noise shares are too small", where="sigmas", remedy="Raise them.")

    def removed(self, survivors: int) -> range:
        """Indices of the components whose seeds every survivor reveals and the aggregator takes away.

        Args:
            survivors: hospitals whose vectors are in the sum. The seeds of one that sent its vector and then vanished
                must be put together from shares, or its components stay.

        Raises:
            RefuseRound: `TOO_FEW` below the threshold: no seed may be revealed.
        """
        if not self.threshold <= survivors <= self.hospitals:
            raise RefuseRound(Reason.TOO_FEW)
        return range(min(self.hospitals - survivors + 1, len(self.sigmas)), len(self.sigmas))

    def variance_left(self, survivors: int) -> Fraction:
        """Variance that honest survivors leave in the sum, if all colluders survive; in steps squared.

        Guarantees: at least `sigma^2` for every allowed number of survivors, checked by the constructor in fractions,
        and of exact shares at most `1 + 2^-50` of it. Colluders that keep their noise to themselves add to it.
        """
        kept = self.sigmas[: self.removed(survivors).start]
        return (survivors - self.colluders) * sum((Fraction(sigma) ** 2 for sigma in kept), Fraction(0))


def plain_shares(sigma: float, hospitals: int, threshold: int, colluders: int) -> NoiseShares:
    """One component for the worst case.

    Args:
        sigma: that honest survivors shall leave in the sum at least, in integer steps.
        hospitals: that add noise.
        threshold: hospitals that remain at least.
        colluders: hospitals that may tell the aggregator their noise.

    Raises:
        FixSettings: as `NoiseShares`.
    """
    return NoiseShares(sigma, hospitals, threshold, colluders, (_share(sigma, threshold - colluders),))


def exact_shares(sigma: float, hospitals: int, threshold: int, colluders: int) -> NoiseShares:
    """A component for every hospital that may drop out, of which the unneeded ones are removed.

    With n hospitals and d colluders, `v_0 = sigma^2 / (n - d)` and `v_k = sigma^2 / ((n - k - d) (n - k + 1 - d))`.
    The first D + 1 of them telescope to `sigma^2 / (n - D - d)`: what n - D - d honest survivors must add each.

    Args:
        sigma: as for `plain_shares`.
        hospitals: as for `plain_shares`; those that made shares of their seeds, as nobody else can drop out later.
        threshold: as for `plain_shares`.
        colluders: as for `plain_shares`.

    Raises:
        FixSettings: as `NoiseShares`.
    """
    honest = hospitals - colluders
    further = ((honest - k) * (honest - k + 1) for k in range(1, hospitals - threshold + 1))
    sigmas = (_share(sigma, parts) for parts in (honest, *further))
    return NoiseShares(sigma, hospitals, threshold, colluders, tuple(sigmas))


def effective_multiplier(sigma: float, grid: int) -> float:
    """The noise multiplier of the Gaussian mechanism that is no more private: what an accountant charges.

    Args:
        sigma: that honest survivors leave in the sum at least, in integer steps; more than 4.
        grid: L2 sensitivity in integer steps (`privacy.quantise`).

    Returns:
        `sqrt(sigma^2 - 16) / grid`, rounded down.

    Raises:
        FixSettings: sigma or grid too small.

    Guarantees: let f be a vector of integers of sensitivity `grid`, and N the honest survivors' noise. To publish
    `f + N` is a post-processing of the Gaussian mechanism `f + Normal(0, sigma^2 - 16)`, up to a factor of
    `1 +- 10^-132` in the probability of every coordinate, and up to a statistical distance of
    `privacy.noise.DISTANCE` for every draw, which an accountant may add to delta `1 + e^epsilon` times:

    1. Shares of variances v and w sum to a discrete Gaussian of variance `v + w` up to a factor of
       `1 +- 2.01 exp(-2 pi^2 v w / (v + w))` (`privacy.noise`). No share has less than 32, so that `v w / (v + w)`
       is at least 16 and the factor `1 +- 10^-136`; a sum of hospitals has less than 10^4 components. What the sum
       has beyond sigma^2 only makes the Gaussian wider.
    2. Round a Gaussian y of variance `sigma^2 - 16` at random, to the integer k with a probability proportional to
       `exp(-(k - y)^2 / 32)`. What normalises it is the same for all y up to a factor of `1 +- 2.01 exp(-32 pi^2)`,
       and without that the integral over y is exactly proportional to `exp(-k^2 / (2 sigma^2))` (Peikert 2010,
       theorem 3.1): a discrete Gaussian of parameter sigma. Such rounding commutes with adding integers.
    """
    variance = Fraction(sigma) ** 2 - ROUNDING if math.isfinite(sigma) and sigma > 0 else Fraction(0)
    if variance <= 0 or grid < 1:
        raise FixSettings(
            "so little noise has no Gaussian to be compared with: it takes a sigma of more than 4 steps",
            where="sigma",
            remedy="Choose a finer grid.",
        )
    square = variance / grid**2
    root = math.sqrt(square)
    while Fraction(root) ** 2 > square:
        root = math.nextafter(root, 0)
    return root


def _share(sigma: float, parts: int) -> float:
    """A sigma whose square is at least `sigma^2 / parts`, by less than 2^-50 of it."""
    if not (math.isfinite(sigma) and sigma > 0 and parts > 0):
        return 0.0  # which the constructor refuses
    square = Fraction(sigma) ** 2 / parts
    root = math.sqrt(square)
    while Fraction(root) ** 2 < square:
        root = math.nextafter(root, math.inf)
    return root
