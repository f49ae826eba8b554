"""Fixed point against fractions: rounding keeps its bound, and nothing that could overflow is accepted."""

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from privacy.secagg import fixed_point
from privacy.secagg.fixed_point import (
    _CHUNK,
    LARGEST_VECTOR,
    MOST_SEGMENTS,
    FixedPoint,
    Segment,
    finest_scale,
    smallest_ring,
)
from privacy.secagg.packing import RING_BITS, Accumulator, pack
from shared.refusal import Reason, RefuseRound

ORDINARY = [0.001, 0.1, 0.3, 0.5, 1.0, 1.7, 2.0, 8.0, 10.0]  # bounds that somebody may well ask for
single = st.floats(width=32, allow_nan=False, allow_infinity=False)


def floats(*values: float) -> NDArray[np.float32]:
    return np.array(values, dtype=np.float32)


def clip(value: float, bound: float) -> Fraction:
    return max(-Fraction(bound), min(Fraction(bound), Fraction(value)))


def encode_by_hand(value: float, bound: float, scale: float) -> int:
    """Clipped, scaled and rounded to the nearest integer (to the even one of two), as fractions."""
    return round(clip(value, bound) * Fraction(scale))


@st.composite
def encodings(draw: st.DrawFn) -> FixedPoint:
    """One segment, its bound a multiple of a power of two as float32 has them."""
    bound = draw(st.integers(1, 2**12)) * 2.0 ** draw(st.integers(-20, 10))
    parties, bits = draw(st.integers(1, 100)), draw(st.sampled_from(RING_BITS))
    scale = finest_scale(bound, parties, bits) / 2 ** draw(st.integers(0, 8))
    assume(bound * scale > 0.5)
    return FixedPoint((Segment(1, bound, scale),), parties, bits)


def refused(segments: Sequence[Segment], parties: int, bits: int) -> None:
    with pytest.raises(RefuseRound) as refusal:
        FixedPoint(tuple(segments), parties, bits)
    assert refusal.value.reason is Reason.RING


@settings(max_examples=150, deadline=None)
@given(encodings(), st.data())
def test_a_value_becomes_the_nearest_integer_and_the_sum_keeps_its_bound(
    encoding: FixedPoint, data: st.DataObject
) -> None:
    """The decoded sum is within `parties / (2 * scale)` of the sum of the clipped values.

    Values are subnormal, tiny, at the bound, next to it, and beyond.
    """
    (segment,) = encoding.segments
    bound, scale = segment.bound, segment.scale
    near = [np.nextafter(np.float32(bound), np.float32(to)) for to in (0, np.inf)]
    half_steps = st.integers(-20, 20).map(lambda i: float(np.float32(i / (2 * scale))))
    inside = st.floats(-bound, bound, width=32)
    edges = st.sampled_from([0.0, -0.0, 1e-45, -1e-45, 1e-38, bound, -bound, *map(float, near), 2 * bound])
    parties = data.draw(st.integers(1, encoding.parties))
    values = [data.draw(st.one_of(edges, inside, half_steps)) for _ in range(parties)]

    total = Accumulator(1, encoding.bits)
    for value in values:
        encoded, clipped = encoding.encode(floats(value))
        assert encoded.tolist() == [encode_by_hand(value, bound, scale)]
        assert clipped == (abs(value) > bound)
        total.add(pack(encoded, encoding.bits))
    (decoded,) = encoding.decode(total.unpack())

    wanted = sum(clip(value, bound) for value in values)
    assert abs(Fraction(float(decoded)) - wanted) <= Fraction(parties) / (2 * Fraction(scale))
    assert encoding.largest_error == encoding.parties / (2 * scale)


@settings(max_examples=100, deadline=None)
@given(encodings(), single)
def test_any_finite_value_is_clipped(encoding: FixedPoint, value: float) -> None:
    """The largest float32 too, whose scaled value is none."""
    (segment,) = encoding.segments
    encoded, clipped = encoding.encode(floats(value))
    assert encoded.tolist() == [encode_by_hand(value, segment.bound, segment.scale)]
    assert clipped == (abs(value) > segment.bound)


