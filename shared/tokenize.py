"""Text to words with exact character offsets.

A word is a run of letters and their marks, a run of digits, or one other character; white space separates. The
rule needs no dictionary, covers every character that is not white space exactly once, and is the same for every
extractor, so that scores and spans can be compared.
"""

import re

Token = tuple[int, int]

_WORD = re.compile(r"[^\W\d_]+(?:[\u0300-\u036f\u200d]+[^\W\d_]*)*|\d+|\S")


def words(text: str) -> list[Token]:
    """Splits text into words.

    Args:
        text: any Unicode, lone surrogates included.

    Returns:
        `(start, end)` character offsets, ascending, not overlapping; every character between two words is white
        space.
    """
    return [match.span() for match in _WORD.finditer(text)]


def surfaces(text: str) -> list[str]:
    """The same words as they are written; quicker than cutting them out of the text one by one."""
    return _WORD.findall(text)
