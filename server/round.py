"""One round, step by step: the hospitals' vectors become a sum, the sum moves the model, another sum scores it."""

import math
import random
import resource
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privacy.quantise import dequantise
from server.aggregate import MeanUpdate, mean_descent, mean_update
from server.checkpoint import RunState
from server.metrics import Round
from server.progress import Progress
from server.settings import RunSettings
from server.strategy import advance
from server.sums import ABSENT, Job, Summed, SumNoise, Sums, TooFew, listed
from shared import scores
from shared.errors import AskHospitals
from shared.scores import COUNTS_PER_LABEL
from shared.vector import Layout, counting_layout, gradient_layout, training_layout
from shared.wire import Order

LARGEST_COUNT = 1 << 20  # of one hospital's evaluation, in each field
LEAST_RMS = 8  # a mean update whose root mean square is beyond clip / 8 is no honest one


@dataclass(frozen=True)
class Discarded:
    """Why a sum was not used, and the hospitals' signed commitments to what they sent."""

    reason: str
    evidence: list[dict[str, Any]]


def run_round(
    sums: Sums, hospitals: Sequence[str], settings: RunSettings, state: RunState, progress: Progress
) -> tuple[RunState, Discarded | None]:
    """Runs the round after those in `state`.

    Args:
        sums: makes sums of the hospitals' vectors.
        hospitals: of which the cohort is drawn.
        settings: of the run.
        state: after the round before.
        progress: shows what is going on.

    Returns:
        The state after the round; and, if the sum could not be honest, why the model stayed as it was.

    Raises:
        AskHospitals: too few hospitals sent an update that can be used.
    """
    number = len(state.rounds) + 1
    order = Order(
        round=number,
        rounds=settings.rounds,
        seed=settings.seed,
        model=settings.model,
        recipe=settings.recipe,
        private=settings.private.order if settings.private else None,
    )

    # 1. Draw the hospitals that take part, and foresee the sums to come, for their keys can be exchanged meanwhile.
    job = training_job(number, hospitals, settings, state)
    scoring = scoring_job(number, hospitals, settings)
    next_round = training_job(number + 1, hospitals, settings, state) if number < settings.rounds else None
    progress.start_round(number, len(job.cohort))

    # 2. They train from the global model; their vectors are added up.
    try:
        trained = sums.add_up(job, order, state.weights, scoring or next_round)
    except TooFew as few:
        needed = max(settings.min_hospitals, settings.threshold or 1)
        raise AskHospitals(
            f"{few.answered} of {len(job.cohort)} hospitals sent a usable update, {needed} are needed: "
            + listed(few.missing),
            where=f"round {number}",
            remedy="Mend these sites and start the run again; it goes on from the last round.",
        ) from None

    # 3. Move the global model along the mean, unless no honest hospitals can have sent what was added up.
    started = time.monotonic()
    mean = _mean(job, trained, settings, state)
    norm = math.sqrt(sum(float(np.square(array, dtype=np.float64).sum()) for array in mean.arrays.values()))
    discarded = None
    weights, moments = state.weights, state.moments
    if why := _implausible(norm, mean.examples, job.layout, settings):
        discarded = Discarded(why, trained.evidence())
    else:
        weights, moments = advance(settings.strategy, weights, mean.arrays, moments, number, settings.rounds)
    trained = replace(trained, evidence=list)  # and with it goes what the hospitals sent
    moved = time.monotonic() - started

    # 4. All hospitals score the new model on patients nobody trained on.
    scored = None
    if scoring is not None:
        try:
            scored = sums.add_up(scoring, order, moments.average or weights, next_round)
        except TooFew:
            scored = None
    counts = _counts(scored.total, settings) if scored else None

    # 5. Write down what happened.
    missing = {source.hospital: ABSENT for source in settings.hospitals if source.hospital not in hospitals}
    done = Round(
        round=number,
        cohort=list(job.cohort),
        answered=trained.answered,
        missing=missing | trained.missing,
        examples=mean.examples,
        loss=None if mean.loss is None else round(mean.loss, 6),
        bytes_down=trained.bytes_down + (scored.bytes_down if scored else 0),
        bytes_up=trained.bytes_up + (scored.bytes_up if scored else 0),
        seconds=_seconds(trained, scored, moved),
        memory_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        held_out=None if counts is None else scores.score(settings.model.labels, counts),
        held_out_by_hospital={
            name: scores.score(settings.model.labels, _counts(vector, settings))
            for name, vector in (scored.vectors if scored else {}).items()
        },
        update_norm=round(norm, 6),
        attempts=trained.attempts,
        discarded=discarded.reason if discarded else None,
    )
    progress.finish_round(done)
    return RunState(weights, moments, (*state.rounds, done), state.hospitals), discarded


