"""Abbreviations that a note defines itself: what its long form is, the short form is everywhere in the note.

"ataxia-telangiectasia (A-T)" is found by the rule of Schwartz & Hearst (2003): the characters of what stands in
brackets occur, in order, in the words before. A tagger that reads sentence by sentence cannot know what A-T is ten
sentences on. Only one note's text and predictions are looked at, after the model: nothing is learned from them.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shared.note import Entity

_SHORT = re.compile(r"\(\s?((?=[^\s()\[\];,]*[A-Z])[^\W_][^\s()\[\];,]{0,8}[^\W_])\s?[);,]")
_WORD = re.compile(r"[^\W_]+")
_EDGE = r"(?<![^\W_]){}(?![^\W_])"
_GAP = 3  # characters between a long form and what stands in brackets
_MOST = 100  # definitions of one note; no honest note has more


@dataclass(frozen=True)
class Abbreviation:
    """One definition in a note; character offsets, end exclusive.

    Args:
        long: the long form.
        places: every occurrence of the short form, ascending.
    """

    long: tuple[int, int]
    places: tuple[tuple[int, int], ...]


def find_abbreviations(text: str) -> list[Abbreviation]:
    """Finds the abbreviations that a text defines.

    Args:
        text: any Unicode.

    Returns:
        Definitions in the order of the text, the first of each short form.
    """
    found: list[Abbreviation] = []
    seen: set[str] = set()
    for match in _SHORT.finditer(text):
        short, end = match[1], match.start()
        if short in seen or len(found) == _MOST:
            continue
        start = _long_form(short, text, end)
        if start >= 0:
            seen.add(short)
            places = re.finditer(_EDGE.format(re.escape(short)), text)
            long_end = start + len(text[start:end].rstrip())
            found.append(Abbreviation((start, long_end), tuple(place.span() for place in places)))
    return found


def spread(entities: Sequence[Entity], abbreviations: Iterable[Abbreviation]) -> list[Entity]:
    """Marks the short form wherever it stands, if the long form is marked where it is defined.

    Args:
        entities: of one note, sorted, not overlapping.
        abbreviations: of the same note.

    Returns:
        The entities and the short forms that none of them touches, sorted, not overlapping.
    """
    defined = list(abbreviations)
    ends = [entity.end for entity in entities] + [one.places[-1][1] for one in defined]
    taken = bytearray(max(ends, default=0))
    for entity in entities:
        taken[entity.start : entity.end] = b"\1" * (entity.end - entity.start)
    marked = list(entities)
    for abbreviation in defined:
        start, end = abbreviation.long
        long = next(
            (e for e in entities if e.start < end and e.end > start and abs(end - e.end) <= _GAP), None
        )
        if long is None:
            continue
        for first, last in abbreviation.places:
            if not any(taken[first:last]):
                marked.append(Entity(first, last, long.label))
                taken[first:last] = b"\1" * (last - first)
    return sorted(marked)


def _long_form(short: str, text: str, end: int) -> int:
    """Where the words before `end` that `short` abbreviates begin; -1 if it abbreviates none."""
    most = min(len(short) + 5, 2 * len(short))
    nearest = max(0, end - 24 * most, text.rfind(")", 0, end) + 1, text.rfind("(", 0, end) + 1)
    begins = [match.start() for match in _WORD.finditer(text, nearest, end)]
    first = begins[-most] if len(begins) > most else begins[0] if begins else end
    letters = [character for character in short.lower() if character.isalnum()]
    initials = begins[-len(letters) :]
    if sorted(text[begin].lower() for begin in initials) == sorted(letters):
        return initials[0]  # in any order: myotonic dystrophy (DM)
    at = end
    for place, letter in reversed(list(enumerate(letters))):
        at -= 1
        while at >= first and (
            text[at].lower() != letter or (place == 0 and at > 0 and text[at - 1].isalnum())
        ):
            at -= 1
        if at < first:
            return -1
    return at
