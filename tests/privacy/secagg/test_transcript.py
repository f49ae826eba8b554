"""Hashes that stand for what all agree on: no two different inputs run together."""

import hashlib
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy.secagg.transcript import survivor_statement, tagged_hash, task_digest, view

labels = st.text(st.sampled_from("ab/"), max_size=3)
parts = st.lists(st.binary(max_size=3), max_size=4)


def by_hand(label: str, *parts: bytes) -> bytes:
    """Everything hashed, in one piece."""
    told = [b"HSA1/" + label.encode(), *parts]
    whole = b"".join(b"\0" * 6 + bytes([len(part) >> 8, len(part) & 255]) + part for part in told)
    return hashlib.sha256(whole).digest()


@settings(max_examples=200, deadline=None)
@given(labels, parts)
def test_a_hash_is_that_of_lengths_and_parts(label: str, told: list[bytes]) -> None:
    assert tagged_hash(label, *told) == by_hand(label, *told)


@settings(max_examples=300, deadline=None)
@given(st.sets(st.tuples(labels, parts.map(tuple)), min_size=2, max_size=6))
def test_different_inputs_give_different_hashes(inputs: set[tuple[str, tuple[bytes, ...]]]) -> None:
    assert len({tagged_hash(label, *told) for label, told in inputs}) == len(inputs)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(("x", b"ab", b"c"), ("x", b"a", b"bc"), id="cut elsewhere"),
        pytest.param(("x", b"abc"), ("x", b"a", b"bc"), id="in two or in one"),
        pytest.param(("x", b""), ("x",), id="an empty part or none"),
        pytest.param(("x", b"a", b""), ("x", b"", b"a"), id="in another place"),
        pytest.param(("xa", b"b"), ("x", b"ab"), id="label or part"),
        pytest.param(("x", b"\0" * 7 + b"\1a"), ("x", b"", b"a"), id="a length that poses as a part"),
        pytest.param(("x", b"a"), ("y", b"a"), id="another label"),
    ],
)
def test_inputs_that_run_together_if_one_is_careless(
    one: tuple[str, bytes], other: tuple[str, bytes]
) -> None:
    assert tagged_hash(*one) != tagged_hash(*other)


def all_differ(digests: list[bytes]) -> None:
    assert all(len(digest) == 32 for digest in digests)
    assert all(a != b for a, b in combinations(digests, 2))


def test_a_view_differs_with_terms_task_and_any_advert() -> None:
    base = (b"terms", b"task", [b"one", b"two"])
    all_differ(
        [
            view(*base),
            view(b"Terms", *base[1:]),
            view(base[0], b"Task", base[2]),
            view(*base[:2], [b"one", b"Two"]),
            view(*base[:2], [b"two", b"one"]),
            view(*base[:2], [b"one"]),
            view(*base[:2], [b"onetwo"]),
            view(*base[:2], [b"one", b"two", b""]),
            view(base[1], base[0], base[2]),
        ]
    )


def test_a_statement_differs_with_view_sharers_and_survivors() -> None:
    everyone = [0, 1, 2, 3]
    sets = [list(chosen) for size in range(5) for chosen in combinations(everyone, size)]
    statements = [survivor_statement(b"view", sharers, survivors) for sharers in sets for survivors in sets]
    all_differ([*statements, survivor_statement(b"View", everyone, everyone)])
    all_differ([survivor_statement(b"view", [1, 258], [1]), survivor_statement(b"view", [257, 2], [1])])


def test_a_task_differs_with_order_names_shapes_and_values() -> None:
    arrays = [("a", b"2", b"\0\0"), ("b", b"1", b"\0")]
    all_differ(
        [
            task_digest(b"order", arrays),
            task_digest(b"Order", arrays),
            task_digest(b"order", arrays[:1]),
            task_digest(b"order", arrays[::-1]),
            task_digest(b"order", [("c", b"2", b"\0\0"), arrays[1]]),
            task_digest(b"order", [("a", b"1,2", b"\0\0"), arrays[1]]),
            task_digest(b"order", [("a", b"2", b"\0\1"), arrays[1]]),
            task_digest(b"order", []),
        ]
    )


def test_what_is_hashed_for_one_purpose_never_stands_for_another() -> None:
    """View, statement and task of the same parts differ by their label alone."""
    all_differ(
        [
            view(b"", b"", []),
            survivor_statement(b"", [], []),
            task_digest(b"", []),
            tagged_hash("terms", b""),
        ]
    )
