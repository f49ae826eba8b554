"""`report.html`: what a run did, on one page that a privacy officer can file.

Drawn from the tree of `metrics.json` and from nothing else. The page carries its style and charts inside, holds no
script and no outside address, and says what left the hospitals before it says how good the model is.
"""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median_low
from typing import Any

import jinja2

from server import charts
from shared.files import write_text

MOST_CELLS = 24, 40  # hospitals and rounds a participation grid can show readably
MOST_MISSING = 20

_UNITS = [(1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "bytes")]


def write_report(folder: Path, tree: dict[str, Any]) -> Path:
    """Draws the report of one run.

    Args:
        folder: the run's folder, which must exist.
        tree: the object of `metrics.json`, as `server.metrics.to_json` makes it.

    Returns:
        The path of `report.html`.
    """
    path = folder / "report.html"
    page = _template().render(
        run=tree,
        source=_hash(tree),
        comparison=_comparison(tree),
        privacy=_privacy(tree["hospitals"]),
        sizes=_sizes(tree["hospitals"]),
        participation=_participation(tree),
        charts=_charts(tree),
        settings=list(_flat(tree["model"])),
        test_set=list(_flat(tree["test_set"])),
    )
    write_text(path, page)
    return path


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"fixed": _fixed, "against": _against, "count": _count, "size": _size}
    return environment.get_template("report.html.j2")


def _comparison(tree: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of the headline table: name, what it is, and precision, recall, F1, strict then overlap."""
    rows = []
    if alone := tree["local_only"]:
        mean = {kind: _weighted(tree, kind) for kind in ("strict", "overlap")}
        if (
            abs(mean["strict"]["f1"] - alone["size_weighted_f1"]) > 0.01
        ):  # weighted by something else than notes
            mean = {kind: dict.fromkeys(("precision", "recall", "f1")) for kind in mean}
        mean["strict"]["f1"] = alone["size_weighted_f1"]
        rows.append({"name": "Local only", "what": "size-weighted mean of hospitals training alone", **mean})
    scores = [
        ("Federated", "trained together, notes kept apart", tree["federated"]),
        ("Pooled", "all notes in one place, for comparison only", tree["pooled"]),
    ]
    return rows + [
        {"name": name, "what": what} | {kind: score[kind]["micro"] for kind in ("strict", "overlap")}
        for name, what, score in scores
        if score
    ]


def _weighted(tree: dict[str, Any], kind: str) -> dict[str, float | None]:
    alone = tree["local_only"]["hospitals"]
    weights = {
        name: tree["hospitals"][name]["train_notes"] if name in tree["hospitals"] else 0 for name in alone
    }
    total = sum(weights.values())
    return {
        measure: sum(weights[name] * alone[name][kind]["micro"][measure] for name in alone) / total
        if total
        else math.nan
        for measure in ("precision", "recall", "f1")
    }


def _privacy(hospitals: Mapping[str, Any]) -> dict[str, Any]:
    """What the hospitals were promised: how many by trust, how many without an epsilon, the worst epsilon."""
    epsilons = [site["epsilon"] for site in hospitals.values() if site["epsilon"] is not None]
    return {
        "trust": Counter(site["trust"] for site in hospitals.values()),
        "without": len(hospitals) - len(epsilons),
        "largest": max(epsilons, default=None),
    }


def _sizes(hospitals: Mapping[str, Any]) -> list[tuple[str, list[int]]]:
    """Smallest, middle, largest and sum of every size; empty if the hospitals are few enough to list."""
    if len(hospitals) <= MOST_CELLS[0]:
        return []
    fields = ("patients", "notes", "train_notes", "held_out_notes")
    values = [[site[field] for site in hospitals.values()] for field in fields]
    kinds: list[tuple[str, Callable[[list[int]], int]]] = [
        ("smallest", min),
        ("median", median_low),
        ("largest", max),
        ("all together", sum),
    ]
    return [(name, [kind(sizes) for sizes in values]) for name, kind in kinds]


def _participation(tree: dict[str, Any]) -> dict[str, Any]:
    """Hospitals by rounds: `answered`, an error code, or empty if not asked; totals by hospital."""
    rounds = tree["rounds"]
    rows = [{"name": name, "cells": [_cell(name, r) for r in rounds]} for name in tree["hospitals"]]
    for row in rows:
        row["asked"] = sum(bool(cell) for cell in row["cells"])
        row["answered"] = row["cells"].count("answered")
        row["codes"] = Counter(cell for cell in row["cells"] if cell not in ("", "answered"))
    hospitals, columns = MOST_CELLS
    missing = sorted((row for row in rows if row["codes"]), key=lambda row: row["answered"] - row["asked"])
    return {
        "rows": rows,
        "grid": len(rows) <= hospitals and len(rounds) <= columns,
        "missing": missing[:MOST_MISSING],
        "more": len(missing[MOST_MISSING:]),
    }


def _cell(name: str, entry: dict[str, Any]) -> str:
    if name in entry["answered"]:
        return "answered"
    code = "no answer" if name in entry["cohort"] else ""
    return str(entry["missing"].get(name, code))


def _charts(tree: dict[str, Any]) -> dict[str, Any]:
    """The charts there is something to draw for, by name."""
    drawn: dict[str, Any] = {}
    if alone := tree["local_only"]:
        each = {name: scores["strict"]["micro"]["f1"] for name, scores in alone["hospitals"].items()}
        pooled = tree["pooled"] and tree["pooled"]["strict"]["micro"]["f1"]
        drawn["alone"] = charts.alone_and_together(each, tree["federated"]["strict"]["micro"]["f1"], pooled)
    if rounds := tree["rounds"]:
        points = [
            {
                "round": r["round"],
                "all": r["held_out"]["strict"]["micro"]["f1"],
                "hospitals": {
                    name: s["strict"]["micro"]["f1"] for name, s in r["held_out_by_hospital"].items()
                },
            }
            for r in rounds
            if r["held_out"]
        ]
        if points:
            drawn["held_out"] = charts.held_out_by_round(points)
        size, unit = _unit(max(max(r["bytes_up"], r["bytes_down"]) for r in rounds))
        drawn["bytes"] = charts.bytes_by_round(rounds, unit, size)
        drawn["memory"] = charts.memory_by_round(rounds)
        if any(r["seconds"] for r in rounds):
            drawn["seconds"] = charts.seconds_by_round(rounds)
    return drawn


def _hash(tree: dict[str, Any]) -> str:
    """SHA-256 of the `metrics.json` that holds this tree, as `server.metrics` writes it."""
    return hashlib.sha256((json.dumps(tree, indent=1) + "\n").encode()).hexdigest()


def _flat(value: Any, prefix: str = "") -> Any:
    """Leaves of nested settings as dotted name and text."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(value, list | tuple):
        yield prefix, ", ".join(map(str, value))
    else:
        yield prefix, "–" if value is None else str(value)


def _fixed(value: float | None, digits: int = 1) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{value:,.{digits}f}"


def _against(difference: float) -> str:
    return f"{abs(difference):.1f} points {'above' if difference >= 0 else 'below'}"


def _count(value: int) -> str:
    return f"{value:,}"


def _size(value: float) -> str:
    size, unit = _unit(value)
    return f"{value / size:,.{0 if size == 1 else 1}f} {unit}"


def _unit(value: float) -> tuple[float, str]:
    return next((entry for entry in _UNITS if value >= entry[0]), _UNITS[-1])
