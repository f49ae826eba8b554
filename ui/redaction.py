"""A note without its identifiers: what was found, by which rule, and what stands in its place.

Guarantees: none beyond the detector's (`privacy.phi`), which finds most identifiers and not all. The page says so:
a person reviews a text before it is released.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from privacy.phi import detector
from privacy.phi.entities import SAFE_HARBOR
from privacy.phi.surrogates import Surrogates
from ui.fragments import table
from ui.marked import Mark

Mode = Literal["mask", "surrogate", "hash"]
MODES: dict[Mode, str] = {
    "mask": "Mask: the kind in place of the value",
    "surrogate": "Surrogate: a made-up value of the same kind",
    "hash": "Hash: a keyed token, the same for the same value",
}
LEAST_KEY_BYTES = 16
_ABBREVIATIONS = ("SSN", "MRN", "URL", "IP", "ID")


@dataclass(frozen=True)
class Replaced:
    """One identifier and what stands in its place.

    Args:
        start: first character in the note.
        end: one past the last.
        entity: kind of identifier.
        score: of the detector.
        instead: text in its place.
    """

    start: int
    end: int
    entity: str
    score: float
    instead: str


def redact(text: str, mode: Mode, key: bytes) -> list[Replaced]:
    """Finds identifiers and what to put in their place.

    Args:
        text: a note.
        mode: what to put there.
        key: secret of stand-ins and hashes; not used to mask.

    Returns:
        In the order of the text, not overlapping.
    """
    made = Surrogates(key, "")
    ways: dict[Mode, Callable[[str, str], str]] = {
        "mask": lambda entity, _: f"<{entity}>",
        "surrogate": made.stand_in,
        "hash": made.hashed,
    }
    return [
        Replaced(one.start, one.end, one.entity, one.score, ways[mode](one.entity, text[one.start : one.end]))
        for one in detector("notes").find(text)
    ]


def redacted(text: str, replaced: Iterable[Replaced]) -> str:
    """The note with every identifier replaced."""
    parts: list[str] = []
    at = 0
    for one in replaced:
        parts += (text[at : one.start], one.instead)
        at = one.end
    return "".join([*parts, text[at:]])


def before(text: str, replaced: Iterable[Replaced]) -> list[Mark]:
    """Identifiers as marks in the note."""
    return [
        Mark(one.start, one.end, "phi", _plain(one.entity), f"b{one.start}", _tip(one)) for one in replaced
    ]


def after(text: str, replaced: Iterable[Replaced]) -> list[Mark]:
    """The same marks with what stands in their place; the identifiers themselves are not in them."""
    return [
        Mark(one.start, one.end, "gone", "", f"a{one.start}", _tip(one), shown=one.instead)
        for one in replaced
    ]


def span_table(text: str, replaced: Sequence[Replaced]) -> Markup:
    """Every identifier: what it is, why it counts as one, and what stands in its place."""
    rows = [
        (
            Markup('<a href="#b{}">{}</a>').format(one.start, text[one.start : one.end]),
            _plain(one.entity),
            rule_of(one.entity),
            f"{one.score:.2f}",
            one.instead,
        )
        for one in replaced
    ]
    head = ("Found", "Kind", "Why: 45 CFR 164.514(b)(2)(i)", "Score", "In its place")
    return table(head, rows, caption="Identifiers found", figures=(3,))


def summary(replaced: Sequence[Replaced]) -> str:
    """What was found, in one sentence."""
    counts = Counter(_plain(one.entity) for one in replaced)
    said = ", ".join(f"{times} {kind}" for kind, times in counts.most_common())
    total = len(replaced)
    return f"{total} identifier{'' if total == 1 else 's'} found{': ' if said else ''}{said}."


def rule_of(entity: str) -> str:
    """The identifier of the Safe Harbor rule that an entity belongs to."""
    found = (f"({rule[0]}) {rule[2:]}" for rule, entities in SAFE_HARBOR.items() if entity in entities)
    return next(found, "not read: too long")


def _plain(entity: str) -> str:
    return entity if entity in _ABBREVIATIONS else entity.replace("_", " ").lower()


def _tip(one: Replaced) -> tuple[tuple[str, str], ...]:
    return (
        ("kind", _plain(one.entity)),
        ("rule", rule_of(one.entity)),
        ("score", f"{one.score:.2f}"),
        ("in its place", one.instead),
    )
