import gzip
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import FixNotes
from shared.formats import read_notes, write_notes
from shared.note import ASSERTIONS, Entity, Note

TEXT = "Zebrafinch has asthma and gout."  # asthma 15..21, gout 26..30
GOOD: dict[str, Any] = {"doc_id": "Zebrafinch-1", "text": TEXT, "entities": []}


def _file(folder: Path, *records: Any) -> Path:
    path = folder / "a.jsonl"
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    return path


def _with(*entities: Any, **fields: Any) -> dict[str, Any]:
    return {**GOOD, "entities": list(entities), **fields}


SPAN = {"start": 15, "end": 21, "label": "Disease"}

BAD = [
    ("a list", ["Zebrafinch"], "a.jsonl:2", "not a JSON object"),
    ("no doc_id", {"text": TEXT, "entities": []}, "a.jsonl:2: field doc_id", "missing"),
    ("doc_id empty", {**GOOD, "doc_id": ""}, "a.jsonl:2: field doc_id", "not a string"),
    ("doc_id a truth value", {**GOOD, "doc_id": True}, "a.jsonl:2: field doc_id", "not a string"),
    ("note_id a list", {"note_id": ["Zebrafinch"], "text": ""}, "a.jsonl:2: field note_id", "not a string"),
    (
        "patient_id a number with a point",
        _with(patient_id=1.5),
        "a.jsonl:2: field patient_id",
        "not a string",
    ),
    ("no text", {"doc_id": "x", "entities": []}, "a.jsonl:2: field text", "missing"),
    ("text null", {**GOOD, "text": None}, "a.jsonl:2: field text", "not a string"),
    ("no entities", {"doc_id": "x", "text": TEXT}, "a.jsonl:2: field entities", "missing"),
    (
        "entities an object",
        {**GOOD, "entities": {"Zebrafinch": 1}},
        "a.jsonl:2: field entities",
        "not a list",
    ),
    ("entity a string", _with("Zebrafinch"), "a.jsonl:2: field entities[0]", "not a JSON object"),
    ("no start", _with({"end": 3, "label": "D"}), "a.jsonl:2: field entities[0].start", "missing"),
    (
        "start a string",
        _with({**SPAN, "start": "15"}),
        "a.jsonl:2: field entities[0].start",
        "not an integer",
    ),
    (
        "start a truth value",
        _with({**SPAN, "start": True}),
        "a.jsonl:2: field entities[0].start",
        "not an int",
    ),
    ("end with a point", _with({**SPAN, "end": 21.0}), "a.jsonl:2: field entities[0].end", "not an integer"),
    ("no label", _with({"start": 0, "end": 3}), "a.jsonl:2: field entities[0].label", "missing"),
    ("label empty", _with({**SPAN, "label": ""}), "a.jsonl:2: field entities[0].label", "not a string that"),
    (
        "start below zero",
        _with({**SPAN, "start": -1}),
        "a.jsonl:2: field entities[0].start",
        "-1..21 does not lie",
    ),
    (
        "end out of range",
        _with(SPAN, {**SPAN, "end": 99}),
        "a.jsonl:2: field entities[1].end",
        "31 characters",
    ),
    ("empty span", _with({**SPAN, "end": 15}), "a.jsonl:2: field entities[0].end", "15..15 does not lie"),
    (
        "white space only",
        _with({**SPAN, "start": 14, "end": 15}),
        "a.jsonl:2: field entities[0]",
        "white space",
    ),
    (
        "overlap",
        _with({**SPAN, "end": 24}, {**SPAN, "start": 11, "end": 16}),
        "a.jsonl:2: field entities[0]",
        "overlaps",
    ),
    (
        "surface differs",
        _with({**SPAN, "text": "Zebrafinch"}),
        "a.jsonl:2: field entities[0].text",
        "differs",
    ),
    (
        "surface, other key",
        _with({**SPAN, "surface": "gout"}),
        "a.jsonl:2: field entities[0].surface",
        "differs",
    ),
    ("surface a number", _with({**SPAN, "text": 7}), "a.jsonl:2: field entities[0].text", "not a string"),
    (
        "unknown assertion",
        _with({**SPAN, "assertion": "Zebrafinch"}),
        "entities[0].assertion",
        "unknown assertion",
    ),
    (
        "concept a list",
        _with({**SPAN, "concept": ["X"]}),
        "a.jsonl:2: field entities[0].concept",
        "not a string",
    ),
    ("phi out of range", _with(phi=[{**SPAN, "end": 99}]), "a.jsonl:2: field phi[0].end", "does not lie"),
    ("id a second time", {**GOOD, "doc_id": "first"}, "a.jsonl:2", "has been read before"),
]


