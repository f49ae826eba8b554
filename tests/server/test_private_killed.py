"""`kill -9` at any moment of a private run: the ledgers never show less than left the hospitals, and the run ends."""

import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from privacy.accountant import Release, epsilon
from privacy.book import Book
from privacy.ledger import Ledger
from server.provision import FOLDER, LEDGER
from server.settings import RunSettings
from shared.errors import FixSettings
from tests.server import killed

PATIENCE_SECONDS = 300.0  # of a loaded machine; no test waits so long unless something is wrong
HOSPITALS = "abc"
Left = Counter[tuple[str, str, int]]  # vectors by hospital, purpose and round


@dataclass
class Seen:
    """What became of the kills: how many, in how many runs, and what the finished runs' ledgers say."""

    kills: int = 0
    runs: int = 0
    between: int = 0  # kills after a reservation and before its release
    left: int = 0
    reserved: int = 0


@pytest.fixture(scope="module")
def forks() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(killed.PRELOAD)
    return context


@pytest.fixture
def settings(town: Any) -> Callable[[int], RunSettings]:
    def make(rounds: int) -> RunSettings:
        made: RunSettings = town.private(
            town.hospitals(*HOSPITALS),
            rounds=rounds,
            noise_multiplier=4.0,
            count_noise_multiplier=8.0,
            cap=1e6,
        )
        return made

    return make


def books(folder: Path, known: set[str]) -> dict[str, Book]:
    """The ledgers of a run; of hospitals of which nothing left it may have been killed before its first entry."""
    found = {}
    for name in HOSPITALS:
        file = folder / FOLDER / name / LEDGER
        with nullcontext() if name in known else suppress(FixSettings):
            found[name] = Ledger.existing(file).book()
    return found


def left_of(log: Path) -> Left:
    """What is known to have left. The last line may have been cut off by the kill: then its vector had not left."""
    text = log.read_text() if log.exists() else ""
    lines = [line.split() for line in text[: text.rfind("\n") + 1].splitlines()]
    return Counter((hospital, purpose, int(number)) for hospital, purpose, number in lines)


def check(folder: Path, log: Path, *, dear: bool) -> tuple[int, int, int]:
    """Asserts that the ledgers hold at least what left, one by one and, if asked, in epsilon.

    Returns:
        Vectors that left, reservations, and those of them that are marked as released.
    """
    left = left_of(log)
    kept = books(folder, {hospital for hospital, _, _ in left})
    reserved: Left = Counter()
    released: Left = Counter()
    for hospital, book in kept.items():
        for one in book.reservations:
            key = hospital, one.purpose.partition(".")[0], one.round
            reserved[key] += 1
            released[key] += one.released
    assert left <= released <= reserved
    for hospital, book in kept.items() if dear else ():
        spent = book.spent().world.value
        for purpose, release in (("train", Release(4.0, 0.5)), ("evaluate", Release(8.0, 1.0))):
            times = sum(
                count for (name, what, _), count in left.items() if (name, what) == (hospital, purpose)
            )
            assert spent >= epsilon([release] * times, 1e-5).value
    return left.total(), reserved.total(), released.total()


def kill_again_and_again(
    forks: Any, settings: RunSettings, folder: Path, wanted: int, draw: random.Random, longest_seconds: float
) -> Seen:
    """Kills runs at random moments, half of them soon after a hospital wrote to its ledger, and lets each end."""
    seen = Seen()
    while seen.kills < wanted:
        seen.runs += 1
        run, log = folder / f"run-{seen.runs}", folder / f"left-{seen.runs}"
        spare = 0  # reservations whose release did not go out
        while not (run / "metrics.json").exists():
            process = forks.Process(target=killed.run, args=(settings, run, log))
            process.start()
            if seen.kills < wanted:
                if seen.kills % 2:
                    _wait_for_ledger(run, draw, process.is_alive)
                else:
                    time.sleep(
                        draw.uniform(0, longest_seconds)
                    )  # not to wait for anything: the kill is the clock
                if process.is_alive():
                    os.kill(process.pid, signal.SIGKILL)
            process.join(PATIENCE_SECONDS)
            assert process.exitcode in (0, -signal.SIGKILL)
            _, reserved, released = check(run, log, dear=seen.kills % 40 == 0)
            if process.exitcode:
                seen.kills += 1
                seen.between += reserved - released > spare
            spare = reserved - released
        left, reserved, _ = check(run, log, dear=True)
        seen.left, seen.reserved = seen.left + left, seen.reserved + reserved
        rounds = {number for hospital, what, number in left_of(log) if (hospital, what) == ("a", "train")}
        assert rounds == set(range(1, settings.rounds + 1))
    return seen


def _wait_for_ledger(run: Path, draw: random.Random, alive: Callable[[], bool]) -> None:
    """Until some hospital's ledger grows, and a moment more."""
    name = draw.choice(HOSPITALS)
    wal = run / FOLDER / name / f"{LEDGER}-wal"

    def size() -> tuple[int, int]:
        return (wal.stat().st_size, wal.stat().st_mtime_ns) if wal.exists() else (0, 0)

    times = draw.randint(1, 6)
    started = time.monotonic()
    while times and alive() and time.monotonic() - started < PATIENCE_SECONDS:
        before = size()
        while alive() and size() == before and time.monotonic() - started < PATIENCE_SECONDS:
            time.sleep(0.0005)
        times -= 1
    time.sleep(draw.uniform(0, 0.02))


def test_killed_a_few_times(settings: Any, forks: Any, tmp_path: Path) -> None:
    seen = kill_again_and_again(forks, settings(3), tmp_path, 5, random.Random(1), 1.5)  # noqa: S311
    assert seen.kills == 5
    assert 0 < seen.left <= seen.reserved


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_killed_two_hundred_times(settings: Any, forks: Any, tmp_path: Path) -> None:
    seen = kill_again_and_again(forks, settings(40), tmp_path, 200, random.Random(2), 2.0)  # noqa: S311
    print(seen)  # noqa: T201
    assert seen.kills == 200
    assert seen.between > 0


def test_a_release_that_is_not_reserved_is_found(
    settings: Any, tmp_path: Path, federate: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check can fail: one vector more than the ledger knows of."""
    run, log = tmp_path / "run", tmp_path / "left"
    federate(settings(1), run)
    lines = [f"{name} {what} 1\n" for name in HOSPITALS for what in ("train", "evaluate")]
    log.write_text("".join(lines))
    assert check(run, log, dear=True) == (6, 6, 6)
    for more in (lines[0], "b train 2\n", "c evaluate 1\n"):
        log.write_text("".join([*lines, more]))
        with pytest.raises(AssertionError):
            check(run, log, dear=False)
