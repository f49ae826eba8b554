"""`clinfed aggregator plan`: figures that the accountant confirms, curves that stay near what was measured."""

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from privacy.accountant import Release, epsilon, noise_for
from privacy.noise_shares import exact_shares, plain_shares
from privacy.plan import CURVES, REACH, SEEDS, Curve, Plan, Wish, accuracy_at, make_plan, signal_of
from shared.cli import command_tree
from shared.errors import FixSettings

WISH = Wish(
    patients=2000,
    hospitals=6,
    colluders=1,
    epsilon=3.0,
    delta=1e-5,
    rounds=64,
    sample_rate=0.2,
    trainable=150_000,
)
POINTS = [(curve, point) for curve in CURVES for point in curve.points]


@pytest.fixture
def plan() -> Callable[..., Result]:
    def run(*args: object) -> Result:
        return CliRunner().invoke(
            command_tree(), ["aggregator", "plan", *map(str, args)], prog_name="clinfed"
        )

    return run


def _by_noise(made: Plan) -> dict[str, Any]:
    return {one.noise: one for one in made.arrangements}


def _warned(made: Plan, part: str) -> bool:
    return any(part in warning for warning in made.warnings)


def _signals(curve: Curve) -> list[float]:
    return [signal_of(curve.trainable, *point[1:3], point[4]) for point in curve.points]


def test_the_noise_keeps_to_epsilon() -> None:
    made = make_plan(WISH)
    assert made.noise_multiplier == noise_for(3.0, 1e-5, [], 0.2, 64)
    assert made.epsilon == epsilon([Release(made.noise_multiplier, 0.2, 64)], 1e-5).value <= 3.0
    assert (made.rounds, made.sample_rate, made.patients_a_step, made.passes) == (64, 0.2, 400.0, 12.8)
    assert made.noise_per_coordinate == made.noise_multiplier / 400
    assert made.signal_per_coordinate == 1 / math.sqrt(150_000)


def test_shares_are_those_that_are_drawn() -> None:
    made = make_plan(WISH)
    sums = _by_noise(made)
    assert made.threshold == 5
    sigma = made.noise_multiplier * 2**16
    for name, make in (("secagg", plain_shares), ("secagg, exact shares", exact_shares)):
        drawn = make(sigma, 6, 5, 1).sigmas[0] / 2**16
        assert sums[name].share == pytest.approx(drawn, rel=1e-9)
        assert sums[name].in_sum == pytest.approx(drawn * math.sqrt(6))
    assert sums["none"].share == made.noise_multiplier
    assert sums["none"].epsilon_if_others_collude == made.epsilon
    assert sums["secagg"].epsilon_if_others_collude > made.epsilon
    assert sums["secagg, exact shares"].in_sum < sums["secagg"].in_sum < sums["none"].in_sum


def test_signal_to_noise_is_of_the_sum() -> None:
    made = make_plan(WISH)
    for one in made.arrangements:
        assert one.signal_to_noise == pytest.approx(400 / (one.in_sum * math.sqrt(150_000)))
        assert one.signal == pytest.approx(8 * one.signal_to_noise)


@pytest.mark.parametrize(("curve", "point"), POINTS)
def test_the_measured_noise_is_the_accountants(curve: Curve, point: tuple[Any, ...]) -> None:
    units, expected, steps, target, noise, _ = point
    assert noise == pytest.approx(noise_for(target, 1e-5, [], expected / units, steps), rel=0.02)


@pytest.mark.parametrize(("curve", "point"), POINTS)
def test_a_band_holds_what_was_measured(curve: Curve, point: tuple[Any, ...]) -> None:
    found = accuracy_at(curve, signal_of(curve.trainable, *point[1:3], point[4]))
    assert (found.low, found.high) == (round(point[5] - SEEDS, 1), round(point[5] + SEEDS, 1))
    assert found.note == "between measured runs"


@pytest.mark.parametrize("curve", CURVES)
def test_a_curve_ascends_and_is_not_followed_far(curve: Curve) -> None:
    signals = _signals(curve)
    assert signals == sorted(signals)
    steps = [signals[0] / REACH * 1.01 * 1.1**n for n in range(60)]
    lows = [found.low for found in (accuracy_at(curve, step) for step in steps) if found.low is not None]
    inside = [low for step, low in zip(steps, lows, strict=False) if step <= signals[-1] * REACH]
    assert inside == sorted(inside)
    assert accuracy_at(curve, signals[0] / REACH * 0.99).low is None
    beyond = accuracy_at(curve, signals[-1] * REACH * 1.01)
    if curve.no_noise is None:
        assert beyond.high is None
    else:
        assert (beyond.low, beyond.high) == (curve.points[-1][5], curve.no_noise)
        assert "beyond what was measured" in beyond.note
        assert accuracy_at(curve, signals[-1] * REACH * 0.99).high <= curve.no_noise


