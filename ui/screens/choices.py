"""Choices that several pages offer: a run, a model."""

from pathlib import Path

import streamlit as st

from ui.fragments import on_paper
from ui.models import Model, find_models, stamp
from ui.runs import Run, find_runs
from ui.settings import Settings


def choose_run(folder: Path) -> Path:
    """Offers the runs of a folder, the newest first.

    Raises:
        FixSettings: there is none.
    """
    runs = find_runs(folder)
    names = {one.name: one for one in runs}
    chosen = st.selectbox("Run", list(names), key="run", width=360)
    run = names.get(chosen or "", runs[0])
    st.html(on_paper("Run", run.name))
    return run


def state_of(run: Run) -> str:
    """Where a run stands, in words."""
    if run.state == "finished":
        return f"Finished {str((run.metrics or {})['date'])[:16].replace('T', ' ')}."
    if run.state == "stopped":
        return "Stopped before its end; repeat its command and it goes on after its last round."
    done, wanted = run.baselines
    if len(run.rounds) >= run.planned and wanted:
        return f"Rounds are done; baselines {done} of {wanted}."
    return f"Running: {len(run.rounds)} of {run.planned} rounds."


def choose_model(settings: Settings, label: str, *, place: int = 0) -> Path:
    """Offers the models there are.

    Args:
        settings: name folders of models and of runs.
        label: of the choice; two choices on one page need two.
        place: of the model that is chosen at first.

    Returns:
        The model's folder.

    Raises:
        FixSettings: there is none.
    """
    found = find_models(settings.models, settings.runs)
    chosen = st.selectbox(label, list(found), index=min(place, len(found) - 1), width=360)
    st.html(on_paper(label, chosen))
    return found[chosen]


def loaded(folder: Path) -> Model:
    """A model, loaded once for all visitors.

    Raises:
        ReplaceModel: the folder is incomplete, altered, or not made by clinfed.
    """
    return _loaded(str(folder), stamp(folder))


@st.cache_resource(max_entries=4, show_spinner="Loading the model")
def _loaded(folder: str, stamp: float) -> Model:
    return Model(Path(folder))
