"""Spans as a file gives them: checked against the text with the place in the file, before they become a `Note`."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

from shared.errors import FixNotes
from shared.note import ASSERTIONS, Entity

_OTHER_NAMES = {"absent": "negated"}

Placed = tuple[str, Entity]  # where the file gives it, such as "train.jsonl:7: field entities[3]"; the entity


def read_assertion(word: str, where: str) -> str:
    """The assertion that a file's word stands for.

    Args:
        word: one of `ASSERTIONS`, or `absent` for `negated`.
        where: the place named in the error.

    Raises:
        FixNotes: another word.
    """
    assertion = _OTHER_NAMES.get(word, word)
    if assertion not in ASSERTIONS:
        raise FixNotes("unknown assertion", where=where, remedy=f"Use one of {', '.join(ASSERTIONS)}.")
    return assertion


def check_range(text: str, start: int, end: int, where: str) -> None:
    """Checks that a span is a non-empty slice of the text.

    Raises:
        FixNotes: it is not; `where` names its field.
    """
    for field, bad in (("start", not 0 <= start < len(text)), ("end", not start < end <= len(text))):
        if bad:
            raise FixNotes(
                f"span {start}..{end} does not lie in a text of {len(text)} characters",
                where=f"{where}.{field}",
                remedy="Offsets are Python string indices, end exclusive.",
            )


def settle(text: str, placed: Iterable[Placed]) -> tuple[Entity, ...]:
    """Sorts spans, draws their edges in to visible characters and checks that none overlaps another.

    Args:
        text: the note.
        placed: spans in range, in the file's order.

    Returns:
        Entities, sorted, not overlapping.

    Raises:
        FixNotes: a span holds white space only, or overlaps another.
    """
    spans = sorted(
        ((where, _trim(text, where, span)) for where, span in placed), key=lambda pair: pair[1].start
    )
    for (_, before), (where, span) in pairwise(spans):
        if span.start < before.end:
            raise FixNotes(
                f"span {span.start}..{span.end} overlaps {before.start}..{before.end}",
                where=where,
                remedy="Keep one of the two, or read only labels that do not overlap.",
            )
    return tuple(span for _, span in spans)


def _trim(text: str, where: str, span: Entity) -> Entity:
    surface = text[span.start : span.end]
    if surface.isspace():
        raise FixNotes(
            f"span {span.start}..{span.end} holds white space only",
            where=where,
            remedy="Remove it or move its offsets.",
        )
    start = span.start + len(surface) - len(surface.lstrip())
    end = span.end - len(surface) + len(surface.rstrip())
    return span if (start, end) == (span.start, span.end) else replace(span, start=start, end=end)
