"""What privacy will cost before anything is spent: noise, sampling and rounds, and what they leave of the signal.

`clinfed aggregator plan` and the privacy page call this. The noise follows from the accountant. The accuracy is
looked up in measured curves, and the plan says so, and says where nothing was measured.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from privacy.accountant import Release, epsilon, noise_for
from privacy.secagg.policy import LEAST_HONEST, LEAST_HOSPITALS
from privacy.secagg.terms import usual_threshold
from shared.errors import FixSettings

MEASURED_STEPS = 64  # private steps that converged in every measured run
PASSES = 12  # over all patients, that converged in every measured run
RATES = (0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0)
LARGEST_EPSILON = 10  # that still promises something
ENOUGH = 0.9  # of the best signal: a higher sample rate is slower and gains less than the last tenth

Noise = Literal["secagg", "secagg, exact shares", "none"]


@dataclass(frozen=True)
class Curve:
    """Strict F1 by signal, for one recipe, mean of the seeds that were run.

    On the test set of NCBI-disease, or, where the recipe's name says so, on unseen templates of the synthetic clinic.

    Args:
        recipe: what was trained, from which start.
        trainable: weights that learned.
        points: (units, expected units a step, steps, epsilon, noise multiplier, F1), by ascending signal; delta 1e-5.
        no_noise: F1 of the same recipe without noise, if it was measured.
    """

    recipe: str
    trainable: int
    points: tuple[tuple[int, int, int, float, float, float], ...]
    no_noise: float | None


# Sources: docs/results.md for the head over three words (149,000 weights): "The same six hospitals,
# privately" (masked, exact noise shares, mean of two seeds; the noise also covers two sums that
# fail), "The embedded demo" and "The synthetic clinic" (one seed); shared/design/dp.md for the
# linear head (384 by 3 labels). Units are sentences, in two points the 592 abstracts, in the
# synthetic clinic patients.
CURVES = (
    Curve(
        "public start with dictionaries",
        149_000,
        (
            (592, 207, 72, 3.0, 4.37, 75.3),
            (592, 207, 72, 8.0, 2.00, 75.6),
            (5424, 1031, 64, 1.0, 5.98, 76.1),
            (5424, 1031, 64, 3.0, 2.40, 76.2),
            (5424, 1031, 64, 8.0, 1.22, 76.6),
        ),
        None,
    ),
    Curve(
        "public start without dictionaries",
        149_000,
        (
            (5424, 1031, 64, 1.0, 5.98, 71.7),
            (5424, 1031, 64, 3.0, 2.40, 72.1),
            (5424, 1031, 64, 8.0, 1.22, 72.7),
        ),
        None,
    ),
    Curve(
        "no public start, synthetic clinic",
        149_000,
        (
            (1780, 623, 72, 3.0, 4.37, 53.5),
            (1370, 480, 72, 8.0, 2.00, 58.7),
            (18_000, 1800, 72, 3.0, 1.52, 61.2),
        ),
        None,
    ),
    Curve(
        "linear head, without dictionaries",
        1_155,
        (
            (5424, 1024, 64, 1.0, 5.87, 57.7),
            (5424, 1024, 64, 3.0, 2.36, 59.5),
            (5424, 1024, 64, 8.0, 1.20, 61.9),
        ),
        None,
    ),
)
SEEDS = 1.0  # F1 between seeds of one point, each way
REACH = 2.0  # how far beyond the measured signals a curve is followed, as a factor
ALIKE = 10.0  # how far the number of trained weights may be from a curve's, as a factor


@dataclass(frozen=True)
class Wish:
    """What is asked for.

    Args:
        patients: of all hospitals together, or other units of privacy.
        hospitals: that take part.
        colluders: hospitals that may help the aggregator.
        epsilon: that training may spend.
        delta: at which.
        rounds: private steps; None to choose.
        sample_rate: of patients in a step, in (0, 1]; None to choose.
        trainable: weights that learn.

    Raises:
        FixSettings: numbers out of range.
    """

    patients: int
    hospitals: int
    colluders: int
    epsilon: float
    delta: float
    rounds: int | None
    sample_rate: float | None
    trainable: int

    def __post_init__(self) -> None:
        for name, good, remedy in (
            ("patients", self.patients >= 1, "Give the patients of all hospitals together."),
            ("hospitals", 1 <= self.hospitals <= self.patients, "Give 1 or more, and a patient to each."),
            ("colluders", 0 <= self.colluders < self.hospitals, "Leave one hospital honest."),
            ("epsilon", 0 < self.epsilon < math.inf, "Give a number above 0."),
            ("delta", 0 < self.delta < 1, "Give a number between 0 and 1."),
            ("rounds", self.rounds is None or self.rounds >= 1, "Give 1 or more, or auto."),
            ("sample rate", self.sample_rate is None or 0 < self.sample_rate <= 1, "Give up to 1, or auto."),
            ("trainable", self.trainable >= 1, "Give the number of weights that learn."),
        ):
            if not good:
                raise FixSettings("is out of range", where=name, remedy=remedy)


@dataclass(frozen=True)
class Accuracy:
    """What a measured recipe lets expect.

    Args:
        recipe: that was measured.
        low: strict F1.
        high: strict F1; None, as `low`, where nothing comparable was measured.
        note: how the band was come by.
    """

    recipe: str
    low: float | None
    high: float | None
    note: str


@dataclass(frozen=True)
class Arrangement:
    """One way to share the noise.

    Args:
        noise: who adds it: "secagg" with shares that hold for every allowed drop-out, the same with the surplus
            removed afterwards, or "none", where each hospital's noise suffices alone.
        share: noise multiplier of one hospital's share.
        in_sum: noise multiplier of the sum, if nobody drops out.
        epsilon_if_others_collude: of a patient, against everyone but the own hospital.
        signal_to_noise: norm of the summed gradients if all agree, over the norm of the noise, in one step.
        signal: the same over all steps.
        accuracy: a band for each recipe.
    """

    noise: Noise
    share: float
    in_sum: float
    epsilon_if_others_collude: float
    signal_to_noise: float
    signal: float
    accuracy: tuple[Accuracy, ...]


@dataclass(frozen=True)
class Plan:
    """What to run.

    Args:
        wish: what was asked for.
        rounds: private steps.
        sample_rate: of patients in a step.
        noise_multiplier: that must be left in the sum, over the clipping norm.
        epsilon: that it spends.
        patients_a_step: expected.
        passes: expected, of a patient through training.
        noise_per_coordinate: of the mean gradient, in clipping norms.
        signal_per_coordinate: of the mean gradient, if all agree and all coordinates are alike, in clipping norms.
        threshold: hospitals that must stay to the end of a secure sum; None without secure sums.
        arrangements: of the noise; the first is what a run does by itself.
        warnings: what to know before it is run.
    """

    wish: Wish
    rounds: int
    sample_rate: float
    noise_multiplier: float
    epsilon: float
    patients_a_step: float
    passes: float
    noise_per_coordinate: float
    signal_per_coordinate: float
    threshold: int | None
    arrangements: tuple[Arrangement, ...]
    warnings: tuple[str, ...]


def make_plan(wish: Wish) -> Plan:
    """Chooses what was left open, and says what to expect.

    Raises:
        FixSettings: no noise keeps to epsilon.
    """
    # 1. Rounds, sample rate, and the noise that keeps to epsilon.
    rounds, rate, noise = _steps(wish)
    expected = rate * wish.patients

    # 2. Who adds the noise, and what is left of the signal.
    threshold = usual_threshold(wish.hospitals, wish.colluders)
    secure = wish.hospitals >= LEAST_HOSPITALS and threshold - wish.colluders >= LEAST_HONEST
    arrangements = tuple(
        _arrangement(wish, rounds, rate, name, share)
        for name, share in _shares(wish, noise, threshold if secure else None)
    )

    # 3. What to know before.
    return Plan(
        wish=wish,
        rounds=rounds,
        sample_rate=rate,
        noise_multiplier=noise,
        epsilon=epsilon([Release(noise, rate, rounds)], wish.delta).value,
        patients_a_step=expected,
        passes=rate * rounds,
        noise_per_coordinate=noise / expected,
        signal_per_coordinate=1 / math.sqrt(wish.trainable),
        threshold=threshold if secure else None,
        arrangements=arrangements,
        warnings=tuple(_warnings(wish, rounds, rate, noise, secure, arrangements[0])),
    )


def accuracy_at(curve: Curve, signal: float) -> Accuracy:
    """Follows a measured curve, linearly in the logarithm of the signal and not far beyond its ends.

    Args:
        curve: of a recipe.
        signal: as in `Arrangement`, above 0.
    """
    signals = _signals(curve)
    scores = [point[5] for point in curve.points]
    if signal < signals[0] / REACH:
        return Accuracy(curve.recipe, None, None, "so little signal was never measured")
    if signal > signals[-1] * REACH:
        if curve.no_noise is None:
            return Accuracy(curve.recipe, None, None, "so much signal was never measured")
        note = "beyond what was measured: from the best private run to the same recipe without noise"
        return Accuracy(curve.recipe, scores[-1], curve.no_noise, note)
    logs = np.log(signals)
    middle, note = float(np.interp(math.log(signal), logs, scores)), "between measured runs"
    if not signals[0] <= signal <= signals[-1]:
        first = 0 if signal < signals[0] else len(scores) - 2  # of the two points whose line goes on
        slope = (scores[first + 1] - scores[first]) / (logs[first + 1] - logs[first])
        middle = scores[first] + float(slope * (math.log(signal) - logs[first]))
        note = f"up to {REACH:g} times beyond measured runs"
    low, high = middle - SEEDS, middle + SEEDS
    return Accuracy(curve.recipe, round(low, 1), round(min(high, curve.no_noise or high), 1), note)


def signal_of(trainable: int, expected: float, rounds: int, noise_in_sum: float) -> float:
    """Norm of the summed gradients if all agree, over the norm of the noise, added up over steps.

    Args:
        trainable: weights that learn.
        expected: units in a step.
        rounds: private steps, over which noise averages out.
        noise_in_sum: noise multiplier of the sum.
    """
    return expected * math.sqrt(rounds) / (noise_in_sum * math.sqrt(trainable))


def _steps(wish: Wish) -> tuple[int, float, float]:
    """Rounds, sample rate and noise; the lowest rate that leaves nearly all of the signal, where it is open."""
    choices = []
    for rate in RATES if wish.sample_rate is None else (wish.sample_rate,):
        rounds = wish.rounds or max(MEASURED_STEPS, math.ceil(PASSES / rate))
        noise = noise_for(wish.epsilon, wish.delta, [], rate, rounds)
        choices.append((rounds, rate, noise))
    signals = [
        signal_of(wish.trainable, rate * wish.patients, rounds, noise) for rounds, rate, noise in choices
    ]
    return next(
        choice for choice, signal in zip(choices, signals, strict=True) if signal >= ENOUGH * max(signals)
    )


def _shares(wish: Wish, noise: float, threshold: int | None) -> Iterator[tuple[Noise, float]]:
    """Noise multiplier of a hospital's share; `privacy.noise_shares` makes them."""
    if threshold is not None:
        yield "secagg", noise / math.sqrt(threshold - wish.colluders)
        yield "secagg, exact shares", noise / math.sqrt(wish.hospitals - wish.colluders)
    yield "none", noise


