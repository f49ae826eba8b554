"""Notes from files, in the form they have, told by their content: JSONL, CoNLL/IOB or brat standoff.

A file is read as a stream, one note at a time. Nothing here puts a note's text or an identifier into an error.
"""

import itertools
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Literal

from shared.errors import FixNotes
from shared.formats.brat import read_brat
from shared.formats.conll import looks_like_conll, read_conll
from shared.formats.jsonl import read_jsonl, write_notes
from shared.formats.source import read_lines
from shared.note import Note

__all__ = ["Format", "detect", "read_notes", "write_notes"]

Format = Literal["jsonl", "conll", "brat"]

_READERS: dict[Format, Callable[[Path, Collection[str] | None], Iterator[tuple[str, Note]]]] = {
    "jsonl": read_jsonl,
    "conll": read_conll,
    "brat": read_brat,
}
_BESIDE = {".conf", ".md", ".rst"}  # what lies beside notes in a folder without being notes
_BESIDE_NAMES = {"readme", "license", "licence", "copying"}
_LINES_LOOKED_AT = 20


def read_notes(path: Path, *, labels: Collection[str] | None = None) -> Iterator[Note]:
    """Reads notes one by one from a file or from every notes file of a folder, in the order of their names.

    Args:
        path: a file (JSONL, CoNLL, or a brat `.txt` with its `.ann` beside it; plain or gzip) or a folder of them.
            Hidden files, `.conf`, `.md`, `.rst`, readme and licence files of a folder are not notes.
        labels: entities with another label are left out before overlaps are checked; None keeps all.

    Yields:
        Notes, each id once.

    Raises:
        FixNotes: while reading: the path is missing, holds no notes, has an unknown form, or a note is malformed;
            the message names file, line and field.
    """
    seen: set[str] = set()
    for file in _files(path):
        for where, note in _READERS[detect(file)](file, labels):
            if note.note_id in seen:
                raise FixNotes(
                    "this doc_id has been read before", where=where, remedy="Give each note an id of its own."
                )
            seen.add(note.note_id)
            yield note
    if not seen:
        raise FixNotes("no notes", where=path.name, remedy="Name a file or folder with at least one note.")


def detect(path: Path) -> Format:
    """Tells a file's form by its content; a file with an `.ann` beside it is brat's.

    Args:
        path: a file.

    Returns:
        The name of the form.

    Raises:
        FixNotes: the file is empty, cannot be read or has none of these forms.
    """
    if path.suffix != ".ann" and path.with_suffix(".ann").is_file():
        return "brat"
    visible = ((number, line) for number, line in read_lines(path) if line and not line.isspace())
    start = list(itertools.islice(visible, 1))
    if not start:
        raise FixNotes(
            "no notes: the file is empty", where=path.name, remedy="Name a file with at least one note."
        )
    if start[0][1].lstrip().startswith("{"):
        return "jsonl"
    if looks_like_conll(
        [line for _, line in itertools.chain(start, itertools.islice(visible, _LINES_LOOKED_AT))]
    ):
        return "conll"
    missing = path.suffix == ".txt"
    raise FixNotes(
        "text without an .ann file beside it" if missing else "neither JSONL nor CoNLL nor brat",
        where=path.name,
        remedy="Put the .ann file beside the .txt file."
        if missing
        else "Write one JSON object a line; for brat, name the .txt file.",
    )


def _files(path: Path) -> list[Path]:
    """The notes files at a path; an `.ann` file is read with its `.txt`."""
    if not path.is_dir():
        return [path]
    names = [
        file
        for file in sorted(path.iterdir())
        if file.is_file()
        and not file.name.startswith(".")
        and file.suffix not in _BESIDE
        and file.stem.lower() not in _BESIDE_NAMES
    ]
    return [file for file in names if file.suffix != ".ann" or not file.with_suffix(".txt").is_file()]