def test_the_largest_float32_is_clipped_without_a_warning() -> None:
    most = float(np.finfo(np.float32).max)
    encoded, clipped = FixedPoint((Segment(3, 1.0, 2.0**20),), 3, 32).encode(floats(most, -most, 0.5))
    assert encoded.tolist() == [2**20, -(2**20), 2**19]
    assert clipped == 2


@pytest.mark.parametrize(
    ("bound", "scale"),
    [
        pytest.param(0.1, 2.0**20, id="no fraction of two, a coarse scale"),
        pytest.param(0.7, 2.0**29, id="no fraction of two, a fine scale"),
        pytest.param(1 + 15 * 2.0**-28, 2.0**28, id="15 steps above the nearest float32"),
        pytest.param(1 - 7 * 2.0**-28, 2.0**28, id="7 steps below the nearest float32"),
    ],
)
def test_values_are_clipped_to_the_bound_itself(bound: float, scale: float) -> None:
    """Also where the bound is no float32: if such a bound is accepted, the error keeps within its bound."""
    try:
        encoding = FixedPoint((Segment(2, bound, scale),), 1, 32)
    except RefuseRound:
        return
    decoded = encoding.decode(encoding.encode(floats(bound * 2, -bound * 2))[0])
    for value, wanted in zip(decoded.tolist(), (bound, -bound), strict=True):
        assert abs(Fraction(value) - Fraction(wanted)) <= Fraction(encoding.largest_error)


@pytest.mark.parametrize("chunk", [1, 2, 3, 5])
def test_segments_and_chunks_are_encoded_each_by_itself(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(fixed_point, "_CHUNK", chunk)
    segments = (Segment(1, 1.0, 16.0), Segment(7, 4.0, 2.0), Segment(4, 0.25, 1024.0))
    encoding = FixedPoint(segments, 3, 24)
    values = np.random.default_rng(0).normal(0, 2, encoding.size).astype(np.float32)
    encoded, clipped = encoding.encode(values)
    laid_out = [segment for segment in segments for _ in range(segment.length)]
    pairs = list(zip(values.tolist(), laid_out, strict=True))
    assert encoded.tolist() == [encode_by_hand(value, s.bound, s.scale) for value, s in pairs]
    assert clipped == sum(abs(value) > s.bound for value, s in pairs)
    assert encoding.decode(encoded).tolist() == [
        integer / s.scale for integer, s in zip(encoded.tolist(), laid_out, strict=True)
    ]
    assert encoding.largest_error == 3 / (2 * 2.0)  # the coarsest segment's


def test_chunks_at_their_real_size() -> None:
    size = 2 * _CHUNK + 3
    encoding = FixedPoint((Segment(size - 1, 1.0, 1024.0), Segment(1, 2.0, 4.0)), 3, 24)
    values = np.random.default_rng(0).normal(0, 0.5, size).astype(np.float32)
    encoded, clipped = encoding.encode(values)
    bound = np.append(np.full(size - 1, 1.0), 2.0)
    scale = np.append(np.full(size - 1, 1024.0), 4.0)
    assert np.array_equal(encoded, np.rint(np.clip(values.astype(np.float64), -bound, bound) * scale))
    assert clipped == (np.abs(values) > bound).sum()


@settings(max_examples=100, deadline=None)
@given(encodings(), st.lists(single, min_size=1, max_size=30), st.sampled_from([1, 2, 5, _CHUNK]))
def test_encoding_in_the_values_own_memory_is_the_same(
    encoding: FixedPoint, values: list[float], chunk: int
) -> None:
    """Whether some are clipped, which takes another way, or none; and without the flag the values stay."""
    (segment,) = encoding.segments
    long = FixedPoint((replace(segment, length=len(values)),), encoding.parties, encoding.bits)
    given_values = floats(*values)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fixed_point, "_CHUNK", chunk)
        apart, clipped = long.encode(given_values)
        assert given_values.tobytes() == floats(*values).tobytes()
        encoded, clipped_too = long.encode(given_values, overwrite=True)
    assert encoded.tolist() == apart.tolist()
    assert encoded.tolist() == [encode_by_hand(value, segment.bound, segment.scale) for value in values]
    assert clipped_too == clipped
    assert (encoded.dtype, encoded.ctypes.data) == (np.int32, given_values.ctypes.data)


