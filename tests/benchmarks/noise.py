"""How long discrete Gaussian noise takes: CPU time on one thread, table building apart."""

import time
from fractions import Fraction
from typing import Any

from privacy import noise
from privacy.generator import Generator

SIGMAS = (0.5, 2.5, 50.0, 400.0, 4096.0, 32768.0, 65536.0, 2.0**18, 2.0**20, 2.0**26)


def measure_noise(size: int, repeat: int = 9) -> dict[str, Any]:
    """Draws `size` coordinates of several sigmas by turns, and keeps the best time of each.

    Args:
        size: coordinates of one vector.
        repeat: turns.

    Returns:
        `size`, and for every sigma a row: `sigma`, `tables` (that are added), `ns` (a coordinate, nanoseconds),
        `table_ms` (to build its tables, milliseconds; the first time).
    """
    rows: list[dict[str, Any]] = []
    noise._table.cache_clear()
    for sigma in SIGMAS:
        started = time.process_time()
        plan = noise._plan(Fraction(sigma) ** 2)
        for _, variance in plan:
            noise._table.__wrapped__(variance)
        built = time.process_time() - started
        rows.append(
            {"sigma": sigma, "tables": len(plan), "ns": float("inf"), "table_ms": round(built * 1e3, 1)}
        )
    for _ in range(repeat):
        for row in rows:
            generator = Generator()
            noise.discrete_gaussian(row["sigma"], 1, generator)
            started = time.process_time()
            noise.discrete_gaussian(row["sigma"], size, generator)
            spent = (time.process_time() - started) / size * 1e9
            row["ns"] = min(row["ns"], round(spent, 2))
    return {"size": size, "rows": rows}
