"""The first-run page: starts embedded demo federations, which then fill every page."""

from pathlib import Path

import streamlit as st
from markupsafe import Markup

from ui import demo
from ui.demo import Kind
from ui.fragments import notice, quiet
from ui.runs import SETTINGS, read_run
from ui.screens.choices import state_of
from ui.settings import Settings
from ui.shell import careful

_EVERY_SECONDS = 2
_CHOICES: dict[str, tuple[Kind, ...]] = {
    "With a privacy budget: noise and ledgers; fills every page": ("private",),
    "Masked sums only: no promise to patients": ("masked",),
    "Both, one after the other: two models to compare": ("private", "masked"),
}


def page(settings: Settings) -> None:
    """Lays the page out."""
    demos = demo.last()
    running = demos is not None and demos.running
    if not running:
        _offer(settings)
    st.fragment(_watched, run_every=_EVERY_SECONDS if running else None)()


def _offer(settings: Settings) -> None:
    st.html(
        quiet(
            "Synthetic hospitals with synthetic patients train one extractor on this machine: the same programs, "
            "messages, masks and ledgers as between real hospitals. A federation takes five to fifteen minutes."
        )
    )
    with st.form("demo", border=False):
        choice = st.radio("Which federation", list(_CHOICES))
        hospitals = st.number_input("Hospitals", min_value=3, max_value=16, value=10, width=160)
        begin = st.form_submit_button("Start", type="primary")
    if begin:
        demo.start(settings.runs, _CHOICES[choice], int(hospitals))
        st.rerun()


@careful
def _watched() -> None:
    """How far the federations are; when the last is over, the page offers new ones."""
    demos = demo.last()
    if demos is None:
        return
    running = demos.running
    for folder in demos.folders:
        _progress(folder, running=running)
    if demos.failure is not None:
        raise demos.failure
    if running and st.button("Stop"):
        demos.stop()
    if st.session_state.get("demos-ran", False) and not demos.running:
        st.session_state["demos-ran"] = False
        st.rerun()
    st.session_state["demos-ran"] = demos.running


def _progress(folder: Path, *, running: bool) -> None:
    st.subheader(folder.name, anchor=False)
    if not (folder / SETTINGS).is_file():
        st.html(notice("Making patients, hospitals and keys, or waiting." if running else "Not started."))
        return
    run = read_run(folder)
    done, wanted = run.baselines
    if run.state == "finished":
        st.html(notice("Finished. Federation and Privacy show it; Extract and Compare have its model."))
        return
    st.html(Markup('<p class="quiet" aria-live="polite">{}</p>').format(state_of(run)))
    st.progress(min(1.0, len(run.rounds) / run.planned), text=f"Rounds: {len(run.rounds)} of {run.planned}")
    if wanted:
        st.progress(done / wanted, text=f"Hospitals alone, and pooled: {done} of {wanted}")
