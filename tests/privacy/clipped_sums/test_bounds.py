"""Bounds of a unit's gradient hold against float64, also where rows cancel; without their slack they do not."""

import pytest
import torch
from torch import Tensor

from privacy.clipped_sums import outer as outer_module
from privacy.clipped_sums.outer import Grams, Outer
from privacy.clipped_sums.terms import Bounds, Scatter, Sum, Term
from privacy.clipped_sums.units import UnitRows

UNITS, WIDE = 6, 4096


def factors(form: str, rows: int, n: int, m: int, kind: torch.dtype) -> tuple[Tensor, Tensor]:
    """What went in and the gradient of what came out, `(UNITS, rows, n)` and `(UNITS, rows, m)`."""
    draw = torch.Generator().manual_seed(rows + n + m)
    inputs = torch.randn(UNITS, rows, n, generator=draw)
    gradient = torch.randn(UNITS, rows, m, generator=draw)
    if form != "plain":  # every second row takes back what the one before it brought
        half = rows // 2
        inputs[:, half : 2 * half] = inputs[:, :half]
        gradient[:, half : 2 * half] = -gradient[:, :half]
        if form == "nearly cancelling":
            gradient[:, -1] *= 1 + 1e-4
    if form == "tiny and large":
        inputs, gradient = inputs * 2.0**-90, gradient * 2.0**12
    return inputs.to(kind), gradient.to(kind)


def exact(inputs: Tensor, gradient: Tensor) -> Tensor:
    return gradient.double().mT @ inputs.double()


FORMS = ("plain", "cancelling", "nearly cancelling", "tiny and large")
SIZES = [(1, 24, 16), (8, 40, 64), (40, 96, 33), (40, 5, 7)]  # rows, n, m; the last one is formed


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("rows", "n", "m"), SIZES)
@pytest.mark.parametrize("form", FORMS)
def test_bounds_hold_in_float64(form: str, rows: int, n: int, m: int, kind: torch.dtype) -> None:
    inputs, gradient = factors(form, rows, n, m, kind)
    term = Outer(inputs, gradient, UnitRows(torch.arange(UNITS), UNITS), Grams())
    bounds = term.bounds(UNITS)
    if "_inputs" in vars(term):
        truth = exact(inputs, gradient)
    else:  # formed: the unit's gradient is what was formed
        truth = torch.stack([term.numbers(unit)[0][0] for unit in range(UNITS)]).double()
    assert (bounds.squares >= truth.flatten(1).square().sum(1)).all()
    if form == "plain":
        loose = 1.1 if kind == torch.bfloat16 else 1.001
        assert (bounds.squares <= truth.flatten(1).square().sum(1) * loose).all()
    check_slips(term, bounds, truth)


def check_slips(term: Term, bounds: Bounds, truth: Tensor) -> None:
    """The weighted sum is as near to real arithmetic as was said."""
    weights = torch.rand(len(truth), generator=torch.Generator().manual_seed(1)) + 0.1
    for kind in (torch.float32, torch.float64):
        into = torch.zeros(truth.shape[1:], dtype=kind)
        term.add_weighted(weights, into)
        wrong = (into.double() - torch.tensordot(weights.double(), truth, 1)).norm()
        assert float(wrong) <= float((weights.double() * bounds.slips.sqrt()).sum())


def test_bounds_of_vectors_and_tables_hold() -> None:
    draw = torch.Generator().manual_seed(2)
    rows = UnitRows(torch.arange(UNITS), UNITS)
    values = torch.randn(UNITS, 7, 9, generator=draw)
    term = Sum(values, rows)
    bounds, truth = term.bounds(UNITS), torch.stack([term.numbers(unit)[0] for unit in range(UNITS)]).double()
    assert (bounds.squares >= truth.square().sum(1)).all()
    check_slips(term, bounds, truth)
    table = Scatter(torch.randint(0, 5, (UNITS, 7), generator=draw), values, rows, size=5, padding=0)
    truth = torch.zeros(UNITS, 5, 9, dtype=torch.float64)
    for unit in range(UNITS):
        index, sums = table.numbers(unit)
        truth[unit, index] = sums.double()
    bounds = table.bounds(UNITS)
    assert (bounds.squares >= truth.flatten(1).square().sum(1)).all()
    check_slips(table, bounds, truth)


def test_a_row_beyond_what_rounding_is_bounded_for_has_no_finite_bound() -> None:
    inputs, gradient = factors("plain", 4, 24, 16, torch.float32)
    inputs[1] *= 2.0**20
    gradient[2, 3, 0] = torch.nan
    bounds = Outer(inputs, gradient, UnitRows(torch.arange(UNITS), UNITS), Grams()).bounds(UNITS)
    assert torch.isfinite(bounds.squares).tolist() == [True, False, False, True, True, True]


def test_without_the_slack_a_unit_whose_rows_cancel_passes_for_small(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of two nearly opposite rows only a small gradient is left, and float32 may see even less of it."""
    draw = torch.Generator().manual_seed(3)
    one = torch.randn(UNITS, 1, WIDE, generator=draw)
    inputs = torch.cat([one, one * (1 + 2.0**-12)], dim=1)
    gradient = torch.cat([one, -one], dim=1)
    truth = exact(inputs, gradient).flatten(1).square().sum(1)

    def squares() -> Tensor:
        return Outer(inputs, gradient, UnitRows(torch.arange(UNITS), UNITS), Grams()).bounds(UNITS).squares

    assert (squares() >= truth).all()
    for name in ("_SLACK", "_VANISHED"):
        monkeypatch.setattr(outer_module, name, 0.0)
    monkeypatch.setattr(outer_module, "slip", lambda _: 0.0)
    assert (squares() < truth).any()
