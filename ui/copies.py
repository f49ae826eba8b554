"""Findings in the forms in which they are taken elsewhere."""

import csv
import io
import json
from collections.abc import Callable, Sequence

from shared.facts import Fact
from shared.formats.fhir import bundle
from shared.formats.table import COLUMNS, fact_rows
from ui.findings import ASSERTIONS, best_code


def as_text(facts: Sequence[Fact]) -> str:
    """Findings as lines that can be pasted into a record, in groups by assertion."""
    lines = []
    for assertion, (_, _, heading) in ASSERTIONS.items():
        group = [fact for fact in facts if fact.assertion == assertion]
        if group:
            lines.append(f"{heading}:")
            lines += [f"  - {' '.join(fact.text.split())}{_code(fact)}" for fact in group]
    return "\n".join(lines)


def as_fhir(facts: Sequence[Fact]) -> str:
    """Findings as a FHIR R4 Bundle."""
    return json.dumps(bundle(facts), indent=1, ensure_ascii=False)


def as_csv(facts: Sequence[Fact]) -> str:
    """Findings as a table for a spreadsheet."""
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows([COLUMNS, *fact_rows(facts)])
    return written.getvalue()


COPIES: dict[str, Callable[[Sequence[Fact]], str]] = {"Text": as_text, "FHIR": as_fhir, "CSV": as_csv}


def _code(fact: Fact) -> str:
    code = best_code(fact.codes)
    if code is None:
        return ""
    return f" ({code.code}{', suggested' if code.how == 'suggested' else ''})"
