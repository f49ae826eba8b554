"""The privacy of a run, before and after: noise that keeps to epsilon, and what each hospital's answers have cost."""

from dataclasses import replace

from privacy.accountant import Release, epsilon, noise_for
from privacy.noise_shares import effective_multiplier
from privacy.release import count_sensitivity, shares_of
from privacy.secagg.terms import usual_threshold
from server.checkpoint import RunState
from server.metrics import Site
from server.settings import PrivacySettings, RunSettings
from shared.private import Noise, PrivateRound
from shared.units import Unit

SPARE = 2  # sums that may fail and be asked for again without passing epsilon; each is charged again


def choose_noise(
    *,
    unit: Unit,
    epsilon: float,
    delta: float,
    noise: Noise,
    sample_rate: float,
    max_grad_norm: float,
    max_examples: int,
    count_norm: float,
    alone: bool = False,
    rounds: int,
    steps_a_round: int,
    evaluations: int,
    cap: float | None = None,
) -> PrivacySettings:
    """The least noise with which a whole run keeps to an epsilon.

    Args:
        unit: of privacy.
        epsilon: that the run may spend on any unit.
        delta: at which.
        noise: who adds it.
        sample_rate: of units in a step.
        max_grad_norm: C.
        max_examples: of one unit in a step.
        count_norm: L2 norm of a held-out unit's counts.
        alone: whether units are computed by themselves.
        rounds: of the run.
        steps_a_round: private steps in each.
        evaluations: in the run, each over all held-out units.
        cap: of the hospitals of a local federation; None for epsilon.

    Returns:
        What is asked of the hospitals in every round.

    Raises:
        FixSettings: a value is out of range, or no noise is enough.
    """
    steps = (rounds + SPARE) * steps_a_round
    return PrivacySettings(
        epsilon=epsilon,
        delta=delta,
        cap=cap,
        order=PrivateRound(
            unit=unit,
            noise=noise,
            sample_rate=sample_rate,
            noise_multiplier=noise_for(epsilon, delta, [], sample_rate, steps),
            max_grad_norm=max_grad_norm,
            max_examples=max_examples,
            alone=alone,
            count_norm=count_norm,
            count_noise_multiplier=count_sensitivity(unit)
            * noise_for(epsilon, delta, [], 1.0, evaluations + SPARE),
        ),
    )


def sites_with_costs(settings: RunSettings, state: RunState) -> dict[str, Site]:
    """The hospitals, each with what its answers cost as far as the aggregator can tell.

    Args:
        settings: of the run.
        state: after the last round.

    Returns:
        By name; unchanged if the run is not private.
    """
    private = settings.private
    if private is None:
        return state.hospitals
    asked = private.order
    parties = len(settings.hospitals)
    threshold = settings.threshold or usual_threshold(parties, settings.colluders)

    def cost(hospital: str) -> tuple[float, float]:
        answers = sum(done.attempts for done in state.rounds if hospital in done.answered)
        counted = sum(done.held_out is not None for done in state.rounds if hospital in done.answered)
        steps = (settings.recipe.local_steps or 1) if asked.noise == "local" else 1
        spent = []
        moved = count_sensitivity(asked.unit)
        for multiplier, sensitivity, rate, times in (
            (asked.noise_multiplier, 1.0, asked.sample_rate, answers * steps),
            (asked.count_noise_multiplier, moved, 1.0, counted),
        ):
            if times:
                shares = shares_of(
                    asked.noise,
                    multiplier,
                    asked.grid,
                    hospitals=parties,
                    threshold=threshold,
                    colluders=settings.colluders,
                )
                alone = min(multiplier, effective_multiplier(shares.sigmas[0], asked.grid))
                history = [Release(multiplier / sensitivity, rate, times)]
                others = [Release(alone / sensitivity, rate, times)]
                spent.append((epsilon(history, private.delta).value, epsilon(others, private.delta).value))
        # Who is trained on is not held out, so the two do not add up.
        return max((one for one, _ in spent), default=0.0), max((two for _, two in spent), default=0.0)

    found = {}
    for name, site in state.hospitals.items():
        world, others = cost(name)
        found[name] = replace(
            site, epsilon=round(world, 4), epsilon_if_others_collude=round(others, 4), delta=private.delta
        )
    return found
