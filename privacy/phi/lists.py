"""Names and places found by the lists alone, by their neighbours, or because they were found once before."""

import re
from collections.abc import Iterator, Sequence

from privacy.phi.eponyms import is_eponym
from privacy.phi.lexicon import (
    COMMON,
    EPONYM,
    FIRST,
    LAST,
    MEDICAL,
    NAME_OR_PLACE,
    TECHNICAL,
    is_usual,
)
from privacy.phi.reading import Reading
from privacy.phi.spans import Span

_TIES = frozenset("_-.^")
_SMALL = re.compile(r"[a-z]{5,}")
_FIRST_LETTER = re.compile(r"\b[A-Z]")
_INITIALS = re.compile(r"\b(?:[A-Z][.-]?){3,4}(?![A-Za-z])")
_OLD = re.compile(r",\s(?:a\s|an\s)?(?P<age>9\d|1[01]\d)(?=[,;.)]\s)")
_PARTICLES = frozenset(
    ("van", "von", "de", "der", "den", "del", "della", "di", "da", "dos", "bin", "ibn", "al", "el", "ter")
)
_CAPITALISED = re.compile(r"[A-Z][A-Za-z]{2,}")


def listed(reading: Reading, *, is_log: bool) -> Iterator[Span]:
    """Finds frequent given names, alone or before a family name, and well-known places, by the lists alone.

    Args:
        reading: a normalised text.
        is_log: small letters are usual, so that a text in small letters proves nothing.

    Returns:
        Spans.
    """
    text, tokens, flags = reading.text, reading.tokens, reading.flags
    small, done = not is_log and not reading.has_upper, -1
    for index in reading.suspects:
        flag = flags[index]
        if (
            index <= done
            or flag < 0
            or flag & (COMMON | EPONYM | TECHNICAL)
            or not (small or tokens[index][0].isupper())
        ):
            continue
        if flag & (3 << 2) == 2 << 2 and len(tokens[index]) > 2:
            group = with_family_name(reading, grown(reading, [index]))
            if tokens[index].isupper() and len(group) == 1:
                continue
            done = group[-1]
            start, end = reading.starts[group[0]], reading.end(done)
            kind = "NAME"
        elif index and flag & LAST == 2 << 4 and _is_given(reading, index - 1, index):
            start, end, kind = reading.starts[index - 1], reading.end(index), "NAME"
        elif flag & (3 << 6) == 2 << 6 and len(tokens[index]) > 3:
            start, end, kind = reading.starts[index], reading.end(index), "LOCATION"
        else:
            continue
        if not is_eponym(text, start, end, [tokens[index]], [flag]):
            yield start, end, kind, 0.6


def _is_given(reading: Reading, index: int, after: int) -> bool:
    """Whether an unknown capitalised word stands in front of a family name: `Eluned Parry`."""
    token, gap = reading.tokens[index], reading.text[reading.end(index) : reading.starts[after]]
    return (
        gap == " "
        and reading.flags[index] < 0
        and len(token) > 3
        and token.istitle()
        and reading.tokens[after].istitle()
    )


def with_family_name(reading: Reading, group: list[int]) -> list[int]:
    """Adds a word behind a given name that is a family name, too: `Alex River`, `Grace Winter`."""
    after = group[-1] + 1
    if (
        len(group) > 1
        or reading.flags[group[0]] & FIRST != 2 << 2
        or after >= len(reading.tokens)
        or not reading.has_lower
    ):
        return group
    token, gap = reading.tokens[after], reading.text[reading.end(group[-1]) : reading.starts[after]]
    fits = gap == " " and token.istitle() and len(token) > 2 and reading.flags[after] & LAST
    return [*group, after] if fits and reading.flags[after] >= 0 else group


def attached(reading: Reading) -> Iterator[Span]:
    """Finds names tied to a number, as in names of files: `harrow_10482913`.

    Args:
        reading: a normalised text.

    Returns:
        Spans of names.
    """
    tokens, flags, last = reading.tokens, reading.flags, len(reading.tokens) - 1
    for number in reading.numbers:
        if len(tokens[number]) < 5:
            continue
        for index, tie in ((number - 2, number - 1), (number + 2, number + 1)):
            if not 0 <= index <= last or tokens[tie] not in _TIES or not tokens[index].isalpha():
                continue
            flag = flags[index]
            if (
                len(tokens[index]) > 3
                and flag > 0
                and flag & (FIRST | LAST)
                and not is_usual(flag)
                and not flag & TECHNICAL
            ):
                yield reading.starts[index], reading.end(index), "NAME", 0.5


