"""Output that is no record - printed lines, what libraries write to a descriptor - made clean block by block."""

import json
import re
from datetime import UTC, datetime, timedelta

from privacy.logs.redactor import TOO_LONG, Redactor
from privacy.logs.tokens import TOKEN
from privacy.logs.words import is_allowed, key_is_plain

LONGEST_BLOCK = 4096  # characters scanned together, so that an identifier may stand across lines
_ENDS = re.compile(r"[\n\r]")
_TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_NUMBERS = frozenset(("pid",))
_HEAD = re.compile(r"^(Process|Exception in thread) ([^\n\r]+?)(?=:[ \r]*$)", re.MULTILINE)
"""The line before a traceback in which Python names a process or a thread, by whatever name the program gave it."""
_NUMBERED = re.compile(
    r"MainProcess|MainThread|(?:Spawn|Fork|ForkServer)?(?:Process|PoolWorker)-\d+(?::\d+)*|Thread-\d+(?: \(\w+\))?"
)


def complete(text: str) -> tuple[str, str]:
    """Splits text after its last line end; carriage returns of progress bars end lines, too.

    Returns:
        Whole lines, and the line that is not finished yet.
    """
    end = max(text.rfind("\n"), text.rfind("\r")) + 1
    return text[:end], text[end:]


def clean_lines(text: str, redactor: Redactor) -> str:
    """Whole lines made clean, neighbours together; line ends stay."""
    done: list[str] = []
    block: list[str] = []
    size = 0
    for line in re.findall(r"[^\n\r]*[\n\r]+|[^\n\r]+$", text):
        record = _record(line, redactor) if line.startswith('{"ts":"') else None
        if block and (record is not None or size + len(line) > LONGEST_BLOCK):
            done.append(_block(block, redactor))
            block, size = [], 0
        if record is not None:
            done.append(record)
        else:
            block.append(line)
            size += len(line)
    if block:
        done.append(_block(block, redactor))
    return "".join(done)


def _block(lines: list[str], redactor: Redactor) -> str:
    text = _HEAD.sub(lambda head: _without_name(head, redactor), "".join(lines))
    body = text.rstrip("\r\n")
    said = redactor.clean(body)
    if said.startswith("[withheld") and said != body and len(lines) > 1:
        return "".join(_block([line], redactor) for line in lines)  # the neighbours need not go, too
    return said + text[len(body) :]


def _without_name(head: re.Match[str], redactor: Redactor) -> str:
    """A name is a value that the program chose, so it becomes a token unless it is one of Python's own."""
    kind, name = head[1], head[2]
    plain = _NUMBERED.fullmatch(name) or TOKEN.fullmatch(name)
    return head[0] if plain else f"{kind} {redactor.tokens.token(name, 'VALUE')}"


def _record(line: str, redactor: Redactor) -> str | None:
    """A line that a process of ours wrote, its fields looked at one by one; None if it is not of that form."""
    try:
        fields = json.loads(line)
        said = {key: _field(key, value, redactor) for key, value in fields.items()}
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    if not all(map(key_is_plain, said)):
        return None
    return json.dumps(said, ensure_ascii=True, separators=(",", ":")) + "\n"


def _field(key: str, value: object, redactor: Redactor) -> object:
    if isinstance(value, dict):
        return {
            (
                name if key_is_plain(name) or TOKEN.fullmatch(name) else redactor.tokens.token(name, "FIELD")
            ): _field(name, part, redactor)
            for name, part in value.items()
        }
    if isinstance(value, str):
        if key == "ts" and _TIME.fullmatch(value) and _is_recent(value):
            return value
        return value if is_allowed(value) or TOKEN.fullmatch(value) else redactor.clean(value)
    if value is None or isinstance(value, bool) or key in _NUMBERS:
        return value
    said = redactor.clean(f"{key} {value}")
    return value if said == f"{key} {value}" else said


def _is_recent(text: str) -> bool:
    return abs(datetime.fromisoformat(text) - datetime.now(UTC)) < timedelta(hours=1)


def withheld_line() -> str:
    """What stands for a line without end."""
    return TOO_LONG + "\n"
