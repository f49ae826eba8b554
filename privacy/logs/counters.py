"""What the log layer did, as counts that a privacy officer may watch."""

import threading
from collections import Counter
from enum import StrEnum


class Event(StrEnum):
    """One kind of thing that is counted. The words are stable: metrics carry them."""

    RECORDS = "records"
    """Records made clean."""
    FOUND = "found"
    """Identifiers replaced in texts."""
    DENIED = "denied"
    """Arguments that became tokens."""
    LATE = "late"
    """Records, or fields of one, that reached a handler without the seal and were made clean there."""
    WITHHELD_ERROR = "withheld-error"
    """Texts withheld because the detector failed."""
    WITHHELD_LONG = "withheld-long"
    """Texts withheld because they were too long to be scanned."""
    WITHHELD_VALIDATION = "withheld-validation"
    """Texts withheld because the second scan of the output still found something."""
    WITHHELD_NESTED = "withheld-nested"
    """Texts withheld because the detector itself, or a signal handler inside it, wrote them."""
    HANDLER_ERRORS = "handler-errors"
    """Handlers that failed to write a record."""
    OUTPUT_ERRORS = "output-errors"
    """Lines that could not be written."""
    LABELS = "labels"
    """Metric labels that were not on the allow-list."""


_counts: Counter[str] = Counter()
_lock = threading.Lock()


def count(event: Event, number: int = 1) -> None:
    """Adds to a count."""
    with _lock:
        _counts[event.value] += number


def counters() -> dict[str, int]:
    """All counts of this process since it began, zeros included."""
    with _lock:
        return {event.value: _counts[event.value] for event in Event}


def after_fork() -> None:
    """A new lock and new counts for a forked child: another thread may have held the old one."""
    global _lock
    _lock = threading.Lock()
    _counts.clear()
