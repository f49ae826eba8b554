from collections.abc import Callable
from pathlib import Path

import pytest

from shared.errors import FixNotes
from shared.formats import read_notes
from shared.note import Entity

# Each scheme's way to say: [heart failure] [gout] and .
SCHEMES = [
    ("IOB1: B only between neighbours", ["I-D", "I-D", "B-D", "O", "O"]),
    ("IOB2: B at every begin", ["B-D", "I-D", "B-D", "O", "O"]),
    ("BIOES", ["B-D", "E-D", "S-D", "O", "O"]),
    ("BILOU", ["B-D", "L-D", "U-D", "O", "O"]),
]
TOKENS = ["heart", "failure", "gout", "and", "."]


def _file(folder: Path, content: str) -> Path:
    path = folder / "a.conll"
    path.write_text(content, encoding="utf-8", newline="")
    return path


@pytest.mark.parametrize("row", ["{0}\t{1}", "{0} {1}", "{0} NN  x {1}", "{0}\tNN\tx\t{1}\r"])
@pytest.mark.parametrize(("why", "tags"), SCHEMES, ids=[why for why, _ in SCHEMES])
def test_each_scheme_and_column_style_gives_the_same_spans(
    tmp_path: Path, why: str, tags: list[str], row: str
) -> None:
    lines = [row.format(token, tag) for token, tag in zip(TOKENS, tags, strict=True)]
    (note,) = read_notes(_file(tmp_path, "\n".join(lines)))
    assert note.text == "heart failure gout and ."
    assert note.entities == (Entity(0, 13, "D"), Entity(14, 18, "D"))
    assert (note.note_id, note.patient_id) == ("a-1", "a-1")


def test_sentences_documents_and_patients(tmp_path: Path) -> None:
    path = _file(
        tmp_path,
        "# patient_id = p1\n# doc_id = d1\n# text = ignored\ngout\tB-D\n\n\nasthma\tI-D\n#\tO\n\n"
        "# doc_id = d2\nfine\tO\n-DOCSTART- -X- O O\n\nthird\tO\n# patient_id = p4\nfourth\tO\n",
    )
    assert [(n.note_id, n.patient_id, n.text) for n in read_notes(path)] == [
        ("d1", "p1", "gout\nasthma #"),
        ("d2", "d2", "fine"),
        ("a-3", "a-3", "third"),
        ("a-4", "p4", "fourth"),
    ]
    assert next(read_notes(path)).entities == (Entity(0, 4, "D"), Entity(5, 11, "D"))


def test_a_sentence_end_ends_the_span_and_a_new_label_begins_one(tmp_path: Path) -> None:
    (note,) = read_notes(_file(tmp_path, "a B-D\nb I-E\nc I-E\n\nd I-E\n"))
    assert [(e.start, e.end, e.label) for e in note.entities] == [(0, 1, "D"), (2, 5, "E"), (6, 7, "E")]


def test_labels_are_filtered(tmp_path: Path) -> None:
    (note,) = read_notes(_file(tmp_path, "a B-D\nb B-E\n"), labels=["E"])
    assert note.entities == (Entity(2, 3, "E"),)


def test_tags_without_a_label_take_the_only_one_named(
    tmp_path: Path, refused: Callable[..., FixNotes]
) -> None:
    path = _file(tmp_path, "Zebrafinch\tB\nb\tI\nc\tO\n")
    (note,) = read_notes(path, labels=["Disease"])
    assert note.entities == (Entity(0, 12, "Disease"),)
    assert refused(path).where == "a.conll:1: field tag"
    assert refused(path, labels=["D", "E"]).where == "a.conll:1: field tag"


def test_other_white_space_stays_inside_a_token(tmp_path: Path) -> None:
    (note,) = read_notes(_file(tmp_path, "5\u00a0mg\tO\nNew York\tB-L\n"))
    assert note.text == "5\u00a0mg New York"
    assert note.entities == (Entity(5, 13, "L"),)


START = "gout\tB-D\n" * 30  # more than the reader looks at to tell the form

BAD = [
    ("one column", START + "Zebrafinch\n", "a.conll:31", "one column"),
    ("unknown tag", START + "Zebrafinch\tX-D\n", "a.conll:31: field tag", "unknown tag"),
    ("no token", START + "\tO\n", "a.conll:31: field token", "no token"),
    ("document without tokens", "# doc_id = Zebrafinch\n# doc_id = x\na O\n", "a.conll:1", "without tokens"),
    ("last document without tokens", "a O\n# doc_id = Zebrafinch\n", "a.conll:2", "without tokens"),
    (
        "id a second time",
        "# doc_id = Zebrafinch\na O\n# doc_id = Zebrafinch\nb O\n",
        "a.conll:3",
        "read before",
    ),
    ("comments only", "# about = Zebrafinch\n", "a.conll", "no notes"),
]


@pytest.mark.parametrize(("why", "content", "where", "what"), BAD, ids=[why for why, *_ in BAD])
def test_a_bad_file_is_refused_with_its_place(
    tmp_path: Path, refused: Callable[..., FixNotes], why: str, content: str, where: str, what: str
) -> None:
    error = refused(_file(tmp_path, content))
    assert error.where == where
    assert what in error.what
