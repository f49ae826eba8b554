"""What a round asks for: the sum of the hospitals' vectors, however it comes about."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from shared.models.tagger import Weights
from shared.private import Noise
from shared.vector import Layout
from shared.wire import Kind

LATE, ABSENT = "late", "absent"  # did not answer in time; did not greet when the run was started


@dataclass(frozen=True)
class SumNoise:
    """The noise in a sum of integers.

    Args:
        noise: who adds it.
        noise_multiplier: that honest survivors leave in the sum.
        grid: integer steps that a clipping norm becomes.
    """

    noise: Noise
    noise_multiplier: float
    grid: int


@dataclass(frozen=True)
class Job:
    """One sum that a run needs.

    Args:
        kind: of vectors.
        round: counted from 1.
        cohort: hospitals that are asked, sorted.
        layout: of each vector.
        noise: of vectors of noised integers; None for others.
        largest: integer in a vector of integers without noise; None for vectors of real numbers.
        clip: no coordinate of a hospital's update is larger, in a vector of real numbers.
    """

    kind: Kind
    round: int
    cohort: tuple[str, ...]
    layout: Layout
    noise: SumNoise | None = None
    largest: int | None = None
    clip: float = 1.0


@dataclass(frozen=True)
class Summed:
    """What came of a job.

    Args:
        total: sum of the vectors, shape (coordinates,).
        answered: hospitals whose vectors are in it.
        missing: why the others' are not, by hospital.
        vectors: each hospital's own; empty wherever the aggregator must not see them.
        evidence: tells each hospital's signed commitment, and whether it was true to it; keeps alive what they sent.
        bytes_down: sent to hospitals.
        bytes_up: received from hospitals.
        seconds: by phase.
        attempts: it took.
    """

    total: NDArray[np.float64]
    answered: list[str]
    missing: dict[str, str]
    vectors: Mapping[str, NDArray[np.number]] = field(default_factory=dict)
    evidence: Callable[[], list[dict[str, Any]]] = list
    bytes_down: int = 0
    bytes_up: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)
    attempts: int = 1


class TooFew(Exception):
    """A sum did not come about; `missing` says why, by hospital. The round turns it into advice for the operator."""

    def __init__(self, missing: Mapping[str, str], answered: int) -> None:
        self.missing, self.answered = dict(missing), answered
        super().__init__(f"{answered} vectors")


class Sums(Protocol):
    """Makes sums."""

    def add_up(self, job: Job, order: BaseModel, weights: Weights, following: Job | None) -> Summed:
        """Asks the cohort for vectors and adds them up.

        Args:
            job: what to add up.
            order: what the hospitals are asked to compute.
            weights: the global model's trained weights, or what else travels as arrays.
            following: the job after it, if that is certain; its keys may be exchanged meanwhile.

        Raises:
            TooFew: fewer vectors came than a sum needs.
        """


def listed(missing: Mapping[str, str], order: Sequence[str] = ()) -> str:
    """Hospitals and reasons as a sentence's end."""
    return ", ".join(f"{hospital} ({missing[hospital]})" for hospital in order or missing)
