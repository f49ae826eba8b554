"""How a local federation's time and memory grow with the number of hospitals, each size in a process of its own."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import altair as alt

PATIENTS, ROUNDS = 6, 2


def measure(sizes: Sequence[int], on_done: Callable[[int], None]) -> list[dict[str, Any]]:
    """Runs the embedded demo without baselines at each size.

    Args:
        sizes: numbers of hospitals.
        on_done: called after each size.

    Returns:
        A row a size: wall clock (seconds), peak resident memory (MiB), bytes a round.
    """
    rows = []
    for hospitals in sizes:
        rows.append(_run(hospitals))
        on_done(hospitals)
    return rows


def ratios(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Last size over first: seconds a hospital and round, and peak memory."""
    first, last = rows[0], rows[-1]
    return {
        "seconds_per_hospital_last_over_first": round(
            last["seconds_per_hospital_round"] / first["seconds_per_hospital_round"], 3
        ),
        "memory_last_over_first": round(last["peak_memory_mb"] / first["peak_memory_mb"], 3),
    }


def plot(rows: Sequence[dict[str, Any]], file: Path) -> None:
    """Draws both curves as SVG."""
    base = alt.Chart(alt.Data(values=list(rows))).encode(x=alt.X("hospitals:Q", title="hospitals"))
    charts = [
        base.mark_line(point=True).encode(y=alt.Y(f"{field}:Q", title=title))
        for field, title in (
            ("seconds_round", "seconds a round"),
            ("peak_memory_mb", "peak memory, MiB"),
        )
    ]
    alt.hconcat(*charts).save(file)


def _run(hospitals: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *(
                str(Path(sys.executable).with_name("clinfed")),
                "aggregator",
                "demo",
                "--no-baselines",
                "--json",
            ),
            *("--model", "birnn", "--no-privacy"),
            *("--hospitals", str(hospitals), "--patients", str(PATIENTS), "--rounds", str(ROUNDS)),
            *("--out", f"{folder}/run"),
        ]
        started = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        output = process.stdout.read() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)
        seconds = time.monotonic() - started
    metrics = json.loads(output)
    rounds = metrics["rounds"]
    update = sum(sum(done["seconds"].values()) for done in rounds) / len(rounds)
    return {
        "hospitals": hospitals,
        "notes": sum(site["notes"] for site in metrics["hospitals"].values()),
        "seconds": round(seconds, 1),
        "seconds_round": round(update, 2),
        "seconds_per_hospital_round": round(update / hospitals, 4),
        "peak_memory_mb": round(usage.ru_maxrss / 1024, 1),
        "megabytes_round": round((metrics["bytes"]["up"] + metrics["bytes"]["down"]) / len(rounds) / 1e6, 1),
    }
