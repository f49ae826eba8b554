"""The embedded demo federations as processes of their own: started from the app, watched through their run folders.

They are the command `clinfed aggregator demo`, so what a page starts and what a terminal starts are the same.
"""

import atexit
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, Literal

from shared.errors import ChooseOutput, ClinfedError, FixSettings

Kind = Literal["masked", "private"]
KINDS: dict[Kind, tuple[str, ...]] = {
    "private": (),
    "masked": ("--no-privacy", "--model", "birnn"),
}
"""Options of `clinfed aggregator demo`: as it is, with a privacy budget, or masked sums alone."""


class DemoFailed(ClinfedError):
    """A demo federation ended with an error: do what its message says."""

    code = "demo-failed"


class Demos:
    """Federations that run one after the other.

    Args:
        runs: folder that gets a new run folder for each.
        kinds: of federations, in order.
        hospitals: synthetic hospitals of each.

    Raises:
        FixSettings: the command is not installed.
        ChooseOutput: the folder cannot be made.
    """

    def __init__(self, runs: Path, kinds: Sequence[Kind], hospitals: int) -> None:
        command = Path(sys.executable).with_name("clinfed")
        if not command.exists():
            raise FixSettings(
                "the command is not installed", where=str(command), remedy="Install clinfed[all]."
            )
        try:
            runs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ChooseOutput(
                f"cannot be made ({error.strerror})", where=str(runs), remedy="Start with --runs DIR."
            ) from None
        now = f"{datetime.now().astimezone():%Y%m%d-%H%M%S}"
        self.folders = [runs / f"demo-{kind}-{now}" for kind in kinds]
        self.failure: DemoFailed | None = None
        self._commands = [
            [
                str(command),
                "aggregator",
                "demo",
                "--out",
                str(folder),
                "--hospitals",
                str(hospitals),
                *KINDS[kind],
            ]
            for kind, folder in zip(kinds, self.folders, strict=True)
        ]
        self._stopped = False
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name="demos", daemon=True)
        self._thread.start()
        atexit.register(self.stop)

    @property
    def running(self) -> bool:
        """Whether one of them is under way."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Stops them; finished rounds stay."""
        with self._turn:
            self._stopped = True
            if self._process is not None and self._process.poll() is None:
                self._process.terminate()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        for folder, command in zip(self.folders, self._commands, strict=True):
            with tempfile.TemporaryFile() as messages:
                with self._turn:
                    if self._stopped:
                        return
                    self._process = subprocess.Popen(  # noqa: S603 - our own command, and numbers
                        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=messages
                    )
                code = self._process.wait()
                if code and not self._stopped:
                    self.failure = DemoFailed(
                        f"the command ended with exit code {code}{_said(messages)}",
                        where=folder.name,
                        remedy="Start it again.",
                    )
                    return


_lock = threading.Lock()
_demos: list[Demos] = []  # the last ones, so that all visitors and all reruns of a page see the same


def start(runs: Path, kinds: Sequence[Kind], hospitals: int) -> Demos:
    """Starts demo federations, one series at a time.

    Raises:
        FixSettings: some are running already, or the command is not there.
        ChooseOutput: the folder cannot be made.
    """
    with _lock:
        if _demos and _demos[-1].running:
            raise FixSettings(
                "a demo is running already", where="first run", remedy="Wait for it, or stop it."
            )
        _demos[:] = [Demos(runs, kinds, hospitals)]
        return _demos[-1]


def last() -> Demos | None:
    """The series that this app started last, done or not."""
    return _demos[-1] if _demos else None


def _said(messages: IO[bytes]) -> str:
    """The command's own error line, which never quotes a note."""
    messages.seek(0)
    lines = messages.read().decode("utf-8", "replace").splitlines()
    errors = [line for line in lines if line.startswith("error[")]
    return f": {errors[-1]}" if errors else ""
