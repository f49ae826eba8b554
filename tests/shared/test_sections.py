"""Headings in every style name their section, and what is no heading does not."""

import pytest

from shared.note import ASSERTIONS
from shared.sections import _FILE, section_at, sections_of

STYLES = [
    "PAST MEDICAL HISTORY:\n{}",
    "Past Medical History\n--------\n{}",
    "**PMH**\n{}",
    "[Past Medical Hx]\n{}",
    "## PMHx\n{}",
    "pmh: {}",
    "PMH - {}",
    "Seen today. PMH: {}",
    "\r\nPMHx:\r\n{}",
]


@pytest.mark.parametrize("style", STYLES)
def test_a_heading_in_every_style(style: str) -> None:
    text = style.format("gout")
    section = section_at(sections_of(text), text.index("gout"))
    assert (section.name, section.assertion) == ("past medical history", "historical")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("gout", "no heading"),
        ("the past medical history was gout", "prose"),
        ("PMH: asthma\n\nPlan:\ngout", "the next section"),
        ("PMH: asthma\n\nWARD ROUTINE\ngout", "a heading that is not listed"),
    ],
)
def test_not_past_medical_history(text: str, why: str) -> None:
    assert section_at(sections_of(text), text.index("gout")).assertion == "", why


def test_a_heading_beside_its_list_ends_with_the_sentence() -> None:
    text = "Plan:\nDifferential: gout, sepsis. Asthma is stable."
    sections = sections_of(text)
    assert section_at(sections, text.index("gout")).assertion == "possible"
    assert section_at(sections, text.index("Asthma")).name == "plan"


def test_the_file_is_well_formed() -> None:
    seen: dict[str, str] = {}
    for line in _FILE.read_text("utf-8").splitlines():
        if line[0] == "#":
            continue
        name, assertion, headings = line.split("\t")
        assert assertion == "-" or assertion in ASSERTIONS
        for heading in headings.split(" | "):
            assert seen.setdefault(heading, name) == name, f"{heading} heads two sections"
