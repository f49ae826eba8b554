"""Sums in the clear: the aggregator sees every hospital's vector. For comparison, and where hospitals agree to it."""

import time
from collections.abc import Callable, Mapping

import numpy as np
from flwr.app import Message
from flwr.serverapp import Grid
from numpy.typing import NDArray
from pydantic import BaseModel

from server.aggregate import accept_counts, accept_update, add
from server.exchange import exchange
from server.settings import RunSettings
from server.sums import LATE, Job, Summed, TooFew
from shared.errors import RejectUpdate
from shared.models.tagger import Weights
from shared.vector import Layout
from shared.wire import order_content, read_vector


class PlainSums:
    """Adds up what hospitals send unmasked.

    Args:
        grid: reaches the hospitals.
        nodes: node id by hospital.
        settings: of the run.
        on_update: called with a hospital's name when its training vector is there.
    """

    def __init__(
        self, grid: Grid, nodes: Mapping[str, int], settings: RunSettings, on_update: Callable[[str], None]
    ) -> None:
        self._grid, self._nodes, self._settings, self._on_update = grid, nodes, settings, on_update

    def add_up(self, job: Job, order: BaseModel, weights: Weights, following: Job | None) -> Summed:
        """Asks for vectors and adds those that may enter the sum; see `server.sums.Sums`."""
        vectors: dict[str, NDArray[np.number]] = {}
        missing = dict.fromkeys(job.cohort, LATE)
        accept: Callable[[Layout, NDArray[np.generic]], NDArray[np.number]]
        accept = accept_update if job.kind == "train" else accept_counts

        def take(hospital: str, reply: Message) -> None:
            if job.kind == "train":
                self._on_update(hospital)
            try:
                vectors[hospital] = accept(job.layout, read_vector(reply))
                del missing[hospital]
            except RejectUpdate as error:
                missing[hospital] = error.what

        content = order_content(order, weights)
        done = exchange(
            self._grid,
            self._nodes,
            f"{job.kind}.update",
            dict.fromkeys(job.cohort, content),
            group=str(job.round),
            deadline_seconds=self._settings.deadline_seconds,
            take=take,
        )
        if not vectors or (job.kind == "train" and len(vectors) < self._settings.min_hospitals):
            raise TooFew(missing, len(vectors))
        started = time.monotonic()
        total = add(vectors)
        phase = "update" if job.kind == "train" else "evaluate"
        return Summed(
            total=total,
            answered=sorted(vectors),
            missing=missing,
            vectors=vectors if job.kind == "evaluate" else {},
            bytes_down=done.bytes_down,
            bytes_up=done.bytes_up,
            seconds={phase: done.seconds, "aggregate": time.monotonic() - started},
        )
