"""Our networks, real ones: sums by patient, note and sentence are what autograd finds one unit at a time."""

import copy
import warnings
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import pytest
import torch

from privacy.clipped_sums import ClippedSum, clipped_sum, per_unit_gradients, tape
from privacy.clipped_sums.layer import Layer
from privacy.clipped_sums.units import UnitRows
from privacy.dpsgd import token_losses
from shared.errors import FixSettings
from shared.examples import Batch, Example, collate, read_examples
from shared.models.birnn import BirnnTagger
from shared.models.tagger import Tagger
from shared.note import Note
from tests.privacy.clipped_sums.opacus_birnn import OpacusBirnn
from tests.privacy.clipped_sums.oracle import Vector, apart, clipped, flat, flat_sum, middle

Make = Callable[..., Tagger]

TAGGERS: dict[str, tuple[str, dict[str, Any]]] = {
    "birnn": ("birnn", {"trained": "all"}),
    "birnn, no vectors": ("birnn", {"trained": "all", "vectors": None}),
    "MiniLM, head": ("bert", {"trained": "head"}),
    "MiniLM, lora": ("bert", {"trained": "lora"}),
    "MiniLM, bitfit": ("bert", {"trained": "bitfit"}),
    "MiniLM, full": ("bert", {"trained": "full"}),
    "MiniLM of two layers, full": ("bert", {"trained": "full", "layers": 2}),
}
NAMES = [pytest.param(name, marks=pytest.mark.slow) if name == "MiniLM, full" else name for name in TAGGERS]
UNITS = ("patient", "note", "sentence")


def read(tagger: Tagger, notes: Sequence[Note]) -> list[Example]:
    return list(tagger.prepare(read_examples(notes, tagger.tagset, tagger.reader)))


def units(examples: Sequence[Example], unit: str) -> list[int]:
    if unit == "patient":
        return [int(example.patient_id[1:]) for example in examples]
    return [example.note if unit == "note" else index for index, example in enumerate(examples)]


def batches(examples: Sequence[Example], size: int) -> list[Batch]:
    return [collate(examples[at : at + size]) for at in range(0, len(examples), size)]


def by_autograd(tagger: Tagger, examples: Sequence[Example], unit_of: Sequence[int]) -> dict[int, Vector]:
    """Each unit's gradient from its own examples, each of them alone: nothing is padded."""
    weights, loss_of = list(tagger.trained().values()), token_losses(tagger)
    found: dict[int, Vector] = {}
    for unit in dict.fromkeys(unit_of):
        own = [example for example, owner in zip(examples, unit_of, strict=True) if owner == unit]
        loss = torch.stack([loss_of(collate([example])).sum() for example in own]).sum()
        found[unit] = flat(torch.autograd.grad(loss, weights, materialize_grads=True))
    return found


def opacus_samples(network: torch.nn.Module, batch: Batch) -> Vector:
    """Opacus's gradient of each example, shape `(examples, size)`, weights in the order of their names."""
    from opacus.grad_sample import GradSampleModule  # type: ignore[import-untyped]

    for module in network.train().modules():  # it looks at nothing in evaluation mode
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Opacus's hooks warn of inputs without gradients
        wrapped = GradSampleModule(network, batch_first=True, loss_reduction="sum")
        token_losses(wrapped)(batch).sum().backward()
    for module in network.modules():
        if isinstance(module, torch.nn.Embedding) and module.padding_idx is not None:
            sample = getattr(module.weight, "grad_sample", None)
            if sample is not None:
                sample[:, module.padding_idx] = 0.0  # Opacus lets padding learn
    samples = [
        cast(Any, weight).grad_sample
        for _, weight in sorted(network.named_parameters())
        if weight.requires_grad
    ]
    each: Vector = torch.cat([sample.flatten(1) for sample in samples], dim=1).double().numpy()
    return each


def summed(
    tagger: Tagger, examples: Sequence[Example], unit_of: Sequence[int], bound: float, size: int
) -> ClippedSum:
    return clipped_sum(
        tagger, tagger.trained(), token_losses(tagger), batches(examples, size), unit_of, bound
    )


@pytest.mark.parametrize("name", NAMES)
def test_our_networks_agree_with_autograd(name: str, make_tagger: Make, notes: list[Note]) -> None:
    kind, settings = TAGGERS[name]
    tagger = make_tagger(kind, **settings)
    examples = read(tagger, notes)
    everyone = len(examples)
    assert len({example.cost for example in examples}) > 1
    by_unit = {unit: by_autograd(tagger, examples, units(examples, unit)) for unit in UNITS}
    for unit, expected in by_unit.items():
        unit_of = units(examples, unit)
        bound = middle(expected)
        for size in (2, everyone) if unit == "patient" else (3,):
            found = summed(tagger, examples, unit_of, bound, size)
            assert list(found.gradients) == list(tagger.trained())
            assert apart(flat_sum(found.gradients), clipped(expected, bound)) < 1e-5
            assert np.allclose(found.norms, [np.linalg.norm(v) for v in expected.values()], rtol=1e-5)
    walk = per_unit_gradients(
        tagger, tagger.trained(), token_losses(tagger), batches(examples, 3), units(examples, "patient")
    )
    expected = by_unit["patient"]
    walked = {unit: gradient.astype(np.float64) for unit, gradient in walk}
    assert walked.keys() == expected.keys()
    assert all(apart(walked[unit], vector) < 1e-5 for unit, vector in expected.items())


