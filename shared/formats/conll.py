"""Notes as CoNLL columns: a token a line, its tag in the last column, a blank line after each sentence.

IOB1, IOB2 and BIOES tags are told apart as they come: `B-` and `S-` begin a span, `I-` and `E-` go on with an open
one of their label and else begin one. The text is rebuilt: one space between tokens, a line feed between sentences.
`-DOCSTART-` or `# doc_id = ...` begins a document, `# patient_id = ...` names its patient; a file with neither is one
document.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from shared.errors import FixNotes
from shared.formats.source import read_lines
from shared.formats.spans import Placed, settle
from shared.note import Entity, Note

_COMMENT = re.compile(r"#\s*(\w+)\s*=\s*(.*)")
_TAG = re.compile(r"O|([BIESLUM])(?:-(.+))?")
_DOCUMENT = "-DOCSTART-"


def looks_like_conll(lines: Sequence[str]) -> bool:
    """Whether the first visible lines of a file are comments, document marks or columns that end in a tag."""
    rows = [line for line in lines if not _COMMENT.match(line) and not line.startswith(_DOCUMENT)]
    columns = [_columns(row) for row in rows]
    return bool(columns or len(lines) > len(rows)) and all(
        len(cells) > 1 and _TAG.fullmatch(cells[-1]) for cells in columns
    )


def read_conll(path: Path, labels: Collection[str] | None = None) -> Iterator[tuple[str, Note]]:
    """Reads documents one by one.

    Args:
        path: a CoNLL file, columns apart by tabs or else by spaces, plain or gzip.
        labels: entities with another label are left out; None keeps all. Tags without a label, such as `B`, take the
            only label named here.

    Yields:
        The place where the document begins, such as `train.conll:7`, and the note.

    Raises:
        FixNotes: a line has no token, no tag or an unknown tag, or a document has no token.
    """
    document = _Document()
    count = 0
    for number, line in read_lines(path):
        where = f"{path.name}:{number}"
        comment = _COMMENT.match(line)
        key = comment[1] if comment else ""
        marked = line.startswith(_DOCUMENT)
        begins = marked or key in ("doc_id", "patient_id")
        if (begins and document.pieces) or (key == "doc_id" and document.note_id):
            count += 1
            yield document.where, document.note(path, count, labels)
            document = _Document()
        if begins:
            document.where = document.where or where
        if comment:
            document.name(key, comment[2].strip())
        elif not line or line.isspace():
            document.end_sentence()
        elif not marked:
            document.add(line, where, labels)
    if document.pieces or document.note_id:
        yield document.where, document.note(path, count + 1, labels)


@dataclass
class _Document:
    """The document being read: pieces of its text, and spans over it."""

    where: str = ""
    note_id: str = ""
    patient_id: str = ""
    pieces: list[str] = field(default_factory=list)
    spans: list[Placed] = field(default_factory=list)
    length: int = 0
    gap: str = ""  # what separates the next token from the text so far
    open_label: str = ""  # label of the span that the next token may go on with

    def name(self, key: str, value: str) -> None:
        if key == "doc_id":
            self.note_id = value
        elif key == "patient_id":
            self.patient_id = value

    def end_sentence(self) -> None:
        self.gap, self.open_label = "\n" if self.pieces else "", ""

    def add(self, line: str, where: str, labels: Collection[str] | None) -> None:
        cells = _columns(line)
        token = cells[0]
        if len(cells) < 2:
            raise FixNotes("one column only", where=where, remedy="Write the token first and its tag last.")
        if not token:
            raise FixNotes("no token", where=f"{where}: field token", remedy="Remove the line.")
        found = _TAG.fullmatch(cells[-1])
        if not found:
            raise FixNotes(
                "unknown tag", where=f"{where}: field tag", remedy="Use O, or B-, I-, E- or S- and a label."
            )
        self.where = self.where or where
        start = self.length + len(self.gap)
        self.pieces += self.gap, token
        self.length, self.gap = start + len(token), " "
        prefix, label = found[1] or "", found[2] or ""
        if prefix and not label:
            label = _only(labels, where)
        if prefix in ("I", "E", "L", "M") and label == self.open_label:
            place, span = self.spans[-1]
            self.spans[-1] = place, Entity(span.start, self.length, label)
        elif prefix:
            self.spans.append((where, Entity(start, self.length, label)))
        self.open_label = label if prefix in ("B", "I", "M") else ""

    def note(self, path: Path, count: int, labels: Collection[str] | None) -> Note:
        if not self.pieces:
            raise FixNotes("a document without tokens", where=self.where, remedy="Remove it.")
        text = "".join(self.pieces)
        kept = [(where, span) for where, span in self.spans if labels is None or span.label in labels]
        note_id = self.note_id or f"{path.name.split('.')[0]}-{count}"
        return Note(note_id, self.patient_id or note_id, text, settle(text, kept))


def _columns(line: str) -> list[str]:
    """Token, other columns and tag; only tabs, or else spaces, part them, since a token may hold other spaces."""
    line = line.rstrip("\r")
    cells = line.split("\t") if "\t" in line else [cell for cell in line.split(" ") if cell]
    return [cell.strip() for cell in cells]


def _only(labels: Collection[str] | None, where: str) -> str:
    if labels is not None and len(labels) == 1:
        return next(iter(labels))
    raise FixNotes(
        "a tag without a label",
        where=f"{where}: field tag",
        remedy="Write B-Disease, or read with one label.",
    )