def repeated(reading: Reading, spans: Sequence[Span]) -> Iterator[Span]:
    """Finds again, elsewhere in a text, the parts of names that were found once.

    Args:
        reading: a normalised text.
        spans: what was found so far.

    Returns:
        Spans of names.
    """
    names: set[str] = set()
    initials: set[str] = set()
    for start, end, entity, score in spans:
        if entity == "NAME" and score >= 0.6:
            text = reading.text[start:end]
            names.update(_CAPITALISED.findall(text))
            names.update(word for word in _SMALL.findall(text) if text.islower())
            first_letters = "".join(_FIRST_LETTER.findall(text))
            if len(first_letters) > 2 and reading.has_lower:
                initials.add(first_letters)
        if entity == "NAME" and (old := _OLD.match(reading.text, end)):
            yield *old.span("age"), "AGE", 0.6
    if not names:
        return
    for match in _INITIALS.finditer(reading.text) if initials else ():
        if re.sub("[^A-Z]", "", match[0]) in initials:
            yield *match.span(), "NAME", 0.55
    for index, token in enumerate(reading.tokens):
        if token.isupper() and len(token) < 6 and reading.has_lower and reading.flags[index] <= 0:
            continue  # an abbreviation
        if token in names and not (reading.flags[index] >= 0 and is_usual(reading.flags[index])):
            start, end = reading.starts[index], reading.end(index)
            if not is_eponym(reading.text, start, end, [token], [reading.flags[index]]):
                yield start, end, "NAME", 0.55


def grown(reading: Reading, group: list[int]) -> list[int]:
    """A name with the capitalised parts beside it that are not usual words."""
    tokens, flags = reading.tokens, reading.flags

    def belongs(index: int, beside: int) -> bool:
        token = tokens[index]
        gap = reading.text[reading.end(min(index, beside)) : reading.starts[max(index, beside)]]
        if (
            gap not in (" ", "\n", "", "-")
            or len(token) < 2
            or not token[0].isupper()
            or not tokens[beside][0].isupper()
        ):
            return False
        if token.isupper() != tokens[beside].isupper() and len(tokens[beside]) > 1:
            return False
        flag = flags[index]
        if gap == " " and flag >= 0 and token.istitle() and index < beside and len(tokens[beside]) > 2:
            return flag & COMMON < 2 and not flag & (TECHNICAL | MEDICAL | EPONYM) and len(token) > 2
        if (
            gap == " "
            and flag >= 0
            and token.istitle()
            and index > beside
            and flags[beside] & FIRST == 2 << 2
        ):
            return flag & COMMON < 2 and not flag & (TECHNICAL | MEDICAL | EPONYM) and len(token) > 2
        return (flag < 0 and len(token) > 2) or (
            flag >= 0 and bool(flag & NAME_OR_PLACE) and flag & COMMON < 2 and not flag & TECHNICAL
        )

    def belongs_to(index: int) -> bool:
        """Whether a word in front of `van der` and the like can be a given name."""
        flag = flags[index]
        return (
            tokens[index].istitle()
            and len(tokens[index]) > 2
            and (flag < 0 or (bool(flag & NAME_OR_PLACE) and flag & COMMON < 2))
        )

    group = list(group)
    for _ in range(2):
        before = group[0] - 1
        while before >= 0 and tokens[before] in _PARTICLES:
            before -= 1
        if 0 <= before < group[0] - 1 and belongs_to(before):
            group = [*range(before, group[0]), *group]
        if group[-1] + 1 < len(tokens) and belongs(group[-1] + 1, group[-1]):
            group.append(group[-1] + 1)
        if group[0] > 0 and belongs(group[0] - 1, group[0]):
            group.insert(0, group[0] - 1)
    after = group[-1] + 2  # Ji-woo
    if (
        after < len(tokens)
        and tokens[after - 1] == "-"
        and reading.starts[after] == reading.end(group[-1]) + 1
        and tokens[after].islower()
        and flags[after] < 0
        and 1 < len(tokens[after]) < 7
        and tokens[group[-1]].istitle()
    ):
        group += [after - 1, after]
    return group