def test_the_curve_foretells_local_noise() -> None:
    """Measured with six hospitals and noise of their own at every step (docs/results.md, seed 1)."""
    for target, measured in ((8.0, 76.2), (3.0, 75.9)):
        wish = replace(WISH, patients=5424, hospitals=6, epsilon=target, sample_rate=0.19, trainable=149_000)
        alone = _by_noise(make_plan(wish))["none"].accuracy
        (band,) = [one for one in alone if one.recipe == "public start with dictionaries"]
        assert band.low - 0.5 <= measured <= band.high + 0.5


def test_what_is_left_open_is_chosen_well() -> None:
    auto = make_plan(replace(WISH, rounds=None, sample_rate=None))
    assert auto.rounds >= 64
    assert auto.passes >= 12
    everyone = make_plan(replace(WISH, rounds=64, sample_rate=1.0))
    assert auto.arrangements[0].signal >= 0.89 * everyone.arrangements[0].signal
    assert auto.sample_rate <= 0.5
    assert not _warned(auto, "converge")
    fixed = make_plan(replace(WISH, rounds=None, sample_rate=0.05))
    assert (fixed.sample_rate, fixed.rounds) == (0.05, 240)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"patients": 100, "epsilon": 1.0}, "cannot work"),
        ({"patients": 700}, "hardly works"),
        ({"rounds": 10}, "10 may be too few"),
        ({"sample_rate": 0.1}, "seen 6.4 times"),
        ({"delta": 1e-3}, "choose at most 5e-05"),
        ({"epsilon": 11.0}, "above 10"),
        ({"hospitals": 2}, "Secure sums need 3"),
        ({"hospitals": 3, "colluders": 2}, "Secure sums need 3"),
        ({"trainable": 22_000_000}, "No accuracy is given"),
        ({}, "Evaluation spends, too"),
    ],
)
def test_a_plan_warns(change: dict[str, Any], part: str) -> None:
    assert _warned(make_plan(replace(WISH, **change)), part)
    if change:
        assert not _warned(make_plan(WISH), part)


def test_what_would_help_does_help() -> None:
    poor = replace(WISH, patients=1500, epsilon=1.0)
    made = make_plan(poor)
    assert _warned(made, "hardly works")
    (advice,) = [warning for warning in made.warnings if "would help" in warning]
    found = re.search(r": ([\d,]+) patients, or an epsilon of ([\d.]+), or ([\d,]+) trained weights", advice)
    assert found is not None, advice
    patients, target, weights = (figure.replace(",", "") for figure in found.groups())
    for change in (
        {"patients": int(patients)},
        {"epsilon": float(target) + 0.05},
        {"trainable": int(weights)},
    ):
        assert not _warned(make_plan(replace(poor, **change)), "work")


def test_alone_there_is_only_local_noise() -> None:
    made = make_plan(replace(WISH, hospitals=1, colluders=0))
    assert made.threshold is None
    assert [one.noise for one in made.arrangements] == ["none"]


@pytest.mark.parametrize(
    "change",
    [
        {"patients": 0},
        {"hospitals": 0},
        {"hospitals": 3000},
        {"colluders": 6},
        {"colluders": -1},
        {"epsilon": 0.0},
        {"epsilon": math.nan},
        {"delta": 1.0},
        {"rounds": 0},
        {"sample_rate": 0.0},
        {"sample_rate": 1.1},
        {"trainable": 0},
    ],
)
def test_a_wish_out_of_range(change: dict[str, Any]) -> None:
    with pytest.raises(FixSettings, match="out of range"):
        replace(WISH, **change)


def test_the_command_prints_one_object(plan: Callable[..., Result]) -> None:
    fixed = ("--patients", 2000, "--epsilon", 3, "--rounds", 64, "--sample-rate", 0.2)
    result = plan(*fixed, "--json")
    assert result.exit_code == 0, result.output
    tree = json.loads(result.stdout)
    made = make_plan(WISH)
    assert tree["noise_multiplier"] == made.noise_multiplier
    assert tree["wish"]["trainable"] == 150_000
    assert [one["noise"] for one in tree["arrangements"]] == ["secagg", "secagg, exact shares", "none"]
    assert tree["warnings"] == list(made.warnings)


def test_the_command_prints_a_text(plan: Callable[..., Result]) -> None:
    result = plan("--patients", 2000, "--epsilon", 3, "--rounds", "auto", "--sample-rate", "auto")
    assert result.exit_code == 0, result.output
    for part in (
        "2,000 patients of 6 hospitals",
        "private steps",
        "NCBI-disease",
        "75 to 77",
        "no figure",
        "! ",
    ):
        assert part in result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("args", "part"),
    [
        (("--rounds", "many"), "--rounds"),
        (("--rounds", "0"), "rounds"),
        (("--sample-rate", "2"), "sample rate"),
        (("--sample-rate", "x"), "--sample-rate"),
        (("--colluders", "6"), "colluders"),
        (("--delta", "0"), "delta"),
    ],
)
def test_the_command_refuses(args: tuple[str, ...], part: str, plan: Callable[..., Result]) -> None:
    result = plan("--patients", 2000, "--epsilon", 3, *args)
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("error[fix-settings]: ")
    assert part in line
