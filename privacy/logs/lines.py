"""Log lines: one JSON object a line, written at once by the thread that logged.

Writing is synchronous for every level, so a crash right after an error loses nothing, and no queue holds records.
"""

import json
import logging
import os
import select
import threading
import time
from typing import Any

from privacy.logs.counters import Event, count
from privacy.logs.words import listed

_PART = 500  # characters: escaped, each may take six bytes
_FIELDS = listed(
    "name msg args levelname levelno pathname filename module lineno funcName exc_info exc_text stack_info created"
    " msecs relativeCreated thread threadName process processName message asctime taskName"
)


class JsonLines(logging.Formatter):
    """A sealed record as one line of JSON, ASCII only, so that no value can forge a line or a colour."""

    def format(self, record: logging.LogRecord) -> str:
        """Writes the line.

        Args:
            record: sealed; a handler looks to that.

        Returns:
            An object with `ts` (UTC), `level`, `logger`, `message`, `at`, `pid`, `thread`, and where there are any
            `process`, `trace`, `stack` and the caller's own fields under `fields`.
        """
        fields = record.__dict__
        line: dict[str, Any] = {
            "ts": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "at": f"{record.pathname}:{record.lineno}",
            "pid": record.process,
            "thread": record.threadName,
        }
        if record.processName != "MainProcess":
            line["process"] = record.processName
        trace = record.exc_text or (self.formatException(record.exc_info) if record.exc_info else None)
        if trace:
            line["trace"] = trace
        if record.stack_info:
            line["stack"] = record.stack_info
        extra = {key: value for key, value in fields.items() if key not in _FIELDS}
        if extra:
            line["fields"] = extra
        return json.dumps(line, ensure_ascii=True, separators=(",", ":"), default=str)


class LineHandler(logging.Handler):
    """Writes lines to a file descriptor.

    Args:
        descriptor: of the output itself, not of a pump in front of it.
        level: of the records that are written.
    """

    def __init__(self, descriptor: int, level: int) -> None:
        super().__init__(level)
        self.setFormatter(JsonLines())
        self._descriptor = descriptor

    def emit(self, record: logging.LogRecord) -> None:
        """Writes a record, or counts that it could not be; processes that share a pipe do not mix their lines."""
        try:
            for line in in_parts(self.format(record)):
                write_all(self._descriptor, line.encode("ascii"))
        except OSError:
            count(Event.OUTPUT_ERRORS)
        except Exception:
            self.handleError(record)


def in_parts(line: str) -> list[str]:
    """A line as it is, or in parts that a pipe takes whole (`PIPE_BUF`), each an object of its own.

    Args:
        line: an object as JSON, without line end.

    Returns:
        Lines; of several, each says under `part` which it is, and they follow each other within a process.
    """
    if len(line) < select.PIPE_BUF:
        return [line + "\n"]
    fields = json.loads(line)
    texts = [(key, fields.pop(key)) for key in ("message", "trace", "stack") if key in fields]
    pieces = [(key, text[at : at + _PART]) for key, text in texts for at in range(0, len(text) or 1, _PART)]
    common = {key: fields[key] for key in ("ts", "level", "logger", "pid", "thread") if key in fields}
    parts = [
        {**(common if number else fields), key: piece, "part": f"{number + 1}/{len(pieces)}"}
        for number, (key, piece) in enumerate(pieces)
    ]
    return [json.dumps(part, ensure_ascii=True, separators=(",", ":")) + "\n" for part in parts]


def write_all(descriptor: int, content: bytes) -> None:
    """Writes all bytes, waiting where the reader is slow.

    Raises:
        OSError: the reader is gone, or the disk full.
    """
    rest = memoryview(content)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:
            time.sleep(0.001)


_failing = threading.local()


def failed(handler: type, error: type[BaseException] | None) -> None:
    """Says that a handler failed, by the classes alone."""
    if getattr(_failing, "now", False):
        return
    _failing.now = True
    try:
        logging.getLogger("clinfed.output").error(
            "a handler failed", extra={"handler": handler, "kind": error}
        )
    finally:
        _failing.now = False
