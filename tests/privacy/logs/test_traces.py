"""A traceback tells where and what, and no value."""

import json
import sqlite3
import struct
from collections.abc import Callable
from typing import Any

import pytest

from privacy.logs.tokens import TOKEN, Tokens
from privacy.logs.traces import render
from shared.errors import FixNotes

NAME = "Zebrafinch"


class Rows:
    """Values that no code spells out."""

    name = NAME.lower().title()
    mrn = 12345678


def fail_chain() -> None:
    try:
        raise KeyError(Rows.name)
    except KeyError as error:
        raise RuntimeError(f"no chart for {Rows.name}, record {Rows.mrn}") from error


def fail_during() -> None:
    try:
        raise KeyError(Rows.name)
    except KeyError:
        raise RuntimeError(Rows.name)  # noqa: B904


def fail_noted() -> None:
    error = ValueError("the file has no header")
    error.add_note(f"in the file of {Rows.name}")
    raise error


def fail_group() -> None:
    raise ExceptionGroup(Rows.name, [ValueError(Rows.name), ExceptionGroup("inner", [KeyError(Rows.name)])])


def fail_class() -> None:
    raise type(Rows.name, (ValueError,), {})(Rows.name)


def fail_local_class() -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise ValueError(Rows.name)

    raise Odd(Rows.name)


def fail_ring() -> None:
    first, second = ValueError(Rows.name), KeyError(Rows.name)
    first.__cause__, second.__cause__ = second, first
    raise first


FAILURES: list[tuple[Callable[[], Any], list[str]]] = [
    (
        fail_chain,
        ["KeyError: <>", "which caused:", "RuntimeError: no chart for <>, record <>", "in fail_chain"],
    ),
    (fail_during, ["KeyError: <>", "and while that was handled:", "RuntimeError: <>"]),
    (fail_noted, ["ValueError: the file has no header", "note: in the file of <>"]),
    (fail_group, ["ExceptionGroup:", "part 1:", "part 2:", "KeyError: <>"]),
    (fail_class, ["ValueError (unlisted class): <>"]),
    (fail_local_class, ["Exception (local class): <unprintable>"]),
    (fail_ring, ["...", "ValueError: <>"]),
    (lambda: {}[Rows.name], ["KeyError: <>"]),
    (lambda: int(Rows.name), ["ValueError: invalid literal for int() with base <> <>"]),
    (lambda: open(f"/nowhere/{Rows.name}"), ["FileNotFoundError: [Errno 2] No such file or directory"]),  # noqa: PTH123, SIM115
    (lambda: getattr(1, Rows.name), ["AttributeError: <> object has no attribute <>"]),
    (lambda: b"\xff".decode(), ["UnicodeDecodeError: utf-8 codec can't decode byte"]),
    (lambda: json.loads(Rows.name), ["JSONDecodeError: Expecting value"]),
    (
        lambda: sqlite3.connect(":memory:").execute(f"SELECT * FROM {Rows.name}"),  # noqa: S608
        ["OperationalError: no such table: <>"],
    ),
    (lambda: [][3], ["IndexError: list index out of range"]),
    (lambda: struct.unpack("i", b""), ["error: unpack requires"]),
    (lambda: exec(f"raise ValueError('{Rows.name}')"), ["ValueError:"]),  # noqa: S102
]


@pytest.mark.filterwarnings("ignore:unclosed database")
@pytest.mark.parametrize(("fail", "parts"), FAILURES, ids=[row[1][0] for row in FAILURES])
def test_a_traceback(fail: Callable[[], Any], parts: list[str], tokens: Tokens) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011
        fail()
    text = TOKEN.sub("<>", render(caught.value, tokens))
    for part in parts:
        assert part in text
    if fail.__name__ == "<lambda>" and "exec" in fail.__code__.co_names:
        return  # code made of a name spells it out: the redactor's to find
    assert NAME.lower() not in text.lower()
    assert str(Rows.mrn) not in text


def test_our_own_errors_keep_their_words(tokens: Tokens) -> None:
    def check() -> None:
        raise FixNotes("offset 7 is past the end", where=Rows.name, remedy="Mend the line")

    with pytest.raises(FixNotes) as caught:
        check()
    text = TOKEN.sub("<>", render(caught.value, tokens))
    assert "FixNotes: <>: offset 7 is past the end. Mend the line" in text


def test_a_deep_chain_ends(tokens: Tokens) -> None:
    error = ValueError("0")
    for _ in range(500):
        outer = ValueError("the next")
        outer.__cause__ = error
        error = outer
    assert render(error, tokens).startswith("...")
