"""What is held at a time grows with the micro-batch, not with the examples of a patient."""

from collections.abc import Callable

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from tests.privacy.clipped_sums.oracle import TAGS, Case, Chain, make_case

WIDTH = 128


def peak_bytes(run: Callable[[], object]) -> int:
    """The most that torch's tensors took at a time, over what was there before."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        run()
    assert recorded.profiler is not None
    assert recorded.profiler.kineto_results is not None
    events = [
        (event.start_ns(), event.nbytes())
        for event in recorded.profiler.kineto_results.events()
        if event.name() == "[memory]"
    ]
    now = most = 0
    for _, change in sorted(events, key=lambda event: event[0]):
        now += change
        most = max(most, now)
    return most


def case_of(examples: int) -> Case:
    torch.manual_seed(0)
    model = Chain(nn.Linear(6, WIDTH), nn.Tanh(), nn.Linear(WIDTH, WIDTH), nn.Tanh(), nn.Linear(WIDTH, TAGS))
    return make_case(model, examples=examples)


def of_one_patient(examples: int, size: int, *, per_unit: bool) -> int:
    case, unit_of = case_of(examples), [0] * examples
    if per_unit:
        return peak_bytes(lambda: case.units(unit_of, size))
    return peak_bytes(lambda: case.sum(unit_of, 1.0, size))


def test_examples_of_a_patient_do_not_raise_the_peak() -> None:
    for per_unit in (False, True):
        few, many = (of_one_patient(examples, 8, per_unit=per_unit) for examples in (16, 256))
        assert many < 1.1 * few


def test_a_larger_micro_batch_would() -> None:
    for per_unit in (False, True):
        few, many = (of_one_patient(examples, 256, per_unit=per_unit) for examples in (16, 256))
        assert many > 1.5 * few


def test_units_that_are_whole_have_no_gradient_of_their_own() -> None:
    case = case_of(8)
    weights = sum(weight.numel() for weight in case.weights.values())
    book_kept = peak_bytes(lambda: case.sum(range(8), 1.0, 8))
    assert book_kept < 4 * weights * 5  # the sum, one product, and activations
    assert peak_bytes(lambda: case.units(range(8), 8)) > 4 * weights * 8


def test_a_block_holds_as_many_gradients_as_it_may() -> None:
    case = case_of(32)
    weights = sum(weight.numel() for weight in case.weights.values())
    sizes = [
        peak_bytes(lambda block=block: case.units(range(32), 32, block=block))  # type: ignore[misc]
        for block in (4 * weights, 16 * weights)
    ]
    assert sizes[0] < sizes[1]
