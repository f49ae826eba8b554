"""Who owns which example."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from shared.examples import Example, read_examples
from shared.models.build import build_tagger
from shared.note import Note
from shared.units import Unit, note_or_patient, owners


def example(note: int, patient: str, sentence: int) -> Example:
    return Example(
        note=note,
        patient_id=patient,
        tokens=(),
        inputs={},
        tags=torch.zeros(1, dtype=torch.long),
        sentence=sentence,
    )


EXAMPLES = [
    example(0, "p", 0),
    example(0, "p", 0),  # a further piece of a long sentence
    example(0, "p", 1),
    example(1, "q", 0),
    example(2, "p", 0),
    example(2, "p", 3),
]


@pytest.mark.parametrize(
    ("unit", "expected"),
    [("patient", [0, 0, 0, 1, 0, 0]), ("note", [0, 0, 0, 1, 2, 2]), ("sentence", [0, 0, 1, 2, 3, 4])],
)
def test_owners(unit: Unit, expected: list[int]) -> None:
    assert owners(unit, EXAMPLES) == expected
    assert owners(unit, []) == []


def test_a_finer_unit_never_spans_a_coarser_one() -> None:
    for coarse, fine in (("patient", "note"), ("note", "sentence"), ("patient", "sentence")):
        pairs = set(zip(owners(fine, EXAMPLES), owners(coarse, EXAMPLES), strict=True))
        assert len(pairs) == len({owner for owner, _ in pairs})


@pytest.mark.parametrize(
    ("unit", "expected"), [("patient", "patient"), ("note", "note"), ("sentence", "note")]
)
def test_counts_are_by_note_or_patient(unit: Unit, expected: Unit) -> None:
    assert note_or_patient(unit) == expected


def test_pieces_of_one_long_sentence_have_one_owner(birnn_settings: Callable[..., Any]) -> None:
    tagger = build_tagger(birnn_settings())
    long = " ".join(["word"] * 2 * tagger.reader.limit)
    notes = [Note("n0", "p0", f"A short one. {long} of them. Another."), Note("n1", "p0", "One. Two.")]
    examples = read_examples(notes, tagger.tagset, tagger.reader)
    found = owners("sentence", examples)
    assert len(examples) > len(set(found)) == 5
    assert found == sorted(found)
    assert len(set(owners("note", examples))) == 2
    assert len(set(owners("patient", examples))) == 1
