"""What a run measured: the content of `metrics.json`, from which the report is drawn.

Precision, recall and F1 are in percent; bytes are those of the serialized Flower messages; seconds are wall clock.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.files import write_text
from shared.scores import Score, Scores


@dataclass(frozen=True)
class Site:
    """One hospital as the federation knows it: declared sizes and the privacy of what it released.

    `epsilon` and `delta` are None while nothing private is promised; `trust` is `secagg` where the aggregator learns
    sums only, `none` where it learns sums only and need not be believed, `plain` where it sees every update.
    In a private run sizes are rounded, `units` are those that are trained on, and `epsilon` is what the hospital's
    answers cost as far as the aggregator knows; the hospital's own ledger decides.
    """

    notes: int
    patients: int
    train_notes: int
    held_out_notes: int
    unit: str = "patient"
    trust: str = "plain"
    units: int | None = None
    epsilon: float | None = None
    epsilon_if_others_collude: float | None = None
    delta: float | None = None


@dataclass(frozen=True)
class Round:
    """One round: who was asked, who answered, what it cost and how good the model was after it.

    Args:
        round: counted from 1.
        cohort: hospitals asked to train.
        answered: hospitals whose update is in the sum.
        missing: error code of every other hospital of the cohort, and of those that did not greet.
        examples: training windows behind the sum; in a private run, the units expected in it.
        loss: mean training loss over those examples; None in a private run.
        bytes_down: sent to hospitals, all phases.
        bytes_up: received from hospitals, all phases.
        seconds: wall clock by phase (`update`, `aggregate`, `evaluate`; of a secure sum also `advertise`,
            `encapsulate`, `share`, `confirm` and `unmask`).
        memory_mb: peak resident memory of the process so far, MiB.
        held_out: scores on all hospitals' held-out patients, from noised counts in a private run; None if not
            evaluated in this round.
        held_out_by_hospital: the same for each hospital; empty under secure aggregation, which hides it.
        update_norm: L2 norm of the mean update.
        attempts: it took to make the sum of updates.
        discarded: why the sum was not used and the model stayed as it was; None if it was used.
    """

    round: int
    cohort: list[str]
    answered: list[str]
    missing: dict[str, str]
    examples: int
    loss: float | None
    bytes_down: int
    bytes_up: int
    seconds: Mapping[str, float]
    memory_mb: float
    held_out: Scores | None = None
    held_out_by_hospital: dict[str, Scores] = field(default_factory=dict)
    update_norm: float = 0.0
    attempts: int = 1
    discarded: str | None = None


@dataclass(frozen=True)
class LocalOnly:
    """Every hospital alone with the same budget, scored on the same test notes."""

    hospitals: dict[str, Scores]
    size_weighted_f1: float


@dataclass(frozen=True)
class Metrics:
    """Everything a run measured.

    Args:
        command: the command that made the run.
        date: when it ended, ISO 8601 with zone.
        machine: processor, cores, Python, torch.
        seed: of everything drawn at random.
        model: the model's settings and the training recipe.
        labels: entity labels.
        test_set: what `federated`, `local_only` and `pooled` are scored on, and how many notes it has.
        hospitals: by name.
        rounds: in order.
        federated: final model on the test set.
        local_only: None without baselines.
        pooled: None without baselines.
        seconds: wall clock of `federated`, `local_only`, `pooled`.
    """

    command: str
    date: str
    machine: dict[str, str]
    seed: int
    model: dict[str, Any]
    labels: list[str]
    test_set: dict[str, Any]
    hospitals: dict[str, Site]
    rounds: list[Round]
    federated: Scores
    local_only: LocalOnly | None = None
    pooled: Scores | None = None
    seconds: dict[str, float] = field(default_factory=dict)


def to_json(metrics: Metrics) -> dict[str, Any]:
    """The object of `metrics.json`, with the two differences the run is judged by."""
    tree = dataclasses.asdict(metrics)
    tree["bytes"] = {
        "up": sum(r.bytes_up for r in metrics.rounds),
        "down": sum(r.bytes_down for r in metrics.rounds),
    }
    if metrics.local_only is not None:
        tree["federated_minus_local_only"] = round(
            metrics.federated.f1 - metrics.local_only.size_weighted_f1, 4
        )
    if metrics.pooled is not None:
        tree["pooled_minus_federated"] = round(metrics.pooled.f1 - metrics.federated.f1, 4)
    return {"form": "clinfed-metrics-1", **tree}


def write_metrics(path: Path, metrics: Metrics) -> None:
    """Writes `metrics.json` whole or not at all."""
    write_text(path, json.dumps(to_json(metrics), indent=1) + "\n")


def scores_from_json(tree: dict[str, Any]) -> Scores:
    """Reads scores back from the form `to_json` gives them."""
    return Scores(
        **{
            kind: {name: Score(**values) for name, values in tree[kind].items()}
            for kind in ("strict", "overlap")
        }
    )


def round_from_json(tree: dict[str, Any]) -> Round:
    """Reads a round back from the form `to_json` gives it."""
    held_out = tree["held_out"]
    by_hospital = {name: scores_from_json(scores) for name, scores in tree["held_out_by_hospital"].items()}
    return Round(
        **{
            **tree,
            "held_out": None if held_out is None else scores_from_json(held_out),
            "held_out_by_hospital": by_hospital,
        }
    )
