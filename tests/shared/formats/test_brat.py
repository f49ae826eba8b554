from collections.abc import Callable
from pathlib import Path

import pytest

from shared.errors import FixNotes
from shared.formats import read_notes
from shared.note import Entity, Note

TEXT = "Zebrafinch has left and right\nleg pain, no gout.\n"


def _pair(folder: Path, marks: str, text: str = TEXT) -> Path:
    (folder / "a.ann").write_text(marks, encoding="utf-8", newline="")
    path = folder / "a.txt"
    path.write_text(text, encoding="utf-8", newline="")
    return path


def test_marks_attributes_and_references(tmp_path: Path) -> None:
    path = _pair(
        tmp_path,
        "T1\tSign 15 19;30 38\tleft leg pain\nT2\tDisease 43 47\tgout\r\nA1\tNegation T2\n"
        "R1\tCause Arg1:T1 Arg2:T2\t\nE1\tSign:T1\n#1\tAnnotatorNotes T1\tsee Zebrafinch\n*\tEquiv T1 T2\n"
        "A2\tAssertion T1 possible\nA3\tSide T1 Left\nA4\tNegation E1\nN1\tReference T2 ICD10CM:M10.9\tgout\n\n",
    )
    assert list(read_notes(path)) == [
        Note(
            "a",
            "a",
            TEXT,
            (Entity(15, 38, "Sign", None, "possible"), Entity(43, 47, "Disease", "ICD10CM:M10.9", "negated")),
        )
    ]


def test_a_line_break_inside_a_surface_stands_as_a_space(tmp_path: Path) -> None:
    path = _pair(tmp_path, "T1\tSign 24 38\tright leg pain\n")
    assert next(read_notes(path)).entities == (Entity(24, 38, "Sign"),)


def test_offsets_count_every_character_of_the_text(tmp_path: Path) -> None:
    path = _pair(tmp_path, "T1\tDisease 5 9\tgout\n", "\ufeff😀\r\n gout")
    assert next(read_notes(path)).entities == (Entity(5, 9, "Disease"),)


def test_a_note_without_marks(tmp_path: Path) -> None:
    assert next(read_notes(_pair(tmp_path, ""))).entities == ()


@pytest.mark.parametrize("text", ['{"gout": 1}', "gout O\npain B-D\n"], ids=["like JSON", "like CoNLL"])
def test_a_text_with_marks_beside_it_is_brat_whatever_it_looks_like(tmp_path: Path, text: str) -> None:
    assert next(read_notes(_pair(tmp_path, "", text))).text == text


def test_labels_are_filtered_before_overlaps_are_checked(
    tmp_path: Path, refused: Callable[..., FixNotes]
) -> None:
    path = _pair(tmp_path, "T1\tSign 30 38\tleg pain\nT2\tSite 30 33\tleg\nA1\tNegation T1\n")
    assert next(read_notes(path, labels=["Site"])).entities == (Entity(30, 33, "Site"),)
    assert refused(path).where == "a.ann:2"


BAD = [
    (
        "covering spans overlap",
        "T1\tSign 15 19;30 38\tleft leg pain\nT2\tSign 24 38\tright leg pain\n",
        "a.ann:2",
        "overlaps",
    ),
    ("no columns", "T1 Sign 0 10 Zebrafinch\n", "a.ann:1", "not a line"),
    ("offsets are words", "T1\tSign a b\tZebrafinch\n", "a.ann:1", "not a line"),
    ("number is a name", "TZebrafinch\tSign 15 19\tleft\n", "a.ann:1", "not a line"),
    ("unknown kind", "T1\tSign 15 19\tleft\nZebrafinch\n", "a.ann:2", "not a line"),
    ("end out of range", "T1\tSign 15 99\tleft\n", "a.ann:1: field T1.end", "does not lie"),
    ("start out of range", "T1\tSign 99 100\tleft\n", "a.ann:1: field T1.start", "does not lie"),
    ("fragment out of range", "T1\tSign 15 19;30 99\tleft\n", "a.ann:1: field T1.end", "30..99 does not lie"),
    (
        "surface differs",
        "T1\tSign 15 19\tZebrafinch\n",
        "a.ann:1: field text",
        "differs from the text at 15 19",
    ),
    ("white space only", "T1\tSign 14 15\t \n", "a.ann:1", "white space only"),
    ("number twice", "T1\tSign 15 19\tleft\nT1\tSign 24 29\tright\n", "a.ann:2", "came before"),
    ("attribute of nothing", "A1\tNegation T7\n", "a.ann:1", "not there"),
    (
        "unknown assertion",
        "T1\tSign 15 19\tleft\nA1\tAssertion T1 Zebrafinch\n",
        "a.ann:2",
        "unknown assertion",
    ),
    ("attribute without a mark", "A1\tZebrafinch\n", "a.ann:1", "not a line"),
    ("reference without a code", "N1\tReference T1\n", "a.ann:1", "not a line"),
]


@pytest.mark.parametrize(("why", "marks", "where", "what"), BAD, ids=[why for why, *_ in BAD])
def test_a_bad_file_is_refused_with_its_place(
    tmp_path: Path, refused: Callable[..., FixNotes], why: str, marks: str, where: str, what: str
) -> None:
    error = refused(_pair(tmp_path, marks))
    assert error.where == where
    assert what in error.what
