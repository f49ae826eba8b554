"""What the tagger sees of each token, as rows of one table of weights.

The words around it, what the lexicon knows, the shapes of it and its neighbours, its first and last letters. All of
it is arithmetic on arrays, so a token costs about a microsecond.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from operator import add

import numpy as np
from numpy.typing import NDArray

from privacy.phi.lexicon import COMMON, EPONYM, FIRST, LAST, MEDICAL, PLACE, TECHNICAL
from privacy.phi.reading import Reading

Rows = NDArray[np.int64]

PAD, NUMBER, SIGN, UNKNOWN, NAMELIKE, PLACELIKE, WORD = range(
    7
)  # context words that are no words of the vocabulary
RESERVED = 200  # context numbers 7..199: signs by their code
SHAPES = 14
KNOWLEDGE = 24
_OWN = KNOWLEDGE * SHAPES
_SMALL_HASH, _HASH = 4096, 16384
_REACH = 4
_STOPS = frozenset(".!?:")
COMMON_WORDS = 3800
AROUND = (0, 1, 2, 3, 5, 6, 7, 8, *range(21, 27))
"""Columns of `rows` that are about the words around a token."""


@dataclass(frozen=True, slots=True)
class Columns:
    """A text's tokens as numbers.

    Args:
        context: (tokens,) number of the word in the vocabulary, or what kind of token it is.
        knowledge: (tokens,) what the lexicon knows, 0..KNOWLEDGE-1.
        shape: (tokens,) 0..SHAPES-1.
        head: (tokens,) hash of the first three letters.
        tail: (tokens,) hash of the last three letters.
        begins: (tokens,) 1 after a full stop, a line break or at the beginning.
        mood: 0 mixed case, 1 all lower case, 2 all upper case.
    """

    context: Rows
    knowledge: Rows
    shape: Rows
    head: Rows
    tail: Rows
    begins: Rows
    mood: int


def knowledge_of(flags: int) -> int:
    """What the lexicon knows of a word, condensed to 0..21; 0 is nothing at all.

    Args:
        flags: of `privacy.phi.lexicon`; below 0 for a word that is not in it.
    """
    if flags < 0:
        return 0
    common = flags & COMMON
    first, last, place = (flags & FIRST) >> 2, (flags & LAST) >> 4, (flags & PLACE) >> 6
    if flags & TECHNICAL:
        return 21
    if not (first or last or place):
        return 20 if flags & EPONYM else 19 if flags & MEDICAL and common < 3 else 16 + min(common, 2)
    if flags & EPONYM:
        return 15
    if common >= 2:
        return 14 if first == 2 or last == 2 else 13
    if common == 1:
        return 12 if flags & MEDICAL else 11
    if first == 2 and last == 2:
        return 10
    if first == 2:
        return 9 if place else 8
    if place == 2:
        return 7
    if last == 2:
        return 6 if place else 5
    if first and last:
        return 4
    if first:
        return 3
    return 2 if last else 1


def shape_of(token: str) -> int:
    """A token's shape, 0..13."""
    first = token[0]
    if token.islower() and token.isascii():
        return 5 if len(token) > 2 else 6
    if first.isdigit():
        size = len(token)
        return 1 if size < 3 else 2 if size < 5 else 3 if size == 5 else 4
    if not first.isalpha():
        return 0 if first not in ".,;" else 13
    if not token.isascii():
        return 12
    if token.islower():
        return 5 if len(token) > 2 else 6
    if len(token) == 1:
        return 7
    if token.isupper():
        return 8 if len(token) < 5 else 9
    return 10 if token[1:].islower() else 11


_KNOWLEDGE = (*(knowledge_of(flags) for flags in range(1 << 11)), 0)  # the last one is that of -1


