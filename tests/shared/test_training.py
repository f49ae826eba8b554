"""Training depends on seed, weights and examples only, takes exactly the steps it was told, and learns."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from shared.errors import FixNotes
from shared.examples import Example, read_examples
from shared.models.build import build_tagger
from shared.models.settings import ModelSettings
from shared.models.tagger import Tagger, Weights, get_weights
from shared.note import Note
from shared.training import Recipe, steps_a_round, train

MakeSettings = Callable[..., ModelSettings]
RECIPE = Recipe(learning_rate=0.02, batch_size=2)


@pytest.fixture
def ready(birnn_settings: MakeSettings, notes: list[Note]) -> Callable[[], tuple[Tagger, list[Example]]]:
    """The same network each time, and examples for it."""

    def make() -> tuple[Tagger, list[Example]]:
        torch.manual_seed(5)
        tagger = build_tagger(birnn_settings())
        return tagger, read_examples(notes, tagger.tagset, tagger.reader)

    return make


Ready = Callable[[], tuple[Tagger, list[Example]]]


@pytest.fixture
def rates(monkeypatch: pytest.MonkeyPatch) -> list[list[float]]:
    """Learning rate of every parameter group at every step."""
    seen: list[list[float]] = []

    class Watched(torch.optim.AdamW):
        def step(self, closure: Any = None) -> Any:
            seen.append([group["lr"] for group in self.param_groups])
            return super().step(closure)

    monkeypatch.setattr(torch.optim, "AdamW", Watched)
    return seen


def weights_after(ready: Ready, seed: int, **changes: Any) -> Weights:
    tagger, examples = ready()
    train(tagger, examples, RECIPE, seed=seed, steps=7, **changes)
    return get_weights(tagger)


def same(first: Weights, second: Weights) -> bool:
    return all(np.array_equal(array, second[name]) for name, array in first.items())


def test_the_same_seed_gives_the_same_bits(ready: Ready) -> None:
    first = weights_after(ready, 2**55 + 1)
    torch.rand(13)  # whatever happened before in the process
    assert same(first, weights_after(ready, 2**55 + 1))


def test_another_seed_gives_other_weights(ready: Ready) -> None:
    assert not same(weights_after(ready, 1), weights_after(ready, 2))


def test_dropout_depends_on_the_seed_alone(birnn_settings: MakeSettings, notes: list[Note]) -> None:
    made = []
    for seed in (1, 1, 2):
        torch.manual_seed(5)
        tagger = build_tagger(birnn_settings(dropout=0.5))
        (example,) = read_examples(
            notes[1:2], tagger.tagset, tagger.reader
        )  # one batch: no order to differ in
        train(tagger, [example], RECIPE, seed=seed, steps=1)
        made.append(get_weights(tagger))
    assert same(made[0], made[1])
    assert not same(made[0], made[2])


@pytest.mark.parametrize("steps", [1, 2, 3, 7])
def test_exactly_these_steps_are_taken(ready: Ready, rates: list[list[float]], steps: int) -> None:
    tagger, examples = ready()
    assert len(examples) == 4  # two batches an epoch
    calls: list[int] = []
    report = train(tagger, examples, RECIPE, seed=1, steps=steps, on_step=lambda: calls.append(len(rates)))
    assert calls == list(range(1, steps + 1))  # after each step
    assert report.examples == len(examples)
    assert np.isfinite(report.loss)


@pytest.mark.parametrize(
    ("changes", "examples", "steps"),
    [
        ({}, 16, 1),
        ({}, 17, 2),
        ({"local_epochs": 3}, 17, 6),
        ({"batch_size": 1}, 17, 17),
        ({"local_steps": 5}, 17, 5),
        ({"local_steps": 5, "local_epochs": 9}, 1, 5),
        ({}, 1, 1),
    ],
)
def test_steps_of_a_round(changes: dict[str, int], examples: int, steps: int) -> None:
    assert steps_a_round(Recipe.model_validate({"learning_rate": 1, **changes}), examples) == steps


@pytest.mark.parametrize(
    ("begin", "end", "warmup", "expected"),
    [
        (0.0, 1.0, 0.0, [0.875, 0.625, 0.375, 0.125]),
        (0.0, 1.0, 0.5, [0.25, 0.75, 0.75, 0.25]),
        (0.0, 0.5, 0.5, [0.125, 0.375, 0.625, 0.875]),
        (0.5, 1.0, 0.5, [0.875, 0.625, 0.375, 0.125]),
        (0.2, 0.6, 0.1, [(1 - p) / 0.9 for p in (0.25, 0.35, 0.45, 0.55)]),
    ],
)
def test_the_learning_rate_rises_and_falls_over_the_whole_run(
    ready: Ready, rates: list[list[float]], begin: float, end: float, warmup: float, expected: list[float]
) -> None:
    tagger, examples = ready()
    recipe = Recipe(learning_rate=0.02, batch_size=2, warmup=warmup)
    train(tagger, examples, recipe, seed=1, steps=4, begin=begin, end=end)
    assert [rate for (rate,) in map(set, rates)] == pytest.approx([0.02 * share for share in expected])


def test_rounds_join_to_one_schedule(ready: Ready, rates: list[list[float]]) -> None:
    tagger, examples = ready()
    train(tagger, examples, RECIPE, seed=1, steps=6)
    whole, rates[:] = list(rates), []
    for part in range(3):
        train(tagger, examples, RECIPE, seed=1, steps=2, begin=part / 3, end=(part + 1) / 3)
    assert np.allclose(rates, whole)


def test_the_head_learns_at_its_own_rate(ready: Ready, rates: list[list[float]]) -> None:
    recipes = [
        Recipe(learning_rate=0.02, head_learning_rate=rate, warmup=0, batch_size=2, weight_decay=0)
        for rate in (None, 0.1)
    ]
    after = []
    for recipe in recipes:
        tagger, examples = ready()
        train(tagger, examples, recipe, seed=1, steps=1)
        after.append(get_weights(tagger))
    assert {*rates[0]} == {0.01}
    assert sorted({*rates[1]}) == pytest.approx([0.01, 0.05])
    moved = {name for name, array in after[0].items() if not np.array_equal(array, after[1][name])}
    assert moved == tagger.head_names()


def test_the_loss_falls(ready: Ready) -> None:
    tagger, examples = ready()
    recipe = Recipe(learning_rate=0.05, batch_size=2, weight_decay=0)
    losses = [train(tagger, examples, recipe, seed=s, steps=10, begin=0.1, end=0.2).loss for s in range(4)]
    assert losses[-1] < 0.5 * losses[0]


def test_padding_and_context_words_do_not_count(birnn_settings: MakeSettings, notes: list[Note]) -> None:
    """A batch's loss is the mean over its words, so a longer neighbour's padding must not dilute it."""
    tagger = build_tagger(birnn_settings(dropout=0, word_dropout=0))
    examples = read_examples(notes, tagger.tagset, tagger.reader)
    recipe = Recipe(learning_rate=1e-12, batch_size=len(examples), weight_decay=0)
    together = train(tagger, examples, recipe, seed=1, steps=1).loss
    alone = [train(tagger, [example], recipe, seed=1, steps=1).loss for example in examples]
    sizes = [len(example.tags) for example in examples]
    assert together == pytest.approx(np.average(alone, weights=sizes), rel=1e-4)


def test_no_example_is_an_error(ready: Ready) -> None:
    tagger, _ = ready()
    with pytest.raises(FixNotes) as refusal:
        train(tagger, [], RECIPE, seed=1, steps=1)
    assert refusal.value.remedy


@pytest.mark.parametrize(
    "wrong",
    [
        {"learning_rate": 0},
        {"learning_rate": 1, "batch_size": 0},
        {"learning_rate": 1, "local_steps": 0},
        {"learning_rate": 1, "warmup": 1},
        {"learning_rate": 1, "max_grad_norm": 0},
        {"learning_rate": 1, "epochs": 3},
    ],
)
def test_a_recipe_is_checked(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Recipe.model_validate(wrong)