def _arrangement(wish: Wish, rounds: int, rate: float, name: Noise, share: float) -> Arrangement:
    in_sum = share * math.sqrt(wish.hospitals)
    once = signal_of(wish.trainable, rate * wish.patients, 1, in_sum)
    signal = once * math.sqrt(rounds)
    return Arrangement(
        noise=name,
        share=share,
        in_sum=in_sum,
        epsilon_if_others_collude=epsilon([Release(share, rate, rounds)], wish.delta).value,
        signal_to_noise=once,
        signal=signal,
        accuracy=tuple(accuracy_at(curve, signal) for curve in _curves(wish.trainable)),
    )


def _curves(trainable: int) -> list[Curve]:
    """Those with about as many weights."""
    return [one for one in CURVES if 1 / ALIKE <= trainable / one.trainable <= ALIKE]


def _signals(curve: Curve) -> list[float]:
    """Of a curve's points, ascending."""
    return [signal_of(curve.trainable, *point[1:3], point[4]) for point in curve.points]


def _warnings(
    wish: Wish, rounds: int, rate: float, noise: float, secure: bool, usual: Arrangement
) -> Iterator[str]:
    measured = _signals(CURVES[0])
    if usual.signal < measured[0]:
        yield (
            "Privacy at this size cannot work: there is less signal than in any run that was measured."
            if usual.signal < measured[0] / REACH
            else "Privacy at this size hardly works: there is less signal than in any run that was measured."
        )
        yield _help(wish, rounds, rate, noise, measured[2] / usual.signal)
    if not _curves(wish.trainable):
        sizes = " and ".join(sorted({f"{curve.trainable:,}" for curve in CURVES}))
        yield f"No accuracy is given: runs were measured with about {sizes} trained weights only."
    if rounds * rate < PASSES:
        yield f"A patient is seen {rounds * rate:.1f} times; measured runs took {PASSES} passes or more to converge."
    if rounds < MEASURED_STEPS:
        yield f"Measured runs took {MEASURED_STEPS} steps or more to converge; {rounds} may be too few."
    if wish.delta * wish.patients >= 1:
        yield (
            f"Delta is too large for {wish.patients:,} patients: "
            f"choose at most {0.1 / wish.patients:.0e}, a tenth of one in all patients."
        )
    if wish.epsilon > LARGEST_EPSILON:
        yield f"An epsilon above {LARGEST_EPSILON} promises a patient very little."
    if not secure:
        yield (
            f"Secure sums need {LEAST_HOSPITALS} hospitals or more, and {LEAST_HONEST} honest ones at the threshold: "
            "each hospital must add all the noise alone."
        )
    yield "Evaluation spends, too: this plan leaves nothing of epsilon for it, so plan training with a little less."


def _help(wish: Wish, rounds: int, rate: float, noise: float, factor: float) -> str:
    """What would bring the signal up by a factor, each alone."""
    larger = epsilon([Release(noise / factor, rate, rounds)], wish.delta).value
    weights = int(wish.trainable / factor**2)
    ways = [f"{math.ceil(wish.patients * factor):,} patients"]
    if larger <= LARGEST_EPSILON:
        ways.append(f"an epsilon of {larger:.1f}")
    if weights >= min(curve.trainable for curve in CURVES):
        ways.append(f"{weights:,} trained weights (fewer also learn less)")
    enough = "" if larger <= LARGEST_EPSILON else f" No epsilon up to {LARGEST_EPSILON} is enough."
    return (
        f"What would help, each alone: {', or '.join(ways)}.{enough} "
        "In any case, start from public notes with clinfed aggregator pretrain."
    )
