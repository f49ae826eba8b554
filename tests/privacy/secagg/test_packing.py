"""Packed vectors against words put together one by one; sums of them wrap around as the ring does."""

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from privacy.secagg import packing
from privacy.secagg.packing import _BLOCK, RING_BITS, Accumulator, check_packed, pack, wire_words
from shared.refusal import Reason, RefuseRound

LENGTHS = [*range(1, 18), 255, 256, 257, 258, 259]
BORDERS = [
    4 * _BLOCK + around for around in (-4, -1, 0, 1, 5)
]  # of the blocks in which quarters are worked on


def pack_by_hand(vector: list[int], bits: int) -> list[int]:
    """Element by element, as the module's first lines say."""
    if bits == 32:
        return vector
    quarter = -(-len(vector) // 4)
    padded = [value % 2**24 for value in vector] + [0] * (4 * quarter - len(vector))
    a, b, c, d = (padded[i * quarter : (i + 1) * quarter] for i in range(4))
    first = [(x | y << 24) % 2**32 for x, y in zip(a, b, strict=True)]
    second = [(x >> 8 | y << 16) % 2**32 for x, y in zip(b, c, strict=True)]
    third = [(x >> 16 | y << 8) % 2**32 for x, y in zip(c, d, strict=True)]
    return first + second + third


def signed_by_hand(value: int, bits: int) -> int:
    value %= 2**bits
    return value - 2**bits if value >= 2 ** (bits - 1) else value


def random_vector(length: int, seed: int = 0) -> NDArray[np.uint32]:
    return np.random.default_rng((length, seed)).integers(0, 2**32, length, dtype=np.uint32)


@pytest.mark.parametrize(("length", "bits"), list(product(LENGTHS, RING_BITS)))
def test_every_word_is_where_it_should_be(length: int, bits: int) -> None:
    vector = random_vector(length)
    before = vector.tolist()
    packed = pack(vector, bits)
    assert packed.tolist() == pack_by_hand(before, bits)
    assert packed.dtype == np.uint32
    assert vector.tolist() == before
    check_packed(packed, length, bits)


@pytest.mark.parametrize(("length", "block"), list(product(LENGTHS, (1, 2, 3, 7))))
def test_blocks_of_any_size_give_the_same(monkeypatch: pytest.MonkeyPatch, length: int, block: int) -> None:
    vectors = [random_vector(length, seed) for seed in range(3)]
    whole = [pack(vector, 24) for vector in vectors]
    monkeypatch.setattr(packing, "_BLOCK", block)
    accumulator = Accumulator(length, 24)
    for vector, packed in zip(vectors, whole, strict=True):
        assert np.array_equal(pack(vector, 24), packed)
        accumulator.add(packed)
    assert np.array_equal(accumulator.vector % 2**24, np.add.reduce(vectors) % 2**24)


@pytest.mark.parametrize("length", BORDERS)
def test_borders_of_blocks_at_their_real_size(length: int) -> None:
    vector = random_vector(length)
    packed = pack(vector, 24)
    assert packed.tolist() == pack_by_hand(vector.tolist(), 24)
    accumulator = Accumulator(length, 24)
    accumulator.add(packed)
    assert np.array_equal(accumulator.vector % 2**24, vector % 2**24)


@pytest.mark.parametrize(("length", "bits"), list(product([*LENGTHS, *BORDERS], RING_BITS)))
def test_a_packed_vector_takes_as_many_words_as_it_says(length: int, bits: int) -> None:
    words = wire_words(length, bits)
    assert pack(np.zeros(length, np.uint32), bits).shape == (words,)
    if bits == 32:
        assert words == length
    else:
        assert words % 3 == 0
        assert 0 <= 4 * words - 3 * length < 12  # at most three coordinates of padding


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from(RING_BITS), st.integers(1, 23), st.integers(0, 6))
def test_the_sum_is_that_of_the_ring(data: st.DataObject, bits: int, length: int, parties: int) -> None:
    """Against Python's integers, with every vector free to use all 32 bits, so that sums wrap around and around."""
    edges = st.sampled_from([0, 1, 2**23 - 1, 2**23, 2**24 - 1, 2**24, 2**31 - 1, 2**31, 2**32 - 1])
    values = st.one_of(edges, st.integers(0, 2**32 - 1))
    vectors = [data.draw(st.lists(values, min_size=length, max_size=length)) for _ in range(parties)]
    accumulator = Accumulator(length, bits)
    for vector in vectors:
        accumulator.add(pack(np.array(vector, dtype=np.uint32), bits))
    total = [sum(column) for column in zip(*vectors, strict=True)] or [0] * length
    assert [value % 2**bits for value in accumulator.vector.tolist()] == [value % 2**bits for value in total]
    assert accumulator.signed().tolist() == [signed_by_hand(value, bits) for value in total]


