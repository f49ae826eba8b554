"""A whole first run: an operator starts a small federation from the page, and it fills every other page."""

from collections.abc import Callable
from typing import Any

import pytest

_LONGEST_MS = 25 * 60_000


@pytest.mark.slow
def test_a_first_run_fills_every_page(
    serve: Callable[..., Any], person: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    app = serve("--runs", str(tmp_path_factory.mktemp("first") / "runs"))
    operator = person(app.address)
    operator.open("/first-run")
    operator.page.get_by_label("Hospitals").fill("3")
    operator.page.get_by_label("Hospitals").press("Tab")
    operator.page.get_by_role("button", name="Start").click()
    operator.page.get_by_role("button", name="Stop").wait_for()
    operator.page.get_by_text("Finished. Federation and Privacy show it").wait_for(timeout=_LONGEST_MS)
    operator.page.get_by_role("button", name="Start").wait_for()  # and another may follow

    operator.turn_to("Federation")
    assert "Finished" in operator.text()
    assert operator.page.locator(".dot").count() > 0
    assert operator.page.locator(".bar").count() > 0, "alone, together, pooled"
    operator.turn_to("Privacy")
    assert operator.page.locator(".meter").count() == 3

    operator.turn_to("Extract")
    operator.page.get_by_text("Example", exact=True).click()
    operator.settle()
    operator.page.get_by_role("button", name="Extract", exact=True).click()
    operator.page.locator(".note").wait_for()
    operator.settle()
    assert "findings in" in operator.text()
    operator.turn_to("Redact")
    assert operator.page.get_by_label("Note without identifiers").locator(".m").count() > 0
    operator.turn_to("Compare")
    assert operator.page.locator(".notice.stop").count() == 0
    for said in ("Traceback", "defect"):
        assert said not in operator.text()
    assert not operator.complaints
