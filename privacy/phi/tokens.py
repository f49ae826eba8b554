"""Text to tokens for the tagger: words split at case changes, numbers, runs of one sign."""

import re

_TOKEN = re.compile(
    r"[a-z]+|\d+|(?:Mc|Mac|O'|D'|De|Di|Du|La|Le|Fitz|Van|Von)[A-Z][a-z]+|[A-Z]+(?=[A-Z][a-z])|[A-Z][a-z]+|[A-Z]+"
    r"|[^\W\d_]+|(\S)\1*"
)


def tokenise(text: str) -> tuple[list[str], list[int]]:
    """Splits text into tokens.

    Args:
        text: a normalised text.

    Returns:
        The tokens and the offset of each one's first character.
    """
    matches = list(_TOKEN.finditer(text))
    return [match[0] for match in matches], [match.start() for match in matches]
