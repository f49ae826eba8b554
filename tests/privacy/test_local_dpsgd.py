"""Training with a hospital's own noise: DP-SGD by hand gives the same weights; every step is noised and sampled."""

from typing import Any

import numpy as np
import pytest
import torch

from privacy import local_dpsgd
from privacy.generator import KEY, Generator
from privacy.local_dpsgd import train_privately
from privacy.quantise import dequantise
from privacy.release import NoiseDrawn, draw_noise, gradient_sum, sigma_for
from shared.examples import read_examples
from shared.models.build import build_tagger
from shared.models.tagger import get_weights, set_weights
from shared.private import PrivateRound
from shared.training import Recipe, rate_at
from shared.units import owners
from tests.shared.conftest import birnn_settings, notes

__all__ = ["birnn_settings", "notes"]  # fixtures

ASKED = PrivateRound(
    unit="sentence",
    noise="local",
    sample_rate=0.5,
    noise_multiplier=0.7,
    max_grad_norm=0.1,
    count_noise_multiplier=1.0,
)
RECIPE = Recipe(learning_rate=0.01, weight_decay=0.0, warmup=0.25)
STEPS, UNITS = 4, 7


@pytest.fixture
def hospital(birnn_settings: Any, notes: Any) -> Any:
    torch.manual_seed(2)
    tagger = build_tagger(birnn_settings())
    examples = read_examples(notes, tagger.tagset, tagger.reader)
    return tagger, examples, owners("sentence", examples)


@pytest.fixture
def dice(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every step's choice and noise, known afterwards."""
    seen: list[Any] = []

    def summed(*args: Any) -> Any:
        seed = bytes([len(seen)] * KEY)
        seen.append(seed)
        return gradient_sum(*args[:-1], Generator(seed))

    def drawn(shares: Any, size: int) -> NoiseDrawn:
        noise = draw_noise(shares, size)
        seen.append((shares, noise.values.copy()))
        return noise

    monkeypatch.setattr(local_dpsgd, "gradient_sum", summed)
    monkeypatch.setattr(local_dpsgd, "draw_noise", drawn)
    return seen


def _train(hospital: Any, **changes: Any) -> None:
    tagger, examples, unit_of = hospital
    usual: dict[str, Any] = {"steps": STEPS, "begin": 0.25, "end": 0.75, "units": UNITS}
    train_privately(tagger, examples, unit_of, ASKED, RECIPE, **usual | changes)


def test_it_is_adam_on_noised_means_of_clipped_gradients(hospital: Any, dice: list[Any]) -> None:
    tagger, examples, unit_of = hospital
    before = get_weights(tagger)
    _train(hospital)
    trained = get_weights(tagger)
    assert len(dice) == 2 * STEPS

    weights = {name: array.astype(np.float64) for name, array in before.items()}
    first = {name: np.zeros(array.shape) for name, array in before.items()}
    second = {name: np.zeros(array.shape) for name, array in before.items()}
    for step in range(STEPS):
        seed, (_, noise) = dice[2 * step], dice[2 * step + 1]
        set_weights(tagger, {name: array.astype(np.float32) for name, array in weights.items()})
        tagger.eval()
        total = gradient_sum(tagger, examples, unit_of, ASKED, Generator(seed)) + noise
        mean = dequantise(total, ASKED.max_grad_norm, ASKED.grid) / (ASKED.sample_rate * UNITS)
        rate = RECIPE.learning_rate * rate_at(0.25 + 0.5 * (step + 0.5) / STEPS, RECIPE.warmup)
        at = 0
        for name, array in weights.items():
            gradient = mean[at : at + array.size].reshape(array.shape).astype(np.float64)
            at += array.size
            first[name] = 0.9 * first[name] + 0.1 * gradient
            second[name] = 0.999 * second[name] + 0.001 * gradient**2
            direction = (first[name] / (1 - 0.9 ** (step + 1))) / (
                np.sqrt(second[name] / (1 - 0.999 ** (step + 1))) + 1e-8
            )
            weights[name] = array - rate * direction
    for name, array in trained.items():
        np.testing.assert_allclose(array, weights[name], atol=2e-5)
        assert np.abs(array - before[name]).max() > 1e-3


def test_every_step_has_all_of_the_noise(hospital: Any, dice: list[Any]) -> None:
    _train(hospital)
    noises = [noise for _, noise in dice[1::2]]
    assert len(noises) == STEPS
    for (shares, noise), other in zip(dice[1::2], noises[1:] + noises[:1], strict=True):
        assert shares.sigmas[0] >= sigma_for(ASKED.noise_multiplier, ASKED.grid)
        spread = 6 / np.sqrt(2 * noise.size)
        assert float(noise.std()) == pytest.approx(ASKED.noise_multiplier * ASKED.grid, rel=spread)
        assert (noise != other).mean() > 0.99


def test_nothing_is_left_in_the_network_but_its_weights(hospital: Any) -> None:
    tagger, *_ = hospital
    _train(hospital)
    assert all(weight.grad is None for weight in tagger.parameters())


def test_without_units_it_is_noise_alone(hospital: Any) -> None:
    """Nobody there: the weights move nonetheless, so that an empty hospital looks like any other."""
    tagger, *_ = hospital
    before = get_weights(tagger)
    train_privately(tagger, [], [], ASKED, RECIPE, steps=2, begin=0.0, end=0.5, units=10)
    assert all((array != before[name]).any() for name, array in get_weights(tagger).items())
