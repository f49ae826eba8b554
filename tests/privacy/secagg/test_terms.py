"""Terms have one form, no two terms share a digest, and the least threshold is the least that is safe."""

from dataclasses import fields, replace
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy.secagg.fixed_point import FixedPoint, Segment
from privacy.secagg.terms import RUN, Terms, least_threshold, usual_threshold
from privacy.secagg.transcript import tagged_hash
from shared.refusal import Reason, RefuseRound

TERMS = Terms(
    run=bytes(range(RUN)),
    number=7,
    attempt=2,
    purpose="train",
    roster=bytes(range(32)),
    cohort=(0, 2, 3, 300),
    threshold=3,
    colluders=1,
    hybrid=True,
    encoding=FixedPoint((Segment(10, 8.0, 1024.0), Segment(3, 2.0**20, 1.0)), 4, 32),
)

OTHERS: dict[str, list[object]] = {
    "run": [bytes(RUN), bytes(range(1, RUN + 1))],
    "number": [1, 8, 2**32 - 1],
    "attempt": [1, 3, 2**32 - 1],
    "purpose": ["evaluate", "count"],
    "roster": [bytes(32), bytes(range(31)) + b"\xff"],
    "cohort": [(), (0,), (0, 2, 3), (0, 2, 3, 301), (1, 2, 3, 300), (0, 2, 3, 300, 65_535)],
    "threshold": [0, 2, 4, 65_535],
    "colluders": [0, 2, 65_535],
    "hybrid": [False],
    "encoding": [
        replace(TERMS.encoding, parties=5),
        replace(TERMS.encoding, segments=TERMS.encoding.segments[::-1]),
        replace(TERMS.encoding, segments=TERMS.encoding.segments[:1]),
        replace(TERMS.encoding, segments=TERMS.encoding.segments * 2),
        FixedPoint((Segment(10, 8.0, 1024.0), Segment(3, 2.0**19, 1.0)), 4, 24),
        FixedPoint((Segment(10, 8.0, 1024.0), Segment(3, 2.0**19, 1.0)), 4, 32),
        FixedPoint((Segment(11, 8.0, 1024.0), Segment(3, 2.0**20, 1.0)), 4, 32),
        FixedPoint((Segment(10, 8.5, 1024.0), Segment(3, 2.0**20, 1.0)), 4, 32),
        FixedPoint((Segment(10, 8.0, 2048.0), Segment(3, 2.0**20, 1.0)), 4, 32),
    ],
}

segments = st.builds(
    Segment,
    length=st.integers(1, 2**26),
    bound=st.integers(1, 2**10).map(float),
    scale=st.sampled_from([1.0, 2.0, 4.0]),
)
any_terms = st.builds(
    Terms,
    run=st.binary(min_size=RUN, max_size=RUN),
    number=st.integers(1, 2**32 - 1),
    attempt=st.integers(1, 2**32 - 1),
    purpose=st.sampled_from(["train", "evaluate", "count"]),
    roster=st.binary(min_size=32, max_size=32),
    cohort=st.sets(st.integers(0, 65_535), max_size=20).map(lambda chosen: tuple(sorted(chosen))),
    threshold=st.integers(0, 65_535),
    colluders=st.integers(0, 65_535),
    hybrid=st.booleans(),
    encoding=st.builds(
        FixedPoint,
        segments=st.lists(segments, min_size=1, max_size=64).map(tuple),
        parties=st.integers(1, 500),
        bits=st.sampled_from([24, 32]),
    ),
)


def refused(data: bytes) -> Reason:
    with pytest.raises(RefuseRound) as refusal:
        Terms.from_bytes(data)
    return refusal.value.reason


@settings(max_examples=150, deadline=None)
@given(any_terms)
def test_terms_come_back_as_they_went(terms: Terms) -> None:
    again = Terms.from_bytes(terms.to_bytes())
    assert again == terms
    assert again.to_bytes() == terms.to_bytes()
    assert again.digest == terms.digest == tagged_hash("terms", terms.to_bytes())


@settings(max_examples=150, deadline=None)
@given(any_terms, any_terms)
def test_two_terms_have_two_forms(one: Terms, other: Terms) -> None:
    assert (one == other) == (one.to_bytes() == other.to_bytes()) == (one.digest == other.digest)


def test_a_digest_differs_whenever_any_field_does() -> None:
    assert set(OTHERS) == {field.name for field in fields(Terms)}
    changed = [replace(TERMS, **{name: value}) for name, values in OTHERS.items() for value in values]
    digests = [terms.digest for terms in (TERMS, *changed)]
    assert len(set(digests)) == len(digests)
    assert [Terms.from_bytes(terms.to_bytes()) for terms in changed] == changed


