"""Our server optimizers, which see only the mean, against Flower's, which see every hospital's weights."""

from typing import Any

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from flwr.serverapp import strategy as flower

from server.aggregate import add, mean_update
from server.checkpoint import RunState, load_state, save_state
from server.grid import LocalGrid
from server.strategy import Moments, Strategy, advance, step
from shared.models.tagger import Weights
from shared.vector import training_layout

SHAPES = {"a": (3, 4), "b": (5,), "one": (1,)}
EXAMPLES = {"x": 7, "y": 1, "z": 40}
ROUNDS = 5


@pytest.fixture
def grid(client_app: Any) -> LocalGrid:
    return LocalGrid(client_app, {name: {} for name in EXAMPLES})


def _trained(weights: Weights, number: int, hospital: str) -> Weights:
    """What a hospital would send: the global weights, moved."""
    draw = np.random.default_rng([number, EXAMPLES[hospital]])
    return {n: (w + draw.normal(size=w.shape)).astype(np.float32) for n, w in weights.items()}


def _replies(number: int, trained: dict[str, Weights]) -> list[Message]:
    replies = []
    for node, (hospital, weights) in enumerate(trained.items(), start=2):
        order = Message(RecordDict(), node, "train", group_id=str(number))
        content = RecordDict(
            {
                "arrays": ArrayRecord({name: Array(array) for name, array in weights.items()}),
                "metrics": MetricRecord({"num-examples": EXAMPLES[hospital]}),
            }
        )
        replies.append(Message(content, reply_to=order))
    return replies


def _rounds(ours: Strategy, theirs: flower.FedAvg, grid: LocalGrid) -> list[tuple[Weights, Weights]]:
    start = {
        name: np.random.default_rng(1).normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()
    }
    layout = training_layout(SHAPES)
    own, moments = dict(start), Moments()
    flowers = ArrayRecord({name: Array(array) for name, array in start.items()})
    seen = []
    for number in range(1, ROUNDS + 1):
        list(theirs.configure_train(number, flowers, ConfigRecord(), grid))
        before = {name: array.numpy() for name, array in flowers.items()}
        answer, _ = theirs.aggregate_train(
            number, _replies(number, {h: _trained(before, number, h) for h in EXAMPLES})
        )
        assert answer is not None
        flowers = answer

        vectors = {}
        for hospital, examples in EXAMPLES.items():
            trained = _trained(own, number, hospital)
            vectors[hospital] = layout.pack(
                {name: (trained[name] - own[name]) * examples for name in SHAPES},
                {"examples": examples, "loss": 0.0},
            )
        own, moments = step(ours, own, mean_update(layout, add(vectors)).arrays, moments, number)
        seen.append((own, {name: flowers[name].numpy() for name in SHAPES}))
    return seen


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Strategy(), flower.FedAvg()),
        (Strategy(name="FedAvgM"), flower.FedAvgM(server_momentum=0.9)),
        (
            Strategy(name="FedAvgM", server_momentum=0.5, server_learning_rate=0.3),
            flower.FedAvgM(server_momentum=0.5, server_learning_rate=0.3),
        ),
        (Strategy(name="FedAvgM", server_momentum=0.0), flower.FedAvgM()),
        (Strategy(name="FedAdam"), flower.FedAdam(eta=1e-2)),
        (
            Strategy(name="FedAdam", eta=0.1, beta_1=0.5, beta_2=0.8, tau=1e-2),
            flower.FedAdam(eta=0.1, beta_1=0.5, beta_2=0.8, tau=1e-2),
        ),
    ],
)
def test_equals_flower_over_rounds(ours: Strategy, theirs: flower.FedAvg, grid: LocalGrid) -> None:
    for own, flowers in _rounds(ours, theirs, grid):
        for name in SHAPES:
            assert own[name].dtype == np.float32
            np.testing.assert_allclose(own[name], flowers[name], rtol=2e-4, atol=2e-5)


