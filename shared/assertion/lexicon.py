"""The cues of `cues.tsv`, ready to be found in a note: longest first, from left to right, in linear time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

from shared.assertion.words import split_phrase, word_set
from shared.errors import FixSettings

MEANINGS = word_set(
    """negated possible historical family hypothetical present stop stop-all stop-family past event current
    nothing"""
)
SCOPES = word_set("after before around both answer end -")
_MARK = "\0"  # in a phrase: what follows must follow, and is left for the next cue
_FILE = Path(__file__).with_name("cues.tsv")


@dataclass(frozen=True, slots=True)
class Cue:
    """One phrase and what it says.

    Args:
        phrase: as the lexicon writes it; never text of a note.
        meaning: one of `MEANINGS`.
        scope: one of `SCOPES`.
        reach: `-`, `np`, `disease`, `symptom` or a number of words, as the head of `cues.tsv` explains.
    """

    phrase: str
    meaning: str
    scope: str
    reach: str


@dataclass(frozen=True, slots=True)
class Found:
    """A cue in a note; word offsets, end exclusive."""

    start: int
    end: int
    cue: Cue


class Lexicon:
    """Phrases as a tree of words.

    Args:
        lines: as `cues.tsv` explains.

    Raises:
        FixSettings: a line is malformed.
    """

    def __init__(self, lines: Sequence[str]) -> None:
        self._root: dict[str, Any] = {}
        self._classes: dict[str, list[str]] = {}
        macros: dict[str, list[str]] = {}
        for number, line in enumerate(lines, start=1):
            if not line or line[0] == "#":
                continue
            fields = line.split("\t")
            if line[0] in "@%" and len(fields) == 2:
                members = fields[1].split(" | ")
                if line[0] == "%":
                    for member in members:
                        self._classes.setdefault(member, []).append(fields[0])
                else:
                    macros[fields[0][1:]] = [text for one in members for text in _expand(one, macros)]
                continue
            if len(fields) != 4 or fields[0] not in MEANINGS or fields[1] not in SCOPES:
                raise FixSettings(
                    "not a rule", where=f"cues.tsv:{number}", remedy="Its first lines explain the form."
                )
            for written in fields[3].split(" | "):
                for phrase in _expand(written, macros):
                    self._add(phrase, Cue(phrase.replace(" > ", " "), *fields[:3]))

    def _add(self, phrase: str, cue: Cue) -> None:
        node = self._root
        taken, _, ahead = phrase.partition(" > ")
        own = _split(taken)
        for word in (*own, *_split(ahead)):
            node = node.setdefault(word, {})
        node.setdefault(_MARK, (len(own), cue))  # the first line that has a phrase counts

    def find(self, words: Sequence[str], start: int, end: int, barred: Sequence[int]) -> Iterator[Found]:
        """Finds the cues among the words `start` to `end`.

        Args:
            words: in small letters.
            start: first word.
            end: one past the last.
            barred: for each word whether a finding holds it; a cue holds none of those.

        Returns:
            Cues in order, not overlapping.
        """
        root, classes = self._root, self._classes
        at = start
        while at < end:
            word = words[at]
            if barred[at] or (word not in root and word not in classes and not word.isdecimal()):
                at += 1
                continue
            best = self._longest(root, words, at, at, end, barred)
            if best is None:
                at += 1
                continue
            taken, cue = best[1]
            if cue.meaning == "nothing" and at + taken < end and barred[at + taken]:
                # "likely viral [pneumonia]", not "stroke, likely viral"
                single = root.get(word, {}).get(_MARK)
                if single is not None and single[1].meaning == "possible":
                    taken, cue = single
            if cue.scope in ("before", "around") and taken > 1:
                ahead = self._ahead(words, at, taken, end, barred)
                if ahead:
                    at += ahead
                    continue
            yield Found(at, min(at + taken, end), cue)
            at += max(taken, 1)

    def _ahead(self, words: Sequence[str], at: int, taken: int, end: int, barred: Sequence[int]) -> int:
        """How many words to skip where a phrase that looks on begins inside one that looks back.

        "was negative for" holds "was negative", which looks back, and "negative for", which does not.
        """
        for skipped in range(1, taken):
            first = at + skipped
            inner = self._longest(self._root, words, first, first, end, barred) if first < end else None
            if inner is not None and skipped + inner[1][0] > taken and inner[1][1].scope == "after":
                return skipped
        return 0

    def _longest(
        self,
        node: dict[str, Any],
        words: Sequence[str],
        first: int,
        at: int,
        end: int,
        barred: Sequence[int],
    ) -> tuple[int, tuple[int, Cue]] | None:
        """How far the longest phrase from here reaches, and its cue."""
        best = (at - first, node[_MARK]) if _MARK in node else None
        if at == end or barred[at]:
            return best
        word = words[at]
        for key in (word, *self._classes.get(word, ()), *_number(word)):
            child = node.get(key)
            if child is not None:
                found = self._longest(child, words, first, at + 1, end, barred)
                if found is not None and (best is None or found[0] > best[0]):
                    best = found
        return best


@cache
def lexicon() -> Lexicon:
    """The lexicon that clinfed ships, read when it is first asked for."""
    return Lexicon(_FILE.read_text("utf-8").splitlines())


def _number(word: str) -> tuple[str, ...]:
    if not word.isdecimal():
        return ()
    return ("<year>", "<n>") if len(word) == 4 and word[:2] in ("19", "20") else ("<n>",)


def _split(phrase: str) -> tuple[str, ...]:
    """Words of a phrase; a class and a number are one word."""
    words: list[str] = []
    for part in phrase.split():
        words += [part] if part[0] == "%" or part in ("<n>", "<year>") else split_phrase(part)
    return tuple(words)


def _expand(phrase: str, macros: dict[str, list[str]]) -> list[str]:
    """The phrase with every choice of words for each `{name}`."""
    pieces = phrase.replace("}", "{").split("{")
    choices = [[piece] if index % 2 == 0 else macros[piece] for index, piece in enumerate(pieces)]
    return [
        " ".join(" ".join(word for word in " ".join(chosen).split() if word != "~").split())
        for chosen in product(*choices)
    ]
