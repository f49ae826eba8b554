"""The log layer under surge: surfaces, records and latency, from the drill that a hospital runs, and its price."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

from client.drill.run import drill
from client.drill.settings import DrillSettings, DrillTable

_PRICE = """
import logging, os, sys, time
real = os.dup(1)
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
if sys.argv[1] == "clean":
    from privacy.logs.install import LogSettings, install
    install(LogSettings(level=logging.INFO), whole=True)
else:
    logging.basicConfig(level=logging.INFO)
log = logging.getLogger("clinfed.bench")
def push(number):
    for at in range(number):
        log.info("round %d: %s answered with %d notes in %.2f s", at, "hospital-a", 100, 1.5)
push(500)
begun = time.process_time()
push(5000)
os.write(real, str((time.process_time() - begun) / 5000 * 1e6).encode())
"""


def measure(records: int, seed: int, on_done: Callable[[str], None]) -> list[dict[str, Any]]:
    """Runs the drill, and weighs a record with and without the layer.

    Args:
        records: of the surge.
        seed: of the patients.
        on_done: called with a line of progress.

    Returns:
        Rows `{"what", "value"}`.
    """
    done, twin = drill(DrillSettings(drill=DrillTable(records=records)), seed, on_done)
    rows: list[tuple[str, float]] = [
        ("surfaces", done.surfaces),
        ("surfaces_leaking", len(done.leaking)),
        ("surfaces_found_without_redaction", twin.surfaces - len(twin.not_found)),
        ("surge_records", done.records),
        ("surge_parts_found", len(done.surge_found)),
        ("surge_lost", done.lost),
        ("surge_doubled", done.doubled),
        ("surge_seconds", done.seconds),
        *((f"surge_{name}_ms", value) for name, value in done.latency_ms.items()),
    ]
    for side in ("clean", "plain"):
        command = [sys.executable, "-c", _PRICE, side]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        rows.append((f"microseconds_a_record_{side}", round(float(said.split()[-1]), 1)))
        on_done(f"price of a record, {side}: done")
    return [{"what": what, "value": value} for what, value in rows]


def ratios(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """The figures that are compared with the goals."""
    values = {row["what"]: row["value"] for row in rows}
    return {
        "surfaces_leaking": float(values["surfaces_leaking"]),
        "surge_parts_found": float(values["surge_parts_found"]),
        "surge_lost": float(values["surge_lost"]),
    }
