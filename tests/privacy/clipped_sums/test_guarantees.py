"""No unit moves the sum by more than C, whatever it holds; and what each check is for, shown by leaving it out."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn

from privacy.clipped_sums import clipped_sum, per_unit_gradients, sums
from privacy.clipped_sums.outer import Grams, Outer
from privacy.clipped_sums.units import UnitRows
from privacy.quantise import quantise
from tests.privacy.clipped_sums.oracle import (
    EXAMPLES,
    GROUPINGS,
    LAYERS,
    TAGS,
    Case,
    Chain,
    States,
    apart,
    by_autograd,
    clipped,
    flat,
    flat_sum,
    layer_case,
    make_case,
    middle,
)

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")

SEVERAL = GROUPINGS["several each, ids in no order"]


def alone(case: Case, unit: int) -> Case:
    return case.only([row for row, owner in enumerate(SEVERAL) if owner == unit])


@pytest.mark.parametrize("layer", LAYERS)
def test_one_unit_alone_is_within_the_bound(layer: str) -> None:
    case = layer_case(layer)
    for unit, vector in by_autograd(case, SEVERAL).items():
        own = alone(case, unit)
        for bound in np.linalg.norm(vector) * np.array([0.01, 0.999999, 1.000001]):
            for size in (1, EXAMPLES):
                found = own.sum([unit] * len(own.ids), float(bound), size)
                assert np.linalg.norm(flat_sum(found.gradients)) <= bound * (1 + 1e-6)


@pytest.mark.parametrize("layer", LAYERS)
def test_removing_a_unit_moves_the_sum_by_no_more(layer: str) -> None:
    case = layer_case(layer)
    bound = middle(by_autograd(case, SEVERAL))
    everyone = flat_sum(case.sum(SEVERAL, bound).gradients)
    moved = []
    for unit in set(SEVERAL):
        rows = [row for row, owner in enumerate(SEVERAL) if owner != unit]
        rest = flat_sum(case.only(rows).sum([SEVERAL[row] for row in rows], bound).gradients)
        moved.append(float(np.linalg.norm(everyone - rest)))
    assert max(moved) <= bound * (1 + 1e-5)  # the others' float32 sum is rounded
    assert max(moved) > 0.9 * bound


def test_without_clipping_a_unit_moves_it_by_more(monkeypatch: pytest.MonkeyPatch) -> None:
    case = layer_case("linear")
    bound = middle(by_autograd(case, SEVERAL)) / 2
    monkeypatch.setattr(sums, "_weights", lambda norms, _: torch.ones(len(norms)))
    assert np.linalg.norm(flat_sum(alone(case, 4).sum([4] * 3, bound, EXAMPLES).gradients)) > 1.4 * bound


@pytest.mark.parametrize("size", [1, EXAMPLES])
def test_clipping_examples_instead_of_units_lets_a_patient_move_it_by_more(size: int) -> None:
    own = alone(layer_case("linear"), 4)
    bound = 1e-3
    by_patient = flat_sum(own.sum([4, 4, 4], bound, size).gradients)
    by_example = flat_sum(own.sum([0, 1, 2], bound, size).gradients)
    assert np.linalg.norm(by_patient) <= bound * (1 + 1e-6) < 1.2 * bound < np.linalg.norm(by_example)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_micro_batches_of_any_size_give_the_same_sum(data: st.DataObject) -> None:
    torch.manual_seed(1)
    case = make_case(
        Chain(nn.Linear(6, 5), States(nn.LSTM(5, 4, batch_first=True)), nn.LayerNorm(4), nn.Linear(4, TAGS))
    )
    unit_of = data.draw(st.lists(st.integers(0, 4), min_size=EXAMPLES, max_size=EXAMPLES))
    ends = [*sorted(data.draw(st.sets(st.integers(1, EXAMPLES - 1)))), EXAMPLES]
    sizes = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    expected = by_autograd(case, unit_of)
    bound = data.draw(st.sampled_from([0.5, 0.99, 1.5])) * middle(expected)
    pieces = case.cut(sizes)
    found = clipped_sum(case.model, case.weights, case.loss_of, pieces, unit_of, bound)
    assert apart(flat_sum(found.gradients), clipped(expected, bound)) < 1e-5
    norms = {unit: float(np.linalg.norm(vector)) for unit, vector in expected.items()}
    rounding = 1e-6 * max(norms.values())  # of the losses: a unit that is learnt already is all rounding
    assert np.allclose(found.norms, list(norms.values()), rtol=1e-5, atol=rounding)
    block = data.draw(st.sampled_from([1, 2000, 1 << 24]))
    units = per_unit_gradients(case.model, case.weights, case.loss_of, pieces, unit_of, block=block)
    for unit, gradient in units:
        assert np.linalg.norm(gradient - expected[unit]) <= 1e-5 * norms[unit] + rounding


def test_a_unit_made_to_cancel_does_not_pass_for_small(monkeypatch: pytest.MonkeyPatch) -> None:
    units, steps = 64, 40
    generator = torch.Generator().manual_seed(0)
    inputs = torch.rand(units, 1, 96, generator=generator).expand(-1, steps, -1).contiguous()
    gradient = torch.randn(units, steps, 96, generator=generator)
    gradient -= gradient.mean(
        1, keepdim=True
    )  # all rows of a unit read the same: they cancel but for rounding
    true = (gradient.double().mT @ inputs.double()).square().sum((1, 2))

    def found() -> Tensor:
        return Outer(inputs, gradient, UnitRows(torch.arange(units), units), Grams()).squared_norms()

    assert bool((found() >= true).all())
    monkeypatch.setattr("privacy.clipped_sums.outer._SLACK", 0.0)
    assert not bool((found() >= true).all())


def test_the_norm_of_a_large_matrix_loses_nothing() -> None:
    inputs = torch.ones(1, 400, 1536)  # so many rows that the gradient is formed, and all of it alike
    gradient = torch.full((1, 400, 384), 0.00025)
    rows = UnitRows(torch.zeros(1, dtype=torch.int64), 1)
    term = Outer(inputs, gradient, rows, Grams())
    (found,) = term.squared_norms().sqrt().tolist()
    formed = torch.empty(1, 1536 * 384)
    Outer(inputs, gradient, rows, Grams()).write_units(0, 1, formed)
    assert found == pytest.approx(float(formed.double().norm()), rel=1e-6)
    # One float32 sum over all of it is what a bound of a millionth does not survive.
    assert float(torch.linalg.vector_norm(formed)) != pytest.approx(float(formed.double().norm()), rel=1e-5)


@pytest.mark.parametrize("name", ["linear", "lora", "embedding", "lstm", "convolution", "layer norm"])
@pytest.mark.parametrize("grid", [7, 1 << 16])
def test_through_integers_a_unit_moves_the_sum_by_no_more_than_the_grid(name: str, grid: int) -> None:
    case = layer_case(name)
    bound = middle(by_autograd(case, SEVERAL))
    everyone = {unit: integers(case, unit, bound, grid) for unit in dict.fromkeys(SEVERAL)}
    total = sum(everyone.values(), np.zeros(1, np.int64))
    moves = []
    for gone in everyone:
        rest = sum(
            (integers(case, unit, bound, grid) for unit in everyone if unit != gone), np.zeros(1, np.int64)
        )
        moves.append(int((total - rest) @ (total - rest)))
    assert max(moves) <= grid**2
    if grid > 7:  # of which rounding towards zero leaves less
        assert max(moves) > 0.99 * grid**2


def integers(case: Case, unit: int, bound: float, grid: int) -> NDArray[np.int64]:
    """One unit's vector, run alone, as integers."""
    own = alone(case, unit)
    ((_, gradient),) = per_unit_gradients(
        own.model, own.weights, own.loss_of, own.microbatches(EXAMPLES), [unit] * len(own.ids)
    )
    return quantise(gradient, bound, grid).astype(np.int64)


