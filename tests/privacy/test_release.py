"""Bounded sums and their noise: what one unit adds, how much is drawn, and what a seed gives back."""

import math
from collections import Counter
from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from privacy import release as release_module
from privacy.block_sum import clip_within
from privacy.dpsgd import unit_gradients
from privacy.generator import KEY, Generator, poisson_sample
from privacy.noise_shares import effective_multiplier
from privacy.quantise import quantise
from privacy.release import component_of, count_sum, draw_noise, draw_some, gradient_sum, shares_of, sigma_for
from shared.errors import FixSettings
from shared.examples import read_examples
from shared.models.build import build_tagger
from shared.private import PrivateRound
from shared.units import owners
from tests.shared.conftest import bert_settings, birnn_settings, notes, tiny_encoder

__all__ = ["bert_settings", "birnn_settings", "notes", "tiny_encoder"]  # fixtures

GRIDS = (1 << 8, 1 << 16, 1 << 24)


def asked(**changes: Any) -> PrivateRound:
    usual: dict[str, Any] = {
        "unit": "sentence",
        "sample_rate": 1.0,
        "noise_multiplier": 1.0,
        "max_grad_norm": 0.1,
        "count_noise_multiplier": 1.0,
    }
    return PrivateRound(**usual | changes)


# Noise


@given(st.floats(0.05, 50), st.sampled_from(GRIDS))
def test_sigma_is_the_least_that_is_no_less_private(multiplier: float, grid: int) -> None:
    sigma = sigma_for(multiplier, grid)
    wanted = (Fraction(multiplier) * grid) ** 2 + 16
    assert Fraction(sigma) ** 2 >= wanted
    assert Fraction(math.nextafter(sigma, 0)) ** 2 < wanted
    charged = effective_multiplier(sigma, grid)
    assert multiplier * (1 - 1e-12) <= charged <= multiplier * (1 + 1e-6)


CASES = [(n, t, d) for n in (3, 4, 7) for t in range(2, n + 1) for d in range(t)]


@pytest.mark.parametrize("noise", ["exact", "plain"])
@pytest.mark.parametrize(("hospitals", "threshold", "colluders"), CASES)
def test_honest_survivors_leave_what_is_charged(
    noise: Any, hospitals: int, threshold: int, colluders: int
) -> None:
    shares = shares_of(noise, 1.3, 1 << 16, hospitals=hospitals, threshold=threshold, colluders=colluders)
    for survivors in range(threshold, hospitals + 1):
        left = math.sqrt(shares.variance_left(survivors))
        assert effective_multiplier(math.nextafter(left, math.inf), 1 << 16) >= 1.3 * (1 - 1e-12)


def test_local_noise_is_all_of_it_whoever_else_is_there() -> None:
    shares = shares_of("local", 1.3, 1 << 16, hospitals=9, threshold=7, colluders=3)
    assert shares.sigmas == (pytest.approx(sigma_for(1.3, 1 << 16)),)
    assert shares.sigmas[0] >= sigma_for(1.3, 1 << 16)


def test_noise_that_cannot_be_shared_is_an_error() -> None:
    with pytest.raises(FixSettings):
        shares_of("exact", 1.0, 1 << 16, hospitals=3, threshold=2, colluders=2)
    with pytest.raises(FixSettings):
        shares_of("exact", 0.01, 1 << 8, hospitals=3, threshold=2, colluders=1)


def test_noise_is_the_sum_of_its_components_and_they_come_back_from_their_seeds() -> None:
    shares = shares_of("exact", 1.0, 1 << 16, hospitals=5, threshold=3, colluders=1)
    drawn = draw_noise(shares, 30_000)
    assert [len(seed) for seed in drawn.seeds] == [KEY] * 3 == [KEY] * len(shares.sigmas)
    parts = [component_of(shares, part, seed, 30_000) for part, seed in enumerate(drawn.seeds)]
    assert (sum(part.astype(np.int64) for part in parts) == drawn.values).all()
    for part, sigma in zip(parts, shares.sigmas, strict=True):
        assert float(part.std()) == pytest.approx(sigma, rel=0.025)
    for one, other in combinations(parts, 2):
        assert abs(float(np.corrcoef(one, other)[0, 1])) < 0.04


def test_noise_is_drawn_afresh_each_time() -> None:
    shares = shares_of("exact", 1.0, 1 << 16, hospitals=5, threshold=3, colluders=1)
    one, other = draw_noise(shares, 1000), draw_noise(shares, 1000)
    assert len({*one.seeds, *other.seeds}) == 6
    assert (one.values != other.values).mean() > 0.99


