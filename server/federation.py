"""Which hospitals take part and what the result is scored on: from a partition, a `federation.toml`, or synthetic."""

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from server.settings import TestSource
from shared import synthetic
from shared.errors import FixFederation
from shared.formats import read_notes
from shared.note import Note
from shared.partitions import corpus_folders, read_corpus, read_partition
from shared.sources import NoteSource, read_source
from shared.tags import TagSet

POOLED = "pooled"  # the name of the model that is trained on all notes together


class Federation(BaseModel):
    """Hospitals, labels and test notes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hospitals: tuple[NoteSource, ...] = Field(min_length=1)
    labels: tuple[str, ...]
    test: TestSource


def synthetic_federation(hospitals: int, patients: int, seed: int) -> Federation:
    """The embedded synthetic clinic: hospitals of different specialty, test notes from all of them."""
    sources = tuple(
        NoteSource(
            hospital=name,
            synthetic_seed=seed,
            synthetic_hospitals=hospitals,
            synthetic_index=index,
            synthetic_patients=patients,
        )
        for index, name in enumerate(synthetic.hospital_names(hospitals))
    )
    test = TestSource(
        synthetic_seed=seed, synthetic_hospitals=hospitals, synthetic_patients=max(40, 10 * hospitals)
    )
    return Federation(hospitals=sources, labels=("Disease",), test=test)


def partitioned_federation(corpus: Path, path: Path, rename: str = "") -> Federation:
    """The hospitals of a partition over a public corpus, scored on the corpus's official test notes.

    Raises:
        FixFederation: partition and corpus do not fit together.
    """
    partition = read_partition(path)
    corpus_folders(corpus, partition)
    sources = tuple(
        NoteSource(hospital=name, corpus=str(corpus.resolve()), partition=str(path.resolve()), rename=rename)
        for name in partition.hospitals
    )
    names = _renamed(rename)
    labels = tuple(dict.fromkeys(names.get(label, label) for label in partition.labels))
    test = TestSource(corpus=str(corpus.resolve()), partition=str(path.resolve()), rename=rename)
    return Federation(hospitals=sources, labels=labels, test=test)


class _HospitalEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")
    notes: str
    held_out: float = Field(default=0.1, gt=0, lt=1)
    rename: str = ""


class _TestEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")
    notes: str
    rename: str = ""


class _FederationFile(BaseModel):
    model_config = ConfigDict(extra="forbid")
    labels: tuple[str, ...] = Field(min_length=1)
    hospitals: dict[str, _HospitalEntry] = Field(min_length=1)
    test: _TestEntry | None = None


def federation_from_file(path: Path) -> Federation:
    """Reads a `federation.toml`; paths in it are relative to its folder.

    Raises:
        FixFederation: it is missing or malformed.
    """
    try:
        tree: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
        described = _FederationFile.model_validate(tree)
    except OSError:
        raise FixFederation("no such file", where=str(path), remedy="Name a federation.toml.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FixFederation(f"is not TOML: {error}", where=str(path), remedy="Mend that line.") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise FixFederation(
            f"field {place}: {first['msg']}", where=str(path), remedy="See docs/federation.md for the form."
        ) from None
    beside = path.resolve().parent
    sources = tuple(
        NoteSource(
            hospital=name, notes=str(beside / entry.notes), held_out=entry.held_out, rename=entry.rename
        )
        for name, entry in described.hospitals.items()
    )
    test = described.test
    return Federation(
        hospitals=sources,
        labels=described.labels,
        test=TestSource() if test is None else TestSource(notes=str(beside / test.notes), rename=test.rename),
    )


def check_federation(federation: Federation) -> None:
    """Reads every hospital once, before anything is trained.

    Raises:
        FixNotes: a note is malformed, or a hospital is empty.
        FixFederation: as `check_patients`; or two hospitals have no label in common, or a hospital none of the
            federation's.
    """
    TagSet(federation.labels)
    labels = check_patients(federation)
    for hospital, own in labels.items():
        if not own & set(federation.labels):
            raise FixFederation(
                f"its notes mark {_listed(own)}, none of the labels {', '.join(federation.labels)}",
                where=hospital,
                remedy="Rename its labels with rename = 'THEIRS=OURS', or leave the hospital out.",
            )
    for hospital, own in labels.items():
        for other, others in labels.items():
            if not own & others:
                raise FixFederation(
                    f"{hospital} marks {_listed(own)} and {other} marks {_listed(others)}: no label in common",
                    where="labels",
                    remedy="Bring the labels together with rename = 'THEIRS=OURS'.",
                )


def check_patients(federation: Federation) -> dict[str, set[str]]:
    """Reads every hospital once, to see whose patients are whose.

    Returns:
        The labels of each hospital's notes.

    Raises:
        FixNotes: a note is malformed, or a hospital is empty.
        FixFederation: a patient is in two hospitals or also in the test notes, or a hospital is called `pooled`.
    """
    owner: dict[str, str] = {}
    labels: dict[str, set[str]] = {}
    for source in federation.hospitals:
        if source.hospital == POOLED:
            raise FixFederation(
                f"a hospital cannot be called {POOLED}: the model trained on all notes is",
                remedy="Rename it.",
            )
        notes = read_source(source)
        for patient in notes.patients:
            if owner.setdefault(patient, source.hospital) != source.hospital:
                raise FixFederation(
                    f"a patient is in {owner[patient]} and in {source.hospital}",
                    where="patient_id",
                    remedy="Give a patient's notes to one hospital, or make ids unique between hospitals.",
                )
        labels[source.hospital] = notes.labels
    if federation.test != TestSource():
        for note in test_notes(federation.test, ()):
            if note.patient_id in owner:
                raise FixFederation(
                    f"a patient is in {owner[note.patient_id]} and in the test notes",
                    where="patient_id",
                    remedy="Test on patients of nobody's, or make ids unique between files.",
                )
    return labels


def test_notes(federation_test: TestSource, hospitals: Iterable[NoteSource]) -> Iterator[Note]:
    """The notes that finished models are scored on; without any, all hospitals' held-out notes."""
    source = federation_test
    names = _renamed(source.rename)
    if source.corpus is not None and source.partition is not None:
        partition = read_partition(Path(source.partition))
        notes: Iterator[Note] = (
            note
            for folder in corpus_folders(Path(source.corpus), partition).values()
            for note in read_corpus(folder, ("test",), partition.labels)
        )
    elif source.notes is not None:
        notes = read_notes(Path(source.notes))
    elif source.synthetic_seed is not None:
        notes = synthetic.make_test_notes(
            source.synthetic_seed, hospitals=source.synthetic_hospitals, patients=source.synthetic_patients
        )
    else:
        notes = (note for hospital in hospitals for note in read_source(hospital).held_out)
    for note in notes:
        entities = tuple(replace(e, label=names.get(e.label, e.label)) for e in note.entities)
        yield replace(note, entities=entities)


def _renamed(rename: str) -> dict[str, str]:
    """The label each renamed label becomes."""
    pairs = [pair.split("=") for pair in rename.split(",")] if rename else []
    if any(len(pair) != 2 or not all(pair) for pair in pairs):
        raise FixFederation(
            f"{rename!r} does not rename labels", where="rename", remedy="Write THEIRS=OURS, comma-separated."
        )
    return dict(pairs)


def _listed(labels: set[str]) -> str:
    return ", ".join(sorted(labels)) or "nothing"
