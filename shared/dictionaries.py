"""Open term lists as features of words: what public dictionaries say of a text, beside what an encoder sees in it.

For each dictionary the longest terms that match are marked (begin, inside, end, length); each word carries how
disease names use it, its suffix and its shape. A word's features depend on the words it is given with and on nothing
else.

Terms are kept as 64-bit hashes: an index is small, saves as safetensors, and spells no licensed list out. Matching is
linear in the text: one hash for every run of up to ten words, computed for all words at once.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from shared.errors import FixSettings, ReplaceModel
from shared.files import sha256, write_bytes
from shared.terms import read_terms
from shared.tokenize import words

INDEX = "dictionaries.safetensors"
LONGEST = 10  # words of a term; longer ones are not looked for
MATCH_WIDTH = 5  # features of a word for each dictionary
SUFFIXES = ("itis", "oma", "osis", "emia", "pathy", "plasia", "trophy", "opia", "ia", "ic", "gen", "cancer")
SHAPES = 4
USES = 5  # numbers that say how disease names use a word
_ACRONYM = 6  # capital words up to this length are matched as they are written
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # odd, so that multiplying loses no bit
_MANY = 20.0  # mentions in background text from which a word is a common one


@dataclass(frozen=True)
class DictionaryIndex:
    """Term lists, ready to be matched.

    Args:
        terms: of each dictionary the hashes of its terms, sorted, shape `(terms,)`, uint64.
        known: hashes of the words of all terms, sorted, shape `(words,)`, uint64.
        uses: how terms use each of these words, shape `(words, USES)`, float32.
    """

    terms: tuple[NDArray[np.uint64], ...]
    known: NDArray[np.uint64]
    uses: NDArray[np.float32]

    @property
    def width(self) -> int:
        """Features of a word."""
        return MATCH_WIDTH * len(self.terms) + USES + len(SUFFIXES) + SHAPES

    def features(self, surfaces: Sequence[str]) -> NDArray[np.float32]:
        """Describes the words of a piece of text.

        Args:
            surfaces: words in order, as `shared.tokenize.words` cuts them.

        Returns:
            Shape `(words, width)`.
        """
        if not surfaces:
            return np.zeros((0, self.width), np.float32)
        hashes = np.array([_hash(_normal(surface)) for surface in surfaces], np.uint64)
        runs = _runs(hashes)
        matches = [_mark(_longest(runs, terms)) for terms in self.terms]
        spelling = np.array([_spelling(surface) for surface in surfaces], np.float32)
        return np.concatenate([*matches, _look_up(hashes, self.known, self.uses), spelling], axis=1)

    def same_as(self, other: "DictionaryIndex") -> bool:
        """Whether both give every text the same features."""
        own: tuple[NDArray[np.generic], ...] = (*self.terms, self.known, self.uses)
        its: tuple[NDArray[np.generic], ...] = (*other.terms, other.known, other.uses)
        return len(own) == len(its) and all(np.array_equal(a, b) for a, b in zip(own, its, strict=True))


def build_index(lists: Sequence[Iterable[str]], background: Iterable[str] = ()) -> DictionaryIndex:
    """Makes an index of term lists.

    Args:
        lists: the names of each dictionary.
        background: public text that tells common words from those of disease names.

    Returns:
        The index; equal lists give an equal index, whatever their order within.
    """
    everywhere: set[tuple[str, ...]] = set()
    terms = []
    for names in lists:
        split = {tuple(_split(name)) for name in names}
        kept = {term for term in split if 0 < len(term) <= LONGEST}
        everywhere |= kept
        terms.append(np.unique(np.array([_hash_term(term) for term in kept], np.uint64)))
    common = Counter(word for text in background for word in _split(text))
    known, uses = _count_uses(everywhere, common)
    return DictionaryIndex(tuple(terms), known, uses)


@lru_cache(maxsize=2)
def read_index(paths: tuple[str, ...], expected: tuple[str, ...]) -> DictionaryIndex:
    """Reads term lists after checking that they are the agreed ones.

    Args:
        paths: of the lists.
        expected: SHA-256 of each file; empty only where the caller decides (the aggregator).

    Returns:
        Their index.

    Raises:
        FixSettings: a file is missing or malformed.
        ReplaceModel: a file is not the one the federation agreed on.
    """
    if expected:
        for path, own, agreed in zip(paths, hash_dictionaries(paths), expected, strict=True):
            if own != agreed:
                raise ReplaceModel(
                    "this is not the dictionary the federation agreed on (SHA-256 differs)",
                    where=path,
                    remedy=f"Use the file with SHA-256 {agreed}.",
                )
    return build_index([read_terms(Path(path)) for path in paths])


def hash_dictionaries(paths: Iterable[str]) -> tuple[str, ...]:
    """SHA-256 of each file.

    Raises:
        FixSettings: there is no such file.
    """
    for path in paths:
        if not Path(path).is_file():
            raise FixSettings("no such file", where=path, remedy="Name a dictionary: JSONL, plain or gzip.")
    return tuple(sha256(Path(path)) for path in paths)


def save_index(folder: Path, index: DictionaryIndex) -> None:
    """Writes an index into a model folder."""
    arrays: dict[str, NDArray[np.generic]] = {"known": index.known, "uses": index.uses}
    arrays |= {f"terms.{number}": terms for number, terms in enumerate(index.terms)}
    write_bytes(folder / INDEX, safetensors.numpy.save(arrays))


def load_index(folder: Path) -> DictionaryIndex | None:
    """Reads the index of a verified model folder; None if it has none.

    Raises:
        ReplaceModel: it is not what `save_index` writes.
    """
    if not (folder / INDEX).is_file():
        return None
    try:
        arrays = safetensors.numpy.load_file(folder / INDEX)
        terms = tuple(arrays[f"terms.{number}"] for number in range(len(arrays) - 2))
        index = DictionaryIndex(terms, arrays["known"], arrays["uses"])
        sound = index.uses.shape == (len(index.known), USES) and index.uses.dtype == np.float32
        if sound and all(one.ndim == 1 and one.dtype == np.uint64 for one in (*terms, index.known)):
            return index
    except (SafetensorError, KeyError, ValueError):
        pass
    raise ReplaceModel(
        f"{INDEX} is not an index of dictionaries",
        where=str(folder),
        remedy="Get the model again from where it was made.",
    )


def _split(name: str) -> list[str]:
    return [_normal(name[start:end]) for start, end in words(name)]


@lru_cache(maxsize=1 << 16)
def _normal(word: str) -> str:
    """Small letters and no plural, but short acronyms as they are: ALS is a disease, als is not."""
    if 2 <= len(word) <= _ACRONYM and word.isupper():
        return word
    small = word.lower()
    plural = len(small) > 4 and small.endswith("s") and not small.endswith(("ss", "us", "is"))
    return small[:-1] if plural else small


@lru_cache(maxsize=1 << 16)
def _hash(word: str) -> int:
    digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def _hash_term(term: Sequence[str]) -> np.uint64:
    hashes = np.array([_hash(word) for word in term], np.uint64)
    run = np.uint64(0)
    with np.errstate(over="ignore"):
        for one in hashes:
            run = run * _FACTOR + one
    return run


def _runs(hashes: NDArray[np.uint64]) -> list[NDArray[np.uint64]]:
    """Hashes of all runs of words: item `k` holds those of `k + 1` words, by their first word."""
    runs = [hashes]
    for length in range(2, min(LONGEST, len(hashes)) + 1):
        runs.append(runs[-1][:-1] * _FACTOR + hashes[length - 1 :])
    return runs


def _longest(runs: Sequence[NDArray[np.uint64]], terms: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Words of the longest term that begins at each word; 0 for none, shape `(words,)`."""
    found = np.zeros(len(runs[0]), np.int64)
    if len(terms):
        for length, run in enumerate(runs, start=1):
            at = np.minimum(np.searchsorted(terms, run), len(terms) - 1)
            found[: len(run)][terms[at] == run] = length
    return found


