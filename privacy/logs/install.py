"""Installing the log layer: the first thing that every process of ours does.

Two extents. In a process of ours, or of Flower's, everything is installed: the choke point in `logging`, hooks,
clean streams, the pump before descriptors 1 and 2, JSON lines on the real standard error, no core dumps. Where
another program imports an app (a test, a notebook), output is that program's affair: then only records are made
clean.
"""

import atexit
import faulthandler
import logging
import os
import resource
import sys
import threading
from pathlib import Path
from typing import NamedTuple

from privacy.logs import counters
from privacy.logs.children import Inherited, prepare_children
from privacy.logs.choke import choke
from privacy.logs.hooks import hook
from privacy.logs.lines import LineHandler
from privacy.logs.others import tame
from privacy.logs.pump import Pump, Real
from privacy.logs.records import Records
from privacy.logs.redactor import Redactor
from privacy.logs.streams import clean_streams, finish_streams, open_results
from privacy.logs.tokens import WINDOW_SECONDS, Tokens

PROGRAMS = ("clinfed", "flwr-", "flower-")
"""Beginnings of the names of programs whose processes are ours as a whole."""


class LogSettings(NamedTuple):
    """How a process logs."""

    level: int = logging.WARNING
    """Least level that is written."""
    window_seconds: int = WINDOW_SECONDS
    """For how long a value keeps its token."""
    key: bytes | None = None
    """Master key of the tokens, 32 bytes; drawn anew when None, so that tokens differ from start to start."""


class _Installed:
    """What is in place in this process."""

    def __init__(self, records: Records, level: int) -> None:
        self.records, self.level = records, level
        self.output: int | None = None
        self.pump: Pump | None = None


_installed: _Installed | None = None
_installing = threading.Lock()


def install(settings: LogSettings | None = None, *, whole: bool | None = None) -> None:
    """Installs the log layer in this process; the second time it does nothing.

    Args:
        settings: how to log.
        whole: whether output is ours, too; by the name of the program when None.

    Raises:
        OSError: the pump cannot be started; the process must end then.
    """
    given = settings or LogSettings()
    with _installing:
        if _installed is None:
            tokens = Tokens(given.key, given.window_seconds)
            _install(tokens, given.level, whole=_is_ours() if whole is None else whole, inherited=None)


def install_child(inherited: Inherited) -> None:
    """Installs the layer in a process that one of ours spawned.

    Args:
        inherited: of the parent; where it has no output, neither has the child.
    """
    with _installing:
        if _installed is None:
            tokens = Tokens(inherited.master, inherited.window_seconds)
            _install(tokens, inherited.level, whole=inherited.output is not None, inherited=inherited)


def installed() -> bool:
    """Whether the layer is in place."""
    return _installed is not None


def records() -> Records:
    """What cleans records in this process.

    Raises:
        RuntimeError: the layer is not installed.
    """
    if _installed is None:
        raise RuntimeError("the log layer is not installed")
    return _installed.records


def _install(tokens: Tokens, level: int, *, whole: bool, inherited: Inherited | None) -> None:
    global _installed
    cleaner = Records(Redactor(tokens))
    state = _Installed(cleaner, level)
    choke(cleaner)
    if whole:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        hook(cleaner)
        if inherited is None:
            state.pump = Pump(tokens)
            real = state.pump.real
        else:  # descriptors 1 and 2 are the parent's pump already
            output = 2 if inherited.output is None else inherited.output
            real = Real(os.dup(1), output, (False, False))
        state.output = real.stderr
        clean_streams(cleaner.redactor, real.terminals)
        if inherited is None:
            open_results(real.stdout)
        if not faulthandler.is_enabled():
            faulthandler.enable(file=2)  # places of code, no values; after a crash they pass through the pump
        root = logging.getLogger()
        for handler in list(root.handlers):
            root.removeHandler(handler)
        root.addHandler(LineHandler(real.stderr, level))
        root.setLevel(level)
        atexit.register(_finish)
    tame(cleaner, whole=whole)
    prepare_children(_given)
    os.register_at_fork(after_in_child=_after_fork)
    _installed = state


def _given() -> Inherited:
    tokens, state = records().tokens, _installed
    return Inherited(
        tokens.master,
        tokens.window_seconds,
        state.level if state else logging.WARNING,
        state.output if state else None,
    )


def _finish() -> None:
    written = finish_streams()
    if _installed is not None and _installed.pump is not None:
        _installed.pump.finish(wait=written)


def _after_fork() -> None:
    counters.after_fork()
    if _installed is not None:
        _installed.records.redactor.after_fork()
        if _installed.pump is not None:
            _installed.pump.forget()


def _is_ours() -> bool:
    return Path(sys.argv[0] if sys.argv else "").name.startswith(PROGRAMS)
