"""What a hospital remembers of its secure sums, in SQLite: what it masked for whom, and which sets it confirmed.

Guarantees: a row is on disk (synchronous, journalled) before the call returns, so before the answer it stands for
leaves the hospital; a process that is killed at any instruction forgets nothing that left. Someone who puts back an
old copy of the file is not provided for.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from privacy.secagg.terms import Terms
from shared.errors import FixSettings
from shared.refusal import Reason, RefuseRound

_TABLES = """
CREATE TABLE IF NOT EXISTS masked (
    run BLOB NOT NULL, number INTEGER NOT NULL, attempt INTEGER NOT NULL, purpose TEXT NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (run, number, attempt)
) STRICT;
CREATE TABLE IF NOT EXISTS tasks (
    task BLOB NOT NULL PRIMARY KEY, roster BLOB NOT NULL, cohort TEXT NOT NULL, threshold INTEGER NOT NULL,
    at TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS confirmed (
    task BLOB NOT NULL PRIMARY KEY, survivors TEXT NOT NULL, run BLOB NOT NULL, number INTEGER NOT NULL,
    attempt INTEGER NOT NULL, at TEXT NOT NULL
) STRICT;
"""


class SiteMemory:
    """The `privacy.secagg.client.Memory` of a site.

    Args:
        path: of the file; it is made if it is not there.

    Raises:
        FixSettings: it cannot be opened, or is something else.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._transaction() as database:
            for statement in _TABLES.split(";"):
                database.execute(statement)

    def masking(self, terms: Terms, task: bytes) -> None:
        """Notes durably that this attempt is masked now, and for which cohort and threshold the task is.

        Raises:
            RefuseRound: `REPLAYED` if it was before; `ANOTHER_SET` if the task was masked for another cohort or
                threshold.
        """
        bound = (terms.roster, ",".join(map(str, terms.cohort)), terms.threshold)
        row = (terms.run, terms.number, terms.attempt, terms.purpose, _now())
        with self._transaction() as database:
            try:
                database.execute("INSERT INTO masked VALUES (?, ?, ?, ?, ?)", row)
            except sqlite3.IntegrityError:
                raise RefuseRound(Reason.REPLAYED) from None
            database.execute(
                "INSERT INTO tasks VALUES (?, ?, ?, ?, ?) ON CONFLICT (task) DO NOTHING",
                (task, *bound, _now()),
            )
            before = database.execute("SELECT roster, cohort, threshold FROM tasks WHERE task = ?", (task,))
            if before.fetchone() != bound:
                raise RefuseRound(Reason.ANOTHER_SET)

    def confirming(self, terms: Terms, task: bytes, survivors: Sequence[str]) -> None:
        """Notes durably that this task is confirmed with these hospitals.

        Raises:
            RefuseRound: `ANOTHER_SET` if it was confirmed with others before.
        """
        named = "\n".join(survivors)
        row = (task, named, terms.run, terms.number, terms.attempt, _now())
        with self._transaction() as database:
            database.execute(
                "INSERT INTO confirmed VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (task) DO NOTHING", row
            )
            (before,) = database.execute("SELECT survivors FROM confirmed WHERE task = ?", (task,)).fetchone()
            if before != named:
                raise RefuseRound(Reason.ANOTHER_SET)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """One transaction, on disk when it is over; other processes of the site wait for it."""
        try:
            database = sqlite3.connect(self._path, timeout=60.0, isolation_level=None)
        except sqlite3.Error:
            raise self._unusable() from None
        try:
            database.execute("PRAGMA synchronous = EXTRA")
            database.execute("BEGIN IMMEDIATE")
            yield database
            database.execute("COMMIT")
        except sqlite3.Error:
            raise self._unusable() from None
        finally:
            database.close()  # rolls back what was not committed

    def _unusable(self) -> FixSettings:
        return FixSettings(
            "is not a usable memory of secure sums",
            where=str(self._path),
            remedy="Free disk space or restore the file; a new one would let released updates be asked for again.",
        )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