def training_job(number: int, hospitals: Sequence[str], settings: RunSettings, state: RunState) -> Job:
    """The sum of training vectors of one round."""
    cohort = draw_cohort(sorted(hospitals), settings.fraction, settings.seed, number)
    lay_out = gradient_layout if settings.shares_noise else training_layout
    asked = settings.private.order if settings.private and settings.shares_noise else None
    return Job(
        "train",
        number,
        tuple(cohort),
        lay_out({name: array.shape for name, array in state.weights.items()}),
        noise=SumNoise(asked.noise, asked.noise_multiplier, asked.grid) if asked else None,
        clip=settings.update_clip,
    )


def scoring_job(number: int, hospitals: Sequence[str], settings: RunSettings) -> Job | None:
    """The sum of counts on held-out patients after one round; None if it is not due."""
    if number % settings.evaluate_every and number != settings.rounds:
        return None
    layout = counting_layout(len(settings.model.labels), COUNTS_PER_LABEL)
    asked = settings.private.order if settings.private else None
    return Job(
        "evaluate",
        number,
        tuple(sorted(hospitals)),
        layout,
        noise=SumNoise(asked.noise, asked.count_noise_multiplier, asked.grid) if asked else None,
        largest=LARGEST_COUNT,
    )


def draw_cohort(hospitals: Sequence[str], fraction: float, seed: int, round_number: int) -> list[str]:
    """Draws the hospitals of a round, the same ones whenever the round is run again."""
    size = cohort_size(len(hospitals), fraction)
    return sorted(random.Random(f"{seed}/{round_number}").sample(list(hospitals), size))  # noqa: S311


def cohort_size(hospitals: int, fraction: float) -> int:
    """How many hospitals are asked in a round, at least one."""
    return max(1, round(fraction * hospitals))


def _mean(job: Job, trained: Summed, settings: RunSettings, state: RunState) -> MeanUpdate:
    if settings.private is None or not settings.shares_noise:
        mean = mean_update(job.layout, trained.total)
        return mean if settings.private is None else replace(mean, loss=None)
    units = sum(state.hospitals[name].units or 0 for name in trained.answered)
    return mean_descent(job.layout, trained.total, settings.private.order, units)


def _largest_norm(expected: int, layout: Layout, settings: RunSettings) -> float:
    """That an honest mean can have; of clipped gradients, C if all agree, and the noise."""
    if settings.private is None or not settings.shares_noise:
        return settings.update_clip / LEAST_RMS * math.sqrt(layout.size)
    asked = settings.private.order
    noise = asked.noise_multiplier * math.sqrt(layout.size * len(settings.hospitals)) / max(1, expected)
    return LEAST_RMS * asked.max_grad_norm * (1 + noise)


def _implausible(norm: float, examples: int, layout: Layout, settings: RunSettings) -> str | None:
    """Why a sum cannot be honest; None if it can."""
    largest = settings.largest_norm or _largest_norm(examples, layout, settings)
    if examples < 1:
        return f"{examples} examples behind it"
    if not norm <= largest:
        return f"the mean update's norm is {norm:.4g}, and {largest:.4g} is allowed"
    return None


def _counts(vector: NDArray[np.number], settings: RunSettings) -> NDArray[np.int64]:
    """Counts of a sum; noised ones as near to counts as may be: none below 0, and no more hits than entities."""
    layout = counting_layout(len(settings.model.labels), COUNTS_PER_LABEL)
    if settings.private is not None:
        asked = settings.private.order
        vector = dequantise(vector.astype(np.int64), asked.count_norm, asked.grid)
    counts: NDArray[np.int64] = np.rint(layout.unpack(vector)[0]["counts"]).astype(np.int64)
    if settings.private is not None:
        counts = counts.clip(min=0)
        counts[:, 2:] = np.minimum(counts[:, 2:], counts[:, :2].min(axis=1, keepdims=True))
    return counts


def _seconds(trained: Summed, scored: Summed | None, moved: float) -> Mapping[str, float]:
    seconds = dict(trained.seconds)
    seconds["aggregate"] = seconds.get("aggregate", 0.0) + moved
    seconds["evaluate"] = sum(scored.seconds.values()) if scored else 0.0
    return {phase: round(value, 3) for phase, value in seconds.items()}