def columns(
    reading: Reading,
    vocabulary: Mapping[str, int],
    wanted: Rows | None = None,
    flags: Sequence[int] | None = None,
) -> Columns:
    """Turns tokens into numbers.

    Args:
        reading: a normalised text.
        vocabulary: word to its number, from RESERVED on.
        wanted: (n,) indices of tokens to judge, ascending; all when None. Only what they can see is filled in.
        flags: what the lexicon knows, where training hides some of it.

    Returns:
        The columns.
    """
    tokens, lower = reading.tokens, reading.lower
    flags = reading.flags if flags is None else flags
    size = len(tokens)
    context, knowledge, shape = [0] * size, [0] * size, [0] * size
    head, tail, begins = [0] * size, [0] * size, [0] * size
    get = vocabulary.get
    line_starts = reading.line_starts()
    own = range(size) if wanted is None else wanted.tolist()
    done = 0
    for index in own:
        for near in range(max(done, index - _REACH), min(size, index + _REACH + 1)):
            token = tokens[near]
            first = token[0]
            if first.isalpha():
                knowledge[near] = known = _KNOWLEDGE[flags[near]]
                context[near] = get(lower[near]) or (
                    UNKNOWN
                    if known == 0
                    else PLACELIKE
                    if known in (1, 7)
                    else NAMELIKE
                    if known < 13
                    else WORD
                )
                shape[near] = shape_of(token)
            elif first.isdigit():
                context[near], shape[near], knowledge[near] = NUMBER, shape_of(token), 22
            else:
                context[near] = 7 + ord(first) % (RESERVED - 7)
                shape[near] = 13 if first in ".,;" else 0
                knowledge[near] = 23
        done = min(size, index + _REACH + 1)
        begins[index] = int(index == 0 or tokens[index - 1] in _STOPS or index in line_starts)
        if tokens[index][0].isalpha():
            head[index] = _letters(lower[index][:3])
            tail[index] = _letters(lower[index][-3:])
    mood = 0 if reading.has_lower and reading.has_upper else 1 if reading.has_lower else 2
    return Columns(
        np.asarray(context, dtype=np.int64),
        np.asarray(knowledge, dtype=np.int64),
        np.asarray(shape, dtype=np.int64),
        np.asarray(head, dtype=np.int64),
        np.asarray(tail, dtype=np.int64),
        np.asarray(begins, dtype=np.int64),
        mood,
    )


def _letters(part: str) -> int:
    """A number for up to three letters, the same on every machine."""
    return int.from_bytes(part.encode("utf-8", "replace"), "big") * 2654435761 % 4294967291 % _SMALL_HASH


def table_size(words: int) -> int:
    """Rows of the table of weights for a vocabulary of so many words, reserved numbers included."""
    return _layout(words)[1]


@cache
def _layout(words: int) -> tuple[list[int], int]:
    """First row of each group of features, and the number of rows."""
    sizes = [words] * (2 * _REACH + 1)
    sizes += [_OWN] * 5
    sizes += [KNOWLEDGE * _OWN, KNOWLEDGE * _OWN]
    sizes += [SHAPES**3, _OWN * 2, _OWN * 3]
    sizes += [_SMALL_HASH * 2, _SMALL_HASH * 2]
    sizes += [_HASH] * 6
    starts = [0]
    for size in sizes:
        starts.append(starts[-1] + size)
    return starts[:-1], starts[-1]


def rows(made: Columns, words: int, wanted: Rows | None = None) -> Rows:
    """Rows of the table that each token adds up.

    Args:
        made: the tokens as numbers.
        words: size of the vocabulary, reserved numbers included.
        wanted: (n,) indices of the tokens to make rows for; all when None.

    Returns:
        (n, features) row numbers.
    """
    starts, _ = _layout(words)
    size = len(made.context)
    reach = _REACH
    padded = np.zeros((3, size + 2 * reach), dtype=np.int64)
    middle = slice(reach, reach + size)
    padded[0, middle], padded[1, middle], padded[2, middle] = made.context, made.knowledge, made.shape
    at = np.arange(size) if wanted is None else wanted
    context = [padded[0, at + offset] for offset in range(2 * reach + 1)]
    know = [padded[1, at + (reach + offset)] for offset in (-2, -1, 0, 1, 2)]
    shape = [padded[2, at + (reach + offset)] for offset in (-2, -1, 0, 1, 2)]
    begins, head, tail = made.begins[at], made.head[at], made.tail[at]
    own = [k * SHAPES + s for k, s in zip(know, shape, strict=True)]
    c = dict(zip(range(-reach, reach + 1), context, strict=True))
    word_like = (shape[2] == 10).astype(np.int64)
    columns_ = [
        *context,
        *own,
        know[1] * _OWN + own[2],
        know[3] * _OWN + own[2],
        (shape[1] * SHAPES + shape[2]) * SHAPES + shape[3],
        own[2] * 2 + begins,
        own[2] * 3 + made.mood,
        head * 2 + word_like,
        tail * 2 + word_like,
        (c[-1] * 1009 + own[2] * 7919) % _HASH,
        (c[1] * 1013 + own[2] * 7907) % _HASH,
        (c[-2] * 2003 + c[-1] * 10007) % _HASH,
        (c[1] * 2011 + c[2] * 10009) % _HASH,
        (c[-1] * 3001 + c[1] * 10037 + know[2] * 131) % _HASH,
        ((c[-2] * 5003 + c[-1]) * 31 + own[2] * 10039) % _HASH,
    ]
    table = np.stack(columns_, axis=1)
    table += np.asarray(starts, dtype=np.int64)
    return table


