"""A tagger's examples become micro-batches that keep units together, and its gradient is that of its units."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from privacy import quantise as quantise_module
from privacy.clipped_sums import clipped_sum
from privacy.dpsgd import check_gradients, clipped_gradient, cut_by_unit, token_losses, unit_gradients
from privacy.quantise import quantise
from shared.errors import FixSettings
from shared.examples import Batch, Example, collate, read_examples
from shared.models.birnn import BirnnTagger
from shared.models.settings import ModelSettings
from shared.note import Entity, Note
from shared.refusal import RefuseRound
from shared.tags import IGNORED
from shared.units import Unit, owners

torch.set_num_threads(1)


@pytest.fixture
def tagger() -> BirnnTagger:
    torch.manual_seed(4)
    return BirnnTagger(_tiny()).eval()


@pytest.fixture
def examples(tagger: BirnnTagger) -> list[Example]:
    texts = ("Fever. No gout today. Gout it is.", "Known asthma, and fever, and gout.", "Well.", "No gout.")
    notes = [
        Note(f"n{i}", f"p{i % 3}", text, (Entity(0, 5, "Disease"),) if text[0] == "F" else ())
        for i, text in enumerate(texts)
    ]
    return read_examples(notes, tagger.tagset, tagger.reader)


def _tiny() -> ModelSettings:
    return ModelSettings(
        kind="birnn",
        labels=("Disease",),
        word_rows=32,
        word_width=6,
        hidden=5,
        character_width=3,
        character_filters=4,
        dropout=0.1,
    )


@pytest.mark.parametrize("unit", ["patient", "sentence"])
def test_run_alone_a_unit_is_the_same_to_the_last_bit_and_moves_the_sum_by_no_more_than_the_grid(
    unit: Unit, tagger: BirnnTagger, examples: list[Example]
) -> None:
    unit_of, grid = owners(unit, examples), 1 << 16

    def integers(kept: Sequence[int]) -> dict[int, np.ndarray]:
        rows = [row for row, owner in enumerate(unit_of) if owner in kept]
        walk = unit_gradients(
            tagger, [examples[row] for row in rows], [unit_of[row] for row in rows], alone=True
        )
        return {own: quantise(gradient, 0.05, grid).astype(np.int64) for own, gradient in walk}

    everyone = integers(unit_of)
    assert everyone.keys() == set(unit_of)
    moves = []
    for gone in everyone:
        rest = integers([own for own in everyone if own != gone])
        assert all(np.array_equal(everyone[own], vector) for own, vector in rest.items())
        moved = np.sum(list(everyone.values()), axis=0) - np.sum(list(rest.values()), axis=0)
        moves.append(int(moved @ moved))
    assert 0.9 * grid**2 < max(moves) <= grid**2


def test_without_clipping_a_unit_moves_the_sum_by_more_than_the_grid(
    tagger: BirnnTagger, examples: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    ((_, gradient), *_) = unit_gradients(tagger, examples, owners("patient", examples), alone=True)
    grid, bound = 1 << 16, float(np.linalg.norm(gradient)) / 2
    monkeypatch.setattr(quantise_module, "_scale", lambda _, max_grad_norm, grid: grid / max_grad_norm)
    with pytest.raises(RefuseRound):  # it is counted again, in integers
        quantise(gradient, bound, grid)
    scaled = np.trunc(gradient.astype(np.float64) * grid / bound).astype(np.int64)
    assert int(scaled @ scaled) > grid**2


def of_length(cost: int) -> Example:
    return Example(0, "p", (), {"rows": torch.zeros(cost, 2)}, torch.zeros(cost, dtype=torch.int64))


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(1, 30)), max_size=40),
    st.integers(1, 100),
    st.booleans(),
)
def test_micro_batches_hold_each_example_once_and_keep_units_together(
    drawn: list[tuple[int, int]], most: int, alone: bool
) -> None:
    unit_of = [unit for unit, _ in drawn]
    costs = [cost for _, cost in drawn]
    cut = cut_by_unit([of_length(cost) for cost in costs], unit_of, most, alone=alone)
    order = [index for chosen in cut for index in chosen]
    assert sorted(order) == list(range(len(drawn)))
    assert all(chosen for chosen in cut)
    for chosen in cut:
        assert len(chosen) == 1 or len(chosen) * max(costs[index] for index in chosen) <= most
    turned = [unit_of[index] for index in order]
    assert [unit for at, unit in enumerate(turned) if at == 0 or turned[at - 1] != unit] == list(
        dict.fromkeys(turned)
    )  # once another unit begins, the last one is complete
    where: dict[int, set[int]] = {}
    for number, chosen in enumerate(cut):
        for index in chosen:
            where.setdefault(unit_of[index], set()).add(number)
    for unit, numbers in where.items():
        own = [cost for owner, cost in drawn if owner == unit]
        assert len(numbers) == 1 or len(own) * max(own) > most
    if alone:
        assert all(len({unit_of[index] for index in chosen}) == 1 for chosen in cut)


@pytest.mark.parametrize("most", [1, 12, 1000])
def test_the_sum_does_not_depend_on_what_is_in_memory_at_a_time(
    most: int, tagger: BirnnTagger, examples: list[Example]
) -> None:
    unit_of = [int(example.patient_id[1:]) for example in examples]
    plain = clipped_sum(tagger, tagger.trained(), token_losses(tagger), [collate(examples)], unit_of, 0.2)
    found = clipped_gradient(tagger, examples, unit_of, 0.2, most_inputs=most)
    for name, gradient in plain.gradients.items():
        assert np.allclose(found.gradients[name], gradient, rtol=1e-4, atol=1e-6)
    assert np.allclose(found.norms, plain.norms, rtol=1e-5)  # in the caller's order of units
    assert found.loss == pytest.approx(plain.loss, rel=1e-5)
    assert found.units == plain.units == 3
    walked = dict(unit_gradients(tagger, examples, unit_of, most_inputs=most))
    lengths = {unit: np.linalg.norm(gradient) for unit, gradient in walked.items()}
    assert np.allclose([lengths[unit] for unit in dict.fromkeys(unit_of)], plain.norms, rtol=1e-5)


def test_a_long_example_counts_as_much_as_a_short_one(tagger: BirnnTagger, examples: list[Example]) -> None:
    long = max(examples, key=lambda example: example.cost)
    twice = dataclasses.replace(
        long,
        inputs={name: torch.cat([tensor, tensor]) for name, tensor in long.inputs.items()},
        tags=torch.cat([long.tags, torch.full_like(long.tags, IGNORED)]),  # read, not scored
    )
    (loss,) = token_losses(tagger)(collate([long]))
    scores = tagger(collate([long]))[0]
    assert float(loss.detach()) == pytest.approx(
        float(torch.nn.functional.cross_entropy(scores, long.tags).detach()), rel=1e-5
    )
    assert torch.isfinite(token_losses(tagger)(collate([twice]))).all()
    nothing = dataclasses.replace(long, tags=torch.full_like(long.tags, IGNORED))
    assert token_losses(tagger)(collate([nothing])).tolist() == [0.0]


def test_the_loss_of_an_example_does_not_depend_on_its_neighbours(
    tagger: BirnnTagger, examples: list[Example]
) -> None:
    together = token_losses(tagger)(collate(examples))
    alone = torch.cat([token_losses(tagger)(collate([example])) for example in examples])
    assert torch.allclose(together, alone, atol=1e-5)


def test_gradients_that_are_the_units_own_pass(tagger: BirnnTagger, examples: list[Example]) -> None:
    before = tagger.train().state_dict()
    check_gradients(tagger, examples, [int(example.patient_id[1:]) for example in examples])
    assert tagger.training
    assert all(torch.equal(weight, before[name]) for name, weight in tagger.state_dict().items())


class Mixing(BirnnTagger):
    """Its scores depend on all examples of a batch."""

    def forward(self, batch: Batch) -> Tensor:
        scores = super().forward(batch)
        return scores - 3 * scores.mean(dim=(0, 1))


class TimeFirst(BirnnTagger):
    """Its classifier reads words before examples."""

    def forward(self, batch: Batch) -> Tensor:
        handle = self.classifier.register_forward_pre_hook(lambda _, args: (args[0].transpose(0, 1),))
        back = self.classifier.register_forward_hook(lambda _, __, output: output.transpose(0, 1))
        try:
            return super().forward(batch)
        finally:
            handle.remove()
            back.remove()


@pytest.mark.parametrize("network", [Mixing, TimeFirst])
def test_gradients_that_are_not_the_units_own_are_found(
    network: type[BirnnTagger], examples: list[Example]
) -> None:
    torch.manual_seed(4)
    tagger = network(_tiny())
    with pytest.raises(FixSettings):
        check_gradients(tagger, examples, list(range(len(examples))))
    assert tagger.training


def test_no_example_is_no_reason_to_refuse(tagger: BirnnTagger) -> None:
    found = clipped_gradient(tagger, [], [], 1.0)
    assert found.units == 0
    assert list(unit_gradients(tagger, [], [])) == []
    assert _names(found.gradients) == _names(tagger.trained())


def _names(named: object) -> Sequence[str]:
    assert isinstance(named, dict)
    return list(named)
