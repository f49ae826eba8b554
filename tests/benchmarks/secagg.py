"""Our secure sum against Flower's SecAgg+ and against this machine's limit, in one process and by turns.

One thread, CPU time, medians. Both sum the same vectors, whose entries lie within the clip of 1. Bytes are those of
messages; the global model is left out on both sides. A hospital that drops out does so once its seeds are shared.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import altair as alt
import numpy as np

from tests.benchmarks.flower_secagg import Cost, flower_secagg
from tests.benchmarks.secagg_ours import CLIP, OurCost, Vector, our_encoding, our_secagg

PATIENCE_SECONDS = 10.0  # a size that no ratio needs is not measured again once it took so long
LEAST_COORDINATES = 1000  # of the sum that shows what is sent besides the vector


@dataclass(frozen=True)
class Size:
    """A sum to measure.

    Args:
        hospitals: how many.
        length: coordinates of each vector.
        flower: whether Flower takes part.
        compared: whether a ratio is made of it; then it gets all repetitions.
    """

    hospitals: int
    length: int
    flower: bool = True
    compared: bool = False


QUICK = (Size(10, 10**6, compared=True), Size(30, 10**6, compared=True))
FULL = (
    *(Size(hospitals, 10**5) for hospitals in (4, 10, 30)),
    Size(4, 10**6),
    *QUICK,
    *(Size(hospitals, 10**7) for hospitals in (4, 10)),
    Size(30, 10**7, flower=False),
    *(Size(100, length, flower=False) for length in (10**5, 10**6, 10**7)),
)
MASKS = ((10, 10**6), (30, 10**6), (10, 10**7))  # (hospitals, coordinates) that have a ratio
MORE_MASKS = (*MASKS, (30, 10**7))


def measure(sizes: Sequence[Size], repeat: int, on_done: Callable[[str], None]) -> list[dict[str, Any]]:
    """Measures each size without and with drop-outs.

    Args:
        sizes: what to measure.
        repeat: times that each side has its turn, at most.
        on_done: called with a line of progress after each row.

    Returns:
        Two rows a size: milliseconds (`ms`) and bytes, of one hospital and of the aggregator; None where Flower does
        not take part.

    Raises:
        RuntimeError: a sum is wrong.
    """
    _by_turns(Size(4, LEAST_COORDINATES), 1, 1)  # what is set up once in a process
    rows = []
    for size in sizes:
        for drops in (0, max(1, 3 * size.hospitals // 10)):
            rows.append(_row(size, drops, *_by_turns(size, drops, repeat)))
            on_done(f"{size.hospitals} hospitals, {size.length:,} coordinates, {drops} dropped: done")
    return rows


def ratios(
    sizes: Sequence[Size],
    rows: Sequence[dict[str, Any]],
    masks: Sequence[dict[str, Any]],
    overhead_bytes: int,
) -> dict[str, float]:
    """What the benchmark is for.

    Args:
        sizes: as measured; those that are compared count.
        rows: from `measure`.
        masks: from `secagg_limit.mask_rates`, for the sizes in `MASKS`.
        overhead_bytes: from `overhead`.

    Returns:
        Flower's time over ours, for both sides and each size; masking as a fraction of the limit; our bytes up over
        Flower's, for the first size; what one of 100 hospitals sends besides its vector, in units of 1000 bytes.
    """
    compared = {(size.hospitals, size.length) for size in sizes if size.compared}
    rows = [row for row in rows if (row["hospitals"], row["length"]) in compared]
    found: dict[str, float] = {}
    for row in rows:
        size = _name(row["hospitals"], row["length"]) + ("_drops" if row["drops"] else "")
        for side in ("client", "server"):
            found[f"{side}_speedup_{size}"] = round(row[f"flower_{side}_ms"] / row[f"{side}_ms"], 2)
    for row in masks:
        found[f"mask_of_limit_{_name(row['masks'], row['length'])}"] = row["of_limit"]
    upload = rows[0]["bytes_up"] / rows[0]["flower_bytes_up"]
    found[f"upload_of_flower_{_name(rows[0]['hospitals'], rows[0]['length'])}"] = round(upload, 4)
    found["fixed_overhead_kb_n100"] = round(overhead_bytes / 1000, 1)
    return found


def overhead(hospitals: int) -> int:
    """Bytes that a hospital sends besides its masked vector, whatever the vector's length."""
    _, cost = our_secagg(lambda index: _draw(index, LEAST_COORDINATES), hospitals, LEAST_COORDINATES, drops=0)
    return round(cost.bytes_up - cost.vector_bytes)


