"""A budget that is never passed and never forgets: whoever asks, in whatever order, and whenever a process dies."""

import itertools
import json
import multiprocessing
import os
import random
import select
import signal
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from privacy import accountant, ledger
from privacy.accountant import Release, epsilon, noise_for
from privacy.book import Cap, Reservation, akin, link, verify
from privacy.ledger import Ledger
from shared.errors import ChooseOutput, ClinfedError, FixSettings
from shared.refusal import Reason, RefuseRound

DELTA = 1e-5
CAP = Cap("patient", 3.0, DELTA)
LARGE = Cap("patient", 1000.0, DELTA)
STEP = Release(5.0, 0.2)
COUNTS = Release(40.0, 1.0)
DEAR = Release(2.0, 0.3)  # some ten of them are all that the cap allows
FORK = multiprocessing.get_context("fork")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


def _reserve(
    budget: Ledger, release: Release, round: int = 1, purpose: str = "train", run: str = "r1"
) -> int:
    return budget.reserve(release, purpose, run, round, alone=release.noise_multiplier / 2)


def _reserve_on(budget: Ledger, release: Release, run: str = "r1") -> None:
    for round in itertools.count():
        _reserve(budget, release, round, run=run)


def _until_refused(budget: Ledger, release: Release) -> int:
    """How many more there were before the budget was spent."""
    before = len(budget.history())
    with pytest.raises(RefuseRound) as refusal:
        _reserve_on(budget, release)
    assert refusal.value.reason is Reason.BUDGET
    return len(budget.history()) - before


def _releases(budget: Ledger) -> list[Release]:
    return [one.release for one in budget.history()]


# What is written


def test_a_reservation_is_there_for_everyone_at_once(path: Path) -> None:
    budget = Ledger(path, CAP)
    number = budget.reserve(STEP, "train", "run-7", 3, alone=2.5)
    (found,) = Ledger(path, CAP).history()
    assert found == Reservation(number, found.at, "run-7", 3, "train", STEP, 2.5, released=False)
    assert Ledger.existing(path).history() == (found,)
    assert Ledger.existing(path).cap == CAP


def test_spent_is_what_the_accountant_says_of_both_noises(path: Path) -> None:
    budget = Ledger(path, CAP)
    assert budget.spent().world.value == budget.spent().others_collude.value == 0.0
    assert budget.left() == CAP.epsilon
    for round in range(1, 6):
        budget.reserve(STEP, "train", "r1", round, alone=2.0)
    budget.reserve(COUNTS, "evaluate", "r1", 5, alone=40.0)
    spent = budget.spent()
    assert spent.world == epsilon([Release(5.0, 0.2, 5), COUNTS], DELTA)
    assert spent.others_collude == epsilon([Release(2.0, 0.2, 5), COUNTS], DELTA)
    assert spent.others_collude.value > spent.world.value
    assert budget.left() == CAP.epsilon - spent.world.value


def test_a_release_that_went_out_is_marked_and_costs_the_same(path: Path) -> None:
    budget = Ledger(path, CAP)
    first, second = _reserve(budget, STEP, 1), _reserve(budget, STEP, 2)
    before = budget.spent()
    budget.released(second)
    budget.released(second)
    assert [one.released for one in budget.history()] == [False, True]
    assert budget.spent() == before
    for unknown in (0, -1, 99, first - 1, second + 1):  # the cap and the mark are entries, too
        with pytest.raises(FixSettings, match="no such reservation"):
            budget.released(unknown)


