"""What a history of noisy releases costs in (epsilon, delta): the one place where privacy is added up.

A release is a sum over units, each unit clipped to norm 1 and present with probability `sample_rate`, plus Gaussian
noise of standard deviation `noise_multiplier`. Opacus does the arithmetic; here histories are put in order, the two
accountants are held against each other, and noise is chosen.

Guarantees: `Epsilon.value` is an upper bound for neighbouring data sets that differ by one unit, added or removed,
whatever the order of the releases and however each was chosen after seeing those before (except for how much noise it
gets). It covers what is in the history and nothing else: not the choice of hyperparameters, nor public metadata.
"""

import math
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from opacus.accountants import PRVAccountant  # type: ignore[import-untyped]
from opacus.accountants.analysis.prv import Domain  # type: ignore[import-untyped]
from opacus.accountants.analysis.rdp import compute_rdp  # type: ignore[import-untyped]

from shared.errors import FixSettings

GRID = 100  # noise multipliers that `noise_for` returns are multiples of 1 / GRID: few values keep phases few
CLOSE = 200  # and for large ones it stops within one part in so many of the smallest
MOST_NOISE = 10_000.0
MOST_STEPS = 10**9
MOST_TIMES = 1000

_WHOLE = np.array(
    [*range(1, 65), 80, 96, 128, 192, 256, 384, 512]
)  # orders whose divergence has a finite sum
_PARTS = np.array([order / 10 for order in range(11, 110) if order % 10])
_ORDERS = np.concatenate([_PARTS, _WHOLE[1:]])
_QUICK_SERIES = 0.25  # above this sample rate Opacus' series for orders in between can take seconds
_LONGEST = 300.0  # privacy losses beyond it overflow in PRV; such a history has no privacy left anyway
_SLOW = 1 << 22  # cells of all phases, beyond which a second is worth more than the last percent
_MOST_CELLS = 1 << 23
_ROUNDING = 2.0**-49  # per step, of probabilities computed in double precision


@dataclass(frozen=True, order=True)
class Release:
    """Equal steps of one noisy sum.

    Args:
        noise_multiplier: standard deviation of the noise over the norm that units are clipped to; positive.
        sample_rate: probability with which a unit takes part in a step, in (0, 1]; 1 for counts over everyone.
        steps: how many times, from 1.

    Raises:
        FixSettings: a value is out of range.
    """

    noise_multiplier: float
    sample_rate: float
    steps: int = 1

    def __post_init__(self) -> None:
        _check("noise_multiplier", self.noise_multiplier, 0 < self.noise_multiplier < math.inf, "above 0")
        _check("sample_rate", self.sample_rate, 0 < self.sample_rate <= 1, "above 0, up to 1")
        whole = isinstance(self.steps, int) and not isinstance(self.steps, bool)
        _check("steps", self.steps, whole and 1 <= self.steps <= MOST_STEPS, f"whole, 1 to {MOST_STEPS}")


@dataclass(frozen=True)
class Epsilon:
    """Two upper bounds of one epsilon.

    Args:
        prv: by numerical composition; infinite where that cannot be relied on.
        rdp: by Renyi divergences; looser, and always there.
    """

    prv: float
    rdp: float

    @property
    def value(self) -> float:
        """The bound that is reported and charged: the smaller one, as both hold."""
        return min(self.prv, self.rdp)


def epsilon(history: Iterable[Release], delta: float) -> Epsilon:
    """What a history costs.

    Args:
        history: releases in any order.
        delta: in (0, 1).

    Returns:
        Upper bounds of epsilon; 0 for an empty history. One distinct (noise, rate) takes about 0.1 s the first time,
        60 of them several seconds.

    Raises:
        FixSettings: delta is out of range.
    """
    _check("delta", delta, 0 < delta < 1, "between 0 and 1")
    return _epsilon(merge(history), delta)


def epsilon_by_rdp(history: Iterable[Release], delta: float) -> float:
    """The looser bound alone: an upper bound too, and hardly any work for phases seen before."""
    _check("delta", delta, 0 < delta < 1, "between 0 and 1")
    return _rdp(merge(history), delta)