@pytest.mark.parametrize("chunk", [1, 2, 3, 5, _CHUNK])
def test_segments_are_encoded_in_the_values_own_memory_too(
    monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(fixed_point, "_CHUNK", chunk)
    encoding = FixedPoint((Segment(1, 1.0, 16.0), Segment(7, 4.0, 2.0), Segment(4, 0.25, 1024.0)), 3, 28)
    values = np.random.default_rng(0).normal(0, 2, encoding.size).astype(np.float32)
    apart, clipped = encoding.encode(values)
    encoded, clipped_too = encoding.encode(values, overwrite=True)
    assert encoded.tolist() == apart.tolist()
    assert clipped_too == clipped > 0


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("place", [0, 1, 4, 5, 8])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -np.nan])
def test_a_value_that_is_not_finite_is_refused(place: int, value: float, overwrite: bool) -> None:
    encoding = FixedPoint((Segment(5, 1.0, 16.0), Segment(4, 1.0, 16.0)), 3, 24)
    values = np.full(9, 7.0, dtype=np.float32)  # beside values to be clipped
    values[place] = value
    with pytest.raises(RefuseRound) as refusal:
        encoding.encode(values, overwrite=overwrite)
    assert refusal.value.reason is Reason.VECTOR


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(np.zeros(3, np.float32), id="one less"),
        pytest.param(np.zeros(5, np.float32), id="one more"),
        pytest.param(np.zeros((4, 1), np.float32), id="two dimensions"),
        pytest.param(np.zeros(4, np.float64), id="doubles, whose scaling would round"),
        pytest.param(np.zeros(4, np.float16), id="halves"),
        pytest.param(np.zeros(4, np.int32), id="integers"),
        pytest.param(np.zeros(4, ">f4"), id="the other byte order"),
    ],
)
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_vector_of_another_shape_or_type_is_refused(values: NDArray[np.generic], overwrite: bool) -> None:
    before = values.copy()
    with pytest.raises(RefuseRound) as refusal:
        FixedPoint((Segment(4, 1.0, 16.0),), 3, 24).encode(values, overwrite=overwrite)  # type: ignore[arg-type]
    assert refusal.value.reason is Reason.VECTOR
    assert np.array_equal(values, before)


@pytest.mark.parametrize("bits", RING_BITS)
@pytest.mark.parametrize("parties", [1, 2, 3, 7, 64, 100])
def test_overflow_is_refused_exactly_at_the_border(parties: int, bits: int) -> None:
    """The last bound that fits is accepted, the next is not.

    That the last one fits is tried with the extreme vectors of all hospitals, nine coordinates each, so that some
    share words; that the next would not is arithmetic.
    """
    largest = 2 ** (bits - 1) - 1
    most = largest // parties
    accepted = FixedPoint((Segment(9, float(most), 1.0),), parties, bits)
    for signs in ([1] * 9, [-1] * 9, [1, -1, 1, -1, -1, 1, 1, -1, 1]):
        total = Accumulator(9, bits)
        for _ in range(parties):
            total.add(pack(accepted.encode(floats(*(3e38 * sign for sign in signs)))[0], bits))
        assert total.unpack().tolist() == [sign * parties * most for sign in signs]
    refused([Segment(1, float(most + 1), 1.0)], parties, bits)
    assert parties * (most + 1) > largest
    refused([Segment(1, most + 0.5, 1.0)], parties, bits)  # rounds to the next


