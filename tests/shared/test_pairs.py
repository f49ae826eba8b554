"""Lists of pairs: what is written is read, in any order of lines and words, and nothing else is taken for pairs."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from shared.cooccurrence import Counting, all_pairs
from shared.errors import FixSettings
from shared.pairs import listed_pairs, write_pairs
from shared.vocabulary import Vocabulary

WORDS = Vocabulary((*(f"word{number}" for number in range(30)), "caf\u00e9", "%", "2"))
SIZE = len(WORDS.words)


@pytest.mark.parametrize("pairs", [[0], [SIZE * (SIZE + 1) // 2 - 1], [3, 4, 90, 465, 528, 560]])
def test_what_is_written_is_read(pairs: list[int], tmp_path: Path) -> None:
    counting = Counting(WORDS, 5, np.array(pairs))
    write_pairs(tmp_path / "pairs.txt", counting)
    assert listed_pairs(tmp_path / "pairs.txt", WORDS).tolist() == pairs


def test_all_pairs_without_a_file() -> None:
    assert (listed_pairs(None, WORDS) == all_pairs(WORDS)).all()


@pytest.mark.parametrize("packed", [False, True])
def test_lines_and_words_come_in_any_order(packed: bool, tmp_path: Path) -> None:
    text = "Word2\tword1\n\n word1  word2 \r\nword0 word0\nCAF\u00c9 %".encode()
    (tmp_path / "list").write_bytes(gzip.compress(text) if packed else text)
    cafe, percent = 30, 31
    assert listed_pairs(tmp_path / "list", WORDS).tolist() == [
        0,
        2 * 3 // 2 + 1,
        percent * (percent + 1) // 2 + cafe,
    ]


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (b"word1 word2\nword1 word99\n", "line 2"),
        (b"word1\n", "line 1"),
        (b"word1 word2 word3\n", "line 1"),
        (b"word1,word2\n", "line 1"),
        (b"", "names no pair"),
        (b"\n \n", "names no pair"),
        (b"word1 \xff\n", "list"),
    ],
)
def test_other_lists_are_refused(content: bytes, where: str, tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes(content)
    with pytest.raises(FixSettings, match=where) as refusal:
        listed_pairs(tmp_path / "list", WORDS)
    assert "word99" not in str(refusal.value)
