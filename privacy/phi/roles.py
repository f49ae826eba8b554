"""Names that a part in the story gives away: `wife Dot`, `pt DELAROSA`, `Thorvaldsen, 68M`, `husband (Q.T.)`.

The word in front or the age behind is certain; whether what stands beside it can be a name, the lexicon says.
"""

import re
from collections.abc import Iterator

from privacy.phi.eponyms import is_eponym, is_term
from privacy.phi.lexicon import (
    COMMON,
    EPONYM,
    FIRST,
    FREQUENT_NAME,
    MEDICAL,
    NAME_OR_PLACE,
    TECHNICAL,
    is_usual,
)
from privacy.phi.people import is_no_name
from privacy.phi.reading import Reading, trigger_words
from privacy.phi.spans import Span
from privacy.phi.wordlists import word_list

_KIN = trigger_words(
    word_list(
        "wife husband spouse partner mother father mom dad mum mommy daddy daughter dtr son brother "
        "sister sibling twin "
        "aunt auntie uncle niece nephew cousin grandmother grandfather grandma grandpa granddaughter grandson fiance "
        "fiancee boyfriend girlfriend roommate neighbor neighbour friend stepson stepdaughter stepmother stepfather "
        "godmother godfather godson goddaughter law widow widower coworker colleague caregiver carer "
        "guardian baby child"
    )
)
_PART = trigger_words(
    word_list(
        "patient pt attending subscriber guarantor surgeon caller interpreter therapist pharmacist midwife chaplain "
        "coach teacher fellow consultant endoscopist anesthetist anesthesiologist anaesthetist coordinator insured "
        "proband informant donor recipient resident registrar nurse physician doctor cardiologist "
        "neurologist oncologist "
        "radiologist paediatrician pediatrician psychiatrist dentist gp pcp sonographer phlebotomist witness hcp poa"
    )
)
_INITIALS = re.compile(r"[\s,(:]{1,2}(?P<name>(?:[A-Z]\.[ ]?){2,3}|[A-Z]{2,3}(?=\)))")
_CALLED = re.compile(r"\b[Ii]nitials?\b[\s:=]{1,3}(?P<name>(?:[A-Z][.\-]?){2,4})(?![A-Za-z])")
_INITIAL_WORDS = trigger_words(("initial", "initials"))
_ARRIVES = trigger_words(
    word_list("arrived discharged admitted ambulated complains tolerating voided vomited")
)
_SAYS = trigger_words(
    word_list(
        "reports reported denies denied states stated presents presented refuses refused wants says said lives feels"
    )
)
ROLE_WORDS = _KIN | _PART | _INITIAL_WORDS
VERBS = _ARRIVES | _SAYS
_NAME = r"(?:[A-Z][A-Za-z'-]+|[A-Z]\.)"
_BEFORE_AGE = re.compile(rf"(?<![\w.-])(?P<name>{_NAME}(?:[ ]{_NAME}){{0,3}}),?[ ]\(?$")
_AGED = re.compile(
    r"\d{1,3}\s?-?(?:(?:y/?o|yrs?|years?|y)\b|[MF]\b(?!\s?/|[-.]))(?!\s(?:ago|later|after|of follow|history))"
)
_NO_NAMES = frozenset(word_list("Will May An As Is Was Has Who Age Aged And The This"))
_GAPS = frozenset((" ", "-", ", ", " ("))


def roles(reading: Reading, *, is_log: bool) -> Iterator[Span]:
    """Finds names behind a word for a relative or for somebody at work.

    Args:
        reading: a normalised text.
        is_log: also takes unknown words in capitals, and names in small letters.

    Returns:
        Spans of names.
    """
    text, tokens, starts = reading.text, reading.tokens, reading.starts
    for wanted in (_KIN, _PART):
        for index in reading.indices(wanted):
            end = reading.end(index)
            if starts[index] and text[starts[index] - 1].isalnum():
                continue
            initials = _INITIALS.match(text, end) if wanted == _KIN else None
            if initials is not None and not initials["name"].replace(".", "").isdigit():
                yield *initials.span("name"), "NAME", 0.55
            first = index + 1
            if first < len(tokens) and tokens[first] in (",", "("):
                first += 1
            if first >= len(tokens) or text[end : starts[first]] not in _GAPS:
                continue
            group = _name_at(reading, first, is_kin=wanted == _KIN and tokens[index].islower(), is_log=is_log)
            if not group:
                continue
            start, stop = starts[group[0]], reading.end(group[-1])
            words, flags = (
                [tokens[i] for i in group if tokens[i][0].isalpha()],
                [reading.flags[i] for i in group if tokens[i][0].isalpha()],
            )
            if not is_eponym(text, start, stop, words, flags):
                yield start, stop, "NAME", 0.6
    if reading.groups & _INITIAL_WORDS:
        for match in _CALLED.finditer(text):
            yield *match.span("name"), "NAME", 0.6


