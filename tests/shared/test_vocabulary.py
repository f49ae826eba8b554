"""A vocabulary is the same wherever it is made or read, and says so by its digest."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import FixSettings
from shared.tokenize import words
from shared.vocabulary import (
    Vocabulary,
    frequent_words,
    read_list,
    read_vocabulary,
    write_vocabulary,
)

TEXTS = ["Gout, gout and GOUT.", "No fever and no gout.", "İstanbul ΑΣ"]


def test_frequent_words_come_first_and_ties_as_they_came() -> None:
    made = frequent_words(TEXTS, 100)
    assert made.words[:4] == ("gout", "and", ".", "no")
    assert made.words[4:6] == (",", "fever")
    assert frequent_words(TEXTS, 3).words == made.words[:3]


@given(st.lists(st.text(max_size=30), max_size=6), st.integers(1, 40))
def test_every_text_makes_a_vocabulary_or_none(texts: list[str], most: int) -> None:
    """Whatever the text, and rows are those of the words in small letters."""
    try:
        made = frequent_words(texts, most)
    except FixSettings:
        assert not any(word for text in texts for word in text.split() if word.isascii())
        return
    assert len(made.words) <= most
    reader = made.reader()
    for text in texts:
        small = [text[start:end].lower() for start, end in words(text)]
        assert reader.rows(text).tolist() == [made.rows.get(word, len(made.words)) for word in small]


def test_a_vocabulary_survives_its_file(tmp_path: Path) -> None:
    made = frequent_words(TEXTS, 100)
    write_vocabulary(tmp_path / "words.txt", made)
    read = read_vocabulary(tmp_path / "words.txt")
    assert read == made
    assert read.digest == made.digest


def test_the_digest_tells_words_and_their_order() -> None:
    digests = {
        Vocabulary(words).digest for words in (("a", "b"), ("b", "a"), ("a",), ("ab",), ("a", "b", "c"))
    }
    assert len(digests) == 5
    assert Vocabulary(("a", "b")).digest == Vocabulary(("a", "b")).digest


@pytest.mark.parametrize(
    ("content", "entries"),
    [
        pytest.param(b"Gout\nfever  \n\n heart failure\n", ["Gout", "fever", "heart failure"], id="plain"),
        pytest.param(
            b"\xef\xbb\xbfGout\r\nfever\r\n", ["Gout", "fever"], id="as an editor on Windows saves it"
        ),
        pytest.param(gzip.compress(b"Gout\n"), ["Gout"], id="gzip"),
        pytest.param(
            json.dumps({"name": "gout", "synonyms": ["podagra"]}).encode(),
            ["gout", "podagra"],
            id="dictionary",
        ),
    ],
)
def test_lists_are_read(content: bytes, entries: list[str], tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_bytes(content)
    assert read_list(path) == entries


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(None, id="no file"),
        pytest.param(b"", id="empty"),
        pytest.param(b"\n \n", id="blank"),
        pytest.param(b"\xff\xfe", id="not UTF-8"),
        pytest.param(b'{"name": 3}\n', id="a dictionary without names"),
    ],
)
def test_a_broken_list_is_a_setting_to_fix(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "list"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FixSettings) as refusal:
        read_list(path)
    assert refusal.value.where.startswith("list")
    assert refusal.value.remedy


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(None, id="no file"),
        pytest.param(b"", id="empty"),
        pytest.param(b"gout\ngout\n", id="a word twice"),
        pytest.param(b"Gout\n", id="capitals"),
        pytest.param(b"heart failure\n", id="two words in a line"),
        pytest.param(b"gout\n\nfever\n", id="an empty line"),
        pytest.param(b"gout\r\nfever\r\n", id="carriage returns"),
        pytest.param(b"\xff\n", id="not UTF-8"),
        pytest.param(b"a" * 200, id="a word that is none"),
    ],
)
def test_a_broken_vocabulary_is_a_setting_to_fix(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FixSettings) as refusal:
        read_vocabulary(path)
    assert refusal.value.where == str(path)
    assert "gout" not in str(refusal.value).lower().replace(str(path).lower(), "")


@pytest.mark.parametrize("most", [0, -1, (1 << 16) + 1])
def test_a_number_out_of_range_is_a_setting_to_fix(most: int) -> None:
    with pytest.raises(FixSettings, match="words"):
        frequent_words(TEXTS, most)


def test_words_that_cannot_be_written_are_left_out() -> None:
    """A lone surrogate is a word to the tokenizer, and no UTF-8."""
    assert frequent_words(["\ud800 \ud800 gout"], 5).words == ("gout",)