# Sums


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("norm", [0.5, 4.0, 1e3])
def test_counts_of_a_unit_more_move_the_sum_by_at_most_the_grid(norm: float, grid: int) -> None:
    counts = np.random.default_rng(3).integers(0, 50, size=(12, 8))
    order = asked(count_norm=norm, grid=grid)
    whole = count_sum(counts, order)
    for left_out in range(len(counts)):
        change = whole - count_sum(np.delete(counts, left_out, axis=0), order)
        assert 0 < sum(int(step) ** 2 for step in change.tolist()) <= grid**2
    assert (
        whole == sum(quantise(row.astype(np.float32), norm, grid).astype(np.int64) for row in counts)
    ).all()


def test_counts_within_the_norm_are_kept() -> None:
    counts = np.array([[3, 4, 0, 0], [0, 1, 2, 2]])
    order = asked(count_norm=8.0)
    expected = counts.sum(0) * (order.grid / 8.0)
    assert np.abs(count_sum(counts, order) - expected).max() <= 2 * (1 + order.grid * 1e-6)


def test_counts_of_nobody() -> None:
    assert count_sum(np.zeros((0, 4), dtype=np.int64), asked()).tolist() == [0] * 4


@pytest.fixture
def hospital(birnn_settings: Any, notes: Any) -> Any:
    torch.manual_seed(2)
    tagger = build_tagger(birnn_settings(character_filters=16, hidden=16))  # widths whose shapes are steady
    tagger.eval()
    return tagger, read_examples(notes, tagger.tagset, tagger.reader)


@pytest.fixture
def head(bert_settings: Any, notes: Any) -> Any:
    torch.manual_seed(2)
    tagger = build_tagger(bert_settings(trained="head")).eval()
    return tagger, tagger.prepare(read_examples(notes, tagger.tagset, tagger.reader))


@pytest.mark.parametrize(
    ("network", "alone"), [("hospital", True), ("hospital", False), ("head", True), ("head", False)]
)
def test_the_sum_is_that_of_a_loop_over_the_chosen_units(
    network: str, alone: bool, request: pytest.FixtureRequest
) -> None:
    """Alone to the last integer, as a head always is; in blocks as far as these clip to a little less."""
    tagger, examples = request.getfixturevalue(network)
    order, unit_of = asked(sample_rate=0.5, alone=alone), owners("sentence", examples)
    for seed in range(6):
        found = gradient_sum(tagger, examples, unit_of, order, Generator(bytes([seed] * KEY)))
        chosen = poisson_sample(len(set(unit_of)), 0.5, Generator(bytes([seed] * KEY))).tolist()
        expected, inner, step = np.zeros_like(found), np.zeros(found.size), order.grid / order.max_grad_norm
        within = clip_within(order.max_grad_norm, order.grid, found.size) or 0.0
        for unit in chosen:
            own = [example for example, owner in zip(examples, unit_of, strict=True) if owner == unit]
            ((_, gradient),) = unit_gradients(tagger, own, [0] * len(own))
            expected += quantise(gradient, order.max_grad_norm, order.grid)
            inner += gradient * (step * min(1.0, within / float(np.linalg.norm(gradient))))
        if alone or network == "head":
            assert (found == expected).all()
        else:
            assert np.linalg.norm(found - inner) <= 1e-3 * np.linalg.norm(inner) + np.sqrt(found.size)
            assert found.any() == bool(chosen)


def test_no_unit_gives_zeros(hospital: Any) -> None:
    tagger, examples = hospital
    for given_to, order in ((examples, asked(sample_rate=1e-12)), ([], asked())):
        total = gradient_sum(tagger, given_to, owners("note", given_to), order, Generator())
        assert total.size == sum(weight.numel() for weight in tagger.trained().values())
        assert not total.any()


def test_each_unit_enters_through_one_quantised_vector(
    hospital: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many examples it has, and in whatever order they come."""
    tagger, examples = hospital
    seen: list[int] = []

    def counted(gradient: Any, *args: Any) -> Any:
        done = quantise(gradient, *args)
        seen.append(sum(int(step) ** 2 for step in done.tolist()))
        return done

    monkeypatch.setattr(release_module, "quantise", counted)
    order = [*range(0, len(examples), 2), *range(1, len(examples), 2)]
    mixed = [examples[index] for index in order]
    for unit in ("note", "patient", "sentence"):
        seen.clear()
        unit_of = owners(unit, mixed)
        gradient_sum(tagger, mixed, unit_of, asked(alone=True), Generator())
        assert len(seen) == len(set(unit_of))
        assert max(seen) <= (1 << 16) ** 2


def test_some_are_drawn_evenly_and_in_order() -> None:
    generator = Generator()
    assert draw_some([4, 5, 6], 3, generator) == [4, 5, 6]
    drawn = [tuple(draw_some(range(10, 15), 2, generator)) for _ in range(4000)]
    assert all(one < other for one, other in drawn)
    found = Counter(drawn)
    assert len(found) == 10
    assert sum((times - 400) ** 2 / 400 for times in found.values()) < 40  # nine degrees of freedom
