"""Tokens tell who is the same within a window, and nothing else."""

import re

import pytest

from privacy.logs.tokens import TOKEN, Tokens

KEY = b"k" * 32


def test_one_value_has_one_token_whatever_its_letter_case_and_space() -> None:
    tokens = Tokens(KEY)
    assert (
        len(
            {
                tokens.token(text)
                for text in ("Elsie Harrow", "ELSIE HARROW", " elsie  harrow ", "Ｅlsie Harrow")
            }
        )
        == 1
    )


def test_other_values_keys_and_windows_have_others() -> None:
    now = [0.0]
    tokens = Tokens(KEY, window_seconds=60, clock=lambda: now[0])
    made = {tokens.token("a"), tokens.token("b"), Tokens(b"j" * 32, clock=lambda: 0.0).token("a")}
    now[0] = 59.9
    made.add(tokens.token("a"))
    assert len(made) == 3
    now[0] = 60.0
    made.add(tokens.token("a"))
    assert len(made) == 4


def test_processes_with_one_key_agree() -> None:
    assert Tokens(KEY, clock=lambda: 5.0).token("a") == Tokens(KEY, clock=lambda: 6.0).token("a")
    assert Tokens().token("a") != Tokens().token("a")


def test_a_token_spells_no_name_and_holds_no_digit() -> None:
    tokens = Tokens(KEY)
    for number in range(500):
        token = tokens.token(str(number), "MRN")
        assert TOKEN.fullmatch(token)
        assert re.fullmatch("<MRN:[bcdfghjkmpqrtvwx]{12}>", token)


@pytest.mark.parametrize("text", ["", "a" * 200_000, "\ud800", "\0", "a\nb"])
def test_any_text_has_a_token(text: str) -> None:
    assert TOKEN.fullmatch(Tokens(KEY).token(text))


def test_texts_that_differ_far_behind_differ() -> None:
    tokens = Tokens(KEY)
    assert tokens.token("a" * 70_000) != tokens.token("a" * 70_001)


@pytest.mark.parametrize(("key", "window"), [(b"short", 60), (KEY, 0)])
def test_weak_settings_are_refused(key: bytes, window: int) -> None:
    with pytest.raises(ValueError, match=r"key has|window lasts"):
        Tokens(key, window)
