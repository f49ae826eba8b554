"""The choke point: a LogRecord made clean in place, and sealed.

Guarantees: after `ensure`, every field of the record is a number of the program's own, a listed word, a token,
or text that has passed the redactor; arguments and exception objects are gone. The seal is kept outside the
record, so it does not travel with a copy or a pickle and cannot be forged by a field, and it is bound to the
fields' values: whatever is changed afterwards is made clean when the record is next looked at.
"""

import json
import logging
import re
import sys
import time
import weakref
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import CodeType
from typing import Any

from privacy.logs import provenance, traces
from privacy.logs.counters import Event, count
from privacy.logs.redactor import FAILED, LONGEST, Redactor
from privacy.logs.templates import fill_alike, near
from privacy.logs.tokens import TOKEN
from privacy.logs.values import UNPRINTABLE, class_name, name, say, tree
from privacy.logs.words import listed

_NUMBERS = ("levelno", "lineno", "created", "msecs", "relativeCreated", "thread", "process")
_MISSING = object()
_LEVELS = {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "NOTSET", "TRACE", "SUCCESS", "NOTICE", "VERBOSE"}
_THREAD = re.compile(
    r"(MainThread|Thread-\d+|Dummy-\d+|(?:ThreadPoolExecutor|asyncio|QueueFeederThread|die-with-parent)[-_\d]*)"
    r"(?: \(.*\))?"
)
_PROCESS = re.compile(r"(MainProcess|(?:Spawn|Fork|ForkServer)?(?:Process|PoolWorker)-\d+(?::\d+)*)")
_NUMERIC = re.compile(r"[+-]?\d{1,15}(?:\.\d{1,15})?(?:[eE][+-]?\d{1,3})?")
_ROOTS = listed(
    """
    root clinfed asyncio concurrent py uvicorn fastapi starlette streamlit flwr transformers opacus torch
    presidio-analyzer presidio-anonymizer spacy tldextract gensim urllib3 httpx httpcore grpc loguru
    multiprocessing sqlalchemy
    """
)
_LEAST_SPELT = 0.2


