"""`logging` itself, changed so that no record passes unclean, whoever made it and whichever handler takes it.

A filter or a handler can be left out, replaced or bypassed by a duplicate; the methods that all of them must
use cannot. A record is made clean where it is made (`Logger.makeRecord`), so everything after it, queues
included, holds copies of clean records. Records that come another way (unpickled, built by hand, changed by a
filter, passed to a handler directly) are made clean where they are next looked at, and counted as late.
"""

import functools
import logging
import sys
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

from privacy.logs.counters import Event, count
from privacy.logs.lines import failed
from privacy.logs.records import Records

_MARK = "__clinfed_sealed__"


def choke(records: Records) -> None:
    """Puts the choke point into `logging`; once a process."""
    _wrap(logging.Logger, "makeRecord", _after_making(records))
    _wrap(logging, "makeLogRecord", _after_making(records))
    for method in ("handle", "callHandlers"):
        _wrap(logging.Logger, method, _before(records))
    _wrap(logging.LogRecord, "getMessage", _before_self(records))
    _wrap(logging.Formatter, "format", _before(records))
    _wrap(logging.Formatter, "formatException", _rendered(records))
    setattr(logging.Handler, "handle", _handle(records))  # noqa: B010
    setattr(logging.Handler, "handleError", _handle_error)  # noqa: B010
    for kind in list(_kinds(logging.Handler)):
        _seal_handler(kind, records)
    made = logging.Handler.__init_subclass__

    def init_subclass(cls: type[logging.Handler], /, **options: Any) -> None:
        made(**options)
        _seal_handler(cls, records)

    setattr(logging.Handler, "__init_subclass__", classmethod(init_subclass))  # noqa: B010
    logging.raiseExceptions = False


def _handle(records: Records) -> Callable[[logging.Handler, logging.LogRecord], bool]:
    @functools.wraps(logging.Handler.handle)
    def handle(self: logging.Handler, record: logging.LogRecord) -> bool:
        """Emits a record; one without the seal, or changed by a filter, is made clean first."""
        passed: Any = self.filter(record)
        if isinstance(passed, logging.LogRecord):
            record = passed
        if passed:
            records.ensure(record, late=True)
            self.acquire()
            try:
                self.emit(record)
            finally:
                self.release()
        return bool(passed)

    setattr(handle, _MARK, True)
    return handle


def _handle_error(self: logging.Handler, record: logging.LogRecord) -> None:
    """Counts a handler that failed; Python's own method prints the record's arguments."""
    count(Event.HANDLER_ERRORS)
    failed(type(self), sys.exc_info()[0])


def _after_making(records: Records) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def wrapper(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def make(*args: Any, **options: Any) -> Any:
            record = original(*args, **options)
            records.ensure(record, _caller(record))
            return record

        return make

    return wrapper


def _before(records: Records) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def wrapper(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def method(self: Any, record: logging.LogRecord, *args: Any, **options: Any) -> Any:
            if isinstance(record, logging.LogRecord):
                records.ensure(record, late=True)
            return original(self, record, *args, **options)

        return method

    return wrapper


def _before_self(records: Records) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def wrapper(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def method(self: logging.LogRecord) -> Any:
            records.ensure(self, late=True)
            return original(self)

        return method

    return wrapper


def _rendered(records: Records) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def wrapper(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def method(self: logging.Formatter, exc_info: Any) -> str:
            error = exc_info[1] if isinstance(exc_info, tuple) else exc_info
            return records.trace(error) if isinstance(error, BaseException) else ""

        return method

    return wrapper


def _caller(record: logging.LogRecord) -> CodeType | None:
    """The code that logged: the frame whose place the record holds."""
    frame = sys._getframe(2)
    for _ in range(12):
        code = frame.f_code
        if code.co_filename == record.pathname and code.co_name == record.funcName:
            return code
        if frame.f_back is None:
            return None
        frame = frame.f_back
    return None


def _kinds(kind: type[logging.Handler]) -> Iterator[type[logging.Handler]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _kinds(below)


def _seal_handler(kind: type[logging.Handler], records: Records) -> None:
    """A handler's own `emit` and `handle` look for the seal, too: they may be called directly."""
    for method in ("emit", "handle"):
        if method in vars(kind) and not getattr(vars(kind)[method], _MARK, False):
            _wrap(kind, method, _before(records))


def _wrap(owner: Any, method: str, wrapper: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    wrapped = wrapper(vars(owner)[method])
    setattr(wrapped, _MARK, True)
    setattr(owner, method, wrapped)
