"""`%` templates filled with values that are denied by default."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from privacy.logs.tokens import TOKEN, Tokens
from privacy.logs.values import UNPRINTABLE, say

_SLOT = re.compile(
    r"%(?:\((?P<key>[^)]*)\))?(?P<flags>[#0\- +]*)(?P<width>\*|\d{1,3})?(?:\.(?P<precision>\*|\d{1,3}))?[hlL]?"
    r"(?P<kind>[diouxXeEfFgGcrsa%])"
)
_DIGIT, _ANY_TOKEN = re.compile(r"\d"), "<VALUE:bcdfghjkmpqr>"
_WORDS = re.compile(r"[^\W\d_][\w.'’]*")


class _Slot(NamedTuple):
    """One place for a value, and the words of the template around it."""

    key: str | None
    spec: str
    before: str
    after: str


def fill(template: str, args: object, tokens: Tokens) -> str:
    """A template with its values said.

    Args:
        template: as for the `%` operator.
        args: what a `LogRecord` holds: a tuple, or a mapping for named places.
        tokens: for what is denied.

    Returns:
        The text; values that find no place are said at its end, so that none is lost.
    """
    return fill_alike(template, args, tokens)[0]


def fill_alike(template: str, args: object, tokens: Tokens) -> tuple[str, str]:
    """As `fill`, and once more with one token for all and one digit for all.

    Args:
        template: as for the `%` operator.
        args: what a `LogRecord` holds.
        tokens: for what is denied.

    Returns:
        The text, and what it has in common with every other text of the template whose values have the same form.
    """
    literals, slots = _parse(template)
    values = args if isinstance(args, tuple) else (args,)
    mapping = args if isinstance(args, Mapping) else values[0] if len(values) == 1 else None
    text, like, used = [literals[0]], [literals[0]], 0
    for slot, literal in zip(slots, literals[1:], strict=True):
        if slot.key is not None:
            value = _look_up(mapping, slot.key)
            said = say(value, tokens, slot.key, spec=slot.spec)
        elif used < len(values):
            said = say(values[used], tokens, slot.before, slot.after, spec=slot.spec)
            used += 1
        else:
            said = "<missing>"
        text += [said, literal]
        like += [_form(said), literal]
    if not any(slot.key is not None for slot in slots):
        rest = [f" {say(value, tokens)}" for value in values[used:]]
        text += rest
        like += map(_form, rest)
    return "".join(text), "".join(like)


def _form(said: str) -> str:
    return _DIGIT.sub("7", TOKEN.sub(_ANY_TOKEN, said))


def _look_up(mapping: object, key: str) -> object:
    try:
        return mapping[key]  # type: ignore[index]
    except Exception:  # of a mapping that is none, or has methods of its own
        return UNPRINTABLE


@lru_cache(maxsize=2048)
def _parse(template: str) -> tuple[list[str], list[_Slot]]:
    """The literals, one more than there are places, and the places."""
    literals, slots, at, literal = [], [], 0, ""
    matches = list(_SLOT.finditer(template))
    for match in matches:
        literal += template[at : match.start()]
        at = match.end()
        if match["kind"] == "%":
            literal += "%"
            continue
        literals.append(literal)
        literal = ""
        numeric = match["kind"] in "dieEfFgGoxXu" and "*" not in (match["width"], match["precision"])
        precision = "" if match["precision"] is None else f".{match['precision']}"
        spec = f"%{match['flags']}{match['width'] or ''}{precision}{match['kind']}" if numeric else ""
        if "*" in (match["width"], match["precision"]):
            slots.append(_Slot(match["key"], "", "", ""))
            literals.append("")
        before, after = near(
            _SLOT.sub("\n", template[: match.start()]), _SLOT.sub(" ", template[match.end() :])
        )
        slots.append(_Slot(match["key"], spec, before, after))
    literals.append(literal + template[at:])
    return literals, slots


def near(before: str, after: str) -> tuple[str, str]:
    """The two words before a value and the two after it, as far as they belong to it by punctuation."""
    left = _WORDS.findall(re.split(r"[;,\n]|\.\s", before[-80:])[-1])
    right = _WORDS.findall(re.split(r"[;,\n=:]|\.(?:\s|$)", after[:80])[0])
    return " ".join(left[-2:]), " ".join(right[:2])
