"""The drill: everything leaks with redaction off, nothing with it on, and none of the records is lost."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from client.drill.report import passes, run_and_print
from client.drill.run import Report, learn_vocabulary, push
from client.drill.settings import DrillSettings, DrillTable, read_key, read_settings
from client.drill.surfaces import all_surfaces
from shared.errors import FixSettings

SETTINGS = DrillSettings(drill=DrillTable(records=300, processes=2, threads=4, patients=16))
OPTIONAL = {"loguru to errors", "loguru to a file", "prometheus labels", "opentelemetry span"}
SEED = 20


@pytest.fixture(scope="module")
def vocabulary() -> str:
    return learn_vocabulary(SETTINGS)


@pytest.fixture(scope="module")
def twin(vocabulary: str) -> Report:
    return push(SETTINGS, SEED, vocabulary, redaction=False, records=300)


@pytest.fixture(scope="module")
def done(vocabulary: str) -> Report:
    return push(SETTINGS, SEED, vocabulary, redaction=True, records=300)


def test_there_are_more_surfaces_than_were_ever_probed() -> None:
    assert len(all_surfaces()) > 100


def test_with_redaction_off_every_surface_leaks(twin: Report) -> None:
    assert twin.not_found == []
    assert set(twin.skipped) <= OPTIONAL
    assert (twin.lost, twin.doubled, twin.exit_code) == (0, 0, 0)
    assert not twin.clean


def test_with_redaction_on_nothing_leaks(done: Report) -> None:
    assert done.leaking == {}
    assert done.surge_found == []
    assert set(done.skipped) <= OPTIONAL
    assert done.exit_code == 0


def test_no_record_is_lost(done: Report) -> None:
    assert (done.records, done.lost, done.doubled) == (300, 0, 0)
    assert done.counters["records"] > 0
    assert done.counters["output-errors"] == 0


def test_a_drill_passes_only_if_everything_holds(done: Report, twin: Report) -> None:
    good, off = Report(True, latency_ms={"max": 5.0}), Report(False)
    assert passes(good, off, 1.0)
    for bad in (
        Report(True, leaking={"argument": ["x"]}),
        Report(True, surge_found=["x"]),
        Report(True, lost=1),
        Report(True, doubled=1),
        Report(True, exit_code=1),
        Report(True, latency_ms={"max": 1001.0}),
    ):
        assert not passes(bad, off, 1.0)
    assert not passes(good, Report(False, not_found=["argument"]), 1.0)
    assert passes(done, twin, 600.0)


def test_the_command_without_redaction_fails(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = {"seed": SEED, "without_redaction": True, "as_json": True, "say": print}
    assert not run_and_print(None, 50, **arguments)  # type: ignore[arg-type]
    said = json.loads(capsys.readouterr().out)
    assert said["twin"]["redaction"] is False
    assert len(said["twin"]["leaking"]) == said["twin"]["surfaces"]


@pytest.mark.slow
def test_the_command_passes_on_this_installation(tmp_path: Path) -> None:
    config = tmp_path / "node.toml"
    config.write_text("[site]\nname = 'x'\n[drill]\nrecords = 200\n")
    code = "import sys; from privacy.entry import main; sys.argv[0] = 'clinfed'; main()"
    command = [
        sys.executable,
        "-c",
        code,
        "node",
        "drill",
        "--config",
        str(config),
        "--seed",
        str(SEED),
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = json.loads(done.stdout)
    assert (done.returncode, said["passed"], said["drill"]["records"]) == (0, True, 200)


@pytest.mark.parametrize(
    "text",
    [
        "[drill]\nrecords = -1\n",
        "[drill]\nrecord = 1\n",
        "[logs]\nwindow_hours = 0\n",
        "[drill",
        "[logs]\nkey = 'x'\n",
    ],
)
def test_wrong_settings_are_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "node.toml"
    path.write_text(text)
    with pytest.raises(FixSettings):
        read_settings(path)


def test_settings_have_defaults_and_leave_other_tables_alone(tmp_path: Path) -> None:
    assert read_settings(None) == DrillSettings()
    path = tmp_path / "node.toml"
    path.write_text("[privacy]\nepsilon = 1\n[drill]\nrecords = 5\n")
    assert read_settings(path).drill.records == 5
    with pytest.raises(FixSettings, match="cannot be read"):
        read_settings(tmp_path / "none.toml")


def test_the_key_of_the_logs_is_a_secret_file(tmp_path: Path) -> None:
    path = tmp_path / "logs.key"
    table = DrillSettings.model_validate({"logs": {"key_file": str(path)}}).logs
    with pytest.raises(FixSettings, match="cannot be read"):
        read_key(table)
    path.write_bytes(b"k" * 40)
    path.chmod(0o644)
    with pytest.raises(FixSettings, match="others may read"):
        read_key(table)
    path.chmod(0o600)
    key = read_key(table)
    assert key is not None
    assert len(key) == 32
    path.write_bytes(b"short")
    with pytest.raises(FixSettings, match="fewer"):
        read_key(table)
