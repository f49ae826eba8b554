"""Results of finished runs as tables in a README: the published figures come from files, not from a keyboard.

First what came out, then, folded away, how: command, machine and date of each run.

`clinfed aggregator results RUN... --into README.md` calls this; nothing between the markers is written by hand.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from shared.errors import FixSettings
from shared.files import write_text

BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"
COLUMNS = ("run", "model", "privacy", "federated", "local only", "pooled")
ORIGIN = ("run", "command", "machine", "date")


def fill_results(readme: Path, runs: list[Path]) -> None:
    """Replaces what stands between the markers by the tables of the runs; the file changes whole or not at all.

    Args:
        readme: a Markdown file with the two markers, each once, each on a line of its own.
        runs: folders of finished runs, or their `metrics.json`; one row each, in this order.

    Raises:
        FixSettings: the markers are not there, or a run holds no `metrics.json` of ours.
    """
    try:
        text = readme.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise FixSettings("cannot be read", where=str(readme), remedy="Name a Markdown file") from None
    lines = text.splitlines(keepends=True)
    marks = [line.strip() for line in lines]
    if (marks.count(BEGIN), marks.count(END)) != (1, 1) or marks.index(BEGIN) > marks.index(END):
        remedy = f"Put {BEGIN} and {END} on lines of their own where the table belongs"
        raise FixSettings("the markers of the results table are not there", where=str(readme), remedy=remedy)
    table = results_table([_read(run) for run in runs])
    write_text(readme, "".join([*lines[: marks.index(BEGIN) + 1], table, *lines[marks.index(END) :]]))


def results_table(runs: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    """The Markdown tables, ending with a newline.

    Args:
        runs: name and `metrics.json` object of each run.
    """
    scores = _table(COLUMNS, [_scores(name, tree) for name, tree in runs])
    origins = _table(ORIGIN, [_origin(name, tree) for name, tree in runs])
    return f"{scores}\n<details><summary>Command, machine and date of each run</summary>\n\n{origins}\n</details>\n"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _scores(name: str, tree: Mapping[str, Any]) -> tuple[str, ...]:
    alone, pooled = tree["local_only"], tree["pooled"]
    return (
        _plain(name),
        _plain(_model(tree["model"]) or "–"),
        _plain(_privacy(tree)),
        f"**{tree['federated']['strict']['micro']['f1']:.1f}**",
        f"{alone['size_weighted_f1']:.1f}" if alone else "–",
        f"{pooled['strict']['micro']['f1']:.1f}" if pooled else "–",
    )


def _origin(name: str, tree: Mapping[str, Any]) -> tuple[str, ...]:
    machine = ", ".join(f"{key} {value}" for key, value in tree["machine"].items())
    return _plain(name), _code(tree["command"]), _plain(machine), _plain(tree["date"][:10])


def _read(run: Path) -> tuple[str, dict[str, Any]]:
    path = run / "metrics.json" if run.is_dir() else run
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise FixSettings(
            "cannot be read", where=str(path), remedy="Name the folder of a finished run"
        ) from None
    if not isinstance(tree, dict) or tree.get("form") != "clinfed-metrics-1":
        raise FixSettings("is not a clinfed metrics file", where=str(path), remedy="Name a finished run")
    return path.resolve().parent.name, tree


def _model(settings: Mapping[str, Any]) -> str:
    """Kind and trained weights (`bert lora`), wherever in the settings they stand; empty if nowhere."""
    if "kind" in settings:
        return " ".join(str(settings[key]) for key in ("kind", "trained") if settings.get(key))
    inner = (value for value in settings.values() if isinstance(value, Mapping))
    return next(filter(None, map(_model, inner)), "")


def _privacy(tree: Mapping[str, Any]) -> str:
    """What the run cost the hospital that it cost most, and against whom."""
    sites = [site for site in tree.get("hospitals", {}).values() if site.get("epsilon") is not None]
    if not sites:
        return "–"
    worst = max(sites, key=lambda site: float(site["epsilon"]))
    return f"{worst['unit']}, ε {worst['epsilon']:.1f}, δ {worst['delta']:g}, trust {worst['trust']}"


def _plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line of a table."""
    one_line = " ".join(text.split())
    return re.sub(r"([\\`*_\[\]<>|&~])", r"\\\1", one_line)


def _code(text: str) -> str:
    """A code span that stays in its cell; the fence is longer than any run of backticks inside."""
    one_line = " ".join(text.split()).replace("|", "\\|")
    fence = "`" * (max(map(len, re.findall("`+", one_line)), default=0) + 1)
    space = " " if "`" in one_line else ""
    return f"{fence}{space}{one_line}{space}{fence}"
