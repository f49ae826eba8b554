"""`clinfed node redact`: the three modes, keys, files of notes."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from client.redact import Redactor
from shared.cli import command_tree
from shared.errors import FixSettings

TEXT = "Margaret Okonkwo was seen on 03/14/2021 and 03/28/2021. Mrs. Okonkwo lives in Burlington.\n"
SECRETS = ("Margaret", "Okonkwo", "03/14", "Burlington")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "redact.key"
    path.write_bytes(b"0123456789abcdef0123456789abcdef\n")
    return path


def run(*arguments: str, text: str = TEXT) -> tuple[int, str]:
    result = CliRunner().invoke(command_tree(), ["node", "redact", *arguments], input=text)
    return result.exit_code, result.output


@pytest.mark.parametrize("mode", ["mask", "surrogate", "hash"])
def test_no_mode_shows_an_identifier(mode: str, key: Path) -> None:
    code, shown = run("--mode", mode, "--key-file", str(key))
    assert code == 0
    assert [secret for secret in SECRETS if secret in shown] == []
    assert shown.endswith("\n")


def test_surrogates_are_consistent_and_dates_keep_their_distance(key: Path) -> None:
    _, shown = run("--mode", "surrogate", "--key-file", str(key), "--patient", "p1")
    first, again = re.search(r"^(\w+ \w+) was", shown), re.search(r"Mrs\. (\w+) lives", shown)
    assert first is not None
    assert again is not None
    assert first[1].split()[1] == again[1]
    assert run("--mode", "surrogate", "--key-file", str(key), "--patient", "p2")[1] != shown


@pytest.mark.parametrize("mode", ["surrogate", "hash"])
def test_a_key_is_needed_and_must_be_long(mode: str, tmp_path: Path) -> None:
    short = tmp_path / "short.key"
    short.write_bytes(b"short")
    for arguments in ((), ("--key-file", str(short)), ("--key-file", str(tmp_path / "none"))):
        code, shown = run("--mode", mode, *arguments)
        assert code == 1
        assert "fix-settings" in shown


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(FixSettings):
        Redactor("blur")  # type: ignore[arg-type]


def test_a_file_of_notes_loses_its_ids_too(tmp_path: Path, key: Path) -> None:
    path = tmp_path / "notes.jsonl"
    path.write_text(
        "".join(
            json.dumps({"doc_id": f"d-{n}", "patient_id": "pelican-7", "text": TEXT, "entities": []}) + "\n"
            for n in range(2)
        )
    )
    code, shown = run(str(path), "--notes", "--mode", "surrogate", "--key-file", str(key))
    records = [json.loads(line) for line in shown.splitlines()]
    assert code == 0
    assert "pelican" not in shown
    assert records[0]["patient_id"] == records[1]["patient_id"]
    assert records[0]["text"] == records[1]["text"]
    assert not any(secret in shown for secret in SECRETS)


def test_text_without_identifiers_stays() -> None:
    text = "Foley catheter in place. History of Parkinson's disease.\n"
    assert run(text=text) == (0, text)
