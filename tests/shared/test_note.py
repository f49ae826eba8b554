import pytest

from shared.errors import FixNotes
from shared.note import ASSERTIONS, Entity, Note

TEXT = "no chest pain"
CANARY = "chest"

BAD = [
    ("start below zero", Entity(-1, 2, "D"), "does not lie"),
    ("end beyond the text", Entity(3, 14, "D"), "does not lie in a text of 13 characters"),
    ("empty", Entity(3, 3, "D"), "does not lie"),
    ("backwards", Entity(5, 3, "D"), "does not lie"),
    ("begins with a space", Entity(2, 8, "D"), "white space"),
    ("ends with a space", Entity(3, 9, "D"), "white space"),
    ("unknown assertion", Entity(3, 8, "D", None, "perhaps"), "unknown assertion"),
]


@pytest.mark.parametrize("field", ["entities", "phi"])
@pytest.mark.parametrize(("why", "span", "message"), BAD, ids=[why for why, _, _ in BAD])
def test_a_bad_span_is_refused_without_quoting_the_text(
    field: str, why: str, span: Entity, message: str
) -> None:
    with pytest.raises(FixNotes, match=message) as refusal:
        Note("n", "p", TEXT, **{field: (span,)})
    assert refusal.value.where == f"{field}[0]"
    assert refusal.value.code == "fix-notes"
    assert refusal.value.remedy
    assert CANARY not in str(refusal.value)


def test_overlapping_spans_are_refused() -> None:
    with pytest.raises(FixNotes, match="overlaps") as refusal:
        Note("n", "p", TEXT, (Entity(9, 13, "D"), Entity(3, 10, "E")))
    assert refusal.value.where == "entities[1]"


def test_spans_are_sorted_and_may_touch() -> None:
    note = Note("n", "p", TEXT, (Entity(5, 8, "D"), Entity(3, 5, "D")))
    assert [span.start for span in note.entities] == [3, 5]


def test_gold_identifiers_may_lie_over_entities() -> None:
    assert Note("n", "p", TEXT, (Entity(3, 8, "D"),), (Entity(3, 13, "NAME"),)).phi


@pytest.mark.parametrize("assertion", [None, *ASSERTIONS])
def test_every_assertion_is_accepted(assertion: str | None) -> None:
    assert Note("n", "p", TEXT, (Entity(3, 8, "D", None, assertion),)).entities[0].assertion == assertion
