"""Pages run by Streamlit's own test runner: what each asks for, shows, and says when something is missing."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from ui import settings as told
from ui.pages import PAGES
from ui.screens import note_input
from ui.settings import Settings

TITLES = [page.title for page in PAGES]
NOTE = "Slept well. Admitted with asthma today. <script>alert(1)</script> Treated for gout on the ward."


def script() -> None:
    import streamlit as st

    from ui.pages import PAGES
    from ui.settings import current
    from ui.shell import careful

    wanted = st.session_state["page"]
    careful(next(page for page in PAGES if page.title == wanted).lay_out)(current())


@pytest.fixture
def open_page(runs: Path) -> Iterator[Callable[..., AppTest]]:
    def start(title: str, settings: Settings | None = None, **state: object) -> AppTest:
        told.use(settings or Settings(runs=runs))
        app = AppTest.from_function(script, default_timeout=120)
        app.session_state["page"] = title
        for name, value in state.items():
            app.session_state[name] = value
        return app.run()

    yield start
    told.use(Settings())


def bodies(app: AppTest) -> str:
    """Everything that a page has drawn as HTML."""
    return "\n".join(str(element.proto.body) for element in app.get("html"))


@pytest.mark.parametrize("title", TITLES)
def test_every_page_opens_without_a_defect(open_page: Callable[..., AppTest], title: str) -> None:
    app = open_page(title)
    assert not app.exception
    assert "<strong>defect" not in bodies(app)


@pytest.mark.parametrize("title", ["Extract", "Compare", "Federation", "Privacy"])
def test_a_missing_run_folder_is_said_with_its_remedy(
    open_page: Callable[..., AppTest], tmp_path: Path, title: str
) -> None:
    app = open_page(title, Settings(runs=tmp_path / "none"), note=NOTE)
    assert not app.exception
    assert "clinfed ui --runs DIR" in bodies(app)
    if title == "Privacy":
        assert any(button.label == "Plan" for button in app.button), "planning needs no run"


def test_a_note_is_read_and_filtered(open_page: Callable[..., AppTest]) -> None:
    app = open_page("Extract", note=NOTE)
    assert not app.exception
    html = bodies(app)
    assert "&lt;script&gt;" in html
    assert "<script" not in html
    assert html.count('<mark class="m') >= 2
    app.pills[0].set_value(["present"]).run()
    assert not app.exception
    assert app.slider[0].label == "Least score"
    app.pills[0].set_value([]).run()
    app.slider[0].set_value(1.0).run()
    assert "Filters leave out" in bodies(app)
    assert bodies(app).count('<mark class="m') < html.count('<mark class="m')


def test_another_note_forgets_this_one_and_what_was_made_of_it(open_page: Callable[..., AppTest]) -> None:
    app = open_page("Extract", note=NOTE)
    assert "made:reading" in app.session_state
    next(button for button in app.button if button.label == "Another note").click().run()
    assert "note" not in app.session_state
    assert "made:reading" not in app.session_state
    assert "asthma" not in bodies(app)


@pytest.mark.parametrize("note", ["  ", "x" * (note_input.LONGEST + 1)])
def test_an_empty_or_endless_note_is_refused(open_page: Callable[..., AppTest], note: str) -> None:
    app = open_page("Extract")
    app.text_area[0].set_value(note)
    next(button for button in app.button if button.label == "Extract").click().run()
    assert not app.exception
    assert "fix-notes" in bodies(app)
    assert "note" not in app.session_state


@pytest.mark.parametrize("mode", ["mask", "surrogate", "hash"])
def test_redaction_shows_both_sides_and_warns(open_page: Callable[..., AppTest], mode: str) -> None:
    app = open_page("Redact", note="Seen: Eleanor Whitcombe, MRN 4481209, on 03/14/2021.")
    app.radio[0].set_value(mode).run()
    assert not app.exception
    html = bodies(app)
    assert "A person must read the result" in html
    after = html[html.index("Note without identifiers") :]
    assert "Whitcombe" not in after.partition("</div>")[0]


def test_two_models_are_compared(open_page: Callable[..., AppTest]) -> None:
    app = open_page("Compare", note=NOTE)
    assert not app.exception
    assert [box.value for box in app.selectbox] == ["masked", "private"]
    assert "Findings of both models" in bodies(app)


def test_a_model_that_was_altered_is_refused_by_name(
    open_page: Callable[..., AppTest], runs: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "manifest.json").write_text("{}")
    app = open_page("Extract", Settings(runs=runs, models=(broken,)), note=NOTE)
    assert not app.exception
    assert "replace-model" in bodies(app)


def test_budgets_are_those_of_the_chosen_run(open_page: Callable[..., AppTest]) -> None:
    app = open_page("Privacy")
    assert "No privacy was promised" in bodies(app)
    app.selectbox[0].set_value("private").run()
    assert "Privacy budgets, in epsilon" in bodies(app)
    assert "harbour" in bodies(app)


def test_a_plan_that_cannot_be_is_refused_with_its_remedy(open_page: Callable[..., AppTest]) -> None:
    app = open_page("Privacy")
    next(box for box in app.number_input if box.label == "Hospitals that may collude").set_value(6)
    next(button for button in app.button if button.label == "Plan").click().run()
    assert "Leave one hospital honest" in bodies(app)


def test_what_a_page_fails_with_is_shown_without_its_message(
    open_page: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("Mr Zebrafinch has gout")

    monkeypatch.setattr("ui.findings.summary", fail)
    app = open_page("Extract", note=NOTE)
    assert "ValueError at" in bodies(app)
    assert "Zebrafinch" not in bodies(app)