@pytest.mark.parametrize(("why", "record", "where", "what"), BAD, ids=[why for why, *_ in BAD])
def test_a_bad_note_is_refused_with_its_place(
    tmp_path: Path, refused: Callable[..., FixNotes], why: str, record: Any, where: str, what: str
) -> None:
    error = refused(_file(tmp_path, {**GOOD, "doc_id": "first"}, record))
    assert error.where.endswith(where)
    assert error.where.startswith("a.jsonl:2")
    assert what in error.what


BAD_LINES = [
    ("cut off", b'{"doc_id": "x", "text": "Zebrafinch', "not valid JSON at column 25"),
    ("bad escape", b'{"doc_id": "x", "text": "Zebrafinch \\q"}', "not valid JSON at column 37"),
    ("two objects", b'{"text": "Zebrafinch"} {}', "not valid JSON at column 24"),
    ("nested too deeply", b'{"text": "Zebrafinch", "a": ' + b"[" * 200_000, "nested too deeply"),
    ("a number too long", b'{"text": "Zebrafinch", "a": ' + b"9" * 5000 + b"}", "number too long"),
]


@pytest.mark.parametrize(("why", "line", "what"), BAD_LINES, ids=[why for why, *_ in BAD_LINES])
def test_malformed_json_is_refused_with_line_and_column(
    tmp_path: Path, refused: Callable[..., FixNotes], why: str, line: bytes, what: str
) -> None:
    path = _file(tmp_path, GOOD)
    path.write_bytes(path.read_bytes() + b"\n" + line)
    error = refused(path)
    assert error.where == "a.jsonl:3"
    assert what in error.what


def _careless(quiet: bool) -> None:
    try:
        json.loads('{"text": "Zebra' + "finch")
    except json.JSONDecodeError as error:
        raise FixNotes("not valid JSON") from (None if quiet else error)


@pytest.mark.parametrize("quiet", [False, True], ids=["chained", "from None"])
def test_the_check_for_leaks_sees_a_json_error_behind_ours(
    leaks: Callable[[BaseException], bool], quiet: bool
) -> None:
    # Even `from None` keeps the JSON error, and the document in it, as `__context__`.
    with pytest.raises(FixNotes) as refusal:
        _careless(quiet)
    assert leaks(refusal.value)


def test_keys_that_may_be_missing_or_have_other_names(tmp_path: Path) -> None:
    spans = [{**SPAN, "concept": "MESH:1", "assertion": "absent", "text": "asthma", "source": 3}]
    path = _file(
        tmp_path,
        {"note_id": 7, "text": TEXT, "entities": spans, "title_len": 4},
        {"doc_id": "b", "patient_id": 9, "text": "", "entities": [], "phi": None},
    )
    assert list(read_notes(path)) == [
        Note("7", "7", TEXT, (Entity(15, 21, "Disease", "MESH:1", "negated"),)),
        Note("b", "9", ""),
    ]


def test_span_edges_are_drawn_in_to_visible_characters(tmp_path: Path) -> None:
    path = _file(tmp_path, _with({**SPAN, "start": 14, "end": 22, "text": " asthma "}))
    assert next(read_notes(path)).entities == (Entity(15, 21, "Disease"),)


