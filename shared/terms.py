"""Open term lists of diseases (Disease Ontology, Mondo, ICD-10-CM) as plain names.

A list is JSONL, plain or gzip, one concept a line: `{"name", "synonyms"?, "id"?}`; other keys are left alone. Names
are brought from the form of a catalogue ("Neoplasm, benign, unspecified") to that of a sentence where one rule can.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shared.errors import FixNotes, FixSettings
from shared.formats.source import read_lines

_REMEDY = "Name a JSONL file with one concept a line: name, and synonyms if it has any."
_ICD = "ICD10CM:"
# Chapters of ICD-10-CM that hold no diseases: injuries by place, external causes, contacts with services.
_NO_DISEASE = re.compile(rf"{_ICD}[S-Z]")
_BRACKETS = re.compile(r"\s*[(\[][^()\[\]]*[)\]]")
_CATALOGUE = re.compile(
    r",? (?:unspecified|not elsewhere classified|not otherwise specified|NOS|(?:initial|subsequent) encounter"
    r"(?: for .*)?|sequela)\b|^(?:(?:other|unspecified)(?: and (?:other|unspecified))?|other specified) ",
    re.IGNORECASE,
)
_SHORTEST = 3  # characters


def read_terms(path: Path) -> list[str]:
    """Reads the names of a term list.

    Args:
        path: JSONL, plain or gzip.

    Returns:
        Distinct names and synonyms in the order of the file, at least one.

    Raises:
        FixSettings: the file is missing, empty or malformed; the message names file and line.
    """
    names: dict[str, None] = {}
    try:
        for number, line in read_lines(path):
            if line and not line.isspace():
                names.update(dict.fromkeys(_names(line, f"{path.name}:{number}")))
    except FixNotes as error:  # its remedy is for notes
        raise FixSettings(error.what, where=error.where, remedy=_REMEDY) from None
    if not names:
        raise FixSettings("holds no terms", where=path.name, remedy=_REMEDY)
    return list(names)


def plain_name(term: str, *, turn: bool = True) -> str:
    """A term as it would stand in a sentence.

    Args:
        term: as the list has it.
        turn: make "typhoid fever" of "fever, typhoid".

    Returns:
        The name without remarks; empty if nothing is left.
    """
    name = _CATALOGUE.sub("", _BRACKETS.sub("", term)).strip(" ,;")
    if turn and name.count(", ") == 1 and " and " not in name and " or " not in name:
        kind, which = name.split(", ")
        name = f"{which} {kind}"
    return name if len(name) >= _SHORTEST else ""


def _names(line: str, where: str) -> Iterator[str]:
    try:
        concept: Any = json.loads(line)
    except (ValueError, RecursionError):
        concept = None
    if not isinstance(concept, dict):
        raise FixSettings("not a JSON object", where=where, remedy=_REMEDY)
    name, synonyms = concept.get("name"), concept.get("synonyms") or []
    texts = [name, *synonyms] if isinstance(synonyms, list) else []
    if not texts or not all(isinstance(text, str) for text in texts):
        raise FixSettings("name or synonyms are not text", where=where, remedy=_REMEDY)
    code = str(concept.get("id", ""))
    if not _NO_DISEASE.match(code):
        turn = not code.startswith(_ICD)  # whose commas mostly stand before a place: "gout, left knee"
        yield from filter(None, (plain_name(text, turn=turn) for text in texts))
