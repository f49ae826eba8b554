"""Names written as components: `HALVORSEN^INGRID^^^DR` of HL7 and DICOM, `NM1*IL*1*DOE*JANE` of X12, `NAIDOO R`."""

import re
from collections.abc import Iterator, Sequence

from privacy.phi.eponyms import is_term
from privacy.phi.lexicon import COMMON, EPONYM, MEDICAL, NAME_OR_PLACE, TECHNICAL, is_usual, lexicon
from privacy.phi.reading import Reading
from privacy.phi.spans import Span

_CARET = re.compile(
    r"(?<![\w^])(?:[A-Z]{0,3}\d{3,12}\^{1,2})?(?P<name>[A-Za-z][A-Za-z'. -]{1,40}\^[A-Za-z][A-Za-z'. -]*"
    r"(?:\^[A-Za-z][A-Za-z'. -]*){0,2})(?![\w^]*\d)"
)
_STAR = re.compile(
    r"(?<![\w*])(?:NM1\*\w{2,3}\*1\*(?P<person>[^*~]*\*[^*~]*(?:\*[^*~]*)?)"
    r"|(?P<name>[A-Z][A-Za-z'-]{2,}\*[A-Z][A-Za-z'-]{2,}))"
)
_WITH_INITIAL = re.compile(r"(?<![\w.^*/-])(?P<name>[A-Z][A-Z'-]{3,},? [A-Z])(?![\w'./-])")
_TIES = frozenset((";", ",", "<<"))
_LISTED = re.compile(
    r"(?<![\w;,|<-])(?P<a>[A-Z][A-Za-z'-]{2,})(?P<tie>;|<<|, ?)(?P<b>[A-Z][A-Za-z'-]{2,}|[A-Z]\.)(?![\w(:=-])"
)
_PART = re.compile(r"[A-Za-z]{2,}")


def components(reading: Reading) -> Iterator[Span]:
    """Finds names in a log line whose parts are joined by `^` or `*`, or family names in capitals with an initial.

    Args:
        reading: a normalised text.

    Returns:
        Spans; with the person's number if one stands in front.
    """
    text = reading.text
    if "^" in text:
        for match in _CARET.finditer(text):
            if _can_be_name(_PART.findall(match["name"])):
                yield *match.span(), "NAME", 0.6
    if "*" in text:
        for match in _STAR.finditer(text):
            kind = match.lastgroup or "name"
            if kind == "person" or _can_be_name(_PART.findall(match[kind])):
                yield *match.span(kind), "NAME", 0.6
    if "," in text or ";" in text or "<<" in text:
        known = lexicon()
        for first in sorted({at for index in reading.suspects for at in (index, index - 2)}):
            if not 0 <= first < len(reading.tokens) - 1 or reading.tokens[first + 1] not in _TIES:
                continue
            pair = _LISTED.match(text, reading.starts[first])
            if pair is None:
                continue
            flags = [known.get(pair[part].lower(), -1) for part in ("a", "b")]
            named = [_is_named(flag) for flag in flags]
            if (
                any(flag > 0 and flag & (TECHNICAL | EPONYM | MEDICAL) for flag in flags)
                and pair["tie"] != "<<"
            ):
                continue
            if (
                (pair["tie"] == ";" and flags == [-1, -1] and min(len(pair["a"]), len(pair["b"])) > 4)
                or (any(named) and all(n or flag < 0 for n, flag in zip(named, flags, strict=True)))
                or (pair["b"][1:] == "." and (flags[0] < 0 or named[0]) and len(pair["a"]) > 4)
                or (pair["tie"] == "<<" and any(n or flag < 0 for n, flag in zip(named, flags, strict=True)))
            ):
                yield *pair.span(), "NAME", 0.55
    for index in reading.suspects:
        token = reading.tokens[index]
        if len(token) > 3 and token.isupper():
            initial = _WITH_INITIAL.match(text, reading.starts[index])
            flag = reading.flags[index]
            if (
                initial is not None
                and initial.end("name") - reading.end(index) < 4
                and not (flag > 0 and flag & (COMMON | MEDICAL | TECHNICAL | EPONYM))
                and not is_term(reading, [index], [token + "x" * 6], [flag], 0.9)
            ):
                yield *initial.span("name"), "NAME", 0.5


def _is_named(flags: int) -> bool:
    """Whether a word is a name and no usual word."""
    return flags > 0 and bool(flags & NAME_OR_PLACE) and not is_usual(flags)


def _can_be_name(parts: Sequence[str]) -> bool:
    """Whether one of some words is a name or long and unknown, and not all are usual."""
    known = lexicon()
    for part in parts:
        flags = known.get(part.lower(), -1)
        if flags < 0 and len(part) > 4:
            return True
        if flags > 0 and flags & NAME_OR_PLACE and not is_usual(flags) and not flags & TECHNICAL:
            return True
    return False
