"""The redact page: every identifier that the detector finds is gone from what stands after it."""

import pytest

from privacy.phi import detector
from privacy.phi.entities import ENTITIES
from ui import redaction
from ui.marked import marked
from ui.redaction import Mode
from ui.samples import sample, sample_names

KEY = b"a secret of more than sixteen bytes"
NOTE = "Seen: Eleanor Whitcombe, MRN 4481209, on 03/14/2021. Call (555) 013-4477. <b>gout</b>, no fever."


@pytest.mark.parametrize("mode", ["mask", "surrogate", "hash"])
@pytest.mark.parametrize("text", [NOTE, sample("Admission note"), "", "no identifier"])
def test_what_was_found_is_gone_and_the_rest_stays(mode: Mode, text: str) -> None:
    replaced = redaction.redact(text, mode, KEY)
    found = detector("notes").find(text)
    assert [(one.start, one.end, one.entity) for one in replaced] == [
        (f.start, f.end, f.entity) for f in found
    ]
    after = redaction.redacted(text, replaced)
    drawn = marked(text, redaction.after(text, replaced), title="After")
    for one in replaced:
        own = text[one.start : one.end]
        if len(own) > 3:
            assert own not in after
            assert own not in drawn
    at = 0
    for one in replaced:  # what lies between is kept, in order
        assert text[at : one.start] in after
        at = one.end
    assert after.endswith(text[at:])


def test_without_a_replacement_the_identifier_would_show() -> None:
    replaced = redaction.redact(NOTE, "mask", KEY)
    assert replaced
    assert "Whitcombe" in marked(NOTE, redaction.before(NOTE, replaced), title="Before")
    assert "Whitcombe" in redaction.redacted(NOTE, replaced[2:])


def test_stand_ins_depend_on_the_key_and_on_nothing_else() -> None:
    first, again = redaction.redact(NOTE, "hash", KEY), redaction.redact(NOTE, "hash", KEY)
    other = redaction.redact(NOTE, "hash", KEY[::-1])
    assert [one.instead for one in first] == [one.instead for one in again]
    assert {one.instead for one in first}.isdisjoint(one.instead for one in other)


@pytest.mark.parametrize("entity", [one for one in ENTITIES if one != "OVERLONG"])
def test_every_kind_has_its_rule(entity: str) -> None:
    assert redaction.rule_of(entity).startswith("(")


def test_the_table_says_why() -> None:
    replaced = redaction.redact(NOTE, "mask", KEY)
    html = redaction.span_table(NOTE, replaced)
    assert "(A) names" in html
    assert "&lt;NAME&gt;" in html
    assert redaction.summary(replaced).startswith(f"{len(replaced)} identifiers found: ")


@pytest.mark.parametrize("name", sample_names())
def test_every_example_has_something_to_show(name: str) -> None:
    assert redaction.redact(sample(name), "mask", KEY)
