"""Charts: a figure's place and size are its value, and whatever is no number is drawn as nothing."""

import math
import re

import pytest

from ui import charts


@pytest.mark.parametrize(
    ("value", "width"),
    [(0, "0.00"), (25, "25.00"), (100, "100.00"), (140, "100.00"), (-5, "0.00"), (math.nan, "0.00")],
)
def test_a_bar_is_as_long_as_its_value(value: float, width: str) -> None:
    html = charts.bars([("Federated", value, "own")], summary="s", highest=100)
    assert f"width:{width}%" in html


def test_points_stand_where_they_belong() -> None:
    html = charts.lines({"All": [(1, 0.0), (3, 50.0), (5, 100.0)]}, summary="s")
    places = re.findall(r'class="dot own" style="left:([\d.]+)%;top:([\d.]+)%"', html)
    assert places == [("0.00", "100.00"), ("50.00", "50.00"), ("100.00", "0.00")]


def test_the_axis_reaches_the_round_that_is_planned() -> None:
    html = charts.lines({"All": [(2, 10.0)]}, summary="s", end=20)
    assert ">20</em>" in html
    assert "left:5.26%;top:90.00%" in html


def test_columns_are_stacked_to_their_sum() -> None:
    html = charts.stacks(
        [(1, {"a": 1.0, "b": 3.0}), (2, {"a": 2.0})], kinds=("a", "b"), summary="s", unit="s"
    )
    assert re.findall(r"height:([\d.]+)%", html) == ["25.00", "75.00", "50.00", "0.00"]
    assert "Round 2: a 2 s" in html


def test_a_meter_never_runs_over() -> None:
    html = charts.meter(7.9, 8.0, summary="s", further=2.0)
    assert sum(map(float, re.findall(r"width:([\d.]+)%", html))) == pytest.approx(100.0)


def test_names_are_escaped() -> None:
    html = charts.bars([("<script>", 1, "own")], summary='"<script>', highest=1)
    html += charts.lines({"<script>": [(1, 1.0)]}, summary="<script>")
    html += charts.stacks([(1, {"<script>": 1.0})], kinds=("<script>",), summary="<script>", unit="<b>")
    assert "<script" not in html
    assert "<b>" not in html