def test_labels_are_filtered_before_overlaps_are_checked(
    tmp_path: Path, refused: Callable[..., FixNotes]
) -> None:
    path = _file(tmp_path, _with(SPAN, {**SPAN, "end": 30, "label": "History"}))
    assert [e.end for note in read_notes(path, labels=["Disease"]) for e in note.entities] == [21]
    assert [e.end for note in read_notes(path, labels={"History"}) for e in note.entities] == [30]
    assert "overlaps" in refused(path).what


def test_line_separators_inside_a_string_do_not_end_the_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    text = "a\u2028b\u0085c\x0bd"
    path.write_text(
        json.dumps({**GOOD, "text": text.replace("\x0b", "")}, ensure_ascii=False), encoding="utf-8"
    )
    assert next(read_notes(path)).text == text.replace("\x0b", "")


STRINGS = st.text(alphabet=st.characters(exclude_categories=()), max_size=20)


@st.composite
def notes(draw: st.DrawFn) -> list[Note]:
    made = []
    for note_id in draw(st.lists(STRINGS.filter(bool), unique=True, min_size=1, max_size=4)):
        text = draw(STRINGS)
        borders = sorted(draw(st.sets(st.integers(0, len(text)), max_size=4)))
        spans = [
            Entity(
                start,
                end,
                draw(STRINGS.filter(bool)),
                draw(st.none() | STRINGS),
                draw(st.sampled_from([None, *ASSERTIONS])),
            )
            for start, end in itertools.pairwise(borders)
            if not text[start].isspace() and not text[end - 1].isspace()
        ]
        made.append(Note(note_id, draw(STRINGS.filter(bool)), text, tuple(spans), tuple(spans[:1])))
    return made


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
@given(made=notes())
def test_what_is_written_reads_back_equal(
    tmp_path_factory: pytest.TempPathFactory, name: str, made: list[Note]
) -> None:
    path = tmp_path_factory.mktemp("written") / name
    spans = [span for note in made for span in note.entities]
    strings = [string for note in made for string in (note.note_id, note.patient_id, note.text)]
    strings += [string for span in spans for string in (span.label, span.concept or "")]
    if all(json.loads(json.dumps(string)) == string for string in strings):
        assert write_notes(path, made) == len(made)
        assert list(read_notes(path)) == made
    else:  # the one thing JSON cannot keep is refused, never changed
        with pytest.raises(FixNotes, match="surrogate pair"):
            write_notes(path, made)


def test_lone_surrogates_and_controls_survive(tmp_path: Path) -> None:
    made = [Note("\ud800", "\udfff", "\udc00\ud800 \x00\u2028\u202e😀\n", (Entity(0, 2, "D"),))]
    write_notes(tmp_path / "a.jsonl", made)
    assert list(read_notes(tmp_path / "a.jsonl")) == made


def test_a_split_surrogate_pair_is_refused(tmp_path: Path, leaks: Callable[[BaseException], bool]) -> None:
    made = [Note("n", "p", "Zebrafinch \ud83d\ude00")]
    with pytest.raises(FixNotes, match="surrogate pair") as refusal:
        write_notes(tmp_path / "a.jsonl", made)
    assert refusal.value.where == "a.jsonl:1"
    assert not leaks(refusal.value)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write_notes(path, [Note("old", "p", "")])
    with pytest.raises(FixNotes, match="written before") as refusal:
        write_notes(path, [Note("n", "p", ""), Note("n", "p", "")])
    assert refusal.value.where == "a.jsonl:2"
    assert [note.note_id for note in read_notes(path)] == ["old"]
    assert list(tmp_path.iterdir()) == [path]


def test_equal_notes_give_equal_compressed_bytes(tmp_path: Path) -> None:
    for name in ("a.jsonl.gz", "b.jsonl.gz"):
        write_notes(tmp_path / name, [Note("n", "p", TEXT)])
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()
    assert gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes()).startswith(b"{")
