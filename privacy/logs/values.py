"""Arguments are denied by default: how one value appears in a log.

Guarantees: of a string nothing appears unless it is on an allow-list; of a whole number nothing unless its key, or
the words beside it, say that it counts or measures something; of any other number at most three digits. What is
denied appears as a token. A value whose own methods fail, or lie, costs the value and nothing else.
"""

import math
import sys
from collections.abc import Mapping
from datetime import timedelta
from enum import Enum
from numbers import Integral, Real
from typing import Any

from privacy.logs.counters import Event, count
from privacy.logs.tokens import Tokens
from privacy.logs.words import counts_something, is_allowed, key_is_plain

UNPRINTABLE = "<unprintable>"
_DEEPEST, _MOST = 4, 50


def say(value: object, tokens: Tokens, *around: str, spec: str = "") -> str:
    """One value as text.

    Args:
        value: anything.
        tokens: for what is denied.
        around: the value's key, or the words beside it.
        spec: format of a number, as in `%5.1f`, with the percent sign.
    """
    try:
        return _say(value, tokens, around, spec)
    except Exception:  # of the value's own methods; a BaseException ends the program as it should
        count(Event.DENIED)
        return UNPRINTABLE


def tree(value: object, tokens: Tokens, key: str = "", deep: int = 0) -> Any:
    """A value as JSON knows it, for a field of a record: numbers and lists stay, strings go the way of `say`."""
    try:
        if (
            value is None
            or isinstance(value, bool)
            or (isinstance(value, Real) and not isinstance(value, Enum))
        ):
            number = value if isinstance(value, bool | None) else _number(value, (key,))
            return number if number is not None or value is None else _deny(str(value), tokens)
        if (
            isinstance(value, Mapping | list | tuple | set | frozenset)
            and deep < _DEEPEST
            and len(value) <= _MOST
        ):
            if isinstance(value, Mapping):
                return {name(k, tokens): tree(v, tokens, str(k), deep + 1) for k, v in list(value.items())}
            return [tree(part, tokens, key, deep + 1) for part in list(value)]
    except Exception:
        count(Event.DENIED)
        return UNPRINTABLE
    return say(value, tokens, key)


def name(key: object, tokens: Tokens) -> str:
    """The name of a field; one that is not made of listed words may be data, and becomes a token."""
    if type(key) is str and key_is_plain(key):
        return key
    try:
        return _deny(str(key), tokens, "FIELD")
    except Exception:
        return UNPRINTABLE


def class_name(kind: type) -> str:
    """A class by its name, if code defines it where it says; a class made of data has none."""
    if isinstance(kind.__module__, str) and isinstance(kind.__qualname__, str):
        place: Any = sys.modules.get(kind.__module__)
        for part in kind.__qualname__.split("."):
            place = getattr(place, part, None)
        if place is kind:
            return str(kind.__qualname__)
        if kind.__qualname__.rpartition("<locals>.")[1] and kind.__module__ in sys.modules:
            return next((class_name(base) for base in kind.__mro__[1:]), "object") + " (local class)"
    return next((class_name(base) for base in kind.__mro__[1:]), "object") + " (unlisted class)"


def _say(value: object, tokens: Tokens, around: tuple[str, ...], spec: str) -> str:
    if value is None or isinstance(value, bool):
        return str(value)
    if isinstance(value, Enum):
        shown: str = value.value if isinstance(value.value, str) else value.name
        defined = class_name(type(value)) == type(value).__qualname__
        return str(shown) if defined else _deny(str(shown), tokens)
    if isinstance(value, timedelta):
        return f"{value.total_seconds():.3g} s"
    if isinstance(value, Real):
        number = _number(value, around)
        if number is None:
            return _deny(str(value), tokens)
        if isinstance(value, Integral) or counts_something(*around):
            return str((spec or "%s") % (number,))
        return f"{number:.3g}"
    if isinstance(value, str):
        text = str(value) if type(value) is str else str.__str__(value)
        if is_allowed(text) or (text.isdecimal() and counts_something(*around) and len(text) < 12):
            return text
        return _deny(text, tokens)
    if isinstance(value, BaseException):
        from privacy.logs.traces import message  # which needs this module

        return f"{class_name(type(value))}: {message(value, tokens)}"
    if isinstance(value, type):
        return class_name(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return _deny(bytes(value[:65_536]).decode("latin-1"), tokens)
    return _deny(str(value), tokens)


def _number(value: Any, around: tuple[str, ...]) -> int | float | None:
    """The number as it may appear; None if it may not."""
    if counts_something(*around):
        return int(value) if isinstance(value, Integral) else float(value)
    if isinstance(value, Integral):
        return None
    real = float(value)
    if not math.isfinite(real):
        return real
    return None if abs(real) >= 1000 or real.is_integer() else float(f"{real:.3g}")


def _deny(text: str, tokens: Tokens, kind: str = "VALUE") -> str:
    count(Event.DENIED)
    return tokens.token(text, kind) if text else ""
