"""Words as numbers for `birnn`, without a vocabulary.

A vocabulary that hospitals build together would carry their rare words, names among them, out of the building. So
a word is hashed: two rows of one table, summed (hash embeddings, Svenstrup et al. 2017), beside its characters and
its shape. A public list of word vectors (GloVe) may stand beside the table.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from zlib import crc32

import numpy as np
import torch
from torch import Tensor
from typing_extensions import override

from shared.examples import TextReader, WordInputs
from shared.tokenize import Token

HASHES = 2
CHARACTERS = 16  # read of each word: its first and its last eight
ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_/.,:;()[]%+*'\"=<>&αβγδκµ"
SHAPES = 6
PIECES = 6  # of a word outside the public list; the rest is not read
_WORDS_KEPT = 1 << 16
_LONGEST_PIECE = 24
_CODES = {character: code for code, character in enumerate(ALPHABET, start=2)}  # 0 pads, 1 is any other
_LONGEST_SENTENCE = 128


class HashedWordReader(TextReader):
    """Reads words as hashed rows, characters and shapes.

    Args:
        rows: of the hashed table; row 0 pads.
        vectors: row of each lower-case word of a public word list, from 1; where the list has word pieces (`##itis`),
            a word outside it is read as its longest pieces.
        target: see `TextReader`.
    """

    def __init__(self, rows: int, vectors: Mapping[str, int], *, target: int) -> None:
        super().__init__(target=target, limit=max(target, _LONGEST_SENTENCE))
        self.rows, self.vectors = rows, vectors
        self._pieces: dict[str, tuple[int, ...]] = {}

    def pieces(self, surface: str) -> tuple[int, ...]:
        """Rows of a word's public vectors, whose mean stands for it; padded with 0 to `PIECES`."""
        word = surface.lower()
        if word not in self._pieces:
            if len(self._pieces) >= _WORDS_KEPT:
                self._pieces.clear()
            self._pieces[word] = _split(word, self.vectors)
        return self._pieces[word]

    @override
    def read(self, text: str, tokens: Sequence[Token]) -> WordInputs:
        """Reads one note; every word costs one."""
        return _HashedWords(self, [text[start:end] for start, end in tokens])


class _HashedWords(WordInputs):
    def __init__(self, reader: HashedWordReader, surfaces: Sequence[str]) -> None:
        self.costs = [1] * len(surfaces)
        read = [_read_word(surface, reader.rows) for surface in surfaces]
        self._inputs = {
            "rows": _table([rows for rows, _, _ in read]),
            "characters": _table([characters for _, characters, _ in read]),
            "shapes": _table([shape for _, _, shape in read]),
        }
        if reader.vectors:
            pieces = [reader.pieces(surface) for surface in surfaces]
            self._inputs["pieces"] = _table(pieces)

    @override
    def window(self, first: int, last: int) -> dict[str, Tensor]:
        return {name: tensor[first:last] for name, tensor in self._inputs.items()}


def _table(rows: Sequence[int] | Sequence[tuple[int, ...]]) -> Tensor:
    """As `torch.tensor`, which takes five times as long over lists of lists."""
    return torch.from_numpy(np.array(rows, dtype=np.int64))


@lru_cache(maxsize=1 << 16)
def _read_word(surface: str, rows: int) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    """Rows of the hashed table, character codes padded to `CHARACTERS`, shape."""
    norm = "".join("0" if c.isdigit() else c for c in surface.lower()).encode("utf-8", "surrogatepass")
    hashed = tuple(1 + crc32(norm, seed) % (rows - 1) for seed in (0x9E3779B9, 0x85EBCA6B)[:HASHES])
    half = CHARACTERS // 2
    ends = surface if len(surface) <= CHARACTERS else surface[:half] + surface[-half:]
    codes = [_CODES.get(c) or _CODES.get(unicodedata.normalize("NFKD", c)[0], 1) for c in ends]
    return hashed, tuple(codes + [0] * (CHARACTERS - len(codes))), _shape(surface)


def _shape(surface: str) -> int:
    if surface.islower():
        return 1
    if surface.isupper():
        return 2 if len(surface) > 1 else 3
    if surface[0].isupper():
        return 4
    return 5 if surface.isdigit() else 0


def _split(word: str, rows: Mapping[str, int]) -> tuple[int, ...]:
    """The word's own row, or those of its longest pieces from the left (WordPiece, Schuster & Nakajima 2012)."""
    plain = (
        word if word in rows else "".join(c for c in unicodedata.normalize("NFD", word) if not _is_mark(c))
    )
    found: list[int] = []
    start = 0
    while start < len(plain) and len(found) < PIECES:
        mark = "##" if start else ""
        for end in range(min(len(plain), start + _LONGEST_PIECE), start, -1):
            if row := rows.get(mark + plain[start:end]):
                found.append(row)
                start = end
                break
        else:
            break
    return (
        (*found, *[0] * (PIECES - len(found)))
        if start == len(plain) or len(found) == PIECES
        else (0,) * PIECES
    )


def _is_mark(character: str) -> bool:
    return unicodedata.category(character) == "Mn"
