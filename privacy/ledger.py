"""A hospital's privacy budget, in SQLite: a release is reserved here, on disk, before anything is computed for it.

Guarantees: when `reserve` returns, the release is on disk (synchronous, journalled), and everything reserved so far
together costs at most the cap, in the unit, epsilon and delta of the hospital's own policy, whichever process
reserved it. A reservation counts whether or not its release went out, so a process that is killed at any instruction
leaves a ledger that shows too much or the truth. Not provided for: someone who removes the file or puts back an old
copy; folders without working file locks, such as network shares; noise and rates that were chosen by looking at
earlier releases, which the accountant takes as if they had been fixed before.
"""

import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from privacy.accountant import Release, epsilon, epsilon_by_rdp, times_that_fit
from privacy.book import (
    BEGINNING,
    Book,
    Cap,
    Cost,
    Damaged,
    Reservation,
    Spent,
    akin,
    link,
    read_book,
    sound,
    write_export,
)
from shared.errors import FixSettings
from shared.refusal import Reason, RefuseRound

__all__ = ["Cap", "Cost", "Ledger", "Reservation", "Spent"]

_APPLICATION = 0x636C6665  # the file's application id: "clfe"
_TABLE = """
CREATE TABLE entries (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL,
    unit TEXT, epsilon REAL, delta REAL,
    run TEXT, round INTEGER, purpose TEXT, noise_multiplier REAL, alone REAL, sample_rate REAL, steps INTEGER,
    reservation INTEGER UNIQUE,
    chain TEXT NOT NULL
) STRICT;
CREATE INDEX caps ON entries (id) WHERE kind = 'cap';
CREATE TRIGGER no_change BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'entries stay'); END;
CREATE TRIGGER no_removal BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'entries stay'); END
"""
_REMEDY = "Restore the newest copy, or free disk space; a new file would forget what was spent."

_Phases = Counter[tuple[float, float]]  # steps by (noise multiplier, sample rate)
_NO_ROOM: tuple[float, _Phases] = (0.0, Counter())  # an epsilon, and a history known to cost at most that


