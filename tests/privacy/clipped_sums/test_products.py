"""Products are torch's own in float64, with oneDNN or without, however the operands lie in memory."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from privacy.clipped_sums import products

LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "row by row": lambda t: t.contiguous(),
    "column by column": lambda t: t.mT.contiguous().mT,
    "with gaps": lambda t: torch.stack([t, t], dim=-2).flatten(-3, -2)[..., ::2, :],
    "in every other column": lambda t: torch.stack([t, t], dim=-1).flatten(-2)[..., ::2],
}


@pytest.fixture(params=["oneDNN", "torch"], autouse=True)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "torch":
        monkeypatch.setattr(products, "_ONEDNN", None)
    else:
        monkeypatch.setattr(products, "_WORTH", 1)


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize("second", LAYOUTS)
@pytest.mark.parametrize("first", LAYOUTS)
def test_products_do_not_depend_on_the_layout(first: str, second: str) -> None:
    one, two = LAYOUTS[first], LAYOUTS[second]
    inputs, weight, bias = drawn(7, 5), drawn(3, 5), drawn(3)
    expected = inputs.double() @ weight.double().t()
    assert torch.allclose(products.linear(one(inputs), two(weight)).double(), expected, atol=1e-5)
    with_bias = products.linear(one(inputs), two(weight), bias)
    assert torch.allclose(with_bias.double(), expected + bias, atol=1e-5)
    for m, n in ((3, 5), (5, 3)):
        left, right = drawn(7, m), drawn(7, n)
        expected = left.double().t() @ right.double()
        assert torch.allclose(products.outer_sum(one(left), two(right)).double(), expected, atol=1e-5)
        left, right = drawn(4, 7, m), drawn(4, 7, n)
        expected = left.double().mT @ right.double()
        assert torch.allclose(products.outer_sums(one(left), two(right)).double(), expected, atol=1e-5)
        out = torch.full((4, m, n), 9.0)
        assert products.outer_sums(one(left), two(right), two(out)).shape == out.shape
    rows = drawn(4, 6, 5)
    expected = rows.double() @ rows.double().mT
    assert torch.allclose(products.gram(one(rows)).double(), expected, atol=1e-5)


def test_products_are_written_where_they_belong() -> None:
    left, right = drawn(4, 7, 3), drawn(4, 7, 5)
    table = torch.zeros(4, 3 + 15 + 2)
    into = table[:, 3:18].unflatten(1, (3, 5))
    products.outer_sums(left, right, into)
    assert torch.allclose(into, left.mT @ right, atol=1e-5)
    assert not table[:, :3].any()
    assert not table[:, 18:].any()
    products.outer_sums(right, left, into.mT)
    assert torch.allclose(into, left.mT @ right, atol=1e-5)


@pytest.mark.parametrize("shape", [(0, 4), (4, 0)])
def test_nothing_times_something_is_nothing(shape: tuple[int, int]) -> None:
    assert not products.linear(torch.zeros(shape), torch.zeros(3, shape[1])).any()


@pytest.mark.parametrize("own", [True, False])
def test_bfloat16_is_rounded_once_or_not_at_all(own: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "_HAS_BF16", own and products._HAS_BF16)
    rows = drawn(3, 20, 64).bfloat16()
    exact = rows.double() @ rows.double().mT
    error = (products.gram(rows).double() - exact).abs()
    limit = 2.0**-8 if products.is_rounded(rows) else 2.0**-20
    assert bool((error <= limit * exact.abs() + 1e-5 * 64).all())
    assert products.gram(rows).dtype == products.outer_sums(rows, rows).dtype == torch.float32
