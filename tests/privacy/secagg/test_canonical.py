"""A value has one encoding and an encoding one value: checked against fields written out by hand."""

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy.secagg.canonical import Reader, Writer
from shared.refusal import Reason, RefuseRound

Field = tuple[str, object, int]  # kind, value, width of integers and length of raw bytes

reals = st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: x != 0 or math.copysign(1, x) > 0)
fields = st.one_of(
    st.integers(1, 8).flatmap(
        lambda width: st.tuples(st.just("unsigned"), st.integers(0, 256**width - 1), st.just(width))
    ),
    st.tuples(st.just("real"), reals, st.just(8)),
    st.binary(max_size=40).map(lambda value: ("raw", value, len(value))),
    st.tuples(st.just("text"), st.text(max_size=40), st.just(0)),
    st.tuples(st.just("indices"), st.sets(st.integers(0, 65_535), max_size=9).map(sorted), st.just(0)),
)


def by_hand(kind: str, value: object, width: int) -> bytes:
    """The slow and obvious encoding, one byte after the other."""
    if isinstance(value, float):
        return by_hand("unsigned", double_bits(value), 8)
    if isinstance(value, int):
        return bytes(value >> 8 * place & 255 for place in reversed(range(width)))
    if isinstance(value, str):
        return by_hand("unsigned", len(value.encode()), 2) + value.encode()
    if isinstance(value, list):
        return b"".join(by_hand("unsigned", number, 2) for number in [len(value), *value])
    assert isinstance(value, bytes)
    return value


def double_bits(value: float) -> int:
    """IEEE 754 binary64 from the value's own sign, exponent and fraction."""
    sign = int(math.copysign(1, value) < 0) << 63
    if value == 0:
        return sign
    fraction, exponent = math.frexp(abs(value))  # in [0.5, 1)
    if exponent <= -1022:
        return sign | int(math.ldexp(fraction, exponent + 1074))
    return sign | exponent + 1022 << 52 | int(math.ldexp(fraction, 53)) - (1 << 52)


def write(values: list[Field]) -> bytes:
    out = Writer()
    for kind, value, width in values:
        out = getattr(out, kind)(value, width) if kind == "unsigned" else getattr(out, kind)(value)
    return out.done()


def read(data: bytes, shape: list[Field]) -> list[object]:
    reader = Reader(data)
    values = [
        getattr(reader, kind)(width) if kind in ("unsigned", "raw") else getattr(reader, kind)()
        for kind, _, width in shape
    ]
    reader.end()
    return values


def refused(data: bytes, work: Callable[[Reader], object]) -> None:
    with pytest.raises(RefuseRound) as refusal:
        work(Reader(data))
    assert refusal.value.reason is Reason.MALFORMED
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None


@settings(max_examples=200, deadline=None)
@given(st.lists(fields, max_size=8))
def test_what_is_written_is_read_and_is_what_it_should_be(values: list[Field]) -> None:
    data = write(values)
    assert data == b"".join(by_hand(*field) for field in values)
    assert read(data, values) == [value for _, value, _ in values]


@settings(max_examples=100, deadline=None)
@given(st.lists(fields, min_size=1, max_size=4), st.binary(min_size=1, max_size=3))
def test_nothing_may_be_missing_or_left_over(values: list[Field], more: bytes) -> None:
    data = write(values)
    for length in range(len(data)):
        refused(data[:length], lambda reader: read(reader._data, values))
    refused(data + more, lambda reader: read(reader._data, values))