def _mark(longest: NDArray[np.int64]) -> NDArray[np.float32]:
    """Marks terms from left to right, each as long as it can be: begin, inside, end, length, any."""
    marks = np.zeros((len(longest), MATCH_WIDTH), np.float32)
    free = 0  # first word that no term covers yet
    for start in longest.nonzero()[0].tolist():
        if start >= free:
            free = start + int(longest[start])
            marks[start, 0] = 1
            marks[start + 1 : free, 1] = 1
            marks[free - 1, 2] = 1
            marks[start:free, 3] = min(free - start, 4) / 2
            marks[start:free, 4] = 1
    return marks


def _count_uses(
    terms: Iterable[Sequence[str]], common: Counter[str]
) -> tuple[NDArray[np.uint64], NDArray[np.float32]]:
    anywhere, last = Counter[str](), Counter[str]()
    for term in terms:
        anywhere.update(term)
        last[term[-1]] += 1
    for word, number in common.items():
        if number >= _MANY / 4:
            anywhere[word] += 0  # a common word that no term uses says something, too
    in_terms, in_text = max(1, anywhere.total()), max(1, common.total())
    rows = {
        _hash(word): (
            min(2.0, math.log1p(anywhere[word]) / 3),
            min(2.0, math.log1p(last[word]) / 3),
            *(
                _odds(own[word] / in_terms, common[word] / in_text, in_terms, in_text) if common else 0.0
                for own in (anywhere, last)
            ),
            min(1.0, common[word] / _MANY),
        )
        for word in anywhere
    }
    known = np.array(sorted(rows), np.uint64)
    return known, np.array([rows[word] for word in known.tolist()], np.float32).reshape(-1, USES)


def _odds(inside: float, outside: float, in_terms: int, in_text: int) -> float:
    """How much more often terms use a word than text does, as a logarithm from -2 to 2."""
    ratio = math.log((inside + 0.5 / in_terms) / (outside + 0.5 / in_text))
    return max(-4.0, min(4.0, ratio)) / 2


def _look_up(
    hashes: NDArray[np.uint64], known: NDArray[np.uint64], uses: NDArray[np.float32]
) -> NDArray[np.float32]:
    if not len(known):
        return np.zeros((len(hashes), USES), np.float32)
    at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    return np.where((known[at] == hashes)[:, None], uses[at], np.float32(0))


@lru_cache(maxsize=1 << 16)
def _spelling(surface: str) -> tuple[float, ...]:
    return tuple(map(float, _suffixes_and_shape(surface)))


def _suffixes_and_shape(surface: str) -> Iterator[bool]:
    small = surface.lower()
    singular = small.rstrip("s")
    for suffix in SUFFIXES:
        yield small.endswith(suffix) or singular.endswith(suffix)
    yield surface.isupper() and len(surface) > 1
    yield surface[0].isupper() and not surface.isupper()
    yield surface[0].isdigit()
    yield not surface[0].isalnum()
