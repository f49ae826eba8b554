"""Identifiers hidden as a whole: base64, hexadecimal, letters spaced out, words backwards, digits for letters.

Each gives a view of its own that stands for the hidden span, read by the same rules.
"""

import base64
import binascii
import re
from collections.abc import Iterator

from privacy.phi.lexicon import COMMON, FREQUENT_NAME, NAME_OR_PLACE, lexicon
from privacy.phi.reading import Reading, trigger_words
from privacy.phi.views import View

_BLOB = re.compile(
    r"(?<![A-Za-z0-9+/_-])(?=[A-Za-z0-9+/_-]{0,64}[a-z])(?=[A-Za-z0-9+/_-]{0,64}[A-Z])[A-Za-z0-9+/_-]{8,}={0,2}"
)
_HEX = re.compile(r"(?<![A-Za-z0-9])(?:0x|\\x)?(?:[0-9a-fA-F]{2}[ :]?){5,}(?![A-Za-z0-9])")
_HEX_RUN = re.compile(r"[0-9a-fA-F:]{10}")  # in whatever `_HEX` matches within a chunk
_SPACED = re.compile(r"(?<![A-Za-z0-9])(?:[A-Za-z0-9][ ._\-*|~+,/]{1,3}){3,}[A-Za-z0-9](?!\.?[A-Za-z0-9])")
_SPACE = re.compile(r"[ ._\-*|~+,/]")
_SPACED_HEX = re.compile(r"(?<![A-Za-z0-9])(?:[0-9a-fA-F]{2}[ :]){4,}[0-9a-fA-F]{2}(?![A-Za-z0-9])")
_SHORT_WORDS = re.compile(
    r"(?<![A-Za-z0-9])(?:[A-Za-z0-9]{1,2}[ ._\-*|~+,/:]{1,3}){3}[A-Za-z0-9]{1,2}(?![A-Za-z0-9])"
)
_LISTED = re.compile(r"\d+(?:[.,]\d+)+|(?:\d+[.,/]\s?)+\d|(?:[A-Za-z0-9], ?)+[A-Za-z0-9]")
_BACK_TOP = trigger_words(("moc", "gro", "ude", "ten", "vog", "lim", "ku"))
_BACK_EMAIL = re.compile(r"(?i)(?<![\w.])(?:moc|gro|ude|ten|vog|lim|ku)\.[\w.-]+@[\w.+-]+")
_LEET = re.compile(
    r"(?<![A-Za-z0-9])(?=[A-Za-z]{1,14}[0134578@$!])(?=\S{0,14}[A-Za-z]{2})[A-Za-z][A-Za-z0134578@$!]{2,14}(?![A-Za-z0-9@])"
)
_FROM_LEET = str.maketrans("0134578@$!", "oieastbasi")
_ASCII_BASE64 = frozenset(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef"
)  # first of four signs: the first byte is below 128
_ASCII_HEX = frozenset("0234567")
_TEXT = re.compile(r"[\x20-\x7e\t\r\n]*")


