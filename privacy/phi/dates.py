"""Dates in words, and ages over 89 (45 CFR 164.514(b)(2)(i)(C)).

Dates in figures are numbers: see `numbers`. A year alone is not an identifier.
"""

import re
from collections.abc import Iterator

from privacy.phi.reading import Reading, trigger_words
from privacy.phi.spans import Span
from privacy.phi.wordlists import word_list

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:r?uary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\b"
)
_DAY = r"(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?\b"
_ORDINAL = (
    r"(?:first|second|third|(?:four|fif|six|seven|eigh|nin|ten|eleven|twelf|thirteen|fourteen|fifteen|sixteen"
    r"|seventeen|eighteen|nineteen|twentie|thirtie)th|(?:twenty|thirty)[- ](?:first|second|third"
    r"|(?:four|fif|six|seven"
    r"|eigh|nin)th))"
)
_IN_MONTH = r"(?:0?[1-9]|[12]\d|3[01])(?:\s?(?:st|nd|rd|th))?(?!\d)(?![.,:]\d)"
_SPELT_YEAR = (
    r"(?:nineteen|twenty|two thousand)(?:[- ](?:hundred|and|oh|one|two|three|four|five|six|seven|eight"
    r"|nine|ten|eleven"
    r"|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty"
    r"|sixty|seventy"
    r"|eighty|ninety)){1,4}\b"
)
_YEAR = rf"(?:(?:19|20)\d\d(?!\d)|'\d\d(?!\d)|{_SPELT_YEAR})"
_SHORT_YEAR = rf"(?:{_YEAR}|\d\d(?![\d:%/]|\s?(?:mg|mcg|ml|g|kg|cm|mm|%|years|yo)\b))"
_SEPARATOR = r"[\s,./-]{1,3}"
_WRITTEN = re.compile(
    rf"(?:(?<![a-z0-9]){_DAY}[\s,.]{{1,3}}(?:the\s)?)?(?:"
    rf"(?<![\w.])(?:{_IN_MONTH}"
    rf"|{_ORDINAL})(?:\s?day)?(?:\sof)?[\s,./-]{{0,2}}{_MONTH}\.?(?:{_SEPARATOR}{_SHORT_YEAR})?"
    rf"|(?<![a-z0-9]){_MONTH}\.?(?:[\s./-]{{1,2}}|\s?,\s?)(?:the\s)?(?:{_IN_MONTH}|{_ORDINAL}\b)"
    rf"(?:(?:{_SEPARATOR}|\s(?:of|in)\s){_YEAR}|\s?[-/]\s?\d\d(?!\d))?"
    rf"|(?<![a-z0-9]){_MONTH}\.?(?:{_SEPARATOR}(?:of\s)?){_YEAR}"
    rf"|(?<!\d)(?:19|20)\d\d[-/. ]{_MONTH}(?:[-/. ]\d\d?(?!\d))?"
    rf"|(?<!\d)(?:0?[1-9]|[12]\d|3[01])[-/.]?{_MONTH}[-/.]?(?:19|20)?\d\d(?!\d))"
    rf"(?:\s?(?:,|at|@|T)?\s?\d\d?:\d\d(?::\d\d)?(?:\s?[ap]\.?m\b\.?)?)?",
    re.IGNORECASE,
)
_MERGED = re.compile(
    r"(?<!\w)(?:\d{1,2}(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)(?:(?:19|20)?\d\d)?"
    r"|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\d{1,2}(?:(?:19|20)\d\d)?)(?!\w)",
    re.IGNORECASE,
)
_REPR = re.compile(
    r"\b(?:datetime(?:64)?|date|timestamp|Timestamp)\s?\(\s?(?:year=)?['\"]?(\d{4}\s?[,-][^()]{0,60}?)['\"]?\s?\)",
    re.I,
)
_TENS = "ninety|hundred"
_ONES = "one|two|three|four|five|six|seven|eight|nine"
_AGE_NUMBER = (
    rf"(?:9\d|1[0-2]\d|ninety(?:[- ](?:{_ONES}))?|(?:one |a )?hundred(?: and)?(?: (?:{_ONES}|ten))?)"
)
_AGE = re.compile(
    rf"(?<![\w./-])(?P<a>{_AGE_NUMBER})(?:[\s-]{{0,2}}(?:years?|yrs?|y)[\s./-]{{0,2}}(?:old|of age|o\b"
    rf"|/o\b)|\s?y/?o\b"
    rf"|\s?y\.\s?o\.|\s?-?(?:yo|yom|yof|y/o)\b|[\s-]?(?:year|yr)s?\b(?=\s+(?:male|female|man|woman|lady"
    rf"|gentleman))"
    rf"|[\s-]?(?:f|m|male|female|man|woman|lady|gentleman)\b(?!\s?[a-z]*/))"
    rf"|\b(?:age[ds]?|age\s(?:is|of)|turn(?:ed|s|ing)|aet(?:at)?\.?|(?:at|the) age of)\s?[:=]?\s{{0,3}}[\"']?"
    rf"(?P<b>{_AGE_NUMBER})\b(?![.,]?\d|\s?(?:%|mg|days?|weeks?|months?|minutes?|hours?|mm|cm|kg|lb"
    rf"|beats|bpm))"
    rf"|\bat\s(?P<d>ninety[- ](?:{_ONES}))\b"
    rf"|\b(?P<c>in (?:his|her|their) (?:90s|nineties|hundreds)|nonagenarian|centenarian|(?:9\d"
    rf"|1[01]\d)(?:st|nd|rd|th)\sbirthday)\b",
    re.IGNORECASE,
)
_MONTH_ALONE = re.compile(
    r"(?:January|February|March|April|May|June|July|August|September|October|November|December"
    r"|january|february|april|june|july|august|september|october|november|december)\b"
)
_BEFORE_MONTH = re.compile(
    r"\b(?i:in|since|until|till|by|from|through|during|before|after|last|next|of|early|mid|late|this|every)[ -]"
    r"(?:(?:early|mid|late)[ -])?$"
)
_TEMPERATURE = re.compile(r"\b(?i:temp(?:erature)?|tmax|fever|febrile|t)\b[^.;\n]{0,18}$")
_DIGIT = re.compile(r"\d")
_ORDINALS = re.compile(_ORDINAL, re.IGNORECASE)
_ALONE = re.compile(r"(?:may|march|mar|sun|sat|wed|jan|dec|second|first|sec)\W*", re.IGNORECASE)
_VERB = re.compile(r"(?:may|march|mar)\b")
_YEAR_AT_END = re.compile(r"(?:19|20)\d\d$")
_SHORT = re.compile(r"(?:mar|may|dec|oct|jan|jun|sep)\d{1,2}", re.IGNORECASE)
REPR_WORDS = trigger_words(("datetime", "date", "timestamp"))
AGE_WORDS = trigger_words(word_list("ninety nineties hundred hundreds nonagenarian centenarian"))
MONTH_WORDS = trigger_words(
    word_list(
        "jan january feb february mar march apr april may jun june jul july aug august sep sept "
        "september oct october nov "
        "november dec december"
    )
)


