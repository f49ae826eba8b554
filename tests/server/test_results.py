"""The README's tables are what the runs' files say, and everything around it stays byte for byte."""

import json
from pathlib import Path
from typing import Any

import pytest

from server.results import BEGIN, COLUMNS, END, ORIGIN, fill_results
from shared.errors import FixSettings

AROUND = f"# Title\n\ntext before\n{BEGIN}\nold table\n{END}\ntext after | `x`\n"


def tree(**changes: Any) -> dict[str, Any]:
    def score(f1: float) -> dict[str, Any]:
        return {"strict": {"micro": {"f1": f1}}, "overlap": {"micro": {"f1": f1 + 2}}}

    return {
        "form": "clinfed-metrics-1",
        "command": "clinfed aggregator demo --model birnn",
        "date": "2026-11-23T14:05:00+00:00",
        "machine": {"cores": 2, "torch": "2.13.0"},
        "model": {"kind": "birnn", "trained": "all"},
        "federated": score(78.26),
        "local_only": {"hospitals": {}, "size_weighted_f1": 60.04},
        "pooled": score(79.5),
    } | changes


def save(folder: Path, content: object) -> Path:
    folder.mkdir()
    (folder / "metrics.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def rows(readme: Path, head: tuple[str, ...] = COLUMNS) -> list[list[str]]:
    """The table with this head, head included."""
    inside = readme.read_text(encoding="utf-8").split(f"{BEGIN}\n")[1].split(f"\n{END}\n")[0]
    tables = [part.splitlines() for part in inside.strip().split("\n\n") if part.startswith("|")]
    cells = [[[cell.strip() for cell in line.strip("|").split(" | ")] for line in table] for table in tables]
    (found,) = [table for table in cells if table[0] == list(head)]
    return found


@pytest.fixture
def readme(tmp_path: Path) -> Path:
    path = tmp_path / "README.md"
    path.write_text(AROUND, encoding="utf-8")
    return path


def test_the_table_holds_one_row_for_each_run(readme: Path, tmp_path: Path) -> None:
    runs = [
        save(tmp_path / "first", tree()),
        save(
            tmp_path / "second",
            tree(local_only=None, pooled=None, model={"recipe": {"epochs": 2}, "settings": {"kind": "bert"}}),
        ),
    ]
    fill_results(readme, runs)
    assert rows(readme)[2:] == [
        ["first", "birnn all", "–", "**78.3**", "60.0", "79.5"],
        ["second", "bert", "–", "**78.3**", "–", "–"],
    ]
    origin = ["`clinfed aggregator demo --model birnn`", "cores 2, torch 2.13.0", "2026-11-23"]
    assert rows(readme, ORIGIN)[2:] == [["first", *origin], ["second", *origin]]


def test_privacy_is_that_of_the_hospital_that_it_cost_most(readme: Path, tmp_path: Path) -> None:
    sites = {
        name: {"unit": "note", "epsilon": epsilon, "delta": 1e-5, "trust": "secagg"}
        for name, epsilon in (("a", 2.96), ("b", 3.0), ("c", None))
    }
    fill_results(readme, [save(tmp_path / "first", tree(hospitals=sites))])
    assert rows(readme)[2][2] == "note, ε 3.0, δ 1e-05, trust secagg"


def test_what_is_around_stays_and_filling_twice_changes_nothing(readme: Path, tmp_path: Path) -> None:
    run = save(tmp_path / "run", tree())
    fill_results(readme, [run])
    once = readme.read_bytes()
    fill_results(readme, [run / "metrics.json"])
    assert readme.read_bytes() == once
    text = once.decode()
    assert text.startswith(AROUND.split(BEGIN)[0])
    assert text.endswith(AROUND.split(END)[1])
    assert "old table" not in text
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


@pytest.mark.parametrize(
    "name",
    ["a | b", "two\nlines", "`tick` ``two``", "<b>bold</b>", END],
    ids=["a bar ends no cell", "a newline ends no row", "backticks", "markup", "the end marker"],
)
def test_no_value_breaks_the_table(readme: Path, tmp_path: Path, name: str) -> None:
    run = save(tmp_path / "run", tree(command=name, model={"kind": name}, machine={"cpu": name}))
    for _ in range(2):
        fill_results(readme, [run])
    for head in (COLUMNS, ORIGIN):
        table = rows(readme, head)
        assert len(table) == 3
        assert " | ".join(table[2]).replace("\\|", "").count("|") == len(head) - 1
    text = readme.read_text(encoding="utf-8")
    assert text.splitlines().count(END) == 1
    assert text.endswith("text after | `x`\n")


@pytest.mark.parametrize(
    "text",
    [
        "no markers\n",
        f"{BEGIN}\n",
        f"{END}\n{BEGIN}\n",
        f"{BEGIN}\n{BEGIN}\n{END}\n",
        f"inline {BEGIN} {END}\n",
    ],
    ids=["none", "no end", "swapped", "twice", "not on lines of their own"],
)
def test_a_readme_without_its_markers_is_refused_untouched(readme: Path, tmp_path: Path, text: str) -> None:
    readme.write_text(text, encoding="utf-8")
    with pytest.raises(FixSettings, match="markers"):
        fill_results(readme, [save(tmp_path / "run", tree())])
    assert readme.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("content", [[], {"form": "other"}, "text"], ids=["list", "foreign form", "string"])
def test_a_foreign_metrics_file_is_refused(readme: Path, tmp_path: Path, content: object) -> None:
    with pytest.raises(FixSettings, match="not a clinfed metrics file"):
        fill_results(readme, [save(tmp_path / "run", content)])
    assert readme.read_text(encoding="utf-8") == AROUND


def test_a_missing_or_broken_run_is_refused(readme: Path, tmp_path: Path) -> None:
    with pytest.raises(FixSettings, match="finished run"):
        fill_results(readme, [tmp_path / "nowhere"])
    broken = save(tmp_path / "broken", {})
    (broken / "metrics.json").write_text('{"form": ', encoding="utf-8")
    with pytest.raises(FixSettings, match="finished run"):
        fill_results(readme, [broken])
