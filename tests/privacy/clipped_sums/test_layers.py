"""For every kind of layer and every grouping, sums and single units are what autograd finds one unit at a time."""

import numpy as np
import pytest

from privacy.clipped_sums import outer, products
from tests.privacy.clipped_sums.oracle import (
    EXAMPLES,
    GROUPINGS,
    LAYERS,
    OPACUS,
    Case,
    apart,
    by_autograd,
    by_opacus,
    clipped,
    flat_sum,
    layer_case,
    middle,
)

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")

TOLERANCE = 1e-5  # relative
SIZES = (1, 2, 3, EXAMPLES)
MATRICES = [name for name in LAYERS if "embedding" not in name and "norm" not in name]


def check(case: Case, unit_of: tuple[int, ...], sizes: tuple[int, ...], tolerance: float = TOLERANCE) -> None:
    """Both ways against autograd."""
    expected = by_autograd(case, unit_of)
    bound = middle(expected)
    for size in sizes:
        found = case.sum(unit_of, bound, size)
        assert list(found.gradients) == list(case.weights)
        assert {name: g.shape for name, g in found.gradients.items()} == {
            name: tuple(weight.shape) for name, weight in case.weights.items()
        }
        assert apart(flat_sum(found.gradients), clipped(expected, bound)) < tolerance
        norms = [np.linalg.norm(vector) for vector in expected.values()]
        assert np.allclose(found.norms, norms, rtol=tolerance, atol=0)
        assert found.units == len(expected) == len(found.norms)
        units = case.units(unit_of, size)
        assert units.keys() == expected.keys()
        for unit, vector in expected.items():
            assert apart(units[unit], vector) < TOLERANCE


@pytest.mark.parametrize("grouping", GROUPINGS)
@pytest.mark.parametrize("layer", LAYERS)
def test_every_layer_agrees_with_autograd(layer: str, grouping: str) -> None:
    check(layer_case(layer), GROUPINGS[grouping], SIZES)


@pytest.mark.parametrize("formed", [True, False])
@pytest.mark.parametrize("layer", MATRICES)
def test_the_ghost_norm_is_the_norm(layer: str, formed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outer.Outer, "_is_small", lambda *_: formed)
    for grouping in GROUPINGS.values():
        # Where it would not be chosen, rows cancel more, and with them grows what is added for rounding.
        check(layer_case(layer, seed=3), grouping, (2, EXAMPLES), TOLERANCE if formed else 3 * TOLERANCE)


@pytest.mark.parametrize("layer", LAYERS)
def test_without_onednn_it_is_the_same(layer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "_ONEDNN", None)
    check(layer_case(layer), GROUPINGS["several each, ids in no order"], (2,))


@pytest.mark.parametrize("grouping", GROUPINGS)
@pytest.mark.parametrize("layer", OPACUS)
def test_what_opacus_knows_agrees_with_opacus(layer: str, grouping: str) -> None:
    case, unit_of = layer_case(layer), GROUPINGS[grouping]
    expected = by_opacus(case, unit_of)
    bound = middle(expected)
    assert apart(flat_sum(case.sum(unit_of, bound).gradients), clipped(expected, bound)) < TOLERANCE


def test_both_forms_of_a_norm_are_met_without_being_forced() -> None:
    case = layer_case("linear, wide")
    forms: set[bool] = set()
    small = outer.Outer._is_small

    def spy(self: outer.Outer, slab: object) -> bool:
        forms.add(found := small(self, slab))  # type: ignore[arg-type]
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outer.Outer, "_is_small", spy)
        case.sum(GROUPINGS["one large, the rest alone"], 1.0, EXAMPLES)
    assert forms == {True, False}


def test_the_loss_is_that_of_all_examples() -> None:
    case = layer_case("linear")
    expected = case.loss_of((case.ids, case.tags)).sum().item()
    assert case.sum(GROUPINGS["taking turns"], 1.0, 2).loss == pytest.approx(expected, rel=1e-6)
