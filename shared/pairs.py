"""A list of word pairs as a file: public, the same at every site, two words of the vocabulary a line."""

from pathlib import Path

import numpy as np

from shared.cooccurrence import Counting, Integers, all_pairs
from shared.errors import FixNotes, FixSettings
from shared.files import write_text
from shared.formats.source import read_lines
from shared.vocabulary import Vocabulary


def listed_pairs(path: Path | None, vocabulary: Vocabulary) -> Integers:
    """The pairs of a file, or all pairs without one.

    Args:
        path: UTF-8, two words a line in any order, with white space between them; plain or gzip.
        vocabulary: that the words are of.

    Returns:
        Numbers of the pairs as in `shared.cooccurrence`, ascending, shape (pairs,); a pair named twice is one.

    Raises:
        FixSettings: the file is missing or empty, a line is not two words of the vocabulary, or there is no file and
            the vocabulary has too many pairs.
    """
    if path is None:
        return all_pairs(vocabulary)
    numbers: list[int] = []
    try:
        for place, line in read_lines(path):
            if not line.strip():
                continue
            rows = sorted(vocabulary.rows.get(word.lower(), -1) for word in line.split())
            if len(rows) != 2 or rows[0] < 0:
                raise _malformed(f"line {place} is not two words of the vocabulary", path)
            numbers.append(rows[1] * (rows[1] + 1) // 2 + rows[0])
    except FixNotes as error:  # its remedy is for notes
        raise _malformed(error.what, path) from None
    if not numbers:
        raise _malformed("names no pair", path)
    return np.unique(np.array(numbers, dtype=np.int64))


def write_pairs(path: Path, counting: Counting) -> None:
    """Writes the list of pairs that `listed_pairs` reads."""
    words = counting.vocabulary.words
    rows = zip(*(part.tolist() for part in counting.words_of(counting.pairs)), strict=True)
    write_text(path, "".join(f"{words[smaller]} {words[larger]}\n" for smaller, larger in rows))


def _malformed(what: str, path: Path) -> FixSettings:
    return FixSettings(what, where=str(path), remedy="Name a list with two words of the vocabulary a line.")
