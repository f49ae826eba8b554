"""`clinfed aggregator plan`: what privacy will cost, before it is spent."""

import json
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from privacy.plan import Plan

Number = TypeVar("Number", int, float)


def plan(
    patients: Annotated[int, typer.Option("--patients", min=1, help="Of all hospitals together.")],
    epsilon: Annotated[
        float, typer.Option("--epsilon", help="What training may spend of a patient's privacy.")
    ],
    rounds: Annotated[str, typer.Option("--rounds", help="Private steps, or 'auto'.")] = "auto",
    hospitals: Annotated[int, typer.Option("--hospitals", min=1, help="That take part.")] = 6,
    colluders: Annotated[
        int, typer.Option("--colluders", min=0, help="Hospitals that may help the aggregator.")
    ] = 1,
    delta: Annotated[float, typer.Option("--delta", help="At which epsilon holds.")] = 1e-5,
    sample_rate: Annotated[
        str, typer.Option("--sample-rate", help="Share of patients in a step, or 'auto'.")
    ] = "auto",
    trainable: Annotated[int, typer.Option("--trainable", min=1, help="Weights that learn.")] = 150_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Says what privacy will cost before it is spent: noise, sampling, rounds, and the accuracy to expect."""
    from dataclasses import asdict

    from privacy.plan import Wish, make_plan

    wish = Wish(
        patients=patients,
        hospitals=hospitals,
        colluders=colluders,
        epsilon=epsilon,
        delta=delta,
        rounds=_number(rounds, int, "--rounds"),
        sample_rate=_number(sample_rate, float, "--sample-rate"),
        trainable=trainable,
    )
    made = make_plan(wish)
    typer.echo(json.dumps(asdict(made), indent=1) if as_json else _plan_text(made))


def _number(text: str, kind: type[Number], option: str) -> Number | None:
    """A number, or None for 'auto'."""
    from shared.errors import FixSettings

    try:
        return None if text == "auto" else kind(text)
    except ValueError:
        raise FixSettings("is neither a number nor auto", where=option, remedy="Give one of them.") from None


def _plan_text(plan: "Plan") -> str:
    wish = plan.wish
    lines = [
        f"{wish.patients:,} patients of {wish.hospitals} hospitals, "
        f"epsilon {wish.epsilon:g} at delta {wish.delta:g} for each patient",
        "",
        f"  rounds            {plan.rounds} private steps",
        f"  sample rate       {plan.sample_rate:g}: {plan.patients_a_step:,.0f} patients a step, "
        f"each {plan.passes:.1f} times in all",
        f"  noise multiplier  {plan.noise_multiplier:g}, which spends epsilon {plan.epsilon:.2f}",
        f"  a coordinate      of the mean gradient has noise {plan.noise_per_coordinate:.2g} and, if all patients "
        f"agree, {plan.signal_per_coordinate:.2g} of signal, in clipping norms",
    ]
    if plan.threshold is not None:
        lines.append(f"  threshold         {plan.threshold} hospitals must stay to the end of a secure sum")
    lines += [
        "",
        "                       noise multiplier        signal to noise     epsilon if",
        "  noise                 share   in the sum    a step  all steps  others collude",
    ]
    for one in plan.arrangements:
        lines.append(
            f"  {one.noise:20}{one.share:7.2f}{one.in_sum:13.2f}{one.signal_to_noise:10.2f}{one.signal:11.2f}"
            f"{one.epsilon_if_others_collude:16.2f}"
        )
    lines += [
        "",
        "  strict F1 to expect, by runs on NCBI-disease or as named; elsewhere only the order will hold",
    ]
    for one in plan.arrangements:
        for band in one.accuracy:
            said = "no figure" if band.low is None else f"{band.low:.0f} to {band.high:.0f}"
            lines.append(f"  {one.noise:21} {band.recipe:34}{said:>10}  ({band.note})")
    return "\n".join([*lines, "", *(f"! {warning}" for warning in plan.warnings)])