@pytest.mark.parametrize(
    "change",
    [
        {"purpose": "Mr Zebrafinch"},
        {"purpose": ""},
        {"run": "zebrafinch\n"},
        {"run": "z" * 65},
        {"round": -1},
        {"round": 1.5},
        {"round": True},
        {"alone": 0.0},
        {"alone": float("nan")},
        {"alone": 5.1},  # more than with everyone's
    ],
)
def test_what_is_out_of_range_is_not_written(change: dict[str, Any], path: Path) -> None:
    budget = Ledger(path, CAP)
    good: dict[str, Any] = {"purpose": "train", "run": "r1", "round": 1, "alone": 5.0}
    with pytest.raises(FixSettings) as refusal:
        budget.reserve(STEP, **good | change)
    assert "ebrafinch" not in str(refusal.value)
    assert budget.history() == ()
    budget.reserve(STEP, **good)


# The cap


@pytest.mark.parametrize("release", [DEAR, Release(1.0, 1.0), Release(0.9, 0.05, 5)])
def test_the_cap_is_reached_and_not_passed(release: Release, path: Path) -> None:
    budget = Ledger(path, CAP)
    fitting = _until_refused(budget, release)
    assert len(budget.history()) == fitting
    assert epsilon([release] * fitting, DELTA).value <= CAP.epsilon
    assert epsilon([release] * (fitting + 1), DELTA).value > CAP.epsilon
    assert budget.spent().world.value <= CAP.epsilon


