"""Every page's main path, by keyboard and mouse, in a real browser."""

from collections.abc import Callable
from typing import Any

import pytest

NOTE = (
    "Slept well. Admitted with asthma today. No gout today. Known sepsis since spring.\n"
    "Seen: Eleanor Whitcombe, MRN 4481209, on 03/14/2021. Treated for migraine on the ward."
)

_TO_BEGIN = 240_000  # milliseconds for a run to read its notes, also on a busy machine


def test_extract_marks_explains_filters_and_copies(app: Any, person: Callable[..., Any]) -> None:
    doctor = person(app.address)
    doctor.open()
    doctor.paste(NOTE)
    marks = doctor.page.locator(".note .m")
    assert marks.count() >= 3
    first = marks.first
    assert not first.locator(".tip").is_visible()
    first.focus()  # by keyboard
    assert first.locator(".tip").is_visible()
    assert "score" in first.locator(".tip").inner_text()
    doctor.page.locator(".findings tbody a").first.click()
    assert doctor.page.url.rpartition("#")[2].startswith("f")
    doctor.page.get_by_role("button", name="Present").click()
    doctor.page.locator(".note .m.negated").first.wait_for(state="detached")
    doctor.settle()
    kinds = {mark.get_attribute("class") for mark in doctor.page.locator(".note .m").all()}
    assert kinds == {"m present"}
    doctor.page.get_by_text("Copy as text, FHIR or CSV").click()
    doctor.page.locator(".stCode").first.wait_for()
    assert "asthma" in doctor.page.locator(".stCode").first.inner_text()
    assert not doctor.complaints


def test_the_least_score_is_set_by_keyboard(app: Any, person: Callable[..., Any]) -> None:
    doctor = person(app.address)
    doctor.open()
    doctor.paste(NOTE)
    everything = doctor.page.locator(".note .m").count()
    slider = doctor.page.get_by_role("slider", name="Least score")
    slider.focus()
    doctor.page.keyboard.press("End")
    doctor.page.get_by_text("Filters leave out").wait_for()
    assert doctor.page.locator(".note .m").count() < everything
    doctor.page.keyboard.press("Home")
    doctor.page.get_by_text("Filters leave out").wait_for(state="detached")
    assert not doctor.complaints


def test_a_note_goes_along_from_page_to_page_and_is_forgotten_on_demand(
    app: Any, person: Callable[..., Any]
) -> None:
    doctor = person(app.address)
    doctor.open("/redact")
    doctor.paste(NOTE, "Redact")
    after = doctor.page.get_by_label("Note without identifiers")
    assert "Whitcombe" not in after.inner_text()
    doctor.page.get_by_text("Surrogate").click()
    doctor.settle()
    assert "<NAME>" not in after.inner_text()
    assert "Whitcombe" not in after.inner_text()
    doctor.turn_to("Compare")
    doctor.page.locator(".note .m").first.wait_for()
    assert "Only the first" in doctor.text()
    doctor.page.get_by_role("button", name="Another note").click()
    doctor.page.get_by_label("Note text").wait_for()
    doctor.turn_to("Redact")
    assert "Whitcombe" not in doctor.text()
    assert not doctor.complaints


def test_an_example_and_an_upload_are_ways_in(app: Any, person: Callable[..., Any]) -> None:
    doctor = person(app.address)
    doctor.open()
    doctor.page.get_by_text("Upload", exact=True).click()
    doctor.settle()
    doctor.page.locator("input[type=file]").set_input_files(
        {"name": "Whitcombe.txt", "mimeType": "text/plain", "buffer": NOTE.encode()}
    )
    doctor.settle()
    doctor.page.get_by_role("button", name="Extract", exact=True).click()
    doctor.page.locator(".note .m").first.wait_for()
    doctor.page.get_by_role("button", name="Another note").click()
    doctor.page.get_by_text("Example", exact=True).click()
    doctor.settle()
    doctor.page.get_by_role("button", name="Extract", exact=True).click()
    doctor.page.get_by_text("ADMISSION NOTE").first.wait_for()
    assert "Whitcombe" not in doctor.page.url
    assert not doctor.complaints


def test_federation_shows_rounds_and_hospitals(app: Any, person: Callable[..., Any]) -> None:
    officer = person(app.address)
    officer.open("/federation")
    text = officer.text()
    for said in ("6 of 6", "18 of 18", "harbour", "hillside", "meadow", "sums only"):
        assert said in text
    assert officer.page.locator(".dot").count() == 6
    assert not officer.complaints


def test_privacy_shows_budgets_and_plans(app: Any, person: Callable[..., Any]) -> None:
    officer = person(app.address)
    officer.open("/privacy")
    officer.page.get_by_label("Run").click()
    officer.page.get_by_role("option", name="private").click()
    officer.page.get_by_text("Against whom this holds").wait_for()
    assert "harbour" in officer.text()
    assert officer.page.locator(".meter").count() == 3
    officer.page.get_by_role("tab", name="Planner").click()
    officer.page.get_by_label("Patients, all hospitals").fill("500")
    officer.page.get_by_role("button", name="Plan", exact=True).click()
    officer.page.get_by_text("Noise multiplier").first.wait_for()
    assert "Recipe that was measured" in officer.text()
    assert not officer.complaints


def test_a_first_run_starts_shows_its_rounds_and_stops(
    serve: Callable[..., Any], person: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("first") / "runs"
    app = serve("--runs", str(folder))
    operator = person(app.address)
    operator.open("/federation")
    assert "there is no run here" in operator.text()
    assert "Traceback" not in operator.text()
    operator.turn_to("First run")
    operator.page.get_by_role("button", name="Start").click()
    operator.page.get_by_role("button", name="Stop").wait_for()
    begun = operator.page.get_by_text("Rounds: 0 of").or_(operator.page.get_by_text("Rounds: 1 of"))
    begun.first.wait_for(timeout=_TO_BEGIN)
    operator.turn_to("Federation")
    assert "Running" in operator.text()
    operator.turn_to("First run")
    operator.page.get_by_role("button", name="Stop").click()
    operator.page.get_by_role("button", name="Start").wait_for()
    assert len(list(folder.glob("*/run.json"))) == 1
    assert not operator.complaints
