"""A federation's description: the forms it has, and what a run makes of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from server import federation as described
from server.federation import Federation, check_federation, federation_from_file, partitioned_federation
from server.settings import TestSource
from shared.errors import FixFederation
from shared.sources import NoteSource, read_source


def test_a_file_names_hospitals_beside_it(town: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths are relative to the file, wherever the command runs; every field reaches the hospital."""
    (town.folder / "sub").mkdir()
    town.write("sub/b", town.notes("b", label="Illness"))
    town.write("a", town.notes("a"))
    town.write("test", town.notes("test", label="Illness"))
    toml = town.folder / "federation.toml"
    toml.write_text(
        """
        labels = ["Disease"]
        [hospitals.a]
        notes = "a.jsonl"
        [hospitals."St. Bede's"]
        notes = "sub"
        held_out = 0.5
        rename = "Illness=Disease"
        [test]
        notes = "test.jsonl"
        rename = "Illness=Disease"
        """
    )
    monkeypatch.chdir(tmp_path)
    federation = federation_from_file(Path("town/federation.toml"))
    check_federation(federation)
    first, second = federation.hospitals
    assert (first.hospital, first.held_out, first.rename) == ("a", 0.1, "")
    assert (second.hospital, second.held_out) == ("St. Bede's", 0.5)
    assert read_source(second).labels == {"Disease"}
    assert len({note.patient_id for note in read_source(second).held_out}) == 4
    notes = list(described.test_notes(federation.test, federation.hospitals))
    assert len(notes) == 12
    assert {entity.label for note in notes for entity in note.entities} == {"Disease"}


def test_without_test_notes_the_held_out_ones_are_scored(town: Any) -> None:
    hospitals = town.hospitals("a", "b")
    notes = list(described.test_notes(TestSource(), hospitals))
    assert notes == [note for source in hospitals for note in read_source(source).held_out]


def test_hospitals_may_mark_more_than_the_federation_learns(town: Any) -> None:
    records = town.notes("b")
    records[0]["entities"].append({"start": 0, "end": 2, "label": "Title"})
    town.write("b", records)
    more = NoteSource(hospital="b", notes=str(town.folder / "b.jsonl"))
    federation = Federation(hospitals=(town.hospital("a"), more), labels=("Disease",), test=TestSource())
    check_federation(federation)


def test_labels_must_be_common_to_every_two(town: Any) -> None:
    sources = (town.hospital("a", label="Disease"), town.hospital("b", label="Drug"))
    federation = Federation(hospitals=sources, labels=("Disease", "Drug"), test=TestSource())
    with pytest.raises(FixFederation, match="a marks Disease and b marks Drug: no label in common"):
        check_federation(federation)


@pytest.fixture
def partitioned(town: Any) -> tuple[Path, Path]:
    """A corpus of twelve documents, and a partition of it into two hospitals."""
    corpus = town.folder / "tiny"
    corpus.mkdir()
    records = town.notes("x", patients=8)
    for number, record in enumerate(records):
        record["doc_id"] = str(number)
    for part, chosen in (("train", records[:8]), ("dev", records[8:10]), ("test", records[10:])):
        town.write(f"tiny/{part}", chosen)
    partition = town.folder / "partition.json"
    docs = [f"tiny/{number}" for number in range(10)]
    hospitals = {
        "north": {"train": docs[:4], "val": docs[4:5], "patients": {"p1": docs[:2]}},
        "south": {"train": docs[5:8], "val": docs[8:]},
    }
    partition.write_text(json.dumps({"name": "two", "labels": ["Disease"], "hospitals": hospitals}))
    return corpus, partition


@pytest.mark.parametrize("above", [False, True])
def test_a_partition_divides_a_corpus(partitioned: tuple[Path, Path], above: bool) -> None:
    corpus, partition = partitioned
    federation = partitioned_federation(corpus.parent if above else corpus, partition)
    check_federation(federation)
    assert [source.hospital for source in federation.hospitals] == ["north", "south"]
    north = read_source(federation.hospitals[0])
    assert [note.note_id for note in north.train] == ["tiny/0", "tiny/1", "tiny/2", "tiny/3"]
    assert [note.patient_id for note in north.train[:2]] == ["p1", "p1"]
    assert [note.note_id for note in described.test_notes(federation.test, ())] == ["10", "11"]


def test_a_partition_may_be_renamed(partitioned: tuple[Path, Path]) -> None:
    federation = partitioned_federation(*partitioned, rename="Disease=Problem")
    check_federation(federation)
    assert federation.labels == ("Problem",)
    assert read_source(federation.hospitals[0]).labels == {"Problem"}
    for rename in ("Disease", "Disease=", "=Problem", "Disease=Problem,", "a=b=c"):
        with pytest.raises(FixFederation, match="THEIRS=OURS"):
            partitioned_federation(*partitioned, rename=rename)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            lambda tree: tree["hospitals"]["south"]["train"].append("tiny/77"),
            "1 documents of south are not in",
        ),
        (
            lambda tree: tree["hospitals"]["south"]["train"].append("tiny/10"),
            "1 documents of south",
        ),  # of the test
        (
            lambda tree: tree["hospitals"]["south"]["train"].append("tiny/0"),
            "a document is in north and in south",
        ),
        (lambda tree: tree["hospitals"]["south"].update(patients={"p1": ["tiny/5"]}), "a patient is in"),
        (lambda tree: tree["hospitals"]["north"]["val"].append("tiny/0"), "both trained on and held out"),
        (
            lambda tree: tree["hospitals"]["north"].update(patients={"p": ["tiny/3", "tiny/4"]}),
            "both trained on",
        ),
        (lambda tree: tree["hospitals"]["south"]["train"].append("other/1"), "no corpus other there"),
        (lambda tree: tree.update(hospitals={}), "hospitals"),
        (lambda tree: tree.update(labels=[]), "labels"),
        (lambda tree: tree["hospitals"]["south"].pop("val"), "hospitals.south.val: missing"),
    ],
)
def test_a_partition_that_does_not_fit(change: Any, why: str, partitioned: tuple[Path, Path]) -> None:
    corpus, partition = partitioned
    tree = json.loads(partition.read_text())
    change(tree)
    partition.write_text(json.dumps(tree))
    with pytest.raises(FixFederation) as refusal:
        check_federation(partitioned_federation(corpus, partition))
    assert why in str(refusal.value)
    assert "partition.json" in refusal.value.where or why.startswith("no corpus")
    assert refusal.value.remedy
