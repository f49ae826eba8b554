"""What noised counts of word pairs are good for and what they cost, from the noise that is in their sum."""

import math

from privacy.accountant import Release, epsilon
from privacy.noise_shares import NoiseShares, effective_multiplier
from privacy.release import shares_of
from privacy.secagg.terms import usual_threshold
from server.glove_plan import Verdict, worth_it
from server.glove_settings import CountPrivacy, GloveRun
from shared.cooccurrence import Counting
from shared.errors import FixSettings


def judge(
    settings: GloveRun, private: CountPrivacy, counting: Counting, units: int, *, anyway: bool
) -> Verdict:
    """Says what noised counts will be good for, before anything is spent.

    Args:
        settings: of the run.
        private: of the same.
        counting: what to count.
        units: of all hospitals together, as declared.
        anyway: go on even where the counts are not worth their budget.

    Raises:
        FixSettings: the counts are not worth their budget.
    """
    verdict = worth_it(
        units,
        len(counting.vocabulary.words),
        counting.pairs.size,
        private.epsilon,
        private.delta,
        noise_in_sum(settings, private),
    )
    if not verdict.worth_it and not anyway:
        raise FixSettings(
            "counts with so much noise are not worth their budget",
            where="epsilon",
            remedy=f"{verdict.note} Or count --anyway.",
        )
    return verdict


def spent(settings: GloveRun, private: CountPrivacy, attempts: int) -> tuple[float, float]:
    """What an answer cost a hospital, as far as the aggregator can tell; the hospital's own ledger decides.

    Args:
        settings: of the run.
        private: of the same.
        attempts: that the sum took; each may have been charged.

    Returns:
        Epsilon against the aggregator and the world, and epsilon if all others collude.
    """
    asked = private.order
    alone = effective_multiplier(_shares(settings, private).sigmas[0], asked.grid)
    world, others = (
        epsilon([Release(multiplier, 1.0, attempts)], private.delta).value
        for multiplier in (asked.noise_multiplier, min(alone, asked.noise_multiplier))
    )
    return world, others


def noise_in_sum(settings: GloveRun, private: CountPrivacy) -> float:
    """Standard deviation of a sum that nobody leaves, over the one that epsilon takes; 1 or more."""
    parties, shares = len(settings.hospitals), _shares(settings, private)
    kept = 1 if len(shares.sigmas) == 1 else shares.removed(parties).start
    variance = parties * sum(sigma**2 for sigma in shares.sigmas[:kept])
    return max(1.0, math.sqrt(variance) / shares.sigma)


def _shares(settings: GloveRun, private: CountPrivacy) -> NoiseShares:
    asked, parties = private.order, len(settings.hospitals)
    return shares_of(
        asked.noise,
        asked.noise_multiplier,
        asked.grid,
        hospitals=parties,
        threshold=settings.threshold or usual_threshold(parties, settings.colluders),
        colluders=settings.colluders,
    )
