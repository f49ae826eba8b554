"""Words become the same numbers on every machine, and any word becomes some."""

import sys
import unicodedata
import zlib

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from shared.models.word_inputs import ALPHABET, CHARACTERS, HASHES, PIECES, SHAPES, HashedWordReader
from shared.tokenize import words

ROWS = 1000


def read(text: str, rows: int = ROWS, **vectors: int) -> dict[str, torch.Tensor]:
    tokens = words(text)
    return HashedWordReader(rows, vectors, target=0).read(text, tokens).window(0, len(tokens))


def check_ranges(inputs: dict[str, torch.Tensor], count: int, rows: int) -> None:
    assert inputs["rows"].shape == (count, HASHES)
    assert inputs["characters"].shape == (count, CHARACTERS)
    assert inputs["shapes"].shape == (count,)
    assert ((inputs["rows"] >= 1) & (inputs["rows"] < rows)).all()  # row 0 pads
    assert ((inputs["characters"] >= 0) & (inputs["characters"] < len(ALPHABET) + 2)).all()
    assert (inputs["characters"][:, 0] > 0).all()  # no word is all padding
    assert ((inputs["shapes"] >= 0) & (inputs["shapes"] < SHAPES)).all()


@given(st.text(st.characters(exclude_categories=()), min_size=1, max_size=40), st.integers(2, 50))
def test_any_text_stays_in_range(text: str, rows: int) -> None:
    if words(text):
        check_ranges(read(text, rows), len(words(text)), rows)


def test_every_character_there_is_can_be_read() -> None:
    every = [chr(code) for code in range(sys.maxunicode + 1) if not chr(code).isspace()]
    step = 50_000
    for at in range(0, len(every), step):
        text = " ".join(every[at : at + step : 7])
        check_ranges(read(text), len(words(text)), ROWS)


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("\ud800", "a lone surrogate"),
        ("\uffff", "not a character"),
        ("\u0344", "a mark that decomposes into two marks"),
        ("ﷺ", "decomposes into eighteen characters"),
        ("\u1160", "a filler that shows nothing"),
        ("İ", "lower case has two characters"),
        ("a" * 10_000, "an endless word"),
    ],
)
def test_odd_words(word: str, why: str) -> None:
    assert len(words(word)) == 1, why
    check_ranges(read(word), 1, ROWS)


def test_the_numbers_never_change() -> None:
    """They are part of every saved model: a change makes all of them useless."""
    inputs = read("Diabetes 12 ß HbA", rows=16384)
    assert inputs["rows"].tolist() == [
        [1 + zlib.crc32(text.encode(), seed) % 16383 for seed in (0x9E3779B9, 0x85EBCA6B)]
        for text in ("diabetes", "00", "ß", "hba")
    ]
    assert inputs["rows"][0].tolist() == [10190, 5382]
    assert inputs["characters"][0].tolist() == [31, 10, 2, 3, 6, 21, 6, 20, 0, 0, 0, 0, 0, 0, 0, 0]
    assert inputs["shapes"].tolist() == [4, 5, 1, 4]


def test_rows_ignore_case_and_digits_and_shapes_do_not() -> None:
    inputs = read("Gout GOUT gout 12 98")
    assert len({tuple(row) for row in inputs["rows"][:3].tolist()}) == 1
    assert inputs["rows"][3].equal(inputs["rows"][4])
    assert not inputs["characters"][3].equal(inputs["characters"][4])
    assert inputs["shapes"].tolist() == [4, 2, 1, 5, 5]


def test_a_letter_with_marks_reads_as_its_letter() -> None:
    assert read("é")["characters"][0].equal(read("e")["characters"][0])
    assert unicodedata.normalize("NFKD", "é")[0] == "e"


def test_long_words_keep_both_ends() -> None:
    inputs = read("abcdefgh" + "x" * 50 + "stuvwxyz")
    assert inputs["characters"][0].equal(read("abcdefghstuvwxyz")["characters"][0])


def test_public_vectors_are_found_by_lower_case_and_else_by_pieces() -> None:
    rows = {"gout": 3, "fever": 9, "arthr": 4, "##itis": 5, "é": 6}
    inputs = read("Gout and Fever arthritis arthrosis é", **rows)["pieces"]
    assert inputs[:, 0].tolist() == [3, 0, 9, 4, 0, 6]
    assert inputs[3].tolist() == [4, 5, *[0] * (PIECES - 2)]
    assert not inputs[[1, 4]].any()  # a word of which a rest is left over has none
    assert not inputs[[0, 2, 5], 1:].any()
    assert "pieces" not in read("gout")


@given(st.text(st.characters(exclude_categories=()), min_size=1, max_size=40))
def test_pieces_of_any_text_stay_in_range(text: str) -> None:
    rows = {piece: row for row, piece in enumerate(["a", "##a", "##b", "0", "##0", "é", "##é"], start=1)}
    if words(text):
        pieces = read(text, **rows)["pieces"]
        assert pieces.shape == (len(words(text)), PIECES)
        assert ((pieces >= 0) & (pieces <= len(rows))).all()
