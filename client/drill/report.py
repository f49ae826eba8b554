"""What `clinfed node drill` prints, and when it counts as passed."""

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from client.drill.run import Report, drill, learn_vocabulary, push
from client.drill.settings import read_settings

_SHOWN = 20


def run_and_print(
    config: Path | None,
    records: int | None,
    *,
    seed: int | None,
    without_redaction: bool,
    as_json: bool,
    say: Callable[..., Any],
) -> bool:
    """Runs a drill and prints what it found.

    Args:
        config: `node.toml`; defaults without it.
        records: of the surge, in place of the file's.
        seed: of the patients; drawn anew when None.
        without_redaction: only the twin.
        as_json: as one JSON object.
        say: prints; takes `err=True` for what is no result.

    Returns:
        Whether it passed: nothing leaked, nothing was lost or late, and the twin found everything.
    """
    settings = read_settings(config)
    if records is not None:
        settings = settings.model_copy(
            update={"drill": settings.drill.model_copy(update={"records": records})}
        )
    seed = secrets.randbits(48) if seed is None else seed
    if without_redaction:
        done = push(
            settings, seed, learn_vocabulary(settings), redaction=False, records=settings.drill.records
        )
        say(json.dumps({"seed": seed, "twin": done.tree()}, indent=1) if as_json else _twin_text(done))
        return done.clean
    done, twin = drill(settings, seed, lambda text: say(text, err=True))
    passed = passes(done, twin, settings.drill.longest_seconds)
    if as_json:
        say(json.dumps({"passed": passed, "seed": seed, "drill": done.tree(), "twin": twin.tree()}, indent=1))
    else:
        say("\n".join([_twin_text(twin), _text(done), "passed" if passed else f"FAILED (seed {seed})"]))
    return passed


def passes(done: Report, twin: Report, longest_seconds: float) -> bool:
    """Whether a drill passed.

    Args:
        done: with redaction on.
        twin: with redaction off.
        longest_seconds: one record may take.
    """
    in_time = done.latency_ms.get("max", 0.0) <= 1000 * longest_seconds
    return done.clean and in_time and not twin.not_found and not twin.lost


def _text(report: Report) -> str:
    lines = [
        f"drill: {len(report.leaking)} of {report.surfaces} surfaces leak",
        *_found(report),
        f"  surge: {report.records} records, {report.lost} lost, {report.doubled} doubled,"
        f" {len(report.surge_found)} parts of patients found",
        f"  {report.seconds} s; one record, under load: "
        + ", ".join(f"{name} {value} ms" for name, value in report.latency_ms.items()),
    ]
    if report.skipped:
        lines.append(f"  not installed, so not pushed: {', '.join(report.skipped)}")
    if report.exit_code:
        lines.append(f"  the worker ended with exit code {report.exit_code}")
    return "\n".join(lines)


def _found(report: Report) -> list[str]:
    lines = [f"    {name}: {what}" for name, found in report.leaking.items() for what in found]
    lines += [f"    surge: {what}" for what in report.surge_found]
    return [*lines[:_SHOWN], f"    and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else lines


def _twin_text(report: Report) -> str:
    found = len(report.leaking)
    text = f"twin, redaction off: {found} of {report.surfaces} surfaces found, {report.lost} records lost"
    if report.not_found:
        text += f"\n  NOT found, so the search proves nothing of: {', '.join(report.not_found)}"
    return text
