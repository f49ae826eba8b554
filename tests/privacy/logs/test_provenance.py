"""The code's own words are told from its values."""

from collections.abc import Callable
from types import CodeType

import pytest

from privacy.logs.provenance import puts_together, share_spelt, spells_out, values_in

NAME, NUMBER = "Elsie Harrow".lower(), 12345678


def f_string() -> str:
    return f"cannot read the chart of {NAME}, record {NUMBER}"


def percent() -> str:
    return "cannot read the chart of %s, record %d" % (NAME, NUMBER)  # noqa: UP031


def formatted() -> str:
    return "cannot read the chart of {}, record {:d}".format(NAME, NUMBER)  # noqa: UP032


def added() -> str:
    return "cannot read the chart of " + NAME + ", record " + str(NUMBER)


def constant() -> str:
    return "cannot read the chart"


@pytest.mark.parametrize("make", [f_string, percent, formatted, added], ids=lambda make: str(make.__name__))
def test_values_of_a_text_are_found(make: Callable[[], str]) -> None:
    text = make()
    spans = values_in(text, [make.__code__])
    assert spans is not None
    assert [text[start:end] for start, end in spans] == [NAME, str(NUMBER)]
    assert puts_together(make.__code__)
    assert share_spelt(text, spans) > 0.4


def test_a_constant_is_spelt_out() -> None:
    assert spells_out(constant.__code__, constant())
    assert not puts_together(constant.__code__)
    assert not spells_out(constant.__code__, "cannot read")


@pytest.mark.parametrize("text", ["something else", "", "recordings of charts"])
def test_a_text_of_another_origin_is_told(text: str) -> None:
    assert values_in(text, [f_string.__code__]) is None


def test_a_piece_inside_a_word_is_no_piece() -> None:
    code: CodeType = compile("f'the {x} said'", "", "eval")
    text = "the catherine said"
    assert values_in(text, [code]) == [(4, 13)]
