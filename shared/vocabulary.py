"""A fixed public vocabulary: the words whose neighbours all hospitals count, chosen before any of them looks.

A vocabulary that hospitals built from their own notes would carry rare words out of the building, names among them.
So it comes from public lists or public notes, is the same at every site, and its digest says so. A word is one of
`shared.tokenize`, in small letters.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.errors import FixNotes, FixSettings
from shared.files import write_text
from shared.formats.source import read_lines
from shared.terms import read_terms
from shared.tokenize import surfaces

LARGEST = 1 << 16  # words
_LONGEST_WORD = 100  # characters
_REMEDY = "Name a list with a word a line, or a dictionary (JSONL)."


@dataclass(frozen=True)
class Vocabulary:
    """Distinct words, the most frequent first.

    Args:
        words: in small letters, without white space.

    Raises:
        FixSettings: no words or too many, a word twice, or one in another form.
    """

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.words) <= LARGEST:
            raise FixSettings(
                f"{len(self.words)} words, and a vocabulary has 1 to {LARGEST}",
                where="vocabulary",
                remedy="Choose another number of words.",
            )
        seen = set[str]()
        for place, word in enumerate(self.words, start=1):
            if word in seen or not _is_word(word):
                raise FixSettings(
                    f"word {place} is there twice, or is not one word in small letters",
                    where="vocabulary",
                    remedy="Make the vocabulary from its lists again.",
                )
            seen.add(word)

    @cached_property
    def rows(self) -> dict[str, int]:
        """Place of each word, from 0."""
        return {word: row for row, word in enumerate(self.words)}

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the words in their order, hexadecimal."""
        return hashlib.sha256("\n".join(self.words).encode("utf-8")).hexdigest()

    def reader(self) -> "VocabularyReader":
        """Reads texts as rows."""
        return VocabularyReader(self)


class VocabularyReader:
    """Reads texts as rows of a vocabulary; it keeps the spellings it has met, so keep it no longer than the texts.

    Args:
        vocabulary: that is looked up.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._rows = _Spellings(vocabulary)

    def rows(self, text: str) -> NDArray[np.int32]:
        """Row of each word of a text; `len(vocabulary.words)` for words outside. Shape `(words,)`."""
        said = surfaces(text)
        return np.fromiter(map(self._rows.__getitem__, said), np.int32, len(said))


class _Spellings(dict[str, int]):
    """Rows by words as they are written."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._known, self._outside = vocabulary.rows, len(vocabulary.words)

    def __missing__(self, surface: str) -> int:
        row = self[surface] = self._known.get(surface.lower(), self._outside)
        return row


def frequent_words(texts: Iterable[str], most: int) -> Vocabulary:
    """The most frequent words of public texts.

    Args:
        texts: public ones: notes, or entries of lists.
        most: words, 1 to 2^16; fewer if the texts have fewer.

    Returns:
        The vocabulary, by frequency; of words equally frequent, the one that came first comes first.

    Raises:
        FixSettings: the texts hold no words, or `most` is out of range.
    """
    if not 1 <= most <= LARGEST:
        raise FixSettings("is out of range", where="words", remedy=f"Give a number from 1 to {LARGEST}.")
    spellings = Counter[str]()
    for text in texts:
        spellings.update(surfaces(text))
    counts = Counter[str]()
    for surface, count in spellings.items():
        counts[surface.lower()] += count
    return Vocabulary(tuple(word for word, _ in counts.most_common() if _is_word(word))[:most])


def read_list(path: Path) -> Sequence[str]:
    """Reads the entries of a public list: a word or term a line, or a dictionary.

    Args:
        path: plain text, or JSONL as `shared.terms` reads it; plain or gzip.

    Returns:
        Entries in the order of the file, at least one.

    Raises:
        FixSettings: the file is missing, empty or malformed; the message names file and line.
    """
    try:
        entries = [line.strip() for _, line in read_lines(path) if line and not line.isspace()]
    except FixNotes as error:  # its remedy is for notes
        raise FixSettings(error.what, where=error.where, remedy=_REMEDY) from None
    if not entries:
        raise FixSettings("holds no words", where=path.name, remedy=_REMEDY)
    return read_terms(path) if entries[0].startswith("{") else entries


def write_vocabulary(path: Path, vocabulary: Vocabulary) -> None:
    """Writes a vocabulary: UTF-8, a word a line, in order."""
    write_text(path, "\n".join(vocabulary.words) + "\n")


def read_vocabulary(path: Path) -> Vocabulary:
    """Reads what `write_vocabulary` wrote.

    Raises:
        FixSettings: there is no such file, or it has another form.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise FixSettings(
            f"cannot be read ({error.strerror})", where=str(path), remedy="Name a vocabulary."
        ) from None
    except UnicodeDecodeError:
        raise FixSettings("is not UTF-8", where=str(path), remedy="Name a vocabulary.") from None
    try:
        return Vocabulary(tuple(text.removesuffix("\n").split("\n")))
    except FixSettings as error:
        raise FixSettings(error.what, where=str(path), remedy=error.remedy) from None


def _is_word(word: str) -> bool:
    """Whether a word can stand in a list of words, and be found again."""
    return (
        0 < len(word) <= _LONGEST_WORD
        and word == word.lower()
        and not any(character.isspace() or "\ud800" <= character <= "\udfff" for character in word)
    )
