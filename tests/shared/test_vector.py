"""What is packed comes back, and what must not enter a sum does not."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from shared.errors import RejectUpdate
from shared.vector import Layout, counting_layout, training_layout

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
SHAPES = arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)


@given(data=st.data(), shapes=st.dictionaries(st.text(max_size=5), SHAPES, max_size=5))
def test_arrays_and_extras_come_back(data: st.DataObject, shapes: dict[str, tuple[int, ...]]) -> None:
    layout = Layout(shapes, ("examples", "loss"))
    values = {n: data.draw(arrays.arrays(np.float32, shape, elements=FLOATS)) for n, shape in shapes.items()}
    extras = {"examples": data.draw(FLOATS), "loss": data.draw(FLOATS)}
    vector = layout.pack(values, extras)
    assert vector.dtype == np.float32
    assert vector.shape == (layout.size,)
    layout.check(vector)
    back, back_extras = layout.unpack(vector)
    assert list(back) == list(shapes)
    assert all(np.array_equal(back[name], array) for name, array in values.items())
    assert back_extras == extras


def test_the_order_is_the_layouts_and_not_the_callers() -> None:
    layout = training_layout({"b": (2,), "a": (1, 2)})
    vector = layout.pack({"a": np.array([[3, 4]]), "b": np.array([1, 2])}, {"loss": 6, "examples": 5})
    assert vector.tolist() == [1, 2, 3, 4, 5, 6]


def test_packing_copies_and_unpacking_views() -> None:
    layout = Layout({"a": (2,)})
    own = np.ones(2, np.float32)
    vector = layout.pack({"a": own}, {})
    own[:] = 9
    assert vector.tolist() == [1, 1]
    layout.unpack(vector)[0]["a"][0] = 7
    assert vector.tolist() == [7, 1]


@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 5))
def test_sums_of_vectors_are_sums_of_what_is_in_them(labels: int, counts: int, hospitals: int) -> None:
    layout = counting_layout(labels, counts)
    parts = np.random.default_rng(labels).integers(0, 1000, size=(hospitals, labels, counts))
    total = sum(layout.pack({"counts": part}, {}) for part in parts)
    assert layout.size == labels * counts
    assert np.array_equal(layout.unpack(np.asarray(total))[0]["counts"], parts.sum(axis=0))


LAYOUT = Layout({"a": (2, 2)}, ("examples",))


@pytest.mark.parametrize(
    ("vector", "what"),
    [
        (np.zeros(4, np.float32), "shape"),
        (np.zeros(6, np.float32), "shape"),
        (np.zeros((5, 1), np.float32), "shape"),
        (np.zeros((1, 5), np.float32), "shape"),
        (np.zeros((), np.float32), "shape"),
        (np.zeros(5, np.float64), "float64"),
        (np.zeros(5, np.float16), "float16"),
        (np.zeros(5, np.int32), "int32"),
        (np.zeros(5, np.complex64), "complex64"),
        (np.zeros(5, ">f4"), "f4"),
        (np.array(list("abcde")), "U1"),
        (np.zeros(5, [("x", np.float32)]), "x"),
    ],
)
def test_another_form_is_rejected(vector: np.ndarray, what: str) -> None:
    with pytest.raises(RejectUpdate, match=what):
        LAYOUT.check(vector)


@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_rejected_wherever_it_is(place: int, value: float) -> None:
    vector = np.zeros(5, np.float32)
    LAYOUT.check(vector)
    vector[place] = value
    with pytest.raises(RejectUpdate, match="1 of 5 values are not finite"):
        LAYOUT.check(vector)