def acting(reading: Reading, *, is_log: bool) -> Iterator[Span]:
    """Finds unknown capitalised words that do what only people do, as in `Pietersen arrived`.

    Args:
        reading: a normalised text.
        is_log: takes fewer verbs, because programs report and refuse, too.

    Returns:
        Spans of names.
    """
    for index in reading.indices(_ARRIVES if is_log else _ARRIVES | _SAYS):
        name = index - 1
        if name < 0 or reading.flags[name] >= 0 or not reading.tokens[index].islower():
            continue
        word, end = reading.tokens[name], reading.end(name)
        if (
            len(word) > 3
            and word.istitle()
            and reading.text[end : reading.starts[index]] == " "
            and not is_term(reading, [name], [word], [-1], 0.8)
        ):
            yield reading.starts[name], end, "NAME", 0.5


def _name_at(reading: Reading, first: int, *, is_kin: bool, is_log: bool) -> list[int]:
    """The tokens of a name that begins at a token; none if no name does."""
    tokens, flags, text = reading.tokens, reading.flags, reading.text
    token, flag = tokens[first], flags[first]
    group: list[int] = []
    if not token[0].isalpha() or len(token) < 2:
        return group
    if token[0].islower():
        if not (is_kin and (is_log or not reading.has_upper)):
            return group
        if flag < 0 or not flag & FREQUENT_NAME or flag & (COMMON | TECHNICAL):
            return group
    elif is_no_name(token, flag, sure=False):
        rare = not flag & (MEDICAL | EPONYM | TECHNICAL) and flag & COMMON < 2
        if not (is_kin and token.istitle() and (flag & FIRST or rare)) or token in _NO_NAMES:
            return group
    elif flag < 0:
        capitals = token.isupper()
        if len(token) < 3 or (capitals and (len(token) < 6 or not is_log)):
            return group
        if is_term(reading, [first], [token], [flag], 0.8):
            return group
    elif flag & (EPONYM | TECHNICAL) or (flag & COMMON and token.isupper()):
        return group
    group.append(first)
    for index in range(first + 1, min(first + 5, len(tokens))):
        gap = text[reading.end(index - 1) : reading.starts[index]]
        if tokens[index] in ("-", "'") and gap == "":
            continue
        same = tokens[index][0].isupper() == token[0].isupper() and tokens[index][0].isalpha()
        known = flags[index]
        if gap not in (" ", "") or not same or (known >= 0 and (is_usual(known) or known & EPONYM)):
            break
        if known < 0 and tokens[index].isupper() != token.isupper():
            break
        group = list(range(first, index + 1))
    return group


def _is_word(word: str, flag: int) -> bool:
    """Whether a capitalised word in front of an age is no name."""
    if flag >= 0 and flag & COMMON < 2 and not flag & (MEDICAL | EPONYM) and word.istitle():
        return word in _NO_NAMES
    return is_no_name(word, flag, sure=False)


def aged(reading: Reading) -> Iterator[Span]:
    """Finds names in front of an age, as in `Thorvaldsen, 68M` or `Okoro 45 yo`.

    Args:
        reading: a normalised text.

    Returns:
        Spans of names.
    """
    text, tokens = reading.text, reading.tokens
    for number in reading.numbers:
        at = reading.starts[number]
        if (
            len(tokens[number]) > 3
            or at < 5
            or text[at - 1] not in " ("
            or _AGED.match(text, at, at + 24) is None
        ):
            continue
        match = _BEFORE_AGE.search(text, max(0, at - 60), at)
        if match is None:
            continue
        named = [
            i
            for i in range(max(0, number - 10), number)
            if match.start("name") <= reading.starts[i] < match.end("name") and tokens[i][0].isalpha()
        ]
        while named and _is_word(tokens[named[0]], reading.flags[named[0]]):
            named.pop(0)
        if not named or any(
            tokens[i].isupper() and 1 < len(tokens[i]) < 6 and reading.has_lower for i in named
        ):
            continue
        words, flags = [tokens[i] for i in named], [reading.flags[i] for i in named]
        if all(flag > 0 and flag & (MEDICAL | TECHNICAL) for flag in flags) or (
            any(flag < 0 or flag & NAME_OR_PLACE for flag in flags)
            and is_term(reading, named, words, flags, 0.8)
        ):
            continue
        start, end = reading.starts[named[0]], match.end("name")
        if len(words[0]) > 1 and not is_eponym(text, start, end, words, flags):
            yield start, end, "NAME", 0.6
