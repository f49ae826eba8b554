"""A slip or a sound leads to the word that was meant; a known word, a kept one and a short one stay."""

import pytest

from shared.codes import spelling
from shared.codes.spelling import corrected

CASES = [
    ("pneumonai", "pneumonia", "two letters swapped"),
    ("hypertnsion", "hypertension", "a letter left out"),
    ("astma", "asthma", "in a short word"),
    ("diabety", "diabetes", "a slip that looked like a plural"),
    ("hypertenshun", "hypertension", "by its sound"),
    ("newmonia", "pneumonia", "a letter that is not heard"),
    ("soriasis", "psoriasis", "another"),
    ("asthma", "asthma", "right as it is"),
    ("gowt", "gowt", "too short to tell"),
    ("zzyzxxq", "zzyzxxq", "near nothing"),
]


@pytest.mark.parametrize(("written", "meant", "why"), CASES)
def test_a_word_as_it_was_meant(written: str, meant: str, why: str) -> None:
    assert corrected([written], ()) == [meant], why


def test_kept_words_are_not_touched() -> None:
    assert corrected(["pneumonai"], {"pneumonai"}) == ["pneumonai"]


def test_without_sounds_only_slips_are_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spelling, "_SOUNDS", ())
    spelling._heard.cache_clear()
    try:
        assert corrected(["hypertenshun", "astma"], ()) == ["hypertenshun", "asthma"]
    finally:
        spelling._heard.cache_clear()