def merge(history: Iterable[Release]) -> tuple[Release, ...]:
    """The history as distinct phases in canonical order; it costs the same.

    Steps with equal noise and rate become one phase. All steps at rate 1 become one Gaussian with the same total of
    1 / noise**2, which is exact: Gaussian mechanisms compose to a Gaussian one (Dong, Roth & Su 2022, Corollary 3.3).
    """
    steps: dict[tuple[float, float], int] = defaultdict(int)
    for release in history:
        steps[release.noise_multiplier, release.sample_rate] += release.steps
    full = {noise: number for (noise, rate), number in steps.items() if rate == 1.0}
    if sum(full.values()) > 1:
        precision = math.fsum(number / noise**2 for noise, number in full.items())
        steps = {key: number for key, number in steps.items() if key[1] != 1.0}
        steps[1 / math.sqrt(precision) * (1 - 1e-12), 1.0] = 1
    return tuple(sorted(Release(noise, rate, number) for (noise, rate), number in steps.items()))


def noise_for(
    target: float, delta: float, history: Sequence[Release], sample_rate: float, steps: int
) -> float:
    """The smallest noise multiplier with which further steps keep to a target.

    Args:
        target: epsilon that history and further steps together may cost.
        delta: in (0, 1).
        history: what was released before.
        sample_rate: of the further steps.
        steps: how many.

    Returns:
        A multiple of 1 / `GRID`, rounded up and checked, so never too small; at most one part in `CLOSE`, or one
        1 / `GRID`, too large.

    Raises:
        FixSettings: no noise is enough, because the history alone costs as much.
    """
    _check("epsilon", target, 0 < target < math.inf, "above 0")

    def fits(hundredths: int) -> bool:
        further = Release(hundredths / GRID, sample_rate, steps)
        return epsilon([*history, further], delta).value <= target

    low, high = 0, GRID
    while not fits(high):
        if high > MOST_NOISE * GRID:
            raise FixSettings(
                f"{steps} more steps cannot keep epsilon at {target:g}, whatever their noise",
                where="epsilon",
                remedy="Raise epsilon, or release less.",
            )
        low, high = high, 2 * high
    while high - low > max(1, high // CLOSE):
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high / GRID


def times_that_fit(mix: Sequence[Release], history: Sequence[Release], target: float, delta: float) -> int:
    """How many times the same releases can follow a history before a target is passed.

    Args:
        mix: what is released each time.
        history: what was released before.
        target: epsilon that must not be passed.
        delta: in (0, 1).

    Returns:
        The number, from 0 to `MOST_TIMES`; that many do fit.
    """

    def after(times: int) -> list[Release]:
        return [*history, *(replace(release, steps=release.steps * times) for release in mix if times)]

    most = min(MOST_TIMES, *(MOST_STEPS // release.steps for release in mix))
    certain = _last(lambda times: epsilon_by_rdp(after(times), delta) <= target, 0, most)
    return _last(lambda times: epsilon(after(times), delta).value <= target, certain, most)


def _last(fits: Callable[[int], bool], known: int, most: int) -> int:
    """The last number up to `most` that fits, searched from one that is known to."""
    step = 1
    while known + step <= most and fits(known + step):
        known, step = known + step, 2 * step
    beyond = min(known + step, most + 1)
    while beyond - known > 1:
        middle = (known + beyond) // 2
        known, beyond = (middle, beyond) if fits(middle) else (known, middle)
    return known


@lru_cache(maxsize=1024)
def _epsilon(phases: tuple[Release, ...], delta: float) -> Epsilon:
    if not phases:
        return Epsilon(0.0, 0.0)
    rdp = _rdp(phases, delta)
    return Epsilon(_prv(phases, delta, rdp), rdp)


def _rdp(phases: Sequence[Release], delta: float) -> float:
    """Renyi composition, converted by Balle et al. 2020, Theorem 21."""
    if not phases:
        return 0.0
    curve = sum(
        (phase.steps * _curve(phase.noise_multiplier, phase.sample_rate) for phase in phases),
        np.zeros_like(_ORDERS),
    )
    bounds = curve + np.log1p(-1 / _ORDERS) - (math.log(delta) + np.log(_ORDERS)) / (_ORDERS - 1)
    return max(0.0, float(np.min(bounds)))


@lru_cache(maxsize=1024)
def _curve(noise_multiplier: float, sample_rate: float) -> NDArray[np.float64]:
    """Renyi divergence of one step in every order; infinite where it cannot be computed.

    Where the series for an order between whole ones is slow, the chord bounds it: (order - 1) * divergence, a
    cumulant, is convex.
    """
    whole = np.array([0.0, *(_cumulant(noise_multiplier, sample_rate, order) for order in _WHOLE[1:])])
    if sample_rate <= _QUICK_SERIES:
        parts = np.array([_cumulant(noise_multiplier, sample_rate, order) for order in _PARTS])
    else:
        parts = np.interp(_PARTS, _WHOLE, whole)
    curve: NDArray[np.float64] = np.concatenate([parts, whole[1:]]) / (_ORDERS - 1)
    curve[np.isnan(curve)] = np.inf
    curve.flags.writeable = False
    return curve


def _cumulant(noise_multiplier: float, sample_rate: float, order: float) -> float:
    """(order - 1) times the divergence in that order."""
    try:
        bound = compute_rdp(q=sample_rate, noise_multiplier=noise_multiplier, steps=1, orders=float(order))
    except (ArithmeticError, ValueError):
        return math.inf
    return math.inf if math.isnan(bound) else max(0.0, float(order - 1) * float(bound))


class _Composition(PRVAccountant):  # type: ignore[misc]
    """Opacus' accountant on a grid of our choice: as wide and fine as the theory asks, and quick to transform."""

    def __init__(self, phases: Sequence[Release]) -> None:
        super().__init__()
        self.phases = phases
        self.history = [(phase.noise_multiplier, phase.sample_rate, phase.steps) for phase in phases]

    def reach(self, eps_error: float, delta_error: float) -> float:
        """Half the width of the grid (Gopi, Lee & Wutschitz 2021, Remark 5.6)."""
        total = sum(phase.steps for phase in self.phases)
        ones = (Release(phase.noise_multiplier, phase.sample_rate) for phase in self.phases)
        longest = max(_rdp([one], delta_error / (8 * total)) for one in ones)
        return max(_rdp(self.phases, delta_error / 4), longest) + eps_error + 3

    def cells(self, eps_error: float, delta_error: float) -> int:
        """Points of the grid: a power of two, so that its mesh is at most what Opacus would take."""
        total = sum(phase.steps for phase in self.phases)
        mesh = eps_error / math.sqrt(total / 2 * math.log(12 / delta_error))
        return 1 << math.ceil(math.log2(2 * self.reach(eps_error, delta_error) / mesh + 2))

    def _get_domain(
        self, prvs: object, num_self_compositions: object, eps_error: float, delta_error: float
    ) -> Domain:
        half = self.cells(eps_error, delta_error) // 2
        mesh = self.reach(eps_error, delta_error) / (half - 1)
        return Domain(-(half - 1) * mesh, half * mesh, 2 * half)  # 0 is on the grid: Opacus composes by index


def _prv(phases: Sequence[Release], delta: float, rdp: float) -> float:
    """The upper estimate by privacy random variables, or infinity where rounding or size forbid it."""
    eps_error, delta_error = min(max(rdp / 500, 0.001), 0.1), delta / 1000
    if sum(phase.steps for phase in phases) * _ROUNDING > delta_error:
        return math.inf
    composition = _Composition(phases)
    if not composition.reach(eps_error, delta_error) < _LONGEST:
        return math.inf
    while eps_error < rdp / 100 and len(phases) * composition.cells(eps_error, delta_error) > _SLOW:
        eps_error *= 2
    if composition.cells(eps_error, delta_error) > _MOST_CELLS:
        return math.inf
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            bound = float(composition.get_epsilon(delta, eps_error=eps_error, delta_error=delta_error))
    except (ArithmeticError, ValueError, RuntimeError, IndexError):
        return math.inf
    return bound if bound >= 0 else math.inf  # not a number, either


def _check(name: str, value: float, good: bool, allowed: str) -> None:
    if not good:
        raise FixSettings(f"{value} is out of range", where=name, remedy=f"Give a number {allowed}.")