@pytest.mark.parametrize("name", [name for name in NAMES if name != "birnn"])  # whose bag is a mean
def test_our_networks_agree_with_opacus(name: str, make_tagger: Make, notes: list[Note]) -> None:
    kind, settings = TAGGERS[name]
    no_dropout = {"word_dropout": 0.0} if kind == "birnn" else {}
    tagger = make_tagger(kind, **settings, **no_dropout)
    examples = read(tagger, notes)
    network = OpacusBirnn(tagger) if isinstance(tagger, BirnnTagger) else copy.deepcopy(tagger)
    each = opacus_samples(network, collate(examples))
    for unit in UNITS:
        unit_of = units(examples, unit)
        expected = {
            own: np.sum([each[row] for row, owner in enumerate(unit_of) if owner == own], axis=0)
            for own in dict.fromkeys(unit_of)
        }
        for size in (2, len(examples)):
            bound = middle(expected)
            found = summed(tagger, examples, unit_of, bound, size)
            assert np.allclose(found.norms, [np.linalg.norm(v) for v in expected.values()], rtol=1e-5)
            ours, opacus = flat_sum(found.gradients), clipped(expected, bound)
            if kind == "bert":  # Opacus orders an LSTM's weights in its own way
                assert apart(ours, opacus) < 1e-5
            assert np.linalg.norm(ours) == pytest.approx(np.linalg.norm(opacus), rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_patient_moves_the_sum_by_no_more_than_the_bound(
    name: str, make_tagger: Make, notes: list[Note]
) -> None:
    kind, settings = TAGGERS[name]
    tagger = make_tagger(kind, **settings)
    examples = read(tagger, notes)
    unit_of = units(examples, "patient")
    bound = 1e-2
    everyone = flat_sum(summed(tagger, examples, unit_of, bound, len(examples)).gradients)
    for unit in set(unit_of):
        own, others = (
            [e for e, u in zip(examples, unit_of, strict=True) if (u == unit) is is_own]
            for is_own in (True, False)
        )
        alone = flat_sum(summed(tagger, own, [unit] * len(own), bound, len(own)).gradients)
        assert np.linalg.norm(alone) <= bound * (1 + 1e-6)
        rest = summed(tagger, others, units(others, "patient"), bound, len(others))
        assert np.linalg.norm(everyone - flat_sum(rest.gradients)) <= bound * (1 + 1e-5)


@pytest.mark.parametrize("trained", ["lora", "full"])
def test_in_bfloat16_the_bound_holds_and_the_norm_is_close(
    trained: str, make_tagger: Make, notes: list[Note]
) -> None:
    tagger, exact = (make_tagger("bert", trained=trained, layers=3, bf16=bf16) for bf16 in (True, False))
    exact.load_state_dict(tagger.state_dict())
    examples = read(tagger, notes)
    unit_of = units(examples, "patient")
    expected = by_autograd(exact, examples, unit_of)
    bound = min(float(np.linalg.norm(vector)) for vector in expected.values()) / 2
    found = summed(tagger, examples, unit_of, bound, len(examples))
    assert np.allclose(found.norms, [np.linalg.norm(v) for v in expected.values()], rtol=0.05)
    assert apart(flat_sum(found.gradients), clipped(expected, bound)) < 0.1
    for unit in set(unit_of):
        own = [example for example, owner in zip(examples, unit_of, strict=True) if owner == unit]
        length = np.linalg.norm(flat_sum(summed(tagger, own, [unit] * len(own), bound, len(own)).gradients))
        assert 0.95 * bound < length <= bound * (1 + 1e-6)


def test_patients_who_share_a_word_are_told_apart(
    make_tagger: Make, notes: list[Note], monkeypatch: pytest.MonkeyPatch
) -> None:
    tagger = make_tagger("birnn")
    examples = read(tagger, notes)
    unit_of = units(examples, "patient")
    expected = by_autograd(tagger, examples, unit_of)
    norms = [np.linalg.norm(vector) for vector in expected.values()]
    assert np.allclose(summed(tagger, examples, unit_of, 1.0, len(examples)).norms, norms, rtol=1e-5)
    # Without it, the rows are no examples', and that is refused.
    monkeypatch.setattr(tape, "tell_words_apart", lambda *_: [])
    with pytest.raises(FixSettings, match="rows for"):
        summed(tagger, examples, unit_of, 1.0, len(examples))

    # Were it let through, and a shared word's gradient given to one patient, norms would be wrong.
    def rows(self: tape._Tape, layer: Layer, count: int) -> UnitRows:
        owner = self.present.owner
        each = -(-count // len(owner))
        return UnitRows(owner.repeat_interleave(each)[:count], len(self.present.units))

    monkeypatch.setattr(tape._Tape, "rows", rows)
    found = summed(tagger, examples, unit_of, 1e9, len(examples))
    assert not np.allclose(found.norms, norms, rtol=1e-3)


def test_a_network_inside_another_is_told_apart_too(make_tagger: Make, notes: list[Note]) -> None:
    tagger = make_tagger("birnn")
    examples = read(tagger, notes)
    unit_of = units(examples, "patient")
    outer = torch.nn.ModuleDict({"tagger": tagger})
    weights = {name: w for name, w in outer.named_parameters() if w.requires_grad}
    found = clipped_sum(outer, weights, token_losses(tagger), batches(examples, 4), unit_of, 1.0)
    inner = summed(tagger, examples, unit_of, 1.0, 4)
    assert np.allclose(found.norms, inner.norms, rtol=1e-6)


def test_the_batch_of_others_is_left_as_it_was(make_tagger: Make, notes: list[Note]) -> None:
    tagger = make_tagger("birnn")
    examples = read(tagger, notes)
    (batch,) = batches(examples, len(examples))
    before = {name: tensor.clone() for name, tensor in batch.inputs.items()}
    clipped_sum(tagger, tagger.trained(), token_losses(tagger), [batch], list(range(len(examples))), 1.0)
    assert all(torch.equal(batch.inputs[name], tensor) for name, tensor in before.items())
