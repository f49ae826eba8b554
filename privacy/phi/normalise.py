"""Undoes what hides an identifier character by character, before any rule reads the text.

Width, ligatures and accents, digits of other scripts, letters that look Latin, invisible characters, escape codes of
terminals, URLs, HTML and JSON, wordpieces. Decoding is repeated, because an escape may hide another.
"""

import html
import re
import unicodedata
from functools import lru_cache
from urllib.parse import unquote

from privacy.phi.views import View

_ROUNDS = 3
_ODD = re.compile(r"[%&\\\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ESCAPES = re.compile(
    r"(?P<ansi>\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][0-9]{0,3};?|\x1b[@-Z\\-_])"
    r"|(?P<url>(?:%(?:25)*[0-9A-Fa-f]{2})+)"
    r"|(?P<html>&(?:\#[0-9]{1,7}|\#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,8}[0-9]{0,2});)"
    r"|(?P<json>(?:\\{1,4}u[0-9a-fA-F]{4}|\\{1,4}x[0-9a-fA-F]{2}|\\{1,4}U[0-9a-fA-F]{8})+)"
    r"|(?P<short>\\{1,4}[nrt](?![a-z]{3})|\\{1,4}[\"'/](?=\S))"
    r"|(?P<piece>(?<=\w)(?:\s|['\"],?\s?['\"])?##(?=\w))"
    r"|(?P<control>[\x00-\x08\x0b\x0c\x0e-\x1f\x7f])"
)
_CODE = re.compile(r"\\+(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|U([0-9a-fA-F]{8}))")
_OTHER = re.compile(r"[^\x00-\x7f]+")
_LETTERS = re.compile(r"[^\W\d_]{2,}")
_FOREIGN = re.compile(r"[\u0370-\u058f\u1c80-\u1c8f\u2c00-\u2dff\ua640-\ua69f]")
_LOOKALIKE = str.maketrans(
    "АВЕЅІЈКМНОРСТУХҮԛԝавеѕіјкморстухүһԁґԌԍӏΑΒΕΖΗΙΚΜΝΟΡΤΥΧοαινρυκтнмвгпАԜԚ",
    "ABESIJKMHOPCTYXYqwabesijkmopctyxyhdrGglABEZHIKMNOPTYXoaivpuktHMBrnAWQ",
)
_SINGLE = {
    "ı": "i", "ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th",
    "ß": "ss", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ɡ": "g", "ɑ": "a", "ʀ": "R", "ᴀ": "A", "ħ": "h", "ŋ": "n",
    "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "―": "-", "−": "-", "﹣": "-", "⁄": "/", "∕": "/", "’": "'",
    "‘": "'", "ʼ": "'", "´": "'", "“": '"', "”": '"', "·": ".", "․": ".", "。": ".", "∙": ".", "•": " ", "▁": " ",
    "Ġ": " ", "ﹾ": "", "ϲ": "c", "ᴇ": "E",
}  # fmt: skip


def normalise(text: str) -> View:
    """Decodes a text.

    Args:
        text: any Unicode, lone surrogates included.

    Returns:
        The text as a person would read it, in ASCII where a Latin letter or a digit is meant; the original itself,
        at no cost, where there is nothing to decode.
    """
    view = View(text)
    if text.isascii() and "##" not in text and not _ODD.search(text):
        return view
    for _ in range(_ROUNDS):
        before = view.text
        view = view.replace(_ESCAPES, _unescape)
        if not view.text.isascii():
            if _FOREIGN.search(view.text):
                view = view.replace(_LETTERS, _latin)
            view = view.replace(_OTHER, _fold_run)
        if view.text == before:
            break
    return view


def _unescape(match: re.Match[str]) -> str:
    kind, text = match.lastgroup, match[0]
    if kind == "url":
        while "%25" in text:
            text = text.replace("%25", "%")
        return unquote(text, errors="replace")
    if kind == "html":
        return html.unescape(text)
    if kind == "json":
        return _CODE.sub(lambda code: _character(int(code[1] or code[2] or code[3], 16)), text)
    if kind == "short":
        return text[-1] if text[-1] in "\"'/" else "\n"
    return ""


def _character(number: int) -> str:
    return chr(number) if number < 0x110000 else ""


def _latin(match: re.Match[str]) -> str:
    """Letters that look Latin, where the word holds Latin ones or nothing else."""
    word = match[0]
    if word.isascii():
        return word
    changed = word.translate(_LOOKALIKE)
    rest = [c for c in changed if not c.isascii() and not unicodedata.name(c, "LATIN").startswith("LATIN")]
    return word if rest else changed


def _fold_run(match: re.Match[str]) -> str:
    return "".join(map(_fold, match[0]))


@lru_cache(maxsize=4096)
def _fold(sign: str) -> str:
    """One character in ASCII if it is a Latin letter, a digit or white space; nothing if it is invisible."""
    known = _SINGLE.get(sign)
    if known is not None:
        return known
    category = unicodedata.category(sign)
    if category in ("Cf", "Mn", "Me", "Cc", "Co", "Cs"):
        return "\ufffd" if category in ("Co", "Cs") else ""
    if category == "Nd":
        return str(unicodedata.decimal(sign))
    if category.startswith("Z"):
        return "\n" if sign in "\u2028\u2029" else " "
    plain = "".join(c for c in unicodedata.normalize("NFKD", sign) if not unicodedata.combining(c))
    return "".join(_SINGLE.get(c, c) for c in plain) if plain else ""
