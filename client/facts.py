"""Facts as `clinfed node extract` prints them, in each of its formats."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from datetime import date
from itertools import count

from shared.facts import Fact
from shared.formats import fhir, omop, table

Printer = Callable[[str, Sequence[Fact], str, str], str]


def printer(form: str, *, many: bool) -> Printer:
    """Makes the function that writes one note's facts after another.

    Args:
        form: `json`, `fhir`, `omop` or `csv`.
        many: whether several notes follow each other: JSON and FHIR then take a line each.

    Returns:
        From a text, its facts, its note and patient id to what is printed; the first call of a table begins with its
        head.
    """
    indent = None if many else 1

    def as_json(text: str, facts: Sequence[Fact], note_id: str, patient_id: str) -> str:
        tree = {"doc_id": note_id} if many else {}
        return _line(tree | {"entities": [table.fact_tree(fact) for fact in facts]}, indent)

    def as_fhir(text: str, facts: Sequence[Fact], note_id: str, patient_id: str) -> str:
        return _line(fhir.bundle(facts, note_id, patient_id), indent)

    heads = iter([omop.COLUMNS if form == "omop" else table.COLUMNS])
    numbers = count(1)

    def as_table(text: str, facts: Sequence[Fact], note_id: str, patient_id: str) -> str:
        rows: list[Sequence[str]] = [head for head in (next(heads, None),) if head]
        if form == "csv":
            return _csv([*rows, *table.fact_rows(facts, note_id)])
        for fact in facts:
            rows += omop.note_nlp_rows([fact], text, note_id or "0", next(numbers), date.today())
        return _csv(rows)

    return {"json": as_json, "fhir": as_fhir}.get(form, as_table)


def _line(tree: object, indent: int | None) -> str:
    return json.dumps(tree, indent=indent, ensure_ascii=True) + "\n"


def _csv(rows: Sequence[Sequence[str]]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue()
