"""The privacy page: budgets, what they promise and against whom, and what more would cost."""

from pathlib import Path
from typing import Any

import streamlit as st

from privacy.plan import Wish, make_plan
from shared.errors import ClinfedError, FixSettings
from ui import budgets as shown
from ui.fragments import notice, quiet
from ui.runs import read_run
from ui.screens.choices import choose_run
from ui.settings import Settings
from ui.shell import careful, problem


def page(settings: Settings) -> None:
    """Lays the page out."""
    spent, planner = st.tabs(["Budgets", "Planner"])
    with spent:
        careful(_spent)(settings)
    with planner:
        _planner()


def _spent(settings: Settings) -> None:
    run = None
    try:
        run = choose_run(settings.runs)
    except FixSettings:
        if not settings.ledgers:
            raise
    ledgers = shown.find_ledgers(run, settings.ledgers)
    if not ledgers:
        st.html(
            notice(
                "No privacy was promised in this run: it has no epsilon, and its hospitals keep no ledger. Treat its "
                "model and its sums like the notes they were learned from.",
                "warn",
            )
        )
        return
    budgets = {name: _budget(str(path), _stamp(path)) for name, path in ledgers.items()}
    st.html(shown.headline(budgets))
    st.header("Each hospital", anchor=False)
    st.html(shown.budget_table(budgets))
    st.html(
        quiet(
            "The amber end of a bar is what one more training step would add. A release is written down before it is "
            "computed, so a ledger shows the truth or too much. A round that would pass the cap is refused."
        )
    )
    st.header("Against whom this holds", anchor=False)
    worst = max(budgets.values(), key=lambda one: one["spent"] or 0.0)
    st.html(shown.promise(worst, str(read_run(run).settings.get("trust")) if run else ""))
    with st.expander("What one more round would cost"):
        st.html(shown.more_table(budgets))
    with st.expander("What was released"):
        st.html(shown.history_table(budgets))


def _planner() -> None:
    st.html(
        quiet("What privacy would cost before anything is spent. Nothing here touches a ledger or a note.")
    )
    with st.form("plan", border=False):
        columns = st.columns(5)
        patients = columns[0].number_input("Patients, all hospitals", min_value=1, value=2000, step=100)
        hospitals = columns[1].number_input("Hospitals", min_value=1, value=6)
        epsilon = columns[2].number_input("Epsilon", min_value=0.1, value=3.0, step=0.5)
        exponent = columns[3].number_input("Delta, 10 to the minus", min_value=2, max_value=12, value=5)
        colluders = columns[4].number_input("Hospitals that may collude", min_value=0, value=1)
        asked = st.form_submit_button("Plan", type="primary")
    if not asked:
        return
    try:
        wish = Wish(
            patients=int(patients),
            hospitals=int(hospitals),
            colluders=int(colluders),
            epsilon=float(epsilon),
            delta=10.0 ** -int(exponent),
            rounds=None,
            sample_rate=None,
            trainable=150_000,
        )
        with st.spinner("Computing the noise"):
            plan = _plan(wish)
    except ClinfedError as error:
        st.html(problem(error))
        return
    st.html(shown.plan_view(plan))


@st.cache_data(max_entries=64, show_spinner="Adding up what was released")
def _budget(path: str, stamp: tuple[float, int]) -> dict[str, Any]:
    """A ledger's figures, kept while its file does not change."""
    return shown.read_budget(Path(path))


@st.cache_resource(max_entries=256, show_spinner=False)
def _plan(wish: Wish) -> Any:
    """A plan, kept: the same wish gives the same plan."""
    return make_plan(wish)


def _stamp(path: Path) -> tuple[float, int]:
    """Changes whenever a ledger does; its newest entries may stand in the write-ahead log."""
    files = [one for one in (path, path.with_name(path.name + "-wal")) if one.exists()]
    return max(one.stat().st_mtime for one in files), sum(one.stat().st_size for one in files)
