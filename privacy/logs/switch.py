"""Leaving the log layer off, for the drill's twin: what finds nothing proves something only if it can find.

Guarantees: it works in a process that can hold no notes, and nowhere else. It refuses once the layer is
installed, in any program but the drill's worker, and where a module that reads notes is loaded; afterwards such
a module can no longer be imported. There is no setting, no environment variable and no argument of `install`
for it.
"""

import logging
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec

from privacy.logs import install
from privacy.logs.lines import LineHandler
from shared.errors import FixSettings

WORKER = "client.drill.worker"
_READ_NOTES = ("shared.sources", "shared.formats", "client.agent", "client.app", "client.secure", "server")
_off: list[bool] = []


class _Forbid(MetaPathFinder):
    """Refuses what reads notes."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: object = None) -> ModuleSpec | None:
        if _reads_notes(name):
            raise ImportError(f"{name} cannot be imported where redaction is off")
        return None


def log_raw(level: int) -> None:
    """Writes log lines as they are, in the drill's worker.

    Args:
        level: least level that is written.

    Raises:
        FixSettings: this process is none that may.
    """
    main = sys.modules["__main__"]
    names = {getattr(getattr(main, "__spec__", None), "name", None), getattr(main, "__name__", None)}
    child = WORKER in sys.modules and "__mp_main__" in sys.modules  # spawned by the worker
    if WORKER not in names and not child:
        raise _refusal("this program is not the drill's worker")
    if install.installed():
        raise _refusal("the log layer is installed")
    if any(map(_reads_notes, list(sys.modules))):
        raise _refusal("a module that reads notes is loaded")
    sys.meta_path.insert(0, _Forbid())
    _off.append(True)
    root = logging.getLogger()
    root.addHandler(LineHandler(2, level))
    root.setLevel(level)


def is_off() -> bool:
    """Whether this process logs as it is."""
    return bool(_off)


def _reads_notes(name: str) -> bool:
    return any(name == known or name.startswith(known + ".") for known in _READ_NOTES)


def _refusal(what: str) -> FixSettings:
    return FixSettings(
        what, where="redaction", remedy="Redaction can be off only in `clinfed node drill --twin`."
    )
