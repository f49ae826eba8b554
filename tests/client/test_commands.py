"""`clinfed node extract`: entities of text, of standard input and of notes, and what is wrong with the input."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from shared.cli import command_tree

TEXT = "Mr Zebrafinch has gout.\n\nKnown asthma \U0001f9ec, no sepsis today.\n"


@pytest.fixture
def model(town: Any, federate: Any, tmp_path: Path) -> Path:
    """A model that has learned enough to mark something."""
    federate(town.settings(town.hospitals("a", "b"), rounds=8), tmp_path / "run")
    return tmp_path / "run/model"


@pytest.fixture
def extract() -> Callable[..., Result]:
    def run(*args: object, stdin: bytes | None = None) -> Result:
        return CliRunner().invoke(
            command_tree(), ["node", "extract", *map(str, args)], input=stdin, prog_name="clinfed"
        )

    return run


@pytest.fixture
def refused(town: Any) -> Callable[..., None]:
    def check(result: Result, code: str, *parts: str) -> None:
        assert result.exit_code == 1, result.output
        (line,) = result.stderr.splitlines()
        assert line.startswith(f"error[{code}]: ")
        assert all(part in line for part in parts)
        assert not [canary for canary in town.canaries if canary in result.output]

    return check


def test_a_file_and_standard_input_give_the_same(model: Path, extract: Any, tmp_path: Path) -> None:
    file = tmp_path / "note.txt"
    file.write_text(TEXT, "utf-8", newline="")
    of_file, of_stdin = extract("--model", model, file), extract("--model", model, stdin=TEXT.encode())
    assert of_file.exit_code == of_stdin.exit_code == 0, of_file.output
    assert of_file.stdout == of_stdin.stdout
    entities = json.loads(of_file.stdout)["entities"]
    assert entities
    for entity in entities:
        assert TEXT[entity["start"] : entity["end"]] == entity["text"]
        assert entity["label"] == "Disease"
    assert of_file.stderr == ""


@pytest.mark.parametrize("content", ["", " \n", "\U0001f9ec", "\u202e\u0301"])
def test_text_without_words_is_no_error(content: str, model: Path, extract: Any) -> None:
    result = extract("--model", model, stdin=content.encode())
    assert result.exit_code == 0, result.output
    assert isinstance(json.loads(result.stdout)["entities"], list)


def test_notes_give_a_line_each(model: Path, extract: Any, town: Any) -> None:
    records = town.notes("many", patients=50)  # more than are read at once
    result = extract("--model", model, "--notes", town.write("many", records))
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["doc_id"] for line in lines] == [record["doc_id"] for record in records]
    for line, record in zip(lines, records, strict=True):
        for entity in line["entities"]:
            assert record["text"][entity["start"] : entity["end"]] == entity["text"]
    one = extract("--model", model, stdin=records[0]["text"].encode())
    assert json.loads(one.stdout)["entities"] == lines[0]["entities"]


@pytest.mark.parametrize(
    "spoil", ["model.safetensors", "config.json", "model_card.md", "extra.pkl", "manifest.json"]
)
def test_a_tampered_model(spoil: str, town: Any, extract: Any, refused: Any) -> None:
    folder = town.base()
    file = folder / spoil
    file.write_bytes((file.read_bytes() if file.exists() else b"") + b"Zebrafinch")
    refused(extract("--model", folder, stdin=TEXT.encode()), "replace-model", spoil)


def test_a_folder_that_is_no_model(tmp_path: Path, extract: Any, refused: Any) -> None:
    refused(extract("--model", tmp_path, stdin=b""), "replace-model", "manifest.json")
    refused(extract("--model", tmp_path / "none", stdin=b""), "replace-model", "none")
    (tmp_path / "file").write_text("Zebrafinch")
    refused(extract("--model", tmp_path / "file", stdin=b""), "replace-model", "file")


def test_input_that_cannot_be_read(town: Any, extract: Any, refused: Any, tmp_path: Path) -> None:
    base = town.base()
    latin = tmp_path / "latin.txt"
    latin.write_bytes("Mr Zebrafinch, caf\u00e9".encode("latin-1"))
    refused(extract("--model", base, latin), "fix-notes", "latin.txt", "byte 18")
    refused(extract("--model", base, stdin=b"Zebrafinch \xff"), "fix-notes", "standard input", "byte 11")
    refused(extract("--model", base, tmp_path / "none.txt"), "fix-notes", "none.txt")
    refused(extract("--model", base, tmp_path), "fix-notes", tmp_path.name)
    refused(extract("--model", base, "--notes"), "fix-settings", "--notes")
    refused(extract("--model", base, "--notes", tmp_path / "none.jsonl"), "fix-notes", "none.jsonl")
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"doc_id": "1", "text": "Zebrafinch"\n')
    refused(extract("--model", base, "--notes", bad), "fix-notes", "bad.jsonl:1")


def test_each_format_says_the_same_facts(model: Path, extract: Any, town: Any) -> None:
    record = {"doc_id": "1", "patient_id": "p", "text": "No gout. Known asthma.", "entities": []}
    file = town.write("two", [record, record | {"doc_id": "2"}])
    printed = {
        form: extract("--model", model, "--notes", file, "--format", form)
        for form in ("json", "fhir", "omop", "csv")
    }
    assert all(result.exit_code == 0 for result in printed.values())
    lines = [json.loads(line) for line in printed["json"].stdout.splitlines()]
    bundles = [json.loads(line) for line in printed["fhir"].stdout.splitlines()]
    facts = sum(len(line["entities"]) for line in lines)
    assert facts
    assert sum(len(bundle["entry"]) for bundle in bundles) == facts
    assert [line["doc_id"] for line in lines] == ["1", "2"]
    for form in ("omop", "csv"):
        rows = list(csv.DictReader(io.StringIO(printed[form].stdout)))
        assert len(rows) == facts
        assert {row["note_id"] for row in rows} <= {"1", "2"}
    for line in lines:
        for fact in line["entities"]:
            assert 0 <= fact["score"] <= 1
            assert fact["reason"]["model"] == "clinfed birnn"
            assert len(fact["reason"]["version"]) == 64
