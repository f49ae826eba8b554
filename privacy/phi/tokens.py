"""Text to tokens for the tagger: words split at case changes, numbers, runs of one sign."""

import re
from itertools import accumulate

_WORDS = r"[a-z]+|\d+|(?:Mc|Mac|O'|D'|De|Di|Du|La|Le|Fitz|Van|Von)[A-Z][a-z]+|[A-Z]+(?=[A-Z][a-z])|[A-Z][a-z]+|[A-Z]+"
_TOKEN = re.compile(rf"{_WORDS}|[^\W\d_]+|(\S)\1*")
_FREQUENT = ".,:-_/='\"()[]"
_SIGNS = [
    *_FREQUENT,
    *(s for s in map(chr, range(128)) if not s.isalnum() and not s.isspace() and s not in _FREQUENT),
]
_RUNS = "|".join(f"{re.escape(sign)}{re.escape(sign)}*" for sign in _SIGNS)
_ASCII = re.compile(rf"(?:{_WORDS}|{_RUNS})\s*")  # a token with the white space behind it


def tokenise(text: str) -> tuple[list[str], list[int]]:
    """Splits text into tokens.

    Args:
        text: a normalised text.

    Returns:
        The tokens and the offset of each one's first character.
    """
    if text.isascii():  # without a match object for each token: twice as fast
        lead = len(text) - len(text.lstrip())
        pieces = _ASCII.findall(text)
        starts = list(accumulate(map(len, pieces), initial=lead))
        starts.pop()
        return list(map(str.rstrip, pieces)), starts
    matches = list(_TOKEN.finditer(text))
    return [match[0] for match in matches], [match.start() for match in matches]
