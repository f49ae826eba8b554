"""Trained models as the app offers them: found on disk, loaded once, used by one visitor at a time."""

import threading
from pathlib import Path

from shared.errors import ClinfedError, FixSettings
from shared.extractor import Extractor
from shared.facts import Fact, FactFinder
from ui.runs import MODEL, find_runs

_MANIFEST = "manifest.json"


class Model:
    """One loaded model. Keeps nothing of a text after its facts are returned.

    Args:
        folder: of the model.

    Raises:
        ReplaceModel: the folder is incomplete, altered, or not made by clinfed.
    """

    def __init__(self, folder: Path) -> None:
        self._finder = FactFinder(Extractor.load(folder))
        self._turn = threading.Lock()
        self.facts("Known asthma.")  # loads what is loaded on first use

    def facts(self, text: str) -> list[Fact]:
        """Findings of one note, in the order of the text."""
        with self._turn:
            (found,) = self._finder.facts([text])
        return sorted(found, key=lambda fact: (fact.start, fact.end))


def find_models(own: tuple[Path, ...], runs: Path) -> dict[str, Path]:
    """Model folders by the name they are offered under: those that were named, then those of runs, newest first.

    Raises:
        FixSettings: there is none.
    """
    found = {folder.name: folder for folder in own}
    try:
        found |= {run.name: run / MODEL for run in find_runs(runs) if (run / MODEL / _MANIFEST).is_file()}
    except ClinfedError:
        if not found:
            raise
    if not found:
        raise FixSettings(
            "no run here has a finished model yet",
            where=str(runs),
            remedy="Wait for the run, or name a model folder with clinfed ui --model DIR.",
        )
    return found


def stamp(folder: Path) -> float:
    """Changes whenever the model in a folder does."""
    try:
        return (folder / _MANIFEST).stat().st_mtime
    except OSError:
        return 0.0
