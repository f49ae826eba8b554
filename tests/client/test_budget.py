"""`clinfed node budget`: what a privacy officer reads, what a machine reads, and what a damaged file does."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from privacy.accountant import Release, epsilon
from privacy.ledger import Cap, Ledger
from shared.cli import command_tree
from shared.refusal import RefuseRound

DELTA = 1e-5
CAP = Cap("patient", 3.0, DELTA)
TRAIN, COUNTS = Release(5.0, 0.2), Release(40.0, 1.0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A ledger of two runs; of the second, the last release did not go out."""
    path = tmp_path / "ledger.sqlite"
    budget = Ledger(path, CAP)
    for run, rounds in (("spring", 4), ("autumn", 6)):
        for round in range(1, rounds + 1):
            budget.released(budget.reserve(TRAIN, "train", run, round, alone=2.5))
        budget.released(budget.reserve(COUNTS, "evaluate", run, rounds, alone=20.0))
    budget.reserve(TRAIN, "train", "autumn", 7, alone=2.5)
    return path


@pytest.fixture
def budget() -> Callable[..., Result]:
    def run(*args: object) -> Result:
        return CliRunner().invoke(command_tree(), ["node", "budget", *map(str, args)], prog_name="clinfed")

    return run


def _refused(result: Result, *parts: str) -> None:
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("error[")
    assert all(part in line for part in parts), line


def test_json_has_every_figure(file: Path, budget: Callable[..., Result]) -> None:
    result = budget("--ledger", file, "--json")
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    tree = json.loads(result.stdout)
    world = epsilon([Release(5.0, 0.2, 11), COUNTS, COUNTS], DELTA).value
    assert (tree["unit"], tree["delta"], tree["cap"]) == ("patient", DELTA, 3.0)
    assert tree["spent"] == world
    assert tree["left"] == 3.0 - world
    alone = epsilon([Release(2.5, 0.2, 11), Release(20.0, 1.0, 2)], DELTA).value
    assert tree["spent_if_others_collude"] == alone
    assert (tree["reserved"], tree["released"]) == (13, 12)
    lines = [(one["run"], one["purpose"], one["reserved"], one["released"]) for one in tree["history"]]
    assert lines == [
        ("spring", "train", 4, 4),
        ("spring", "evaluate", 1, 1),
        ("autumn", "train", 7, 6),
        ("autumn", "evaluate", 1, 1),
    ]
    assert [one["purpose"] for one in tree["one_more"]] == ["train", "evaluate"]
    more = tree["one_more"][0]
    assert more["before"] == world
    assert more["after"] == epsilon([Release(5.0, 0.2, 12), COUNTS, COUNTS], DELTA).value
    history = [Release(5.0, 0.2, 11 + more["times"]), COUNTS, COUNTS]
    assert epsilon(history, DELTA).value <= 3.0 < epsilon([*history, TRAIN], DELTA).value


def test_the_table_says_the_same(file: Path, budget: Callable[..., Result]) -> None:
    tree = json.loads(budget("--ledger", file, "--json").stdout)
    result = budget("--ledger", file)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert "one patient took part" in lines[0]
    assert "epsilon 3 at delta 1e-05" in lines[1]
    assert f"epsilon {tree['spent']:.3f}" in lines[2]
    assert f"epsilon {tree['spent_if_others_collude']:.3f} if all other hospitals" in lines[3]
    assert f"epsilon {tree['left']:.3f}" in lines[4]
    assert "13 reserved, of which 12" in lines[5]
    assert [line.split()[:6] for line in lines if line.startswith("autumn")] == [
        ["autumn", "train", "1-7", "7", "6", "7"],
        ["autumn", "evaluate", "6-6", "1", "1", "1"],
    ]
    assert f"{tree['one_more'][0]['times']} of them fit" in result.stdout


def test_a_round_that_is_asked_about(file: Path, budget: Callable[..., Result]) -> None:
    asked = ("--noise-multiplier", 1.0, "--sample-rate", 0.5, "--steps", 3)
    (one,) = json.loads(budget("--ledger", file, "--json", *asked).stdout)["one_more"]
    assert (one["noise_multiplier"], one["sample_rate"], one["steps"], one["times"]) == (1.0, 0.5, 3, 0)
    assert one["after"] > 3.0
    assert "would be refused" in budget("--ledger", file, *asked).stdout
    assert (
        "1000 or more of them fit"
        in budget("--ledger", file, "--noise-multiplier", 900, "--sample-rate", 0.01).stdout
    )


