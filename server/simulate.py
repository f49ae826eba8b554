"""A whole federation in one process: the real apps over the local Grid, then baselines, metrics and report."""

import os
import platform
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import torch

from privacy.book import Cap
from privacy.secagg.policy import SitePolicy
from server.baselines import run_baselines
from server.federation import POOLED, test_notes
from server.local import run_locally
from server.metrics import LocalOnly, Metrics, to_json, write_metrics
from server.progress import Progress
from server.provision import provision
from server.report import write_report
from server.run import METRICS, open_run, restore
from server.settings import RunSettings
from shared.extractor import ScoredNotes
from shared.models.build import build_tagger
from shared.scores import score


def simulate(settings: RunSettings, folder: Path, command: str) -> Metrics:
    """Runs a federation, or goes on with one that was stopped.

    Args:
        settings: of the run.
        folder: new, or of the same run unfinished; holds checkpoints, `model/`, `metrics.json` and `report.html`
            in the end.
        command: what made the run, for the record.

    Returns:
        What was measured.

    Raises:
        ClinfedError: as named by its remedy.
    """
    tagger = build_tagger(settings.model)  # before anything is written: its files may be missing or broken
    open_run(folder, settings)
    torch.set_num_threads(settings.threads)
    sites = None
    if settings.masked:
        private = settings.private
        sites = provision(
            folder,
            [source.hospital for source in settings.hospitals],
            SitePolicy(colluders=settings.colluders, hybrid=settings.hybrid),
            Cap(private.order.unit, private.cap or private.epsilon, private.delta) if private else None,
        )
    run_locally(folder, settings.hospitals, sites)

    labels = settings.model.labels
    state = restore(folder, tagger)
    seconds = {"federated": round(sum(sum(done.seconds.values()) for done in state.rounds), 1)}
    scored = ScoredNotes(tagger, test_notes(settings.test, settings.hospitals))
    federated = score(labels, scored.count(tagger))

    local_only = pooled = None
    if settings.baselines:
        started = time.monotonic()
        with Progress(len(settings.hospitals) + 1, what="baselines") as progress:
            counts = run_baselines(folder, progress.finish_one)
        seconds["baselines"] = round(time.monotonic() - started, 1)
        pooled = score(labels, counts.pop(POOLED))
        alone = {name: score(labels, own) for name, own in counts.items()}
        sizes = {name: site.train_notes for name, site in state.hospitals.items()}
        weighted = sum(alone[name].f1 * size for name, size in sizes.items()) / sum(sizes.values())
        local_only = LocalOnly(alone, round(weighted, 4))

    metrics = Metrics(
        command=command,
        date=datetime.now().astimezone().isoformat(timespec="seconds"),
        machine=machine(settings.threads),
        seed=settings.seed,
        model=_model(settings),
        labels=list(labels),
        test_set={"notes": len(scored.gold), "source": settings.test.model_dump(exclude_defaults=True)},
        hospitals=state.hospitals,
        rounds=list(state.rounds),
        federated=federated,
        local_only=local_only,
        pooled=pooled,
        seconds=seconds,
    )
    write_report(folder, to_json(metrics))
    write_metrics(folder / METRICS, metrics)  # last: with it the run is finished
    return metrics


def machine(threads: int) -> dict[str, str]:
    """What a measurement was made on."""
    cpu = Path("/proc/cpuinfo")
    names = [line.split(":", 1)[1].strip() for line in cpu.read_text().splitlines() if "model name" in line]
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": str(os.cpu_count()),
        "threads": str(threads),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def _model(settings: RunSettings) -> dict[str, Any]:
    run = {
        "rounds": settings.rounds,
        "fraction": settings.fraction,
        "strategy": settings.strategy.model_dump(),
    }
    return settings.model.model_dump(exclude_none=True) | settings.recipe.model_dump(exclude_none=True) | run