def disguised(reading: Reading, view: View, *, is_log: bool) -> Iterator[View]:
    """Finds what may hide something.

    Args:
        reading: the normalised text, read.
        view: the same with its origin.
        is_log: also takes words backwards and digits for letters.

    Returns:
        Views of what was hidden; readable text only.
    """
    text = reading.text
    for at, chunk in reading.chunks(10):
        if len(chunk) > 11 and not chunk.islower() and not chunk.isupper():
            for match in _BLOB.finditer(chunk):
                decoded = _base64(match[0])
                if decoded:
                    yield view.part(at + match.start(), at + match.end(), decoded)
        if not chunk.isalpha() and _HEX_RUN.search(chunk):
            for match in _HEX.finditer(chunk):
                decoded = _hexadecimal(match[0])
                if decoded:
                    yield view.part(at + match.start(), at + match.end(), decoded)
    first = _SHORT_WORDS.search(text) if reading.shorts > 2 else None
    if first is not None:  # wherever one of the other two matches, this one does
        for match in _SPACED.finditer(text, first.start()):
            if len(match[0]) >= 9 and not _LISTED.fullmatch(match[0]):
                yield view.part(*match.span(), _apart(match[0]))
        for match in _SPACED_HEX.finditer(text, first.start()):
            decoded = _hexadecimal(match[0])
            if decoded:
                yield view.part(*match.span(), decoded)
    if not is_log:
        return
    if "@" in text and reading.groups & _BACK_TOP:
        for match in _BACK_EMAIL.finditer(text):
            yield view.part(*match.span(), match[0][::-1])
    known = lexicon()
    for index in reading.suspects:
        flags, token = reading.flags[index], reading.tokens[index]
        if (flags >= 0 and (token.islower() or flags & COMMON)) or (
            len(token) < 4 and not (token.islower() and len(token) > 1)
        ):
            continue
        start, end = reading.starts[index], reading.end(index)
        if token.islower():
            if text[end : end + 1].isupper() and not text[end + 1 : end + 2].islower():
                token, end = text[start : end + 1], end + 1  # written forwards it begins with a capital
            elif len(token) < 5 or flags >= 0:
                continue
        else:
            continue
        found = known.get(token[::-1].lower(), 0)
        if found & NAME_OR_PLACE and found & COMMON == 0 and (not token.islower() or found & FREQUENT_NAME):
            yield view.part(start, end, f"Patient: {token[::-1].capitalize()}")
    done = 0
    for index in reading.numbers:
        at = reading.starts[index]
        if at < done or at == 0 or not text[at - 1].isalpha() or len(reading.tokens[index]) > 2:
            continue
        odd = _LEET.search(text, max(0, at - 12), at + 14)
        if odd is None or not odd.start() < at < odd.end():
            continue
        done = odd.end()
        yield from _leet(odd, view)
    if "@" in text or "$" in text:
        for match in _LEET.finditer(text):
            yield from _leet(match, view)


def _leet(match: re.Match[str], view: View) -> Iterator[View]:
    """A name written with digits for letters."""
    known = lexicon()
    word = match[0].translate(_FROM_LEET).lower()
    flags = known.get(word, 0)
    if (
        flags & FREQUENT_NAME
        and not flags & COMMON
        and match[0].lower() not in known
        and sum(map(str.isalpha, match[0])) >= 3
    ):
        yield view.part(*match.span(), f"Patient: {word.capitalize()}")


def _readable(data: bytes) -> str:
    """Decoded text if it is text."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    text = text.strip("\x00")
    return text if len(text) >= 4 and _TEXT.fullmatch(text) else ""


def _base64(blob: str) -> str:
    """What a blob hides; it may have lost its first or last signs."""
    plain = blob.rstrip("=").replace("-", "+").replace("_", "/")
    for skip in range(4 if len(plain) >= 16 else 1):
        if not _ASCII_BASE64.issuperset(plain[skip::4]):
            continue
        part = plain[skip:]
        part = part[: len(part) - (len(part) % 4 == 1)]
        try:
            text = _readable(base64.b64decode(part + "=" * (-len(part) % 4)))
        except (binascii.Error, ValueError):
            continue
        if text:
            return text
    return ""


def _hexadecimal(blob: str) -> str:
    digits = re.sub(r"[^0-9a-fA-F]", "", blob.removeprefix("0x"))
    if not _ASCII_HEX.issuperset(digits[: len(digits) // 2 * 2 : 2]):
        return ""
    return _readable(bytes.fromhex(digits[: len(digits) // 2 * 2]))


def _apart(spaced: str) -> str:
    """Letters joined; a wider gap or a change of case is a space."""
    return re.sub(
        r"(?<=[a-z])(?=[A-Z])",
        " ",
        _SPACE.sub("", re.sub(r"  +| / |, ", "\x01", spaced)).replace("\x01", " "),
    )