class Ledger:
    """The privacy budget of one hospital.

    Args:
        path: of the file; it is made if it is not there, so keep it where only the agent can write.
        cap: of the hospital's own configuration. Unit and delta are fixed when the file is made; another epsilon is
            recorded, and holds from now on.

    Raises:
        FixSettings: the file is unusable, damaged, or has another unit or delta.
    """

    def __init__(self, path: Path, cap: Cap) -> None:
        self._path, self.cap = path, cap
        self._room: tuple[float, _Phases] = _NO_ROOM
        with self._transaction(mode="rwc") as database:
            new, now = _make(database), _last_cap(database)
            if now is None and not new:
                raise Damaged("it is empty")
            if now is not None and (now.unit, now.delta) != (cap.unit, cap.delta):
                here, there = f"{now.unit} at delta {now.delta:g}", f"{cap.unit} at {cap.delta:g}"
                raise FixSettings(
                    f"this budget is for a {here}, the policy's for a {there}",
                    where=str(path),
                    remedy="Put unit and delta of the policy back: what was spent does not convert.",
                )
            if now is None or now.epsilon != cap.epsilon:
                _append(database, "cap", asdict(cap))
            read_book(_rows(database))

    @classmethod
    def existing(cls, path: Path) -> "Ledger":
        """Opens a ledger that is there, with the cap that it records.

        Raises:
            FixSettings: the file is missing, unusable or damaged.
        """
        ledger = cls.__new__(cls)
        ledger._path, ledger._room = path, _NO_ROOM
        ledger.cap = ledger.book().cap
        return ledger

    def reserve(self, release: Release, purpose: str, run: str, round: int, *, alone: float) -> int:
        """Charges a release, durably, before anything is computed for it.

        Args:
            release: with the noise multiplier that holds against the aggregator and everyone outside, in the worst
                case that the round allows.
            purpose: what is released, and which rule says who is held out (`train.RULE`; see `privacy.book`).
            run: one word.
            round: of the run.
            alone: noise multiplier of this hospital's own share of the noise; the release's under local noise.

        Returns:
            The reservation's id, for `released`.

        Raises:
            RefuseRound: `BUDGET` if the cap would be passed; nothing is charged then.
            FixSettings: a value is out of range, or the file is unusable.
        """
        charged = {
            "run": run,
            "round": round,
            "purpose": purpose,
            "noise_multiplier": float(release.noise_multiplier),
            "alone": float(alone),
            "sample_rate": float(release.sample_rate),
            "steps": release.steps,
        }
        if not sound("reserved", charged):
            raise FixSettings(
                "a release is out of range",
                where="ledger",
                remedy="Name run and purpose in one word, and give the hospital's share of the noise.",
            )
        with self._transaction() as database:
            limit = min(self.cap.epsilon, self._recorded(database).epsilon)
            if not self._fits(database, release, purpose, run, limit):
                raise RefuseRound(Reason.BUDGET)
            return _append(database, "reserved", charged)

    def released(self, reservation: int) -> None:
        """Notes that a reserved release has gone out; a second time changes nothing.

        Raises:
            FixSettings: there is no such reservation.
        """
        with self._transaction() as database:
            found = database.execute("SELECT kind FROM entries WHERE id = ?", (reservation,)).fetchone()
            if found != ("reserved",):
                raise FixSettings(
                    "there is no such reservation", where=str(self._path), remedy="Reserve before releasing."
                )
            known = database.execute("SELECT 1 FROM entries WHERE reservation = ?", (reservation,)).fetchone()
            if known is None:
                _append(database, "released", {"reservation": reservation})

    def spent(self) -> Spent:
        """What everything reserved so far costs."""
        return self.book().spent()

    def left(self) -> float:
        """Epsilon between what is spent and the cap; epsilons do not simply add, so see `cost_of`, too."""
        return max(0.0, self.cap.epsilon - self.spent().world.value)

    def history(self) -> tuple[Reservation, ...]:
        """All reservations in order."""
        return self.book().reservations

    def cost_of(self, release: Release, purpose: str) -> Cost:
        """What one more release would cost, and how often it fits."""
        return self.book().cost_of(release, purpose, self.cap.epsilon)

    def book(self) -> Book:
        """All entries, read anew and checked.

        Raises:
            FixSettings: the file is unusable or damaged.
        """
        with self._transaction(begin="BEGIN") as database:
            _check_ours(database)
            return read_book(_rows(database))

    def export(self, path: Path) -> None:
        """Writes all entries as JSON lines, for `verify`.

        Args:
            path: of the new file: a line on its form, one for each entry with its link of the chain, one on what is
                spent.

        Raises:
            ChooseOutput: there is something already.
            FixSettings: the ledger is unusable or damaged.
        """
        with self._transaction(begin="BEGIN") as database:
            _check_ours(database)
            write_export(path, list(_rows(database)))

    def _fits(
        self, database: sqlite3.Connection, release: Release, purpose: str, run: str, limit: float
    ) -> bool:
        """Whether everything reserved and one more release cost at most so much.

        The quick answers come first. Whatever is part of a history that fits also fits, for who sees less learns
        less; so when the numerical accountant was needed, it is asked at once how far the run can go on like this.
        """
        asked = "SELECT DISTINCT purpose FROM entries WHERE kind = 'reserved'"
        purposes = {one for (one,) in database.execute(asked)}
        same = akin(purpose, purposes)
        history = _phases(database, same) + _count(release)
        known, room = self._room
        if known <= limit and history <= room:
            return True
        delta, releases = self.cap.delta, _releases(history)
        if epsilon_by_rdp(releases, delta) <= limit:
            return True
        if epsilon(releases, delta).value > limit:
            return False
        of_run = _phases(database, same, run) + _count(release)
        fewest = min(of_run.values())
        mix = Counter({phase: max(1, round(steps / fewest)) for phase, steps in of_run.items()})
        times = times_that_fit(_releases(mix), releases, limit, delta)
        self._room = limit, history + Counter({phase: steps * times for phase, steps in mix.items()})
        return True

    def _recorded(self, database: sqlite3.Connection) -> Cap:
        cap = _last_cap(database)
        if cap is None:
            raise self._unusable()
        return cap

    @contextmanager
    def _transaction(self, begin: str = "BEGIN IMMEDIATE", mode: str = "rw") -> Iterator[sqlite3.Connection]:
        """One transaction, on disk when it is over; other processes of the site wait for it."""
        try:
            place = f"{self._path.absolute().as_uri()}?mode={mode}"
            with closing(sqlite3.connect(place, uri=True, timeout=60.0, isolation_level=None)) as database:
                if mode == "rwc":
                    _use_log(database)
                database.execute("PRAGMA synchronous = EXTRA")
                database.execute(begin)
                yield database
                database.execute("COMMIT")  # closing alone rolls back
        except Damaged as damage:
            raise FixSettings(
                f"the privacy ledger is damaged: {damage}", where=str(self._path), remedy=_REMEDY
            ) from None
        except sqlite3.Error:
            raise self._unusable() from None

    def _unusable(self) -> FixSettings:
        return FixSettings("is not a usable privacy ledger", where=str(self._path), remedy=_REMEDY)


