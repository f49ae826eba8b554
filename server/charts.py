"""The report's charts: rows of numbers in, one inline SVG out.

Vega-Lite draws them offline inside the process. Colours are CSS variables of the page, so a chart follows the page
from light to dark to paper. Names enter as data only, never as part of a specification, and Vega escapes them.
"""

import re
from collections.abc import Mapping, Sequence
from statistics import quantiles
from typing import Any

import altair as alt
import vl_convert
from markupsafe import Markup

MOST_NAMED = 24  # hospitals with a bar and a name of their own
MOST_LINES = 8  # hospitals with a line and a colour of their own

_WIDTH, _HALF, _HEIGHT = 740, 320, 150
_CONFIG = {
    "background": None,
    "aria": False,
    "font": "Arial, Liberation Sans, Helvetica, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--soft)",
        "titleColor": "var(--soft)",
        "titleFontWeight": "normal",
        "gridColor": "var(--line)",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
        "labelOverlap": True,
        "labelLimit": 190,
    },
    "legend": {
        "labelColor": "var(--ink)",
        "titleColor": "var(--soft)",
        "orient": "top",
        "title": None,
        "labelLimit": 150,
        "columns": 4,
    },
    "text": {"color": "var(--ink)"},
}


def alone_and_together(alone: Mapping[str, float], federated: float, pooled: float | None) -> Markup:
    """Bars of each hospital's F1 alone, with the federated and the pooled model's beside them.

    Args:
        alone: strict F1 in percent by hospital; with more than `MOST_NAMED` hospitals names are left out.
        federated: F1 of the federated model.
        pooled: F1 of the pooled model, if there is one.
    """
    together = {"Federated": federated, **({} if pooled is None else {"Pooled": pooled})}
    ranked = sorted(alone.items(), key=lambda item: -item[1])
    colour = _colour({**{who: who.lower() for who in together}, "Local only": "local"})
    if len(ranked) > MOST_NAMED:
        rows = [{"rank": rank, "f1": f1, "who": "Local only"} for rank, (_, f1) in enumerate(ranked, start=1)]
        x = _ordinal("rank", len(rows), "hospitals training alone, best first")
        bars = alt.Chart(_data(rows)).mark_bar().encode(x=x, y=_percent(alt.Y), color=colour)
        rules = alt.Chart(_data([{"who": who, "f1": f1} for who, f1 in together.items()]))
        lines = rules.mark_rule(strokeWidth=1.5).encode(y="f1:Q", color=colour)
        return _svg((bars + lines).properties(width=_WIDTH, height=_HEIGHT * 1.3))
    rows = [{"name": who, "f1": f1, "who": who} for who, f1 in together.items()]
    rows += [{"name": f"{name} alone", "f1": f1, "who": "Local only"} for name, f1 in ranked]
    y = alt.Y("name:N", sort=None, title=None, axis=alt.Axis(ticks=False, domain=False, labelPadding=6))
    base = alt.Chart(_data(rows)).encode(y=y, x=_percent(alt.X))
    bars = base.mark_bar(height={"band": 0.72}).encode(color=colour.legend(None))
    values = base.mark_text(align="left", dx=4).encode(text=alt.Text("f1:Q", format=".1f"))
    lines = alt.Chart(_data(rows[:1])).mark_rule(strokeDash=[3, 3], color="var(--federated)").encode(x="f1:Q")
    return _svg((lines + bars + values).properties(width=_WIDTH - 180, height=alt.Step(22)))


def held_out_by_round(points: Sequence[Mapping[str, Any]]) -> Markup:
    """Lines of F1 on held-out patients: all hospitals together, and each, or their spread if they are many.

    Args:
        points: one per evaluated round: `round`, `all` (F1 over all hospitals), `hospitals` (F1 by name).
    """
    names = list(dict.fromkeys(name for point in points for name in point["hospitals"]))
    together = [{"round": p["round"], "f1": p["all"], "who": "All hospitals"} for p in points]
    x = _rounds([p["round"] for p in points])
    if len(names) > MOST_LINES:
        rows = [_spread(p["round"], list(p["hospitals"].values())) for p in points if p["hospitals"]]
        base = alt.Chart(_data(rows)).encode(x=x)
        variables = {"All hospitals": "federated", "Middle half": "mid", "Lowest to highest": "range"}
        layers = [
            base.mark_area(opacity=1, line=False, point=len(points) == 1).encode(
                y=_percent(alt.Y, f"{low}:Q"), y2=f"{high}:Q", color=_colour(variables, f"{who}:N")
            )
            for low, high, who in [("low", "high", "outer"), ("q1", "q3", "inner")]
        ]
    else:
        rows = [
            {"round": p["round"], "f1": f1, "who": who} for p in points for who, f1 in p["hospitals"].items()
        ]
        variables = {"All hospitals": "federated"} | {name: f"c{i}" for i, name in enumerate(names, start=1)}
        layers = [
            alt.Chart(_data(rows))
            .mark_line(strokeWidth=1.5, point={"size": 14})
            .encode(x=x, y=_percent(alt.Y), color=_colour(variables))
        ]
    layers.append(
        alt.Chart(_data(together))
        .mark_line(strokeWidth=3, point={"size": 36})
        .encode(x=x, y=_percent(alt.Y), color=_colour(variables))
    )
    return _svg(alt.layer(*layers).properties(width=_WIDTH, height=_HEIGHT * 1.6))


