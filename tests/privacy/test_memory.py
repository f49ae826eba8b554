"""A site's memory outlives its process: what was noted is there, whenever the process was killed."""

import multiprocessing
import os
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from privacy.memory import SiteMemory
from privacy.secagg.terms import Terms
from shared.errors import FixSettings
from shared.refusal import Reason, RefuseRound
from tests.privacy.secagg.rehearsal import Rehearsal

TASK, OTHER = bytes(32), bytes([1]) * 32


@pytest.fixture
def terms() -> Terms:
    return Rehearsal(3).terms


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "memory.sqlite"


def test_an_attempt_is_masked_once_across_restarts(path: Path, terms: Terms) -> None:
    SiteMemory(path).masking(terms, TASK)
    with pytest.raises(RefuseRound) as refusal:
        SiteMemory(path).masking(terms, TASK)
    assert refusal.value.reason is Reason.REPLAYED


@pytest.mark.parametrize("change", [{"attempt": 2}, {"number": 2}, {"run": bytes([1] * 16)}])
def test_another_attempt_sum_or_run_is_another(path: Path, terms: Terms, change: dict[str, Any]) -> None:
    memory = SiteMemory(path)
    memory.masking(terms, TASK)
    memory.masking(replace(terms, **change), TASK)


@pytest.mark.parametrize("change", [{"cohort": (0, 1)}, {"threshold": 2}, {"roster": bytes(32)}])
def test_a_task_is_for_one_cohort(path: Path, terms: Terms, change: dict[str, Any]) -> None:
    SiteMemory(path).masking(terms, TASK)
    again = replace(terms, attempt=2)
    with pytest.raises(RefuseRound) as refusal:
        SiteMemory(path).masking(replace(again, **change), TASK)
    assert refusal.value.reason is Reason.ANOTHER_SET
    SiteMemory(path).masking(again, TASK)
    SiteMemory(path).masking(replace(terms, attempt=3, **change), OTHER)


def test_a_task_is_confirmed_with_one_set(path: Path, terms: Terms) -> None:
    SiteMemory(path).confirming(terms, TASK, ["a", "b"])
    SiteMemory(path).confirming(replace(terms, attempt=2), TASK, ["a", "b"])  # the same sum again
    SiteMemory(path).confirming(terms, OTHER, ["a", "c"])
    for others in (["a"], ["a", "c"], ["a", "b", "c"], ["a\nb"][:0], ["b", "a"]):
        with pytest.raises(RefuseRound) as refusal:
            SiteMemory(path).confirming(terms, TASK, others)
        assert refusal.value.reason is Reason.ANOTHER_SET


def _note_and_die(path: Path, terms: Terms) -> None:
    SiteMemory(path).masking(terms, TASK)
    SiteMemory(path).confirming(terms, TASK, ["a", "b"])
    os.kill(os.getpid(), 9)


def test_what_was_noted_outlives_a_killed_process(path: Path, terms: Terms) -> None:
    process = multiprocessing.get_context("fork").Process(target=_note_and_die, args=(path, terms))
    process.start()
    process.join()
    assert process.exitcode == -9
    with pytest.raises(RefuseRound):
        SiteMemory(path).masking(terms, TASK)
    with pytest.raises(RefuseRound):
        SiteMemory(path).confirming(terms, TASK, ["a"])


def test_a_refused_set_leaves_no_trace(path: Path, terms: Terms) -> None:
    memory = SiteMemory(path)
    memory.confirming(terms, TASK, ["a", "b"])
    with pytest.raises(RefuseRound):
        memory.confirming(replace(terms, attempt=7), TASK, ["a"])
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT survivors, attempt FROM confirmed").fetchall() == [("a\nb", 1)]
    database.close()


@pytest.mark.parametrize("content", [b"Zebrafinch " * 100, b"SQLite format 3\x00" + bytes(200)])
def test_a_file_that_is_something_else(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(FixSettings, match="not a usable memory") as refusal:
        SiteMemory(path)
    assert "Zebrafinch" not in str(refusal.value)
    assert path.read_bytes() == content


def test_a_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FixSettings, match="not a usable memory"):
        SiteMemory(tmp_path / "nowhere" / "memory.sqlite")
