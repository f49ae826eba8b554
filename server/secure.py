"""Secure sums over the Grid: the phases of `privacy.secagg`, with deadlines, retries and keys exchanged ahead.

    advertise, encapsulate   keys; for the next sum they ride on `confirm` and `unmask` of this one
    share                    seeds
    update                   the hospitals compute, and send masked vectors
    confirm, unmask          who is in, and the masks off

Guarantees: what the aggregator's program holds of a hospital is what `privacy.secagg.server` holds; no vector, loss,
count or score of one hospital can be read from it, or is kept.
"""

import dataclasses
import logging
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from flwr.app import Message, RecordDict
from flwr.serverapp import Grid
from numpy.typing import NDArray
from pydantic import BaseModel

from privacy.generator import KEY
from privacy.noise_shares import NoiseShares
from privacy.release import component_of, shares_of
from privacy.secagg.fixed_point import FixedPoint, Segment, finest_scale, smallest_ring
from privacy.secagg.identity import Roster
from privacy.secagg.policy import LEAST_HONEST, LEAST_HOSPITALS
from privacy.secagg.server import ServerSum
from privacy.secagg.shares import MOST
from privacy.secagg.terms import RUN, Terms, least_threshold, usual_threshold
from privacy.task import digest_task
from server.exchange import exchange
from server.settings import RunSettings, SumSettings
from server.sums import ABSENT, LATE, Job, Summed, TooFew
from shared.errors import ClinfedError, FixSettings, RejectUpdate
from shared.files import write_text
from shared.models.tagger import Weights
from shared.refusal import Reason, RefuseRound
from shared.wire import (
    CATEGORY,
    Phase,
    code_of,
    order_content,
    read_answer,
    read_seeds,
    read_vector,
    sum_content,
    with_sum,
)

RUN_FILE, ATTEMPT_FILE = "run-id", "attempt"
PRECISION = 1e-6  # of the clip: the mean update is that close to what it would be without masks
LARGEST_INTEGER = (1 << 31) - 1  # of a sum in a ring of 32 bits
LARGEST_LOSS = 16.0  # mean of a hospital's training loss, as far as it is told

log = logging.getLogger("clinfed.server")


@dataclass
class _Costs:
    down: int = 0
    up: int = 0
    seconds: dict[str, float] = dataclasses.field(default_factory=lambda: defaultdict(float))


