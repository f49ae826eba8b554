import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.tokenize import words

CASES = [
    ("letters and spaces", "chest pain", ["chest", "pain"]),
    ("digits apart from letters", "25mg", ["25", "mg"]),
    ("punctuation one by one", "b.i.d.", ["b", ".", "i", ".", "d", "."]),
    ("hyphen apart", "beta-blocker", ["beta", "-", "blocker"]),
    ("underscore apart", "a_b", ["a", "_", "b"]),
    ("accents as one character", "Sjögren", ["Sjögren"]),
    ("accents as marks of their own", "Sjo\u0308gren", ["Sjo\u0308gren"]),
    ("a mark without a letter", "\u0301a", ["\u0301", "a"]),
    ("lone surrogates", "a\ud800b", ["a", "\ud800", "b"]),
    ("zero-width joiner inside a word", "a\u200db", ["a\u200db"]),
    ("control characters are visible", "a\x00b", ["a", "\x00", "b"]),
    ("no-break space separates", "a\u00a0b", ["a", "b"]),
    ("nothing", "", []),
]


@pytest.mark.parametrize(("why", "text", "expected"), CASES, ids=[why for why, _, _ in CASES])
def test_words(why: str, text: str, expected: list[str]) -> None:
    assert [text[start:end] for start, end in words(text)] == expected


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=80))
@example("\ud800\udc00 \u200d\u0301")
def test_words_cover_what_is_not_white_space_exactly_once(text: str) -> None:
    tokens = words(text)
    covered = [index for start, end in tokens for index in range(start, end)]
    assert covered == [index for index, character in enumerate(text) if not character.isspace()]
    assert all(start < end for start, end in tokens)


@pytest.mark.parametrize("piece", ["a", "a\u0301", "1", "\u0301", "\ud800", "a1", "\u200d"])
def test_a_long_word_ends(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    assert words(text)[-1][1] == len(text)
