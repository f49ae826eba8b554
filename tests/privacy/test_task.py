"""A task's digest changes with anything a hospital is asked to compute, and with nothing else."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from privacy.task import digest_task
from shared.models.tagger import Weights
from shared.wire import Order

WEIGHTS: Weights = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(2, np.float32)}


@pytest.fixture
def order(town: Any) -> Order:
    settings = town.settings(town.hospitals("a"))
    return Order(round=2, rounds=3, seed=11, model=settings.model, recipe=settings.recipe)


def test_it_is_the_same_at_every_site(order: Order) -> None:
    again = Order.model_validate_json(order.model_dump_json())
    shuffled = {name: np.asfortranarray(WEIGHTS[name]) for name in ("b", "a")}
    assert digest_task("train", again, shuffled) == digest_task("train", order, WEIGHTS)


CHANGES: dict[str, Callable[[Order, Weights], tuple[str, Order, Weights]]] = {
    "purpose": lambda order, weights: ("evaluate", order, weights),
    "round": lambda order, weights: ("train", order.model_copy(update={"round": 3}), weights),
    "seed": lambda order, weights: ("train", order.model_copy(update={"seed": 12}), weights),
    "learning rate": lambda order, weights: (
        "train",
        order.model_copy(update={"recipe": order.recipe.model_copy(update={"learning_rate": 1e-9})}),
        weights,
    ),
    "labels": lambda order, weights: (
        "train",
        order.model_copy(update={"model": order.model.model_copy(update={"labels": ("X",)})}),
        weights,
    ),
    "one weight": lambda order, weights: (
        "train",
        order,
        weights | {"b": np.array([1, 1.0000001], np.float32)},
    ),
    "a shape": lambda order, weights: ("train", order, weights | {"a": weights["a"].reshape(3, 2)}),
    "a name": lambda order, weights: ("train", order, {"a": weights["a"], "c": weights["b"]}),
    "one fewer": lambda order, weights: ("train", order, {"a": weights["a"]}),
}


@pytest.mark.parametrize("what", CHANGES)
def test_it_changes_with(what: str, order: Order) -> None:
    changed: Any = CHANGES[what](order, WEIGHTS)
    assert digest_task(*changed) != digest_task("train", order, WEIGHTS)