def bytes_by_round(rounds: Sequence[Mapping[str, Any]], unit: str, size: float) -> Markup:
    """Bars of what was sent to and received from hospitals.

    Args:
        rounds: rounds of `metrics.json`.
        unit: name of the unit.
        size: bytes in one unit.
    """
    kinds = {"Received from hospitals": "bytes_up", "Sent to hospitals": "bytes_down"}
    rows = [
        {"round": r["round"], "value": r[key] / size, "who": who}
        for r in rounds
        for who, key in kinds.items()
    ]
    colour = _colour({"Received from hospitals": "federated", "Sent to hospitals": "c5"})
    chart = (
        alt.Chart(_data(rows))
        .mark_bar()
        .encode(x=_ordinal("round", len(rounds)), y=_amount(unit), color=colour)
    )
    return _svg(chart.encode(xOffset="who:N").properties(width=_HALF, height=_HEIGHT))


def seconds_by_round(rounds: Sequence[Mapping[str, Any]]) -> Markup:
    """Stacked bars of wall clock by phase.

    Args:
        rounds: rounds of `metrics.json`.
    """
    phases = list(dict.fromkeys(phase for r in rounds for phase in r["seconds"]))
    rows = [
        {"round": r["round"], "value": seconds, "who": phase, "order": phases.index(phase)}
        for r in rounds
        for phase, seconds in r["seconds"].items()
    ]
    colour = _colour({phase: f"c{1 + i % 8}" for i, phase in enumerate(phases)})
    chart = (
        alt.Chart(_data(rows))
        .mark_bar()
        .encode(x=_ordinal("round", len(rounds)), y=_amount("s"), color=colour)
    )
    return _svg(chart.encode(order="order:Q").properties(width=_HALF, height=_HEIGHT))


def memory_by_round(rounds: Sequence[Mapping[str, Any]]) -> Markup:
    """The process's peak resident memory so far.

    Args:
        rounds: rounds of `metrics.json`.
    """
    rows = [{"round": r["round"], "value": r["memory_mb"]} for r in rounds]
    chart = alt.Chart(_data(rows)).mark_line(color="var(--federated)", point={"color": "var(--federated)"})
    x = _rounds([r["round"] for r in rounds])
    return _svg(chart.encode(x=x, y=_amount("MiB")).properties(width=_HALF, height=_HEIGHT))


def _spread(number: int, values: list[float]) -> dict[str, Any]:
    q1, _, q3 = quantiles(values if len(values) > 1 else values * 2, n=4, method="inclusive")
    ends = {"low": min(values), "high": max(values), "q1": q1, "q3": q3}
    return {"round": number, **ends, "outer": "Lowest to highest", "inner": "Middle half"}


def _data(rows: list[dict[str, Any]]) -> alt.InlineData:
    return alt.InlineData(values=rows)


def _colour(variables: Mapping[str, str], field: str = "who:N") -> alt.Color:
    scale = alt.Scale(domain=list(variables), range=[f"var(--{variable})" for variable in variables.values()])
    return alt.Color(field, scale=scale)


def _percent(axis: Any, field: str = "f1:Q") -> Any:
    return axis(field, title="strict F1, %", scale=alt.Scale(domain=[0, 100]), axis=alt.Axis(tickCount=5))


def _amount(unit: str) -> alt.Y:
    return alt.Y("value:Q", title=unit, axis=alt.Axis(tickCount=4))


def _ordinal(field: str, count: int, title: str | None = None) -> alt.X:
    return alt.X(f"{field}:O", title=title or field, axis=alt.Axis(labelAngle=0, values=_ticks(count)))


def _rounds(numbers: Sequence[int]) -> alt.X:
    scale = alt.Scale(domain=[min(numbers) - 0.5, max(numbers) + 0.5], nice=False)
    axis = alt.Axis(values=_ticks(max(numbers)), format="d", grid=False)
    return alt.X("round:Q", title="round", scale=scale, axis=axis)


def _ticks(count: int) -> list[int]:
    """Whole numbers from 1 to `count`, few enough to stand beside one another."""
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, count) if count <= 12 * step)
    return sorted({1, *range(step, count + 1, step)})


def _svg(chart: Any) -> Markup:
    svg = vl_convert.vegalite_to_svg(chart.to_dict(), config=_CONFIG, allowed_base_urls=[])
    head, body = svg.split(">", 1)
    width, height = re.findall(r' (?:width|height)="([0-9.]+)"', head)[:2]
    box = f'<svg role="presentation" viewBox="0 0 {width} {height}" style="max-width: {width}px">'
    return Markup(box + body)  # noqa: S704 - drawn by Vega, which escapes text
