"""Charts of HTML boxes: numbers in, one piece of markup out.

They follow the page from light to dark to paper, need no script, and carry their figures as text: each mark has a
title, and each chart a summary for screen readers. Streamlit lets no SVG through, so a line is a clipped box.
"""

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from ui.fragments import join

_HALF_LINE = 1.1  # pixels


def bars(rows: Sequence[tuple[str, float, str]], *, summary: str, highest: float, unit: str = "") -> Markup:
    """Horizontal bars.

    Args:
        rows: name, value from 0, and kind (a CSS class: `own`, `local`, `pooled`, `c1` ...).
        summary: for screen readers.
        highest: value of a whole bar.
        unit: after each figure.
    """
    made = (
        Markup(
            '<div class="bar"><span class="name">{}</span><span class="track">'
            '<i class="{}" style="width:{:.2f}%"></i></span><span class="value">{}{}</span></div>'
        ).format(name, kind, _share(value, highest), Markup("{:.1f}").format(value), unit)
        for name, value, kind in rows
    )
    return _figure("bars", summary, join(made))


def lines(
    series: Mapping[str, Sequence[tuple[int, float]]],
    *,
    summary: str,
    low: float = 0.0,
    high: float = 100.0,
    end: int | None = None,
) -> Markup:
    """Lines over rounds.

    Args:
        series: points (round, value) by name, rounds ascending; the first is drawn strongest.
        summary: for screen readers.
        low: value at the lower edge.
        high: value at the upper edge.
        end: last round of the axis, if it is not there yet.
    """
    rounds = [number for points in series.values() for number, _ in points]
    first, last = 1, max(max(rounds), end or 0)
    spread = max(1, last - first)

    def place(point: tuple[int, float]) -> tuple[float, float]:
        return 100 * (point[0] - first) / spread, 100 - _share(point[1] - low, high - low)

    layers, legend = [], []
    for index, (name, points) in enumerate(series.items()):
        kind = "own" if index == 0 else f"c{2 + (index - 1) % 7}"
        placed = [place(point) for point in points]
        layers.append(Markup('<i class="line {}" style="clip-path:{}"></i>').format(kind, _ribbon(placed)))
        layers += [
            Markup('<b class="dot {}" style="left:{:.2f}%;top:{:.2f}%" title="{}"></b>').format(
                kind, x, y, f"{name}, round {number}: {value:.1f}"
            )
            for (x, y), (number, value) in zip(placed, points, strict=True)
        ]
        legend.append(Markup('<li><i class="{}"></i>{}</li>').format(kind, name))
    grid = [
        Markup('<hr style="top:{0}%"><em style="top:{0}%">{1:g}</em>').format(
            100 - step, low + (high - low) * step / 100
        )
        for step in (0, 25, 50, 75, 100)
    ]
    ticks = [
        Markup('<em style="left:{:.2f}%">{}</em>').format(100 * (number - first) / spread, number)
        for number in _ticks(first, last)
    ]
    inside = Markup(
        '<div class="plot">{}{}</div><div class="axis">{}</div><ul class="legend">{}</ul>'
    ).format(join(grid), join(layers), join(ticks), join(legend))
    return _figure("lines", summary, inside)


def stacks(
    columns: Sequence[tuple[int, Mapping[str, float]]], *, kinds: Sequence[str], summary: str, unit: str
) -> Markup:
    """Stacked columns, one a round.

    Args:
        columns: round, and value by kind.
        kinds: in the order of stacking.
        summary: for screen readers.
        unit: after each figure.
    """
    highest = max((sum(parts.values()) for _, parts in columns), default=0.0) or 1.0
    made = []
    for number, parts in columns:
        said = ", ".join(f"{kind} {parts[kind]:.3g} {unit}" for kind in kinds if parts.get(kind))
        boxes = (
            Markup('<i class="c{}" style="height:{:.2f}%"></i>').format(
                1 + index % 8, _share(parts.get(kind, 0.0), highest)
            )
            for index, kind in enumerate(kinds)
        )
        made.append(Markup('<div title="{}">{}</div>').format(f"Round {number}: {said}", join(boxes)))
    legend = (Markup('<li><i class="c{}"></i>{}</li>').format(1 + i % 8, k) for i, k in enumerate(kinds))
    return _figure(
        "stacks",
        summary,
        Markup(
            '<div class="top">{:.3g} {}</div><div class="columns">{}</div><ul class="legend">{}</ul>'
        ).format(highest, unit, join(made), join(legend)),
    )


def meter(value: float, highest: float, *, summary: str, further: float = 0.0) -> Markup:
    """A bar that fills up to a limit.

    Args:
        value: reached.
        highest: the limit.
        summary: for screen readers.
        further: what one more step would add.
    """
    return Markup(
        '<div class="meter" role="img" aria-label="{}" title="{}"><i class="own" style="width:{:.2f}%"></i>'
        '<i class="more" style="width:{:.2f}%"></i></div>'
    ).format(
        summary, summary, _share(value, highest), min(100 - _share(value, highest), _share(further, highest))
    )


def _figure(kind: str, summary: str, inside: Markup) -> Markup:
    return Markup('<div class="chart {}" role="img" aria-label="{}">{}</div>').format(kind, summary, inside)


def _share(value: float, whole: float) -> float:
    if not math.isfinite(value) or whole <= 0:
        return 0.0
    return max(0.0, min(100.0, 100 * value / whole))


def _ribbon(points: Sequence[tuple[float, float]]) -> str:
    """A polygon as thick as a line, along points in percent."""
    there = [f"{x:.2f}% calc({y:.2f}% - {_HALF_LINE}px)" for x, y in points]
    back = [f"{x:.2f}% calc({y:.2f}% + {_HALF_LINE}px)" for x, y in reversed(points)]
    return f"polygon({', '.join([*there, *back])})"


def _ticks(first: int, last: int) -> list[int]:
    """About eight rounds to name, the ends among them."""
    step = max(1, round((last - first) / 8))
    inner = [number for number in range(first, last, step) if last - number >= step / 2]
    return [*inner, last]