class SecureSums:
    """Adds up vectors that it cannot read.

    Args:
        grid: reaches the hospitals.
        nodes: node id by hospital.
        settings: of the run.
        roster: public keys of the hospitals.
        examples: each hospital's number of training examples, as declared.
        folder: of the run; its id and the number of the last attempt are kept there.
        on_update: called with a hospital's name when its vector is there, unless it is one of an evaluation.
    """

    def __init__(
        self,
        grid: Grid,
        nodes: Mapping[str, int],
        settings: SumSettings,
        roster: Roster,
        examples: Mapping[str, int],
        folder: Path,
        on_update: Callable[[str], None],
    ) -> None:
        self._grid, self._nodes, self._settings, self._roster = grid, nodes, settings, roster
        self._examples, self._folder, self._on_update = examples, folder, on_update
        self._run = _run_id(folder)
        self._prepared: ServerSum | None = None

    def add_up(self, job: Job, order: BaseModel, weights: Weights, following: Job | None) -> Summed:
        """Makes a secure sum, in as many attempts as the settings allow; see `server.sums.Sums`."""
        costs = _Costs()
        missing: dict[str, str] = {}
        for attempt in range(1, self._settings.attempts + 1):
            missing = {name: ABSENT for name in job.cohort if name not in self._nodes}
            try:
                total, secure = self._attempt(job, order, weights, following, missing, costs)
            except RefuseRound as refusal:
                self._prepared = None
                log.warning("round %s, %s, attempt %s: %s", job.round, job.kind, attempt, refusal.reason)
                if refusal.about:
                    missing[refusal.about] = code_of(refusal)
                continue
            return Summed(
                total=total,
                answered=secure.survivors,
                missing={name: why for name, why in missing.items() if name not in secure.survivors},
                evidence=partial(_evidence, secure),
                bytes_down=costs.down,
                bytes_up=costs.up,
                seconds=dict(costs.seconds),
                attempts=attempt,
            )
        raise TooFew(missing, len(job.cohort) - len(missing))

    def _attempt(
        self,
        job: Job,
        order: BaseModel,
        weights: Weights,
        following: Job | None,
        missing: dict[str, str],
        costs: _Costs,
    ) -> tuple[NDArray[np.float64], ServerSum]:
        """One attempt, phase by phase; a phase with too few answers ends it."""

        def ask(phase: Phase, contents: Mapping[str, RecordDict], accept: _Accept) -> None:
            self._phase(job, phase, contents, accept, missing, costs)

        # 1. Keys, unless they came while the sum before was made.
        present = tuple(name for name in job.cohort if name in self._nodes)
        secure, self._prepared = self._prepared, None
        if secure is None or secure.terms.number != _number(job):
            secure = ServerSum(self._terms(job), self._roster)
            terms = sum_content(secure.terms.to_bytes())
            ask("advertise", dict.fromkeys(present, terms), _message(secure.accept_advert))
            adverts = sum_content(secure.adverts_order())
            ask(
                "encapsulate",
                dict.fromkeys(secure.advertisers, adverts),
                _message(secure.accept_encapsulated),
            )

        # 2. Shares of the seeds of every mask.
        shares = secure.share_orders(digest_task(job.kind, order, weights))
        ask(
            "share",
            {name: sum_content(data) for name, data in shares.items()},
            _message(secure.accept_shared),
        )

        # 3. The work itself; each answer goes into the sum as it comes.
        try:
            inboxes = secure.inboxes()
        finally:
            missing |= dict.fromkeys(secure.disputed, f"{RefuseRound.code}/{Reason.MASK_DISPUTED}")
        task = order_content(order, weights)
        ask(
            "update",
            {name: with_sum(task, inbox) for name, inbox in inboxes.items()},
            lambda name, reply: secure.accept_masked(name, read_vector(reply), read_answer(reply)[0]),
        )
        survivors = secure.survivors_order()

        # 4. Who is in; and, if all are, the keys of the sum that follows.
        ahead = None
        if following is not None and following.cohort == job.cohort and secure.survivors == list(present):
            ahead = ServerSum(self._terms(following), self._roster)
        content = sum_content(survivors, ahead.terms.to_bytes() if ahead else None)
        ask(
            "confirm",
            dict.fromkeys(secure.survivors, content),
            _message(secure.accept_confirmed, ahead.accept_advert if ahead else None),
        )

        # 5. The masks off.
        unmask = secure.unmask_order()
        ahead = ahead if ahead and ahead.advertisers == present else None
        content = sum_content(unmask, ahead.adverts_order() if ahead else None)
        reveal = _message(secure.accept_revealed, ahead.accept_encapsulated if ahead else None)
        surplus: dict[str, bytes] = {}

        def take_revealed(hospital: str, reply: Message) -> None:
            reveal(hospital, reply)
            surplus[hospital] = read_seeds(reply)

        ask("unmask", dict.fromkeys(secure.survivors, content), take_revealed)
        started = time.monotonic()
        total = secure.terms.encoding.decode(secure.total())
        noise = self._shares(job, len(inboxes))
        if noise is not None and len(noise.sigmas) > 1:  # otherwise all of it stays
            total -= surplus_noise(noise, len(secure.survivors), surplus, total.size)
        costs.seconds["aggregate"] += time.monotonic() - started
        self._prepared = ahead if ahead and ahead.encapsulators == present else None
        return total, secure

    def _phase(
        self,
        job: Job,
        phase: Phase,
        contents: Mapping[str, RecordDict],
        accept: "_Accept",
        missing: dict[str, str],
        costs: _Costs,
    ) -> None:
        """Asks hospitals, and notes why an answer is missing or cannot be used."""
        late = set(contents)

        def take(hospital: str, reply: Message) -> None:
            late.discard(hospital)
            if phase == "update" and job.kind != "evaluate":
                self._on_update(hospital)
            try:
                accept(hospital, reply)
            except RejectUpdate as error:
                missing[hospital] = error.what
            except ClinfedError as error:
                missing[hospital] = code_of(error)

        settings = self._settings
        done = exchange(
            self._grid,
            self._nodes,
            f"{CATEGORY[job.kind]}.{phase}",
            contents,
            group=str(job.round),
            deadline_seconds=settings.deadline_seconds if phase == "update" else settings.phase_seconds,
            take=take,
        )
        missing |= dict.fromkeys(late, LATE)
        costs.down += done.bytes_down
        costs.up += done.bytes_up
        costs.seconds["evaluate" if job.kind == "evaluate" else phase] += done.seconds

    def _terms(self, job: Job) -> Terms:
        """The terms of the next attempt at a job; its number is on disk before anyone sees them."""
        file = self._folder / ATTEMPT_FILE
        attempt = int(file.read_text()) + 1 if file.exists() else 1
        write_text(file, f"{attempt}\n")
        size = len(job.cohort)
        return Terms(
            run=self._run,
            number=_number(job),
            attempt=attempt,
            purpose=job.kind,
            roster=self._roster.digest,
            cohort=tuple(self._roster.index(name) for name in job.cohort),
            threshold=self._threshold(size),
            colluders=self._settings.colluders,
            hybrid=self._settings.hybrid,
            encoding=self._encoding(job),
        )

    def _shares(self, job: Job, hospitals: int) -> NoiseShares | None:
        """The noise in a sum that holds integers; None for other sums."""
        if job.noise is None:
            return None
        return shares_of(
            job.noise.noise,
            job.noise.noise_multiplier,
            job.noise.grid,
            hospitals=hospitals,
            threshold=self._threshold(len(job.cohort)),
            colluders=self._settings.colluders,
        )

    def _threshold(self, size: int) -> int:
        return self._settings.threshold or usual_threshold(size, self._settings.colluders)

    def _encoding(self, job: Job) -> FixedPoint:
        size = len(job.cohort)
        largest = job.largest if job.noise is None else LARGEST_INTEGER // size
        if largest is not None:
            return FixedPoint((Segment(job.layout.size, largest, 1.0),), size, 32)
        examples = sorted(self._examples[name] for name in job.cohort if name in self._examples)
        return training_encoding(job.layout.size, size, examples, job.clip)


