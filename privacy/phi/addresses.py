"""From a part of an address to the whole: house number, unit, postcode."""

import re
from collections.abc import Iterator

from privacy.phi.reading import Reading, trigger_words
from privacy.phi.spans import Span

_UNIT = re.compile(
    r"(?i)[,\s]{1,3}(?:apt|apartment|suite|ste|unit|floor|room|rm|bldg)\.?\s?#?[\w-]{1,6}\b"
    r"|[,\s]{1,3}#\s?\w{1,5}\b"
)
_POSTCODE = re.compile(
    r"[,\s]{1,3}(?:\d{4,5}(?:-\d{4})?|\d{3} \d{2})(?![\d.,/-]\d|\d|\s?(?:mg|ml|units?|mcg|g)\b)"
)
_HOUSE = re.compile(r"(?<![\d./:-])\d{1,6}(?:[ -]\d{1,4})?[A-Za-z]?,?\s$")
_BEHIND = re.compile(r"[ ]\d{1,4}[A-Za-z]?(?=\s*(?:[,;\n]|\.(?:\s|$)|$))")  # as in `Lindenweg 12`
_ALONE = re.compile(r"(?i)\b(?:suite|apt|apartment)\.?\s?#?\s?\d{1,5}[A-Z]?\b")
_STREET = re.compile(
    r"(?i)\b(?:street|st|avenue|ave|road|rd|drive|dr|lane|ln|court|ct|boulevard|blvd|way|terrace|rue"
    r"|rua|via|calle|avenida|ul|ulica|utca|u|ut|piazza|plaza|plac|place|strada|viale|corso|largo|praca"
    r"|camino|carrer|chemin|allee|ring|gate|gata)\b|(?:strasse|gatan|vagen|katu|tie|vej|vegen|veien"
    r"|straat|laan|weg|gasse|platz|gade)\b"
)
UNIT_WORDS = trigger_words(("suite", "apt", "apartment"))


def whole_address(text: str, start: int, end: int) -> tuple[int, int]:
    """An address with its house number, unit and postcode."""
    for pattern in (_BEHIND, _UNIT, _UNIT, _POSTCODE):
        match = pattern.match(text, end, end + 24)
        if match is not None:
            end = match.end()
    if any(map(str.isdigit, text[start:end])) or _STREET.search(text, start, end):
        house = _HOUSE.search(text, max(0, start - 14), start)
        if house is not None:
            start = house.start()
    return start, end


def units(reading: Reading) -> Iterator[Span]:
    """Finds parts of buildings, which identify on a line of their own, too.

    Args:
        reading: a normalised text.

    Returns:
        Spans of places.
    """
    for index in reading.indices(UNIT_WORDS):
        match = _ALONE.match(reading.text, reading.starts[index])
        if match is not None:
            yield *match.span(), "LOCATION", 0.6