def test_without_the_check_the_cap_is_passed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative twin: it is the check that keeps the cap, and a passed cap shows."""
    monkeypatch.setattr(Ledger, "_fits", lambda *_: True)
    budget = Ledger(path, CAP)
    for round in range(30):
        _reserve(budget, DEAR, round)
    assert budget.spent().world.value > CAP.epsilon
    assert budget.left() == 0.0
    budget.export(path.with_suffix(".jsonl"))
    with pytest.raises(FixSettings, match="more was reserved than its cap allowed"):
        verify(path.with_suffix(".jsonl"))


def test_a_plan_for_the_whole_cap_fits_step_by_step(path: Path) -> None:
    noise = noise_for(CAP.epsilon, DELTA, [], 0.2, 60)
    budget = Ledger(path, CAP)
    for round in range(60):
        _reserve(budget, Release(noise, 0.2), round)
    assert budget.spent().world.value <= CAP.epsilon


def test_a_refusal_charges_nothing_and_less_may_still_fit(path: Path) -> None:
    budget = Ledger(path, CAP)
    _until_refused(budget, DEAR)
    before = budget.history()
    with pytest.raises(RefuseRound):
        _reserve(budget, DEAR)
    assert budget.history() == before
    assert budget.cost_of(DEAR, "train").times == 0
    assert budget.cost_of(DEAR, "train").after > CAP.epsilon
    assert budget.cost_of(COUNTS, "train").times > 0
    _reserve(budget, COUNTS)
    assert budget.spent().world.value <= CAP.epsilon


releases = st.builds(
    Release,
    st.sampled_from([2.5, 6.0, 25.0]),
    st.sampled_from([0.3, 1.0]),
    st.integers(1, 8),
)


@settings(
    deadline=None,
    max_examples=5,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(releases, min_size=4, max_size=8))
def test_no_order_of_releases_passes_the_cap(tmp_path_factory: Any, history: list[Release]) -> None:
    """What is answered from a history known to fit is never more than the accountant allows."""
    budget = Ledger(tmp_path_factory.mktemp("budget") / "ledger.sqlite", CAP)
    kept: list[Release] = []
    for round, release in enumerate(history * 3):
        exact = epsilon([*kept, release], DELTA).value
        try:
            _reserve(budget, release, round)
            kept.append(release)
            assert exact <= CAP.epsilon * 1.0005  # the bound wavers by less between a history and its part
        except RefuseRound:
            assert exact > CAP.epsilon
    assert _releases(budget) == kept


def test_equal_steps_ask_the_slow_accountant_rarely(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    slow = accountant._prv
    monkeypatch.setattr(accountant, "_prv", lambda *args: asked.append(1) or slow(*args))
    budget = Ledger(path, CAP)
    noise = noise_for(2.9, DELTA, [], 0.15, 70)
    del asked[:]
    for round in range(70):
        _reserve(budget, Release(noise, 0.15), round)
        if round % 10 == 9:
            _reserve(budget, Release(200.0, 1.0), round, "evaluate")
    assert epsilon(_releases(budget), DELTA).rdp > CAP.epsilon  # so it was needed
    assert 0 < len(asked) < 50


def test_the_cap_changes_with_the_configuration_and_that_is_recorded(path: Path) -> None:
    old = Ledger(path, CAP)
    _until_refused(old, DEAR)
    raised = Ledger(path, Cap("patient", 5.0, DELTA))
    _reserve(raised, DEAR)
    with pytest.raises(RefuseRound):
        _reserve(old, DEAR)  # still under its own configuration
    again = Ledger(path, Cap("patient", 5.0, DELTA))  # says nothing new
    lowered = Ledger(path, Cap("patient", 1.0, DELTA))
    for budget in (lowered, again, raised):
        with pytest.raises(RefuseRound):
            _reserve(budget, COUNTS)
    book = lowered.book()
    assert [cap.epsilon for _, cap in book.caps] == [3.0, 5.0, 1.0]
    assert [made for made, _ in book.caps] == [0, len(book.reservations) - 1, len(book.reservations)]
    lowered.export(path.with_suffix(".jsonl"))
    assert verify(path.with_suffix(".jsonl")) == book


@pytest.mark.parametrize(
    "other", [Cap("note", 3.0, DELTA), Cap("patient", 3.0, 1e-6), Cap("note", 9.0, 1e-6)]
)
def test_unit_and_delta_stay(other: Cap, path: Path) -> None:
    _reserve(Ledger(path, CAP), STEP)
    with pytest.raises(FixSettings, match="Put unit and delta") as refusal:
        Ledger(path, other)
    assert "patient at delta 1e-05" in str(refusal.value)
    assert Ledger(path, CAP).book().caps == ((0, CAP),)


@pytest.mark.parametrize(
    "values",
    [
        ("person", 1.0, DELTA),
        ("patient", 0.0, DELTA),
        ("patient", 1.0, 0.0),
        ("patient", float("inf"), DELTA),
    ],
)
def test_a_cap_out_of_range(values: Any) -> None:
    with pytest.raises(ClinfedError, match="out of range"):
        Cap(*values)


# Several processes, and processes that die


def _reserve_all(path: Path, run: str) -> None:
    with pytest.raises(RefuseRound):
        _reserve_on(Ledger(path, CAP), DEAR, run)


def test_processes_share_one_budget(path: Path, tmp_path: Path) -> None:
    alone = _until_refused(Ledger(tmp_path / "alone.sqlite", CAP), DEAR)
    workers = [FORK.Process(target=_reserve_all, args=(path, f"run-{n}")) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    assert len(Ledger.existing(path).history()) == alone


def _release_and_tell(path: Path, pipe: int, kind: type[Ledger] = Ledger) -> None:
    """Reserves, then releases into the pipe, for ever."""
    budget = kind(path, LARGE)
    for round in itertools.count(1):
        number = _reserve(budget, STEP, round)
        os.write(pipe, f"{number}\n".encode())
        budget.released(number)


def _killed(
    target: Callable[..., None], path: Path, when: Callable[[int, int], None], *args: Any
) -> list[int]:
    """Runs `target` in a process of its own until `when` returns or it dies; returns what it released."""
    reading, writing = os.pipe()
    process = FORK.Process(target=target, args=(path, writing, *args))
    process.start()
    os.close(writing)
    when(reading, int(process.pid or 0))
    process.kill()
    process.join()
    with os.fdopen(reading, "rb") as stream:
        return [int(line) for line in stream.read().split()]


def _kill_in_a_loop(path: Path, times: int) -> int:
    """Kills a reserving process again and again, and checks after each that the ledger shows what was released."""
    draw = random.Random(7)  # noqa: S311
    released: list[int] = []
    for _ in range(times):
        moment = draw.uniform(0.0, 0.15)
        released += _killed(_release_and_tell, path, lambda *_, m=moment: bool(select.select([], [], [], m)))
        if path.exists() and path.stat().st_size:
            _shows(path, released)
    return len(released)


def _shows(path: Path, released: list[int]) -> None:
    """Everything that went out is on the ledger, once."""
    numbers = [one.id for one in Ledger(path, LARGE).history()]
    assert len(set(released)) == len(released)
    assert set(released) <= set(numbers), "the ledger shows less than was released"


def test_a_killed_process_leaves_no_release_uncharged(path: Path) -> None:
    assert _kill_in_a_loop(path, 40) > 5


@pytest.mark.slow
def test_a_killed_process_leaves_no_release_uncharged_in_200_deaths(path: Path) -> None:
    assert _kill_in_a_loop(path, 200) > 50


class _Late(Ledger):
    """Writes a reservation only once its release has gone out."""

    def reserve(self, *args: Any, **kwargs: Any) -> int:
        self.waiting = args, kwargs
        return 2

    def released(self, reservation: int) -> None:
        super().reserve(*self.waiting[0], **self.waiting[1])


def _release_and_die(path: Path, pipe: int, kind: type[Ledger]) -> None:
    budget = kind(path, LARGE)
    number = _reserve(budget, STEP)
    os.write(pipe, f"{number}\n".encode())
    os.kill(os.getpid(), signal.SIGKILL)


def _wait_for_end(reading: int, pid: int) -> None:
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def test_without_reserving_first_a_killed_process_leaves_a_release_uncharged(tmp_path: Path) -> None:
    """Negative twin: the same death, with and without the order on disk."""
    for kind in (Ledger, _Late):
        path = tmp_path / f"{kind.__name__}.sqlite"
        released = _killed(_release_and_die, path, _wait_for_end, kind)
        assert len(released) == 1
        if kind is Ledger:
            _shows(path, released)
        else:
            with pytest.raises(AssertionError, match="shows less than was released"):
                _shows(path, released)


def _die_at_line(path: Path, pipe: int, last: int) -> None:
    """Opens, reserves and releases, and is killed when the given line of our code begins."""
    lines = itertools.count()
    ours = {ledger.__file__, accountant.__file__, sys.modules[link.__module__].__file__}

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename not in ours:
            return None
        if event == "line" and next(lines) == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)
    budget = Ledger(path, LARGE)
    number = _reserve(budget, STEP)
    os.write(pipe, f"{number}\n".encode())
    budget.released(number)
    sys.settrace(None)
    os.write(pipe, b"0\n")  # the line was never reached


def _sweep(folder: Path, first: int, stride: int) -> None:
    deaths = 0
    for line in itertools.count(first, stride):
        path = folder / f"{line}.sqlite"
        released = _killed(_die_at_line, path, _wait_for_end, line)
        if 0 in released:
            break
        deaths += 1
        _shows(path, released)
        _reserve(Ledger(path, LARGE), STEP)
    assert deaths > 150 / stride


def test_death_at_any_line_leaves_a_ledger_that_works(tmp_path: Path) -> None:
    _sweep(tmp_path, 3, 11)


@pytest.mark.slow
def test_death_at_every_line_leaves_a_ledger_that_works(tmp_path: Path) -> None:
    _sweep(tmp_path, 0, 1)


# Files that are not what they should be


@pytest.mark.parametrize("content", [b"Zebrafinch " * 100, b"SQLite format 3\x00" + bytes(200)])
def test_a_file_that_is_something_else(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    for open_it in (lambda: Ledger(path, CAP), lambda: Ledger.existing(path)):
        with pytest.raises(FixSettings, match="not a usable privacy ledger") as refusal:
            open_it()
        assert "Zebrafinch" not in str(refusal.value)
    assert path.read_bytes() == content


def test_another_database_is_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE notes (text)")
    for open_it in (lambda: Ledger(path, CAP), lambda: Ledger.existing(path)):
        with pytest.raises(FixSettings, match="not a usable privacy ledger"):
            open_it()
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == [("notes",)]


def test_what_is_missing_is_not_made_anew(path: Path) -> None:
    with pytest.raises(FixSettings, match="would forget what was spent"):
        Ledger.existing(path)
    assert not path.exists()
    with pytest.raises(FixSettings):
        Ledger(path.parent / "nowhere" / "ledger.sqlite", CAP)
    budget = Ledger(path, CAP)
    path.unlink()
    with pytest.raises(FixSettings):
        _reserve(budget, STEP)
    assert not path.exists()


def test_entries_cannot_be_changed_in_passing(path: Path) -> None:
    _reserve(Ledger(path, CAP), STEP)
    with closing(sqlite3.connect(path)) as database:
        for statement in ("UPDATE entries SET steps = 0", "DELETE FROM entries"):
            with pytest.raises(sqlite3.IntegrityError, match="entries stay"):
                database.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET steps = 2 WHERE id = 3",
        "UPDATE entries SET noise_multiplier = 5.000000000000001 WHERE id = 3",
        "UPDATE entries SET alone = 3 WHERE id = 2",
        "UPDATE entries SET epsilon = 4 WHERE id = 1",
        "UPDATE entries SET at = 'never' WHERE id = 1",
        "UPDATE entries SET chain = upper(chain) WHERE id = 4",
        "UPDATE entries SET kind = 'released' WHERE id = 3",
        "DELETE FROM entries WHERE id = 2",
        "DELETE FROM entries WHERE id = 3",
        "DELETE FROM entries",
        "UPDATE entries SET id = 9 WHERE id = 4",
    ],
)
def test_a_damaged_ledger_is_not_used(statement: str, path: Path) -> None:
    budget = Ledger(path, CAP)
    for round in range(3):
        _reserve(budget, STEP, round)
    with closing(sqlite3.connect(path)) as database:
        database.execute("DROP TRIGGER no_change")
        database.execute("DROP TRIGGER no_removal")
        database.execute(statement)
        database.commit()
    for use in (
        budget.spent,
        budget.history,
        lambda: Ledger.existing(path),
        lambda: budget.cost_of(STEP, "train"),
    ):
        with pytest.raises(FixSettings, match="damaged"):
            use()
    with pytest.raises(FixSettings, match="damaged"):
        Ledger(path, CAP)


# Exports


@pytest.fixture
def exported(path: Path) -> Path:
    budget = Ledger(path, CAP)
    for round in range(3):
        budget.released(_reserve(budget, STEP, round))
    _reserve(budget, COUNTS, 2, "evaluate")
    file = path.with_suffix(".jsonl")
    budget.export(file)
    assert verify(file) == budget.book()
    assert verify(file).spent() == budget.spent()
    return file


def test_an_export_says_what_is_spent_and_holds_every_entry(exported: Path, path: Path) -> None:
    head, *entries, tail = map(json.loads, exported.read_text().splitlines())
    assert head == {"form": "clinfed-ledger-1"}
    assert [entry["kind"] for entry in entries] == ["cap", *["reserved", "released"] * 3, "reserved"]
    spent = Ledger.existing(path).spent()
    assert tail["spent"] == {"world": spent.world.value, "others_collude": spent.others_collude.value}
    with pytest.raises(ChooseOutput):
        Ledger.existing(path).export(exported)
    with pytest.raises(ChooseOutput):
        Ledger.existing(path).export(exported.parent / "nowhere" / "file")


def test_a_later_export_begins_with_an_earlier_one(exported: Path, path: Path) -> None:
    _reserve(Ledger.existing(path), STEP, 9)
    later = exported.with_name("later.jsonl")
    Ledger.existing(path).export(later)
    before = exported.read_text().splitlines()[:-1]
    assert later.read_text().splitlines()[: len(before)] == before


def _relinked(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The chain made anew, as someone would who wants to hide a change."""
    chain = "0" * 64
    for entry in entries:
        entry.pop("chain", None)
        chain = link(chain, entry)
        entry["chain"] = chain
    return entries


