"""Other people's packages: handlers of their own, loggers none of `logging`'s, levels that print raw text."""

import functools
import logging
from collections.abc import Callable
from types import ModuleType
from typing import Any

from privacy.logs.after_import import Work, after_import
from privacy.logs.exporters import guard_prometheus, guard_spans
from privacy.logs.records import Records
from privacy.logs.values import name, say, tree

_OWN_HANDLERS = {"flwr.supercore.logger": "flwr", "transformers.utils.logging": "transformers"}
_QUIET = ("presidio-analyzer", "presidio-anonymizer", "spacy", "tldextract", "filelock")


def tame(records: Records, *, whole: bool) -> None:
    """Tames packages that are imported, and the others once they are.

    Args:
        records: cleans.
        whole: whether the process is ours; then its log lines are written once, by the root logger alone.
    """
    for quiet in _QUIET:  # at DEBUG they print the text they look at
        logging.getLogger(quiet).setLevel(logging.WARNING)
    works: dict[str, Work] = {
        "loguru._logger": _loguru_calls(records),
        "loguru._handler": _loguru_sinks(records),
        "syslog": _syslog(records),
        "prometheus_client.metrics": guard_prometheus,
        "opentelemetry.sdk.trace.export": guard_spans(records),
    }
    if whole:
        works |= {module: _without_handlers(logger) for module, logger in _OWN_HANDLERS.items()}
    after_import(works)


def _without_handlers(logger: str) -> Work:
    """Lets records go to the root logger and nowhere else."""

    def work(module: ModuleType) -> None:
        del module
        found = logging.getLogger(logger)
        for handler in list(found.handlers):
            found.removeHandler(handler)
        found.propagate = True

    return work


class _Said:
    """A value of a `{}` template, denied unless it may be said."""

    def __init__(self, value: object, key: str, records: Records) -> None:
        self._value, self._key, self._records = value, key, records

    def __format__(self, spec: str) -> str:
        said = say(self._value, self._records.tokens, self._key)
        plain = isinstance(self._value, int | float) and said == str(self._value)
        return format(self._value, spec) if plain else said

    def __str__(self) -> str:
        return say(self._value, self._records.tokens, self._key)

    __repr__ = __str__

    def __getattr__(self, attribute: str) -> "_Said":
        return _Said(getattr(self._value, attribute), attribute, self._records)

    def __getitem__(self, key: object) -> "_Said":
        return _Said(self._value[key], str(key), self._records)  # type: ignore[index]


def _loguru_calls(records: Records) -> Work:
    """Denies arguments of loguru's templates."""

    def work(module: ModuleType) -> None:
        original = module.Logger._log

        @functools.wraps(original)
        def _log(
            self: Any, level: Any, from_decorator: bool, options: Any, message: Any, args: Any, kwargs: Any
        ) -> None:
            exception, depth, record, lazy, colors, raw, capture, patchers, extra = options
            if lazy:
                args = [arg() for arg in args]
                kwargs = {key: value() for key, value in kwargs.items()}
            said = tuple(_Said(arg, "", records) for arg in args)
            named = {key: _Said(value, key, records) for key, value in kwargs.items()}
            text = message if isinstance(message, str) else say(message, records.tokens)
            options = (exception, depth + 1, record, False, False, raw, capture, patchers, extra)
            del colors  # markup around values would be parsed before they are cleaned
            original(self, level, from_decorator, options, text, said, named)

        module.Logger._log = _log

    return work


def _loguru_sinks(records: Records) -> Work:
    """Cleans a record before a sink formats it: files, sockets and functions alike."""

    def work(module: ModuleType) -> None:
        original = module.Handler.emit

        @functools.wraps(original)
        def emit(
            self: Any, record: dict[str, Any], level_id: Any, from_decorator: bool, is_raw: bool, _: Any
        ) -> None:
            original(self, _clean_loguru(record, records), level_id, from_decorator, is_raw, None)

        module.Handler.emit = emit

    return work


def _clean_loguru(record: dict[str, Any], records: Records) -> dict[str, Any]:
    said = dict(record)
    text = records.message(record["message"], (), None)
    error = record["exception"]
    if error is not None and isinstance(error[1], BaseException):
        text += ("" if text.endswith("\n") else "\n") + records.trace(error[1])
    tokens = records.tokens
    plain = logging.makeLogRecord(
        {"threadName": record["thread"].name, "processName": record["process"].name}
    )
    said["thread"] = type(record["thread"])(record["thread"].id, plain.threadName)
    said["process"] = type(record["process"])(record["process"].id, plain.processName)
    said["message"], said["exception"] = text, None
    said["name"] = records.logger_name(str(record["name"]))
    said["function"] = records.redactor.clean(str(record["function"]))
    said["extra"] = {name(key, tokens): tree(value, tokens, key) for key, value in record["extra"].items()}
    for key in said.keys() - {
        *("elapsed", "exception", "extra", "file", "function", "level", "line", "message", "module", "name"),
        *("process", "thread", "time"),
    }:
        said[key] = say(said[key], tokens, str(key))
    return said


def _syslog(records: Records) -> Work:
    """Cleans what is sent to the system's log directly."""

    def work(module: ModuleType) -> None:
        original: Callable[..., None] = module.syslog

        def syslog(*args: Any) -> None:
            *priority, message = args
            original(*priority, records.message(str(message), (), None))

        module.syslog = syslog  # type: ignore[attr-defined]

    return work
