"""Measures clinfed on this machine; there in a checkout only."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help=__doc__, no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def bench() -> None:
    """Measures clinfed on this machine; there in a checkout only."""


@app.command()
def scale(
    sizes: Annotated[
        str, typer.Option("--sizes", help="Numbers of hospitals, comma-separated.")
    ] = "10,30,100",
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Also draw the curves into this SVG file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Time and memory of a local federation as it grows: every hospital trains and evaluates in one process."""
    from server.simulate import machine
    from tests.benchmarks import scale as work

    counts = [int(size) for size in sizes.split(",")]
    rows = work.measure(counts, lambda size: typer.echo(f"{size} hospitals done", err=True))
    if plot is not None:
        work.plot(rows, plot)
    if as_json:
        result = {
            "bench": "scale",
            "machine": machine(1),
            "date": datetime.now().astimezone().isoformat(timespec="seconds"),
            "rows": rows,
            "ratios": work.ratios(rows),
        }
        typer.echo(json.dumps(result, indent=1))
        return
    names = list(rows[0])
    typer.echo("  ".join(f"{name:>26}" for name in names))
    for row in rows:
        typer.echo("  ".join(f"{row[name]:>26}" for name in names))
