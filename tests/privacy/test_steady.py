"""The kernels in use give a unit the same bits at every place; a network that does not is found."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from privacy import steady as steady_module
from privacy.blocks import Shape, shape_of
from privacy.steady import LOUD, is_steady, steady_counts
from shared.examples import Batch, Example, read_examples
from shared.models.birnn import BirnnTagger
from shared.models.build import build_tagger
from shared.models.tagger import Tagger
from shared.note import Note
from tests.shared.conftest import bert_settings, birnn_settings, tiny_encoder

__all__ = ["bert_settings", "birnn_settings", "tiny_encoder"]  # fixtures

WIDE = {
    "character_filters": 16,
    "hidden": 16,
}  # rows that begin where a vector does; of others, some are not steady
NETWORKS: dict[str, dict[str, Any]] = {
    "birnn all": WIDE,
    "birnn head": {"trained": "head"} | WIDE,
    "bert head": {"trained": "head"},
    "bert lora": {"trained": "lora"},
    "bert bitfit": {"trained": "bitfit"},
    "bert full": {"trained": "full"},
    "bert lora bf16": {"trained": "lora", "bf16": True},
    "bert full bf16": {"trained": "full", "bf16": True},
}
TEXT = (
    "Fever and gout since Monday. No asthma, no sepsis of the knee. Well. Seen again for follow-up of gout."
)


@pytest.fixture
def make(birnn_settings: Any, bert_settings: Any) -> Callable[[str], tuple[Tagger, list[Example]]]:
    """A tiny network by name, and examples for it."""

    def made(name: str) -> tuple[Tagger, list[Example]]:
        torch.manual_seed(3)
        settings = birnn_settings if name.startswith("birnn") else bert_settings
        tagger = build_tagger(settings(**NETWORKS[name])).eval()
        for own, weight in tagger.named_parameters():
            if "lora_B" in own:  # zero at first, and with it the gradient of A
                torch.nn.init.normal_(weight, std=0.1)
        read = read_examples([Note("n", "p", TEXT, ())], tagger.tagset, tagger.reader)
        return tagger, list(tagger.prepare(read))

    return made


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("name", NETWORKS)
def test_ours_are_steady(name: str, rows: int, make: Any) -> None:
    tagger, examples = make(name)
    before = {own: weight.clone() for own, weight in tagger.state_dict().items()}
    widest = shape_of(examples[:rows], 64)
    assert widest is not None
    shape = Shape(max(widest.length, 40), rows)
    for count in (shape.full, 4):
        assert is_steady(tagger, shape, count, examples)
    assert all(torch.equal(weight, before[own]) for own, weight in tagger.state_dict().items())
    assert not any(weight.grad is not None for weight in tagger.parameters())


@pytest.mark.parametrize("name", ["birnn all", "bert full", "bert lora bf16"])
def test_with_other_neighbours_at_another_place_in_another_block_the_bits_are_the_same(
    name: str, make: Any
) -> None:
    """The check's own claim, with units and places it did not try."""
    tagger, examples = make(name)
    one, *others = ([example] for example in examples)
    length = max(example.cost for example in examples) // 4 * 4 + 4
    shape = Shape(length, 1)
    found = []
    for place, count, shift in ((0, shape.full, 0), (5, shape.full, 1), (3, 8, 2), (0, 4, 0)):
        units = [others[(at + shift) % len(others)] for at in range(count)]
        units[place] = one
        part = steady_module._run(tagger, shape, units, [LOUD if at != place else 1.0 for at in range(count)])
        found.append(steady_module._numbers(part, place))
    assert all(steady_module._same(found[0], other) for other in found[1:])
    assert any(bool(numbers.any()) for numbers in found[0])


class BySlot(BirnnTagger):
    """Its last bits depend on the place in the batch."""

    def forward(self, batch: Batch) -> Tensor:
        scores = super().forward(batch)
        return scores * (1 + 2.0**-20 * torch.arange(len(scores)).view(-1, 1, 1))


class ByNeighbours(BirnnTagger):
    """Its last bits depend on the others' numbers."""

    def forward(self, batch: Batch) -> Tensor:
        scores = super().forward(batch)
        return scores + 1e-6 * scores.detach().mean(0)


class ByCount(BirnnTagger):
    """Its last bits depend on how many there are."""

    def forward(self, batch: Batch) -> Tensor:
        scores = super().forward(batch)
        return scores * (1 + 2.0**-20 * len(scores))


@pytest.mark.parametrize(("network", "full"), [(BySlot, False), (ByNeighbours, False), (ByCount, True)])
def test_a_network_that_is_not_is_found(
    network: type[BirnnTagger], full: bool, make: Any, birnn_settings: Any
) -> None:
    _, examples = make("birnn all")
    tagger = network(birnn_settings(**WIDE)).eval()
    shape = Shape(24, 1)
    pool = [example for example in examples if example.cost <= 24]
    assert is_steady(tagger, shape, shape.full, pool) is full
    assert steady_counts(tagger, shape, shape.full + 3, pool) == ((shape.full,) * 2 if full else ())


def test_what_was_found_is_kept_for_the_network(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tagger, examples = make("birnn head")
    tried: list[int] = []

    def counted(_: Tagger, __: Shape, count: int, ___: Any) -> bool:
        tried.append(count)
        return count != 3

    monkeypatch.setattr(steady_module, "is_steady", counted)
    shape = Shape(32, 1)
    for _ in range(2):
        assert steady_counts(tagger, shape, 2 * shape.full, examples) == (shape.full,)
        assert steady_counts(tagger, shape, shape.full + 3, examples) == (shape.full, 4)
    assert tried == [shape.full, 3, 4]
