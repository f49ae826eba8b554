"""Hostile notes, long notes, two people at once, what the browser is told, and who can use the pages."""

from collections.abc import Callable
from typing import Any

import pytest

HOSTILE = (
    "Admitted with asthma today. <script>document.title='taken'</script>"
    "<img src=x onerror=\"document.title='taken'\"><a href=\"javascript:document.title='taken'\">gout</a>"
    "</div></mark><style>body{display:none}</style><iframe src='https://evil.example'></iframe>"
    " Known sepsis since spring. &lt;b&gt; <svg onload=alert(1)> {{7*7}} $x^2$ **bold** "
)
SERIOUS = ("serious", "critical")


@pytest.mark.parametrize("action", ["Extract", "Redact", "Compare"])
def test_markup_in_a_note_is_text(app: Any, person: Callable[..., Any], action: str) -> None:
    doctor = person(app.address)
    doctor.open(f"/{action.lower()}")
    doctor.paste(HOSTILE, action)
    assert "<script>" in doctor.page.locator(".note").first.inner_text()
    assert "**bold**" in doctor.page.locator(".note").first.inner_text()
    for tag in ("script", "img", "iframe", "style", "svg", "a[href^=javascript]"):
        assert doctor.page.locator(f".stHtml .note {tag}").count() == 0
    assert doctor.page.title() != "taken"
    assert not doctor.complaints, "the browser had to refuse something"


def test_a_long_note_is_read_whole_and_stays_in_use(app: Any, person: Callable[..., Any]) -> None:
    sentence = (
        "Admitted with asthma today. Slept well. Treated for gout on the ward. Known sepsis since spring. "
    )
    note = (sentence * 330)[:-1]  # 5,280 words
    doctor = person(app.address)
    doctor.open()
    doctor.paste(note)
    assert len(note.split()) > 5000
    assert "990 findings" in doctor.text()
    assert doctor.page.locator(".note .m").count() == 990
    doctor.page.locator(".note .m").last.focus()
    assert doctor.page.locator(".note .m").last.locator(".tip").is_visible()
    doctor.page.get_by_role("button", name="Present").click()
    doctor.settle()
    assert not doctor.complaints


def test_two_people_at_once_see_only_their_own_notes(app: Any, person: Callable[..., Any]) -> None:
    first, second = person(app.address), person(app.address)
    first.open()
    second.open()
    first.paste("Admitted with asthma today. Seen by Quillfeather.")
    assert "Quillfeather" not in second.text()
    second.paste("Known sepsis since spring. Seen by Brambleworth.")
    for one, own, other in (
        (first, "Quillfeather", "Brambleworth"),
        (second, "Brambleworth", "Quillfeather"),
    ):
        for title in ("Redact", "Compare", "Extract"):
            one.turn_to(title)
            assert own in one.text()
            assert other not in one.text()
            assert other not in one.page.content()
        assert own not in one.page.url
    newcomer = person(app.address)
    newcomer.open()
    assert newcomer.page.get_by_label("Note text").input_value() == ""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["extract", "redact", "compare", "federation", "privacy", "first-run"])
def test_axe_finds_nothing_serious(
    app: Any, person: Callable[..., Any], axe: str, path: str, scheme: str
) -> None:
    reader = person(
        app.address, color_scheme=scheme, bypass_csp=True
    )  # axe itself is a script from elsewhere
    reader.open(f"/{path}")
    if path in ("extract", "redact", "compare"):
        reader.paste(HOSTILE + "No migraine today. Seen: Eleanor Whitcombe, MRN 4481209.", path.title())
    if path == "privacy":
        reader.page.get_by_label("Run").click()
        reader.page.get_by_role("option", name="private").click()
        reader.page.get_by_text("Against whom this holds").wait_for()
        reader.settle()
    reader.page.evaluate(axe)
    found = reader.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    said = [
        f"{one['id']}: {one['help']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
        for one in found["violations"]
        if one["impact"] in SERIOUS
        for node in one["nodes"][:3]
    ]
    assert not said, "\n".join(said)


def test_axe_would_find_a_fault(app: Any, person: Callable[..., Any], axe: str) -> None:
    reader = person(app.address, bypass_csp=True)
    reader.open("/first-run")
    reader.page.evaluate("document.querySelector('.quiet').style.color = '#ddd'")
    reader.page.evaluate(axe)
    found = reader.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert "color-contrast" in {one["id"] for one in found["violations"]}
