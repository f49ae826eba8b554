"""One round, step by step.

The places of what is to come: before step 2 a masking round advertises keys and shares seeds; after it, it confirms
who is in and removes the masks, so that step 4 sees the sum only. Noise enters at the hospitals, inside step 2.
"""

import random
import resource
import time
from collections.abc import Mapping, Sequence

import numpy as np
from flwr.app import Message
from flwr.serverapp import Grid
from numpy.typing import NDArray

from server.aggregate import accept_counts, accept_update, add, mean_update
from server.checkpoint import RunState
from server.exchange import exchange
from server.metrics import Round
from server.progress import Progress
from server.settings import RunSettings
from server.strategy import step
from shared import scores
from shared.errors import AskHospitals, RejectUpdate
from shared.vector import counting_layout, training_layout
from shared.wire import Order, order_content, read_vector

LATE, ABSENT = "late", "absent"  # did not answer in time; did not greet when the run was started


def run_round(
    grid: Grid, nodes: Mapping[str, int], settings: RunSettings, state: RunState, progress: Progress
) -> RunState:
    """Runs the round after those in `state`.

    Args:
        grid: reaches the hospitals.
        nodes: node id of every hospital of the run.
        settings: of the run.
        state: after the round before.
        progress: shows what is going on.

    Returns:
        The state after the round.

    Raises:
        AskHospitals: too few hospitals sent an update that can be used.
    """
    number = len(state.rounds) + 1
    order = Order(
        round=number, rounds=settings.rounds, seed=settings.seed, model=settings.model, recipe=settings.recipe
    )
    group = str(number)

    # 1. Draw the hospitals that take part.
    cohort = draw_cohort(sorted(nodes), settings.fraction, settings.seed, number)
    progress.start_round(number, len(cohort))

    # 2. They train from the global model and answer with one vector each.
    training = exchange(
        grid,
        {hospital: nodes[hospital] for hospital in cohort},
        "train.update",
        order_content(order, state.weights),
        group=group,
        deadline_seconds=settings.deadline_seconds,
        on_reply=progress.answered,
    )

    # 3. Accept what may enter the sum; note why the others may not.
    started = time.monotonic()
    layout = training_layout({name: array.shape for name, array in state.weights.items()})
    vectors: dict[str, NDArray[np.float32]] = {}
    missing = {source.hospital: ABSENT for source in settings.hospitals if source.hospital not in nodes}
    for hospital in cohort:
        try:
            vectors[hospital] = accept_update(layout, _vector_of(training.replies, hospital))
        except RejectUpdate as error:
            missing[hospital] = error.what
    if len(vectors) < settings.min_hospitals:
        raise AskHospitals(
            f"{len(vectors)} of {len(cohort)} hospitals sent a usable update, {settings.min_hospitals} are needed: "
            + ", ".join(f"{hospital} ({why})" for hospital, why in missing.items()),
            where=f"round {number}",
            remedy="Mend these sites and start the run again; it goes on from the last round.",
        )

    # 4. Add up and move the global model.
    mean = mean_update(layout, add(vectors))
    weights, moments = step(settings.strategy, state.weights, mean.arrays, state.moments, number)
    aggregated = time.monotonic()

    # 5. All hospitals score the new model on patients nobody trained on.
    counts: dict[str, NDArray[np.int64]] = {}
    evaluation = None
    if number % settings.evaluate_every == 0 or number == settings.rounds:
        evaluation = exchange(
            grid,
            nodes,
            "evaluate.update",
            order_content(order, weights),
            group=group,
            deadline_seconds=settings.deadline_seconds,
        )
        counts = _counts_of(evaluation.replies, len(settings.model.labels))

    # 6. Write down what happened.
    done = Round(
        round=number,
        cohort=list(cohort),
        answered=sorted(vectors),
        missing=missing,
        examples=mean.examples,
        loss=round(mean.loss, 6),
        bytes_down=training.bytes_down + (evaluation.bytes_down if evaluation else 0),
        bytes_up=training.bytes_up + (evaluation.bytes_up if evaluation else 0),
        seconds={
            "update": round(training.seconds, 3),
            "aggregate": round(aggregated - started, 3),
            "evaluate": round(evaluation.seconds, 3) if evaluation else 0.0,
        },
        memory_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        held_out=scores.score(settings.model.labels, sum_counts(counts)) if counts else None,
        held_out_by_hospital={name: scores.score(settings.model.labels, own) for name, own in counts.items()},
    )
    progress.finish_round(done)
    return RunState(weights, moments, (*state.rounds, done), state.hospitals)


def draw_cohort(hospitals: Sequence[str], fraction: float, seed: int, round_number: int) -> list[str]:
    """Draws the hospitals of a round, the same ones whenever the round is run again."""
    size = cohort_size(len(hospitals), fraction)
    return sorted(random.Random(f"{seed}/{round_number}").sample(list(hospitals), size))  # noqa: S311


def cohort_size(hospitals: int, fraction: float) -> int:
    """How many hospitals are asked in a round, at least one."""
    return max(1, round(fraction * hospitals))


def sum_counts(counts: Mapping[str, NDArray[np.int64]]) -> NDArray[np.int64]:
    """Adds counts over hospitals."""
    total: NDArray[np.int64] = np.sum(list(counts.values()), axis=0, dtype=np.int64)
    return total


def _vector_of(replies: dict[str, Message], hospital: str) -> NDArray[np.generic]:
    """A hospital's vector; its message is dropped, so that a round holds one copy of each."""
    if hospital not in replies:
        raise RejectUpdate(LATE)
    return read_vector(replies.pop(hospital))


def _counts_of(replies: Mapping[str, Message], labels: int) -> dict[str, NDArray[np.int64]]:
    """Counts by hospital; a hospital that did not answer, or with something else, is left out."""
    layout = counting_layout(labels, scores.COUNTS_PER_LABEL)
    counts: dict[str, NDArray[np.int64]] = {}
    for hospital in sorted(replies):
        try:
            counts[hospital] = accept_counts(layout, read_vector(replies[hospital]))
        except RejectUpdate:
            continue
    return counts
