"""How often words stand near each other, in integers: the counts of hospitals add up to the pooled counts exactly.

Two words at distance d count 1/d (Pennington, Socher and Manning 2014, section 4.2). In steps of 1/lcm(1..window)
every such weight is an integer, so no sum ever rounds, in whatever order it is made. What is counted is fixed
beforehand and public: a vocabulary, and a list of unordered pairs of its words. Distances are between words of a note
as it stands; words outside the vocabulary keep their places, and no pair crosses from one note to another.

A pair is a number, `larger * (larger + 1) / 2 + smaller` of the two words' rows: its place in the upper triangle,
read column by column.
"""

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from shared.errors import FixSettings
from shared.vocabulary import Vocabulary, VocabularyReader

LONGEST_WINDOW = 16
MOST_PAIRS = 1 << 26
_DISTANCES = 16  # that fit into the low bits of a key, so that one sort puts equal pairs together
_CHUNK = 1 << 17  # words counted at once
_MERGE = 1 << 23  # pairs of many chunks, beyond which they are put together

Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Counting:
    """What is counted, the same at every hospital.

    Args:
        vocabulary: whose words are counted.
        window: largest distance of two words, 1 to 16.
        pairs: numbers of the pairs, ascending, int64, shape (pairs,).

    Raises:
        FixSettings: a window or a list of pairs that cannot be.
    """

    vocabulary: Vocabulary
    window: int
    pairs: Integers = field(repr=False)

    def __post_init__(self) -> None:
        _check_window(self.window)
        last = triangle(len(self.vocabulary.words))
        pairs = self.pairs
        fits = pairs.ndim == 1 and pairs.dtype == np.int64 and 1 <= pairs.size <= MOST_PAIRS
        if not fits or pairs[0] < 0 or pairs[-1] >= last or (np.diff(pairs) < 1).any():
            raise FixSettings(
                "is not an ascending list of pairs of the vocabulary's words",
                where="pairs",
                remedy=f"Choose 1 to {MOST_PAIRS} distinct pairs.",
            )

    @property
    def steps(self) -> int:
        """What two neighbouring words count; the integers are in steps of one part in so many."""
        return math.lcm(*range(1, self.window + 1))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of vocabulary, window and pairs, hexadecimal."""
        head = f"{self.vocabulary.digest} {self.window}\n".encode()
        return hashlib.sha256(head + self.pairs.astype("<i8").tobytes()).hexdigest()

    def words_of(self, numbers: Integers) -> tuple[Integers, Integers]:
        """The smaller and the larger row of each pair."""
        larger = ((np.sqrt(8.0 * numbers + 1) - 1) / 2).astype(np.int64)
        larger -= larger * (larger + 1) // 2 > numbers  # the root may have been rounded across a whole number
        larger += (larger + 1) * (larger + 2) // 2 <= numbers
        return numbers - larger * (larger + 1) // 2, larger

    def places(self, numbers: Integers) -> tuple[Integers, NDArray[np.bool_]]:
        """Where pairs are in the list, and which of them are.

        Args:
            numbers: of pairs, any.

        Returns:
            Places of those that are, and which they were; shape of the latter as `numbers`.
        """
        if self.pairs.size == triangle(len(self.vocabulary.words)):
            return numbers, np.ones(numbers.shape, dtype=np.bool_)
        at = np.searchsorted(self.pairs, numbers)
        at[at == self.pairs.size] = 0
        listed = self.pairs[at] == numbers
        return at[listed], listed


@dataclass(frozen=True)
class SparseCounts:
    """Counts of the pairs that occur.

    Args:
        places: in the list of pairs, strictly ascending, int64, shape (occurring,).
        counts: positive, in steps, int64, shape (occurring,).
    """

    places: Integers
    counts: Integers


def triangle(words: int) -> int:
    """Unordered pairs of so many words, each word with itself included."""
    return words * (words + 1) // 2


def all_pairs(vocabulary: Vocabulary) -> Integers:
    """Every pair of a vocabulary's words, shape (pairs,).

    Raises:
        FixSettings: the vocabulary is too large for that.
    """
    size = triangle(len(vocabulary.words))
    if size > MOST_PAIRS:
        raise FixSettings(
            f"{len(vocabulary.words)} words have {size} pairs",
            where="pairs",
            remedy="Choose the most frequent ones of public notes, or fewer words.",
        )
    return np.arange(size, dtype=np.int64)


def frequent_pairs(texts: Iterable[str], vocabulary: Vocabulary, window: int, most: int) -> Integers:
    """The pairs that count most in public texts.

    Args:
        texts: public ones.
        vocabulary: whose words are paired.
        window: largest distance of two words.
        most: pairs; fewer if fewer occur.

    Returns:
        Numbers of pairs, ascending, shape (pairs,); of pairs that count alike, lower numbers come first.

    Raises:
        FixSettings: no pair occurs, or a number is out of range.
    """
    _check_window(window)
    if not 1 <= most <= MOST_PAIRS:
        raise FixSettings("is out of range", where="pairs", remedy=f"Give a number from 1 to {MOST_PAIRS}.")
    numbers, counts = _count(texts, vocabulary, window)
    if not numbers.size:
        raise FixSettings(
            "no two words of the vocabulary stand near each other in these texts",
            where="pairs",
            remedy="Name more public notes.",
        )
    return np.sort(numbers[np.argsort(-counts, kind="stable")[:most]])


def count_pairs(texts: Iterable[str], counting: Counting) -> Integers:
    """Counts over a hospital's notes.

    Args:
        texts: of the notes, in any order.
        counting: what to count.

    Returns:
        In steps, shape (pairs,). The counts of any division of the notes add up to those of all notes.
    """
    total = np.zeros(counting.pairs.size, dtype=np.int64)
    for rows in _chunks(texts, counting.vocabulary, counting.window):
        numbers, counts = _tally(rows, counting.vocabulary, counting.window)
        places, listed = counting.places(numbers)
        total[places] += counts[listed]
    return total


def count_unit(texts: Iterable[str], counting: Counting) -> SparseCounts:
    """Counts over the notes of one unit of privacy; a unit has few of all pairs.

    Args:
        texts: of all notes of one patient, or of one note.
        counting: what to count.
    """
    numbers, counts = _count(texts, counting.vocabulary, counting.window)
    places, listed = counting.places(numbers)
    return SparseCounts(places, counts[listed])


def _check_window(window: int) -> None:
    if not 1 <= window <= LONGEST_WINDOW:
        raise FixSettings("is out of range", where="window", remedy=f"Give 1 to {LONGEST_WINDOW} words.")


def _count(texts: Iterable[str], vocabulary: Vocabulary, window: int) -> tuple[Integers, Integers]:
    """All pairs that occur, ascending, and their counts."""
    tallies: list[tuple[Integers, Integers]] = []
    held = 0
    for rows in _chunks(texts, vocabulary, window):
        tallies.append(_tally(rows, vocabulary, window))
        held += tallies[-1][0].size
        if held > _MERGE:
            tallies = [_merge(tallies)]
            held = 0
    return _merge(tallies)


def _chunks(texts: Iterable[str], vocabulary: Vocabulary, window: int) -> Iterator[NDArray[np.int32]]:
    """Rows of many notes, with so much room between two that none reaches into the other."""
    reader = VocabularyReader(vocabulary)
    room = np.full(window, len(vocabulary.words), dtype=np.int32)
    parts: list[NDArray[np.int32]] = []
    held = 0
    for text in texts:
        parts += [reader.rows(text), room]
        held += parts[-2].size + window
        if held >= _CHUNK:
            yield np.concatenate(parts)
            parts, held = [], 0
    if parts:
        yield np.concatenate(parts)


def _tally(rows: NDArray[np.int32], vocabulary: Vocabulary, window: int) -> tuple[Integers, Integers]:
    """Pairs in one run of words, ascending, and their counts.

    A key is `16 * pair + distance - 1`. The larger row of a pair has the larger of two bases, and a word outside the
    vocabulary one beyond all pairs, so that no key needs to be looked up or left out before they are sorted.
    """
    wide = rows.astype(np.int64)
    bases, lows = wide * (wide + 1) // 2 * _DISTANCES, wide * _DISTANCES
    distances = range(1, min(window, max(0, rows.size - 1)) + 1)
    keys = np.empty(sum(rows.size - distance for distance in distances), dtype=np.int64)
    smaller = np.empty_like(wide)
    at = 0
    for distance in distances:
        part = keys[at : at + rows.size - distance]
        low = smaller[: part.size]
        np.maximum(bases[:-distance], bases[distance:], out=part)
        np.minimum(lows[:-distance], lows[distance:], out=low)
        low += distance - 1
        part += low
        at += part.size
    keys.sort()
    keys = keys[: np.searchsorted(keys, triangle(len(vocabulary.words)) * _DISTANCES)]
    first = _first_of_each(keys)
    weights = math.lcm(*range(1, window + 1)) // np.arange(1, _DISTANCES + 1)
    counts = np.diff(first, append=keys.size) * weights[keys[first] % _DISTANCES]
    return _sum_runs(keys[first] // _DISTANCES, counts)


def _merge(tallies: Sequence[tuple[Integers, Integers]]) -> tuple[Integers, Integers]:
    """Several tallies as one."""
    if len(tallies) == 1:
        return tallies[0]
    numbers = np.concatenate([np.empty(0, dtype=np.int64), *(numbers for numbers, _ in tallies)])
    counts = np.concatenate([np.empty(0, dtype=np.int64), *(counts for _, counts in tallies)])
    order = np.argsort(numbers, kind="stable")
    return _sum_runs(numbers[order], counts[order])


def _sum_runs(numbers: Integers, counts: Integers) -> tuple[Integers, Integers]:
    """Adds up what has the same number; the numbers ascend."""
    first = _first_of_each(numbers)
    return numbers[first], np.add.reduceat(counts, first) if first.size else counts


def _first_of_each(ascending: Integers) -> Integers:
    """Where each distinct number begins."""
    changes = np.flatnonzero(ascending[1:] != ascending[:-1]) + 1
    return np.concatenate([np.zeros(min(1, ascending.size), dtype=np.int64), changes])
