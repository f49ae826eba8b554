"""Measures clinfed on this machine; there in a checkout only."""

import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

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
    from tests.benchmarks import scale as work

    counts = [int(size) for size in sizes.split(",")]
    rows = work.measure(counts, lambda size: typer.echo(f"{size} hospitals done", err=True))
    if plot is not None:
        work.plot(rows, plot)
    _report("scale", rows, work.ratios(rows), as_json=as_json)


@app.command()
def secagg(
    quick: Annotated[
        bool, typer.Option("--quick", help="Only the sizes that the ratios are made of: 10 and 30 hospitals.")
    ] = False,
    repeat: Annotated[
        int, typer.Option("--repeat", min=1, help="Turns of each side; sizes without a ratio may get fewer.")
    ] = 3,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Also draw the times into this SVG file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Secure sums against Flower's SecAgg+ and this machine's limit: CPU time and bytes, one thread, by turns.

    All sizes take five minutes or more and 5 GiB; Flower takes part up to 30 hospitals, of 10 million coordinates 10.
    """
    from tests.benchmarks import secagg as work
    from tests.benchmarks.secagg_limit import mask_rates

    sizes = work.QUICK if quick else work.FULL
    rows = work.measure(sizes, repeat, lambda line: typer.echo(line, err=True))
    masks = mask_rates(work.MASKS if quick else work.MORE_MASKS, 5 * repeat)
    found = work.ratios(sizes, rows, masks[: len(work.MASKS)], work.overhead(100))
    if plot is not None:
        work.plot(rows, plot)
    _report("secagg", [*rows, *masks], found, as_json=as_json)


@app.command()
def dp(
    quick: Annotated[
        bool, typer.Option("--quick", help="Only the networks that the ratios are made of.")
    ] = False,
    repeat: Annotated[int, typer.Option("--repeat", min=1, help="Turns of each step.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Private training steps against the same steps without privacy, and Opacus's: CPU time, one thread, by turns."""
    from tests.benchmarks import private_gradients as work

    cases = tuple(work.COMPARED) if quick else tuple(work.CASES)
    rows = work.measure(cases, repeat, on_done=lambda case: typer.echo(f"{case}: done", err=True))
    _report("dp", rows, work.ratios(rows), as_json=as_json)


@app.command()
def glove(
    notes: Annotated[
        Path | None, typer.Option("--notes", help="Public notes to count. [default: the synthetic clinic's]")
    ] = None,
    patients: Annotated[
        int, typer.Option("--patients", min=1, help="Of each of four synthetic hospitals.")
    ] = 100,
    repeat: Annotated[int, typer.Option("--repeat", min=1, help="Turns of each side.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Federated GloVe beside gensim's Word2Vec: counting, an epoch, and the secure sum against pooled counts."""
    from tests.benchmarks import glove as work

    texts = work.synthetic_texts(patients) if notes is None else work.public_texts(notes)
    rows = work.measure(texts, repeat)
    _report("glove", rows, work.ratios(rows), as_json=as_json)


@app.command()
def facts(
    patients: Annotated[int, typer.Option("--patients", min=1, help="Of the synthetic notes.")] = 100,
    repeat: Annotated[int, typer.Option("--repeat", min=1, help="Turns of the timing of facts.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Facts: right assertions, right codes beside rapidfuzz alone, and milliseconds for a note of 300 words."""
    from tests.benchmarks import facts as work

    rows = work.measure(patients, repeat)
    _report("facts", rows, work.ratios(rows), as_json=as_json)


@app.command()
def redaction(
    lines: Annotated[int, typer.Option("--lines", min=100, help="Log lines of the speed test.")] = 2000,
    repeat: Annotated[int, typer.Option("--repeat", min=1, help="Turns of each side.")] = 3,
    records: Annotated[
        int, typer.Option("--records", min=0, help="Records of the drill's surge; 0 leaves the drill out.")
    ] = 10_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """The detector by turns with Presidio as shipped; red team, recall, precision; the log layer under a surge."""
    from tests.benchmarks import redaction, surge

    def say(line: str) -> None:
        typer.echo(line, err=True)

    rows = redaction.measure(lines, repeat, say)
    found = redaction.ratios(rows)
    if records:
        pushed = surge.measure(records, secrets.randbits(48), say)
        rows, found = [*rows, *pushed], found | surge.ratios(pushed)
    _report("redaction", rows, found, as_json=as_json)


def _report(
    bench: str, rows: Sequence[dict[str, Any]], ratios: Mapping[str, float], *, as_json: bool
) -> None:
    """Prints figures: one JSON object, or a table for each kind of row and the ratios."""
    if as_json:
        from server.simulate import machine

        result = {
            "bench": bench,
            "machine": machine(1),
            "date": datetime.now().astimezone().isoformat(timespec="seconds"),
            "rows": list(rows),
            "ratios": dict(ratios),
        }
        typer.echo(json.dumps(result, indent=1))
        return
    for names, alike in groupby(rows, key=tuple):
        table = [names, *(["-" if value is None else str(value) for value in row.values()] for row in alike)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for line in table:
            typer.echo("  ".join(f"{cell:>{width}}" for cell, width in zip(line, widths, strict=True)))
        typer.echo("")
    for name, ratio in ratios.items():
        typer.echo(f"{name}  {ratio}")
