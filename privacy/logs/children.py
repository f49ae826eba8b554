"""Processes that this one starts through `multiprocessing`: they install the log layer before anything else.

A spawned process first unpickles its preparation data. The data hold an object whose unpickling is the
installation, so neither the main module nor the target is imported before; if it fails, the process ends there.
Forked processes inherit everything. Programs started otherwise (`subprocess`) inherit descriptors 1 and 2,
which are the pump's.
"""

import os
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

from privacy.logs.after_import import after_import

FIELD = "clinfed_logs"


class Inherited(NamedTuple):
    """What a child takes over."""

    master: bytes
    window_seconds: int
    level: int
    output: int | None
    """Descriptor that log lines are written to; None where another program has the say over output."""


class _Installation:
    """Unpickled, it is installed."""

    def __init__(self, given: Callable[[], Inherited]) -> None:
        self._given = given

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        from multiprocessing.reduction import DupFd

        given = self._given()
        output = None if given.output is None else DupFd(given.output)
        return adopt, (*given[:-1], output)


def adopt(master: bytes, window_seconds: int, level: int, output: Any) -> str:
    """In a child: installs the layer with the parent's key and output; whatever fails ends the child."""
    try:
        from privacy.logs.install import install_child

        descriptor = None if output is None else output.detach()
        install_child(Inherited(master, window_seconds, level, descriptor))
    except BaseException:
        os.write(2, b"error[logs]: the log layer could not be installed; the process ends\n")
        os._exit(70)
    return "installed"


def prepare_children(given: Callable[[], Inherited]) -> None:
    """Lets every process that is spawned from now on install the layer first.

    Args:
        given: what a child takes over, asked when it starts.
    """

    def work(spawn: ModuleType) -> None:
        original = spawn.get_preparation_data

        def preparation(name: str) -> dict[str, Any]:
            return {FIELD: _Installation(given), **original(name)}

        spawn.get_preparation_data = preparation  # type: ignore[attr-defined]

    after_import({"multiprocessing.spawn": work})
