"""The privacy budget in figures: what a ledger spent, on what, what is left, and what one more round costs.

`clinfed node budget` prints them, and the privacy page shows them.
"""

import math
from collections.abc import Iterable
from typing import Any

from privacy.accountant import Release, epsilon
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