def _make(database: sqlite3.Connection) -> bool:
    """Makes the table in a file that has nothing, and says whether it did."""
    (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    (application,) = database.execute("PRAGMA application_id").fetchone()
    new = not tables and not application
    if new:
        for statement in re.split(r";\n", _TABLE):
            database.execute(statement)
        database.execute(f"PRAGMA application_id = {_APPLICATION}")
    _check_ours(database)
    return new


def _check_ours(database: sqlite3.Connection) -> None:
    if database.execute("PRAGMA application_id").fetchone() != (_APPLICATION,):
        raise sqlite3.DatabaseError


def _use_log(database: sqlite3.Connection) -> None:
    """A write-ahead log lets readers read on; where it cannot be had at once, the journal is as durable."""
    try:
        database.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError:
        return


def _append(database: sqlite3.Connection, kind: str, values: Mapping[str, Any]) -> int:
    """Adds an entry to the chain, and returns its number."""
    last = database.execute("SELECT id, chain FROM entries ORDER BY id DESC LIMIT 1").fetchone()
    number, chain = last or (0, BEGINNING)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    entry = {"id": number + 1, "at": at, "kind": kind, **values}
    entry["chain"] = link(chain, entry)
    columns, marks = ", ".join(entry), ", ".join("?" * len(entry))
    database.execute(f"INSERT INTO entries ({columns}) VALUES ({marks})", tuple(entry.values()))  # noqa: S608
    return number + 1


def _rows(database: sqlite3.Connection) -> Iterator[dict[str, Any]]:
    """Entries with their links; what a kind has no value for is left out."""
    cursor = database.execute("SELECT * FROM entries ORDER BY id")
    names = [column[0] for column in cursor.description]
    for row in cursor:
        yield {name: value for name, value in zip(names, row, strict=True) if value is not None}


def _last_cap(database: sqlite3.Connection) -> Cap | None:
    row = database.execute(
        "SELECT unit, epsilon, delta FROM entries WHERE kind = 'cap' ORDER BY id DESC LIMIT 1"
    ).fetchone()
    return None if row is None else Cap(*row)


def _phases(database: sqlite3.Connection, purposes: Iterable[str], run: str | None = None) -> _Phases:
    """Steps reserved so far for some purposes, or those of a run."""
    rows = database.execute(
        "SELECT purpose, run, noise_multiplier, sample_rate, sum(steps) FROM entries"
        " WHERE kind = 'reserved' GROUP BY purpose, run, noise_multiplier, sample_rate"
    )
    phases: _Phases = Counter()
    for purpose, its_run, noise, rate, steps in rows:
        if purpose in purposes and run in (None, its_run):
            phases[noise, rate] += steps
    return phases


def _count(release: Release) -> _Phases:
    return Counter({(float(release.noise_multiplier), float(release.sample_rate)): release.steps})


def _releases(phases: _Phases) -> list[Release]:
    return [Release(noise, rate, steps) for (noise, rate), steps in phases.items()]
