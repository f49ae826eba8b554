"""Runs as the app finds them: finished, under way, stopped, damaged, or not there."""

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from server.checkpoint import FOLDER, RunState, load_state, save_state
from shared.errors import FixSettings
from ui import rounds
from ui.runs import METRICS, SETTINGS, Run, f1_of, find_runs, ledgers_of, read_run

HOSPITALS = ["harbour", "hillside", "meadow"]


def test_runs_are_found_newest_first(runs: Path) -> None:
    assert [one.name for one in find_runs(runs)] == ["masked", "private"]
    assert find_runs(runs / "masked") == [runs / "masked"]


@pytest.mark.parametrize("missing", ["nowhere", "empty"])
def test_a_folder_without_runs_says_what_to_do(tmp_path: Path, missing: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(FixSettings, match="First run"):
        find_runs(tmp_path / missing)


def test_a_finished_run_is_what_its_metrics_say(runs: Path) -> None:
    run = read_run(runs / "masked")
    tree = json.loads((runs / "masked" / METRICS).read_text())
    assert (run.state, run.planned, len(run.rounds)) == ("finished", 6, 6)
    assert f1_of(tree["federated"]) == tree["federated"]["strict"]["micro"]["f1"]
    assert sorted(run.hospitals) == HOSPITALS
    assert not run.private
    assert read_run(runs / "private").private


def under_way(runs: Path, folder: Path, rounds_done: int) -> Path:
    """A copy of the masked run as it was after some rounds, written by the server's own hand."""
    folder.mkdir()
    shutil.copy(runs / "masked" / SETTINGS, folder)
    state = load_state(runs / "masked")
    assert state is not None
    if rounds_done:
        save_state(
            folder, RunState(state.weights, state.moments, state.rounds[:rounds_done], state.hospitals)
        )
    return folder


@pytest.mark.parametrize("done", [0, 1, 4])
def test_a_running_run_is_what_its_newest_checkpoint_says(runs: Path, tmp_path: Path, done: int) -> None:
    run = read_run(under_way(runs, tmp_path / "run", done))
    assert (run.state, len(run.rounds), run.planned) == ("running", done, 6)
    assert sorted(run.hospitals) == HOSPITALS
    assert run.metrics is None
    finished = json.loads((runs / "masked" / METRICS).read_text())["rounds"][:done]
    assert json.loads(json.dumps(run.rounds)) == finished


def test_a_run_that_writes_nothing_any_more_has_stopped(runs: Path, tmp_path: Path) -> None:
    folder = under_way(runs, tmp_path / "run", 2)
    long_ago = time.time() - 10_000
    for path in (folder, folder / FOLDER):
        os.utime(path, (long_ago, long_ago))
    assert read_run(folder).state == "stopped"


@pytest.mark.parametrize(
    ("name", "content"),
    [(SETTINGS, "{"), (SETTINGS, "[]"), (METRICS, "{}"), (METRICS, "[1]"), (METRICS, "\x00")],
)
def test_a_damaged_run_is_named_and_no_traceback_comes(
    runs: Path, tmp_path: Path, name: str, content: str
) -> None:
    folder = under_way(runs, tmp_path / "run", 1)
    (folder / name).write_text(content)
    with pytest.raises(FixSettings, match="run cannot be read"):
        read_run(folder)


def test_ledgers_are_found_by_hospital(runs: Path) -> None:
    assert sorted(ledgers_of(runs / "private")) == HOSPITALS
    assert ledgers_of(runs / "masked") == {}


def run_of(tree: dict[str, Any], **changed: Any) -> Run:
    given = {
        "name": "r",
        "folder": Path(),
        "state": "finished",
        "planned": 3,
        "rounds": tree["rounds"],
        "hospitals": tree["hospitals"],
        "settings": {"trust": "plain"},
        "metrics": tree,
        "baselines": (0, 0),
    }
    return Run(**given | changed)


def score(f1: float) -> dict[str, Any]:
    return {"strict": {"micro": {"f1": f1}}}


SITE = {"patients": 1200, "train_notes": 3400}
TREE: dict[str, Any] = {
    "hospitals": {"a": SITE, "b": SITE, "<b>": SITE},
    "federated": score(80.0),
    "pooled": score(82.5),
    "local_only": {"hospitals": {"a": score(60.0), "b": score(50.0)}, "size_weighted_f1": 56.0},
    "federated_minus_local_only": 24.0,
    "pooled_minus_federated": 2.5,
    "rounds": [
        {
            "round": number,
            "cohort": ["a", "b", "<b>"],
            "answered": ["a", "b"] if number < 3 else ["a"],
            "missing": {"<b>": "late"} if number < 3 else {"b": "refuse-round/budget", "<b>": "late"},
            "examples": 10,
            "loss": 0.5,
            "bytes_up": 2_000_000,
            "bytes_down": 1_000_000,
            "seconds": {"update": 2.0, "aggregate": 0.5},
            "held_out": score(20.0 * number),
            "held_out_by_hospital": {"a": score(21.0 * number), "b": score(19.0 * number)},
            "discarded": None,
        }
        for number in (1, 2, 3)
    ],
}


def test_the_headline_adds_up() -> None:
    said = rounds.headline(run_of(TREE))
    for figure in (
        "80.0 %",
        "3 of 3",
        "5 of 9",
        "4 missing",
        "9.0 MB",
        "6.0 MB from hospitals",
        "7.5 s in all",
    ):
        assert figure in said


def test_the_comparison_shows_all_three_and_each_hospital() -> None:
    said = rounds.comparison(run_of(TREE))
    assert said is not None
    for figure in ("Federated 80.0", "Pooled, for comparison 82.5", "mean by size 56.0", "a alone 60.0"):
        assert figure in said
    assert "24.0 points above" in rounds.verdict(run_of(TREE))
    assert "2.5 points below" in rounds.verdict(run_of(TREE))
    assert rounds.comparison(run_of(TREE, metrics=None)) is None


def test_each_hospital_has_a_line_where_the_aggregator_may_know_it() -> None:
    plain, masked = json.loads(json.dumps(TREE)), json.loads(json.dumps(TREE))
    for one in masked["rounds"]:
        one["held_out_by_hospital"] = {}
    shown = rounds.progress(run_of(plain))
    hidden = rounds.progress(run_of(masked))
    assert shown is not None
    assert hidden is not None
    assert "a, round 3: 63.0" in shown
    assert hidden.count('class="line') == 1
    assert "no single hospital" in rounds.progress_note(run_of(masked))


def test_who_was_missing_is_named_with_its_code_and_names_are_escaped() -> None:
    run = run_of(TREE)
    table = rounds.participation(run)
    assert "refuse-round/budget" in table
    assert "late × 3" in table
    assert "2 of 3" in table
    assert "<b>" not in table
    notice = rounds.missing_notice(run)
    assert notice is not None
    assert "b (refuse-round/budget)" in notice


def test_costs_are_by_phase() -> None:
    table = rounds.phase_table(run_of(TREE))
    assert "update" in table
    assert "80 %" in table
    assert "Round 2: from hospitals 2 MB, to hospitals 1 MB" in rounds.moved(run_of(TREE))
    assert "Round 1: update 2 s, aggregate 0.5 s" in rounds.phases(run_of(TREE))
    older = json.loads(json.dumps(TREE))
    for one in older["rounds"]:
        del one["discarded"]  # which runs of earlier versions do not have
    assert rounds.every_round(run_of(older)) == rounds.every_round(run_of(TREE))
    assert rounds.every_round(run_of(TREE)).index(">3<") < rounds.every_round(run_of(TREE)).index(">2<")