def plot(rows: Sequence[dict[str, Any]], file: Path, length: int = 10**6) -> None:
    """Draws a hospital's and the aggregator's time at one length, both protocols, by hospitals, as SVG."""
    points = [
        {
            "hospitals": row["hospitals"],
            "protocol": protocol,
            "drop-outs": "30 %" if row["drops"] else "none",
            **{side: row[f"{prefix}{side}_ms"] for side in ("client", "server")},
        }
        for row in rows
        if row["length"] == length
        for protocol, prefix in (("clinfed", ""), ("Flower SecAgg+", "flower_"))
        if row[f"{prefix}client_ms"] is not None
    ]
    log = alt.Scale(type="log", nice=False)
    counts = alt.Axis(values=sorted({point["hospitals"] for point in points}))
    base = alt.Chart(alt.Data(values=points)).encode(
        x=alt.X("hospitals:Q", title="hospitals", scale=log, axis=counts),
        color=alt.Color("protocol:N"),
        strokeDash=alt.StrokeDash("drop-outs:N", sort=["none", "30 %"]),
    )
    charts = [
        base.mark_line().encode(y=alt.Y(f"{side}:Q", title=title, scale=alt.Scale(type="log")))
        for side, title in (("client", "a hospital, ms"), ("server", "the aggregator, ms"))
    ]
    alt.hconcat(*charts, title=f"CPU time of one secure sum of {length:,} coordinates").save(file)


def _by_turns(size: Size, drops: int, repeat: int) -> tuple[list[OurCost], list[Cost]]:
    """Ours, Flower's, ours, Flower's, and so on."""
    kept = [_draw(index, size.length) for index in range(size.hospitals)] if size.flower else []
    draw = kept.__getitem__ if kept else lambda index: _draw(index, size.length)
    ours: list[OurCost] = []
    flowers: list[Cost] = []
    started = time.monotonic()
    for _ in range(repeat):
        ours.append(our_secagg(draw, size.hospitals, size.length, drops=drops)[1])
        if size.flower:
            flowers.append(flower_secagg(kept, drops=drops, clip=CLIP)[1])
        if not size.compared and time.monotonic() - started > PATIENCE_SECONDS:
            break
    return ours, flowers


def _draw(index: int, length: int) -> Vector:
    """A hospital's vector: uniform within the clip."""
    uniform = np.random.default_rng((index, length)).random(length, dtype=np.float32)
    return np.float32(2 * CLIP) * uniform - np.float32(CLIP)


def _row(size: Size, drops: int, ours: Sequence[OurCost], flowers: Sequence[Cost]) -> dict[str, Any]:
    """Medians."""
    row: dict[str, Any] = {
        "hospitals": size.hospitals,
        "length": size.length,
        "drops": drops,
        "ring_bits": our_encoding(size.hospitals, size.length).bits,
        "repeats": len(ours),
        "evidence_ms": round(1000 * median(cost.evidence_seconds for cost in ours), 2),
    }
    for prefix, costs in (("", ours), ("flower_", flowers)):
        row |= dict(_medians(prefix, costs))
    return row


def _medians(prefix: str, costs: Sequence[Cost]) -> Iterator[tuple[str, float | int | None]]:
    for side in ("client", "server"):
        seconds = [getattr(cost, f"{side}_seconds") for cost in costs]
        yield f"{prefix}{side}_ms", round(1000 * median(seconds), 2) if costs else None
    for way in ("up", "down"):
        sizes = [getattr(cost, f"bytes_{way}") for cost in costs]
        yield f"{prefix}bytes_{way}", round(median(sizes)) if costs else None


def _name(hospitals: int, length: int) -> str:
    """As in `n10_L1e6`."""
    return f"n{hospitals}_L{length:.0e}".replace("e+0", "e")
