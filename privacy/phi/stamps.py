"""A log line's own time, which tells when the program ran and nothing about a patient.

Only a date with a time to the second counts, at the beginning of a line, in brackets or behind a key such as `ts`,
and not before 2010: a date of birth is none.
"""

import re
from collections.abc import Iterator, Sequence

from privacy.phi.spans import Span

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_CLOCK = r"\d\d[:.]\d\d[:.]\d\d(?:[.,]\d{1,9})?"
_ZONE = r"(?:\s?(?:Z|UTC|GMT|[+-]\d\d:?\d\d))?"
_LEVEL = r"(?:DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|CRITICAL|FATAL|TRACE|[DIWEF])"
_PROGRAM = (
    r"(?:nginx|httpd|apache2?|postgres|mysqld?|mariadbd?|redis|haproxy|caddy|traefik|kubelet|dockerd"
    r"|containerd|sshd|cron|systemd)(?:\[\d{1,7}\])?:?"
    r"|AUDIT|ACCESS|EVENT|SECURITY|LOG"
)
_KEY = r"(?:t|ts|time|timestamp|asctime|@timestamp|datetime|started|finished|now|expires|until|date)"
_TIME = (
    rf"(?:20[1-9]\d[-/.]\d\d[-/.]\d\d[T,\s_-]{{1,2}}{_CLOCK}{_ZONE}"
    rf"|20[1-9]\d(?:0[1-9]|1[0-2])[0-3]\d[T_\s-]?\d\d:?\d\d:?\d\d(?:[.,]\d{{1,9}})?{_ZONE}"
    rf"|(?:(?:Mon|Tue|Wed|Thu|Fri|Sat"
    rf"|Sun),?\s)?{_MONTH}\s{{1,2}}\d{{1,2}}(?:\s20\d\d)?\s{_CLOCK}(?:\s(?:[A-Z]{{3,4}}\s)?20\d\d)?"
    rf"|(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),?\s)?\d{{1,2}}[-/\s]{_MONTH}[-/\s](?:20)?[1-9]\d[:\s]{_CLOCK}{_ZONE}"
    rf"|[1-9]\d/\d\d/\d\d\s{_CLOCK}"
    r"|[0-3]\d[01]\d[0-3]\d\s{1,2}(?:[0-2]\d[0-5]\d[0-5]\d(?=\s)|[0-2]?\d:[0-5]\d:[0-5]\d))"
)
_OWN = re.compile(
    rf"(?:^[\s<(\[{{|\"'-]{{0,6}}(?:\d{{1,3}}>\d?\s?)?(?:(?:{_PROGRAM})\s)?(?:\d{{10}}\s|\d{{1,7}}:[A-Z]\s)?(?:{_LEVEL}[\s:|\])]{{0,4}}[\[(]?)?"
    rf"(?:[\"']?{_KEY}[\"']?\s?[:=]\s?[\"']?)?"
    rf"|\[|\bat\s(?=\d{{6}}\s)|\b{_KEY}[\"']?\s?[:=]\s?[\"']?)(?P<time>{_TIME})",
    re.MULTILINE,
)
_HEAD = 40  # characters before a date that may belong to its key
_TAKEN_FOR = frozenset(("DATE", "ID", "PHONE", "ACCOUNT", "MRN"))


def own_time_ends(text: str) -> int:
    """Where a log line's own time ends if the line begins with it, else 0."""
    match = _OWN.match(text)
    return match.end() if match is not None else 0


def without_own_times(text: str, spans: Sequence[Span]) -> Iterator[Span]:
    """Leaves out findings that are a log line's own time.

    Args:
        text: a normalised text.
        spans: what was found in it.

    Returns:
        The other spans.
    """
    for span in spans:
        if span[2] not in _TAKEN_FOR or not _is_own(text, span[0], span[1]):
            yield span


def _is_own(text: str, start: int, end: int) -> bool:
    """Whether a span lies in a log line's own time."""
    line = text.rfind("\n", 0, start) + 1
    if start - line < _HEAD:
        own = _OWN.match(text, line)
        if own is not None and own.start("time") <= start and end <= own.end("time"):
            return True
    near = _OWN.finditer(text, max(line, start - _HEAD), end + _HEAD)
    return any(own.start("time") <= start and end <= own.end("time") for own in near)
