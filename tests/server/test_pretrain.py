"""`clinfed aggregator pretrain`: public text varied, dictionaries carried along, a base that goes on as a base."""

import gzip
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from server.pretrain import Variation, public_federation
from shared.cli import command_tree
from shared.dictionaries import INDEX
from shared.errors import FixFederation, FixNotes, FixSettings
from shared.extractor import Extractor
from shared.formats import read_notes
from shared.sources import read_source

LABELS = ("Disease",)


def clinfed(*args: object) -> Result:
    importlib.import_module("client.app")._agent_for.cache_clear()
    return CliRunner().invoke(command_tree(), [str(arg) for arg in args], prog_name="clinfed")


@pytest.fixture
def public(town: Any) -> Path:
    """Public notes."""
    path: Path = town.write("public", town.notes("public", patients=12))
    return path


@pytest.fixture
def terms(tmp_path: Path) -> Path:
    """A term list."""
    path = tmp_path / "terms.jsonl.gz"
    names = ("brittle cornea syndrome", "gout", "sepsis", "Wilson's disease")
    path.write_bytes(gzip.compress("".join(json.dumps({"name": name}) + "\n" for name in names).encode()))
    return path


@pytest.fixture
def pretrain(public: Path, town: Any) -> Callable[..., Result]:
    """Runs the command on the public notes."""

    def run(out: Path, *args: object) -> Result:
        return clinfed("aggregator", "pretrain", public, "--out", out, "--epochs", 1, *args)

    return run


def test_notes_are_learned_from_as_they_are(public: Path, tmp_path: Path) -> None:
    federation = public_federation([public], LABELS, Variation(), tmp_path / "out")
    assert federation.hospitals[0].notes == str(public)
    assert not list(tmp_path.glob("out*"))


def test_copies_of_a_note_stay_on_one_side(public: Path, terms: Path, tmp_path: Path) -> None:
    variation = Variation(dictionaries=(terms,), replaced=0.7, copies=3)
    federation = public_federation([public], LABELS, variation, tmp_path / "out")
    written = tmp_path / "out-notes.jsonl.gz"
    assert federation.hospitals[0].notes == str(written)
    given, made = list(read_notes(public)), list(read_notes(written))
    assert len(made) == 3 * len(given)
    assert len({note.text for note in made}) > 2 * len(given)
    split = read_source(federation.hospitals[0])
    originals = [{note.note_id.split("#")[0] for note in side} for side in (split.train, split.held_out)]
    assert not originals[0] & originals[1]
    before = written.read_bytes()
    public_federation([public], LABELS, variation, tmp_path / "out")
    assert written.read_bytes() == before  # a run that is started again finds the same notes


def test_without_a_dictionary_mentions_stand_in_for_each_other(
    public: Path, town: Any, tmp_path: Path
) -> None:
    public_federation([public], LABELS, Variation(replaced=1.0), tmp_path / "out")
    made = list(read_notes(tmp_path / "out-notes.jsonl.gz"))
    said = {note.text[e.start : e.end] for note in made for e in note.entities}
    assert said <= {*town.diseases, "HF", "TD"}
    assert [note.text for note in made] != [note.text for note in read_notes(public)]


def test_what_is_left_out_is_not_written(public: Path, town: Any, tmp_path: Path) -> None:
    records = town.notes("public", patients=12)
    aside = town.write("aside", [{**records[0], "text": "else", "entities": []}])
    public_federation([public], LABELS, Variation(leave_out=(aside,)), tmp_path / "out")
    left = {note.note_id for note in read_notes(tmp_path / "out-notes.jsonl.gz")}
    assert left == {record["doc_id"] for record in records[1:]}
    with pytest.raises(FixNotes, match="no notes are left"):
        public_federation([public], LABELS, Variation(leave_out=(public,)), tmp_path / "out")


