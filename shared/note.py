"""A clinical note and the entities marked in it: where the story starts.

Offsets are Python string indices into `Note.text`, end exclusive. A note is checked once, when it is made;
everything after may rely on it.
"""

from dataclasses import dataclass

from shared.errors import FixNotes

ASSERTIONS = ("present", "negated", "possible", "historical", "family", "hypothetical")


@dataclass(frozen=True, slots=True, order=True)
class Entity:
    """One marked span of a note.

    Args:
        start: first character.
        end: one past the last character.
        label: type of the entity, such as `Disease`.
        concept: code of the concept, such as `ICD10CM:E11.9`; None if unknown.
        assertion: one of `ASSERTIONS`; None if unknown.
    """

    start: int
    end: int
    label: str
    concept: str | None = None
    assertion: str | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """One note of one patient.

    Args:
        note_id: unique within a hospital.
        patient_id: the unit of privacy and of every split.
        text: the note, any Unicode.
        entities: gold or predicted spans, sorted, not overlapping.
        phi: gold identifier spans of synthetic notes, sorted, not overlapping; empty for real notes.

    Raises:
        FixNotes: an offset is out of range, a span begins or ends with white space, two spans overlap, or an
            assertion is unknown.
    """

    note_id: str
    patient_id: str
    text: str
    entities: tuple[Entity, ...] = ()
    phi: tuple[Entity, ...] = ()

    def __post_init__(self) -> None:
        for field in ("entities", "phi"):
            spans: tuple[Entity, ...] = tuple(sorted(getattr(self, field), key=lambda e: (e.start, e.end)))
            _check_spans(field, spans, self.text)
            object.__setattr__(self, field, spans)


def _check_spans(field: str, spans: tuple[Entity, ...], text: str) -> None:
    length, previous_end = len(text), 0
    for index, span in enumerate(spans):
        where = f"{field}[{index}]"
        if not 0 <= span.start < span.end <= length:
            raise FixNotes(
                f"span {span.start}..{span.end} does not lie in a text of {length} characters",
                where=where,
                remedy="Offsets are Python string indices, end exclusive.",
            )
        if text[span.start].isspace() or text[span.end - 1].isspace():
            raise FixNotes(
                f"span {span.start}..{span.end} begins or ends with white space",
                where=where,
                remedy="Move the offsets to the first and past the last visible character.",
            )
        if span.start < previous_end:
            raise FixNotes(
                f"span {span.start}..{span.end} overlaps the one before it, which ends at {previous_end}",
                where=where,
                remedy="Keep one of the two.",
            )
        if span.assertion is not None and span.assertion not in ASSERTIONS:
            raise FixNotes("unknown assertion", where=where, remedy=f"Use one of {', '.join(ASSERTIONS)}.")
        previous_end = span.end
