"""The demo as the app starts it: one series at a time, stopped on demand, and a failure that is told."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from shared.cli import command_tree
from shared.errors import ChooseOutput, FixSettings
from ui import demo
from ui.demo import KINDS, Demos


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    yield
    if (demos := demo.last()) is not None:
        demos.stop()
    demo._demos.clear()


def test_only_one_series_runs_and_it_stops_on_demand(tmp_path: Path) -> None:
    demos = demo.start(tmp_path / "runs", ("masked", "private"), 3)
    assert demos.running
    assert demo.last() is demos
    with pytest.raises(FixSettings, match="running already"):
        demo.start(tmp_path / "runs", ("private",), 3)
    demos.stop()
    assert not demos.running
    assert demos.failure is None
    assert not demos.folders[1].exists(), "the second one must not start after a stop"
    assert demo.start(tmp_path / "runs", ("masked",), 3).running


def test_a_failure_is_told_with_the_commands_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(KINDS, "masked", ("--epsilon", "-1"))
    demos = Demos(tmp_path / "runs", ("masked", "private"), 3)
    demos._thread.join(timeout=120)
    assert demos.failure is not None
    assert "error[" in str(demos.failure)
    assert not demos.folders[1].exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ChooseOutput, match="cannot be made"):
        demo.start(tmp_path / "file" / "runs", ("masked",), 3)


@pytest.mark.parametrize("kind", KINDS)
def test_the_options_exist(kind: demo.Kind) -> None:
    words = ["aggregator", "demo", *KINDS[kind], "--help"]
    assert CliRunner().invoke(command_tree(), words, prog_name="clinfed").exit_code == 0
