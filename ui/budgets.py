"""What the privacy page shows: budgets of hospitals, what the promise means, and what a plan would cost."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from privacy.accountant import MOST_TIMES
from privacy.budget import budget_tree
from privacy.ledger import Ledger
from privacy.plan import Accuracy, Plan
from ui.charts import meter
from ui.fragments import facts, join, key_figures, notice, table
from ui.runs import ledgers_of

_PURPOSES = {"train": "a training step", "evaluate": "an evaluation"}


def find_ledgers(run: Path | None, own: Sequence[Path]) -> dict[str, Path]:
    """Ledgers by name: this hospital's own, then those of a run's simulated hospitals."""
    named = {path.stem if len(own) > 1 else "this hospital": path for path in own}
    return named | (ledgers_of(run) if run else {})


def read_budget(path: Path) -> dict[str, Any]:
    """All figures of one ledger, as `privacy.budget` gives them.

    Raises:
        FixSettings: the file is missing or damaged.
    """
    return budget_tree(Ledger.existing(path).book(), None)


def headline(budgets: Mapping[str, Mapping[str, Any]]) -> Markup:
    """The worst of all budgets."""
    first = next(iter(budgets.values()))
    worst = max(budgets.values(), key=lambda one: one["spent"] / one["cap"] if one["spent"] else 0.0)
    one_more = [one for one in worst["one_more"] if one["purpose"].startswith("train")]
    times = min((one["times"] for one in one_more), default=None)
    return key_figures(
        [
            ("Spent, worst hospital", _epsilon(worst["spent"]), f"epsilon, of a cap of {worst['cap']:g}"),
            ("Left there", _epsilon(worst["left"]), "epsilon"),
            ("Protected", first["unit"], f"whether one {first['unit']} took part stays hidden"),
            ("Delta", _delta(first["delta"]), "probability that the limit fails"),
            ("Steps that still fit", _times(times), "of the last kind, at the worst hospital"),
        ]
    )


def budget_table(budgets: Mapping[str, Mapping[str, Any]]) -> Markup:
    """Spent and left of every hospital, and what one more step costs."""
    rows = []
    for name, one in budgets.items():
        further = max((more["after"] - more["before"] for more in _trained(one)), default=0.0)
        spent = one["spent"] or 0.0
        summary = f"{name}: {_epsilon(one['spent'])} of {one['cap']:g} spent"
        rows.append(
            (
                name,
                meter(spent, one["cap"], summary=summary, further=further),
                _epsilon(one["spent"]),
                _epsilon(one["left"]),
                f"{one['cap']:g}",
                _epsilon(one["spent_if_others_collude"]),
                f"{one['released']} of {one['reserved']}",
                f"+{further:.3f}" if further else "–",
            )
        )
    head = ("Hospital", "Budget", "Spent", "Left", "Cap", "If others collude", "Released", "One more step")
    return table(head, rows, caption="Privacy budgets, in epsilon", figures=range(2, 8))


def more_table(budgets: Mapping[str, Mapping[str, Any]]) -> Markup:
    """What one more round of each kind would cost, and how often it fits."""
    rows = [
        (
            name,
            _PURPOSES.get(more["purpose"].partition(".")[0], more["purpose"]),
            f"{more['noise_multiplier']:g}",
            f"{more['sample_rate']:.3g}",
            _epsilon(more["before"]),
            _epsilon(more["after"]),
            _times(more["times"]) if more["times"] else "would be refused",
        )
        for name, one in budgets.items()
        for more in one["one_more"]
    ]
    head = ("Hospital", "One more", "Noise", "Rate", "Epsilon before", "Epsilon after", "Fits")
    return table(head, rows, caption="What one more round would cost", figures=range(2, 7))


def history_table(budgets: Mapping[str, Mapping[str, Any]]) -> Markup:
    """Every kind of release so far."""
    rows = [
        (
            name,
            line["run"],
            _PURPOSES.get(line["purpose"].partition(".")[0], line["purpose"]),
            f"{line['first_round']}–{line['last_round']}",
            f"{line['released']} of {line['reserved']}",
            f"{line['noise_multiplier']:g}",
            _epsilon(line["epsilon"]),
            line["last_at"][:16].replace("T", " "),
        )
        for name, one in budgets.items()
        for line in one["history"]
    ]
    head = ("Hospital", "Run", "What for", "Rounds", "Went out", "Noise", "Epsilon alone", "Last, UTC")
    return table(head, rows, caption="What was released", figures=range(3, 7))


def promise(budget: Mapping[str, Any], trust: str) -> Markup:
    """Against whom the guarantee holds, in sentences."""
    unit, spent, apart = (
        budget["unit"],
        _epsilon(budget["spent"]),
        _epsilon(budget["spent_if_others_collude"]),
    )
    rows = [
        (
            "The aggregator, and anyone outside",
            f"epsilon {spent}",
            "sums over all hospitals, with the noise of all",
        ),
        (
            "All other hospitals together with the aggregator",
            f"epsilon {apart}",
            "its part of the sum, with its own noise only",
        ),
        ("A reader of the finished model", f"at most epsilon {spent}", "the model follows from those sums"),
        ("This hospital's own staff", "no promise", "they hold the notes"),
    ]
    if trust == "plain":
        rows = [("Anyone", "no promise", "the aggregator saw each update")]
    head = ("Against", f"Whether one {unit} took part", "What they see")
    return table(head, rows, caption="Against whom the guarantee holds")


def plan_view(plan: Plan) -> Markup:
    """A plan: what to run, who adds the noise, and the accuracy to expect."""
    head = facts(
        [
            ("Rounds", f"{plan.rounds} private steps"),
            ("Patients in a step", f"{plan.patients_a_step:,.0f} (rate {plan.sample_rate:g})"),
            ("Passes over a patient", f"{plan.passes:.1f}"),
            ("Noise multiplier", f"{plan.noise_multiplier:g}"),
            ("Spends", f"epsilon {plan.epsilon:.2f} of {plan.wish.epsilon:g}"),
            ("Must stay to the end", "–" if plan.threshold is None else f"{plan.threshold} hospitals"),
        ]
    )
    shares = table(
        ("Noise added by", "Share", "In the sum", "Signal to noise", "Epsilon if others collude"),
        [
            (
                one.noise if one.noise != "none" else "each hospital alone",
                f"{one.share:.2f}",
                f"{one.in_sum:.2f}",
                f"{one.signal:.2f}",
                f"{one.epsilon_if_others_collude:.2f}",
            )
            for one in plan.arrangements
        ],
        caption="Ways to add the noise",
        figures=range(1, 5),
        kinds=("best",),
    )
    bands = plan.arrangements[0].accuracy
    accuracy = table(
        ("Recipe that was measured", "Strict F1 to expect", "Band", "How it is known"),
        [(band.recipe, _band(band), _band_box(band), band.note) for band in bands],
        caption="Accuracy to expect, by runs on NCBI-disease; on other notes only the order will hold",
        figures=(1,),
        shown=True,
    )
    warnings = join(notice(said, "warn") for said in plan.warnings)
    return join([head, shares, accuracy if bands else Markup(""), warnings])


def _band(band: Accuracy) -> str:
    return "no figure" if band.low is None else f"{band.low:.0f} to {band.high:.0f} %"


def _band_box(band: Accuracy) -> Markup:
    if band.low is None or band.high is None:
        return Markup("–")
    return Markup(
        '<div class="meter" role="img" aria-label="{} to {} percent"><span style="width:{}%"></span>'
        '<i class="own" style="width:{:.1f}%"></i></div>'
    ).format(band.low, band.high, band.low, max(1.5, band.high - band.low))


def _trained(budget: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [
        one
        for one in budget["one_more"]
        if one["purpose"].startswith("train") and None not in (one["before"], one["after"])
    ]


def _epsilon(value: float | None) -> str:
    return "without bound" if value is None else f"{value:.2f}"


def _delta(value: float) -> str:
    """A probability such as 1e-5, without a leading zero in its exponent."""
    return f"{value:.2g}".replace("e-0", "e-")


def _times(times: int | None) -> str:
    if times is None:
        return "–"
    return f"{times} or more" if times >= MOST_TIMES else str(times)
