"""Facts as FHIR, OMOP rows and a table: what the note says survives, and a relative is never the patient."""

import json
from datetime import date

import pytest

from shared.facts import Fact, facts_of
from shared.formats import fhir, omop, table
from shared.note import ASSERTIONS, Entity

TEXT = (
    "HPI: Has gout, no asthma, r/o sepsis. Hx of migraine. Mother had stroke. Return if fever.\n"
    "Possible frobnicated vitreous membrane.\n"
)
SURFACES = ("gout", "asthma", "sepsis", "migraine", "stroke", "fever", "frobnicated vitreous membrane")
GOLD = ("present", "negated", "possible", "historical", "family", "hypothetical", "possible")


@pytest.fixture
def facts() -> list[Fact]:
    entities = [Entity(TEXT.index(s), TEXT.index(s) + len(s), "Disease") for s in SURFACES]
    return facts_of(TEXT, entities, [0.5] * len(entities), "clinfed birnn", "abc123")


def test_facts_carry_all_they_promise(facts: list[Fact]) -> None:
    assert tuple(fact.assertion for fact in facts) == GOLD
    assert set(GOLD) == set(ASSERTIONS)
    assert [TEXT[fact.start : fact.end] for fact in facts] == list(SURFACES)
    assert {fact.section for fact in facts} == {"history of present illness"}
    assert facts[0].codes[0].code == "M10.9"
    assert facts[0].reason.alias == "gout"
    assert (facts[0].reason.model, facts[0].reason.version) == ("clinfed birnn", "abc123")
    assert facts_of("", []) == []


def test_fhir(facts: list[Fact]) -> None:
    tree = json.loads(json.dumps(fhir.bundle(facts, "n1", "p1")))
    resources = [entry["resource"] for entry in tree["entry"]]
    assert len({entry["fullUrl"] for entry in tree["entry"]}) == len(facts)
    stated = []
    for fact, resource in zip(facts, resources, strict=True):
        if fact.assertion == "family":
            assert resource["resourceType"] == "FamilyMemberHistory"
            continue
        assert resource["resourceType"] == "Condition"
        assert resource["subject"] == {"reference": "Patient/p1"}
        assert resource["evidence"][0]["detail"] == [{"reference": "DocumentReference/n1"}]
        stated.append(resource["verificationStatus"]["coding"][0]["code"])
        place = {part["url"]: part for part in resource["extension"][0]["extension"]}
        assert (place["start"]["valueInteger"], place["end"]["valueInteger"]) == (fact.start, fact.end)
    assert stated == ["confirmed", "refuted", "provisional", "confirmed", "unconfirmed", "provisional"]
    assert resources[0]["code"]["coding"][0]["code"] == "M10.9"
    assert "coding" not in resources[-1]["code"], "a suggested code must not be stated"


def test_omop(facts: list[Fact]) -> None:
    rows = [dict(zip(omop.COLUMNS, row, strict=True)) for row in omop.note_nlp_rows(
        facts, TEXT, "7", 10, date(2026, 1, 2)
    )]  # fmt: skip
    assert [row["note_nlp_id"] for row in rows] == [str(10 + index) for index in range(len(facts))]
    assert [row["term_exists"] for row in rows] == ["Y", "N", "N", "Y", "N", "N", "Y"]
    assert [row["offset"] for row in rows] == [str(fact.start) for fact in facts]
    assert rows[1]["term_modifiers"].startswith("negated=yes,subject=patient")
    assert "subject=family" in rows[4]["term_modifiers"]
    assert "conditional=true" in rows[5]["term_modifiers"]
    assert rows[0]["nlp_system"] == "clinfed birnn sha256:abc123"
    assert all(
        len(row[name]) <= 250 and "\n" not in row[name]
        for row in rows
        for name in ("snippet", "lexical_variant")
    )
    assert "icd10cm" not in rows[-1]["term_modifiers"]


def test_a_long_finding_fits_its_column() -> None:
    text = "x " * 400
    (fact,) = facts_of(text, [Entity(0, len(text) - 1, "Disease")])
    (row,) = omop.note_nlp_rows([fact], text, "1", 1, date(2026, 1, 2))
    assert max(map(len, row[3:6])) <= 250


@pytest.mark.parametrize("first", "=+-@")
def test_no_cell_is_a_formula(first: str) -> None:
    text = f"{first}SUM(A1) gout"
    (row,) = table.fact_rows(facts_of(text, [Entity(0, len(text), "Disease")]), "n")
    assert row[3] == "'" + text
    assert len(row) == len(table.COLUMNS)


def test_the_tree_is_json(facts: list[Fact]) -> None:
    tree = json.loads(json.dumps(table.fact_tree(facts[2])))
    assert tree["assertion"] == "possible"
    assert tree["reason"]["cue"] == "r / o"
    assert tree["codes"][0]["how"] == "alias"