def test_asking_changes_nothing(file: Path, budget: Callable[..., Result]) -> None:
    before = Ledger.existing(file).book()
    budget("--ledger", file, "--noise-multiplier", 1.0, "--sample-rate", 0.5)
    assert Ledger.existing(file).book() == before


def test_an_empty_budget_and_a_spent_one(tmp_path: Path, budget: Callable[..., Result]) -> None:
    path = tmp_path / "new.sqlite"
    ledger = Ledger(path, CAP)
    tree = json.loads(budget("--ledger", path, "--json").stdout)
    assert (tree["spent"], tree["left"], tree["history"], tree["one_more"]) == (0.0, 3.0, [], [])
    assert "epsilon 0.000  (0 % of the cap)" in budget("--ledger", path).stdout
    ledger.reserve(Release(1.7, 1.0), "train", "r", 1, alone=1e-4)
    with pytest.raises(RefuseRound):
        ledger.reserve(Release(1.7, 1.0), "train", "r", 2, alone=1e-4)
    Ledger(path, Cap("patient", 0.5, DELTA))
    text = budget("--ledger", path).stdout
    assert "left      epsilon 0.000" in text
    assert "would be refused" in text
    assert "so far 3, 0.5" in text


def test_what_is_spent_without_bound_is_no_number(tmp_path: Path, budget: Callable[..., Result]) -> None:
    path = tmp_path / "new.sqlite"
    Ledger(path, CAP).reserve(TRAIN, "train", "r", 1, alone=1e-200)
    tree = json.loads(budget("--ledger", path, "--json").stdout)
    assert tree["spent_if_others_collude"] is None
    assert "epsilon without bound if all other" in budget("--ledger", path).stdout
    assert budget("--ledger", path, "--export", tmp_path / "out.jsonl").exit_code == 0
    assert budget("--verify", tmp_path / "out.jsonl").exit_code == 0


def test_an_export_is_verified_without_the_ledger(
    file: Path, tmp_path: Path, budget: Callable[..., Result]
) -> None:
    out = tmp_path / "out.jsonl"
    exported = budget("--ledger", file, "--export", out, "--json")
    assert exported.exit_code == 0, exported.output
    assert exported.stderr == f"exported: {out}\n"
    file.unlink()
    checked = budget("--verify", out, "--json")
    assert checked.exit_code == 0, checked.output
    assert checked.stderr == f"verified: {out}\n"
    assert json.loads(checked.stdout) == json.loads(exported.stdout)
    out.write_text(out.read_text().replace('"steps":1', '"steps":0', 1))
    _refused(budget("--verify", out), "does not verify", "entry 2", "out.jsonl")


def test_an_export_replaces_nothing(file: Path, budget: Callable[..., Result]) -> None:
    content = file.read_bytes()
    _refused(budget("--ledger", file, "--export", file), "choose-output", "is there already")
    assert file.read_bytes() == content


def test_a_damaged_ledger_is_an_error(file: Path, budget: Callable[..., Result]) -> None:
    with closing(sqlite3.connect(file)) as database:
        database.execute("DROP TRIGGER no_change")
        database.execute("UPDATE entries SET noise_multiplier = 50 WHERE id = 4")
        database.commit()
    for args in ((), ("--json",), ("--export", file.with_name("out.jsonl"))):
        _refused(budget("--ledger", file, *args), "damaged", "entry 4", file.name, "Restore")
    assert not file.with_name("out.jsonl").exists()
    file.write_bytes(b"Zebrafinch" * 1000)
    _refused(budget("--ledger", file), "not a usable privacy ledger", file.name)


@pytest.mark.parametrize(
    ("args", "part"),
    [
        ((), "--verify FILE"),
        (("--ledger", "a", "--verify", "b"), "--verify FILE"),
        (("--verify", "b", "--export", "c"), "--verify FILE"),
        (("--ledger", "a", "--noise-multiplier", "1"), "--sample-rate"),
        (("--ledger", "a", "--sample-rate", "1"), "--noise-multiplier"),
        (("--ledger", "none.sqlite"), "none.sqlite"),
        (("--verify", "none.jsonl"), "none.jsonl"),
        (("--ledger", "a", "--noise-multiplier", "0", "--sample-rate", "1"), "noise_multiplier"),
    ],
)
def test_what_cannot_be_answered(
    args: tuple[str, ...],
    part: str,
    budget: Callable[..., Result],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    _refused(budget(*args), part)
    assert list(tmp_path.iterdir()) == []
