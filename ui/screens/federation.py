"""The federation page: a run's rounds as they happen, for whoever operates it and whoever answers for it."""

from pathlib import Path

import streamlit as st
from markupsafe import Markup

from ui import rounds
from ui.fragments import notice, quiet
from ui.runs import Run, read_run
from ui.screens.choices import choose_run, state_of
from ui.settings import Settings
from ui.shell import careful

_EVERY_SECONDS = 3


def page(settings: Settings) -> None:
    """Lays the page out."""
    folder = choose_run(settings.runs)
    finished = read_run(folder).state == "finished"
    st.fragment(_shown, run_every=None if finished else _EVERY_SECONDS)(folder)


@careful
def _shown(folder: Path) -> None:
    """Everything that changes while a run goes on."""
    run = read_run(folder)
    st.html(Markup('<p class="quiet" aria-live="polite">{}</p>').format(state_of(run)))
    if run.state == "running":
        st.progress(min(1.0, len(run.rounds) / run.planned), text="Rounds")
    if not run.rounds:
        st.html(notice("No round is finished yet. This page looks again by itself."))
        return
    st.html(rounds.headline(run))
    if missing := rounds.missing_notice(run):
        st.html(missing)
    _quality(run)
    _hospitals(run)
    _costs(run)


def _quality(run: Run) -> None:
    left, right = st.columns(2, gap="large")
    with left:
        st.header("Round by round", anchor=False)
        chart = rounds.progress(run)
        st.html(chart or notice("The model has not been evaluated yet."))
        st.html(quiet(rounds.progress_note(run)))
    with right:
        st.header("Alone, together, pooled", anchor=False)
        bars = rounds.comparison(run)
        st.html(bars or notice("Known when the run is finished: every hospital alone and all notes pooled."))
        if said := rounds.verdict(run):
            st.html(quiet(said))


def _hospitals(run: Run) -> None:
    st.header("Hospitals", anchor=False)
    st.html(rounds.participation(run))


def _costs(run: Run) -> None:
    st.header("What it took", anchor=False)
    left, right = st.columns(2, gap="large")
    with left:
        st.html(quiet("Megabytes by round"))
        st.html(rounds.moved(run))
    with right:
        st.html(quiet("Seconds by round and phase"))
        st.html(rounds.phases(run))
    with st.expander("Phases"):
        st.html(rounds.phase_table(run))
    with st.expander("Every round"):
        st.html(rounds.every_round(run))
