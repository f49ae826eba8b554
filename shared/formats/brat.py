"""Notes in brat's standoff form: the text in `NAME.txt`, its marks in `NAME.ann`.

Text-bound marks (`T`) become entities, a discontinuous one its covering span. Of the rest only these count:
attributes `Negation` and `Assertion VALUE` set the assertion, a reference (`N`) sets the concept. The document is its
own patient.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

from shared.errors import FixNotes
from shared.formats.source import read_lines, read_text
from shared.formats.spans import Placed, check_range, read_assertion, settle
from shared.note import Entity, Note

_MARK = re.compile(r"(T\d{1,12})\t(\S+) (\d{1,12} \d{1,12}(?:;\d{1,12} \d{1,12})*)(?:\t(.*))?", re.DOTALL)
_ATTRIBUTE = re.compile(r"[AM]\S+\t(\S+) (\S+)(?: (\S+))?\s*")
_REFERENCE = re.compile(r"N\S+\t\S+ (\S+) (\S+)(?:\t.*)?", re.DOTALL)
_LEFT_ALONE = "RE#*"


def read_brat(path: Path, labels: Collection[str] | None = None) -> Iterator[tuple[str, Note]]:
    """Reads the one note of a `.txt` file.

    Args:
        path: the text; the marks lie beside it, with `.ann` for its last suffix.
        labels: entities with another label are left out before overlaps are checked; None keeps all.

    Yields:
        The file's name and the note.

    Raises:
        FixNotes: a line of the marks is malformed, out of range, overlaps another or differs from the text.
    """
    text = read_text(path)
    marks: dict[str, Placed] = {}
    sayings: list[tuple[str, str, str | None, str | None]] = []  # place, mark, assertion, concept
    for number, line in read_lines(path.with_suffix(".ann")):
        where = f"{path.with_suffix('.ann').name}:{number}"
        line = line.rstrip("\r")
        if line.startswith("T"):
            name, span = _mark(line, text, where)
            if name in marks:
                raise FixNotes(
                    "a mark with this number came before", where=where, remedy="Number each mark once."
                )
            marks[name] = where, span
        elif line.startswith(("A", "M", "N")):
            sayings += _sayings(line, where)
        elif line and not line.isspace() and line[0] not in _LEFT_ALONE:
            raise _malformed(where)
    for where, name, assertion, concept in sayings:
        if name not in marks:
            raise FixNotes("speaks of a mark that is not there", where=where, remedy="Remove the line.")
        place, span = marks[name]
        marks[name] = (
            place,
            replace(span, assertion=assertion or span.assertion, concept=concept or span.concept),
        )
    kept = [(where, span) for where, span in marks.values() if labels is None or span.label in labels]
    yield path.name, Note(path.stem, path.stem, text, settle(text, kept))


def _mark(line: str, text: str, where: str) -> tuple[str, Entity]:
    found = _MARK.fullmatch(line)
    if not found:
        raise _malformed(where)
    name, label, fragments, surface = found.groups()
    parts = [tuple(map(int, fragment.split())) for fragment in fragments.split(";")]
    for start, end in parts:
        check_range(text, start, end, f"{where}: field {name}")
    # brat writes a line break inside a surface as a space, and joins fragments with one
    expected = " ".join(text[start:end] for start, end in parts)
    if surface is not None and _spaced(surface) != _spaced(expected):
        raise FixNotes(
            f"differs from the text at {fragments}",
            where=f"{where}: field text",
            remedy="Count offsets in characters over the .txt file as it stands here.",
        )
    return name, Entity(min(start for start, _ in parts), max(end for _, end in parts), label)


def _sayings(line: str, where: str) -> Iterator[tuple[str, str, str | None, str | None]]:
    found = _REFERENCE.fullmatch(line) if line[0] == "N" else _ATTRIBUTE.fullmatch(line)
    if not found:
        raise _malformed(where)
    if line[0] == "N":
        target, assertion, concept = found[1], None, found[2]
    elif found[1] == "Negation":
        target, assertion, concept = found[2], "negated", None
    elif found[1] == "Assertion":
        target, assertion, concept = found[2], read_assertion(found[3] or "", where), None
    else:
        return
    if target.startswith("T"):  # events and relations are left alone
        yield where, target, assertion, concept


def _spaced(surface: str) -> str:
    return " ".join(surface.split())


def _malformed(where: str) -> FixNotes:
    return FixNotes("not a line of brat's standoff form", where=where, remedy="Mend or remove the line.")
