"""What is left out of public text, and that replaced mentions keep every span on its words."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.public_text import leave_out, read_public, replace_mentions, usable_names
from shared.errors import FixNotes
from shared.formats import write_notes
from shared.note import Entity, Note

SENTENCE = "Seven of the twelve patients had a fever."
NAMES = [["brittle cornea syndrome", "gout"], ["Wilson's disease"]]


def drawing(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311


def note(text: str, *mentions: str, note_id: str = "n") -> Note:
    spans, at = [], 0
    for mention in mentions:
        at = text.index(mention, at)
        spans.append(Entity(at, at + len(mention), "Disease"))
        at += len(mention)
    return Note(note_id, note_id, text, tuple(spans))


OVERLAPS = [
    ("Something else entirely was written here.", True, "nothing in common"),
    (SENTENCE, False, "the same sentence"),
    ("First. seven OF the twelve patients had a FEVER . Last.", False, "large letters, spaces, neighbours"),
    ("Seven of the twelve patients had a cough.", True, "another word"),
    ("It was so.", True, "too short to tell"),
]


@pytest.mark.parametrize(("text", "stays", "why"), OVERLAPS, ids=[why for *_, why in OVERLAPS])
def test_a_shared_sentence_leaves_a_note_out(text: str, stays: bool, why: str) -> None:
    unwanted = [note(f"It was so. {SENTENCE}", note_id="other")]
    assert bool(leave_out([note(text)], unwanted)) is stays


def test_a_shared_id_leaves_a_note_out() -> None:
    kept = leave_out([note("One.", note_id="1"), note("Two.", note_id="2")], [note("Three.", note_id="2")])
    assert [left.note_id for left in kept] == ["1"]


def test_read_public(tmp_path: Path) -> None:
    write_notes(tmp_path / "public.jsonl", [note("A gout."), note(SENTENCE, note_id="m")])
    write_notes(tmp_path / "private.jsonl", [note(SENTENCE)])
    public, private = [tmp_path / "public.jsonl"], [tmp_path / "private.jsonl"]
    assert [kept.note_id for kept in read_public(public, ("Disease",), [])] == ["n", "m"]
    with pytest.raises(FixNotes, match="no notes are left"):
        read_public(public, ("Disease",), private)  # one by its id, one by its sentence


def test_mentions_are_replaced_alike() -> None:
    given_note = note("Gout, gout and sepsis.", "Gout", "gout", "sepsis")
    made = replace_mentions(given_note, [["flu"]], 1.0, drawing(1))
    assert made.text == "flu, flu and flu."
    assert [made.text[e.start : e.end] for e in made.entities] == ["flu"] * 3


def test_nothing_is_replaced_at_share_0() -> None:
    given_note = note("Gout, gout and sepsis.", "Gout", "gout", "sepsis")
    assert replace_mentions(given_note, NAMES, 0.0, drawing(1)) == given_note


def test_acronyms_are_given_with_a_name_and_then_used_alone() -> None:
    given_note = note("x; x; x; x; x; x.", *"xxxxxx")
    texts = {replace_mentions(given_note, NAMES[:1], 1.0, drawing(seed)).text for seed in range(40)}
    assert any("brittle cornea syndrome (BCS); BCS" in text for text in texts)
    assert any("BCS" not in text for text in texts)
    assert not any(text.startswith("BCS") for text in texts)


@given(
    st.text(max_size=60),
    st.lists(st.integers(0, 60), max_size=8, unique=True),
    st.floats(0, 1),
    st.integers(0, 99),
)
def test_text_around_mentions_stays(text: str, cuts: list[int], share: float, seed: int) -> None:
    inside = sorted(cut for cut in cuts if cut <= len(text))
    spans = [
        Entity(a, b, "Disease", "C1")
        for a, b in zip(inside[::2], inside[1::2], strict=False)
        if not (text[a].isspace() or text[b - 1].isspace())
    ]
    given_note = Note("n", "p", text, tuple(spans))
    made = replace_mentions(given_note, NAMES, share, drawing(seed))

    def outside(one: Note) -> str:
        ends = [0, *(entity.end for entity in one.entities)]
        starts = [*(entity.start for entity in one.entities), len(one.text)]
        return "".join(one.text[a:b] for a, b in zip(ends, starts, strict=True))

    added = len(made.entities) - len(given_note.entities)
    assert added >= 0
    brackets = outside(made)
    for _ in range(added):  # an acronym brings " (" and ")"
        brackets = brackets.replace(" ()", "", 1)
    assert brackets == outside(given_note) or added
    assert len(outside(made)) == len(outside(given_note)) + 3 * added
    names = {name for own in NAMES for name in own} | {"BCS", "WSD", "WD"}
    olds = {text[span.start : span.end] for span in spans}
    for entity in made.entities:
        assert made.text[entity.start : entity.end] in names | olds
    replaced = [e for e in made.entities if made.text[e.start : e.end] in names - olds]
    assert all(entity.concept is None for entity in replaced)  # another disease has another code
    assert replace(made, text="", entities=()) == replace(given_note, text="", entities=())


USABLE = [
    ("Typhoid fever", "typhoid fever"),
    ("ADA deficiency", "ADA deficiency"),
    ("Wilson's disease", "Wilson's disease"),
    ("gout", "gout"),
    ("pain, chronic, of the knee", None),
    ("one two three four five six seven", None),
]


@pytest.mark.parametrize(("term", "name"), USABLE)
def test_names_for_a_sentence(term: str, name: str | None) -> None:
    assert usable_names([term]) == ([] if name is None else [name])
