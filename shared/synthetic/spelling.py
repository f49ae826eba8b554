"""How a hospital's writers spell: shorthand such as `h/o`, and typing errors at the house's rate."""

import re
from random import Random

_SHORTHAND = {
    "history of": "h/o",
    "status post": "s/p",
    "the patient": "pt",
    "patient": "pt",
    "without": "w/o",
    "with": "w/",
    "treated": "tx'd",
    "follow up": "f/u",
    "follow-up": "f/u",
    "possible": "poss",
    "complicated by": "c/b",
    "evaluation": "eval",
    "continue": "cont",
    "because of": "2/2",
    "discharge": "d/c",
    "family history": "FHx",
    "negative": "neg",
    "positive": "pos",
}
_SHORTENED = re.compile(r"\b(" + "|".join(sorted(_SHORTHAND, key=len, reverse=True)) + r")\b", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z]{5,}")


def shorten(text: str) -> str:
    """Writes common phrases in clinical shorthand; a capital stays one."""
    return _SHORTENED.sub(_shorthand, text)


def mistype(text: str, rate: float, rng: Random) -> str:
    """Puts typing errors into a text.

    Args:
        text: a phrase or a sentence.
        rate: chance in 0..1 that a word of five letters or more gets one error.
        rng: the patient's source of chance.

    Returns:
        The text with letters swapped, dropped or doubled inside words; first and last letters stay.
    """
    if rate <= 0:
        return text
    return _WORD.sub(lambda match: _slip(match[0], rng) if rng.random() < rate else match[0], text)


def _shorthand(match: re.Match[str]) -> str:
    short = _SHORTHAND[match[0].lower()]
    return short[0].upper() + short[1:] if match[0][0].isupper() else short


def _slip(word: str, rng: Random) -> str:
    """One error inside a word."""
    at, kind = rng.randrange(1, len(word) - 2), rng.randrange(3)
    if kind == 0:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return word[:at] + word[at + 1 :] if kind == 1 else word[:at] + word[at] + word[at:]
