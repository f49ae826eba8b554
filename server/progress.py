"""What a person at the terminal sees while a run is under way: on stderr, one line that moves."""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from server.metrics import Round


class Progress:
    """Progress of a run, of its baselines or of a factorisation; use as a context manager.

    Args:
        rounds: of the whole run; or baselines, sums, epochs.
        done: what an earlier start has finished.
        what: they are.
    """

    def __init__(self, rounds: int, done: int = 0, what: str = "rounds") -> None:
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
            console=Console(stderr=True),
        )
        self._rounds = self._bars.add_task(what, total=rounds, completed=done, note="")
        self._hospitals = self._bars.add_task("hospitals", total=None, note="", visible=False)

    def __enter__(self) -> "Progress":
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def start_round(self, number: int, cohort: int) -> None:
        """A round begins with so many hospitals."""
        self._bars.reset(self._hospitals, total=cohort, note="", description=f"round {number}", visible=True)

    def answered(self, hospital: str) -> None:
        """A hospital's update is there."""
        self._bars.update(self._hospitals, advance=1, note=hospital)

    def finish_round(self, done: Round) -> None:
        """A round is over."""
        f1 = f"F1 {done.held_out.f1:.1f} on held-out patients" if done.held_out else ""
        left_out = f", without {', '.join(done.missing)}" if done.missing else ""
        loss = "" if done.loss is None else f"loss {done.loss:.4f} "
        self._bars.update(self._rounds, advance=1, note=f"{loss}{f1}{left_out}")

    def finish_one(self, note: str) -> None:
        """A baseline, a sum or an epoch is over."""
        self._bars.update(self._rounds, advance=1, note=note)

    def say(self, text: str) -> None:
        """A line that stays, above those that move."""
        self._bars.console.print(text, markup=False, highlight=False, soft_wrap=True)
