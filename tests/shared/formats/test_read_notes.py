import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.errors import FixNotes
from shared.formats import detect, read_notes
from shared.note import Note

LINE = json.dumps({"doc_id": "j", "text": "Zebrafinch", "entities": []})

FORMS = [
    ("JSONL", "\n \n" + LINE, "jsonl"),
    ("JSONL behind a byte order mark", "\ufeff" + LINE, "jsonl"),
    ("CoNLL, tabs", "a\tO\nb\tB-D\n", "conll"),
    ("CoNLL, spaces", "a NN O\n\nb NN I-D\n", "conll"),
    ("CoNLL behind a document mark", "-DOCSTART- -X- O O\n\na O\n", "conll"),
    ("CoNLL behind a comment", "# doc_id = 1\na\tO\n", "conll"),
]


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("name", ["a.txt", "a.gz", "notes"])
@pytest.mark.parametrize(("why", "content", "form"), FORMS, ids=[why for why, *_ in FORMS])
def test_the_form_is_told_by_content_and_not_by_name(
    tmp_path: Path, packed: bool, name: str, why: str, content: str, form: str
) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(content.encode()) if packed else content.encode())
    assert detect(path) == form
    assert list(read_notes(path))


def test_a_folder_reads_every_notes_file_in_the_order_of_names(tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_text(LINE)
    (tmp_path / "a.conll").write_text("x O\n")
    (tmp_path / "c.txt").write_text("brat")
    (tmp_path / "c.ann").write_text("")
    for name in ("README.md", "LICENSE", "annotation.conf", ".hidden"):
        (tmp_path / name).write_text("Zebrafinch")
    (tmp_path / "inner").mkdir()
    assert [note.note_id for note in read_notes(tmp_path)] == ["a-1", "j", "c"]


def test_notes_come_one_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(LINE + "\n" + "{broken\n")
    reading = read_notes(path)
    assert next(reading) == Note("j", "j", "Zebrafinch")
    with pytest.raises(FixNotes, match=r"a\.jsonl:2"):
        next(reading)


BROKEN = gzip.compress("".join(LINE.replace('"j"', f'"{i}"') + "\n" for i in range(50)).encode())

BAD = [
    ("empty", "a.jsonl", b"", "a.jsonl", "empty"),
    ("blank", "a.jsonl", b" \n\n\t\n", "a.jsonl", "empty"),
    ("prose without marks", "a.txt", b"Zebrafinch has gout.", "a.txt", "without an .ann file"),
    ("prose", "a.dat", b"Zebrafinch has gout.", "a.dat", "neither JSONL nor CoNLL nor brat"),
    ("marks without a text", "a.ann", b"T1\tSign 0 10\tZebrafinch", "a.ann", "neither"),
    ("a JSON list", "a.json", b'["Zebrafinch"]', "a.json", "neither"),
    (
        "Latin-1",
        "a.jsonl",
        LINE.encode() + b'\n{"text": "Zebrafinch \xe9"}',
        "a.jsonl:2",
        f"byte {len(LINE) + 22} is",
    ),
    ("UTF-16", "a.jsonl", LINE.encode("utf-16"), "a.jsonl:1", "byte 0 is not UTF-8"),
    ("gzip cut off", "a.gz", BROKEN[:-12], "a.gz:", "gzip data"),
    ("gzip altered", "a.gz", BROKEN[:15] + b"\xff\xff\xff" + BROKEN[18:], "a.gz:", "gzip data"),
    ("gzip check sum", "a.gz", BROKEN[:-8] + b"\0" * 8, "a.gz:", "gzip data"),
    ("gzip header only", "a.gz", BROKEN[:4], "a.gz:1", "gzip data"),
]


@pytest.mark.parametrize(("why", "name", "content", "where", "what"), BAD, ids=[why for why, *_ in BAD])
def test_a_bad_file_is_refused_with_its_place(
    tmp_path: Path,
    refused: Callable[..., FixNotes],
    why: str,
    name: str,
    content: bytes,
    where: str,
    what: str,
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    error = refused(path)
    assert error.where.startswith(where)
    assert what in error.what


def test_a_missing_path_is_refused(tmp_path: Path, refused: Callable[..., FixNotes]) -> None:
    error = refused(tmp_path / "none.jsonl")
    assert error.where == "none.jsonl"
    assert "cannot be opened" in error.what


def test_an_empty_folder_is_refused(tmp_path: Path, refused: Callable[..., FixNotes]) -> None:
    assert refused(tmp_path).what == "no notes"


@pytest.mark.parametrize(("missing", "what"), [("a.ann", "without an .ann"), ("a.txt", "neither")])
def test_half_a_brat_pair_in_a_folder_is_refused(
    tmp_path: Path, refused: Callable[..., FixNotes], missing: str, what: str
) -> None:
    for name in {"a.txt", "a.ann"} - {missing}:
        (tmp_path / name).write_text("T1\tSign 0 10\tZebrafinch")
    assert what in refused(tmp_path).what


def test_an_id_in_two_files_of_a_folder_is_refused(tmp_path: Path, refused: Callable[..., FixNotes]) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text(LINE.replace('"j"', '"Zebrafinch"'))
    error = refused(tmp_path)
    assert error.where == "b.jsonl:1"
    assert "read before" in error.what


CORPORA = Path(__file__).parents[4] / "shared" / "data" / "corpora"
# (folder, labels, notes, entities) as its README counts them
WHOLE = [
    ("ncbi-disease", None, 792, 5134 + 787 + 960),
    ("bc5cdr", ["Disease"], 1500, 4182 + 4244 + 4424),
    ("maccrobat", ["Disease_disorder"], 150, None),
]


@pytest.mark.parametrize(("folder", "labels", "notes", "entities"), WHOLE, ids=[name for name, *_ in WHOLE])
def test_public_corpora_read_whole(
    folder: str, labels: list[str] | None, notes: int, entities: int | None
) -> None:
    path = CORPORA / folder
    if not path.is_dir():
        pytest.skip("the public corpora are not at ../shared/data/corpora")
    read = list(read_notes(path, labels=labels))
    assert len(read) == notes
    assert entities is None or sum(len(note.entities) for note in read) == entities
    assert any(note.entities for note in read)
