"""How the global model moves along the hospitals' mean update: FedAvg, FedAvgM, FedAdam, under Flower's names.

Flower's own strategy classes need every hospital's arrays; these need only the mean, so they go on working when
the aggregator knows nothing but a sum. Tests hold them against Flower's classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from shared.models.tagger import Weights
from shared.training import rate_at

Arrays = dict[str, NDArray[np.float32]]


class Strategy(BaseModel):
    """A server optimizer and its constants, named as in Flower."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Literal["FedAvg", "FedAvgM", "FedAdam"] = "FedAvg"
    server_learning_rate: float = Field(default=1.0, gt=0)
    """FedAvgM (Hsu et al. 2019): step along the momentum."""
    server_momentum: float = Field(default=0.9, ge=0, lt=1)
    eta: float = Field(default=1e-2, gt=0)
    """FedAdam (Reddi et al. 2021, algorithm 2): server learning rate."""
    beta_1: float = Field(default=0.9, ge=0, lt=1)
    beta_2: float = Field(default=0.99, ge=0, lt=1)
    tau: float = Field(default=1e-3, gt=0)
    """FedAdam: degree of adaptivity."""
    warmup: float | None = Field(default=None, ge=0, lt=1)
    """Share of the rounds in which the server's learning rate rises; then it falls linearly to the last. None: it
    stays the same."""
    averaged: float = Field(default=0.0, ge=0, le=1)
    """Share of the rounds, the last ones, over whose models the final one is the mean."""

    def rate(self, round_number: int, rounds: int) -> float:
        """The learning rate in the middle of a round, as a share of its peak."""
        return 1.0 if self.warmup is None else rate_at((round_number - 0.5) / rounds, self.warmup)


@dataclass(frozen=True)
class Moments:
    """What an optimizer remembers from round to round, by weight; empty before the first.

    Args:
        first: running mean of updates.
        second: running mean of their squares.
        average: mean of the models of the rounds that are averaged; empty before the first of those.
    """

    first: Arrays = field(default_factory=dict)
    second: Arrays = field(default_factory=dict)
    average: Arrays = field(default_factory=dict)


def advance(
    strategy: Strategy,
    weights: Weights,
    mean_update: Arrays,
    moments: Moments,
    round_number: int,
    rounds: int,
) -> tuple[Weights, Moments]:
    """Moves the global model by one of so many rounds, at the rate of that round, and keeps the mean of the last.

    Args:
        strategy: which optimizer.
        weights: the global model before the round.
        mean_update: as for `step`.
        moments: from the round before.
        round_number: counted from 1.
        rounds: of the whole run.

    Returns:
        The global model after the round, and the new moments; float32.
    """
    rate = strategy.rate(round_number, rounds)
    scaled = strategy.model_copy(
        update={
            "server_learning_rate": strategy.server_learning_rate * rate,
            "eta": strategy.eta * rate,
        }
    )
    moved, after = step(scaled, weights, mean_update, moments, round_number)
    begin = rounds - round(strategy.averaged * rounds)  # rounds before the first that is averaged
    if round_number <= begin:
        return moved, after
    share = 1 / (round_number - begin)
    before = moments.average or moved
    average = {
        name: before[name] + np.float32(share) * (array - before[name]) for name, array in moved.items()
    }
    return moved, replace(after, average=_float32(average))


def step(
    strategy: Strategy, weights: Weights, mean_update: Arrays, moments: Moments, round_number: int
) -> tuple[Weights, Moments]:
    """Moves the global model at the strategy's full rate.

    Args:
        strategy: which optimizer.
        weights: the global model before the round.
        mean_update: mean over hospitals of (trained - global), weighted by examples.
        moments: from the round before.
        round_number: counted from 1.

    Returns:
        The global model after the round, and the new moments; float32.
    """
    if strategy.name == "FedAvg":
        return _move(weights, mean_update, strategy.server_learning_rate), moments
    if strategy.name == "FedAvgM":
        momentum = {
            name: update + strategy.server_momentum * moments.first.get(name, _ZERO)
            for name, update in mean_update.items()
        }
        return _move(weights, momentum, strategy.server_learning_rate), Moments(_float32(momentum))
    beta_1, beta_2 = strategy.beta_1, strategy.beta_2
    first = {n: beta_1 * moments.first.get(n, _ZERO) + (1 - beta_1) * u for n, u in mean_update.items()}
    second = {n: beta_2 * moments.second.get(n, _ZERO) + (1 - beta_2) * u**2 for n, u in mean_update.items()}
    exponent = round_number + 1  # as Flower counts
    rate = strategy.eta * (1 - beta_2**exponent) ** 0.5 / (1 - beta_1**exponent)
    direction = {name: first[name] / (np.sqrt(second[name]) + strategy.tau) for name in weights}
    return _move(weights, direction, rate), Moments(_float32(first), _float32(second))


_ZERO = np.zeros((), dtype=np.float32)


def _move(weights: Weights, direction: Mapping[str, NDArray[np.floating]], rate: float) -> Weights:
    return _float32({name: weight + rate * direction[name] for name, weight in weights.items()})


def _float32(arrays: Mapping[str, NDArray[np.floating]]) -> Arrays:
    return {name: np.asarray(array, dtype=np.float32) for name, array in arrays.items()}
