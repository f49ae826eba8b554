"""The extract page: a note, what was found in it, and why."""

import time
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from shared.facts import Fact
from ui import findings
from ui.copies import COPIES
from ui.fragments import notice, quiet
from ui.marked import marked
from ui.screens.choices import choose_model, loaded
from ui.screens.note_input import forget_button, given_note
from ui.settings import Settings


@dataclass(frozen=True)
class Reading:
    """A note as one model reads it.

    Args:
        text: the note.
        folder: of the model.
        facts: in the order of the text.
        seconds: it took.
    """

    text: str
    folder: Path
    facts: list[Fact]
    seconds: float


def page(settings: Settings) -> None:
    """Lays the page out."""
    note = given_note("Extract", lambda: choose_model(settings, "Model"))
    if note is None:
        return
    bar = st.columns([7, 1.3], vertical_alignment="bottom", gap="medium")
    with bar[0]:
        folder = choose_model(settings, "Model")
    with bar[1]:
        forget_button()
    reading = _reading(note, folder)
    shown = _filtered(reading.facts)
    st.html(quiet(findings.summary(note, reading.facts, reading.seconds)))
    if left_out := findings.left_out(reading.facts, shown):
        st.html(notice(left_out))
    text, table = st.columns([11, 9], gap="large")
    with text:
        st.html(findings.legend())
        st.html(marked(note, findings.marks(shown), title="Note with findings marked"))
    with table:
        st.html(findings.findings_table(shown))
        _copy(shown)


def _reading(note: str, folder: Path) -> Reading:
    """What was found, kept for the session as long as note and model stay the same."""
    kept = st.session_state.get("made:reading")
    if isinstance(kept, Reading) and (kept.text, kept.folder) == (note, folder):
        return kept
    with st.spinner("Reading the note"):
        model = loaded(folder)
        started = time.perf_counter()
        facts = model.facts(note)
        reading = Reading(note, folder, facts, time.perf_counter() - started)
    st.session_state["made:reading"] = reading
    return reading


def _filtered(facts: list[Fact]) -> list[Fact]:
    kind_bar, section_bar, score_bar = st.columns([5, 3, 2], vertical_alignment="bottom", gap="medium")
    found = [kind for kind in findings.ASSERTIONS if any(fact.assertion == kind for fact in facts)]
    names = {kind: name for kind, (name, _, _) in findings.ASSERTIONS.items()}
    kinds = kind_bar.pills("Show only", found, selection_mode="multi", format_func=names.__getitem__)
    sections = section_bar.multiselect("In sections", findings.sections_of(facts), placeholder="All sections")
    least = score_bar.slider("Least score", 0.0, 1.0, 0.0, 0.05)
    return findings.chosen(facts, kinds or (), sections, least)


def _copy(facts: list[Fact]) -> None:
    with st.expander("Copy as text, FHIR or CSV"):
        form = st.segmented_control("Form", list(COPIES), default=next(iter(COPIES)), required=True)
        st.code(COPIES[form](facts), language=None, wrap_lines=True, height=300)
