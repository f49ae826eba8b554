"""Moves a date by some days and writes it as it was written."""

import re
from collections.abc import Sequence
from datetime import date, timedelta

from privacy.phi.wordlists import word_list

_MONTHS = word_list("january february march april may june july august september october november december")
_DAYS = word_list("monday tuesday wednesday thursday friday saturday sunday")
_NUMERIC = re.compile(r"(?P<a>\d{1,4})(?P<s>\s?[-/.]\s?)(?P<b>\d{1,2})(?:(?P=s)(?P<c>\d{2,4}))?")
_COMPACT = re.compile(r"(?P<y>(?:19|20)\d\d)(?P<m>\d\d)(?P<d>\d\d)")
_WORD = re.compile(r"[A-Za-z]{3,}")
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_DAY = re.compile(r"(?<!\d)(\d{1,2})(?:st|nd|rd|th)?(?!\d)(?![:.]\d\d)")
_ANY_YEAR = 2023


def shift_date(text: str, offset: timedelta) -> str | None:
    """Moves a date.

    Args:
        text: a date in figures or with a month in letters; a time of day behind it stays.
        offset: how far.

    Returns:
        The date in the same form; None if the text is not a date that this function reads.
    """
    try:
        return _shift_numeric(text, offset) or _shift_written(text, offset)
    except (ValueError, OverflowError):
        return None


def _shift_numeric(text: str, offset: timedelta) -> str | None:
    compact = _COMPACT.match(text)
    if compact:
        moved = date(int(compact["y"]), int(compact["m"]), int(compact["d"])) + offset
        return f"{moved:%Y%m%d}" + text[compact.end() :]
    match = _NUMERIC.match(text)
    if match is None:
        return None
    a, b, c = match["a"], match["b"], match["c"]
    sign = match["s"]
    if len(a) == 4:
        moved = date(int(a), int(b), int(c or 1)) + offset
        parts = [f"{moved.year}", _padded(moved.month, b)] + ([_padded(moved.day, c)] if c else [])
    elif c is None and len(b) == 4:
        moved = date(int(b), int(a), 1) + offset
        parts = [_padded(moved.month, a), f"{moved.year}"]
    else:
        day_first = "." in sign or int(a) > 12
        month, day = (int(b), int(a)) if day_first else (int(a), int(b))
        year = (
            _ANY_YEAR if c is None else int(c) if len(c) == 4 else 1900 + int(c) + (100 if int(c) < 30 else 0)
        )
        moved = date(year, month, day) + offset
        first, second = (moved.day, moved.month) if day_first else (moved.month, moved.day)
        parts = [_padded(first, a), _padded(second, b)] + ([str(moved.year)[-len(c) :]] if c else [])
    return sign.join(parts) + text[match.end() :]


def _shift_written(text: str, offset: timedelta) -> str | None:
    """A date with its month in letters; a weekday is moved along."""
    month = next((m for m in _WORD.finditer(text) if _index(m[0], _MONTHS) is not None), None)
    if month is None:
        return None
    year, day = _YEAR.search(text), _DAY.search(text)
    number = _index(month[0], _MONTHS)
    if number is None or (day is None and year is None):
        return None
    moved = date(int(year[0]) if year else _ANY_YEAR, number + 1, int(day[1]) if day else 15) + offset
    edits = [
        (
            month.span(),
            _cased(
                _MONTHS[moved.month - 1][: None if len(month[0]) > 3 and month[0].lower() in _MONTHS else 3],
                month[0],
            ),
        )
    ]
    if year:
        edits.append((year.span(), str(moved.year)))
    if day and (not year or day.span() != year.span()):
        edits.append((day.span(), _padded(moved.day, day[1])))
    for word in _WORD.finditer(text):
        if _index(word[0], _DAYS) is not None and word.span() != month.span():
            edits.append(
                (word.span(), _cased(_DAYS[moved.weekday()][: None if len(word[0]) > 5 else 3], word[0]))
            )
    for (start, end), new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _index(word: str, names: Sequence[str]) -> int | None:
    """Which month or day a word or its beginning names."""
    low = word.lower().rstrip(".")
    return next(
        (
            i
            for i, name in enumerate(names)
            if name.startswith(low[:3]) and (name.startswith(low) or low in ("sept", "tues", "thurs"))
        ),
        None,
    )


def _padded(number: int, model: str) -> str:
    return f"{number:0{len(model)}d}" if model[0] == "0" or len(model) == 2 else str(number)


def _cased(text: str, model: str) -> str:
    return text.upper() if model.isupper() else text.lower() if model.islower() else text.capitalize()
