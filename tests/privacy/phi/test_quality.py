"""How much is found and how much is spared, on texts that nothing was trained on.

The synthetic clinic's test split has templates and names of its own; the sentences below are unseen as well. The
corpora of `../shared/data` are for development: their tests skip without them.
"""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from privacy.phi import detector
from shared.synthetic import make_test_notes

DATA = Path(__file__).parents[4] / "shared" / "data"
Gold = tuple[str, list[tuple[int, int]]]

# {...} marks what identifies; names that no list holds among them
UNSEEN = """
Collateral history was taken from {Quilliam Trevanion}, her stepson, who drives up from {Polperro} each week.
The boy's godmother, {Ysolde Marchetti}, asked whether {Dr. Brannigan-Ohta} could phone her.
{Mr. Zwickelhuber} was discharged home in the care of {Perpetua Zwickelhuber} on {17 February 2022}.
Referred by {Anneliese Vandersloot}, NP, of {Thornapple Community Clinic}.
Please fax the echo report to {Dr. Obafemi} at {802-555-0188}.
She retired from {Pemberton, Kline and Ostrow} in 2011 and moved to {Chipping Norton}.
Mrs. {Featherstonehaugh} lives at {88 Gooseberry Lane, Swanton, VT 05488}.
Wound reviewed by {Sr. Immaculata Nkemelu}; next visit {03/09/2023}.
Chart {7714-22-9} belongs to {Lubomir Szczepanski}, age {93}.
MRN {55203117}: {Castellanos-Ruiz, Itzel} did not attend.
""".strip().splitlines()


def test_the_clinics_unseen_templates_and_names() -> None:
    notes = (
        (note.text, [(e.start, e.end) for e in note.phi])
        for note in make_test_notes(77, hospitals=40, patients=40)
    )
    recall, precision = measure(notes)
    assert recall >= 0.99  # 0.995 over many notes: see `clinfed bench redaction`
    assert precision >= 0.95


@pytest.mark.parametrize("line", UNSEEN)
def test_unseen_sentences(line: str) -> None:
    text, gold = unmark(line)
    shown = detector("notes").redact(text)
    missed = [
        text[s:e]
        for s, e in gold
        if any(w in shown for w in text[s:e].split() if len(w) > 4 and w[0].isupper())
    ]
    assert missed == []


@pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not there")
def test_general_text() -> None:
    data = gzip.decompress((DATA / "phi" / "presidio_synth_v2.jsonl.gz").read_bytes())
    rows = [json.loads(line) for line in data.splitlines()]
    counted = [
        (
            row["text"],
            [(e["start"], e["end"]) for e in row["entities"] if e["label"] not in ("ORGANIZATION", "AGE")],
        )
        for row in rows[::4]
    ]
    allowed = [(row["text"], [(e["start"], e["end"]) for e in row["entities"]]) for row in rows[::4]]
    assert measure(counted, whole=False)[0] >= 0.85
    assert measure(allowed)[1] >= 0.75


@pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not there")
@pytest.mark.parametrize("path", ["ncbi-disease/test.jsonl", "bc5cdr/test.jsonl.gz"])
def test_diseases_survive(path: str) -> None:
    data = (DATA / "corpora" / path).read_bytes()
    total = altered = 0
    for line in (gzip.decompress(data) if path.endswith("gz") else data).splitlines()[::2]:
        row = json.loads(line)
        found = detector("notes").find(row["text"])
        for e in row["entities"]:
            if "Disease" in e["label"]:
                total += 1
                altered += any(f.start < e["end"] and e["start"] < f.end for f in found)
    assert altered / total <= 0.01


def unmark(line: str) -> Gold:
    """A line's text and where its marked parts lie."""
    text, gold = "", []
    for index, part in enumerate(line.replace("}", "{").split("{")):
        if index % 2:
            gold.append((len(text), len(text) + len(part)))
        text += part
    return text, gold


def measure(rows: Iterable[Gold], *, whole: bool = True) -> tuple[float, float]:
    """Recall (all letters and digits of an entity covered, or any) and precision (a finding touches an entity)."""
    entities = hit = right = findings = 0
    for text, gold in rows:
        found = detector("notes").find(text)
        covered, marked = bytearray(len(text)), bytearray(len(text))
        for f in found:
            covered[f.start : f.end] = b"\x01" * (f.end - f.start)
        for start, end in gold:
            marked[start:end] = b"\x01" * (end - start)
        for start, end in gold:
            signs = [covered[i] for i in range(start, end) if text[i].isalnum()]
            entities += 1
            hit += all(signs) if whole else any(signs)
        findings += len(found)
        right += sum(any(marked[f.start : f.end]) for f in found)
    return hit / max(1, entities), right / max(1, findings)