TAMPERINGS: list[tuple[str, Callable[[list[dict[str, Any]]], list[dict[str, Any]]]]] = [
    ("a value changed", lambda lines: [*lines[:3], lines[3] | {"round": 8}, *lines[4:]]),
    ("less noise charged", lambda lines: [*lines[:2], lines[2] | {"noise_multiplier": 50.0}, *lines[3:]]),
    ("an entry left out", lambda lines: [*lines[:4], *lines[5:]]),
    ("the last entry left out", lambda lines: [*lines[:-2], lines[-1]]),
    ("two entries swapped", lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]]),
    ("an entry twice", lambda lines: [*lines[:4], lines[3], *lines[4:]]),
    ("no beginning", lambda lines: lines[1:]),
    ("no end", lambda lines: lines[:-1]),
    ("nothing", lambda lines: []),
    ("less said to be spent", lambda lines: [*lines[:-1], lines[-1] | {"spent": {"world": 0.1}}]),
    ("a number that is none", lambda lines: [*lines[:-1], lines[-1] | {"spent": {"world": "1"}}]),
    ("not an object", lambda lines: [lines[0], 7, *lines[1:]]),
    (
        "relinked, but the sum shows",
        lambda lines: [lines[0], *_relinked([*lines[1:-1][:2], lines[3] | {"kind": "cap"}]), lines[-1]],
    ),
    ("relinked without a cap", lambda lines: [lines[0], *_relinked([lines[2] | {"id": 1}]), lines[-1]]),
    (
        "relinked, fewer steps said",
        lambda lines: [
            lines[0],
            *_relinked([lines[1], lines[2] | {"noise_multiplier": 400.0}, *lines[3:-1]]),
            lines[-1],
        ],
    ),
    (
        "relinked, another delta",
        lambda lines: [
            lines[0],
            *_relinked(
                [lines[1], lines[1] | {"id": 2, "delta": 0.1}, *(e | {"id": e["id"] + 1} for e in lines[2:3])]
            ),
            lines[-1],
        ],
    ),
]


