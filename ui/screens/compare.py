"""The compare page: two models on one note, with their differences marked."""

from pathlib import Path

import streamlit as st

from ui import comparison
from ui.comparison import Pair
from ui.fragments import notice, quiet
from ui.marked import marked
from ui.screens.choices import choose_model, loaded
from ui.screens.note_input import forget_button, given_note
from ui.settings import Settings


def page(settings: Settings) -> None:
    """Lays the page out."""
    note = given_note("Compare")
    if note is None:
        return
    left, middle, right = st.columns([2, 2, 1], vertical_alignment="bottom")
    with left:
        first = choose_model(settings, "First model")
    with middle:
        second = choose_model(settings, "Second model", place=1)
    with right:
        forget_button()
    if first == second:
        st.html(notice("Choose two models that differ. Both are the same now."))
    compared = _compared(note, first, second)
    st.html(quiet(comparison.summary(compared)))
    differences = st.toggle("Differences only")
    shown = [pair for pair in compared if pair.kind != "both"] if differences else compared
    text, table = st.columns([11, 9], gap="large")
    with text:
        st.html(comparison.legend())
        st.html(marked(note, comparison.marks(shown), title="Note with findings of both models"))
    with table:
        st.html(comparison.pair_table(note, shown, (first.parent.name, second.parent.name)))


def _compared(note: str, *folders: Path) -> list[Pair]:
    """What both find, kept for the session as long as note and models stay the same."""
    kept = st.session_state.get("made:comparison")
    if kept is not None and kept[0] == (note, folders):
        return list(kept[1])
    with st.spinner("Reading the note twice"):
        compared = comparison.pairs(*(loaded(folder).facts(note) for folder in folders))
    st.session_state["made:comparison"] = (note, folders), compared
    return compared
