"""Where vectors are merged: the sum is exact in its order, and what is no update stays out."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from server.aggregate import LARGEST_COUNT, accept_counts, accept_update, add, mean_update
from shared.errors import RejectUpdate
from shared.vector import Vector, counting_layout, training_layout

LAYOUT = training_layout({"a": (2, 3), "b": (4,)})
COUNTS = counting_layout(2, 4)


def _vector(seed: int, examples: float = 5.0) -> Vector:
    vector = np.random.default_rng(seed).normal(scale=100.0**seed, size=LAYOUT.size).astype(np.float32)
    vector[-2] = examples
    return vector


def test_the_sum_is_the_same_bit_for_bit_in_any_order() -> None:
    vectors = {name: _vector(seed) for seed, name in enumerate("abcde")}
    sums = {add(dict(order)).tobytes() for order in itertools.permutations(vectors.items())}
    assert len(sums) == 1


def test_the_mean_is_the_weighted_mean_of_the_hospitals() -> None:
    """Against the slow and obvious: every hospital's weights times its share of the examples."""
    draw = np.random.default_rng(0)
    moved = {n: {"a": draw.normal(size=(2, 3)), "b": draw.normal(size=4)} for n in "xyz"}
    examples, losses = {"x": 3, "y": 1, "z": 12}, {"x": 0.5, "y": 2.0, "z": 0.25}
    vectors = {
        n: LAYOUT.pack(
            {k: v * examples[n] for k, v in moved[n].items()},
            {"examples": examples[n], "loss": examples[n] * losses[n]},
        )
        for n in "xyz"
    }
    mean = mean_update(LAYOUT, add(vectors))
    for key in "ab":
        expected = sum(moved[n][key] * (examples[n] / 16) for n in "xyz")
        np.testing.assert_allclose(mean.arrays[key], expected, rtol=1e-5, atol=1e-6)
        assert mean.arrays[key].dtype == np.float32
    assert mean.examples == 16
    assert mean.loss == pytest.approx((1.5 + 2 + 3) / 16)


def _broken(vector: Vector, at: int, value: float) -> Vector:
    broken = vector.copy()
    broken[at] = value
    return broken


def test_accepts_what_a_hospital_sends() -> None:
    accepted = accept_update(LAYOUT, _vector(0))
    assert accepted.tobytes() == _vector(0).tobytes()
    assert accept_counts(COUNTS, np.arange(8, dtype=np.float32)).tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]


@pytest.mark.parametrize(
    ("vector", "why"),
    [
        (_broken(_vector(0), 0, np.nan), "1 of 12 values are not finite"),
        (_broken(_vector(0), 3, np.inf), "not finite"),
        (_broken(_vector(0), -1, -np.inf), "not finite"),  # the loss
        (_vector(0)[:-1], "shape (11,)"),
        (np.append(_vector(0), np.float32(0)), "shape (13,)"),
        (_vector(0).reshape(3, 4), "shape (3, 4)"),
        (_vector(0).astype(np.float64), "float64"),
        (_vector(0).astype(np.float16), "float16"),
        (_vector(0).astype(">f4"), "float32"),  # the other byte order
        (np.ones(12, dtype=np.int32), "int32"),
        (np.array(["canary"] * 12), "<U6"),
        (np.array(1.0, dtype=np.float32), "shape ()"),
        (_vector(0, examples=0), "examples"),
        (_vector(0, examples=-3), "examples"),
        (_vector(0, examples=2.5), "examples"),
        (_vector(0, examples=1e30), "examples"),  # would drown everyone else
    ],
)
def test_refuses_what_is_no_update(vector: NDArray[np.generic], why: str) -> None:
    with pytest.raises(RejectUpdate) as refusal:
        accept_update(LAYOUT, vector)
    assert why in str(refusal.value)
    assert "canary" not in str(refusal.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0, 0.5, 2.0 * LARGEST_COUNT, 1e30])
def test_refuses_what_is_no_count(value: float) -> None:
    with pytest.raises(RejectUpdate):
        accept_counts(COUNTS, _broken(np.ones(8, dtype=np.float32), 2, value))


@pytest.mark.parametrize(
    "vector", [np.ones(7, np.float32), np.ones((2, 4), np.float32), np.ones(8, np.int64)]
)
def test_refuses_counts_of_another_form(vector: NDArray[np.generic]) -> None:
    with pytest.raises(RejectUpdate):
        accept_counts(COUNTS, vector)
