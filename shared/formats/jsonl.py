"""Notes as JSONL, one note a line: the form that clinfed reads and writes.

`{"doc_id", "patient_id", "text", "entities": [{"start", "end", "label", "concept"?, "assertion"?}]}`. Also read:
`note_id` for `doc_id`; a missing `patient_id` is the document itself; `phi` like `entities`; `text` or `surface` in
an entity must equal its slice; other keys are left alone.
"""

import gzip
import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from io import BufferedIOBase
from pathlib import Path
from typing import Any

from shared.errors import FixNotes
from shared.formats.source import read_lines
from shared.formats.spans import Placed, check_range, read_assertion, settle
from shared.note import Entity, Note

_SPLIT_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")  # JSON would join the two into one character


def read_jsonl(path: Path, labels: Collection[str] | None = None) -> Iterator[tuple[str, Note]]:
    """Reads notes one by one.

    Args:
        path: a JSONL file, plain or gzip.
        labels: entities with another label are left out before overlaps are checked; None keeps all.

    Yields:
        The note's place, such as `train.jsonl:7`, and the note.

    Raises:
        FixNotes: a line is malformed; the message names file, line and field.
    """
    for number, line in read_lines(path):
        if line and not line.isspace():
            where = f"{path.name}:{number}"
            yield where, _note(_parse(line, where), where, labels)


def write_notes(path: Path, notes: Iterable[Note]) -> int:
    """Writes notes as JSONL, the whole file or none; reading it gives equal notes.

    Args:
        path: the file; its folder must exist; a name that ends in `.gz` is compressed.
        notes: notes with different ids; only one is held at a time.

    Returns:
        How many were written.

    Raises:
        FixNotes: two notes have one id, or a string holds a surrogate pair as two characters, which JSON cannot keep.
    """
    beside = path.with_name(f".{path.name}.part")
    seen: set[str] = set()
    try:
        with beside.open("wb") as stream:
            # No name and no time in the header: equal notes give equal bytes.
            packed = gzip.GzipFile("", "wb", fileobj=stream, mtime=0) if path.suffix == ".gz" else None
            target: BufferedIOBase = packed or stream
            for note in notes:
                where = f"{path.name}:{len(seen) + 1}"
                if note.note_id in seen:
                    raise FixNotes(
                        "doc_id has been written before", where=where, remedy="Give each note its own id."
                    )
                seen.add(note.note_id)
                target.write(_line(note, where).encode("ascii"))
            if packed:
                packed.close()
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return len(seen)


def _parse(line: str, where: str) -> Mapping[str, Any]:
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        problem = f"not valid JSON at column {error.colno}"
    except (RecursionError, ValueError):
        problem = "not valid JSON: nested too deeply or a number too long"
    else:
        if isinstance(record, dict):
            return record
        problem = "not a JSON object"
    raise FixNotes(problem, where=where, remedy="Write one note a line, each a JSON object.")


def _note(record: Mapping[str, Any], where: str, labels: Collection[str] | None) -> Note:
    at = f"{where}: field "
    given = "note_id" if "note_id" in record and "doc_id" not in record else "doc_id"
    note_id = _identifier(record, given, at)
    patient_id = note_id if record.get("patient_id") is None else _identifier(record, "patient_id", at)
    text = _string(record, "text", at)
    entities = _spans(record, "entities", text, at, labels)
    phi = () if record.get("phi") is None else _spans(record, "phi", text, at, None)
    return Note(note_id, patient_id, text, entities, phi)


# Below, `at` is the place of the record: the name of one of its fields may follow it.


def _spans(
    record: Mapping[str, Any], field: str, text: str, at: str, labels: Collection[str] | None
) -> tuple[Entity, ...]:
    items = record.get(field)
    if not isinstance(items, list):
        raise _wrong(record, field, "a list", at)
    placed: list[Placed] = []
    for index, item in enumerate(items):
        place = f"{at}{field}[{index}]"
        if not isinstance(item, dict):
            raise FixNotes("not a JSON object", where=place, remedy="Write start, end and label.")
        if labels is None or _string(item, "label", f"{place}.") in labels:
            placed.append((place, _span(item, text, place)))
    return settle(text, placed)


def _span(item: Mapping[str, Any], text: str, place: str) -> Entity:
    at = f"{place}."
    start, end = _integer(item, "start", at), _integer(item, "end", at)
    check_range(text, start, end, place)
    for field in ("text", "surface"):
        if item.get(field) is not None and _string(item, field, at) != text[start:end]:
            raise FixNotes(
                f"differs from the text at {start}..{end}",
                where=at + field,
                remedy="Count offsets in characters, not in bytes or tokens, over the text as it stands here.",
            )
    label = _string(item, "label", at)
    if not label:
        raise _wrong(item, "label", "a string that is not empty", at)
    concept = None if item.get("concept") is None else _string(item, "concept", at)
    assertion = None if item.get("assertion") is None else _string(item, "assertion", at)
    if assertion is not None:
        assertion = read_assertion(assertion, f"{at}assertion")
    return Entity(start, end, label, concept, assertion)


def _string(record: Mapping[str, Any], field: str, at: str) -> str:
    value = record.get(field)
    if not isinstance(value, str):
        raise _wrong(record, field, "a string", at)
    return value


def _integer(record: Mapping[str, Any], field: str, at: str) -> int:
    value = record.get(field)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(record, field, "an integer", at)
    return value


def _identifier(record: Mapping[str, Any], field: str, at: str) -> str:
    value = record.get(field)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value:
        raise _wrong(record, field, "a string that is not empty", at)
    return value


def _wrong(record: Mapping[str, Any], field: str, wanted: str, at: str) -> FixNotes:
    return FixNotes(
        f"not {wanted}" if field in record else "missing", where=at + field, remedy=f"Write {wanted}."
    )


def _line(note: Note, where: str) -> str:
    record: dict[str, Any] = {"doc_id": note.note_id, "patient_id": note.patient_id, "text": note.text}
    record["entities"] = [_item(span) for span in note.entities]
    if note.phi:
        record["phi"] = [_item(span) for span in note.phi]
    inside = (value for span in (*note.entities, *note.phi) for value in (span.label, span.concept))
    for value in (note.note_id, note.patient_id, note.text, *inside):
        if value is not None and _SPLIT_PAIR.search(value):
            raise FixNotes(
                "a surrogate pair stands as two characters, which JSON cannot keep",
                where=where,
                remedy="Decode the text as UTF-16 first.",
            )
    return json.dumps(record) + "\n"


def _item(span: Entity) -> dict[str, Any]:
    item = {"start": span.start, "end": span.end, "label": span.label}
    more = {"concept": span.concept, "assertion": span.assertion}
    return {**item, **{key: value for key, value in more.items() if value is not None}}