def test_the_comparison_can_fail(grid: LocalGrid) -> None:
    """Another momentum is told apart, so agreement above says something."""
    ours, theirs = Strategy(name="FedAvgM", server_momentum=0.8), flower.FedAvgM(server_momentum=0.9)
    last, flowers = _rounds(ours, theirs, grid)[-1]
    assert not np.allclose(last["a"], flowers["a"], rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("name", ["FedAvg", "FedAvgM", "FedAdam"])
def test_moments_survive_the_checkpoint(name: Any, tmp_path: Any) -> None:
    """Stepping on after a checkpoint gives the bits of stepping on without one."""
    strategy = Strategy(name=name)
    draw = np.random.default_rng(5)
    updates = [{n: draw.normal(size=s).astype(np.float32) for n, s in SHAPES.items()} for _ in range(2)]
    weights, moments = step(strategy, updates[1], updates[0], Moments(), 1)
    save_state(tmp_path, RunState(weights, moments))
    read = load_state(tmp_path)
    assert read is not None
    through, through_moments = step(strategy, read.weights, updates[1], read.moments, 2)
    expected, expected_moments = step(strategy, weights, updates[1], moments, 2)
    for weight in SHAPES:
        assert through[weight].tobytes() == expected[weight].tobytes()
    assert through_moments.first.keys() == expected_moments.first.keys()
    assert through_moments.second.keys() == expected_moments.second.keys()


def _walk(strategy: Strategy, rounds: int) -> tuple[list[Weights], Moments]:
    draw = np.random.default_rng(7)
    weights = {n: draw.normal(size=s).astype(np.float32) for n, s in SHAPES.items()}
    moments, seen = Moments(), []
    for number in range(1, rounds + 1):
        update = {n: draw.normal(size=s).astype(np.float32) for n, s in SHAPES.items()}
        weights, moments = advance(strategy, weights, update, moments, number, rounds)
        seen.append(weights)
    return seen, moments


@pytest.mark.parametrize("name", ["FedAvg", "FedAvgM", "FedAdam"])
def test_a_rate_that_stays_is_that_of_a_step(name: Any) -> None:
    draw = np.random.default_rng(7)
    weights, update = (
        {n: draw.normal(size=s).astype(np.float32) for n, s in SHAPES.items()} for _ in range(2)
    )
    one, moments = advance(Strategy(name=name), weights, update, Moments(), 3, 9)
    other, expected = step(Strategy(name=name), weights, update, Moments(), 3)
    assert all(one[n].tobytes() == other[n].tobytes() for n in SHAPES)
    assert moments.average == expected.average == {}


@pytest.mark.parametrize(
    ("warmup", "rounds", "expected"),
    [
        (None, 3, [1.0, 1.0, 1.0]),
        (0.0, 4, [0.875, 0.625, 0.375, 0.125]),
        (0.5, 4, [0.25, 0.75, 0.75, 0.25]),
        (0.25, 1, [2 / 3]),
    ],
)
def test_the_rate_rises_and_falls(warmup: float | None, rounds: int, expected: list[float]) -> None:
    strategy = Strategy(warmup=warmup)
    assert [strategy.rate(number, rounds) for number in range(1, rounds + 1)] == pytest.approx(expected)


@pytest.mark.parametrize("name", ["FedAvg", "FedAvgM", "FedAdam"])
def test_the_rate_scales_the_step(name: Any) -> None:
    zero = {n: np.zeros(s, dtype=np.float32) for n, s in SHAPES.items()}
    update = {n: np.ones(s, dtype=np.float32) for n, s in SHAPES.items()}
    full, _ = advance(Strategy(name=name), zero, update, Moments(), 1, 4)
    part, _ = advance(Strategy(name=name, warmup=0.5), zero, update, Moments(), 1, 4)
    for n in SHAPES:
        np.testing.assert_allclose(part[n], full[n] * 0.25, rtol=1e-6)


@pytest.mark.parametrize("name", ["FedAvg", "FedAvgM", "FedAdam"])
@pytest.mark.parametrize(("averaged", "last"), [(0.0, 0), (0.1, 1), (0.4, 4), (0.45, 4), (1.0, 10)])
def test_the_average_is_the_mean_of_the_last_models(name: Any, averaged: float, last: int) -> None:
    seen, moments = _walk(Strategy(name=name, averaged=averaged, warmup=0.2), 10)
    plain, _ = _walk(Strategy(name=name, warmup=0.2), 10)
    for n in SHAPES:
        assert seen[-1][n].tobytes() == plain[-1][n].tobytes()  # averaging does not change the way
    if not last:
        assert moments.average == {}
        assert RunState(seen[-1], moments).model is seen[-1]
        return
    for n in SHAPES:
        mean = np.mean([weights[n] for weights in seen[-last:]], axis=0, dtype=np.float64)
        assert moments.average[n].dtype == np.float32
        np.testing.assert_allclose(moments.average[n], mean, rtol=1e-4, atol=1e-6)
    assert RunState(seen[-1], moments).model is moments.average


def test_the_average_survives_the_checkpoint(tmp_path: Any) -> None:
    seen, moments = _walk(Strategy(name="FedAdam", averaged=0.5), 4)
    save_state(tmp_path, RunState(seen[-1], moments))
    read = load_state(tmp_path)
    assert read is not None
    for part in ("first", "second", "average"):
        before, after = getattr(moments, part), getattr(read.moments, part)
        assert before.keys() == after.keys() == SHAPES.keys()
        assert all(before[n].tobytes() == after[n].tobytes() for n in SHAPES)
    assert read.model is read.moments.average
