"""Exceptions as text: class, message, notes and places of the whole chain, with every value denied.

Lines of source and local variables are left out. Of a message only what code spells out appears: the literal pieces
of the functions that the exception passed through, and the plain words of Python's own messages.
"""

import re
import sys
from collections.abc import Iterator
from types import CodeType, TracebackType

from privacy.logs.counters import Event, count
from privacy.logs.provenance import values_in
from privacy.logs.templates import near
from privacy.logs.tokens import TOKEN, Tokens
from privacy.logs.values import UNPRINTABLE, class_name, say
from privacy.logs.words import is_allowed, listed

_DEEPEST, _MOST, _FRAMES, _LONGEST = 8, 16, 40, 4096
_CAUSE = "which caused:"
_DURING = "and while that was handled:"
_QUOTED = re.compile(
    r"(?<!\w)'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`[^`]*`|«[^»]*»|\([^()]*\)\s*=\s*\([^()]*\)"
)
_VALUE = re.compile(r"<[A-Z][A-Z_]*:[a-z]{12}>|[^\s,;]+")
_PLAIN = listed(
    """
    a an and any are argument arguments array at attribute base be before bool boolean broken but by byte
    bytes call callable can't cannot character codec column connection context convert could data database
    decode dict did directory disk division does end enough error exceeded exist exists expected expecting
    extra failed failure file float for format found from full function get given got had has have i/o in
    index input int integer interrupted invalid is it item iterable key keyword length line list literal
    locked long lookup mapping match maximum memory missing module more most must name no none not number
    object of on one only open operand operation or out outside parse pipe position positional property range
    read recursion refused required requires reset resource returned same scalar sequence set shape shapes
    should size start str string subscriptable such support supported table take takes temporarily than that
    the this timed timeout to too true type types unavailable unbound unexpected unhashable unknown unpack
    unsupported used using value values variable was were when while with within without write wrong you your
    zero
    """
)


def render(error: BaseException, tokens: Tokens) -> str:
    """An exception with its chain, groups and notes.

    Args:
        error: the exception; its traceback gives the places.
        tokens: for what is denied.

    Returns:
        Lines of text, to be scanned like any other; the oldest exception of the chain first, as Python prints it.
    """
    try:
        return "\n".join(_lines(error, tokens, set(), 0))
    except Exception:  # of an exception's own methods
        count(Event.WITHHELD_ERROR)
        return UNPRINTABLE


def message(error: BaseException, tokens: Tokens) -> str:
    """The message of one exception, its values denied."""
    codes = [code for code, _, _ in _frames(error.__traceback__)]
    if isinstance(error, OSError) and error.errno is not None:
        return f"[Errno {error.errno}] {_sayable(str(error.strerror or ''), codes, tokens)}"
    if isinstance(error, SystemExit) and isinstance(error.code, int | None):
        return str(error.code)
    try:
        text = str(error)
    except Exception:
        return UNPRINTABLE
    return _sayable(text, codes, tokens)


def _lines(error: BaseException, tokens: Tokens, seen: set[int], deep: int) -> Iterator[str]:
    if id(error) in seen or deep > _DEEPEST or len(seen) > _MOST:
        yield "..."
        return
    seen.add(id(error))
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if earlier is not None:
        yield from _lines(earlier, tokens, seen, deep + 1)
        yield _CAUSE if error.__cause__ is not None else _DURING
    frames = list(_frames(error.__traceback__))
    for code, line, module in (
        frames[: _FRAMES // 2] + frames[max(_FRAMES // 2, len(frames) - _FRAMES // 2) :]
    ):
        yield f"  {module}:{line} in {code.co_name}"
    yield f"{class_name(type(error))}: {message(error, tokens)}"
    codes = [code for code, _, _ in frames]
    notes = getattr(error, "__notes__", None)
    for note in list(notes)[:_MOST] if isinstance(notes, list | tuple) else []:
        yield f"  note: {_sayable(str(note), codes, tokens)}"
    if isinstance(error, BaseExceptionGroup):
        for number, part in enumerate(error.exceptions[:_MOST]):
            yield f"  part {number + 1}:"
            yield from _lines(part, tokens, seen, deep + 1)


def _sayable(text: str, codes: list[CodeType], tokens: Tokens) -> str:
    """A message in which only what code spelt out, and Python's own words, remain."""
    if len(text) > _LONGEST:
        return say(text, tokens)
    spans = values_in(text, codes)
    if spans is None:
        spans = [(0, len(text))]
    for start, end in reversed(spans):
        text = text[:start] + _words(text, start, end, tokens) + text[end:]
    return text


def _words(text: str, start: int, end: int, tokens: Tokens) -> str:
    """A part of unknown origin: quoted values and unlisted words become tokens, several in a row one."""
    around = near(text[:start], text[end:])
    part = _QUOTED.sub(lambda quoted: say(quoted[0].strip("'\"`«»"), tokens), text[start:end])
    said: list[str] = []
    row: list[str] = []
    for match in [*_VALUE.finditer(part), None]:
        word = match[0] if match else ""
        bare = word.strip("()[]{}:.!?")
        plain = not bare or TOKEN.fullmatch(bare) or bare.lower() in _PLAIN or is_allowed(bare)
        if match and not plain:
            row.append(word)
            continue
        if row:
            said.append(say(" ".join(row), tokens, *around))
            row = []
        if match:
            said.append(word)
    return " ".join(said)


def _frames(trace: TracebackType | None) -> Iterator[tuple[CodeType, int, str]]:
    """Code, line and module of each place, the outermost first; a module's name is code, a path may be a person's."""
    number = 0
    while trace is not None and number < 1000:
        module = trace.tb_frame.f_globals.get("__name__")
        known = module if isinstance(module, str) and module in sys.modules else "<code>"
        yield trace.tb_frame.f_code, trace.tb_lineno, known
        trace, number = trace.tb_next, number + 1
