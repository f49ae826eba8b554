"""A unit's shape is its own, blocks hold each unit once, and what fills them up is no one's gradient."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from privacy.blocks import COUNTS, MOST_INPUTS, Shape, block, cut, shape_of
from shared.examples import Example
from shared.tags import IGNORED


def of_length(cost: int, number: int = 0, *, mask: bool = False) -> Example:
    inputs = {"rows": torch.full((cost, 2), number + 1)}
    if mask:
        inputs["mask"] = torch.ones(cost, dtype=torch.int64)
    return Example(number, "p", (), inputs, torch.zeros(cost, dtype=torch.int64))


@given(st.lists(st.integers(1, 600), min_size=1, max_size=40), st.booleans())
def test_a_shape_holds_its_unit_and_two_at_least_share_a_block(costs: list[int], mask: bool) -> None:
    shape = shape_of([of_length(cost, mask=mask) for cost in costs], 512)
    if shape is None:
        longest = max(costs) + mask
        assert len(costs) > 32 or longest > 512 or 2 * len(costs) * longest > MOST_INPUTS / 2
        return
    assert shape.length <= 512
    assert shape.rows >= len(costs)
    assert shape.length >= max(costs) + mask  # with a mask, never without padding
    assert shape.length <= max(1.25 * (max(costs) + mask), max(costs) + mask + 3)
    assert shape.full >= 2
    assert shape.full * shape.rows * shape.length <= MOST_INPUTS
    assert shape_of([of_length(cost, mask=mask) for cost in reversed(costs)], 512) == shape


def test_no_shape_is_longer_than_the_network_can_read() -> None:
    assert shape_of([of_length(61, mask=True)], 62) == Shape(62, 1)
    assert shape_of([of_length(62, mask=True)], 62) is None
    assert shape_of([of_length(62)], 62) == Shape(62, 1)


@given(st.integers(1, 200), st.sets(st.sampled_from(COUNTS), min_size=1))
def test_blocks_hold_every_unit_and_all_but_the_last_are_full(units: int, counts: set[int]) -> None:
    sizes = cut(units, sorted(counts))
    assert set(sizes[:-1]) <= {max(counts)}
    assert sizes[-1] in counts
    assert 0 <= sum(sizes) - units < max(counts)


def test_a_block_lays_units_one_after_another_and_blanks_have_no_tag() -> None:
    units = [[of_length(3, 0)], [of_length(5, 1), of_length(4, 2)]]
    batch = block(units, Shape(8, 2), 3)
    assert batch.inputs["rows"][:, 0, 0].tolist() == [1, 1, 2, 3, 1, 1]
    assert batch.lengths.tolist() == [3, 3, 5, 4, 3, 3]
    assert (batch.tags != IGNORED).sum(1).tolist() == [3, 0, 5, 4, 0, 0]
    assert batch.inputs["rows"].shape == (6, 8, 2)
