import gzip
import json
import re
from collections import Counter
from pathlib import Path

import pytest

from shared.note import ASSERTIONS
from shared.synthetic.diseases import diseases, is_abbreviation, specialties
from shared.synthetic.identifiers import Identity
from shared.synthetic.layouts import LAYOUTS
from shared.synthetic.templates import parse, templates, templates_for
from shared.synthetic.vocabulary import slots, word_list

CODE = re.compile(r"[A-Z]\d[0-9A-Z](\.[0-9A-Z]{1,4})?")
DICTIONARY = Path(__file__).parents[4] / "shared" / "data" / "dictionaries" / "icd10cm-2021.jsonl.gz"


def test_at_least_300_diseases_with_well_formed_unique_codes() -> None:
    codes = [disease.code for disease in diseases()]
    assert len(codes) >= 300
    assert len(set(codes)) == len(codes)
    assert all(CODE.fullmatch(code) for code in codes)


@pytest.mark.skipif(not DICTIONARY.exists(), reason="../shared/data/dictionaries is not there")
def test_every_code_exists_in_icd10cm() -> None:
    with gzip.open(DICTIONARY, "rt", encoding="utf-8") as lines:
        known = {json.loads(line)["id"] for line in lines}
    assert {disease.concept for disease in diseases()} <= known


def test_at_least_10_specialties_with_20_diseases_each() -> None:
    sizes = Counter(disease.specialty for disease in diseases())
    assert set(sizes) == set(specialties())
    assert len(sizes) >= 10
    assert min(sizes.values()) >= 20


def test_no_name_means_two_diseases_or_serves_both_splits() -> None:
    forms = Counter(form.casefold() for disease in diseases() for form in disease.train + disease.test)
    assert [form for form, count in forms.items() if count > 1] == []
    assert all(form == " ".join(form.split()) for form in forms)


def test_some_diseases_are_held_out_and_many_have_abbreviations() -> None:
    held_out = [disease for disease in diseases() if not disease.train]
    assert 0.08 < len(held_out) / len(diseases()) < 0.25
    assert all(disease.test for disease in diseases())
    for split in ("train", "test"):
        assert sum(any(map(is_abbreviation, disease.forms(split))) for disease in diseases()) > 40


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        pytest.param("T2DM", True, id="letters and digit"),
        pytest.param("AFib", True, id="mixed case"),
        pytest.param("COVID-19", True, id="hyphen"),
        pytest.param("asthma", False, id="plain word"),
        pytest.param("HIV infection", False, id="two words"),
        pytest.param("Crohn's", False, id="eponym"),
    ],
)
def test_tells_abbreviations(form: str, expected: bool) -> None:
    assert is_abbreviation(form) is expected


def test_at_least_150_templates_and_a_quarter_only_for_test() -> None:
    texts = {split: {t.text for t in templates() if t.split == split} for split in ("train", "test")}
    total = len(texts["train"]) + len(texts["test"])
    assert total >= 150
    assert total == len(templates())
    assert len(texts["test"]) / total >= 0.25
    assert not texts["train"] & texts["test"]


def test_every_slot_can_be_filled() -> None:
    identifiers = {name.removeprefix("_draw_") for name in vars(Identity) if name.startswith("_draw_")}
    identifiers |= {"mrn", "ssn", "health_plan", "email", "vehicle", "sex", "he", "his"}
    known = identifiers | slots() | set(ASSERTIONS)
    assert not identifiers & slots()
    assert {piece.text for t in templates() for piece in t.pieces if piece.is_slot} <= known


@pytest.mark.parametrize("split", ["train", "test"])
def test_every_section_of_every_kind_has_templates(split: str) -> None:
    sections = {section.name for layout in LAYOUTS.values() for section in layout.sections}
    assert sections == {t.section for t in templates()}
    for section in sections:
        for specialty in specialties():
            assert templates_for(section, specialty, split)  # type: ignore[arg-type]


def test_training_words_leave_some_out() -> None:
    for specialty in specialties():
        train, test = (set(word_list("drug", specialty, split)) for split in ("train", "test"))
        assert train < test


def test_words_are_never_disease_names() -> None:
    # Case matters: PSA is a test, PsA an arthritis.
    names = {form for disease in diseases() for form in disease.train + disease.test}
    words = {word for slot in slots() for s in specialties() for word in word_list(slot, s, "test")}
    assert not words & names


def test_parse_cuts_at_slots() -> None:
    cut = [(piece.text, piece.is_slot, piece.is_capital) for piece in parse("{Present}: give {drug}.")]
    assert cut == [
        ("present", True, True),
        (": give ", False, False),
        ("drug", True, False),
        (".", False, False),
    ]
