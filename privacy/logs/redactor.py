"""One text made clean: scanned, replaced, scanned again, and withheld where anything goes wrong.

Guarantees: what `clean` returns has passed a scan of the detector in which nothing was found, or it is one of the
constant texts below. It never raises, and never returns its input because something failed. It holds as far as
the detector finds what is there; values that the program passes as arguments do not rely on that (`values.py`).
"""

import re
import threading
from typing import Protocol

from privacy.logs.counters import Event, count
from privacy.logs.tokens import TOKEN, Tokens

LONGEST = 16_384  # characters of one text; longer ones are withheld, for part of an identifier is one, too
TOO_LONG = "[withheld: too long to be scanned]"
FAILED = "[withheld: the detector failed]"
STILL_FOUND = "[withheld: the second scan found more]"
NESTED = "[withheld: written from inside the detector]"
_KEPT = 4096
_SCANS = 3
_CONSTANTS = frozenset((TOO_LONG, FAILED, STILL_FOUND, NESTED))


class Found(Protocol):
    """What is needed of a finding; offsets of characters, end exclusive."""

    @property
    def start(self) -> int:
        """First character."""

    @property
    def end(self) -> int:
        """One past the last character."""

    @property
    def entity(self) -> str:
        """Kind of identifier."""


class Finder(Protocol):
    """What is needed of a detector."""

    def find(self, text: str) -> "list[Found]":
        """Every identifier of a text."""


class Redactor:
    """Cleans texts with one detector.

    Args:
        tokens: for what is found.
        finder: the detector; that of the profile `logs` when None, loaded with the first text.
        longest: characters of a text that are still scanned.
    """

    def __init__(self, tokens: Tokens, finder: Finder | None = None, longest: int = LONGEST) -> None:
        self.tokens = tokens
        self._finder = finder
        self._longest = longest
        self._inside = threading.local()
        self._clean: dict[
            str, None
        ] = {}  # texts in which nothing was found, so that nothing is kept that was
        self._loading = threading.Lock()

    def clean(self, text: str) -> str:
        """The text with a token for every identifier, or a constant text."""
        if not text or text in self._clean or text in _CONSTANTS or text.isspace():
            return text
        if len(text) > self._longest:
            count(Event.WITHHELD_LONG)
            return TOO_LONG
        if getattr(self._inside, "busy", False):
            count(Event.WITHHELD_NESTED)
            return NESTED
        self._inside.busy = True
        try:
            return self._scan(text)
        except Exception:  # whatever it is, the text may not pass
            count(Event.WITHHELD_ERROR)
            return FAILED
        finally:
            self._inside.busy = False

    def load(self) -> None:
        """Loads the detector now, so that no first record waits for it."""
        self.clean("ready")

    def after_fork(self) -> None:
        """New locks for a forked child: another thread may have held the old ones."""
        self._inside, self._loading = threading.local(), threading.Lock()

    def _scan(self, text: str) -> str:
        finder = self._finder or self._load()
        for _ in range(_SCANS):
            kept = [match.span() for match in TOKEN.finditer(text)]
            shown = TOKEN.sub(_blank, text) if kept else text  # letters of tokens would be read as names
            findings = [f for f in finder.find(shown) if _matters(text, f.start, f.end, kept)]
            if not findings:
                if len(text) <= 512:
                    if len(self._clean) >= _KEPT:
                        self._clean.clear()
                    self._clean[text] = None
                return text
            count(Event.FOUND, len(findings))
            text = self._replace(text, findings, kept)
        count(Event.WITHHELD_VALIDATION)
        return STILL_FOUND

    def _replace(self, text: str, findings: "list[Found]", kept: list[tuple[int, int]]) -> str:
        """Tokens in place of findings; tokens that a finding reaches over stay."""
        pieces, at = [], 0
        for finding in sorted(findings, key=lambda found: (found.start, -found.end)):
            start, end = max(finding.start, at), finding.end
            for first, last in [*((f, e) for f, e in kept if f < end and e > start), (end, end)]:
                stop = min(first, end)
                if _says_something(text, start, stop):
                    pieces += [text[at:start], self.tokens.token(text[start:stop], _kind(finding.entity))]
                    at = stop
                start = max(start, last)
        return "".join([*pieces, text[at:]])

    def _load(self) -> Finder:
        with self._loading:
            if self._finder is None:
                from privacy.phi import detector

                self._finder = detector("logs")  # type: ignore[assignment]
            return self._finder  # type: ignore[return-value]


def _blank(token: re.Match[str]) -> str:
    """A token without its letters, as long as before."""
    return f"<{'_' * (len(token[0]) - 2)}>"


def _matters(text: str, start: int, end: int, kept: list[tuple[int, int]]) -> bool:
    """Whether a finding holds anything beside tokens."""
    for first, last in kept:
        if first <= start < last:
            start = last
        if first < end <= last:
            end = first
    return start < end and _says_something(text, start, end)


def _says_something(text: str, start: int, end: int) -> bool:
    return start < end and (any(map(str.isalnum, text[start:end])) or not text[start:end].isascii())


def _kind(entity: str) -> str:
    return re.sub("[^A-Z_]", "", entity.upper())[:31] or "FOUND"
