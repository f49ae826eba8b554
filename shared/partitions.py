"""Partitions: a public corpus divided into hospitals, for experiments that anyone can repeat."""

from collections.abc import Collection, Iterator
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from shared.errors import FixFederation
from shared.formats import read_notes
from shared.note import Note


class PartitionedHospital(BaseModel):
    """One hospital of a partition: ids of its documents, and which of them belong to one patient."""

    train: list[str]
    val: list[str]
    patients: dict[str, list[str]] = {}


class Partition(BaseModel):
    """A corpus divided into hospitals; document ids are `corpus/doc_id`."""

    name: str
    labels: list[str] = Field(min_length=1)
    hospitals: dict[str, PartitionedHospital] = Field(min_length=1)


def read_partition(path: Path) -> Partition:
    """Reads a partition file.

    Raises:
        FixFederation: it is missing or malformed, or puts a document or a patient into two hospitals.
    """
    try:
        partition = Partition.model_validate_json(path.read_bytes())
    except OSError:
        raise FixFederation("no such file", where=str(path), remedy="Name a partition file.") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][:3])  # what lies deeper is named by patient
        raise FixFederation(
            f"field {place or '(whole file)'}: {first['type']}", where=str(path), remedy="Mend the partition."
        ) from None
    owners: dict[tuple[str, str], str] = {}
    for name, hospital in partition.hospitals.items():
        own = dict.fromkeys(hospital.train + hospital.val)
        if strays := sum(len(set(docs) - own.keys()) for docs in hospital.patients.values()):
            raise FixFederation(
                f"{strays} documents of patients of {name} are not in its train or val",
                where=str(path),
                remedy="A patient belongs to one hospital, with all notes.",
            )
        listed = [("document", doc) for doc in own]
        for thing in listed + [("patient", patient) for patient in hospital.patients]:
            if thing in owners:
                raise FixFederation(
                    f"a {thing[0]} is in {owners[thing]} and in {name}",
                    where=str(path),
                    remedy="A patient belongs to one hospital, with all notes.",
                )
            owners[thing] = name
    return partition


def corpus_folders(corpus: Path, partition: Partition) -> dict[str, Path]:
    """The folder of each corpus a partition draws from: `corpus` itself, or a folder in it.

    Raises:
        FixFederation: a corpus is not there.
    """
    names = {doc.split("/", 1)[0] for h in partition.hospitals.values() for doc in h.train + h.val}
    folders = {name: corpus if corpus.name == name else corpus / name for name in sorted(names)}
    for name, folder in folders.items():
        if not folder.is_dir():
            raise FixFederation(
                f"no corpus {name} there",
                where=str(corpus),
                remedy="Name the corpus's folder or the one above it.",
            )
    return folders


def read_corpus(folder: Path, parts: Collection[str], labels: Collection[str]) -> Iterator[Note]:
    """Reads a corpus.

    Args:
        folder: with one file a part, such as `train.jsonl.gz`.
        parts: names of the files to read, without their endings.
        labels: entities with other labels are left out.

    Yields:
        Notes, in the order of file names and lines.
    """
    for file in sorted(folder.iterdir()):
        if file.name.split(".")[0] in parts:
            yield from read_notes(file, labels=labels)