@pytest.mark.parametrize("size", [1, 2, EXAMPLES])
@pytest.mark.parametrize("layer", ["linear", "linear, wide", "lora", "lstm", "convolution", "layer norm"])
def test_a_gradient_that_is_not_finite_adds_nothing(
    layer: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = layer_case(layer)
    broken = 4  # the last three examples
    case.ids[-1, 0] = 11
    with torch.no_grad():
        case.model.get_parameter("words.table.weight")[11] = torch.inf
    rows = [row for row, owner in enumerate(SEVERAL) if owner != broken and 11 not in case.ids[row]]
    kept = [row for row in range(EXAMPLES) if row in rows or SEVERAL[row] == broken]
    few, unit_of = case.only(kept), [SEVERAL[row] for row in kept]
    healthy = by_autograd(case.only(rows), [SEVERAL[row] for row in rows])
    bound = middle(healthy)
    found = few.sum(unit_of, bound, size)
    assert apart(flat_sum(found.gradients), clipped(healthy, bound)) < 1e-5
    assert np.isfinite(found.norms).sum() == found.units - 1
    units = few.units(unit_of, size)
    assert not units.pop(broken).any()
    assert all(apart(units[unit], vector) < 1e-5 for unit, vector in healthy.items())
    monkeypatch.setattr(sums, "_weights", lambda norms, bound: (bound / norms).clamp(max=1).float())
    assert not np.isfinite(flat_sum(few.sum(unit_of, bound, size).gradients)).all()


def test_in_training_norm_and_sum_see_one_draw_of_dropout() -> None:
    torch.manual_seed(2)
    model = Chain(nn.Linear(6, 20), nn.Dropout(0.5), States(nn.GRU(20, 8, batch_first=True)))
    model.layers.extend([nn.Linear(8, 8), nn.Dropout(0.5), nn.Linear(8, TAGS)])
    case = make_case(model.train())
    torch.manual_seed(9)
    losses = case.loss_of((case.ids, case.tags))
    expected = {
        unit: flat(
            torch.autograd.grad(
                losses[[row for row, owner in enumerate(SEVERAL) if owner == unit]].sum(),
                list(case.weights.values()),
                retain_graph=True,
            )
        )
        for unit in dict.fromkeys(SEVERAL)
    }
    bound = middle(expected)
    torch.manual_seed(9)
    found = case.sum(SEVERAL, bound, EXAMPLES)
    assert apart(flat_sum(found.gradients), clipped(expected, bound)) < 1e-5
    torch.manual_seed(10)
    assert apart(flat_sum(case.sum(SEVERAL, bound, EXAMPLES).gradients), clipped(expected, bound)) > 0.1
    torch.manual_seed(9)
    units = case.units(SEVERAL, EXAMPLES)
    assert all(apart(units[unit], vector) < 1e-5 for unit, vector in expected.items())


def test_a_step_that_draws_no_unit_has_a_sum_of_zeros() -> None:
    case = layer_case("linear")
    found = clipped_sum(case.model, case.weights, case.loss_of, [], [], 1.0)
    assert (found.units, found.loss, found.norms.shape) == (0, 0.0, (0,))
    assert not flat_sum(found.gradients).any()
    assert list(per_unit_gradients(case.model, case.weights, case.loss_of, [], [])) == []


def test_each_vector_is_the_callers_own() -> None:
    case = layer_case("linear")
    walk = per_unit_gradients(case.model, case.weights, case.loss_of, case.microbatches(2), SEVERAL)
    kept = dict(walk)
    for gradient in kept.values():
        gradient[0] += 100  # no other vector sees it
    expected = by_autograd(case, SEVERAL)
    for unit, gradient in kept.items():
        gradient[0] -= 100
        assert apart(gradient.astype(np.float64), expected[unit]) < 1e-4