@pytest.mark.parametrize("bits", RING_BITS)
@pytest.mark.parametrize("length", [1, 4, 6])
def test_the_extremes_of_the_ring_keep_their_sign(bits: int, length: int) -> None:
    least, most = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    for value in (least, least + 1, -1, 0, 1, most - 1, most):
        accumulator = Accumulator(length, bits)
        accumulator.add(pack(np.full(length, value, np.int32).view(np.uint32), bits))
        assert accumulator.signed().tolist() == [value] * length
        assert accumulator.signed().dtype == np.int32
    accumulator = Accumulator(length, bits)
    for value in (most, 1):
        accumulator.add(pack(np.full(length, value, np.int32).view(np.uint32), bits))
    assert accumulator.signed().tolist() == [least] * length  # one more than the most


@pytest.mark.parametrize("bits", RING_BITS)
def test_a_hundred_extreme_vectors(bits: int) -> None:
    most = (2 ** (bits - 1) - 1) // 100
    accumulator = Accumulator(5, bits)
    vector = np.array([most, -most, 1, -1, 0], dtype=np.int32).view(np.uint32)
    for _ in range(100):
        accumulator.add(pack(vector, bits))
    assert accumulator.signed().tolist() == [100 * most, -100 * most, 100, -100, 0]


@pytest.mark.parametrize("bits", RING_BITS)
def test_the_vector_is_a_view_so_that_masks_can_be_taken_away(bits: int) -> None:
    accumulator = Accumulator(6, bits)
    accumulator.add(pack(np.arange(6, dtype=np.uint32), bits))
    accumulator.vector[:] -= np.uint32(7)
    assert accumulator.signed().tolist() == [-7, -6, -5, -4, -3, -2]


@pytest.mark.parametrize("bits", RING_BITS)
def test_what_was_added_is_left_as_it_was(bits: int) -> None:
    packed = pack(random_vector(9), bits)
    before = packed.copy()
    accumulator = Accumulator(9, bits)
    accumulator.add(packed)
    accumulator.vector[:] = 0
    assert np.array_equal(packed, before)


WRONG = [
    pytest.param(lambda n: np.zeros(n - 1, np.uint32), id="a word less"),
    pytest.param(lambda n: np.zeros(n + 1, np.uint32), id="a word more"),
    pytest.param(lambda n: np.zeros(12 + 9 - n, np.uint32), id="packed for the other ring"),
    pytest.param(lambda n: np.zeros(0, np.uint32), id="empty"),
    pytest.param(lambda n: np.zeros((1, n), np.uint32), id="two dimensions"),
    pytest.param(lambda n: np.zeros((n, 1), np.uint32), id="two dimensions, the other way"),
    pytest.param(lambda n: np.zeros((), np.uint32), id="no dimension"),
    pytest.param(lambda n: np.zeros(n, np.int32), id="signed"),
    pytest.param(lambda n: np.zeros(n, np.uint64), id="words of 64 bits"),
    pytest.param(lambda n: np.zeros(n, np.uint16), id="words of 16 bits"),
    pytest.param(lambda n: np.zeros(4 * n, np.uint8), id="as many bytes"),
    pytest.param(lambda n: np.zeros(n, np.float32), id="reals"),
    pytest.param(lambda n: np.zeros(n, bool), id="truth values"),
    pytest.param(lambda n: np.zeros(n, ">u4"), id="the other byte order"),
    pytest.param(lambda n: np.zeros(n, object), id="objects"),
    pytest.param(lambda n: np.zeros(n, "S4"), id="text"),
    pytest.param(lambda n: np.zeros(n, "M8[s]"), id="dates"),
    pytest.param(lambda n: np.zeros(n, [("word", np.uint32)]), id="records"),
]


@pytest.mark.parametrize("make", WRONG)
@pytest.mark.parametrize("bits", RING_BITS)
def test_another_shape_or_type_is_refused_and_adds_nothing(
    make: Callable[[int], NDArray[np.generic]], bits: int
) -> None:
    packed = make(wire_words(12, bits))
    accumulator = Accumulator(12, bits)
    for work in (
        lambda: check_packed(packed, 12, bits, about="h"),
        lambda: accumulator.add(packed, about="h"),
    ):
        with pytest.raises(RefuseRound) as refusal:
            work()
        assert (refusal.value.reason, refusal.value.about) == (Reason.VECTOR, "h")
    assert not accumulator.vector.any()


@pytest.mark.parametrize("bits", RING_BITS)
def test_a_vector_with_gaps_in_memory_is_added_all_the_same(bits: int) -> None:
    words = wire_words(12, bits)
    spread = np.zeros(2 * words, np.uint32)
    spread[::2] = pack(np.arange(12, dtype=np.uint32), bits)
    accumulator = Accumulator(12, bits)
    accumulator.add(spread[::2])
    assert accumulator.signed().tolist() == list(range(12))
