"""The privacy budget for people and for machines: what `clinfed node budget` prints."""

import math
from collections.abc import Iterable
from typing import Any

from privacy.accountant import MOST_TIMES, Release, epsilon
from privacy.book import TRAIN, Book, Reservation


def budget_tree(book: Book, asked: Release | None) -> dict[str, Any]:
    """All figures of a ledger.

    Args:
        book: its entries.
        asked: a round to know the cost of; without it, what the last run released last, of each purpose.

    Returns:
        For `json.dumps`; an epsilon without a bound is None.
    """
    spent, made = book.spent(), book.reservations
    return {
        "unit": book.cap.unit,
        "delta": book.cap.delta,
        "cap": book.cap.epsilon,
        "caps": [{"epsilon": cap.epsilon, "after_reservations": before} for before, cap in book.caps],
        "spent": _number(spent.world.value),
        "spent_if_others_collude": _number(spent.others_collude.value),
        "left": _number(max(0.0, book.cap.epsilon - spent.world.value)),
        "reserved": len(made),
        "released": sum(one.released for one in made),
        "history": [_line(group, book.cap.delta) for group in _groups(made)],
        "one_more": [_cost(book, purpose, release) for purpose, release in _kinds(made, asked)],
        "chain": book.chain,
    }


def budget_text(tree: dict[str, Any]) -> str:
    """The same, to read.

    Args:
        tree: of `budget_tree`.
    """
    cap, spent = tree["cap"], tree["spent"]
    share = "" if spent is None else f"  ({100 * spent / cap:.0f} % of the cap)"
    lines = [
        f"unit      {tree['unit']}: what is hidden is whether one {tree['unit']} took part",
        f"cap       epsilon {cap:g} at delta {tree['delta']:g}",
        f"spent     epsilon {_said(spent)}{share}, against the aggregator and everyone outside",
        f"          epsilon {_said(tree['spent_if_others_collude'])} if all other hospitals tell it their noise",
        f"left      epsilon {_said(tree['left'])}",
        f"releases  {tree['reserved']} reserved, of which {tree['released']} are known to have gone out; all count",
    ]
    if len(tree["caps"]) > 1:
        changes = ", ".join(f"{one['epsilon']:g}" for one in tree["caps"])
        lines.append(f"caps      so far {changes}")
    if tree["history"]:
        names = (
            "run",
            "purpose",
            "rounds",
            "reserved",
            "out",
            "steps",
            "noise",
            "own",
            "rate",
            "epsilon",
            "last",
        )
        rows = [
            (
                one["run"],
                one["purpose"],
                f"{one['first_round']}-{one['last_round']}",
                str(one["reserved"]),
                str(one["released"]),
                str(one["steps"]),
                f"{one['noise_multiplier']:g}",
                f"{one['alone']:.4g}",
                f"{one['sample_rate']:.4g}",
                _said(one["epsilon"]),
                one["last_at"],
            )
            for one in tree["history"]
        ]
        lines += ["", *_table([names, *rows])]
        lines.append("epsilon is what a line would cost alone; the costs of all do not simply add")
    if tree["one_more"]:
        lines += ["", "one more round of"]
    for one in tree["one_more"]:
        times = f"{one['times']} or more" if one["times"] == MOST_TIMES else str(one["times"])
        lines.append(
            f"  {one['purpose']} (noise {one['noise_multiplier']:g}, rate {one['sample_rate']:.4g}, "
            f"{one['steps']} {'step' if one['steps'] == 1 else 'steps'}): epsilon {_said(one['before'])} to "
            f"{_said(one['after'])}; " + (f"{times} of them fit" if one["times"] else "would be refused")
        )
    return "\n".join(lines)


def _groups(made: Iterable[Reservation]) -> list[list[Reservation]]:
    """Reservations of one run, purpose and kind, in the order of their first."""
    groups: dict[tuple[object, ...], list[Reservation]] = {}
    for one in made:
        kind = (one.run, one.purpose, one.release.noise_multiplier, one.release.sample_rate, one.alone)
        groups.setdefault(kind, []).append(one)
    return list(groups.values())


def _line(group: list[Reservation], delta: float) -> dict[str, Any]:
    first = group[0]
    return {
        "run": first.run,
        "purpose": first.purpose,
        "first_round": min(one.round for one in group),
        "last_round": max(one.round for one in group),
        "reserved": len(group),
        "released": sum(one.released for one in group),
        "steps": sum(one.release.steps for one in group),
        "noise_multiplier": first.release.noise_multiplier,
        "alone": first.alone,
        "sample_rate": first.release.sample_rate,
        "epsilon": _number(epsilon((one.release for one in group), delta).value),
        "first_at": first.at,
        "last_at": group[-1].at,
    }


def _kinds(made: tuple[Reservation, ...], asked: Release | None) -> list[tuple[str | None, Release]]:
    """Rounds whose cost is of interest, by purpose."""
    if asked is not None:
        return [(None, asked)]
    last: dict[str | None, Release] = {one.purpose: one.release for one in made if one.run == made[-1].run}
    return list(last.items())


def _cost(book: Book, purpose: str | None, release: Release) -> dict[str, Any]:
    """What a round costs; one that is only asked about is taken to train, as the last that did."""
    trained = (one.purpose for one in reversed(book.reservations) if one.purpose.startswith(TRAIN))
    cost = book.cost_of(release, purpose or next(trained, TRAIN))
    return {
        "purpose": purpose or "the round asked about",
        "noise_multiplier": release.noise_multiplier,
        "sample_rate": release.sample_rate,
        "steps": release.steps,
        "before": _number(cost.before),
        "after": _number(cost.after),
        "times": cost.times,
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _said(value: float | None) -> str:
    return "without bound" if value is None else f"{value:.3f}"


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    """Columns of even width, words to the left and figures to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            f"{cell:<{width}}" if place < 2 else f"{cell:>{width}}"
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