class Records:
    """Cleans and seals records.

    Args:
        redactor: for texts.
    """

    def __init__(self, redactor: Redactor) -> None:
        self.redactor, self.tokens = redactor, redactor.tokens
        self._seals: weakref.WeakKeyDictionary[logging.LogRecord, dict[str, Any]] = (
            weakref.WeakKeyDictionary()
        )

    def sealed(self, record: logging.LogRecord) -> bool:
        """Whether the record is clean and nothing was changed since."""
        seal = self._seals.get(record)
        if seal is None:
            return False
        fields = record.__dict__
        derived = 0
        for key, value in fields.items():
            if value is seal.get(key, _MISSING):
                continue
            if key == "message":
                fields[key] = seal["msg"]
            elif key == "asctime":
                if type(value) is not str or not _is_time_of(value, seal["created"]):
                    fields[key] = ""
            elif type(value) is not type(seal.get(key)) or value != seal[key]:
                return False
            derived += key in ("message", "asctime")
        return len(fields) - derived == len(seal)

    def ensure(self, record: logging.LogRecord, code: CodeType | None = None, *, late: bool = False) -> None:
        """Makes the record clean, if it is not, and seals it; never raises.

        Args:
            record: changed in place.
            code: of the function that made the record, if known.
            late: the record has reached a handler, where it should be sealed.
        """
        if self.sealed(record):
            return
        seal = self._seals.get(record)
        try:
            if seal is None:
                fields = self._clean(record, code)
                count(Event.RECORDS)
            else:
                fields = self._clean_changes(record, seal)
            late = late and (
                seal is None or any(seal.get(key, _MISSING) != value for key, value in fields.items())
            )
        except Exception:  # never the record as it was
            fields = self._bare(record)
            count(Event.WITHHELD_ERROR)
        record.__dict__.clear()
        record.__dict__.update(fields)
        self._seals[record] = dict(fields)
        if late:
            count(Event.LATE)

    def _clean(self, record: logging.LogRecord, code: CodeType | None) -> dict[str, Any]:
        old = dict(record.__dict__)
        fields = self._bare(record)
        fields["msg"] = self.message(old.get("msg"), old.get("args"), code)
        fields["exc_text"] = self._trace(old.get("exc_info"), old.get("exc_text"))
        fields["stack_info"] = self._stack(old.get("stack_info"))
        for key, value in old.items():
            if key not in fields and key not in ("message", "asctime"):
                fields[name(key, self.tokens)] = self._extra(key, value)
        return fields

    def _clean_changes(self, record: logging.LogRecord, seal: dict[str, Any]) -> dict[str, Any]:
        """The fields of a record that was sealed, those that were changed since made clean anew."""
        fields = dict(seal)
        changed = {
            key: value
            for key, value in record.__dict__.items()
            if key not in seal or type(value) is not type(seal[key]) or value != seal[key]
        }
        if changed.keys() & {"msg", "args"}:
            fields["msg"] = self.message(record.__dict__.get("msg"), record.__dict__.get("args"), None)
        if changed.keys() & {"exc_info", "exc_text"}:
            fields["exc_text"] = self._trace(changed.get("exc_info"), record.__dict__.get("exc_text"))
        if "stack_info" in changed:
            fields["stack_info"] = self._stack(changed["stack_info"])
        bare = self._bare(record)
        for key, value in changed.items():
            if key in ("msg", "args", "exc_info", "exc_text", "stack_info", "message", "asctime"):
                continue
            if key in bare:
                fields[key] = bare[key]
            else:
                fields[name(key, self.tokens)] = self._extra(key, value)
        return fields

    def message(self, msg: object, args: object, code: CodeType | None) -> str:
        """A record's message.

        Args:
            msg: the template, a finished text, or any object.
            args: a tuple or a mapping; empty for a finished text.
            code: of the function that made it, to tell its words from its values.
        """
        if isinstance(msg, BaseException):
            return self.redactor.clean(f"{class_name(type(msg))}: {traces.message(msg, self.tokens)}")
        if not isinstance(msg, str):
            return say(msg, self.tokens)
        text, like = fill_alike(msg, args, self.tokens) if args else (str.__str__(msg), "")
        if code is None or len(text) > LONGEST:
            return self.redactor.clean(text)
        if not provenance.spells_out(code, msg):
            return self.redactor.clean(self._deny_values(text, code))
        if (
            like and self.redactor.clean(like) == like
        ):  # the words are code's, and the values passed for what they are
            return text
        return self.redactor.clean(text)

    def _deny_values(self, text: str, code: CodeType) -> str:
        """An f-string's values are arguments, too."""
        if not provenance.puts_together(code):
            return text
        spans = provenance.values_in(text, [code])
        if spans is None or provenance.share_spelt(TOKEN.sub("", text), spans) < _LEAST_SPELT:
            return text
        for start, end in reversed(spans):
            said, at, around = [], start, near(text[:start], text[end:])
            for first, last in [*(m.span() for m in TOKEN.finditer(text, start, end + 1)), (end, end)]:
                part = text[at : max(at, first)]
                number = _NUMERIC.fullmatch(part)
                value = (float(part) if set(part) & set(".eE") else int(part)) if number else part
                said += [
                    say(value, self.tokens, *around) if part.strip() else part,
                    text[max(at, first) : last],
                ]
                at = max(at, last)
            text = text[:start] + "".join(said) + text[max(at, end) :]
        return text

    def _trace(self, exc_info: object, exc_text: object) -> str | None:
        error = exc_info[1] if isinstance(exc_info, tuple) and len(exc_info) == 3 else exc_info
        if error is True:
            error = sys.exc_info()[1]
        if isinstance(error, BaseException):
            return self.trace(error)
        return self.redactor.clean(exc_text) if isinstance(exc_text, str) else None

    def trace(self, error: BaseException) -> str:
        """An exception as clean text."""
        text = traces.render(error, self.tokens)
        if len(text) > LONGEST:  # values are tokens already, so a cut at a line cuts no identifier in two
            text = text[: text.rfind("\n", 0, LONGEST - 5)] + "\n..."
        return self.redactor.clean(text)

    def _stack(self, stack: object) -> str | None:
        """The places of a stack, without lines of source."""
        if not isinstance(stack, str):
            return None
        places = re.findall(r'^  File "([^"\n]*)", line (\d+), in (\S+)$', stack, re.MULTILINE)
        return self.redactor.clean(
            "\n".join(f"  {Path(file).name}:{line} in {func}" for file, line, func in places)
        )

    def _extra(self, key: str, value: object) -> str | int | float | None:
        """A field of the caller's own; what could be changed after the seal becomes text."""
        said = tree(value, self.tokens, key if isinstance(key, str) else "")
        if isinstance(said, dict | list):
            return json.dumps(said, ensure_ascii=True)
        return said if said is None or isinstance(said, bool | int | float) else str(said)

    def _bare(self, record: logging.LogRecord) -> dict[str, Any]:
        """Every field that `logging` itself sets, clean, and a constant for what the caller said."""
        old = record.__dict__
        fields: dict[str, Any] = {key: _plain_number(old.get(key)) for key in _NUMBERS}
        level, path, function = str(old.get("levelname")), old.get("pathname"), old.get("funcName")
        fields |= {
            "name": self._named(self.logger_name, old.get("name")),
            "msg": FAILED,
            "args": None,
            "levelname": level if level in _LEVELS else f"LEVEL-{fields['levelno']}",
            "pathname": _path(path) if type(path) is str else "",
            "exc_info": None,
            "exc_text": None,
            "stack_info": None,
            "funcName": self._named(self.redactor.clean, function),
            "threadName": self._named(self._label(_THREAD), old.get("threadName")),
            "processName": self._named(self._label(_PROCESS), old.get("processName")),
        }
        fields["filename"] = Path(fields["pathname"]).name
        fields["module"] = Path(fields["pathname"]).stem
        return fields

    def logger_name(self, text: str) -> str:
        """A logger's name, its parts allowed as far as they are names of modules, or listed."""
        parts, said = text.split("."), []
        for end in range(1, len(parts) + 1):
            part = parts[end - 1]
            listed = part in _ROOTS or part in _PARTS
            said.append(part if listed or ".".join(parts[:end]) in sys.modules else say(part, self.tokens))
        return ".".join(said)

    def _label(self, pattern: re.Pattern[str]) -> Callable[[str], str]:
        def label(text: str) -> str:
            known = pattern.fullmatch(text)
            return known[1] if known else say(text, self.tokens)

        return label

    def _named(self, make: Callable[[str], str], text: object) -> str:
        if type(text) is not str:
            return UNPRINTABLE if text is not None else ""
        return make(text)


_PARTS = listed("client server privacy shared ui warnings uncaught error access futures asgi output drill")


@lru_cache(maxsize=4096)
def _path(path: str) -> str:
    """A source file from the folder of its package on; of any other only `<code>`, for its name may be data."""
    for module in list(sys.modules.values()):
        if getattr(module, "__file__", None) == path:
            depth = str(getattr(module, "__name__", "")).count(".") + (Path(path).name == "__init__.py")
            return "/".join(Path(path).parts[-1 - depth :])
    return "<code>"


def _plain_number(value: object) -> int | float | None:
    return value if type(value) in (int, float) else None  # type: ignore[return-value]


def _is_time_of(text: str, created: float) -> bool:
    """Whether a text says when the record was made, to the second, as formatters write it."""
    second = re.sub(r"\D", "", text[:19])
    return len(text) <= 29 and second in {
        time.strftime("%Y%m%d%H%M%S", made(created)) for made in (time.localtime, time.gmtime)
    }