@settings(max_examples=200, deadline=None)
@given(st.data(), st.lists(fields, min_size=1, max_size=4))
def test_bytes_that_can_be_read_are_written_again_as_they_were(
    data: st.DataObject, shape: list[Field]
) -> None:
    """No value has a second encoding: whatever alters the bytes alters what is read, or it is refused."""
    before = write(shape)
    after = bytearray(before)
    if not after:
        return
    for _ in range(data.draw(st.integers(1, 3))):
        after[data.draw(st.integers(0, len(after) - 1))] = data.draw(st.integers(0, 255))
    try:
        values = read(bytes(after), shape)
    except RefuseRound:
        return
    again = [(kind, value, width) for (kind, _, width), value in zip(shape, values, strict=True)]
    assert write(again) == bytes(after)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("7ff0000000000000", id="infinity"),
        pytest.param("fff0000000000000", id="minus infinity"),
        pytest.param("7ff8000000000000", id="not a number"),
        pytest.param("7ff0000000000001", id="not a number, signalling"),
        pytest.param("ffffffffffffffff", id="not a number, with all bits set"),
        pytest.param("8000000000000000", id="minus zero is zero in a second form"),
    ],
)
def test_a_real_is_finite_and_has_one_zero(data: str) -> None:
    refused(bytes.fromhex(data), Reader.real)


@pytest.mark.parametrize(
    "value", [0.0, 5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -1.5, 0.1]
)
def test_a_real_keeps_every_bit(value: float) -> None:
    data = Writer().real(value).done()
    assert int.from_bytes(data, "big") == double_bits(value)
    assert Reader(data).real().hex() == value.hex()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"\xff", id="no first byte"),
        pytest.param(b"\xc3", id="cut off"),
        pytest.param(b"\xc0\x80", id="overlong zero, a second form"),
        pytest.param(b"\xe0\x80\xaf", id="overlong slash"),
        pytest.param(b"\xed\xa0\x80", id="a surrogate"),
        pytest.param(b"\xf4\x90\x80\x80", id="beyond the last character"),
    ],
)
def test_text_is_strict_utf8(text: bytes) -> None:
    refused(bytes([0, len(text)]) + text, Reader.text)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([1, 1], id="twice"),
        pytest.param([2, 1], id="descending"),
        pytest.param([0, 5, 5, 6], id="twice in the middle"),
        pytest.param([0, 1, 65_535, 2], id="descending at the end"),
    ],
)
def test_hospitals_stand_once_and_ascend(values: list[int]) -> None:
    assert any(a >= b for a, b in pairwise(values))
    refused(Writer().indices(values).done(), Reader.indices)


@pytest.mark.parametrize("length", [0, 1, 65_534])
def test_a_count_beyond_the_data_is_refused(length: int) -> None:
    refused(b"\xff\xff" + bytes(length), Reader.text)
    refused(b"\xff\xff" + bytes(length), Reader.indices)
    refused(bytes(length), lambda reader: reader.raw(length + 1))


@pytest.mark.parametrize("data", [None, "HSA1", bytearray(4), memoryview(bytes(4)), [72, 83], 4])
def test_a_message_is_bytes(data: object) -> None:
    with pytest.raises(RefuseRound) as refusal:
        Reader(data)  # type: ignore[arg-type]
    assert refusal.value.reason is Reason.MALFORMED


def test_expected_bytes_must_be_there() -> None:
    reader = Reader(b"HSA1x")
    reader.expect(b"HSA1")
    assert reader.raw(1) == b"x"
    refused(b"HSA2", lambda reader: reader.expect(b"HSA1"))
    refused(b"HSA", lambda reader: reader.expect(b"HSA1"))


@pytest.mark.parametrize(
    ("write_it", "error"),
    [
        pytest.param(lambda out: out.unsigned(256, 1), OverflowError, id="wider than its field"),
        pytest.param(lambda out: out.unsigned(-1, 4), OverflowError, id="negative"),
        pytest.param(lambda out: out.text("x" * 65_536), OverflowError, id="text that is too long"),
        pytest.param(lambda out: out.text("\ud800"), UnicodeEncodeError, id="text with half a character"),
        pytest.param(lambda out: out.indices([65_536]), OverflowError, id="no index"),
    ],
)
def test_what_has_no_encoding_is_a_programming_error(
    write_it: Callable[[Writer], Writer], error: type[Exception]
) -> None:
    with pytest.raises(error):
        write_it(Writer())
