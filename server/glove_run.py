"""Word vectors from the notes of a local federation: one secure sum of counts, then a factorisation.

    OUT/run.json, vocabulary.txt, pairs.txt   what was asked for (`server.glove_settings`)
    OUT/counts.safetensors                    the sum
    OUT/vectors.bin                           word vectors, as gensim and `birnn` read them
    OUT/metrics.json                          who is in them, what it cost, and what was measured

A run that was stopped goes on when its command is repeated: with the sum if it is there, else from the beginning.
"""

import dataclasses
import json
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import torch

from privacy.book import Cap
from privacy.quantise import dequantise
from privacy.secagg.policy import SitePolicy
from server.glove import GloveSettings, factorise, write_vectors
from server.glove_plan import Verdict
from server.glove_settings import GloveRun, write_counting
from server.glove_state import Counted, load_counted
from server.local import run_locally
from server.metrics import Site
from server.progress import Progress
from server.provision import provision
from server.run import METRICS, open_run
from server.simulate import machine
from shared.cooccurrence import Counting
from shared.errors import AskHospitals
from shared.files import sha256, write_text

VECTORS = "vectors.bin"
FORM = "clinfed-glove-1"


@dataclass(frozen=True)
class GloveMetrics:
    """What a run measured: the content of `metrics.json`.

    Args:
        command: what made the run.
        date: when.
        machine: on what.
        seed: of the factorisation.
        counting: words, window, pairs, the digest that hospitals approve, and SHA-256 of the integers of the sum.
        vectors: words that occurred, dimensions, epochs, loss of the last one, SHA-256 of the file.
        hospitals: by name; in a private run with what their answers cost.
        answered: hospitals whose counts are in the sum.
        missing: error code of every other.
        attempts: at the sum.
        verdict: what the noised counts are good for; None without noise.
        bytes: sent to hospitals (`down`) and received (`up`).
        seconds: wall clock, by phase of the sum, and of the factorisation.
    """

    command: str
    date: str
    machine: dict[str, str]
    seed: int
    counting: dict[str, Any]
    vectors: dict[str, Any]
    hospitals: dict[str, Site]
    answered: list[str]
    missing: dict[str, str]
    attempts: int
    verdict: Verdict | None
    bytes: dict[str, int]
    seconds: dict[str, float]


def to_json(metrics: GloveMetrics) -> dict[str, Any]:
    """The object of `metrics.json`."""
    return {"form": FORM, **dataclasses.asdict(metrics)}


def make_vectors(
    settings: GloveRun, folder: Path, counting: Counting, command: str, *, anyway: bool = False
) -> GloveMetrics:
    """Counts at the hospitals of a local federation and makes vectors of the sum.

    Args:
        settings: of the run.
        folder: new, or of the same run unfinished.
        counting: what to count; `settings.counting` is its digest.
        command: what made the run, for the record.
        anyway: spend a budget even where that is not worth it.

    Returns:
        What was measured.

    Raises:
        ClinfedError: as named by its remedy.
    """
    wanted = GloveSettings(dimensions=settings.dimensions, epochs=settings.epochs, seed=settings.seed)
    open_run(folder, settings)
    write_counting(folder, counting)
    torch.set_num_threads(settings.threads)

    # 1. Every hospital gets a site: key, limits, and a budget or an approval of what shall be counted.
    private = settings.private
    sites = provision(
        folder,
        [source.hospital for source in settings.hospitals],
        SitePolicy(colluders=settings.colluders, hybrid=settings.hybrid),
        Cap(private.order.unit, private.cap or private.epsilon, private.delta) if private else None,
        countings=() if private else (settings.counting,),
    )

    # 2. They count, unless an earlier start has their sum.
    run_locally(folder, settings.hospitals, sites, anyway=anyway)
    counted = load_counted(folder)
    if counted is None:
        raise AskHospitals("there is no sum", where=str(folder), remedy="Repeat the command.")

    # 3. The sum becomes vectors.
    if private is None:
        counts = counted.integers / counting.steps
    else:
        counts = dequantise(counted.integers, private.order.max_norm, private.order.grid).astype(float)
    losses: list[float] = []
    started = time.monotonic()
    with Progress(settings.epochs, what="epochs") as progress:

        def finish_epoch(epoch: int, loss: float) -> None:
            losses.append(loss)
            progress.finish_one(f"loss {loss:.4f}")

        made = factorise(counting, counts, wanted, finish_epoch)
    write_vectors(folder / VECTORS, made)
    seconds = round(time.monotonic() - started, 3)

    # 4. What it cost.
    vectors = {
        "words": len(made.words),
        "dimensions": settings.dimensions,
        "epochs": settings.epochs,
        "loss": round(losses[-1], 6),
        "sha256": sha256(folder / VECTORS),
    }
    metrics = _metrics(settings, counting, counted, vectors, command, seconds)
    write_text(folder / METRICS, json.dumps(to_json(metrics), indent=1) + "\n")  # last: the run is finished
    return metrics


def _metrics(
    settings: GloveRun,
    counting: Counting,
    counted: Counted,
    vectors: dict[str, Any],
    command: str,
    seconds: float,
) -> GloveMetrics:
    return GloveMetrics(
        command=command,
        date=datetime.now().astimezone().isoformat(timespec="seconds"),
        machine=machine(settings.threads),
        seed=settings.seed,
        counting={
            "words": len(counting.vocabulary.words),
            "window": counting.window,
            "pairs": counting.pairs.size,
            "digest": counting.digest,
            "counts_sha256": counted.digest,
        },
        vectors=vectors,
        hospitals=counted.hospitals,
        answered=counted.answered,
        missing=counted.missing,
        attempts=counted.attempts,
        verdict=counted.verdict,
        bytes=counted.bytes,
        seconds={**counted.seconds, "factorise": seconds},
    )