@settings(max_examples=300, deadline=None)
@given(
    st.integers(1, 2**31).map(float) | st.floats(2.0**-30, 2.0**31),
    st.integers(-31, 31),
    st.integers(1, 300),
    st.sampled_from(RING_BITS),
)
def test_what_is_accepted_never_overflows_and_what_fits_in_float32_is_accepted(
    bound: float, exponent: int, parties: int, bits: int
) -> None:
    scale = 2.0**exponent
    try:
        encoding = FixedPoint((Segment(2, bound, scale),), parties, bits)
    except RefuseRound:
        exact = float(np.float32(bound)) == bound
        assert parties * math.ceil(Fraction(bound) * Fraction(scale)) >= 2 ** (bits - 1) or not exact
        return
    extremes = encoding.encode(floats(1e30, -1e30))[0].tolist()
    assert [parties * extreme for extreme in extremes if not abs(parties * extreme) < 2 ** (bits - 1)] == []


@pytest.mark.parametrize(
    ("segments", "parties", "bits"),
    [
        pytest.param([], 3, 32, id="no segment"),
        pytest.param([Segment(1, 1.0, 1.0)] * (MOST_SEGMENTS + 1), 3, 32, id="one segment too many"),
        pytest.param([Segment(0, 1.0, 1.0)], 3, 32, id="an empty segment"),
        pytest.param([Segment(-1, 1.0, 1.0)], 3, 32, id="a negative length"),
        pytest.param([Segment(LARGEST_VECTOR + 1, 1.0, 1.0)], 3, 32, id="a coordinate too many"),
        pytest.param([Segment(LARGEST_VECTOR, 1.0, 1.0), Segment(1, 1.0, 1.0)], 3, 32, id="too many in all"),
        pytest.param([Segment(1, 0.0, 1.0)], 3, 32, id="bound zero"),
        pytest.param([Segment(1, -1.0, 1.0)], 3, 32, id="negative bound"),
        pytest.param([Segment(1, math.inf, 1.0)], 3, 32, id="infinite bound"),
        pytest.param([Segment(1, math.nan, 1.0)], 3, 32, id="bound that is not a number"),
        pytest.param([Segment(1, 1.0, 0.0)], 3, 32, id="scale zero"),
        pytest.param([Segment(1, 1.0, -1.0)], 3, 32, id="negative scale"),
        pytest.param([Segment(1, 1.0, 3.0)], 3, 32, id="a scale that is no power of two"),
        pytest.param([Segment(1, 1.0, 1.0 + 2**-52)], 3, 32, id="a scale next to a power of two"),
        pytest.param([Segment(1, 1.0, math.inf)], 3, 32, id="infinite scale"),
        pytest.param([Segment(1, 1.0, math.nan)], 3, 32, id="scale that is not a number"),
        pytest.param([Segment(1, 1.0, 1.0)], 0, 32, id="nobody"),
        pytest.param([Segment(1, 1.0, 1.0)], -3, 32, id="less than nobody"),
        *(
            pytest.param([Segment(1, 1.0, 1.0)], 3, bits, id=f"another ring, {bits} bits")
            for bits in (-24, 8, 16, 23, 25, 26, 27, 29, 30, 31, 33, 64)
        ),
        pytest.param([Segment(1, 1.0, 1.0)], 3, 0, id="no ring"),
        pytest.param([Segment(1, 1.0, 1.0), Segment(1, 2.0**31, 1.0)], 1, 32, id="the second overflows"),
    ],
)
def test_numbers_out_of_their_range_are_refused(segments: list[Segment], parties: int, bits: int) -> None:
    refused(segments, parties, bits)


@pytest.mark.parametrize("bound", [1e300, 1e39, 3.5e38])
@pytest.mark.parametrize("scale", [1.0, 2.0**-20, 2.0**20])
def test_a_bound_beyond_float32_is_refused_without_a_warning(bound: float, scale: float) -> None:
    refused([Segment(1, bound, scale)], 3, 32)