def check_trust(settings: RunSettings) -> None:
    """Refuses settings that every hospital's policy would refuse.

    Raises:
        FixSettings: too few hospitals for a secure sum, or a threshold that protects nobody.
    """
    if not settings.masked:
        if settings.private is not None:
            raise FixSettings(
                "the aggregator would see every hospital's vector, with a share of the noise only",
                where="trust",
                remedy="Use --trust secagg, or --trust none for all of the noise at every hospital.",
            )
        return
    asked = max(1, round(settings.fraction * len(settings.hospitals)))
    remedy = "Change the number of hospitals or --fraction, or let the aggregator see updates: --trust plain."
    check_cohort(settings, asked, remedy)


def check_cohort(settings: SumSettings, asked: int, remedy: str) -> None:
    """Refuses a secure sum of so many hospitals that every hospital's policy would refuse.

    Args:
        settings: of the sum.
        asked: hospitals.
        remedy: where they are too few or too many.

    Raises:
        FixSettings: as `check_trust`.
    """
    if not LEAST_HOSPITALS <= asked <= MOST:
        raise FixSettings(
            f"a secure sum takes {LEAST_HOSPITALS} to {MOST} hospitals, and {asked} are asked in a round",
            where="trust",
            remedy=remedy,
        )
    threshold = settings.threshold or usual_threshold(asked, settings.colluders)
    least = max(least_threshold(asked, settings.colluders), settings.colluders + LEAST_HONEST)
    if not least <= threshold <= asked:
        raise FixSettings(
            f"{asked} hospitals of which {settings.colluders} may collude need a threshold from {least} to {asked}",
            where="threshold",
            remedy="Change --threshold or --colluders.",
        )


def surplus_noise(
    shares: NoiseShares, survivors: int, seeds: Mapping[str, bytes], size: int
) -> NDArray[np.float64]:
    """The noise that was drawn for hospitals that might have dropped out and did not.

    Args:
        shares: of every hospital.
        survivors: hospitals whose vectors are in the sum.
        seeds: of the components to take away, by hospital, one after the other; whoever sent another number of
            bytes, or none, leaves its noise in the sum.
        size: coordinates.

    Returns:
        Whole numbers, shape (size,).
    """
    noise = np.zeros(size, dtype=np.float64)
    parts = shares.removed(survivors)
    for hospital in sorted(seeds):
        own = seeds[hospital]
        if len(own) == KEY * len(parts):
            for place, part in enumerate(parts):
                noise += component_of(shares, part, own[place * KEY : (place + 1) * KEY], size)
    return noise


_Accept = Callable[[str, Message], None]


def training_encoding(coordinates: int, parties: int, examples: list[int], clip: float) -> FixedPoint:
    """How `[examples * update, examples, examples * loss]` is laid on integers.

    Args:
        coordinates: of the vector.
        parties: hospitals whose vectors may be added.
        examples: of each hospital that is there, as declared.
        clip: no coordinate of an update is larger.

    Returns:
        An encoding in as few bits as keep every coordinate of the mean update, over the fewest hospitals that may be
        left, exact to within `PRECISION * clip`; 32 if none does.
    """
    weight = float(max(examples))
    update = float(np.float32(clip * weight))
    least = sum(sorted(examples)[: usual_threshold(parties, 0)])
    bits = smallest_ring(update, parties, PRECISION * clip * least)
    bounds = ((coordinates - 2, update), (1, weight), (1, weight * LARGEST_LOSS))
    segments = tuple(Segment(n, bound, finest_scale(bound, parties, bits)) for n, bound in bounds)
    return FixedPoint(segments, parties, bits)


def _message(
    accept: Callable[[str, bytes], None], ahead: Callable[[str, bytes], None] | None = None
) -> _Accept:
    """Takes in a phase's bytes, and what rides along for the sum ahead, which may fail without harm."""

    def take(hospital: str, reply: Message) -> None:
        message, following = read_answer(reply)
        accept(hospital, message)
        if ahead is not None and following is not None:
            try:
                ahead(hospital, following)
            except RefuseRound as refusal:
                log.warning("next sum, %s: %s", hospital, refusal.reason)

    return take


def _evidence(secure: ServerSum) -> list[dict[str, Any]]:
    return [dataclasses.asdict(item) for item in secure.evidence()]


def _number(job: Job) -> int:
    """Of a sum within the run."""
    return 2 * job.round - (job.kind != "evaluate")


def _run_id(folder: Path) -> bytes:
    """The run's id, drawn when it is first needed."""
    file = folder / RUN_FILE
    if not file.exists():
        write_text(file, secrets.token_hex(RUN) + "\n")
    return bytes.fromhex(file.read_text().strip())
