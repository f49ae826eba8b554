"""Shares against polynomials computed bit by bit: any `threshold` give the secret back, fewer say nothing of it."""

import os
from collections.abc import Sequence
from functools import cache, reduce
from itertools import combinations, product
from operator import xor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy.secagg import shares
from privacy.secagg.shares import MOST, combine, split


@cache
def times(a: int, b: int) -> int:
    """The product in GF(2^8): long multiplication, then long division by x^8 + x^4 + x^3 + x + 1."""
    value = reduce(xor, (a << bit for bit in range(8) if b >> bit & 1), 0)
    for bit in reversed(range(8, 15)):
        if value >> bit & 1:
            value ^= 0b1_0001_1011 << bit - 8
    return value


@cache
def inverse(a: int) -> int:
    return next(b for b in range(1, 256) if times(a, b) == 1)


def evaluate(coefficients: Sequence[int], x: int) -> int:
    """The polynomial, lowest coefficient first, power by power."""
    value, power = 0, 1
    for coefficient in coefficients:
        value ^= times(coefficient, power)
        power = times(power, x)
    return value


def interpolate(points: Sequence[int], values: Sequence[int], at: int) -> int:
    """Lagrange's formula, term by term."""
    total = 0
    for own, value in zip(points, values, strict=True):
        for other in points:
            if other != own:
                value = times(value, times(at ^ other, inverse(own ^ other)))
        total ^= value
    return total


@st.composite
def sharings(draw: st.DrawFn) -> tuple[bytes, int, list[int], list[int]]:
    """Secret, threshold, points, and places of any `threshold` of them."""
    points = draw(st.lists(st.integers(1, MOST), min_size=1, max_size=9, unique=True))
    threshold = draw(st.integers(1, len(points)))
    chosen = draw(st.permutations(range(len(points))))[:threshold]
    return draw(st.binary(max_size=5)), threshold, points, chosen


def test_products_and_inverses_are_those_of_the_field() -> None:
    assert times(0x57, 0x83) == 0xC1  # FIPS 197, section 4.2
    assert shares._TIMES.tolist() == [[times(a, b) for b in range(256)] for a in range(256)]
    assert shares._INVERSE.tolist() == [0] + [inverse(a) for a in range(1, 256)]


@settings(max_examples=60, deadline=None)
@given(sharings(), st.data())
def test_a_share_is_the_value_of_the_polynomial(
    sharing: tuple[bytes, int, list[int], list[int]], data: st.DataObject
) -> None:
    """The random bytes are the higher coefficients, highest first; the secret is the constant term."""
    secret, threshold, points, _ = sharing
    size = len(secret)
    drawn = data.draw(st.binary(min_size=(threshold - 1) * size, max_size=(threshold - 1) * size))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "urandom", lambda count: drawn if count == len(drawn) else b"")
        made = split(secret, threshold, points)
    for place in range(size):
        higher = [drawn[row * size + place] for row in range(threshold - 1)]
        polynomial = [secret[place], *reversed(higher)]
        assert [share[place] for share in made] == [evaluate(polynomial, x) for x in points]


@settings(max_examples=100, deadline=None)
@given(sharings())
def test_any_threshold_of_shares_give_the_secret(sharing: tuple[bytes, int, list[int], list[int]]) -> None:
    secret, threshold, points, chosen = sharing
    made = split(secret, threshold, points)
    kept, where = [made[i] for i in chosen], [points[i] for i in chosen]
    assert combine([[share] for share in kept], where) == [secret]
    assert bytes(interpolate(where, values, 0) for values in zip(*kept, strict=True)) == secret
    assert combine([[share] for share in made], points) == [secret]  # more than enough do no harm


@pytest.mark.parametrize(("hospitals", "threshold"), [(n, t) for n in range(1, 7) for t in range(1, n + 1)])
def test_every_subset_of_threshold_shares_will_do(hospitals: int, threshold: int) -> None:
    secret, points = os.urandom(32), list(range(1, hospitals + 1))
    made = split(secret, threshold, points)
    for chosen in combinations(range(hospitals), threshold):
        assert combine([[made[i]] for i in chosen], [points[i] for i in chosen]) == [secret]
    for chosen in combinations(range(hospitals), threshold - 1):
        if chosen:  # with fewer it is another secret: the chance of this one is 2^-256
            assert combine([[made[i]] for i in chosen], [points[i] for i in chosen]) != [secret]


