"""What the federation page shows of a run: how good, who took part, what it cost."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from markupsafe import Markup

from ui import charts
from ui.fragments import join, key_figures, notice, percent, seconds, size, table
from ui.runs import Run, f1_of

_MOST_LINES = 8
_MOST_CELLS = 60


def headline(run: Run) -> Markup:
    """A run in five figures."""
    done, answered = len(run.rounds), sum(len(one["answered"]) for one in run.rounds)
    asked = sum(len(one["cohort"]) for one in run.rounds)
    f1 = _newest_f1(run)
    moved = sum(one["bytes_up"] + one["bytes_down"] for one in run.rounds)
    up = sum(one["bytes_up"] for one in run.rounds)
    about = "on test notes" if run.metrics else "on held-out patients so far"
    took = sum(sum(one["seconds"].values()) for one in run.rounds)
    return key_figures(
        [
            ("Strict F1", "–" if f1 is None else f"{f1:.1f} %", about),
            ("Rounds", f"{done} of {run.planned}", seconds(took) + " in all"),
            ("Hospitals", str(len(run.hospitals)), _trust(run)),
            ("Answers", f"{answered} of {asked}", _absences(asked - answered)),
            ("Moved", size(moved), f"{size(up)} from hospitals; no text of a note"),
        ]
    )


def comparison(run: Run) -> Markup | None:
    """Local-only against federated against pooled, as bars; None before the run is finished."""
    if run.metrics is None:
        return None
    together = f1_of(run.metrics["federated"]) or 0.0
    rows = [("Federated", together, "own")]
    pooled, alone = run.metrics["pooled"], run.metrics["local_only"]
    if pooled:
        rows.append(("Pooled, for comparison", f1_of(pooled) or 0.0, "pooled"))
    if alone:
        rows.append(("Local only, mean by size", alone["size_weighted_f1"], "local"))
        each = {name: f1_of(scores) or 0.0 for name, scores in alone["hospitals"].items()}
        ranked = sorted(each.items(), key=lambda item: -item[1])
        rows += [(f"{name} alone", value, "local") for name, value in ranked]
    summary = "Strict F1 in percent: " + ", ".join(f"{name} {value:.1f}" for name, value, _ in rows)
    return charts.bars(rows, summary=summary, highest=100)


def verdict(run: Run) -> str:
    """What the comparison says, in one sentence; empty before the run is finished."""
    if run.metrics is None:
        return ""
    if not run.metrics["local_only"]:
        return "This run was made without baselines, so it does not show what federation gains."
    gain = run.metrics["federated_minus_local_only"]
    said = f"Trained together, the model is {abs(gain):.1f} points {'above' if gain >= 0 else 'below'} "
    said += "what hospitals reach alone"
    if run.metrics["pooled"]:
        lost = run.metrics["pooled_minus_federated"]
        said += f", and {abs(lost):.1f} points {'below' if lost >= 0 else 'above'} one model on all notes"
    if run.private:
        return said + ". The models it is compared with were trained without noise."
    return said + "."


def progress(run: Run) -> Markup | None:
    """F1 by round: all hospitals together, and each where the aggregator may know it."""
    every = [(one["round"], f1) for one in run.rounds if (f1 := f1_of(one["held_out"])) is not None]
    if not every:
        return None
    names = sorted({name for one in run.rounds for name in one["held_out_by_hospital"]})
    series = {"All hospitals": every}
    if len(names) <= _MOST_LINES:
        for name in names:
            scores = [(one["round"], one["held_out_by_hospital"].get(name)) for one in run.rounds]
            series[name] = [(number, f1_of(found) or 0.0) for number, found in scores if found]
    summary = f"Strict F1 on held-out patients: {every[0][1]:.1f} after round {every[0][0]}, "
    summary += f"{every[-1][1]:.1f} after round {every[-1][0]}."
    return charts.lines(series, summary=summary, end=run.planned)


def progress_note(run: Run) -> str:
    """Why the chart of rounds shows what it shows."""
    if any(one["held_out_by_hospital"] for one in run.rounds):
        return "Strict F1 on patients that no hospital trained on."
    noised = " and noised" if run.private else ""
    return (
        f"Strict F1 on patients that no hospital trained on. Counts are summed under masks{noised}, so "
        "no single hospital's score is known to anybody else."
    )


def participation(run: Run) -> Markup:
    """Who was asked and who answered, round by round."""
    rows = []
    for name in run.hospitals:
        cells = [_cell(name, one) for one in run.rounds]
        answered = cells.count("answered")
        reasons = Counter(cell for cell in cells if cell not in ("", "answered"))
        why = ", ".join(f"{code} × {times}" if times > 1 else code for code, times in reasons.items())
        site = run.hospitals[name]
        rows.append(
            (
                name,
                f"{site['patients']:,}" if site else "–",
                f"{site['train_notes']:,}" if site else "–",
                f"{answered} of {sum(map(bool, cells))}",
                why or "–",
                _cells(cells, [one["round"] for one in run.rounds]),
            )
        )
    head = ("Hospital", "Patients", "Training notes", "Answered", "Why not", f"Rounds 1 to {len(run.rounds)}")
    if len(run.rounds) > _MOST_CELLS:
        head = (*head[:-1], f"Last {_MOST_CELLS} rounds")
    return table(head, rows, caption="Hospitals and their answers", figures=(1, 2, 3))


def moved(run: Run) -> Markup:
    """Bytes by round."""
    kinds = ("from hospitals", "to hospitals")
    columns = [
        (one["round"], {kinds[0]: one["bytes_up"] / 1e6, kinds[1]: one["bytes_down"] / 1e6})
        for one in run.rounds
    ]
    return charts.stacks(
        columns, kinds=kinds, unit="MB", summary="Megabytes by round, from and to hospitals."
    )


def phases(run: Run) -> Markup:
    """Seconds by round and phase."""
    kinds = _phase_names(run.rounds)
    columns = [(one["round"], one["seconds"]) for one in run.rounds]
    return charts.stacks(columns, kinds=kinds, unit="s", summary="Seconds by round and phase.")


def phase_table(run: Run) -> Markup:
    """Seconds of each phase: mean, longest, and share of all."""
    whole = sum(sum(one["seconds"].values()) for one in run.rounds) or 1.0
    rows = []
    for name in _phase_names(run.rounds):
        took = [one["seconds"][name] for one in run.rounds if name in one["seconds"]]
        mean, share = sum(took) / len(took), 100 * sum(took) / whole
        rows.append((name, seconds(mean), seconds(max(took)), f"{share:.0f} %"))
    return table(("Phase", "Mean", "Longest", "Share"), rows, caption="Seconds by phase", figures=(1, 2, 3))


def every_round(run: Run) -> Markup:
    """All figures of all rounds, newest first."""
    rows = [
        (
            str(one["round"]),
            f"{len(one['answered'])} of {len(one['cohort'])}",
            f"{one['examples']:,}",
            "–" if one["loss"] is None else f"{one['loss']:.4f}",
            percent(f1_of(one["held_out"])),
            size(one["bytes_up"]),
            size(one["bytes_down"]),
            seconds(sum(one["seconds"].values())),
            one.get("discarded") or "–",
        )
        for one in reversed(run.rounds)
    ]
    head = ("Round", "Answered", "Examples", "Loss", "Held-out F1", "Received", "Sent", "Time", "Discarded")
    return table(head, rows, caption="Every round", figures=range(1, 8))


def missing_notice(run: Run) -> Markup | None:
    """Names hospitals that were left out of the last round."""
    if not run.rounds or not run.rounds[-1]["missing"]:
        return None
    last = run.rounds[-1]
    said = ", ".join(f"{name} ({code})" for name, code in last["missing"].items())
    return notice(f"Left out of round {last['round']}: {said}. The round went on without them.", "warn")


def _newest_f1(run: Run) -> float | None:
    if run.metrics is not None:
        return f1_of(run.metrics["federated"])
    return next((f1_of(one["held_out"]) for one in reversed(run.rounds) if one["held_out"]), None)


def _trust(run: Run) -> str:
    said = {
        "secagg": "sums only: updates are masked",
        "none": "sums only, and each adds its own noise",
        "plain": "the aggregator sees each update",
    }
    return said.get(str(run.settings.get("trust")), "")


def _absences(count: int) -> str:
    return "every hospital answered" if not count else f"{count} missing"


def _cell(name: str, one: Mapping[str, Any]) -> str:
    if name in one["answered"]:
        return "answered"
    return str(one["missing"].get(name, "no answer" if name in one["cohort"] else ""))


def _cells(cells: list[str], numbers: list[int]) -> Markup:
    made = []
    for cell, number in list(zip(cells, numbers, strict=True))[-_MOST_CELLS:]:
        kind, sign = {"answered": ("yes", ""), "": ("idle", "")}.get(cell, ("no", "×"))
        said = f"Round {number}: {cell or 'not asked'}"
        made.append(Markup('<i class="{}" title="{}">{}</i>').format(kind, said, sign))
    return Markup('<span class="grid" role="img" aria-label="{}">{}</span>').format(
        f"answered {cells.count('answered')} of {len(cells)} rounds", join(made)
    )


def _phase_names(rounds: Iterable[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for one in rounds for name in one["seconds"]))
