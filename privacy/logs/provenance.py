"""Which parts of a text the program's own code spells out, and which came from data.

An f-string reaches `logging` as finished text, and an exception's message does too. But the code that made it still
holds the literal pieces among its constants (`co_consts`), so the pieces can be told from the values between them,
and the values can be denied as arguments are.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from types import CodeType

_SLOTS = re.compile(
    r"%(?:\([^)]*\))?[#0\- +]*(?:\*|\d+)?(?:\.(?:\*|\d+))?[hlL]?[diouxXeEfFgGcrsa%]|\{[^{}]*\}"
)
_LETTER = re.compile(r"[^\W\d_]")
_WORD = re.compile(r"[^\W\d_]{2}")  # pieces without a word prove nothing
_QUOTES = "'\"`"
_PIECES, _LONGEST = 400, 2000


@lru_cache(maxsize=4096)
def spells_out(code: CodeType, text: str) -> bool:
    """Whether a text is, as a whole, a constant of the code."""
    return text in _strings(code.co_consts)


def values_in(text: str, codes: Iterable[CodeType]) -> list[tuple[int, int]] | None:
    """The parts of a text that the code did not spell out.

    Args:
        text: a message.
        codes: code that may have made it.

    Returns:
        Character offsets, end exclusive, without surrounding space and punctuation, quotes aside; None if the code
        spelt out nothing of it.
    """
    literal: list[tuple[int, int]] = []
    for code in codes:
        pattern = _pieces(code)
        if pattern is not None:
            literal += [match.span() for match in pattern.finditer(text)]
    if not any(_WORD.search(text, start, end) for start, end in literal):
        return None
    values, at = [], 0
    for start, end in sorted(literal):
        if start > at:
            values.append((at, start))
        at = max(at, end)
    values.append((at, len(text)))
    return [span for start, end in values if (span := _strip(text, start, end)) is not None]


@lru_cache(maxsize=4096)
def puts_together(code: CodeType) -> bool:
    """Whether the code makes text of literals and values: f-strings, `%`, `+`, `format`, `join`."""
    import dis  # seldom needed, and not light

    if not {"format", "join", "format_map"}.isdisjoint(code.co_names):
        return True
    return any(
        step.opname == "FORMAT_VALUE"
        or (step.opname == "BINARY_OP" and step.argrepr in {"%", "+", "+=", "%="})
        for step in dis.get_instructions(code)
    )


def share_spelt(text: str, values: Iterable[tuple[int, int]]) -> float:
    """How much of a text's letters and digits the code spelt out, from 0 to 1."""
    whole = sum(map(str.isalnum, text))
    return 1 - sum(sum(map(str.isalnum, text[start:end])) for start, end in values) / max(1, whole)


def _strip(text: str, start: int, end: int) -> tuple[int, int] | None:
    while start < end and not text[start].isalnum() and text[start] not in _QUOTES:
        start += 1
    while end > start and not text[end - 1].isalnum() and text[end - 1] not in _QUOTES:
        end -= 1
    return (start, end) if start < end else None


@lru_cache(maxsize=4096)
def _pieces(code: CodeType) -> re.Pattern[str] | None:
    """Matches any literal piece of the code's texts, the longest first, never inside a longer word."""
    pieces: set[str] = set()
    for constant in _strings(code.co_consts):
        if len(constant) <= _LONGEST:
            pieces.update(piece for piece in _SLOTS.split(constant) if _LETTER.search(piece))
    if not pieces or len(pieces) > _PIECES:
        return None
    ordered = sorted(pieces, key=lambda piece: (-len(piece), piece))
    return re.compile("|".join(map(_bounded, ordered)))


def _bounded(piece: str) -> str:
    before = r"(?<![^\W_])" if piece[0].isalnum() else ""
    after = r"(?![^\W_])" if piece[-1].isalnum() else ""
    return f"{before}{re.escape(piece)}{after}"


def _strings(constants: tuple[object, ...]) -> Iterator[str]:
    for constant in constants:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, tuple | frozenset):
            yield from _strings(tuple(constant))
