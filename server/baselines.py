"""What the federation is compared with: every hospital alone, and one model on all notes together.

Same network, recipe and budget: as many epochs with the same learning rate at the same share of the run. Each
result is kept in the run folder, so a run that is started again does not train a baseline twice.
"""

import json
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from urllib.parse import quote

import numpy as np
import torch
from numpy.typing import NDArray

from server.federation import POOLED, test_notes
from server.orphan import die_with_parent
from server.run import read_settings
from shared.errors import FixSettings
from shared.examples import read_examples, thin
from shared.extractor import ScoredNotes
from shared.files import write_text
from shared.models.build import build_tagger
from shared.sources import read_source
from shared.training import steps_a_round, train

FOLDER = "baselines"


def run_baselines(folder: Path, on_done: Callable[[str], None]) -> dict[str, NDArray[np.int64]]:
    """Trains what is not trained yet, as many at once as there are cores for.

    Args:
        folder: of a run.
        on_done: called with the name of each finished baseline.

    Returns:
        Counts on the test notes by hospital, and under `pooled`; see `shared.scores`.
    """
    settings = read_settings(folder)
    (folder / FOLDER).mkdir(exist_ok=True)
    names = [POOLED, *(source.hospital for source in settings.hospitals)]  # the longest first
    missing = [name for name in names if not _file(folder, name).exists()]
    workers = max(1, (os.cpu_count() or 1) // settings.threads)
    spawn = multiprocessing.get_context("spawn")
    size = min(workers, len(missing) or 1)
    with ProcessPoolExecutor(size, mp_context=spawn, initializer=die_with_parent) as pool:
        waiting = {pool.submit(train_baseline, folder, name): name for name in missing}
        for finished in as_completed(waiting):
            try:
                finished.result()
            except BrokenProcessPool:
                raise FixSettings(
                    f"the system ended a process that trained a baseline, {size} at once",
                    where="baselines",
                    remedy="Free memory, or raise --threads so that fewer run at once; then start the run again.",
                ) from None
            on_done(waiting[finished])
    return {name: np.array(json.loads(_file(folder, name).read_text())["counts"]) for name in names}


def train_baseline(folder: Path, name: str) -> None:
    """Trains and scores one baseline, and writes its counts.

    Args:
        folder: of a run.
        name: a hospital, or `pooled`.
    """
    settings = read_settings(folder)
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    tagger = build_tagger(settings.model)
    members = [source for source in settings.hospitals if name in (source.hospital, POOLED)]
    parts = [
        tagger.prepare(
            thin(
                read_examples(read_source(source).train, tagger.tagset, tagger.reader),
                settings.model.windows_a_note,
            )
        )
        for source in members
    ]
    train(
        tagger,
        [example for part in parts for example in part],
        settings.recipe,
        seed=settings.seed,
        steps=(settings.baseline_rounds or settings.rounds)
        * sum(steps_a_round(settings.recipe, len(part)) for part in parts),
    )
    counts = ScoredNotes(tagger, test_notes(settings.test, settings.hospitals)).count(tagger)
    write_text(_file(folder, name), json.dumps({"counts": counts.tolist()}) + "\n")


def _file(folder: Path, name: str) -> Path:
    return folder / FOLDER / f"{quote(name, safe='')}.json"
