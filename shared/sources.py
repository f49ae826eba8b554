"""Where a hospital's notes are, and which of its patients are held out of training.

A source is flat, so that it fits Flower's node configuration and a line of `federation.toml`: a file of notes, a
hospital of a partition over a public corpus, or a hospital of the synthetic clinic.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from shared import synthetic
from shared.errors import FixFederation, FixNotes
from shared.formats import read_notes
from shared.note import Note
from shared.partitions import corpus_folders, read_corpus, read_partition


class NoteSource(BaseModel):
    """One hospital's notes. Exactly one of `notes`, `corpus` (with `partition`) and `synthetic_seed` is given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hospital: str = Field(min_length=1)
    notes: str | None = None
    """File or folder of notes; several, one a line."""
    labels: str = ""
    """Labels to read, comma-separated; all if empty."""
    held_out: float = Field(default=0.1, gt=0, lt=1)
    """Share of patients that are never trained on; a partition names its own."""
    by_chance: bool = False
    """Hold each patient out by its own hash alone. Otherwise the share is met exactly, so that one patient more or
    less may move another, which a privacy budget does not provide for."""
    rename: str = ""
    """Labels to rename, as `Disease_disorder=Disease`, comma-separated."""

    corpus: str | None = None
    partition: str | None = None

    synthetic_seed: int | None = None
    synthetic_hospitals: int = 0
    synthetic_index: int = 0
    synthetic_patients: int = 0

    @property
    def rule(self) -> str:
        """What decides who is held out, in one word; a ledger notes it."""
        if self.partition is not None:
            return "p" + hashlib.sha256(Path(self.partition).read_bytes()).hexdigest()[:8]
        return f"h{self.held_out!r}"


@dataclass(frozen=True)
class HospitalNotes:
    """A hospital's notes, split by patient: no patient is on both sides."""

    train: tuple[Note, ...]
    held_out: tuple[Note, ...]

    @property
    def patients(self) -> set[str]:
        """Ids of all patients."""
        return {note.patient_id for note in self.train + self.held_out}

    @property
    def labels(self) -> set[str]:
        """Labels of all entities."""
        return {entity.label for note in self.train + self.held_out for entity in note.entities}


def read_source(source: NoteSource) -> HospitalNotes:
    """Reads a hospital's notes and splits them by patient.

    Args:
        source: where they are.

    Returns:
        Notes to train on and held-out notes.

    Raises:
        FixNotes: a note is malformed, or there is none.
        FixFederation: the partition does not fit the corpus, or the source's fields contradict themselves.
    """
    if source.partition is not None and source.corpus is not None:
        split = _from_partition(source, Path(source.corpus), Path(source.partition))
    elif source.synthetic_seed is not None:
        made = synthetic.make_notes(
            source.synthetic_seed,
            source.synthetic_index,
            hospitals=source.synthetic_hospitals,
            patients=source.synthetic_patients,
        )
        split = _by_patient(made, source)
    elif source.notes is not None:
        split = _by_patient(_from_files(source.notes, source.labels), source)
    else:
        raise FixFederation(
            "names no notes", where=source.hospital, remedy="Give notes, or corpus and partition."
        )
    if not split.train or not (split.held_out or source.by_chance):
        raise FixNotes(
            f"{len(split.train)} notes to train on and {len(split.held_out)} held out",
            where=source.hospital,
            remedy="A hospital needs at least two patients with notes.",
        )
    return _rename(split, source.rename)


def _by_patient(notes: Iterator[Note], source: NoteSource) -> HospitalNotes:
    """Holds patients out by their hashed ids, the same ones whatever the order: by chance, or the lowest ones."""
    by_patient: dict[str, list[Note]] = {}
    for note in notes:
        by_patient.setdefault(note.patient_id, []).append(note)
    hashes = {
        patient: hashlib.sha256(patient.encode("utf-8", "surrogatepass")).digest() for patient in by_patient
    }
    if source.by_chance:
        below = int(source.held_out * (1 << 256))
        aside = {patient for patient, digest in hashes.items() if int.from_bytes(digest, "big") < below}
    else:
        most = len(hashes) - 1  # someone is left to train on
        ranked = sorted(hashes, key=lambda patient: hashes[patient])
        aside = set(ranked[: min(most, max(1, round(source.held_out * len(ranked))))])
    return HospitalNotes(
        train=tuple(note for patient in by_patient if patient not in aside for note in by_patient[patient]),
        held_out=tuple(note for patient in by_patient if patient in aside for note in by_patient[patient]),
    )


def _from_files(paths: str, labels: str) -> Iterator[Note]:
    wanted = labels.split(",") if labels else None
    for path in paths.split("\n"):
        yield from read_notes(Path(path), labels=wanted)


def _rename(split: HospitalNotes, rename: str) -> HospitalNotes:
    if not rename:
        return split
    pairs = [pair.split("=") for pair in rename.split(",")]
    if not all(len(pair) == 2 and all(pair) for pair in pairs):
        raise FixFederation("is not a list of pairs", where="rename", remedy="Write Old=New,Other=New.")
    names = dict(pairs)

    def renamed(note: Note) -> Note:
        entities = tuple(replace(e, label=names.get(e.label, e.label)) for e in note.entities)
        return replace(note, entities=entities)

    return HospitalNotes(tuple(map(renamed, split.train)), tuple(map(renamed, split.held_out)))


def _from_partition(source: NoteSource, corpus: Path, path: Path) -> HospitalNotes:
    partition = read_partition(path)
    if source.hospital not in partition.hospitals:
        raise FixFederation(
            f"no hospital {source.hospital} in it",
            where=str(path),
            remedy=f"It has {', '.join(partition.hospitals)}.",
        )
    own = partition.hospitals[source.hospital]
    patient_of = {doc: patient for patient, docs in own.patients.items() for doc in docs}
    train, held_out = set(own.train), set(own.val)
    both = train & held_out | {
        p for p, docs in own.patients.items() if set(docs) & train and set(docs) & held_out
    }
    if both:
        raise FixFederation(
            f"{len(both)} documents or patients of {source.hospital} are both trained on and held out",
            where=str(path),
            remedy="Split by patient.",
        )
    found: dict[str, Note] = {}
    wanted = train | held_out
    for name, folder in corpus_folders(corpus, partition).items():
        for note in read_corpus(folder, ("train", "dev"), partition.labels):
            doc = f"{name}/{note.note_id}"
            if doc in wanted:
                found[doc] = replace(note, note_id=doc, patient_id=patient_of.get(doc, doc))
    if missing := [place for place, doc in enumerate(own.train + own.val) if doc not in found]:
        raise FixFederation(
            f"{len(missing)} documents of {source.hospital} are not in the corpus, the first at {missing[0]} "
            "of its lists train and val together",
            where=str(path),
            remedy="Use the partition made for this corpus.",
        )
    return HospitalNotes(tuple(found[d] for d in own.train), tuple(found[d] for d in own.val))
