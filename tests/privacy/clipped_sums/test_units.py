"""Rows go to their own unit, in whatever order they lie."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from privacy.clipped_sums.outer import Grams, Outer
from privacy.clipped_sums.terms import Scatter, Sum, Term
from privacy.clipped_sums.units import Roll, UnitRows
from shared.errors import FixSettings

owners = st.lists(st.integers(0, 5), min_size=1, max_size=60)


@given(owners, st.integers(1, 3))
def test_slabs_hold_each_units_own_rows(owner: list[int], positions: int) -> None:
    rows = UnitRows(torch.tensor(owner), 6)
    values = torch.arange(1, len(owner) * positions + 1).view(-1, positions, 1).double()
    seen: set[int] = set()
    for slab in rows.slabs:
        held = slab.gather(values, blank=True)
        unblanked = slab.gather(values)
        for unit, own, filled in zip(slab.units.tolist(), held, unblanked, strict=True):
            expected = values[[row for row, who in enumerate(owner) if who == unit]].flatten().tolist()
            assert sorted(own.flatten()[own.flatten() != 0].tolist()) == expected
            assert set(filled.flatten().tolist()) == set(expected)  # what fills up is its own
            assert unit not in seen
            seen.add(unit)
    assert seen == set(owner)


@given(owners)
def test_few_rows_are_for_filling_up(owner: list[int]) -> None:
    slabs = UnitRows(torch.tensor(owner), 6).slabs
    assert sum(len(slab.units) * slab.each for slab in slabs) <= 1.25 * len(owner)


@given(owners, st.integers(0, 6), st.integers(0, 6))
def test_part_of_a_slab_is_that_of_some_units(owner: list[int], first: int, last: int) -> None:
    values = torch.arange(1, len(owner) + 1).view(-1, 1, 1).double()
    for slab in UnitRows(torch.tensor(owner), 6).slabs:
        chosen = [at for at, unit in enumerate(slab.units.tolist()) if first <= unit < last]
        part = slab.part(first, last)
        if part is None:
            assert not chosen
        else:
            assert part.units.tolist() == slab.units[chosen].tolist()
            assert torch.equal(part.gather(values, blank=True), slab.gather(values, blank=True)[chosen])


@given(owners)
def test_rows_add_up_by_unit(owner: list[int]) -> None:
    values = torch.randn(len(owner), 3, generator=torch.Generator().manual_seed(1))
    sums = UnitRows(torch.tensor(owner), 6).sums(values)
    for unit in range(6):
        own = values[[row for row, who in enumerate(owner) if who == unit]]
        assert torch.allclose(sums[unit], own.sum(0), atol=1e-5)


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=20), st.data())
def test_a_unit_is_whole_where_all_its_examples_are(unit_of: list[int], data: st.DataObject) -> None:
    roll = Roll(unit_of)
    start = data.draw(st.integers(0, len(unit_of) - 1))
    count = data.draw(st.integers(1, len(unit_of) - start))
    present = roll.present(start, count)
    here = unit_of[start : start + count]
    assert roll.ids == list(dict.fromkeys(unit_of))
    assert [roll.ids[int(present.units[local])] for local in present.owner] == here
    for position, whole in zip(present.units.tolist(), present.whole.tolist(), strict=True):
        unit = roll.ids[position]
        assert whole is (unit_of.count(unit) == here.count(unit))
        assert roll.is_last(position, start + count) is (unit not in unit_of[start + count :])


def test_all_of_a_units_vector_is_written_even_of_one_without_rows() -> None:
    rows = UnitRows(torch.tensor([2, 0, 2]), 4)  # units 1 and 3 own none
    inputs, gradient, index = torch.ones(3, 2, 5), torch.ones(3, 2, 3), torch.tensor([[0, 1], [1, 1], [3, 0]])
    terms: dict[int, Term] = {
        15: Outer(inputs, gradient, rows, Grams()),
        3: Sum(gradient, rows),
        12: Scatter(index, gradient, rows, size=4, padding=0),
    }
    for size, term in terms.items():
        into = torch.full((4, size), torch.nan)
        term.write_units(0, 4, into)
        assert bool(into.isfinite().all())
        assert into.any(dim=1).tolist() == [True, False, True, False]


def test_there_is_no_example_without_a_unit() -> None:
    with pytest.raises(FixSettings, match="3 unit ids"):
        Roll([1, 2, 1]).present(2, 2)
