"""`clinfed ui`: what it is told reaches the settings, and what is wrong ends it with one line."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from shared.cli import command_tree
from ui import serve as serving
from ui.settings import Settings


def ui(*words: object) -> Result:
    return CliRunner().invoke(command_tree(), ["ui", *map(str, words)], prog_name="clinfed")


def test_options_reach_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Settings] = []
    monkeypatch.setattr(serving, "serve", told.append)
    config = tmp_path / "ui.toml"
    config.write_text('runs = "elsewhere"\nhosts = ["app.example.org"]\n')
    result = ui("--config", config, "--runs", tmp_path / "r", "--model", tmp_path / "m", "--port", 8600)
    assert result.exit_code == 0, result.output
    assert told == [
        Settings(hosts=("app.example.org",), runs=tmp_path / "r", models=(tmp_path / "m",), port=8600)
    ]
    assert "http://127.0.0.1:8600" in result.stderr


def test_a_wrong_file_is_one_line(tmp_path: Path) -> None:
    result = ui("--config", tmp_path / "none.toml")
    assert result.exit_code == 1
    assert result.stderr.startswith("error[fix-settings]")


def test_the_network_without_sign_in_is_refused_before_anything_is_served(tmp_path: Path) -> None:
    config = tmp_path / "ui.toml"
    config.write_text('address = "0.0.0.0"\n')
    result = ui("--config", config)
    assert result.exit_code == 1
    assert "without sign-in" in result.stderr
