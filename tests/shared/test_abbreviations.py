"""Definitions in brackets, what they abbreviate, and that predictions only gain what a definition backs."""

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.abbreviations import find_abbreviations, spread
from shared.note import Entity

DEFINITIONS = [
    ("Ataxia-telangiectasia (A-T) is rare; A-T runs in families.", [("Ataxia-telangiectasia", "A-T", 2)]),
    ("von Hippel-Lindau disease (VHL), VHL", [("von Hippel-Lindau disease", "VHL", 2)]),
    ("myotonic dystrophy ( DM ) and DM1", [("myotonic dystrophy", "DM", 1)]),
    ("Huntington disease (HD; a disorder); HD", [("Huntington disease", "HD", 2)]),
    ("heart failure (HF). An HFpEF.", [("heart failure", "HF", 1)]),
    ("acute (xP) angina (AA)", [("angina", "AA", 1)]),
    ("pain (PA) and bad pain (BP); BP", [("pain", "PA", 1), ("bad pain", "BP", 2)]),
    ("a fever (FUO) without those letters", []),
    ("He was seen (see NOTE below)", []),
    ("sepsis (1990) and (a)", []),
    ("gout (Gt) first, glomerulonephritis test (Gt)", [("gout", "Gt", 2)]),
    ("", []),
    ("(HD)", []),
]


@pytest.mark.parametrize(("text", "expected"), DEFINITIONS)
def test_definitions(text: str, expected: list[tuple[str, str, int]]) -> None:
    found = find_abbreviations(text)
    assert [
        (text[a.long[0] : a.long[1]], text[a.places[0][0] : a.places[0][1]], len(a.places)) for a in found
    ] == expected


TEXT = "Ataxia-telangiectasia (A-T). The A-T gene; A-T patients."


def test_short_forms_are_marked_where_the_long_form_is() -> None:
    defined = find_abbreviations(TEXT)
    found = spread([Entity(0, 21, "Disease", "C1", "negated")], defined)
    assert [TEXT[e.start : e.end] for e in found] == ["Ataxia-telangiectasia", "A-T", "A-T", "A-T"]
    assert {e.label for e in found} == {"Disease"}
    assert [e.assertion for e in found] == [
        "negated",
        None,
        None,
        None,
    ]  # told elsewhere, it may be otherwise


def test_no_long_form_no_mark() -> None:
    defined = find_abbreviations(TEXT)
    assert spread([], defined) == []
    apart = [Entity(33, 36, "Disease")]  # only a short form
    assert spread(apart, defined) == apart
    early = [Entity(0, 6, "Disease")]  # ends long before the bracket
    assert spread(early, defined) == early


def test_what_is_marked_stays() -> None:
    """A longer mention is not cut, another label not changed."""
    defined = find_abbreviations(TEXT)
    given_entities = [Entity(0, 21, "Disease"), Entity(23, 26, "Gene"), Entity(33, 41, "Gene")]
    found = spread(given_entities, defined)
    assert found == [*given_entities, Entity(43, 46, "Disease")]


_TEXTS = st.text(alphabet="abAB (),;-1é\n", max_size=60)


@given(_TEXTS, st.lists(st.integers(0, 60), max_size=6, unique=True))
def test_any_text(text: str, cuts: list[int]) -> None:
    places = sorted(cut for cut in cuts if cut <= len(text))
    entities = [Entity(a, b, "X") for a, b in zip(places[::2], places[1::2], strict=False)]
    defined = find_abbreviations(text)
    for one in defined:
        assert 0 <= one.long[0] < one.long[1] <= one.places[-1][0]
        assert len({text[start:end] for start, end in one.places}) == 1
    found = spread(entities, defined)
    assert set(entities) <= set(found)
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))
    assert spread(found, defined) == found


@given(st.text())
def test_any_unicode(text: str) -> None:
    find_abbreviations(text)


@pytest.mark.parametrize("text", ["(A", "a (AB) ", "AB ", "((((", "A)", " (A-" * 3])
def test_long_texts_take_moments(text: str) -> None:
    started = time.process_time()
    find_abbreviations(text * (100_000 // len(text)))
    assert time.process_time() - started < 5