def test_refusals(public: Path, terms: Path, tmp_path: Path) -> None:
    nowhere = tmp_path / "none"
    with pytest.raises(FixFederation, match="no such file"):
        public_federation([nowhere], LABELS, Variation(), tmp_path / "out")
    with pytest.raises(FixFederation, match="no such file"):
        public_federation([public], LABELS, Variation(leave_out=(nowhere,)), tmp_path / "out")
    unmarked = tmp_path / "unmarked.jsonl"
    unmarked.write_text(json.dumps({"doc_id": "1", "text": "Nothing.", "entities": []}))
    with pytest.raises(FixSettings, match="no short names"):
        public_federation([unmarked], LABELS, Variation(replaced=0.5), tmp_path / "out")
    with pytest.raises(FixSettings, match="none"):
        public_federation([public], LABELS, Variation((), (nowhere,), 0.5), tmp_path / "out")
    long = tmp_path / "long.jsonl"
    long.write_text(json.dumps({"name": "one two three four five six seven"}))
    with pytest.raises(FixSettings, match="no short names"):
        public_federation([public], LABELS, Variation((), (terms, long), 0.5), tmp_path / "out")


@pytest.mark.parametrize(
    ("args", "code", "what"),
    [
        (
            ("--replace-mentions", "0.5", "--labels", "Other"),
            "fix-settings",
            "--replace-mentions: a dictionary",
        ),
        (
            ("--dictionary", "nowhere.jsonl", "--model", "birnn"),
            "fix-settings",
            "nowhere.jsonl: no such file",
        ),
        (
            ("--dictionary", "nowhere.jsonl", "--trained", "head"),
            "fix-settings",
            "nowhere.jsonl: no such file",
        ),
        (("--leave-out", "nowhere"), "fix-federation", "nowhere: no such file"),
        (("--base", "nowhere"), "replace-model", "nowhere: no manifest.json there"),
    ],
)
def test_the_command_refuses_in_one_line(
    args: tuple[str, ...], code: str, what: str, pretrain: Any, tmp_path: Path
) -> None:
    result = pretrain(tmp_path / "out", *args)
    assert result.exit_code == 1, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"error[{code}]: ")
    assert what in line
    assert not (tmp_path / "out").exists()


def test_pretrained_twice_then_used(pretrain: Any, terms: Path, town: Any, tmp_path: Path) -> None:
    """A base, a second stretch from it with other text, and a model that needs no dictionary file."""
    first, second = tmp_path / "first", tmp_path / "second"
    small = ("--model", "birnn", "--vectors", "none", "--batch-size", 64)
    result = pretrain(first, *small, "--dictionary", terms)
    assert result.exit_code == 0, result.output
    varied = ("--dictionary", terms, "--replace-mentions", 0.5, "--copies", 2)
    result = pretrain(second, *small, "--base", first / "model", *varied)
    assert result.exit_code == 0, result.output
    terms.unlink()
    settings = json.loads((second / "run.json").read_text())["model"]
    assert settings["base"] == str(first / "model")
    assert (second / "model" / INDEX).is_file()
    (found,) = Extractor.load(second / "model").extract(["Known gout."])
    assert isinstance(found, list)
    start = clinfed(
        "aggregator", "pretrain", tmp_path / "second-notes.jsonl.gz", "--out", tmp_path / "third",
        "--epochs", 1, *small, "--base", second / "model",
    )  # fmt: skip
    assert start.exit_code == 0, start.output


@pytest.mark.slow
def test_a_bert_keeps_its_windowed_head(pretrain: Any, terms: Path, tmp_path: Path) -> None:
    """The whole encoder, then the head with dictionaries, then hospitals start from that head."""
    from shared.models.build import build_tagger
    from shared.models.settings import ModelSettings

    first, second = tmp_path / "first", tmp_path / "second"
    result = pretrain(first, "--dictionary", terms, "--replace-mentions", 0.5)
    assert result.exit_code == 0, result.output
    assert not (first / "model" / INDEX).exists()
    result = pretrain(
        second, "--dictionary", terms, "--trained", "head", "--base", first / "model", "--head-width", 16
    )
    assert result.exit_code == 0, result.output
    public = Extractor.load(second / "model").tagger
    hospital = build_tagger(
        ModelSettings(
            kind="bert", labels=LABELS, trained="head", base=str(second / "model"), head_width=16, window=0
        )
    )
    for name, weight in hospital.trained().items():
        assert weight.equal(dict(public.named_parameters())[name])
