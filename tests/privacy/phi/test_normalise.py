"""Decoding, and the way back to the original."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy.phi.normalise import normalise
from privacy.phi.views import View

CASES = [
    ("José Ｓｍｉｔｈ", "Jose Smith", "accents and full width"),
    ("J\u200bo\u200dhn", "John", "invisible characters"),
    ("Sm%69th", "Smith", "URL"),
    ("%254aohn", "John", "URL twice"),
    ("&#74;ohn &amp; co", "John & co", "HTML"),
    ("\\u004aohn", "John", "JSON"),
    ("jo ##hn smi ##th", "john smith", "wordpieces"),
    ("\x1b[31mJohn\x1b[0m", "John", "terminal colours"),
    ("janе@x", "jane@x", "a Cyrillic letter in a Latin word"),
    ("١٢٣", "123", "Arabic digits"),
    ("𝟙𝟚𝟛", "123", "mathematical digits"),
    ("β-blocker", "β-blocker", "a Greek letter alone stays"),
    ("plain text, 12.5 mg", "plain text, 12.5 mg", "nothing to do"),
]


@pytest.mark.parametrize(("text", "read", "reason"), CASES)
def test_a_text_reads_as_a_person_reads_it(text: str, read: str, reason: str) -> None:
    assert normalise(text).text == read, reason


def test_plain_text_costs_nothing() -> None:
    text = "nothing to decode here"
    view = normalise(text)
    assert view.text is text
    assert view.starts is None


@given(text=st.text(alphabet="abcé\u200bＡ%41&#;x\\u0 4\u0301β１\x1b[m", max_size=60))
def test_every_character_leads_back_into_the_original(text: str) -> None:
    view = normalise(text)
    last = 0
    for index in range(len(view.text)):
        start, end = view.origin(index, index + 1)
        assert 0 <= start < end <= len(text)
        assert start >= last
        last = start


def test_a_replacement_of_the_same_length_keeps_each_character() -> None:
    import re

    view = View("abc").replace(re.compile("b"), lambda _: "B")
    assert [view.origin(i, i + 1) for i in range(3)] == [(0, 1), (1, 2), (2, 3)]
