"""What Python says outside of `logging`, turned into records: exceptions that nobody caught, and warnings."""

import logging
import sys
import threading
import warnings
from types import ModuleType, TracebackType
from typing import Any, TextIO

from privacy.logs.after_import import after_import
from privacy.logs.records import Records

_uncaught = logging.getLogger("clinfed.uncaught")
_warnings = logging.getLogger("py.warnings")


def hook(records: Records) -> None:
    """Puts the hooks in place."""
    sys.excepthook = _excepthook
    sys.__excepthook__ = _excepthook
    threading.excepthook = _thread_excepthook
    threading.__excepthook__ = _thread_excepthook
    sys.unraisablehook = _unraisable
    sys.__unraisablehook__ = _unraisable
    after_import({"asyncio.base_events": _hook_asyncio})

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        frame = sys._getframe(1)
        while frame.f_back is not None and frame.f_globals.get("__name__") == "warnings":
            frame = frame.f_back
        said = records.message(str(message), (), frame.f_code)
        _log(_warnings, logging.WARNING, said, {"kind": category, "line": lineno})

    warnings.showwarning = show
    warnings.formatwarning = lambda message, category, *_: f"{records.message(str(message), (), None)}\n"


def _log(logger: logging.Logger, level: int, text: str, extra: dict[str, Any], error: Any = None) -> None:
    """Logs without stopping the program, whatever is wrong."""
    logger.log(level, text, extra=extra, exc_info=error)


def _excepthook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        _log(_uncaught, logging.WARNING, "interrupted", {})
    else:
        _log(_uncaught, logging.CRITICAL, "uncaught exception", {}, (kind, error, trace))


def _thread_excepthook(args: Any) -> None:
    if args.exc_type is not SystemExit:
        trace = (args.exc_type, args.exc_value, args.exc_traceback)
        _log(_uncaught, logging.CRITICAL, "uncaught exception in a thread", {}, trace)


def _unraisable(unraisable: Any) -> None:
    trace = (unraisable.exc_type, unraisable.exc_value, unraisable.exc_traceback)
    _log(_uncaught, logging.ERROR, "exception ignored", {"object_kind": type(unraisable.object)}, trace)


def _hook_asyncio(module: ModuleType) -> None:
    module.BaseEventLoop.default_exception_handler = _asyncio


def _asyncio(loop: object, context: dict[str, Any]) -> None:
    """A loop's exception handler; asyncio's own prints tasks and futures, and with them their results."""
    _log(
        logging.getLogger("asyncio"),
        logging.ERROR,
        "uncaught exception in an event loop",
        {},
        context.get("exception"),
    )