@pytest.mark.parametrize("exponent", [127, 128, 150, 200, 1000])
def test_a_scale_beyond_float32_is_refused_or_works(exponent: int) -> None:
    """The constructor's numbers come from the aggregator: whatever it lets through must encode as it promises."""
    bound, scale = 2.0 ** (10 - exponent), 2.0**exponent
    try:
        encoding = FixedPoint((Segment(4, bound, scale),), 3, 32)
    except RefuseRound:
        return
    encoded, clipped = encoding.encode(floats(0.0, 1.0, -1.0, bound))
    assert encoded.tolist() == [0, 1024, -1024, encode_by_hand(float(np.float32(bound)), bound, scale)]
    assert clipped == 2


@pytest.mark.parametrize("exponent", [-126, -127, -150, -200])
def test_a_scale_below_float32_is_refused_or_works(exponent: int) -> None:
    bound, scale = 2.0 ** (10 - exponent), 2.0**exponent
    most = float(np.finfo(np.float32).max)
    try:
        encoding = FixedPoint((Segment(3, bound, scale),), 3, 32)
    except RefuseRound:
        return
    encoded, clipped = encoding.encode(floats(0.0, most, -most))
    assert encoded.tolist() == [encode_by_hand(value, bound, scale) for value in (0.0, most, -most)]
    assert clipped == 0


@settings(max_examples=200, deadline=None)
@given(
    st.floats(2.0**-40, 2.0**20) | st.integers(1, 2**20).map(float) | st.sampled_from(ORDINARY),
    st.integers(1, 255),
    st.sampled_from(RING_BITS),
)
def test_the_finest_scale_is_the_finest(bound: float, parties: int, bits: int) -> None:
    scale = finest_scale(bound, parties, bits)
    assert math.frexp(scale)[0] == 0.5

    def fits(scale: float) -> bool:
        return parties * math.ceil(Fraction(bound) * Fraction(scale)) < 2 ** (bits - 1)

    assert fits(scale)
    assert not fits(2 * scale)


@pytest.mark.parametrize(("bound", "parties", "bits"), list(product(ORDINARY, (3, 5, 10, 100), RING_BITS)))
def test_the_finest_scale_is_accepted_and_the_next_finer_refused(
    bound: float, parties: int, bits: int
) -> None:
    """The scale that is proposed can be used, also with a bound that is no float32."""
    scale = finest_scale(bound, parties, bits)
    refused([Segment(1, bound, 2 * scale)], parties, bits)
    FixedPoint((Segment(1, bound, scale),), parties, bits)


@pytest.mark.parametrize(
    ("bound", "parties", "largest_error"),
    list(product((0.25, 1.0, 8.0), (3, 10, 100), [2.0**exponent for exponent in range(-30, 3, 2)])),
)
def test_the_smallest_ring_is_the_smallest_that_is_exact_enough(
    bound: float, parties: int, largest_error: float
) -> None:
    errors = {
        bits: FixedPoint(
            (Segment(1, bound, finest_scale(bound, parties, bits)),), parties, bits
        ).largest_error
        for bits in RING_BITS
    }
    wanted = min([bits for bits in RING_BITS if errors[bits] <= largest_error], default=32)
    assert smallest_ring(bound, parties, largest_error) == wanted
    assert errors[24] > errors[28] > errors[32]
    for bits, finer in ((24, 28), (28, 32), (32, 32)):
        assert smallest_ring(bound, parties, errors[bits]) == bits
        assert smallest_ring(bound, parties, errors[bits] * 0.99) == finer


@pytest.mark.parametrize(
    ("bound", "scale", "steps"),
    [(1.0, 16.0, 16), (1.5, 1.0, 2), (0.1, 1.0, 1), (0.1, 1024.0, 103), (2.0**-10, 1.0, 1)],
)
def test_steps_are_rounded_up(bound: float, scale: float, steps: int) -> None:
    assert Segment(1, bound, scale).steps == steps
