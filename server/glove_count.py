"""The ServerApp's part of a run that counts word pairs: greeting, verdict, one secure sum, and that on disk."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from flwr.serverapp import Grid

from privacy.site import read_roster
from server.glove_cost import judge, spent
from server.glove_plan import Verdict
from server.glove_settings import CountPrivacy, GloveRun, read_glove
from server.glove_state import Counted, load_counted, save_counted
from server.metrics import Site
from server.progress import Progress
from server.provision import ROSTER
from server.run import check_roster, meet
from server.secure import ATTEMPT_FILE, SecureSums
from server.sums import Job, Summed, SumNoise, TooFew, listed
from shared.cooccurrence import Counting
from shared.count_order import CountOrder, pairs_as_weights
from shared.digits import DIGITS, digit_bits, from_digits
from shared.errors import AskHospitals
from shared.vector import Layout
from shared.wire import Hello, hello_order

AGAIN = (
    "An earlier start was stopped before its sum was there: the hospitals are asked again, "
    "and noised counts that they gave are charged again."
)


def run_counting(grid: Grid, folder: Path, *, anyway: bool = False) -> None:
    """Adds up the counts of all hospitals, unless an earlier start has.

    Args:
        grid: reaches the hospitals.
        folder: of the run, made by `server.run.open_run`, with its lists and its roster.
        anyway: spend a budget even where that is not worth it.

    Raises:
        AskHospitals: too few hospitals answered.
        FixFederation: two nodes have one name, or one is not in the roster.
        FixSettings: noised counts are not worth their budget.
    """
    if load_counted(folder) is not None:
        return
    settings, counting = read_glove(folder)
    private = settings.private
    with Progress(1, what="sum") as progress:
        # 1. Who is there, and whether noised counts are worth it.
        unit = private.order.unit if private else None
        nodes, hellos, _ = meet(grid, hello_order(None, unit), settings.deadline_seconds)
        roster = read_roster(folder / ROSTER)
        check_roster(roster, nodes)
        verdict = None
        if private is not None:
            units = max(1, sum(hello.train_examples for hello in hellos.values()))
            verdict = judge(settings, private, counting, units, anyway=anyway)
            progress.say(verdict.note)
        if (folder / ATTEMPT_FILE).exists():
            progress.say(AGAIN)

        # 2. One secure sum.
        cohort = tuple(sorted(source.hospital for source in settings.hospitals))
        progress.start_round(1, len(cohort))
        order = CountOrder(
            words=counting.vocabulary.words,
            window=counting.window,
            private=private.order if private else None,
        )
        sums = SecureSums(grid, nodes, settings, roster, {}, folder, progress.answered)
        job = _job(cohort, private, counting)
        try:
            summed = sums.add_up(job, order, pairs_as_weights(counting), None)
        except TooFew as few:
            raise AskHospitals(
                f"{few.answered} of {len(cohort)} hospitals are left, too few for a sum: {listed(few.missing)}",
                where="counting",
                remedy="Mend these sites and repeat the command. What their ledgers have reserved stays spent.",
            ) from None
        progress.finish_one("")

    # 3. On disk, before anything is made of it.
    save_counted(folder, _counted(settings, hellos, summed, verdict))


def _job(cohort: tuple[str, ...], private: CountPrivacy | None, counting: Counting) -> Job:
    """The sum: of digits, or of noised integers."""
    size = counting.pairs.size
    if private is None:
        layout = Layout({"digits": (DIGITS * size,)})
        return Job("count", 1, cohort, layout, largest=(1 << digit_bits(len(cohort))) - 1)
    asked = private.order
    noise = SumNoise(asked.noise, asked.noise_multiplier, asked.grid)
    return Job("count", 1, cohort, Layout({"counts": (size,)}), noise=noise)


def _counted(
    settings: GloveRun, hellos: Mapping[str, Hello], summed: Summed, verdict: Verdict | None
) -> Counted:
    integers = summed.total.astype(np.int64)
    return Counted(
        integers=integers if settings.private else from_digits(integers, len(settings.hospitals)),
        hospitals=_sites(settings, hellos, summed),
        answered=summed.answered,
        missing=summed.missing,
        attempts=summed.attempts,
        verdict=verdict,
        bytes={"down": summed.bytes_down, "up": summed.bytes_up},
        seconds={phase: round(value, 3) for phase, value in summed.seconds.items()},
    )


def _sites(settings: GloveRun, hellos: Mapping[str, Hello], summed: Summed) -> dict[str, Site]:
    private = settings.private
    cost = spent(settings, private, summed.attempts) if private else None
    sites = {}
    for name, hello in hellos.items():
        world, others = cost if cost and name in summed.answered else (None, None)
        sites[name] = Site(
            trust=settings.trust,
            notes=hello.notes,
            patients=hello.patients,
            train_notes=hello.train_notes,
            held_out_notes=hello.held_out_notes,
            units=hello.train_examples if private else None,
            unit=private.order.unit if private else "patient",
            epsilon=None if world is None else round(world, 4),
            epsilon_if_others_collude=None if others is None else round(others, 4),
            delta=private.delta if private else None,
        )
    return sites
