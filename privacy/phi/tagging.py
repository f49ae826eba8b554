"""From the tagger's probabilities to spans: joins tokens, spares what only looks like a name."""

import re
from collections.abc import Iterator

from privacy.phi.addresses import whole_address
from privacy.phi.eponyms import is_eponym, is_term, is_titled
from privacy.phi.findings import Profile
from privacy.phi.lists import grown, with_family_name
from privacy.phi.reading import Reading
from privacy.phi.spans import Span
from privacy.phi.tagger import CLASSES, tagger
from privacy.phi.wordlists import word_list

_NAME, _LOCATION, _ID = CLASSES.index("NAME"), CLASSES.index("LOCATION"), CLASSES.index("ID")
_IS_CLOCK = re.compile(r"(?:[01]\d|2[0-3])[0-5]\d")
_IS_YEAR = re.compile(r"(?:19|20)\d\d")
_THRESHOLD = {"notes": 0.25, "logs": 0.3}
_PARTICLES = frozenset(
    (
        "de",
        "da",
        "do",
        "dos",
        "des",
        "du",
        "del",
        "della",
        "di",
        "van",
        "von",
        "der",
        "den",
        "la",
        "le",
        "el",
        "al",
    )
)
_BEFORE_PLACE = frozenset(
    word_list(
        "el la los las san santa saint port fort new mount lake north south east west upper lower little da le st"
    )
)
_JOINERS = frozenset("'-.,&/_^@")


def tag(reading: Reading, profile: Profile) -> Iterator[Span]:
    """Finds names, places, organisations and codes.

    Args:
        reading: a normalised text.
        profile: which tagger, and how sure it must be.

    Returns:
        Spans in order.
    """
    tokens = reading.tokens
    wanted = _candidates(reading) if profile == "logs" else _wordlike(reading)
    if not wanted:
        return
    chances = tagger(profile).probabilities(reading, wanted)
    least = 1 - _THRESHOLD[profile]
    hits = [at for at, outside in enumerate(chances[:, 0].tolist()) if outside < least]
    if not hits:
        return
    kinds = {wanted[at]: int(chances[at, 1:].argmax()) + 1 for at in hits}
    surety = {wanted[at]: 1 - float(chances[at, 0]) for at in hits}
    line_starts = reading.line_starts() if "\n" in reading.text else frozenset()
    group: list[int] = []
    for index in [*kinds, -1]:
        if group:
            last = group[-1]
            kind = kinds[last]
            joined = (
                index >= 0
                and kinds[index] == kind
                and (
                    (index - last == 1 and (index not in line_starts or kind == _LOCATION))
                    or (index - last == 2 and tokens[last + 1] in _JOINERS)
                    or (index - last == 2 and kind != _ID and tokens[last + 1] in _PARTICLES)
                )
            )
            if not joined:
                yield from _close(reading, group, kind, max(surety[i] for i in group), profile)
                group = []
        if index >= 0:
            group.append(index)


def _wordlike(reading: Reading) -> list[int]:
    """Tokens of a note that are words, numbers or initials."""
    return [
        i
        for i, token in enumerate(reading.tokens)
        if token[0].isalnum() and (len(token) > 1 or not token.islower())
    ]


def _candidates(reading: Reading) -> list[int]:
    """Tokens of a log line that could name anybody or any place, and their neighbours."""
    tokens, flags = reading.tokens, reading.flags
    last = len(tokens) - 1
    chosen = set(reading.suspects)
    for index in reading.suspects:
        if tokens[index][0].isupper():
            chosen.update(
                near
                for near in (index - 1, index + 1, index + 2)
                if 0 <= near <= last and tokens[near][0].isalnum()
            )
        elif flags[index] >= 0:
            chosen.update(
                near for near in (index - 1, index + 1) if 0 <= near <= last and tokens[near][0].isalpha()
            )
    return sorted(chosen)


def _close(reading: Reading, group: list[int], kind: int, score: float, profile: Profile) -> Iterator[Span]:
    """One span from joined tokens, if it can be an identifier."""
    text, tokens, starts = reading.text, reading.tokens, reading.starts
    while group and not (tokens[group[0]][0].isalnum()):
        group = group[1:]
    while group and not (tokens[group[-1]][0].isalnum()):
        group = group[:-1]
    if not group:
        return
    if kind != _ID and any(tokens[index][0].isalpha() for index in group):
        group = grown(reading, group)
        group = with_family_name(reading, group) if kind == _NAME else group
    first, last = group[0], group[-1]
    start, end = starts[first], reading.end(last)
    words = [tokens[index] for index in group if tokens[index][0].isalpha()]
    flags = [reading.flags[index] for index in group if tokens[index][0].isalpha()]
    digits = sum(map(str.isdigit, text[start:end]))
    if kind == _ID:
        if digits < (4 if profile == "notes" else 5) or _IS_YEAR.fullmatch(text[start:end]):
            return
        if (
            profile == "notes"
            and _IS_CLOCK.fullmatch(text[start:end])
            and text[start - 1 : start] in ("", " ", "\n")
        ):
            return  # 0815
        if profile == "logs" and digits == end - start == 5 and text[start - 1 : start] == "-":
            return  # the number of another program's message
    elif not words:
        if kind != _LOCATION or digits not in (5, 9):
            return
    elif not is_titled(text, start):
        if all(len(word) == 1 for word in words) or is_term(reading, group, words, flags, score):
            return
        if is_eponym(text, start, end, words, flags):
            return
    if len(words) == 1 and flags[0] < 0 and profile == "logs" and text[start - 1 : start].isalpha():
        return  # the end of a name in a program, such as displayLogsopening
    if (
        profile == "notes"
        and len(words) < 3
        and (text[start - 1 : start].isdigit() or text[start - 1 : start] == "&")
    ):
        return  # the end of a code, such as 185delAG
    if not words and (text[start - 1 : start].isalnum() or text[end : end + 1].isalnum()):
        return
    if kind == _LOCATION and words:
        begins = first > 0 and reading.lower[first - 1] in _BEFORE_PLACE
        if (
            begins
            and text[reading.end(first - 1) : start] == " "
            and (tokens[first - 1][0].isupper() or not reading.has_upper)
        ):
            start = starts[first - 1]
        start, end = whole_address(text, start, end)
    yield start, end, CLASSES[kind], min(0.99, max(0.3, score))
