"""The privacy page's figures are those of the ledger and of the planner."""

from pathlib import Path

import pytest

from privacy.accountant import Release
from privacy.book import Cap
from privacy.budget import budget_tree
from privacy.ledger import Ledger
from privacy.plan import Wish, make_plan
from shared.errors import FixSettings
from ui import budgets

STEP = Release(noise_multiplier=4.0, sample_rate=0.5, steps=1)


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.sqlite"
    own = Ledger(path, Cap("patient", 2.0, 1e-5))
    for number in range(1, 4):
        own.released(own.reserve(STEP, "train", "autumn", number, alone=2.0))
    return path


def test_the_table_says_what_the_ledger_says(ledger: Path) -> None:
    tree = budgets.read_budget(ledger)
    book = Ledger.existing(ledger).book()
    assert tree == budget_tree(book, None)
    html = budgets.budget_table({"<b>north</b>": tree})
    cost = book.cost_of(STEP, "train")
    for figure in (
        f"{book.spent().world.value:.2f}",
        f"{2 - book.spent().world.value:.2f}",
        f"{book.spent().others_collude.value:.2f}",
        "3 of 3",
        f"+{cost.after - cost.before:.3f}",
        "&lt;b&gt;north",
    ):
        assert figure in html
    assert f">{cost.times}<" in budgets.headline({"north": tree})


def test_the_headline_is_of_the_hospital_that_spent_most(ledger: Path, tmp_path: Path) -> None:
    fresh = tmp_path / "fresh.sqlite"
    Ledger(fresh, Cap("patient", 2.0, 1e-5))
    both = {"fresh": budgets.read_budget(fresh), "north": budgets.read_budget(ledger)}
    assert f"{both['north']['spent']:.2f}" in budgets.headline(both)
    assert "1e-5" in budgets.headline(both)


def test_the_promise_names_both_figures_and_says_when_there_is_none(ledger: Path) -> None:
    tree = budgets.read_budget(ledger)
    assert f"epsilon {tree['spent']:.2f}" in budgets.promise(tree, "secagg")
    assert f"epsilon {tree['spent_if_others_collude']:.2f}" in budgets.promise(tree, "secagg")
    assert "no promise" in budgets.promise(tree, "plain")
    assert "epsilon" not in budgets.promise(tree, "plain")


def test_what_would_be_refused_is_said(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    own = Ledger(path, Cap("patient", 1.0, 1e-5))
    own.reserve(STEP, "train", "autumn", 1, alone=2.0)
    while own.cost_of(STEP, "train").times:
        own.reserve(STEP, "train", "autumn", 1, alone=2.0)
    assert "would be refused" in budgets.more_table({"north": budgets.read_budget(path)})


def test_ledgers_of_the_site_and_of_a_run_are_found(runs: Path, tmp_path: Path) -> None:
    own = tmp_path / "ledger.sqlite"
    assert list(budgets.find_ledgers(None, [own])) == ["this hospital"]
    assert list(budgets.find_ledgers(runs / "private", [own])) == [
        "this hospital",
        "harbour",
        "hillside",
        "meadow",
    ]


def test_a_damaged_ledger_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_text("not a ledger")
    with pytest.raises(FixSettings, match="not a usable privacy ledger"):
        budgets.read_budget(path)


def test_a_plan_shows_its_bands_and_its_warnings() -> None:
    wish = Wish(
        patients=60,
        hospitals=2,
        colluders=1,
        epsilon=12.0,
        delta=1e-5,
        rounds=64,
        sample_rate=0.2,
        trainable=150_000,
    )
    plan = make_plan(wish)
    html = budgets.plan_view(plan)
    assert html.count('class="notice warn"') == len(plan.warnings) > 2
    for band in plan.arrangements[0].accuracy:
        assert band.recipe in html
        assert ("no figure" if band.low is None else f"{band.low:.0f} to {band.high:.0f} %") in html
