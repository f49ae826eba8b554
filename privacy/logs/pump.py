"""The pump: a process of its own through which everything passes that is written to descriptors 1 and 2.

It is the backstop for what no Python hook sees: C libraries, child processes, the interpreter's last words. The
process it serves holds only the pump's pipes under these numbers, so a crash cannot print past it, and what was
written before a crash is still cleaned and written.

Guarantees: only whole lines leave; a line too long to scan is withheld. If the pump dies, writing fails, and
nothing appears unclean.
"""

import codecs
import contextlib
import fcntl
import os
import select
import selectors
import signal
import socket
import subprocess
import sys
import termios
from pathlib import Path
from typing import NamedTuple

from privacy.logs.blocks import clean_lines, complete, withheld_line
from privacy.logs.lines import write_all
from privacy.logs.redactor import Redactor
from privacy.logs.tokens import KEY_BYTES, Tokens

_CHUNK = 65_536
_WAIT_SECONDS = 10.0
_DRAIN = b"?"
_MAIN = "import sys; sys.path.insert(0, sys.argv.pop(1)); from privacy.logs.pump import main; main()"


class Real(NamedTuple):
    """The descriptors that were 1 and 2 before the pump stood between, and whether they are terminals."""

    stdout: int
    stderr: int
    terminals: tuple[bool, bool]


class Pump:
    """A running pump.

    Args:
        tokens: it makes the same tokens as this process.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, tokens: Tokens) -> None:
        for standard in (0, 1, 2):
            _hold(standard)
        self.real = Real(os.dup(1), os.dup(2), (os.isatty(1), os.isatty(2)))
        pipes = [os.pipe(), os.pipe()]
        ends = [str(read) for read, _ in pipes]
        command = [
            sys.executable,
            "-P",
            "-c",
            _MAIN,
            str(Path(__file__).parents[2]),
            *ends,
            str(tokens.window_seconds),
        ]
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603
                command, stdin=theirs.fileno(), pass_fds=[read for read, _ in pipes], process_group=0
            )
        self._control.sendall(tokens.master)
        self._control.settimeout(_WAIT_SECONDS)
        for standard, (read, write) in zip((1, 2), pipes, strict=True):
            os.close(read)
            os.dup2(write, standard)
            os.close(write)

    def finish(self, *, wait: bool) -> None:
        """Call it as the last thing of the process.

        Args:
            wait: until the pump has written everything on. Otherwise it does so after this process has ended, as it
                also does when this process is killed.
        """
        if self._process.returncode is not None:
            return
        self._process.returncode = 0  # it outlives this process as long as a child holds its pipes
        if wait or any(map(_unread, (1, 2))):
            with contextlib.suppress(OSError):  # it is gone, or takes too long
                self._control.sendall(_DRAIN)
                self._control.recv(1)

    def forget(self) -> None:
        """In a forked child: the pump is the parent's to wait for."""
        self._process.returncode = 0


def _unread(pipe: int) -> bool:
    """Whether something in a pipe has not been read yet."""
    return any(fcntl.ioctl(pipe, termios.FIONREAD, b"\0\0\0\0"))


def _hold(standard: int) -> None:
    """Opens a standard descriptor that was closed, so that no pipe gets its number."""
    try:
        os.fstat(standard)
    except OSError:
        null = os.open(os.devnull, os.O_RDWR)
        if null != standard:
            os.dup2(null, standard)
            os.close(null)


class _Source:
    """One pipe, and the line that is not finished yet."""

    def __init__(self, pipe: int, output: int) -> None:
        self.pipe, self.output, self.open = pipe, output, True
        self._decode = codecs.getincrementaldecoder("utf-8")("backslashreplace").decode
        self._rest, self._skipping = "", False

    def has_more(self) -> bool:
        """Whether there is something to read, if only the end."""
        return bool(select.select([self.pipe], [], [], 0)[0])

    def read(self, redactor: Redactor) -> None:
        """Passes on what is there."""
        chunk = os.read(self.pipe, _CHUNK)
        self.open = bool(chunk)
        whole, self._rest = complete(self._rest + self._decode(chunk, final=not chunk))
        if self._skipping and whole:
            end = min(at for at in (whole.find("\n"), whole.find("\r")) if at >= 0) + 1
            whole, self._skipping = whole[end:], False
        if len(self._rest) > _CHUNK or self._skipping:
            whole += "" if self._skipping else withheld_line()
            self._rest, self._skipping = "", True
        if not chunk:
            whole, self._rest = whole + self._rest, ""
        try:
            write_all(self.output, clean_lines(whole, redactor).encode("utf-8", "backslashreplace"))
        except OSError:  # the reader is gone: so shall the pipe be
            self.open = False


def main() -> None:
    """The pump's own process: reads two pipes until their writers are gone."""
    for kind in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(kind, signal.SIG_IGN)  # it ends when there is nothing left to read
    standard_output, standard_error, window = map(int, sys.argv[1:4])
    control = socket.socket(fileno=0)
    master = b""
    while len(master) < KEY_BYTES:
        master += control.recv(KEY_BYTES - len(master)) or os._exit(0)
    redactor = Redactor(Tokens(master, window))
    with selectors.DefaultSelector() as selector:
        for pipe, output in ((standard_output, 1), (standard_error, 2)):
            selector.register(pipe, selectors.EVENT_READ, _Source(pipe, output))
        sources = [key.data for key in selector.get_map().values()]
        selector.register(control, selectors.EVENT_READ)
        while any(source.open for source in sources):
            ready = [key.data for key, _ in selector.select()]
            asked = None in ready and control.recv(1)
            if None in ready and not asked:
                selector.unregister(control)
            for source in [source for source in (sources if asked else filter(None, ready)) if source.open]:
                while source.open and source.has_more():
                    source.read(redactor)
                if not source.open:
                    selector.unregister(source.pipe)
                    os.close(source.pipe)
            if asked:
                control.sendall(asked)
    os._exit(0)  # nothing is buffered, and libraries of the detector need no farewell