def written_dates(reading: Reading) -> Iterator[Span]:
    """Finds dates with a month in letters, such as `12 Apr 2023`, `March 3rd` or `the third of May`."""
    text, done = reading.text, 0
    for index in reading.indices(MONTH_WORDS):
        at = reading.starts[index]
        if at < done:
            continue
        near = text[max(0, at - 14) : at + 30]
        if not _DIGIT.search(near) and not _ORDINALS.search(near):
            continue
        for match in _WRITTEN.finditer(text, max(done, at - 40), at + 70):
            start, end = match.span()
            if end <= at or start > at:
                continue
            if _ALONE.fullmatch(match[0]) or (
                match[0].islower() and _VERB.match(match[0]) and not _YEAR_AT_END.search(match[0])
            ):
                continue
            if start and text[start - 1].isalnum() and text[start].isdigit():
                continue
            done = end
            yield start, end, "DATE", 0.85
            break
        else:
            merged = _MERGED.search(text, max(0, at - 3), at + 12)
            if merged is not None and not _SHORT.fullmatch(merged[0]):
                done = merged.end()
                yield *merged.span(), "DATE", 0.7


def date_reprs(reading: Reading) -> Iterator[Span]:
    """Finds dates as programs print them, such as `datetime.date(1950, 1, 31)`."""
    for match in _REPR.finditer(reading.text):
        yield *match.span(1), "DATE", 0.9


def old_ages(reading: Reading) -> Iterator[Span]:
    """Finds ages of 90 and more, in figures or words."""
    text = reading.text
    places = [
        index
        for index in reading.numbers
        if reading.tokens[index][0] in "91" and len(reading.tokens[index]) in (2, 3)
    ]
    for index in (*places, *reading.indices(AGE_WORDS)):
        at = reading.starts[index]
        if reading.tokens[index].isdigit() and not 90 <= int(reading.tokens[index]) <= 129:
            continue
        for match in _AGE.finditer(text, max(0, at - 26), at + 60):
            group = match.lastgroup
            if group == "a" and match[0][-1] in "fF" and _TEMPERATURE.search(text, max(0, at - 30), at):
                continue
            if group is not None and match.start(group) <= at < match.end(group):
                yield *match.span(group), "AGE", 0.85
                break


def months(reading: Reading) -> Iterator[Span]:
    """Finds months without a day or a year, as in `since July`."""
    for index in reading.indices(MONTH_WORDS):
        at = reading.starts[index]
        match = _MONTH_ALONE.match(reading.text, at)
        if match is not None and _BEFORE_MONTH.search(reading.text, max(0, at - 16), at):
            yield *match.span(), "DATE", 0.5