def test_any_other_byte_anywhere_gives_other_terms_or_none() -> None:
    """Every byte of the form, in all of its other values: what is read differs, and is written just so again."""
    data, reasons = TERMS.to_bytes(), set()
    for place, value in product(range(len(data)), range(1, 256)):
        altered = data[:place] + bytes([data[place] ^ value]) + data[place + 1 :]
        try:
            terms = Terms.from_bytes(altered)
        except RefuseRound as refusal:
            reasons.add(refusal.reason)
            continue
        assert terms != TERMS
        assert terms.digest != TERMS.digest
        assert terms.to_bytes() == altered
    assert reasons == {Reason.MALFORMED, Reason.RING}


def test_nothing_may_be_missing_or_left_over() -> None:
    data = TERMS.to_bytes()
    for length in range(len(data)):
        assert refused(data[:length]) is Reason.MALFORMED
    assert refused(data + b"\0") is Reason.MALFORMED
    assert refused(b"") is Reason.MALFORMED


@pytest.mark.parametrize(
    ("place", "field", "reason"),
    [
        pytest.param(0, b"HSA2", Reason.MALFORMED, id="another protocol"),
        pytest.param(4, b"\2", Reason.MALFORMED, id="another kind of message"),
        pytest.param(5, b"\2", Reason.MALFORMED, id="another version"),
        pytest.param(22, bytes(4), Reason.MALFORMED, id="sum number 0"),
        pytest.param(26, bytes(4), Reason.MALFORMED, id="attempt 0"),
        pytest.param(30, b"\3", Reason.MALFORMED, id="a purpose that is none"),
        pytest.param(63, b"\xff\xff", Reason.MALFORMED, id="more hospitals than bytes"),
        pytest.param(65, b"\0\2\0\2", Reason.MALFORMED, id="a hospital twice"),
        pytest.param(65, b"\0\3\0\2", Reason.MALFORMED, id="hospitals that descend"),
        pytest.param(77, b"\2", Reason.MALFORMED, id="hybrid is yes or no"),
        pytest.param(78, bytes(2), Reason.RING, id="a sum of nobody"),
        pytest.param(78, b"\xff\xff", Reason.RING, id="so many that their sum overflows"),
        pytest.param(80, b"\x10", Reason.RING, id="a ring of 16 bits"),
        pytest.param(81, b"\xff", Reason.MALFORMED, id="more segments than bytes"),
        pytest.param(82, bytes(8), Reason.RING, id="an empty segment"),
        pytest.param(82, b"\xff" * 8, Reason.RING, id="2^64 coordinates"),
        pytest.param(90, b"\x7f\xf0" + bytes(6), Reason.MALFORMED, id="an infinite bound"),
        pytest.param(98, b"\x40\x08" + bytes(6), Reason.RING, id="a scale of 3"),
    ],
)
def test_a_field_out_of_its_range_is_refused(place: int, field: bytes, reason: Reason) -> None:
    data = TERMS.to_bytes()
    assert refused(data[:place] + field + data[place + len(field) :]) is reason


@pytest.mark.parametrize("segments", [0, 65])
def test_the_number_of_segments_has_its_limits(segments: int) -> None:
    data = TERMS.to_bytes()[:81] + bytes([segments])
    one = (1).to_bytes(8, "big") + bytes.fromhex("3ff0000000000000") * 2
    assert refused(data + one * segments) is Reason.RING


def both_confirmed(cohort: int, colluders: int, threshold: int) -> bool:
    """Whether two sets of survivors can both get `threshold` signatures, whatever the honest hospitals are shown.

    Tries all ways in which each honest hospital signs the first set, the second or none; colluders sign both.
    """
    return any(
        min(signed.count(1), signed.count(2)) + colluders >= threshold
        for signed in product((0, 1, 2), repeat=cohort - colluders)
    )


@pytest.mark.parametrize(("cohort", "colluders"), [(n, d) for n in range(1, 9) for d in range(n + 1)])
def test_the_least_threshold_is_the_lowest_with_which_no_two_sets_are_confirmed(
    cohort: int, colluders: int
) -> None:
    least = least_threshold(cohort, colluders)
    assert not both_confirmed(cohort, colluders, least)
    assert both_confirmed(cohort, colluders, least - 1)


@pytest.mark.parametrize(("cohort", "colluders"), [(n, d) for n in range(3, 8) for d in range(n)])
def test_any_two_sets_that_sign_share_an_honest_hospital(cohort: int, colluders: int) -> None:
    """The same said with sets: of two sets of `least_threshold` signers, one member in both is no colluder."""
    least = least_threshold(cohort, colluders)
    signers = list(combinations(range(cohort), least)) if least <= cohort else []
    honest = set(range(colluders, cohort))
    assert all(set(one) & set(other) & honest for one in signers for other in signers)


@pytest.mark.parametrize("cohort", [3, 4, 5, 10, 99, 100])
def test_the_usual_threshold_is_two_thirds_and_safe(cohort: int) -> None:
    for colluders in range(cohort):
        usual, least = usual_threshold(cohort, colluders), least_threshold(cohort, colluders)
        assert usual <= cohort
        assert usual >= least or least > cohort
        assert usual == cohort or usual > 2 * cohort / 3
    assert usual_threshold(cohort, 0) == 2 * cohort // 3 + 1
