"""A hospital's notes are split by patient, the same way wherever and however they are read."""

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.errors import ClinfedError, FixFederation, FixNotes
from shared.note import Note
from shared.sources import HospitalNotes, NoteSource, _by_patient, read_source

CANARY = "Zebrafinch"
Records = list[dict[str, Any]]


def records(patients: int, per_patient: int = 2) -> Records:
    return [
        {
            "doc_id": f"d{patient}.{number}",
            "patient_id": f"{CANARY}-{patient}",
            "text": f"{CANARY} has gout {number}.",
            "entities": [
                {"start": 0, "end": 10, "label": "Name"},
                {"start": 15, "end": 19, "label": "Disease_disorder"},
            ],
        }
        for patient in range(patients)
        for number in range(per_patient)
    ]


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., str]:
    def write(content: Records, name: str = "notes.jsonl") -> str:
        path = tmp_path / name
        path.write_text("".join(json.dumps(record) + "\n" for record in content), encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def corpus(tmp_path: Path) -> Callable[..., NoteSource]:
    """A corpus of ten documents of two corpora, and a partition over it."""
    for name in ("left", "right"):
        (tmp_path / "corpora" / name).mkdir(parents=True)
        for part, numbers in (("train", range(4)), ("dev", range(4, 5)), ("test", range(5, 6))):
            lines = [
                {
                    "doc_id": str(number),
                    "text": f"{CANARY} has gout",
                    "entities": [{"start": 15, "end": 19, "label": "Disease"}],
                }
                for number in numbers
            ]
            path = tmp_path / "corpora" / name / f"{part}.jsonl"
            path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def make(hospital: str = "a", **changes: Any) -> NoteSource:
        own = {
            "train": ["left/0", "right/0", "left/1"],
            "val": ["left/4"],
            "patients": {"p": ["left/0", "right/0"]},
        }
        other = {"train": ["right/1"], "val": ["right/2"]}
        tree = {"name": "x", "labels": ["Disease"], "hospitals": {"a": own | changes, "b": other}}
        path = tmp_path / "partition.json"
        path.write_text(json.dumps(tree))
        return NoteSource(hospital=hospital, corpus=str(tmp_path / "corpora"), partition=str(path))

    return make


def patients(notes: tuple[Note, ...]) -> set[str]:
    return {note.patient_id for note in notes}


def check_split(split: HospitalNotes, count: int) -> None:
    assert not patients(split.train) & patients(split.held_out)
    assert patients(split.train)
    assert patients(split.held_out)
    assert len(split.train) + len(split.held_out) == count


def refused(source: NoteSource, error: type[ClinfedError], what: str) -> ClinfedError:
    with pytest.raises(error, match=what or None) as refusal:
        read_source(source)
    assert CANARY not in str(refusal.value)
    assert refusal.value.where
    assert refusal.value.remedy
    return refusal.value


def test_a_file_is_split_by_patient(file: Callable[..., str]) -> None:
    split = read_source(NoteSource(hospital="a", notes=file(records(20))))
    check_split(split, 40)
    assert len(patients(split.held_out)) == 2
    assert len(split.patients) == 20
    assert split.labels == {"Name", "Disease_disorder"}


@pytest.mark.parametrize("held_out", [0.001, 0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("count", [2, 3, 10])
def test_someone_is_on_each_side(count: int, held_out: float, file: Callable[..., str]) -> None:
    source = NoteSource(hospital="a", notes=file(records(count)), held_out=held_out)
    check_split(read_source(source), 2 * count)


def test_the_split_does_not_depend_on_order(file: Callable[..., str]) -> None:
    content = records(30)
    sides = []
    for seed in range(3):
        random.Random(seed).shuffle(content)  # noqa: S311
        split = read_source(NoteSource(hospital="a", notes=file(content), held_out=0.3))
        sides.append(({n.note_id for n in split.train}, {n.note_id for n in split.held_out}))
    assert sides[0] == sides[1] == sides[2]


@given(
    ids=st.lists(
        st.text(st.characters(exclude_categories=()), max_size=4) | st.sampled_from(["\ud800", "\ud801"]),
        min_size=2,
        unique=True,
    ),
    held_out=st.floats(0.01, 0.99),
    seed=st.integers(0, 99),
)
def test_any_patient_ids_are_split_alike_in_any_order(ids: list[str], held_out: float, seed: int) -> None:
    notes = [Note(f"{index}", patient, "x") for index, patient in enumerate(ids)]
    source = NoteSource(hospital="a", held_out=held_out)
    split = _by_patient(iter(notes), source)
    check_split(split, len(ids))
    random.Random(seed).shuffle(notes)  # noqa: S311
    assert patients(_by_patient(iter(notes), source).held_out) == patients(split.held_out)


@given(ids=st.lists(st.text(max_size=4), unique=True, max_size=30), held_out=st.floats(0.01, 0.99))
def test_by_chance_nobody_else_moves(ids: list[str], held_out: float) -> None:
    """Each patient's side is that of the patient alone, whoever else is there."""
    source = NoteSource(hospital="a", held_out=held_out, by_chance=True)
    alone = {patient for patient in ids if _by_patient(iter([Note("0", patient, "x")]), source).held_out}
    split = _by_patient((Note(f"{index}", patient, "x") for index, patient in enumerate(ids)), source)
    assert patients(split.held_out) == alone
    assert patients(split.train) == set(ids) - alone


@pytest.mark.parametrize("held_out", [0.05, 0.25, 0.5])
def test_by_chance_the_share_is_met_on_average(held_out: float) -> None:
    source = NoteSource(hospital="a", held_out=held_out, by_chance=True)
    split = _by_patient((Note(f"{index}", f"p{index}", "x") for index in range(4000)), source)
    spread = 5 * (4000 * held_out * (1 - held_out)) ** 0.5
    assert abs(len(split.held_out) - 4000 * held_out) < spread


def test_by_chance_a_side_may_be_empty(file: Callable[..., str]) -> None:
    """That nobody is held out is no error, for it would tell; that nobody is trained on is one."""
    source = NoteSource(hospital="a", notes=file(records(3)), held_out=1e-6, by_chance=True)
    assert not read_source(source).held_out
    refused(source.model_copy(update={"held_out": 1 - 1e-6}), FixNotes, "0 notes to train on")


def test_the_rule_names_what_divides_the_patients(corpus: Callable[..., NoteSource]) -> None:
    rules = [NoteSource(hospital="a", held_out=share).rule for share in (0.1, 0.25, 0.1 + 1e-9)]
    assert rules == ["h0.1", "h0.25", "h0.100000001"]
    one, other = corpus().rule, corpus(val=["left/3"]).rule
    assert one != other
    assert one == corpus().rule
    assert re.fullmatch("p[0-9a-f]{8}", one)


def test_a_new_patient_moves_few_others(file: Callable[..., str]) -> None:
    before = read_source(NoteSource(hospital="a", notes=file(records(50)), held_out=0.2))
    after = read_source(NoteSource(hospital="a", notes=file(records(51)), held_out=0.2))
    assert len(patients(before.held_out) ^ patients(after.held_out)) <= 2


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_patients_are_an_error(count: int, file: Callable[..., str]) -> None:
    refused(NoteSource(hospital="ward", notes=file(records(count, 5))), FixNotes, "")


def test_one_patient_with_many_notes_is_not_split(file: Callable[..., str]) -> None:
    error = refused(NoteSource(hospital="ward", notes=file(records(1, 5))), FixNotes, "5 notes to train on")
    assert error.where == "ward"
    assert "two patients" in error.remedy


def test_several_files_are_one_hospital(file: Callable[..., str]) -> None:
    content = records(6)
    paths = [file(content[:5], "first.jsonl"), file(content[5:], "second.jsonl")]
    split = read_source(NoteSource(hospital="a", notes="\n".join(paths)))
    assert split == read_source(NoteSource(hospital="a", notes=file(content)))


def test_labels_are_chosen_and_renamed(file: Callable[..., str]) -> None:
    path = file(records(3))
    chosen = read_source(NoteSource(hospital="a", notes=path, labels="Disease_disorder"))
    assert chosen.labels == {"Disease_disorder"}
    renamed = read_source(NoteSource(hospital="a", notes=path, rename="Disease_disorder=Disease,Name=Person"))
    assert renamed.labels == {"Disease", "Person"}
    assert [note.text for note in renamed.train] == [note.text for note in chosen.train]
    assert [(e.start, e.end) for e in renamed.train[0].entities] == [(0, 10), (15, 19)]


@pytest.mark.parametrize("rename", ["Disease", "Disease=", "=Disease", "a=b=c", "a=b,", ","])
def test_a_rename_that_is_none_is_an_error(rename: str, file: Callable[..., str]) -> None:
    refused(NoteSource(hospital="a", notes=file(records(3)), rename=rename), FixFederation, "rename")


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({}, "names no notes"),
        ({"corpus": "there"}, "names no notes"),
        ({"partition": "there"}, "names no notes"),
        ({"notes": "/no/such/file.jsonl"}, ""),
    ],
)
def test_a_source_without_notes_is_an_error(fields: dict[str, str], what: str) -> None:
    refused(NoteSource(hospital="ward", **fields), FixFederation if what else FixNotes, what)


@pytest.mark.parametrize("fields", [{"hospital": ""}, {"held_out": 0}, {"held_out": 1}, {"folder": "x"}])
def test_a_source_is_checked(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        NoteSource.model_validate({"hospital": "a", "notes": "x"} | fields)


def test_a_malformed_note_is_an_error_without_its_text(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    bad = records(1)[0] | {"entities": [{"start": 0, "end": 999, "label": "Disease"}]}
    path.write_text(json.dumps(bad) + "\n")
    refused(NoteSource(hospital="a", notes=str(path)), FixNotes, "999")


def test_a_synthetic_hospital_is_the_same_each_time() -> None:
    source = NoteSource(
        hospital="s", synthetic_seed=3, synthetic_hospitals=3, synthetic_index=1, synthetic_patients=6
    )
    split = read_source(source)
    assert split == read_source(source)
    assert split != read_source(source.model_copy(update={"synthetic_index": 2}))
    assert len(split.patients) == 6
    check_split(split, len(split.train) + len(split.held_out))


def test_a_partition_names_its_own_split(corpus: Callable[..., NoteSource]) -> None:
    split = read_source(corpus())
    assert [note.note_id for note in split.train] == ["left/0", "right/0", "left/1"]
    assert [note.note_id for note in split.held_out] == ["left/4"]
    assert [note.patient_id for note in split.train] == ["p", "p", "left/1"]
    assert split.labels == {"Disease"}
    assert [note.note_id for note in read_source(corpus("b")).train] == ["right/1"]


def test_a_source_comes_back_from_json(corpus: Callable[..., NoteSource]) -> None:
    source = corpus()
    assert NoteSource.model_validate_json(source.model_dump_json(exclude_none=True)) == source


FAULTS: list[tuple[str, dict[str, Any], str]] = [
    ("unknown document", {"train": ["left/0", f"left/{CANARY}"], "patients": {}}, "1 documents of a .* at 1"),
    ("document of the test part", {"train": ["left/5"], "patients": {}}, "1 documents of a"),
    ("unknown corpus", {"train": ["middle/0"], "patients": {}}, "no corpus middle"),
    ("document on both sides", {"train": ["left/0", "left/4"], "patients": {}}, "1 documents or patients"),
    ("patient on both sides", {"patients": {CANARY: ["left/0", "left/4"]}}, "1 documents or patients"),
    ("document of another hospital", {"train": ["right/1"], "patients": {}}, "document is in a and in b"),
    (
        "patient's document elsewhere",
        {"patients": {CANARY: ["left/0", "right/1"]}},
        "1 documents of patients",
    ),
]


@pytest.mark.parametrize(("fault", "changes", "what"), FAULTS, ids=[fault for fault, _, _ in FAULTS])
def test_a_partition_that_does_not_fit_is_an_error(
    fault: str, changes: dict[str, Any], what: str, corpus: Callable[..., NoteSource]
) -> None:
    refused(corpus(**changes), FixFederation, what)


def test_an_unknown_hospital_is_an_error(corpus: Callable[..., NoteSource]) -> None:
    error = refused(corpus("c"), FixFederation, "no hospital c")
    assert "a, b" in error.remedy


def test_a_hospital_with_nothing_held_out_is_an_error(corpus: Callable[..., NoteSource]) -> None:
    refused(corpus(val=[]), FixNotes, "3 notes to train on and 0 held out")
