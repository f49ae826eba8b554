"""Values are denied unless a list, or their key, lets them through."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from privacy.logs.tokens import TOKEN, Tokens
from privacy.logs.values import UNPRINTABLE, name, say, tree
from privacy.logs.words import allow
from shared.errors import FixNotes
from shared.refusal import Reason

Colour = Enum("Colour", {"RED": "red"})


class Size(IntEnum):
    LARGE = 3


class Lying(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "ok"

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash("ok")


class Broken:
    def __str__(self) -> str:
        raise ValueError("Harrow")


PASS: list[tuple[Any, str, str, str]] = [
    (None, "", "None", "nothing"),
    (True, "", "True", "a truth value"),
    (Reason.BUDGET, "", "budget", "an enum that code defines"),
    (Size.LARGE, "", "LARGE", "an enum of numbers, by name"),
    (12, "notes", "12", "a count by its key"),
    (12345678, "records read", "12345678", "a count, however large"),
    (np.int64(7), "rows", "7", "a count of numpy"),
    (3.14159, "took seconds", "3.14159", "a duration by its key"),
    (3.14159, "", "3.14", "a measure, cut to three digits"),
    (float("nan"), "", "nan", "no number"),
    (timedelta(minutes=2), "", "120 s", "a duration by its type"),
    ("fix-notes", "", "fix-notes", "a code of ours"),
    ("train.update", "", "train.update", "a kind of message"),
    ("GET", "", "GET", "a technical word"),
    ("17", "retries", "17", "a count as text"),
    (ValueError, "", "ValueError", "a class that code defines"),
]


@pytest.mark.parametrize(("value", "key", "text", "why"), PASS, ids=[row[3] for row in PASS])
def test_what_passes(value: Any, key: str, text: str, why: str, tokens: Tokens) -> None:
    assert say(value, tokens, key) == text


DENY: list[tuple[Any, str, str]] = [
    ("Elsie Harrow", "", "a name"),
    ("Elsie Harrow", "notes", "a name under the key of a count"),
    ("12345678", "", "a record number as text"),
    ("12345678901234567890123", "notes", "a number too long to count anything"),
    (12345678, "", "a record number"),
    (12345678, "mrn", "a record number under its key"),
    (7, "patient", "a small number under the key of a person"),
    (3, "patient notes", "a count beside a person: the person wins"),
    (12345678.0, "", "a record number that became a float"),
    (42.36011, "latitude", "a place is cut to three digits"),
    (Decimal("12345678"), "", "a decimal"),
    (Fraction(12345678, 1), "", "a fraction"),
    (complex(1, 2), "", "a complex number"),
    (date(1931, 4, 12), "", "a date"),
    (datetime(1931, 4, 12, tzinfo=UTC), "seconds", "a moment"),
    (Path("/charts/Harrow.txt"), "", "a path"),
    (b"Harrow", "", "bytes"),
    ([1, "Harrow"], "", "a list"),
    ({"a": "Harrow"}, "", "a mapping"),
    (Lying("Harrow"), "", "text with methods of its own"),
    (cast(Any, Enum)("Made", {"A": "Harrow"}).A, "", "an enum made of data"),
    (np.array([12345678]), "", "an array"),
]


@pytest.mark.parametrize(("value", "key", "why"), DENY, ids=[row[2] for row in DENY])
def test_what_is_denied(value: Any, key: str, why: str, tokens: Tokens) -> None:
    said = say(value, tokens, key)
    assert "Harrow" not in said
    assert "345678" not in said
    assert TOKEN.fullmatch(said) or said == "42.4"


def test_one_value_is_one_token_in_any_type(tokens: Tokens) -> None:
    assert say(1234567, tokens) == say("1234567", tokens) == say("1234567", tokens, "mrn")


def test_an_exception_is_its_class_and_a_token(tokens: Tokens) -> None:
    said = say(FixNotes("Harrow", where="notes.jsonl"), tokens)
    assert said.startswith("FixNotes: <VALUE:")
    assert "Harrow" not in said
    assert "Harrow" not in say(type("Harrow", (Exception,), {}), tokens)


def test_methods_that_fail_cost_the_value_only(tokens: Tokens) -> None:
    assert say(Broken(), tokens) == UNPRINTABLE
    assert tree({"a": Broken()}, tokens) == {"<FIELD:" + tokens.token("a", "FIELD")[7:]: UNPRINTABLE}


def test_a_tree_keeps_its_form(tokens: Tokens) -> None:
    said = tree({"rows": 3, "hospital": "Harrow", "seconds": [1.5, 2], "mrn": 12345678}, tokens)
    assert said["rows"] == 3
    assert said["seconds"] == [1.5, 2]
    assert TOKEN.fullmatch(said["hospital"])
    assert TOKEN.fullmatch(said["mrn"])


def test_a_deep_tree_and_a_ring_end(tokens: Tokens) -> None:
    ring: list[Any] = []
    ring.append(ring)
    assert "Harrow" not in str(tree(ring, tokens))
    assert "Harrow" not in str(tree([[[[[["Harrow"]]]]]], tokens))


@pytest.mark.parametrize("key", ["Harrow", "mrn 123", "m" * 100, 12345678, "patient_harrow"])
def test_a_key_that_may_be_data_is_a_token(key: object, tokens: Tokens) -> None:
    assert name(key, tokens) != key


def test_a_word_can_be_allowed(tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("privacy.logs.words._added", set())
    assert say("hospital-a", tokens) != "hospital-a"
    allow("hospital-a")
    assert say("hospital-a", tokens) == "hospital-a"
    with pytest.raises(ValueError, match="printable"):
        allow("a\nb")
