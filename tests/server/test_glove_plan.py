"""The verdict on noised counts: the measured curve at its points, caution beyond, and nothing out of nowhere."""

import math

import pytest

from privacy.accountant import Release, epsilon
from server.glove_plan import ENOUGH, MEASURED, SIGNALS, Verdict, worth_it
from shared.cooccurrence import triangle
from shared.errors import FixSettings


def verdict(documents: int = 10_000, words: int = 500, pairs: int | None = None, eps: float = 3.0) -> Verdict:
    return worth_it(documents, words, triangle(words) if pairs is None else pairs, eps, 1e-5)


@pytest.mark.parametrize("eps", [0.5, 1.0, 3.0, 8.0])
def test_the_noise_keeps_to_epsilon(eps: float) -> None:
    made = verdict(eps=eps)
    assert epsilon([Release(made.noise_multiplier, 1.0)], 1e-5).value <= eps
    assert made.signal_to_noise == pytest.approx(10_000 / (made.noise_multiplier * math.sqrt(125_250)))


@pytest.mark.parametrize("words", MEASURED)
def test_a_measured_point_is_given_back(words: int) -> None:
    pairs = triangle(words)
    noise = verdict(words=words).noise_multiplier
    for signal, (low, high) in zip(SIGNALS, MEASURED[words], strict=True):
        documents = math.ceil(signal * noise * math.sqrt(pairs))
        made = verdict(documents, words)
        assert made.low == pytest.approx(low, abs=0.005)
        assert made.high == pytest.approx(high, abs=0.005)


def test_more_patients_and_more_budget_never_make_it_worse() -> None:
    highs = [verdict(documents).high or 0 for documents in (1, 100, 1000, 10_000, 10**6, 10**9)]
    assert highs == sorted(highs)
    assert highs[-1] == MEASURED[500][-1][1]  # nothing is promised beyond what was measured
    assert [verdict(eps=eps).signal_to_noise for eps in (0.5, 1, 3, 8)] == sorted(
        verdict(eps=eps).signal_to_noise for eps in (8, 3, 1, 0.5)
    )
    assert verdict(1, eps=0.1).low == 0


def test_it_is_worth_it_from_the_documents_needed_on() -> None:
    needed = verdict().documents_needed
    assert needed is not None
    assert verdict(needed).worth_it
    assert verdict(needed).signal_to_noise >= ENOUGH
    less = verdict(needed - 1)
    assert not less.worth_it
    assert f"{needed:,} patients" in less.note


@pytest.mark.parametrize(
    ("words", "pairs", "said"),
    [
        (20, None, "Nothing was measured"),
        (60_000, 10**7, "Nothing was measured"),
        (1000, 20_000, "pairs a word"),
    ],
    ids=["few words", "many words", "a short list"],
)
def test_what_was_not_measured_is_not_promised(words: int, pairs: int | None, said: str) -> None:
    made = verdict(10**9, words, pairs)
    assert not made.worth_it
    assert made.low is made.high is made.documents_needed is None
    assert said in made.note


def test_where_no_signal_was_enough_none_is_asked_for() -> None:
    made = verdict(10**9, 5000)
    assert not made.worth_it
    assert made.documents_needed is None
    assert made.high == MEASURED[5000][-1][1]
    assert "fewer words" in made.note


def test_all_pairs_of_few_words_are_no_short_list() -> None:
    assert verdict(10**6, 100).worth_it


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        ((0, 500, 100, 1.0, 1e-5, 1.0), "documents"),
        ((10, 0, 100, 1.0, 1e-5, 1.0), "vocabulary"),
        ((10, 500, 0, 1.0, 1e-5, 1.0), "pairs"),
        ((10, 500, 125_251, 1.0, 1e-5, 1.0), "pairs"),
        ((10, 500, 100, 0.0, 1e-5, 1.0), "epsilon"),
        ((10, 500, 100, 1.0, 1e-5, 0.5), "in_sum"),
        ((10, 500, 100, math.inf, 1e-5, 1.0), "epsilon"),
        ((10, 500, 100, 1.0, 1.0, 1.0), "delta"),
    ],
)
def test_numbers_out_of_range_are_settings_to_fix(
    arguments: tuple[int, int, int, float, float, float], where: str
) -> None:
    with pytest.raises(FixSettings) as refusal:
        worth_it(*arguments)
    assert refusal.value.where == where
