"""What commands of the aggregator share: where hospitals come from, and how a run starts and ends."""

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from server.federation import Federation
    from server.metrics import Metrics
    from server.settings import RunSettings


def choose_federation(
    command: str, federation: Path | None, corpus: Path | None, partition: Path | None, rename: str = ""
) -> "Federation":
    """The federation a user named: by a file, or by a public corpus and a partition of it.

    Raises:
        ClinfedError: neither or both were named, or as named by its remedy.
    """
    from server.federation import federation_from_file, partitioned_federation
    from shared.errors import FixSettings

    if federation is not None and corpus is None and partition is None:
        return federation_from_file(federation)
    if federation is None and corpus is not None and partition is not None:
        return partitioned_federation(corpus, partition, rename)
    raise FixSettings(
        "name either a federation file, or a corpus with a partition",
        where=f"clinfed aggregator {command}",
        remedy="Use --federation FILE, or --corpus DIR --partition FILE.",
    )


def vectors_path(name: str) -> str | None:
    """What `--vectors` says, as the settings of a model hold it: None, 'bundled', or an absolute path."""
    if name == "none":
        return None
    return name if name == "bundled" else str(Path(name).resolve())


def command_line() -> str:
    """The command that runs, for the record of a run, redacted: names of files may be data."""
    from privacy.phi import detector

    return detector("logs").redact(shlex.join(["clinfed", *sys.argv[1:]]))


def run_and_print(settings: "RunSettings", out: Path, as_json: bool) -> None:
    """Runs a federation in this process, and prints its scores as text or as `metrics.json`."""
    from server.metrics import to_json
    from server.simulate import simulate as run

    metrics = run(settings, out, command_line())
    if as_json:
        typer.echo(json.dumps(to_json(metrics), indent=1))
    else:
        typer.echo(_summary(metrics))
    typer.echo(f"report: {out / 'report.html'}   model: {out / 'model'}", err=True)


def _summary(metrics: "Metrics") -> str:
    lines = [f"strict F1 on {metrics.test_set['notes']} test notes"]
    if metrics.local_only is not None:
        lines += [f"  {name:24} {own.f1:6.2f}" for name, own in metrics.local_only.hospitals.items()]
        lines.append(f"  {'local-only, by size':24} {metrics.local_only.size_weighted_f1:6.2f}")
    lines.append(f"  {'federated':24} {metrics.federated.f1:6.2f}")
    if metrics.pooled is not None:
        lines.append(f"  {'pooled':24} {metrics.pooled.f1:6.2f}")
    return "\n".join(lines)
