"""What the extract and compare pages say of facts: nothing is lost by a filter, a group, or two models' edges."""

import csv
import io
import itertools
import json

import pytest

from shared.facts import Assertion, Code, Fact, Reason
from ui import comparison, findings
from ui.comparison import Pair
from ui.copies import COPIES, as_text

ASSERTIONS: tuple[Assertion, ...] = ("present", "negated", "possible", "historical", "family", "hypothetical")


def fact(
    start: int,
    end: int,
    assertion: Assertion = "present",
    code: str = "J45",
    section: str = "Plan",
    cue: str = "",
    how: str = "alias",
) -> Fact:
    codes = (Code(code, f"name of {code}", 0.9, how),) if code else ()  # type: ignore[arg-type]
    reason = Reason(cue=cue, cue_start=None, cue_end=None, rule="before", alias="", model="m", version="1")
    return Fact(start, end, f"text{start}", "Disease", 0.876, assertion, codes, section, reason)


EVERY = [
    fact(10 * place, 10 * place + 5, one, section=f"S{place % 2}") for place, one in enumerate(ASSERTIONS)
]


def test_every_assertion_has_a_style_a_name_and_a_heading() -> None:
    assert set(findings.ASSERTIONS) == set(ASSERTIONS)
    labels = [label for _, label, _ in findings.ASSERTIONS.values()]
    assert len(set(labels)) == len(labels), "two assertions would look alike without colour"
    html = findings.legend()
    for kind in ASSERTIONS:
        assert f'class="tag {kind}"' in html


def test_what_is_not_the_patients_stands_after_what_is() -> None:
    order = list(findings.ASSERTIONS)
    assert set(order[3:]) == findings.NOT_THE_PATIENTS
    html = findings.findings_table(EVERY)
    places = [html.index(heading) for _, _, heading in findings.ASSERTIONS.values()]
    assert places == sorted(places)


@pytest.mark.parametrize("kinds", [(), ("negated",), ("present", "family"), ASSERTIONS])
@pytest.mark.parametrize("sections", [(), ("S0",), ("S0", "S1"), ("no such",)])
@pytest.mark.parametrize("least", [0.0, 0.88, 0.9])
def test_filters_keep_what_passes_all(
    kinds: tuple[str, ...], sections: tuple[str, ...], least: float
) -> None:
    kept = findings.chosen(EVERY, kinds, sections, least)
    expected = [
        one
        for one in EVERY
        if (one.assertion in kinds or not kinds)
        and (one.section in sections or not sections)
        and float(f"{one.score:.2f}") >= least  # what the page shows
    ]
    assert kept == expected
    said = findings.left_out(EVERY, kept)
    assert said == (
        "" if kept == EVERY else f"Filters leave out {len(EVERY) - len(kept)} of {len(EVERY)} findings."
    )


def test_marks_tell_code_score_and_reason() -> None:
    (mark,) = findings.marks([fact(3, 9, "negated", cue="denies", how="suggested")])
    said = dict(mark.tip)
    assert said["code"] == "J45 name of J45, 0.90 (suggested)"
    assert said["because of"] == "“denies” (before)"
    assert said["score"] == "0.88"
    assert (mark.start, mark.end, mark.kind, mark.label) == (3, 9, "negated", "not")


def test_the_table_escapes_what_a_note_holds() -> None:
    odd = Fact(0, 3, "<b>", "Disease", 0.5, "present", (), "<i>", fact(0, 1, cue="<script>").reason)
    html = findings.findings_table([odd])
    for tag in ("<b>", "<i>", "<script"):
        assert tag not in html


def test_copied_text_has_every_finding_once() -> None:
    lines = as_text(EVERY).splitlines()
    assert len(lines) == 2 * len(EVERY)
    assert "  - text0 (J45)" in lines
    assert lines[lines.index("Ruled out or denied:") + 1] == "  - text10 (J45)"
    assert as_text([]) == ""


def test_the_other_forms_have_every_finding_once() -> None:
    tree = json.loads(COPIES["FHIR"](EVERY))
    assert len(tree["entry"]) == len(EVERY)
    rows = list(csv.reader(io.StringIO(COPIES["CSV"](EVERY))))
    assert len(rows) == len(EVERY) + 1
    assert {row[rows[0].index("assertion")] for row in rows[1:]} == set(ASSERTIONS)


def test_the_summary_counts() -> None:
    said = findings.summary("two words", [fact(0, 1), fact(2, 3), fact(4, 5, "family")], 0.0123)
    assert said == "3 findings in 2 words, 12 ms: 2 present, 1 family."
    assert findings.summary("", [], 0.0) == "0 findings in 0 words, 0 ms."


SPANS = [(0, 4), (2, 6), (5, 9), (9, 12), (0, 12)]


def apart(spans: tuple[tuple[int, int], ...]) -> bool:
    return all(one[1] <= other[0] for one, other in itertools.pairwise(sorted(spans)))


CASES = [
    (first, second)
    for count in range(3)
    for first in itertools.combinations(SPANS, count)
    for other in range(3)
    for second in itertools.combinations(SPANS, other)
    if apart(first) and apart(second)
]


@pytest.mark.parametrize(("first", "second"), CASES)
def test_pairs_hold_every_finding_once_and_only_what_overlaps_stands_together(
    first: tuple[tuple[int, int], ...], second: tuple[tuple[int, int], ...]
) -> None:
    left, right = ([fact(*span) for span in sorted(spans)] for spans in (first, second))
    made = comparison.pairs(left, right)
    assert [pair.first for pair in made if pair.first] == left
    assert [pair.second for pair in made if pair.second] == right
    for pair in made:
        if pair.first and pair.second:
            assert pair.first.start < pair.second.end
            assert pair.second.start < pair.first.end


@pytest.mark.parametrize(
    ("second", "kind"),
    [
        (fact(0, 5), "both"),
        (fact(0, 6), "differs"),
        (fact(0, 5, "negated"), "differs"),
        (fact(0, 5, code="I10"), "differs"),
        (fact(0, 5, code=""), "differs"),
        (None, "first"),
    ],
)
def test_two_findings_agree_in_span_assertion_and_code(second: Fact | None, kind: str) -> None:
    assert Pair(fact(0, 5), second).kind == kind
    assert Pair(None, fact(0, 5)).kind == "second"


def test_differences_are_named_and_escaped() -> None:
    text = "<b>x</b> and more text of a note"
    made = comparison.pairs([fact(0, 8)], [fact(0, 8, "negated"), fact(9, 12)])
    html = comparison.pair_table(text, made, ("<one>", "two"))
    assert "<b>" not in html
    assert "<one>" not in html
    assert "Both, differently" in html
    assert comparison.summary(made) == "2 places: 1 both, differently, 1 only the second."