@pytest.mark.parametrize(("why", "change"), TAMPERINGS, ids=[why for why, _ in TAMPERINGS])
def test_a_tampered_export_does_not_verify(
    why: str, change: Callable[..., list[Any]], exported: Path
) -> None:
    lines = [json.loads(line) for line in exported.read_text().splitlines()]
    exported.write_text("".join(json.dumps(line) + "\n" for line in change(lines)))
    with pytest.raises(FixSettings, match=r"does not verify|not a ledger") as refusal:
        verify(exported)
    assert exported.name in str(refusal.value), why


@pytest.mark.parametrize("content", [b"", b"Zebrafinch", b"\xff\xfe", b"[]\n[]\n[]\n", b"{}\n{}\n{}\n"])
def test_a_file_that_is_no_export(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "file.jsonl"
    file.write_bytes(content)
    with pytest.raises(FixSettings) as refusal:
        verify(file)
    assert "Zebrafinch" not in str(refusal.value)
    with pytest.raises(FixSettings, match="cannot be read"):
        verify(tmp_path / "none.jsonl")


# Units that are trained on and units that are held out

AKIN = [
    ("the same", "train.h0.1", {"train.h0.1"}, {"train.h0.1"}),
    ("nothing yet", "train.h0.1", set(), {"train.h0.1"}),
    ("others are held out", "train.h0.1", {"train.h0.1", "evaluate.h0.1"}, {"train.h0.1"}),
    ("others are trained on", "evaluate.h0.1", {"train.h0.1", "evaluate.h0.1"}, {"evaluate.h0.1"}),
    (
        "counts of those trained on",
        "glove.h0.1",
        {"train.h0.1", "evaluate.h0.1"},
        {"train.h0.1", "glove.h0.1"},
    ),
    ("two rules", "train.h0.1", {"evaluate.h0.2"}, {"train.h0.1", "evaluate.h0.2"}),
    ("two rules before", "train.a", {"train.a", "evaluate.b"}, {"train.a", "evaluate.b"}),
    ("no rule", "train", {"evaluate"}, {"train", "evaluate"}),
    (
        "one without a rule",
        "train.h0.1",
        {"evaluate.h0.1", "train"},
        {"train.h0.1", "evaluate.h0.1", "train"},
    ),
    ("a rule with a point", "train.h0.1", {"evaluate.h0.12"}, {"train.h0.1", "evaluate.h0.12"}),
]


@pytest.mark.parametrize(("why", "purpose", "purposes", "expected"), AKIN, ids=[row[0] for row in AKIN])
def test_which_purposes_concern_the_same_units(
    why: str, purpose: str, purposes: set[str], expected: set[str]
) -> None:
    assert akin(purpose, purposes) == expected, why


def test_units_on_two_sides_cost_only_their_own(path: Path) -> None:
    """As long as one rule divides them; with a second, everything counts for everyone, what is past, too."""
    budget = Ledger(path, LARGE)
    for round in range(1, 5):
        _reserve(budget, STEP, round, "train.h0.1")
        _reserve(budget, DEAR, round, "evaluate.h0.1")
    dear, both = epsilon([DEAR] * 4, DELTA).value, epsilon([STEP, DEAR] * 4, DELTA).value
    assert budget.spent().world.value == dear < both
    assert budget.cost_of(STEP, "train.h0.1").before == epsilon([STEP] * 4, DELTA).value
    assert budget.cost_of(STEP, "train.h0.1").after == epsilon([STEP] * 5, DELTA).value
    assert budget.cost_of(STEP, "train.h0.2").before == both
    _reserve(budget, STEP, 5, "train.h0.2")
    assert budget.spent().world.value == epsilon([*[STEP, DEAR] * 4, STEP], DELTA).value


@pytest.mark.parametrize("order", [("train", "evaluate"), ("evaluate", "train")])
def test_each_side_may_spend_the_whole_cap_and_no_more(order: tuple[str, str], path: Path) -> None:
    budget = Ledger(path, CAP)
    fits = []
    for side in order:
        for count in itertools.count():
            try:
                _reserve(budget, DEAR, count, f"{side}.h0.1")
            except RefuseRound:
                fits.append(count)
                break
    assert fits[0] == fits[1] > 1
    assert budget.spent().world == epsilon([DEAR] * fits[0], DELTA)
    for purpose in ("train.h0.1", "evaluate.h0.1", "train.h0.2", "train"):
        with pytest.raises(RefuseRound):
            _reserve(budget, STEP if purpose == "train.h0.2" else DEAR, 99, purpose)


def test_if_sides_were_ignored_the_second_would_be_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above can fail."""
    monkeypatch.setattr(ledger, "akin", lambda purpose, purposes: frozenset({*purposes, purpose}))
    budget = Ledger(path, CAP)
    _spend_all(budget, "train.h0.1")
    with pytest.raises(RefuseRound):
        _reserve(budget, DEAR, 1, "evaluate.h0.1")


def test_an_export_of_two_sides_verifies(path: Path, tmp_path: Path) -> None:
    budget = Ledger(path, CAP)
    for purpose in ("train.h0.1", "evaluate.h0.1"):
        _spend_all(budget, purpose)
    budget.export(tmp_path / "out.jsonl")
    assert verify(tmp_path / "out.jsonl").spent() == budget.spent()


def _spend_all(budget: Ledger, purpose: str) -> None:
    def spend() -> None:
        for round in itertools.count():
            _reserve(budget, DEAR, round, purpose)

    with pytest.raises(RefuseRound):
        spend()