def few_rows(reading: Reading, vocabulary: Mapping[str, int], words: int, wanted: Sequence[int]) -> list[int]:
    """The same rows as `rows(columns(...))`, one after the other, without arrays: faster for a few tokens.

    Args:
        reading: a normalised text.
        vocabulary: word to its number, from RESERVED on.
        words: size of the vocabulary, reserved numbers included.
        wanted: indices of tokens, ascending.

    Returns:
        Row numbers, `FEATURES` for each token.
    """
    starts, _ = _layout(words)
    tokens, lower = reading.tokens, reading.lower
    line_starts = reading.line_starts() if "\n" in reading.text else frozenset((0,))
    mood = 0 if reading.has_lower and reading.has_upper else 1 if reading.has_lower else 2
    seen: dict[int, tuple[int, int, int, int]] = {}
    size = len(tokens)
    out: list[int] = []
    for index in wanted:
        near = []
        for at in range(index - _REACH, index + _REACH + 1):
            found = seen.get(at)
            if found is None:
                found = seen[at] = _position(reading, vocabulary, at) if 0 <= at < size else (0, 0, 0, 0)
            near.append(found)
        (c0, _, _, _), (c1, _, _, _), (c2, _, _, w2), (c3, k3, s3, w3), (c4, k4, s4, w4) = near[:5]
        (c5, k5, s5, w5), (c6, _, _, w6), (c7, _, _, _), (c8, _, _, _) = near[5:]
        word_like = s4 == 10
        head = tail = 0
        if tokens[index][0].isalpha():
            head, tail = _letters(lower[index][:3]), _letters(lower[index][-3:])
        begins = index == 0 or tokens[index - 1] in _STOPS or index in line_starts
        made = (
            c0, c1, c2, c3, c4, c5, c6, c7, c8,
            w2, w3, w4, w5, w6,
            k3 * _OWN + w4,
            k5 * _OWN + w4,
            (s3 * SHAPES + s4) * SHAPES + s5,
            w4 * 2 + begins,
            w4 * 3 + mood,
            head * 2 + word_like,
            tail * 2 + word_like,
            (c3 * 1009 + w4 * 7919) % _HASH,
            (c5 * 1013 + w4 * 7907) % _HASH,
            (c2 * 2003 + c3 * 10007) % _HASH,
            (c5 * 2011 + c6 * 10009) % _HASH,
            (c3 * 3001 + c5 * 10037 + k4 * 131) % _HASH,
            ((c2 * 5003 + c3) * 31 + w4 * 10039) % _HASH,
        )  # fmt: skip
        out += map(add, starts, made)
    return out


def _position(reading: Reading, vocabulary: Mapping[str, int], index: int) -> tuple[int, int, int, int]:
    """Context word, knowledge, shape of one token, and the last two as one number."""
    token = reading.tokens[index]
    first = token[0]
    if first.isalpha():
        known, shape = _KNOWLEDGE[reading.flags[index]], shape_of(token)
        number = vocabulary.get(reading.lower[index]) or (
            UNKNOWN if known == 0 else PLACELIKE if known in (1, 7) else NAMELIKE if known < 13 else WORD
        )
    elif first.isdigit():
        number, known, shape = NUMBER, 22, shape_of(token)
    else:
        number, known, shape = 7 + ord(first) % (RESERVED - 7), 23, 13 if first in ".,;" else 0
    return number, known, shape, known * SHAPES + shape


FEATURES = len(_layout(RESERVED)[0])
"""Rows of the table that each token adds up."""