def test_as_many_hospitals_as_there_are_points() -> None:
    secret, points = os.urandom(64), list(range(1, MOST + 1))
    made = split(secret, 170, points)
    assert combine([[share] for share in made[85:]], points[85:]) == [secret]
    assert len(set(made)) == MOST


@pytest.mark.parametrize(("secrets", "size"), list(product((0, 1, 2, 7), (0, 1, 32))))
def test_many_secrets_at_once_are_each_by_itself(secrets: int, size: int) -> None:
    points, wanted = [9, 4, 200], [os.urandom(size) for _ in range(secrets)]
    made = [split(secret, 2, points) for secret in wanted]
    for chosen in combinations(range(3), 2):
        rows = [[of_secret[i] for of_secret in made] for i in chosen]
        assert combine(rows, [points[i] for i in chosen]) == wanted


@pytest.mark.parametrize("points", [(1, 2), (2, 1), (7, 255), (128, 3)])
def test_fewer_shares_than_the_threshold_are_uniform_whatever_the_secret(points: tuple[int, int]) -> None:
    """Over all choices of the coefficients, two shares of a threshold of three take all 65,536 values once each.

    This holds for every secret, so two shares have the same distribution under all of them: uniform.
    """
    every = np.indices((256, 256), dtype=np.uint8).reshape(2, -1)  # all pairs of coefficients
    for secret in range(256):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "urandom", lambda count: every.tobytes() if count == every.size else b"")
            first, second = split(bytes([secret]) * 65_536, 3, (*points, 99))[:2]
        pairs = np.frombuffer(first, np.uint8).astype(np.uint16) << 8 | np.frombuffer(second, np.uint8)
        assert (np.bincount(pairs, minlength=65_536) == 1).all()


@pytest.mark.parametrize("threshold", [2, 3, 5])
def test_fewer_shares_than_the_threshold_fit_every_secret(threshold: int) -> None:
    """With one share missing, each of the 256 secrets of a byte is reached by exactly one value of that share."""
    points = [3, 1, 250, 77, 8][:threshold]
    made = split(os.urandom(1), threshold, points)
    guesses = [[*([share] for share in made[:-1]), [bytes([guess])]] for guess in range(256)]
    found = [combine(rows, points)[0][0] for rows in guesses]
    assert sorted(found) == list(range(256))
    known = [share[0] for share in made[:-1]]
    assert found == [interpolate(points, [*known, guess], 0) for guess in range(256)]


@pytest.mark.parametrize("place", [0, 13, 31])
def test_a_wrong_share_spoils_the_bytes_it_is_wrong_in(place: int) -> None:
    secret, points = os.urandom(32), [1, 2, 3]
    made = split(secret, 3, points)
    wrong = made[1][:place] + bytes([made[1][place] ^ 1]) + made[1][place + 1 :]
    (found,) = combine([[made[0]], [wrong], [made[2]]], points)
    assert [i for i in range(32) if found[i] != secret[i]] == [place]


def test_two_sharings_of_one_secret_differ() -> None:
    secret = os.urandom(32)
    assert split(secret, 2, [1, 2]) != split(secret, 2, [1, 2])
    assert split(secret, 1, [1, 2]) == [secret, secret]


@pytest.mark.parametrize(
    ("threshold", "points"),
    [
        pytest.param(0, [1, 2], id="no share is enough"),
        pytest.param(3, [1, 2], id="more than there are shares"),
        pytest.param(-1, [1, 2], id="negative"),
        pytest.param(1, [], id="no points"),
        pytest.param(1, [0, 1], id="the share at zero is the secret"),
        pytest.param(1, [1, 1], id="one point twice"),
        pytest.param(1, [1, 256], id="beyond the field"),
        pytest.param(1, [-1, 1], id="negative point"),
    ],
)
def test_what_cannot_be_shared_is_a_programming_error(threshold: int, points: list[int]) -> None:
    with pytest.raises(ValueError, match=r"threshold|points"):
        split(b"secret", threshold, points)


@pytest.mark.parametrize("points", [[0, 1], [1, 1], [1, 256]])
def test_shares_at_such_points_are_not_combined(points: list[int]) -> None:
    with pytest.raises(ValueError, match="points"):
        combine([[b"a"], [b"b"]], points)
