"""A hospital's side of a private round: its own limits first, then a reservation on disk, and only then its notes.

Guarantees: no order can make the hospital release more than its budget allows: unit, noise and sampling rate
are checked against the site's policy, the noise that is charged is the noise that is drawn, and the reservation
is on disk before a gradient or a count is computed (`privacy.ledger`). An order that is not private is refused.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from privacy.accountant import Release
from privacy.book import HELD_OUT, TRAIN, Cap
from privacy.bounded_counts import CountBound, bounded_sum
from privacy.dpsgd import check_gradients
from privacy.generator import Generator
from privacy.ledger import Ledger
from privacy.local_dpsgd import train_privately
from privacy.noise_shares import NoiseShares, effective_multiplier
from privacy.release import count_sensitivity, count_sum, draw_noise, gradient_sum, shares_of
from privacy.site import Budget
from shared.cooccurrence import Counting, count_unit
from shared.count_order import PrivateCounts
from shared.errors import FixSettings
from shared.examples import Example
from shared.models.settings import ModelSettings
from shared.models.tagger import Tagger
from shared.private import PrivateRound
from shared.refusal import Reason, RefuseRound
from shared.units import Unit, owners
from shared.wire import Order


@dataclass(frozen=True)
class Sum:
    """What a secure sum promises about itself, on which the noise rests.

    Args:
        run: its name, one word.
        hospitals: whose vectors may be in it.
        threshold: of them that remain at least.
        colluders: of them that may help the aggregator.
    """

    run: str
    hospitals: int
    threshold: int
    colluders: int


@dataclass(frozen=True)
class Released:
    """What may leave, after masking.

    Args:
        vector: integers with noise, shape (coordinates,), int64.
        seeds: of the components of the noise.
        shares: which the seeds belong to.
        reservation: in the ledger.
    """

    vector: NDArray[np.int64]
    seeds: tuple[bytes, ...]
    shares: NoiseShares
    reservation: int


class PrivateSite:
    """The privacy of one hospital.

    Args:
        budget: of the site's own configuration.
        rule: what decides which units are held out; see `shared.sources.NoteSource.rule`.

    Raises:
        FixSettings: the ledger is unusable, or another policy's.
    """

    def __init__(self, budget: Budget, rule: str) -> None:
        self.unit = budget.unit
        self._least_noise, self._rule = budget.least_noise, rule
        self._ledger = Ledger(Path(budget.ledger), Cap(budget.unit, budget.epsilon, budget.delta))
        self._checked: ModelSettings | None = None

    def gradient(self, order: Order, secure: Sum, tagger: Tagger, examples: Sequence[Example]) -> Released:
        """The clipped, noised sum of sampled units' gradients.

        Args:
            order: private.
            secure: the sum it goes into.
            tagger: with the global weights.
            examples: to train on, prepared by the tagger.

        Raises:
            RefuseRound: the policy forbids it, or the budget is spent.
            FixSettings: the network cannot be trained privately.
        """
        asked = self._allowed(order)
        unit_of = self._units(asked, tagger, examples)
        shares = _shares(asked, asked.noise_multiplier, secure)
        release = Release(asked.noise_multiplier, asked.sample_rate)
        reservation = self._reserve(asked, secure, order.round, TRAIN, release, shares)
        self._check_once(tagger, examples, unit_of)
        tagger.eval()
        total = gradient_sum(tagger, examples, unit_of, asked, Generator())
        return _with_noise(total, shares, reservation)

    def trained(self, order: Order, secure: Sum, tagger: Tagger, examples: Sequence[Example]) -> int:
        """Trains in place for some steps, each with all of the noise of its own.

        Args:
            order: private, with local noise.
            secure: the sum that the trained weights go into.
            tagger: with the global weights; they change.
            examples: to train on, prepared by the tagger.

        Returns:
            The reservation.

        Raises:
            RefuseRound, FixSettings: as `gradient`.
        """
        asked = self._allowed(order)
        unit_of = self._units(asked, tagger, examples)
        shares = _shares(asked, asked.noise_multiplier, secure)
        steps = order.recipe.local_steps or 1
        release = Release(asked.noise_multiplier, asked.sample_rate, steps)
        reservation = self._reserve(asked, secure, order.round, TRAIN, release, shares)
        self._check_once(tagger, examples, unit_of)
        train_privately(
            tagger,
            examples,
            unit_of,
            asked,
            order.recipe,
            steps=steps,
            begin=(order.round - 1) / order.rounds,
            end=order.round / order.rounds,
            units=self.declared_units(order, examples),
        )
        return reservation

    def counts(self, order: Order, secure: Sum, count: Callable[[Unit], NDArray[np.int64]]) -> Released:
        """The clipped, noised sum of held-out units' counts.

        Args:
            order: private.
            secure: the sum it goes into.
            count: gives the counts of each unit, shape (units, coordinates).

        Raises:
            RefuseRound: as `gradient`.
        """
        asked = self._allowed(order)
        shares = _shares(asked, asked.count_noise_multiplier, secure)
        release = Release(asked.count_noise_multiplier / count_sensitivity(asked.unit), 1.0)
        reservation = self._reserve(asked, secure, order.round, HELD_OUT, release, shares)
        return _with_noise(count_sum(count(asked.unit), asked), shares, reservation)

    def pair_counts(
        self, asked: PrivateCounts, secure: Sum, counting: Counting, units: Iterable[list[str]]
    ) -> Released:
        """The bounded, noised sum of the training units' counts of word pairs.

        Args:
            asked: unit, noise and bounds.
            secure: the sum it goes into, the only one of its run.
            counting: what to count.
            units: texts of each; they are read only once the release is reserved.

        Raises:
            RefuseRound: as `gradient`.
        """
        self._check_policy(asked.unit, asked.noise_multiplier)
        bound = CountBound(asked.most_per_pair, asked.max_norm, asked.grid)
        shares = _shares(asked, asked.noise_multiplier, secure)
        release = Release(asked.noise_multiplier, 1.0)
        reservation = self._reserve(asked, secure, 1, TRAIN, release, shares)
        counts = (count_unit(texts, counting) for texts in units)
        total = bounded_sum(counts, counting.pairs.size, counting.steps, bound)
        return _with_noise(total, shares, reservation)

    def declared_units(self, order: Order, examples: Sequence[Example]) -> int:
        """How many units are trained on, as it is told to others."""
        return declared(len(set(owners(self._allowed(order).unit, examples))))

    def released(self, reservation: int) -> None:
        """Notes that a reserved release goes out now."""
        self._ledger.released(reservation)

    def _allowed(self, order: Order) -> PrivateRound:
        asked = order.private
        if asked is None:
            raise RefuseRound(Reason.NOT_PRIVATE)
        self._check_policy(asked.unit, min(asked.noise_multiplier, asked.count_noise_multiplier))
        return asked

    def _check_policy(self, unit: Unit, noise_multiplier: float) -> None:
        if unit != self.unit:
            raise RefuseRound(Reason.UNIT)
        if noise_multiplier < self._least_noise:
            raise RefuseRound(Reason.NOISE)

    def _units(self, asked: PrivateRound, tagger: Tagger, examples: Sequence[Example]) -> list[int]:
        """Who owns which example, if examples are such that one has an owner."""
        if asked.unit == "sentence" and (tagger.settings.window or tagger.settings.windows_a_note):
            raise FixSettings(
                "which windows there are depends on more than one sentence, so one less would change others",
                where="window",
                remedy="Use --window 0, and all windows of a note, with the unit 'sentence'.",
            )
        return owners(asked.unit, examples)

    def _check_once(self, tagger: Tagger, examples: Sequence[Example], unit_of: Sequence[int]) -> None:
        """Makes sure, before a network's first gradient that counts, that its examples do not mix."""
        if self._checked != tagger.settings:
            check_gradients(tagger, examples, unit_of)
            self._checked = tagger.settings

    def _reserve(
        self,
        asked: PrivateRound | PrivateCounts,
        secure: Sum,
        run_round: int,
        purpose: str,
        release: Release,
        shares: NoiseShares,
    ) -> int:
        moved = count_sensitivity(asked.unit) if purpose == HELD_OUT else 1.0
        alone = effective_multiplier(shares.sigmas[0], asked.grid) / moved
        return self._ledger.reserve(
            release,
            f"{purpose}.{self._rule}",
            secure.run,
            run_round,
            alone=min(alone, release.noise_multiplier),
        )


def declared(size: int) -> int:
    """A size as it is told to others: two digits of it, at least 10."""
    return max(10, round(size, -max(1, len(str(size)) - 2)))


def _shares(asked: PrivateRound | PrivateCounts, noise_multiplier: float, secure: Sum) -> NoiseShares:
    return shares_of(
        asked.noise,
        noise_multiplier,
        asked.grid,
        hospitals=secure.hospitals,
        threshold=secure.threshold,
        colluders=secure.colluders,
    )


def _with_noise(total: NDArray[np.int64], shares: NoiseShares, reservation: int) -> Released:
    drawn = draw_noise(shares, total.size)
    return Released(total + drawn.values, drawn.seeds, shares, reservation)
