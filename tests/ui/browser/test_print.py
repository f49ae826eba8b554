"""Extract, Redact and Privacy on paper: findings and warnings in black on white, and nothing to click on."""

from collections.abc import Callable
from typing import Any

import pytest

NOTE = (
    "Slept well. Admitted with asthma today. No gout today. Known sepsis since spring.\n"
    "Seen: Eleanor Whitcombe, MRN 4481209, on 03/14/2021. Treated for migraine on the ward."
)
CONTROLS = (
    "button, input, select, textarea, [role=tab], [role=slider], [role=combobox], .stAppHeader, .stSidebar"
)
READ = "h1, .note, .m, .m sup, .notice, .foot, .t td"
VISIBLE = """selector => [...document.querySelectorAll(selector)].filter(
    one => one.getClientRects().length && getComputedStyle(one).visibility !== "hidden"
).map(one => one.outerHTML.slice(0, 120))"""
COLOURED = """selector => [...document.querySelectorAll(selector)].filter(one => {
    const look = getComputedStyle(one);
    return look.color !== "rgb(0, 0, 0)" || !/rgba\\(0, 0, 0, 0\\)|rgb\\(255, 255, 255\\)/.test(look.backgroundColor);
}).length"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("extract", "check every finding against the note"),
        ("redact", "A person must read the result"),
        ("privacy", "Against whom this holds"),
    ],
)
def test_paper_has_the_findings_and_the_warning_and_no_controls(
    app: Any, person: Callable[..., Any], path: str, kept: str, scheme: str
) -> None:
    reader = person(app.address, color_scheme=scheme)
    reader.open(f"/{path}")
    if path == "privacy":
        reader.page.get_by_label("Run").click()
        reader.page.get_by_role("option", name="private").click()
        reader.page.get_by_text("Against whom this holds").wait_for()
        reader.settle()
    else:
        reader.paste(NOTE, path.title())
    assert reader.page.evaluate(VISIBLE, CONTROLS), "on screen there are controls"
    assert reader.page.evaluate(COLOURED, READ), "and colours"
    reader.page.emulate_media(media="print", color_scheme=scheme)
    assert reader.page.evaluate(VISIBLE, CONTROLS) == []
    assert kept in reader.text()
    assert "Research software, not a medical device" in reader.text()
    assert reader.page.evaluate(COLOURED, READ) == 0
    assert (
        reader.page.locator("body").evaluate("one => getComputedStyle(one).backgroundColor")
        == "rgb(255, 255, 255)"
    )
    if path != "redact":
        assert "private" in reader.text() or "masked" in reader.text(), "which run, or which model"
    for box in (".stApp", ".stMain"):  # a box that scrolls would end on the first sheet
        assert reader.page.locator(box).evaluate("one => getComputedStyle(one).overflowY") == "visible"
    assert not reader.complaints


def test_nothing_lies_on_anything_else(app: Any, person: Callable[..., Any]) -> None:
    reader = person(app.address)
    reader.open()
    reader.paste(NOTE * 12)
    reader.page.emulate_media(media="print")
    reader.page.set_viewport_size({"width": 794, "height": 1123})  # A4
    foot = reader.page.locator(".foot").bounding_box()
    for above in (".note", ".findings"):
        box = reader.page.locator(above).bounding_box()
        assert box["y"] + box["height"] <= foot["y"]
        assert box["x"] + box["width"] <= 794


def test_marks_differ_without_colour(app: Any, person: Callable[..., Any]) -> None:
    reader = person(app.address)
    reader.open()
    reader.paste(NOTE)
    reader.page.emulate_media(media="print")
    looks = reader.page.locator(".note .m").evaluate_all(
        "all => all.map(one => { const look = getComputedStyle(one); const word = one.querySelector('sup');"
        " return [one.className, [look.borderBottomStyle, look.textDecorationLine, look.fontStyle,"
        " word ? word.innerText : ''].join()]; })"
    )
    by_kind = dict(looks)
    assert len(by_kind) >= 2
    assert len(set(by_kind.values())) == len(by_kind)
