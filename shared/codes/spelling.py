"""Words as they were meant: one slip of the pen undone, or, where that gives nothing, a word that sounds the same.

Only words that no name uses are touched, so a right but rare word stays as it is.
"""

import re
from collections import Counter
from collections.abc import Collection
from functools import cache

from shared.codes.names import aliases, names
from shared.codes.normal import read_words

_SHORTEST = 5
_SHORTEST_HEARD = 6
_FURTHEST = 3  # letters that a word may be longer or shorter than the one it sounds like
_LETTERS = "aeiourstlnmcdhpygbfvkxzqjw"
_SOUNDS = (
    (re.compile(r"^(?:pn|kn|gn)"), "n"),
    (re.compile(r"^ps"), "s"),
    (re.compile(r"[ts]ion|shun"), "shn"),
    (re.compile(r"ph"), "f"),
    (re.compile(r"rh"), "r"),
    (re.compile(r"ch|ck|q|c(?![eiy])"), "k"),
    (re.compile(r"[cz]"), "s"),
    (re.compile(r"x"), "ks"),
    (re.compile(r"(?<!^)[aeiouyhw]"), ""),
    (re.compile(r"(.)\1+"), r"\1"),
)


def corrected(words: list[str], kept: Collection[str]) -> list[str]:
    """Mends each word that no name uses.

    Args:
        words: of a mention, as `read_words` gives them.
        kept: words that are never touched.

    Returns:
        The words, mended where a known word is near.
    """
    vocabulary = _vocabulary()
    mended: list[str] = []
    for word in words:
        if word in vocabulary or len(word) < _SHORTEST or word in kept:
            mended.append(word)
        else:
            mended += _meant(word)
    return mended


def _meant(word: str) -> list[str]:
    """The known word that was meant; the word itself if there is none."""
    for written in (word, f"{word[:-1]}ies") if word[-1] == "y" else (word,):
        near = _nearest(written)
        if near:
            return read_words(near)
    if len(word) >= _SHORTEST_HEARD:
        heard = _heard().get(_sound(word))
        if heard is not None and abs(len(heard) - len(word)) <= _FURTHEST:
            return [heard]
    return [word]


def _nearest(word: str) -> str:
    """The commonest word at most one slip away; empty if there is none."""
    vocabulary = _vocabulary()
    splits = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    near = {
        *(left + right[1:] for left, right in splits if right),
        *(left + right[1] + right[0] + right[2:] for left, right in splits if len(right) > 1),
        *(left + letter + right[1:] for left, right in splits if right for letter in _LETTERS),
        *(left + letter + right for left, right in splits for letter in _LETTERS),
    }
    known = [one for one in near if one in vocabulary and len(one) >= _SHORTEST]
    return max(known, key=lambda one: (vocabulary[one], one), default="")


def _sound(word: str) -> str:
    """A word by its consonants, the same for letters that sound the same."""
    for pattern, sound in _SOUNDS:
        word = pattern.sub(sound, word)
    return word


@cache
def _vocabulary() -> dict[str, int]:
    """In how many keys each word stands."""
    counts: Counter[str] = Counter()
    for key in names().keys:
        counts.update(key.split())
    for key in aliases():
        for word in key.split():
            counts[word] += 3
    return dict(counts)


@cache
def _heard() -> dict[str, str]:
    """For each sound the commonest long word that has it."""
    vocabulary = _vocabulary()
    return {
        _sound(word): word
        for word in sorted(vocabulary, key=lambda one: (vocabulary[one], one))
        if len(word) >= _SHORTEST_HEARD and word.isalpha()
    }
