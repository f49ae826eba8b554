"""A text read once: its tokens, what the lexicon knows of them, and which of them can begin or end an identifier.

All rules start at a token found here, so that a rule costs nothing where its words do not occur.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import cast

from privacy.phi.lexicon import COMMON, NAME_OR_PLACE, TECHNICAL, lexicon
from privacy.phi.tokens import tokenise

_PLAIN = COMMON | TECHNICAL
_NEVER = frozenset((COMMON, TECHNICAL | 2, TECHNICAL | 3))  # usual words that happen to be somebody's name
_triggers: dict[str, int] = {}
_groups: list[int] = []


@dataclass(slots=True)  # not frozen: that would cost more than all the rest of reading a line
class Reading:
    """A normalised text and its tokens; nobody changes it.

    Args:
        text: the text.
        tokens: words split at case changes, runs of digits, single signs.
        starts: offset of each token's first character.
        lower: the tokens in lower case.
        flags: what the lexicon knows of each token; -1 of one that it does not know.
        numbers: indices of the tokens made of digits.
        number_starts: their offsets.
        suspects: indices of the words that are unknown, or names and not very usual words.
        has_lower: whether a word is written in lower case.
        has_upper: whether a word begins with a capital.
        groups: the groups of `trigger_words` that occur.
        hits: where a word of theirs stands, and which groups it belongs to.
        shorts: number of tokens of one or two letters or digits that are not usual words.
    """

    text: str
    tokens: Sequence[str]
    starts: Sequence[int]
    lower: Sequence[str]
    flags: Sequence[int]
    numbers: Sequence[int]
    number_starts: Sequence[int]
    suspects: Sequence[int]
    has_lower: bool
    has_upper: bool
    groups: int
    hits: Sequence[tuple[int, int]]
    shorts: int

    def indices(self, wanted: int) -> list[int]:
        """Where a word of any of some groups stands."""
        if not self.groups & wanted:
            return []
        return [index for index, groups in self.hits if groups & wanted]

    def end(self, index: int) -> int:
        """One past the last character of a token."""
        return self.starts[index] + len(self.tokens[index])

    def chunks(self, least: int) -> list[tuple[int, str]]:
        """Offset and text of each run of so many or more characters without white space."""
        found, at = [], 0
        for run in self.text.split():
            if len(run) >= least:
                at = self.text.find(run, at)
                found.append((at, run))
                at += len(run)
        return found

    def line_starts(self) -> frozenset[int]:
        """Indices of the tokens that begin a line."""
        found, at, starts = {0}, self.text.find("\n"), self.starts
        while at >= 0:
            found.add(bisect_left(starts, at))
            at = self.text.find("\n", at + 1)
        return frozenset(found)

    def is_number_near(self, end: int, reach: int) -> bool:
        """Whether a number begins within so many characters behind an offset."""
        at = bisect_left(self.number_starts, end)
        return at < len(self.number_starts) and self.number_starts[at] < end + reach


def trigger_words(words: Iterable[str]) -> int:
    """Names a group of words that a rule starts at.

    Args:
        words: lower case.

    Returns:
        The group, a bit of its own; `a | b` is two groups.
    """
    _groups.append(group := 1 << len(_groups))
    for word in words:
        _triggers[word] = _triggers.get(word, 0) | group
    return group


@cache
def _hot() -> Mapping[str, int]:
    """The very usual words and the signs: small enough to stay in the processor's cache."""
    usual = {word: flags for word, flags in lexicon().items() if flags & COMMON == COMMON}
    return usual | {sign: -1 for sign in map(chr, range(33, 127)) if not sign.isalnum()}


def read(text: str) -> Reading:
    """Reads a text.

    Args:
        text: a normalised text.

    Returns:
        What the rules need of it.
    """
    tokens, starts = tokenise(text)
    lower = list(map(str.lower, tokens))
    get = lexicon().get
    found = list(map(_hot().get, lower))
    numbers: list[int] = []
    suspects: list[int] = []
    shorts = 0
    for index in [index for index, flag in enumerate(found) if flag is None]:
        word = lower[index]
        size, first = len(word), word[0]
        if size < 3:
            shorts += 1
        if first.isalpha():
            found[index] = flag = get(word, -1)
            if size > 1 and (flag < 0 or (flag & NAME_OR_PLACE and flag & _PLAIN not in _NEVER)):
                suspects.append(index)
        else:
            found[index] = -1
            if first.isdigit():
                numbers.append(index)
    hits = [(index, bits) for index, bits in enumerate(map(_triggers.get, lower)) if bits]
    groups = 0
    for _, bits in hits:
        groups |= bits
    return Reading(
        text,
        tokens,
        starts,
        lower,
        cast(list[int], found),
        numbers,
        [starts[index] for index in numbers],
        suspects,
        not text.isupper(),
        not text.islower(),
        groups,
        hits,
        shorts,
    )
