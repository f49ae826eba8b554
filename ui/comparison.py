"""Two models on one note: which findings both make, where they differ, and what only one sees."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from shared.facts import Fact
from ui.findings import ASSERTIONS, best_code
from ui.fragments import table
from ui.marked import Mark

Kind = Literal["both", "differs", "first", "second"]
KINDS: dict[Kind, str] = {
    "both": "Both",
    "differs": "Both, differently",
    "first": "Only the first",
    "second": "Only the second",
}
_LABELS: dict[Kind, str] = {"both": "", "differs": "≠", "first": "1", "second": "2"}


@dataclass(frozen=True)
class Pair:
    """What two models say of one place in a note; not both are None.

    Args:
        first: the first model's finding.
        second: the second model's.
    """

    first: Fact | None
    second: Fact | None

    @property
    def kind(self) -> Kind:
        """How the two relate."""
        if self.second is None:
            return "first"
        if self.first is None:
            return "second"
        return "both" if _same(self.first, self.second) else "differs"

    @property
    def start(self) -> int:
        """First character of either."""
        return min(one.start for one in (self.first, self.second) if one)

    @property
    def end(self) -> int:
        """One past the last character of either."""
        return max(one.end for one in (self.first, self.second) if one)


def pairs(first: Sequence[Fact], second: Sequence[Fact]) -> list[Pair]:
    """Puts findings that share a character beside each other, each in one pair at most.

    Args:
        first: findings of one model, sorted, not overlapping.
        second: of the other, alike.

    Returns:
        In the order of the text.
    """
    made, left, right = [], 0, 0
    while left < len(first) and right < len(second):
        one, other = first[left], second[right]
        if one.end <= other.start:
            made.append(Pair(one, None))
            left += 1
        elif other.end <= one.start:
            made.append(Pair(None, other))
            right += 1
        else:
            made.append(Pair(one, other))
            left, right = left + 1, right + 1
    made += [Pair(one, None) for one in first[left:]]
    made += [Pair(None, other) for other in second[right:]]
    return sorted(made, key=lambda pair: (pair.start, pair.end))


def marks(compared: Sequence[Pair]) -> list[Mark]:
    """Pairs as marks in the note."""
    return [
        Mark(pair.start, pair.end, pair.kind, _LABELS[pair.kind], f"c{pair.start}", _tip(pair))
        for pair in compared
    ]


def pair_table(text: str, compared: Sequence[Pair], names: tuple[str, str]) -> Markup:
    """Every place in which a model finds something."""
    rows = [
        (
            Markup('<a href="#c{}">{}</a>').format(pair.start, text[pair.start : pair.end]),
            Markup('<span class="tag {}">{}</span>').format(pair.kind, KINDS[pair.kind]),
            _said(text, pair.first),
            _said(text, pair.second),
        )
        for pair in compared
    ]
    return table(("Finding", "Seen by", *names), rows, caption="Findings of both models")


def summary(compared: Sequence[Pair]) -> str:
    """How far two models agree, in one sentence."""
    counts = Counter(pair.kind for pair in compared)
    said = ", ".join(f"{counts[kind]} {KINDS[kind].lower()}" for kind in KINDS if counts[kind])
    return f"{len(compared)} place{'' if len(compared) == 1 else 's'}{': ' if said else ''}{said}."


def legend() -> Markup:
    """How each kind looks."""
    items = Markup("").join(
        Markup('<li><mark class="m {}">{}{}</mark></li>').format(
            kind, name, Markup("<sup>{}</sup>").format(_LABELS[kind]) if _LABELS[kind] else ""
        )
        for kind, name in KINDS.items()
    )
    return Markup('<ul class="key" aria-label="How differences are marked">{}</ul>').format(items)


def _same(one: Fact, other: Fact) -> bool:
    codes = [code.code if code else None for code in (best_code(one.codes), best_code(other.codes))]
    alike = (one.start, one.end, one.label, one.assertion) == (
        other.start,
        other.end,
        other.label,
        other.assertion,
    )
    return alike and codes[0] == codes[1]


def _said(text: str, fact: Fact | None) -> str:
    if fact is None:
        return "–"
    code = best_code(fact.codes)
    parts = [f"“{text[fact.start : fact.end]}”", ASSERTIONS[fact.assertion][0].lower()]
    return ", ".join([*parts, *([code.code] if code else []), f"{fact.score:.2f}"])


def _tip(pair: Pair) -> tuple[tuple[str, str], ...]:
    return tuple(
        (
            name,
            "nothing here" if fact is None else f"{ASSERTIONS[fact.assertion][0].lower()}, {fact.score:.2f}",
        )
        for name, fact in (("first", pair.first), ("second", pair.second))
    )
