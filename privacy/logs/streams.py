"""`sys.stdout` and `sys.stderr` that clean what is printed before it goes anywhere, and the channel for results.

Guarantees: only whole lines leave, so an identifier written in pieces is scanned as one; threads do not mix.
Whoever mirrors the stream by replacing `write` (Flower does, to upload what is printed) gets clean lines.

A command's results are its product: `clinfed node extract` prints words of the note it was given. They go by
`click.echo` (and `typer.echo`) to the real standard output. Everything else that reaches standard output was
not meant for the user, and is treated as a log.
"""

import io
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any, BinaryIO, TextIO

from privacy.logs.blocks import clean_lines, complete, withheld_line
from privacy.logs.counters import Event, count
from privacy.logs.redactor import Redactor

_LONGEST_LINE = 65_536
_SWEEP = 64  # threads remembered before those that ended are written out


class CleanStream(io.TextIOBase):
    """A text stream in front of another.

    Args:
        inner: what clean lines are written to.
        redactor: cleans them.
        terminal: whether a terminal is behind it, for progress bars.
    """

    def __init__(self, inner: TextIO, redactor: Redactor, *, terminal: bool = False) -> None:
        self._inner, self._redactor, self._terminal = inner, redactor, terminal
        self.used = False
        self._mirror: Callable[[str], Any] | None = None
        self._rests: dict[threading.Thread, str] = {}
        self._inside = threading.local()

    @property
    def write(self) -> Callable[[str], int]:
        """Takes text; lines leave when they are whole."""
        return self._take

    @write.setter
    def write(self, mirror: Callable[[str], Any]) -> None:
        self._mirror = mirror

    def writelines(self, lines: Iterable[str]) -> None:  # type: ignore[override]
        """Takes several texts."""
        for line in lines:
            self._take(line)

    def flush(self) -> None:
        """Passes on what is whole; an unfinished line waits."""
        self._guarded(self._inner.flush)

    def finish(self) -> None:
        """Passes on unfinished lines, too: the process ends."""
        for thread in list(self._rests):
            self._pass_on(self._rests.pop(thread, ""))
        self.flush()

    def fileno(self) -> int:
        """The descriptor behind it; what is written there goes through the pump."""
        return self._inner.fileno()

    def isatty(self) -> bool:
        """Whether a terminal is behind it."""
        return self._terminal

    def writable(self) -> bool:
        """It is."""
        return True

    @property
    def buffer(self) -> BinaryIO:
        """Bytes behind it; what is written there goes through the pump."""
        return self._inner.buffer

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Of the bytes behind it."""
        return self._inner.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """What happens to characters that the encoding lacks."""
        return self._inner.errors

    @property
    def name(self) -> str:
        """As of a file."""
        return str(getattr(self._inner, "name", "<stream>"))

    @property
    def mode(self) -> str:
        """As of a file."""
        return "w"

    def _take(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if getattr(self._inside, "busy", False):  # a mirror calls back with a clean line
            self._guarded(lambda: self._inner.write(text))
            return len(text)
        thread = threading.current_thread()
        whole, rest = complete(self._rests.pop(thread, "") + text)
        if len(rest) > _LONGEST_LINE:
            count(Event.WITHHELD_LONG)
            whole, rest = whole + withheld_line(), ""
        if rest:
            self._rests[thread] = rest
        if len(self._rests) > _SWEEP:
            for ended in [known for known in list(self._rests) if not known.is_alive()]:
                whole += self._rests.pop(ended, "") + "\n"
        self._pass_on(whole)
        return len(text)

    def _pass_on(self, text: str) -> None:
        if not text:
            return
        self.used = True
        said = clean_lines(text, self._redactor)
        self._inside.busy = True
        try:
            self._guarded(lambda: (self._mirror or self._inner.write)(said))
            self._guarded(self._inner.flush)
        finally:
            self._inside.busy = False

    def _guarded(self, work: Callable[[], Any]) -> None:
        try:
            work()
        except (
            OSError,
            ValueError,
        ):  # the reader is gone, or the stream closed: nothing may fall back to another way
            count(Event.OUTPUT_ERRORS)


def clean_streams(redactor: Redactor, terminals: tuple[bool, bool]) -> None:
    """Puts clean streams in place of standard output and standard error, the saved ones included."""
    for name, terminal in zip(("stdout", "stderr"), terminals, strict=True):
        inner = getattr(sys, name) or io.TextIOWrapper(io.BytesIO())
        stream = CleanStream(inner, redactor, terminal=terminal)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def finish_streams() -> bool:
    """Writes out unfinished lines, and tells whether anything was ever written."""
    streams = [
        s for s in {sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__} if isinstance(s, CleanStream)
    ]
    for stream in streams:
        stream.finish()
    return any(stream.used for stream in streams)


def open_results(descriptor: int) -> None:
    """Lets `click.echo`, and with it `typer.echo`, write results to a descriptor.

    Args:
        descriptor: of the real standard output.
    """
    import click.utils

    utils: Any = click.utils

    results = open(descriptor, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    others = utils._default_text_stdout

    def stdout() -> TextIO | None:
        return results if isinstance(sys.stdout, CleanStream) else others()  # tests put another stream there

    utils._default_text_stdout = stdout
