"""Packed vectors against words put together one integer at a time; packing is linear, and sums in range come back."""

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

Integers = NDArray[np.int32]

SHIFTS = {24: (24, 16, 8), 28: (28, 24, 20, 16, 12, 8, 4)}  # of a group's last integer, by word of the group
LENGTHS = [*range(1, 35), 41, 48, 49, *range(255, 266)]  # whole groups of four and eight, and others
AROUND = (-8, -1, 0, 1, 5)  # coordinates beyond a block's border
NARROW = [bits for bits in RING_BITS if bits < 32]


def rows_of(length: int, bits: int) -> int:
    """Groups of a vector."""
    return -(-length // (len(SHIFTS[bits]) + 1))


def pack_by_hand(integers: list[int], bits: int) -> list[int]:
    """Integer by integer, as the module's first lines say: most have a word each, the rest is in all of its group."""
    if bits == 32:
        return [integer % 2**32 for integer in integers]
    rows, shifts = rows_of(len(integers), bits), SHIFTS[bits]
    words = [0] * (rows * len(shifts))
    for place, integer in enumerate(integers):
        row, column = divmod(place, rows)
        if row < len(shifts):
            words[place] += integer
        else:
            for other, shift in enumerate(shifts):
                words[other * rows + column] += integer * 2**shift
    return [word % 2**32 for word in words]


def most(bits: int) -> int:
    return 2 ** (bits - 1) - 1


def least(bits: int) -> int:
    return -(2 ** (bits - 1))


def random_vector(length: int, bits: int, seed: int = 0) -> Integers:
    """Over the whole signed range."""
    generator = np.random.default_rng((length, bits, seed))
    return generator.integers(least(bits), most(bits), length, np.int32, endpoint=True)


def packed_copy(integers: Integers, bits: int) -> NDArray[np.uint32]:
    return pack(integers.copy(), bits)


def unpacked(length: int, bits: int, *vectors: Integers) -> list[int]:
    """What comes back of the sum of some vectors."""
    accumulator = Accumulator(length, bits)
    for vector in vectors:
        accumulator.add(packed_copy(vector, bits))
    return accumulator.unpack().tolist()


def owner_of(array: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """The memory that an array is a part of, as words."""
    while array.base is not None:
        array = array.base
    return array.view(np.uint32)


@pytest.mark.parametrize(("length", "bits"), list(product(LENGTHS, RING_BITS)))
def test_every_word_is_where_it_should_be(length: int, bits: int) -> None:
    vector = random_vector(length, bits)
    wanted = pack_by_hand(vector.tolist(), bits)
    packed = pack(vector, bits)
    assert packed.tolist() == wanted
    assert packed.dtype == np.uint32
    check_packed(packed, length, bits)


@pytest.mark.parametrize(("length", "bits"), list(product(LENGTHS, RING_BITS)))
def test_no_plain_integer_is_left_beside_the_words(length: int, bits: int) -> None:
    """They take the vector's own memory, unless that is too small by a few; what remains of it is wiped."""
    vector = random_vector(length, bits)
    vector[vector == 0] = 1
    packed = pack(vector, bits)
    assert not owner_of(packed)[packed.size :].any()
    assert packed.flags.c_contiguous
    assert packed.flags.writeable
    if packed.size <= length:
        assert packed.ctypes.data == vector.ctypes.data
        assert not vector[packed.size :].any()
    else:
        assert length < 50
        assert owner_of(packed).size == packed.size


@pytest.mark.parametrize("bits", NARROW)
@pytest.mark.parametrize("length", [6, 48, 264, 265, 300])
def test_only_the_vector_itself_is_written(length: int, bits: int) -> None:
    """Whatever lies around it in memory stays as it was."""
    around = np.full(length + 20, 7, dtype=np.int32)
    around[10:-10] = random_vector(length, bits)
    pack(around[10:-10], bits)
    assert (around[:10] == 7).all()
    assert (around[-10:] == 7).all()


@pytest.mark.parametrize(("length", "bits", "block"), list(product(LENGTHS, NARROW, (1, 2, 3, 7))))
def test_blocks_of_any_size_give_the_same(
    monkeypatch: pytest.MonkeyPatch, length: int, bits: int, block: int
) -> None:
    vector = random_vector(length, bits)
    whole = packed_copy(vector, bits)
    monkeypatch.setattr(packing, "_BLOCK", block)
    packed = packed_copy(vector, bits)
    assert np.array_equal(packed, whole)
    assert not owner_of(packed)[packed.size :].any()
    assert unpacked(length, bits, vector) == vector.tolist()


@pytest.mark.parametrize(("bits", "around"), list(product(NARROW, AROUND)))
def test_borders_of_blocks_at_their_real_size(bits: int, around: int) -> None:
    for blocks in (1, 2):
        length = (len(SHIFTS[bits]) + 1) * _BLOCK * blocks + around
        vector = random_vector(length, bits)
        packed = packed_copy(vector, bits)
        if blocks == 1:
            assert packed.tolist() == pack_by_hand(vector.tolist(), bits)
        accumulator = Accumulator(length, bits)
        accumulator.add(packed)
        assert np.array_equal(accumulator.unpack(), vector)


@pytest.mark.parametrize(("length", "bits"), list(product([*LENGTHS, 10**6, 10**6 + 1], RING_BITS)))
def test_a_packed_vector_takes_as_many_words_as_it_says(length: int, bits: int) -> None:
    words = wire_words(length, bits)
    assert pack(np.zeros(length, np.int32), bits).shape == (words,)
    if bits == 32:
        assert words == length
    else:
        assert words == rows_of(length, bits) * len(SHIFTS[bits])
        assert 0 <= 32 * words - bits * length <= bits * len(SHIFTS[bits])  # padding of less than a group


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from(RING_BITS), st.integers(1, 40))
def test_packing_is_linear(data: st.DataObject, bits: int, length: int) -> None:
    """For any integers of 32 bits, in range or not, so also while a sum is under way; and for differences."""
    edges = [0, 1, -1, most(bits), least(bits), 2**23, 2**24, 2**27, 2**28, -(2**28), 2**31 - 1, -(2**31)]
    integers = st.one_of(st.sampled_from(edges), st.integers(-(2**31), 2**31 - 1))
    a, b = (
        np.array(data.draw(st.lists(integers, min_size=length, max_size=length)), np.int32) for _ in range(2)
    )
    assert np.array_equal(packed_copy(a, bits) + packed_copy(b, bits), packed_copy(a + b, bits))
    assert np.array_equal(packed_copy(a, bits) - packed_copy(b, bits), packed_copy(a - b, bits))
    assert packed_copy(a, bits).tolist() == pack_by_hand(a.tolist(), bits)


@settings(max_examples=200, deadline=None)
@given(st.data(), st.sampled_from(RING_BITS), st.integers(1, 40), st.integers(0, 6))
def test_every_sum_in_range_comes_back(data: st.DataObject, bits: int, length: int, parties: int) -> None:
    """Against Python's integers; before its end, a sum may be anywhere."""
    low, high = least(bits), most(bits)
    values = st.one_of(st.sampled_from([0, 1, -1, low, low + 1, high - 1, high]), st.integers(low, high))
    vectors = [data.draw(st.lists(values, min_size=length, max_size=length)) for _ in range(parties)]
    wanted = data.draw(st.lists(values, min_size=length, max_size=length))
    rest = [w - sum(column) for w, *column in zip(wanted, *vectors, strict=True)]
    while any(rest):  # whatever is missing, in pieces that are each in range
        piece = [max(low, min(high, value)) for value in rest]
        rest = [value - part for value, part in zip(rest, piece, strict=True)]
        vectors.append(piece)
    order = data.draw(st.permutations(vectors))
    assert unpacked(length, bits, *(np.array(vector, dtype=np.int32) for vector in order)) == wanted


@pytest.mark.parametrize("bits", NARROW)
def test_any_extremes_may_share_words(bits: int) -> None:
    """Every combination of the smallest, the largest, minus one and zero in one group of integers."""
    values = np.array([least(bits), most(bits), -1, 0], dtype=np.int32)
    group = len(SHIFTS[bits]) + 1
    choices = np.indices((4,) * group).reshape(-1)  # (group * 4^group,), a group's integers `rows` apart
    vector = values[choices]
    accumulator = Accumulator(vector.size, bits)
    accumulator.add(packed_copy(vector, bits))
    assert np.array_equal(accumulator.unpack(), vector)


@pytest.mark.parametrize("bits", RING_BITS)
@pytest.mark.parametrize("length", [1, 4, 6, 8, 9, 16, 23])
def test_the_extremes_of_the_ring_keep_their_sign(bits: int, length: int) -> None:
    for value in (least(bits), least(bits) + 1, -1, 0, 1, most(bits) - 1, most(bits)):
        accumulator = Accumulator(length, bits)
        accumulator.add(pack(np.full(length, value, np.int32), bits))
        total = accumulator.unpack()
        assert total.tolist() == [value] * length
        assert (total.dtype, total.shape) == (np.int32, (length,))


@pytest.mark.parametrize("bits", RING_BITS)
@pytest.mark.parametrize("parties", [2, 3, 100, 255])
def test_many_vectors_reach_the_extremes(bits: int, parties: int) -> None:
    """Each hospital at its largest share of the range; together they are at its very ends, in every row."""
    length = 27
    ends = np.array([most(bits), least(bits), 0] * 9, dtype=np.int64)
    share = np.trunc(ends / parties).astype(np.int64)
    vectors = [share.astype(np.int32)] * (parties - 1)
    last = (ends - (parties - 1) * share).astype(np.int32)
    assert unpacked(length, bits, *vectors, last) == ends.tolist()


@pytest.mark.parametrize("bits", RING_BITS)
def test_random_sums_of_many_vectors(bits: int) -> None:
    length, parties = 1003, 100
    bound = most(bits) // parties
    vectors = np.random.default_rng(bits).integers(-bound, bound, (parties, length), np.int32, endpoint=True)
    assert unpacked(length, bits, *vectors) == vectors.sum(axis=0, dtype=np.int64).tolist()


@pytest.mark.parametrize("bits", RING_BITS)
@pytest.mark.parametrize("beyond", [1, -1])
def test_one_beyond_the_range_does_not_come_back(bits: int, beyond: int) -> None:
    """So the range is all there is: what `FixedPoint` refuses would be a wrong sum, wherever it stands."""
    length = 16
    end = most(bits) if beyond > 0 else least(bits)
    for place in range(length):
        vector, more = np.zeros(length, np.int32), np.zeros(length, np.int32)
        vector[place], more[place] = end, beyond
        wanted = (vector.astype(np.int64) + more).tolist()
        assert unpacked(length, bits, vector, more) != wanted


@pytest.mark.parametrize(("bits", "length"), list(product(RING_BITS, [8, 16, 800])))
def test_any_words_have_one_unpacking(bits: int, length: int) -> None:
    """Of whole groups: whatever a hospital sends is the packing of some integers in range, and of no others."""
    words = np.random.default_rng(length).integers(0, 2**32, wire_words(length, bits), dtype=np.uint32)
    accumulator = Accumulator(length, bits)
    accumulator.add(words)
    integers = accumulator.unpack().copy()
    assert least(bits) <= integers.min()
    assert integers.max() <= most(bits)
    assert np.array_equal(pack(integers, bits), words)


@pytest.mark.parametrize("bits", RING_BITS)
@pytest.mark.parametrize("length", [6, 16, 21])
def test_masks_are_taken_away_from_the_words(bits: int, length: int) -> None:
    vector = random_vector(length, bits)
    mask = np.random.default_rng(1).integers(0, 2**32, wire_words(length, bits), dtype=np.uint32)
    accumulator = Accumulator(length, bits)
    accumulator.add(packed_copy(vector, bits) + mask)
    accumulator.words -= mask
    assert accumulator.unpack().tolist() == vector.tolist()


@pytest.mark.parametrize("bits", RING_BITS)
@pytest.mark.parametrize("length", [9, 16])
def test_what_was_added_is_left_as_it_was(bits: int, length: int) -> None:
    packed = pack(random_vector(length, bits), bits)
    before = packed.copy()
    accumulator = Accumulator(length, bits)
    accumulator.add(packed)
    accumulator.unpack()[:] = 0
    assert np.array_equal(packed, before)


WRONG = [
    pytest.param(lambda n: np.zeros(n - 1, np.uint32), id="a word less"),
    pytest.param(lambda n: np.zeros(n + 1, np.uint32), id="a word more"),
    pytest.param(lambda n: np.zeros({12: 14, 14: 16, 16: 12}[n], np.uint32), id="packed for another ring"),
    pytest.param(lambda n: np.zeros({12: 16, 14: 12, 16: 14}[n], np.uint32), id="packed for the third ring"),
    pytest.param(lambda n: np.zeros(1, np.uint32), id="one word, which would be added everywhere"),
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
    packed = make(wire_words(16, bits))
    accumulator = Accumulator(16, bits)
    for work in (
        lambda: check_packed(packed, 16, bits, about="h"),
        lambda: accumulator.add(packed, about="h"),
    ):
        with pytest.raises(RefuseRound) as refusal:
            work()
        assert (refusal.value.reason, refusal.value.about) == (Reason.VECTOR, "h")
    assert not accumulator.words.any()


@pytest.mark.parametrize("bits", RING_BITS)
def test_words_with_gaps_in_memory_are_added_all_the_same(bits: int) -> None:
    spread = np.zeros(2 * wire_words(12, bits), np.uint32)
    spread[::2] = pack(np.arange(12, dtype=np.int32), bits)
    accumulator = Accumulator(12, bits)
    accumulator.add(spread[::2])
    assert accumulator.unpack().tolist() == list(range(12))
