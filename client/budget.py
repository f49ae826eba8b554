"""The privacy budget for people: what `clinfed node budget` prints."""

from typing import Any

from privacy.accountant import MOST_TIMES


def budget_text(tree: dict[str, Any]) -> str:
    """The figures of a ledger, to read.

    Args:
        tree: of `privacy.budget.budget_tree`.
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
