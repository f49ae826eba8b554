"""Run folders as the app sees them: finished ones by `metrics.json`, running ones by their newest checkpoint.

Only these files of a run are read, and none of them holds text of a note.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

import safetensors
from safetensors import SafetensorError

from shared.errors import FixSettings

SETTINGS, METRICS, MODEL = "run.json", "metrics.json", "model"
_STALE_SECONDS = 900
"""A run without a new file for so long is taken to have stopped."""
_TRIES = 3
_FORM = "clinfed-metrics-1"


@dataclass(frozen=True)
class Run:
    """One run, finished or not.

    Args:
        name: of its folder.
        folder: of the run.
        state: `finished`, `running`, or `stopped`.
        planned: rounds it will have.
        rounds: as in `metrics.json`.
        hospitals: as in `metrics.json`, by name; names only while none has answered.
        settings: of `run.json`.
        metrics: the whole of `metrics.json`; None while unfinished.
        baselines: trained so far, of all that will be.
    """

    name: str
    folder: Path
    state: str
    planned: int
    rounds: Sequence[Mapping[str, Any]]
    hospitals: Mapping[str, Mapping[str, Any]]
    settings: Mapping[str, Any]
    metrics: Mapping[str, Any] | None
    baselines: tuple[int, int]

    @property
    def private(self) -> bool:
        """Whether an epsilon is promised."""
        return bool(self.settings.get("private"))


def find_runs(folder: Path) -> list[Path]:
    """Folders of runs in a folder, newest first; the folder itself if it is a run.

    Raises:
        FixSettings: there is none.
    """
    candidates = [folder, *folder.iterdir()] if folder.is_dir() else []
    found = [one for one in candidates if (one / SETTINGS).is_file()]
    if not found:
        raise FixSettings(
            "there is no run here",
            where=str(folder),
            remedy="Start one on the page First run, or name another folder with clinfed ui --runs DIR.",
        )
    return sorted(found, key=lambda one: (one / SETTINGS).stat().st_mtime, reverse=True)


def read_run(folder: Path) -> Run:
    """Reads a run.

    Raises:
        FixSettings: its files are missing or malformed.
    """
    try:
        settings = json.loads((folder / SETTINGS).read_bytes())
        metrics = _finished(folder)
        history = metrics or _history(folder)
        names = [source["hospital"] for source in settings["hospitals"]]
        wanted = len(names) + 1 if settings["baselines"] else 0
        return Run(
            name=folder.name,
            folder=folder,
            state="finished" if metrics else "running" if _is_fresh(folder) else "stopped",
            planned=settings["rounds"],
            rounds=history["rounds"],
            hospitals=history["hospitals"] or {name: {} for name in names},
            settings=settings,
            metrics=metrics,
            baselines=(wanted if metrics else len(list((folder / "baselines").glob("*.json"))), wanted),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise FixSettings(
            "this run cannot be read", where=folder.name, remedy="Choose another run, or repeat its command."
        ) from None


def ledgers_of(run: Path) -> dict[str, Path]:
    """Privacy ledgers of a run's simulated hospitals, by hospital."""
    return {unquote(path.parent.name): path for path in sorted(run.glob("sites/*/ledger.sqlite"))}


def f1_of(scores: Mapping[str, Any] | None) -> float | None:
    """Strict F1 in percent over all labels; None without scores."""
    return None if scores is None else cast(float, scores["strict"]["micro"]["f1"])


def _finished(folder: Path) -> dict[str, Any] | None:
    """`metrics.json`, which is there once a run is finished; a ValueError if it is something else."""
    try:
        tree = json.loads((folder / METRICS).read_bytes())
    except FileNotFoundError:
        return None
    if not isinstance(tree, dict) or tree.get("form") != _FORM:
        raise ValueError
    return tree


def _history(folder: Path) -> dict[str, Any]:
    """What the newest checkpoint says of rounds and hospitals; its weights are not read."""
    for _ in range(_TRIES):  # a checkpoint may be replaced by the next one while it is opened
        files = sorted((folder / "checkpoints").glob("round-*.safetensors"))
        if not files:
            break
        try:
            with safetensors.safe_open(files[-1], framework="numpy") as opened:
                return cast(dict[str, Any], json.loads(opened.metadata()["history"]))
        except (SafetensorError, OSError):
            continue
    return {"rounds": [], "hospitals": {}}


def _is_fresh(folder: Path) -> bool:
    touched = [folder, *folder.glob("checkpoints"), *folder.glob("baselines"), *folder.glob("sites/*")]
    return time.time() - max(path.stat().st_mtime for path in touched) < _STALE_SECONDS
