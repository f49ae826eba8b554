"""Facts as a table, one row a fact: for a spreadsheet, and as the tree that the command prints as JSON."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from shared.facts import Fact

COLUMNS = (
    "note_id",
    "start",
    "end",
    "text",
    "label",
    "score",
    "assertion",
    "code",
    "code_name",
    "code_how",
    "section",
    "cue",
    "rule",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def fact_rows(facts: Sequence[Fact], note_id: str = "") -> list[tuple[str, ...]]:
    """Writes facts as rows of `COLUMNS`.

    Args:
        facts: of one note.
        note_id: of that note.

    Returns:
        Rows of text. A cell that a spreadsheet would take for a formula begins with an apostrophe.
    """
    rows = []
    for fact in facts:
        code = fact.codes[0] if fact.codes else None
        row = (
            note_id,
            str(fact.start),
            str(fact.end),
            fact.text,
            fact.label,
            f"{fact.score:.3f}",
            fact.assertion,
            code.code if code else "",
            code.name if code else "",
            code.how if code else "",
            fact.section,
            fact.reason.cue,
            fact.reason.rule,
        )
        rows.append(tuple(f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in row))
    return rows


def fact_tree(fact: Fact) -> dict[str, Any]:
    """A fact as JSON holds it: the fields of `Fact`, in their order."""
    return dataclasses.asdict(fact) | {"score": round(fact.score, 4)}
