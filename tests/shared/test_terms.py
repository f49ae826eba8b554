"""Term lists: what a name becomes, what is left out, and what is refused."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.errors import FixSettings
from shared.terms import plain_name, read_terms

NAMES = [
    ("typhoid fever", "typhoid fever", "as it is"),
    ("fever, typhoid", "typhoid fever", "turned round"),
    ("Glaucoma, unspecified", "Glaucoma", "a catalogue's remark"),
    ("Other and unspecified hernia", "hernia", "a catalogue's remark in front"),
    ("Sprain, subsequent encounter for something long", "Sprain", "an encounter is no disease"),
    ("otherwise healthy", "otherwise healthy", "only whole words are remarks"),
    ("Encephalitis (ADEM) [acute]", "Encephalitis", "brackets"),
    ("a, b, c", "a, b, c", "two commas are left alone"),
    ("anemia, or thrombosis", "anemia, or thrombosis", "a list is not turned round"),
    ("ab", "", "too short to mean anything"),
    ("(unspecified)", "", "nothing is left"),
]


@pytest.mark.parametrize(("term", "name", "why"), NAMES, ids=[why for *_, why in NAMES])
def test_a_name_as_in_a_sentence(term: str, name: str, why: str) -> None:
    assert plain_name(term) == name


def test_commas_before_a_place_are_not_turned_round() -> None:
    assert plain_name("gout, left knee", turn=False) == "gout, left knee"


@pytest.mark.parametrize("packed", [False, True])
def test_names_and_synonyms_are_read(packed: bool, tmp_path: Path) -> None:
    concepts = [
        {"id": "X:1", "name": "gout", "synonyms": ["podagra", "gout"], "billable": True},
        {"name": "déjà vu"},
        {"id": "ICD10CM:S93", "name": "sprained ankle", "synonyms": []},
        {"id": "ICD10CM:M10", "name": "Gout, left knee", "synonyms": None},
        {"id": "Y:2", "name": "fever, typhoid"},
    ]
    text = "\n\n".join(json.dumps(concept) for concept in concepts)
    path = tmp_path / "terms"
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    assert read_terms(path) == ["gout", "podagra", "déjà vu", "Gout, left knee", "typhoid fever"]


BROKEN: list[tuple[str, Callable[[Path], Any], str]] = [
    ("missing", lambda p: None, "terms.jsonl: the file cannot be opened"),
    ("empty", lambda p: p.write_text("\n"), "holds no terms"),
    ("not JSON", lambda p: p.write_text('{"name": "a disease"}\n{"name'), "terms.jsonl:2: not a JSON object"),
    ("deep", lambda p: p.write_text("[" * 100_000), "terms.jsonl:1: not a JSON object"),
    ("a list", lambda p: p.write_text("[]"), "not a JSON object"),
    ("no name", lambda p: p.write_text('{"id": "1"}'), "not text"),
    ("synonyms no list", lambda p: p.write_text('{"name": "gout", "synonyms": "x"}'), "not text"),
    ("synonym no text", lambda p: p.write_text('{"name": "gout", "synonyms": [1]}'), "not text"),
    ("no UTF-8", lambda p: p.write_bytes(b'{"name": "\xff"}'), "UTF-8"),
    ("half a gzip", lambda p: p.write_bytes(gzip.compress(b"x" * 99)[:-9]), "gzip"),
    ("only services", lambda p: p.write_text('{"id": "ICD10CM:Z00", "name": "visit"}'), "holds no terms"),
]


@pytest.mark.parametrize(("why", "spoil", "what"), BROKEN, ids=[why for why, *_ in BROKEN])
def test_a_broken_list_is_refused(why: str, spoil: Callable[[Path], Any], what: str, tmp_path: Path) -> None:
    path = tmp_path / "terms.jsonl"
    spoil(path)
    with pytest.raises(FixSettings, match=what) as refusal:
        read_terms(path)
    assert "concept a line" in refusal.value.remedy
