"""What cannot be told apart by unit is refused by name, and the model is left as it was, whatever happens."""

import copy
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from privacy.clipped_sums import clipped_sum, per_unit_gradients
from shared.errors import FixSettings
from tests.privacy.clipped_sums.oracle import (
    GROUPINGS,
    LAYERS,
    TAGS,
    Bags,
    Case,
    Chain,
    Learnt,
    MicroBatch,
    States,
    Turned,
    layer_case,
    make_case,
)

ONE_EACH = GROUPINGS["one example each"]


class Call(nn.Module):
    """A layer, called in a way of its own."""

    def __init__(self, layer: nn.Module, call: Callable[[Any, Tensor], Tensor]) -> None:
        super().__init__()
        self.layer, self.call = layer, call

    def forward(self, values: Tensor) -> Tensor:
        return self.call(self.layer, values)


class Doubling(nn.Linear):
    """Not what its base class computes."""

    def forward(self, values: Tensor) -> Tensor:
        return 2 * super().forward(values)


class Batch(nn.Module):
    """A norm over all examples of a batch."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(6)

    def forward(self, values: Tensor) -> Tensor:
        normal: Tensor = self.norm(values.transpose(1, 2)).transpose(1, 2)
        return normal


def twice(layer: Any, values: Tensor) -> Tensor:
    result: Tensor = layer(torch.tanh(layer(values)))
    return result


def packed(layer: Any, values: Tensor) -> Tensor:
    lengths = torch.full((len(values),), values.shape[1])
    states, _ = layer(nn.utils.rnn.pack_padded_sequence(values, lengths, batch_first=True))
    result: Tensor = nn.utils.rnn.pad_packed_sequence(states, batch_first=True)[0]
    return result


def weighted(layer: Any, ids: Tensor) -> Tensor:
    weights = torch.full((ids.numel(), 1), 5.0)
    vectors: Tensor = layer(ids.view(-1, 1), per_sample_weights=weights).view(*ids.shape, -1)
    return vectors


def spoilt(layer: Any, values: Tensor) -> Tensor:
    values = torch.tanh(values)
    written: Tensor = layer(values)
    with torch.no_grad():
        values += 1
    return written


def gradient_off(layer: Any, values: Tensor) -> Tensor:
    with torch.no_grad():
        written: Tensor = layer(values)
    return written


def shared() -> nn.Module:
    first, second = nn.Linear(6, 6), nn.Linear(6, 6)
    second.weight = first.weight
    return Chain(first, second, nn.Linear(6, TAGS))


def old_norm() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return nn.utils.weight_norm(nn.Linear(6, TAGS))


def halves() -> nn.Module:
    return Chain(nn.Linear(6, TAGS).bfloat16())


def lstm(**settings: Any) -> nn.Module:
    width = TAGS * (2 if settings.get("bidirectional") else 1)
    return Chain(States(nn.LSTM(6, TAGS, **({"batch_first": True} | settings))), nn.Linear(width, TAGS))


Make = Callable[[], nn.Module]
REFUSED: list[tuple[str, str, Make]] = [
    ("a layer runs twice", "more than once", lambda: Chain(Call(nn.Linear(6, 6), twice), nn.Linear(6, TAGS))),
    (
        "an lstm runs twice",
        "more than once",
        lambda: Chain(Call(nn.LSTM(6, 6, batch_first=True), lambda m, v: m(m(v)[0])[0]), nn.Linear(6, TAGS)),
    ),
    ("two layers share a weight", "held by 2", shared),
    (
        "a layer's weight is used behind its back",
        "did not run",
        lambda: Chain(Call(nn.Linear(6, TAGS), lambda m, v: v @ m.weight.t())),
    ),
    (
        "nobody knows the layer",
        "Bilinear",
        lambda: Chain(Call(nn.Bilinear(6, 6, TAGS), lambda m, v: m(v, v))),
    ),
    ("examples mix in the layer", "BatchNorm1d", lambda: Chain(Batch(), nn.Linear(6, TAGS))),
    ("it is a subclass", "Doubling", lambda: Chain(Doubling(6, TAGS))),
    (
        "its weight is made of others",
        "ParametrizedLinear",
        lambda: Chain(parametrizations.weight_norm(nn.Linear(6, TAGS))),
    ),
    ("its weight is made of others, in the old way", "Linear", lambda: Chain(old_norm())),
    ("both directions", "directions", lambda: lstm(bidirectional=True)),
    ("two layers", "several layers", lambda: lstm(num_layers=2)),
    ("time first", "time before examples", lambda: lstm(batch_first=False)),
    (
        "a projection",
        "projects",
        lambda: Chain(Call(nn.LSTM(6, 6, batch_first=True, proj_size=TAGS), lambda m, v: m(v)[0])),
    ),
    (
        "a state to start from",
        "one tensor",
        lambda: Chain(
            Call(nn.GRU(6, TAGS, batch_first=True), lambda m, v: m(v, torch.ones(1, len(v), TAGS))[0])
        ),
    ),
    ("a packed sequence", "one tensor", lambda: Chain(Call(nn.GRU(6, TAGS, batch_first=True), packed))),
    ("rows of a table that are rescaled", "rescales", lambda: Learnt(nn.Embedding(12, 4, max_norm=1.0))),
    ("counts over units", "counts", lambda: Learnt(nn.Embedding(12, 4, scale_grad_by_freq=True))),
    ("the largest of a bag", "maximum", lambda: Learnt(Bags("max"))),
    ("channels in groups", "groups", lambda: Chain(Turned(6, TAGS, 3, padding=1, groups=3))),
    ("a mirror for padding", "pads", lambda: Chain(Turned(6, TAGS, 3, padding=1, padding_mode="reflect"))),
    ("called by keyword", "one tensor", lambda: Chain(Call(nn.Linear(6, TAGS), lambda m, v: m(input=v)))),
    (
        "weighted by keyword",
        "one tensor",
        lambda: Learnt(Call(nn.EmbeddingBag(12, 4, mode="sum"), weighted)),
    ),
    (
        "where gradients are off",
        "gradients are off",
        lambda: Chain(Call(nn.Linear(6, 6), gradient_off), nn.Linear(6, TAGS)),
    ),
    ("what it read is changed", "in place", lambda: Chain(nn.Linear(6, 6), Call(nn.Linear(6, TAGS), spoilt))),
    (
        "rows that are no examples'",
        "rows for",
        lambda: Chain(Call(nn.Linear(6, TAGS), lambda m, v: m(v.flatten(0, 1)[1:]).sum() + v[..., :TAGS])),
    ),
    ("another precision", "float32", halves),
]


@dataclass(frozen=True)
class State:
    """All of a model that a sum must leave alone."""

    weights: dict[str, Tensor]
    learning: list[bool]
    gradients: list[Tensor | None]
    hooks: list[tuple[int, ...]]
    training: list[bool]
    forwards: list[Any]


def state(model: nn.Module) -> State:
    return State(
        {name: weight.clone() for name, weight in model.state_dict().items()},
        [weight.requires_grad for weight in model.parameters()],
        [weight.grad for weight in model.parameters()],
        [
            tuple(
                len(hooks)
                for hooks in (
                    module._forward_hooks,
                    module._forward_pre_hooks,
                    module._forward_hooks_with_kwargs,
                    module._forward_pre_hooks_with_kwargs,
                    module._backward_hooks,
                    module._backward_pre_hooks,
                )
            )
            for module in model.modules()
        ],
        [module.training for module in model.modules()],
        [module.__dict__.get("forward") for module in model.modules()],
    )


@contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """Checks that the model is afterwards what it was before."""
    before = state(model)
    yield
    after = state(model)
    assert before.weights.keys() == after.weights.keys()
    assert all(torch.equal(weight, after.weights[name]) for name, weight in before.weights.items())
    for field in ("learning", "gradients", "hooks", "training", "forwards"):
        assert getattr(before, field) == getattr(after, field), field


@pytest.mark.parametrize(("why", "says", "make"), REFUSED, ids=[why for why, _, _ in REFUSED])
def test_it_is_refused_by_name(why: str, says: str, make: Make) -> None:
    torch.manual_seed(0)
    case = make_case(make())
    with untouched(case.model), pytest.raises(FixSettings, match=says) as refusal:
        case.sum(ONE_EACH, 1.0)
    assert refusal.value.where
    assert refusal.value.remedy
    with untouched(case.model), pytest.raises(FixSettings, match=says):
        case.units(ONE_EACH)


def test_frozen_layers_may_be_anything() -> None:
    torch.manual_seed(0)
    case = make_case(Chain(Batch().requires_grad_(False), nn.Linear(6, TAGS)).eval())
    assert case.sum(ONE_EACH, 1.0).units == len(ONE_EACH)


def test_a_weight_that_is_not_the_models_is_refused() -> None:
    case = layer_case("linear")
    with pytest.raises(FixSettings, match="held by 0"):
        clipped_sum(
            case.model, {"x": nn.Parameter(torch.ones(2))}, case.loss_of, case.microbatches(3), ONE_EACH, 1.0
        )
    (name, weight), *_ = case.weights.items()
    with pytest.raises(FixSettings, match="named twice"):
        clipped_sum(
            case.model, {name: weight, "again": weight}, case.loss_of, case.microbatches(3), ONE_EACH, 1.0
        )


Loss = Callable[[Case], Callable[[MicroBatch], Tensor]]
LOSSES: list[tuple[str, str, Loss]] = [
    ("one number", "shape", lambda case: lambda batch: case.loss_of(batch).sum()),
    ("one for each word", "shape", lambda case: lambda batch: case.loss_of(batch).unsqueeze(1)),
    ("no gradient", "no gradient", lambda case: lambda batch: case.loss_of(batch).detach()),
]


@pytest.mark.parametrize(("what", "says", "loss"), LOSSES, ids=[what for what, _, _ in LOSSES])
def test_losses_are_one_for_each_example(what: str, says: str, loss: Loss) -> None:
    case = layer_case("lstm")
    with untouched(case.model), pytest.raises(FixSettings, match=says):
        clipped_sum(case.model, case.weights, loss(case), case.microbatches(3), ONE_EACH, 1.0)


@pytest.mark.parametrize("bound", [0.0, -1.0, float("nan"), float("inf")])
def test_the_bound_is_a_number_above_zero(bound: float) -> None:
    with pytest.raises(FixSettings, match="max_grad_norm"):
        layer_case("linear").sum(ONE_EACH, bound)


@pytest.mark.parametrize("units", [ONE_EACH[:-1], (*ONE_EACH, 9), ()])
@pytest.mark.parametrize("size", [2, 9])
def test_there_is_one_unit_id_for_each_example(units: tuple[int, ...], size: int) -> None:
    case = layer_case("linear")
    with untouched(case.model), pytest.raises(FixSettings, match="unit ids"):
        case.sum(units, 1.0, size)
    with pytest.raises(FixSettings, match="unit ids"):
        case.units(units, size)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("layer", LAYERS)
def test_after_a_sum_the_model_is_as_it_was(layer: str) -> None:
    case = layer_case(layer)
    case.model.train()
    with untouched(case.model):
        case.sum(ONE_EACH, 1.0)
    with untouched(case.model):
        case.units(ONE_EACH)


@pytest.mark.parametrize("layer", ["linear", "lstm", "gru", "embedding", "by Opacus"])
def test_after_an_error_of_another_the_model_is_as_it_was(layer: str) -> None:
    case = layer_case(layer)

    def failing(microbatch: MicroBatch) -> Tensor:
        case.loss_of(microbatch)
        raise KeyError

    def failing_later(microbatch: MicroBatch) -> Tensor:
        losses = case.loss_of(microbatch)
        losses.register_hook(lambda _: 1 / 0)
        return losses

    for loss_of, error in ((failing, KeyError), (failing_later, ZeroDivisionError)):
        with untouched(case.model), pytest.raises(error):
            clipped_sum(case.model, case.weights, loss_of, case.microbatches(3), ONE_EACH, 1.0)


def test_between_two_units_the_model_is_as_it_was() -> None:
    case = layer_case("lstm on what learns")
    with untouched(case.model):
        walk = per_unit_gradients(case.model, case.weights, case.loss_of, case.microbatches(2), ONE_EACH)
        for _ in range(3):
            next(walk)
            with untouched(case.model):
                case.loss_of((case.ids, case.tags)).sum().backward()
                assert all(weight.grad is not None for weight in case.weights.values())
                case.model.zero_grad(set_to_none=True)
        del walk


def test_hooks_and_gradients_of_others_stay() -> None:
    case = layer_case("linear")
    plain = case.sum(ONE_EACH, 1.0)
    seen: list[float] = []
    first = case.model.get_submodule("layers.0")
    handle = first.register_forward_hook(lambda _, __, output: seen.append(float(output.sum().detach())))
    case.loss_of((case.ids, case.tags)).sum().backward()
    before = copy.deepcopy([weight.grad for weight in case.weights.values()])
    again = case.sum(ONE_EACH, 1.0)
    assert len(seen) == 1 + len(case.microbatches(3))
    assert all((again.gradients[name] == gradient).all() for name, gradient in plain.gradients.items())
    for weight, gradient in zip(case.weights.values(), before, strict=True):
        assert weight.grad is not None
        assert gradient is not None
        assert torch.equal(weight.grad, gradient)
    handle.remove()


def test_a_hook_that_changes_what_a_layer_wrote_comes_after_ours() -> None:
    case = layer_case("linear")
    first = case.model.get_submodule("layers.0")
    doubled = first.register_forward_hook(lambda _, __, output: 2 * output)
    losses = case.loss_of((case.ids, case.tags))
    expected = torch.autograd.grad(losses.sum(), list(case.weights.values()))
    found = case.sum([0] * len(ONE_EACH), 1e9)
    for gradient, name in zip(expected, case.weights, strict=True):
        assert torch.allclose(torch.from_numpy(found.gradients[name]), gradient, rtol=1e-4, atol=1e-6)
    doubled.remove()
