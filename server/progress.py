"""What a person at the terminal sees while a run is under way: on stderr, one line that moves."""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from server.metrics import Round


class Progress:
    """Progress of a run, or of its baselines; use as a context manager.

    Args:
        rounds: of the whole run, or number of baselines.
        done: what an earlier start has finished.
    """

    def __init__(self, rounds: int, done: int = 0) -> None:
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
            console=Console(stderr=True),
        )
        self._rounds = self._bars.add_task("rounds", total=rounds, completed=done, note="")
        self._hospitals = self._bars.add_task("hospitals", total=None, note="")

    def __enter__(self) -> "Progress":
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def start_round(self, number: int, cohort: int) -> None:
        """A round begins with so many hospitals."""
        self._bars.reset(self._hospitals, total=cohort, note="", description=f"round {number}")

    def answered(self, hospital: str) -> None:
        """A hospital's update is there."""
        self._bars.update(self._hospitals, advance=1, note=hospital)

    def finish_round(self, done: Round) -> None:
        """A round is over."""
        f1 = f"F1 {done.held_out.f1:.1f} on held-out patients" if done.held_out else ""
        left_out = f", without {', '.join(done.missing)}" if done.missing else ""
        loss = "" if done.loss is None else f"loss {done.loss:.4f} "
        self._bars.update(self._rounds, advance=1, note=f"{loss}{f1}{left_out}")

    def finish_baseline(self, name: str) -> None:
        """A baseline is trained and scored."""
        self._bars.update(self._rounds, advance=1, note=name)

    def note(self, text: str) -> None:
        """What goes on outside the rounds."""
        self._bars.reset(self._hospitals, total=None, note="", description=text)
