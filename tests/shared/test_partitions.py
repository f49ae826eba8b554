"""A partition is read whole, or the error says where it is wrong and names no patient."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.errors import FixFederation
from shared.partitions import corpus_folders, read_corpus, read_partition

CANARY = "Zebrafinch"


def tree(**hospitals: dict[str, Any]) -> dict[str, Any]:
    standard = {
        "a": {"train": ["left/1", "left/2"], "val": ["left/3"], "patients": {"p": ["left/1", "left/2"]}},
        "b": {"train": ["right/1"], "val": ["right/2"]},
    }
    return {"name": "x", "labels": ["Disease"], "hospitals": standard | hospitals}


@pytest.fixture
def write(tmp_path: Path) -> Callable[[object], Path]:
    def make(content: object) -> Path:
        path = tmp_path / "partition.json"
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(json.dumps(content), encoding="utf-8")
        return path

    return make


def refused(path: Path, what: str) -> None:
    with pytest.raises(FixFederation, match=what) as refusal:
        read_partition(path)
    assert refusal.value.where == str(path)
    assert refusal.value.remedy
    assert CANARY not in str(refusal.value)
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None


def test_a_partition_is_read(write: Callable[[object], Path]) -> None:
    partition = read_partition(write(tree() | {"note": "more fields may be there"}))
    assert list(partition.hospitals) == ["a", "b"]
    assert partition.hospitals["a"].patients == {"p": ["left/1", "left/2"]}
    assert partition.labels == ["Disease"]


MALFORMED: list[tuple[object, str]] = [
    (b"", "whole file"),
    (b"{", "whole file"),
    (b"\xff\xfe", "whole file"),
    (b"[" * 10_000, "whole file"),
    ([], "whole file"),
    ({}, "name: missing"),
    (tree() | {"labels": []}, "labels"),
    (tree() | {"hospitals": {}}, "hospitals"),
    (tree() | {"hospitals": [CANARY]}, "hospitals"),
    (tree(c={"train": ["left/9"]}), "hospitals.c.val: missing"),
    (tree(c={"train": [CANARY, 7], "val": []}), "hospitals.c.train"),
    (tree(c={"train": [], "val": [], "patients": {CANARY: [7]}}), "hospitals.c.patients: string_type"),
]


@pytest.mark.parametrize(("content", "place"), MALFORMED, ids=range(len(MALFORMED)))
def test_a_malformed_partition_is_an_error(
    content: object, place: str, write: Callable[[object], Path]
) -> None:
    refused(write(content), place)


@pytest.mark.parametrize("name", ["nowhere.json", "."])
def test_a_missing_partition_is_an_error(name: str, tmp_path: Path) -> None:
    refused(tmp_path / name, "no such file")


SHARED: list[tuple[dict[str, Any], str]] = [
    ({"train": ["left/1"], "val": ["right/9"]}, "a document is in a and in c"),
    ({"train": ["right/9"], "val": ["left/1"]}, "a document is in a and in c"),
    (
        {"train": [f"left/{CANARY}"], "val": ["left/9"], "patients": {"p": ["left/9"]}},
        "a patient is in a and in c",
    ),
    (
        {"train": ["left/8"], "val": ["left/9"], "patients": {CANARY: ["left/1"]}},
        "1 documents of patients of c",
    ),
    (
        {"train": ["left/8"], "val": ["left/9"], "patients": {CANARY: ["left/77"]}},
        "1 documents of patients of c",
    ),
]


@pytest.mark.parametrize(("hospital", "what"), SHARED, ids=range(len(SHARED)))
def test_a_patient_belongs_to_one_hospital(
    hospital: dict[str, Any], what: str, write: Callable[[object], Path]
) -> None:
    refused(write(tree(c=hospital)), what)


def test_a_document_twice_in_one_hospital_is_no_clash(write: Callable[[object], Path]) -> None:
    """It is for `read_source` to see that it is on both sides."""
    read_partition(write(tree(c={"train": ["left/9", "left/9"], "val": ["left/9"]})))


def test_the_corpus_is_the_folder_or_lies_in_it(write: Callable[[object], Path], tmp_path: Path) -> None:
    partition = read_partition(write(tree()))
    for name in ("left", "right"):
        (tmp_path / "corpora" / name).mkdir(parents=True)
    corpora = tmp_path / "corpora"
    assert corpus_folders(corpora, partition) == {"left": corpora / "left", "right": corpora / "right"}
    alone = partition.model_copy(update={"hospitals": {"b": partition.hospitals["b"]}})
    assert corpus_folders(corpora / "right", alone) == {"right": corpora / "right"}
    with pytest.raises(FixFederation, match="no corpus left") as refusal:
        corpus_folders(corpora / "right", partition)
    assert refusal.value.remedy


def test_only_the_named_parts_and_labels_are_read(tmp_path: Path) -> None:
    line = {
        "text": "gout aspirin",
        "entities": [{"start": 0, "end": 4, "label": "Disease"}, {"start": 5, "end": 12, "label": "Drug"}],
    }
    for part in ("train", "dev", "test", "trainer"):
        (tmp_path / f"{part}.jsonl").write_text(json.dumps(line | {"doc_id": part}) + "\n")
    (tmp_path / "README.md").write_text("not notes")
    notes = list(read_corpus(tmp_path, ("train", "dev"), ["Disease"]))
    assert [note.note_id for note in notes] == ["dev", "train"]
    assert {entity.label for note in notes for entity in note.entities} == {"Disease"}
