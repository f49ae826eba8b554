"""What is known of single words: how common, a name, a place, medical, an eponym, a word of software.

The list lies beside this file (`data/lexicon.txt.gz`, made by `privacy.phi.training.lexicon`): lower-case words
without accents. One integer holds what is known of a word, so that a look-up is one access to a dictionary.
"""

import gzip
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

COMMON = 3  # mask: 0 not a usual word, 1 rare, 2 usual, 3 very usual
FIRST, LAST, PLACE = 3 << 2, 3 << 4, 3 << 6  # masks: given name, family name, place; 0 no, 1 yes, 2 frequent
MEDICAL, EPONYM, TECHNICAL = 1 << 8, 1 << 9, 1 << 10  # flags
NAME_OR_PLACE = FIRST | LAST | PLACE
FREQUENT_NAME = 2 << 2 | 2 << 4
FREQUENT = FREQUENT_NAME | 2 << 6
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")


@cache
def lexicon() -> Mapping[str, int]:
    """Loads the words once a process: about 190,000, 20 MB.

    Returns:
        Lower-case word without accents to flags.
    """
    words: dict[str, int] = {}
    data = (files("privacy.phi") / "data" / "lexicon.txt.gz").read_bytes()
    for line in gzip.decompress(data).decode("ascii").splitlines():
        flags, _, rest = line.partition(" ")
        words.update(dict.fromkeys(rest.split(" "), int(flags)))
    for word in _by_hand("tech"):
        known = words.get(word, 0)
        if not known & TECHNICAL:
            words[word] = known | TECHNICAL | (0 if known & NAME_OR_PLACE else 2)
    for word in _by_hand("drugs"):
        words.setdefault(word, MEDICAL)
    for word in _by_hand("eponyms"):
        words[word] = words.get(word, 0) | EPONYM
    return words


def _by_hand(name: str) -> set[str]:
    """The words of a list that people keep."""
    lines = (files("privacy.phi") / "data" / f"{name}.txt").read_text("ascii").splitlines()
    return {word for line in lines if not line.startswith("#") for word in line.split()}


def is_usual(flags: int) -> bool:
    """Whether a word is more often a word than somebody's name."""
    return flags & COMMON >= 2 or not flags & NAME_OR_PLACE


def is_plain(value: str) -> bool:
    """Whether a value consists of usual words and small numbers only.

    Args:
        value: words in any writing, camel case included.
    """
    known = lexicon()
    words = _WORDS.findall(value)
    return bool(words) and all(
        len(word) < 5
        if word.isdigit()
        else (word.lower() in known and is_usual(known[word.lower()])) or len(word) < 2
        for word in words
    )
