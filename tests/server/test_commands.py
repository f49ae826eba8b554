"""`clinfed aggregator` as a user meets it: results on stdout, one line for what is wrong, nothing half-written."""

import importlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import load_file

from shared.cli import command_tree

TOP = 'labels = ["Disease"]\n'
HOSPITALS = '[hospitals.a]\nnotes = "a.jsonl"\n[hospitals.b]\nnotes = "b.jsonl"\n'


def _clinfed(*args: object) -> Result:
    importlib.import_module("client.app")._agent_for.cache_clear()
    return CliRunner().invoke(command_tree(), [str(arg) for arg in args], prog_name="clinfed")


@pytest.fixture
def simulate(town: Any, tmp_path: Path) -> Callable[..., Result]:
    """Runs `simulate` on the town's federation.toml with a tiny model."""
    base = town.base()

    def run(*args: object) -> Result:
        toml, out = town.folder / "federation.toml", tmp_path / "out"
        fixed = ["--federation", toml, "--model", "birnn", "--base", base, "--rounds", 2, "--trust", "plain"]
        return _clinfed("aggregator", "simulate", "--out", out, *fixed, *args)

    return run


@pytest.fixture
def files(town: Any) -> Any:
    """Two good hospitals and a federation.toml, for a test to spoil."""
    town.hospitals("a", "b")
    (town.folder / "federation.toml").write_text(TOP + HOSPITALS)
    return town


def test_simulate_prints_the_metrics(files: Any, simulate: Any, tmp_path: Path) -> None:
    result = simulate("--json")
    assert result.exit_code == 0, result.output
    tree = json.loads(result.stdout)
    assert tree == json.loads((tmp_path / "out/metrics.json").read_text())
    assert tree["form"] == "clinfed-metrics-1"
    assert tree["command"].split()[0] == "clinfed"
    assert tree["local_only"] is None
    assert tree["pooled"] is None
    for kind in ("strict", "overlap"):
        for label in ("Disease", "micro"):
            assert set(tree["federated"][kind][label]) >= {"precision", "recall", "f1"}
    assert [done["round"] for done in tree["rounds"]] == [1, 2]
    for done in tree["rounds"]:
        assert done["bytes_up"] > 0
        assert done["bytes_down"] > 0
        assert set(done["seconds"]) == {"update", "aggregate", "evaluate"}
        assert set(done["held_out_by_hospital"]) == {"a", "b"}
    assert tree["bytes"]["up"] == sum(done["bytes_up"] for done in tree["rounds"])
    assert "federated" in tree["seconds"]
    for site in tree["hospitals"].values():
        assert (site["epsilon"], site["delta"], site["unit"], site["trust"]) == (
            None,
            None,
            "patient",
            "plain",
        )
    written = "".join(file.read_text("latin-1") for file in (tmp_path / "out").rglob("*") if file.is_file())
    assert not [canary for canary in files.canaries if canary in written + result.output]
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "checkpoints",
        "metrics.json",
        "model",
        "report.html",
        "run.json",
    ]


def test_simulate_prints_a_summary(files: Any, simulate: Any) -> None:
    result = simulate("--strategy", "FedAdam", "--fraction", "0.5", "--local-steps", 1)
    assert result.exit_code == 0, result.output
    assert "strict F1 on" in result.stdout
    assert "federated" in result.stdout
    assert "report: " in result.stderr


def test_a_second_run_needs_another_folder(files: Any, simulate: Any, tmp_path: Path) -> None:
    assert simulate().exit_code == 0
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    for args in ((), ("--seed", 2)):
        result = simulate(*args)
        assert result.exit_code == 1
        assert result.stderr.startswith("error[choose-output]: ")
        assert len(result.stderr.splitlines()) == 1
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before


BAD_FILES = {
    "not TOML": ("labels == 1\n", "fix-federation", ("federation.toml", "line 1")),
    "notes in place of TOML": ('{"text": "Zebrafinch"}\n', "fix-federation", ("federation.toml",)),
    "no labels": (HOSPITALS, "fix-federation", ("labels",)),
    "empty labels": ("labels = []\n" + HOSPITALS, "fix-federation", ("labels",)),
    "a label twice": ('labels = ["Disease", "Disease"]\n' + HOSPITALS, "fix-federation", ("labels",)),
    "no hospitals": (TOP, "fix-federation", ("hospitals",)),
    "an unknown field": (TOP + HOSPITALS + "epsilon = 1\n", "fix-federation", ("hospitals.b.epsilon",)),
    "an unknown table": (TOP + HOSPITALS + "[tests]\n", "fix-federation", ("tests",)),
    "no notes": (TOP + HOSPITALS + "[hospitals.c]\n", "fix-federation", ("hospitals.c.notes",)),
    "all held out": (TOP + HOSPITALS + "held_out = 1\n", "fix-federation", ("hospitals.b.held_out",)),
    "a reserved name": (TOP + HOSPITALS.replace("ls.b", "ls.pooled"), "fix-federation", ("pooled",)),
    "a file that is missing": (TOP + HOSPITALS.replace("b.json", "c.json"), "fix-notes", ("c.jsonl",)),
    "a rename without a pair": (TOP + HOSPITALS + 'rename = "Illness"\n', "fix-federation", ("rename",)),
    "no label of its": ('labels = ["Drug"]\n' + HOSPITALS, "fix-federation", ("a: ", "Drug")),
    "test notes missing": (TOP + HOSPITALS + '[test]\nnotes = "t.jsonl"\n', "fix-notes", ("t.jsonl",)),
    "test patients trained on": (
        TOP + HOSPITALS + '[test]\nnotes = "a.jsonl"\n',
        "fix-federation",
        ("patient_id",),
    ),
    "a test rename": (
        TOP + HOSPITALS + '[test]\nnotes = "a.jsonl"\nrename = "x"\n',
        "fix-federation",
        ("rename",),
    ),
}


@pytest.mark.parametrize("what", BAD_FILES)
def test_a_bad_federation_file(what: str, files: Any, simulate: Any, refused: Any) -> None:
    text, code, parts = BAD_FILES[what]
    (files.folder / "federation.toml").write_text(text)
    refused(simulate(), code, *parts)


def _bad_json(records: list[dict[str, Any]]) -> str:
    return '{"text": "Mr Zebrafinch'


def _changed(**changes: Any) -> Callable[[list[dict[str, Any]]], str]:
    return lambda records: json.dumps(records[3] | changes)


def _spans(*spans: tuple[int, int], **more: Any) -> Callable[[list[dict[str, Any]]], str]:
    entities = [{"start": start, "end": end, "label": "Disease", **more} for start, end in spans]
    return _changed(text="Mr Zebrafinch has gout", entities=entities)


BAD_LINES = {
    "not JSON": _bad_json,
    "out of range": _spans((0, 99)),
    "backwards": _spans((13, 3)),
    "overlapping": _spans((3, 13), (5, 22)),
    "another surface": _spans((18, 22), text="Zebrafinch"),
    "nothing but white space": _spans((2, 3)),
    "no text": _changed(text=None),
    "no entities": _changed(entities=None),
    "an unknown assertion": _spans((18, 22), assertion="Zebrafinch"),
}


@pytest.mark.parametrize("what", BAD_LINES)
@pytest.mark.parametrize("name", ["b", "test"])
def test_a_malformed_note(what: str, name: str, files: Any, simulate: Any, refused: Any) -> None:
    """In a hospital or in the test notes: file and line are named before anything is trained."""
    records = files.notes(name)
    path = files.write(name, records)
    lines = path.read_text().splitlines()
    lines[3] = BAD_LINES[what](records)
    path.write_text("\n".join(lines) + "\n")
    if name == "test":
        (files.folder / "federation.toml").write_text(TOP + HOSPITALS + '[test]\nnotes = "test.jsonl"\n')
    refused(simulate(), "fix-notes", f"{name}.jsonl:4")


def test_bytes_that_are_not_utf_8(files: Any, simulate: Any, refused: Any) -> None:
    with (files.folder / "b.jsonl").open("ab") as stream:
        stream.write(b'{"text": "Zebrafinch \xff"}\n')
    refused(simulate(), "fix-notes", "b.jsonl:", "UTF-8")
    (files.folder / "federation.toml").write_bytes(b"\xff\xfe" + TOP.encode())
    refused(simulate(), "fix-federation", "federation.toml")


def test_an_empty_hospital(files: Any, simulate: Any, refused: Any) -> None:
    (files.folder / "b.jsonl").write_text("")
    refused(simulate(), "fix-notes", "b.jsonl")


def test_a_hospital_of_one_patient(files: Any, simulate: Any, refused: Any) -> None:
    files.write("b", files.notes("b", patients=1))
    refused(simulate(), "fix-notes", "b: ", "two patients")


def test_a_hospital_without_labels(files: Any, simulate: Any, refused: Any) -> None:
    files.write("b", [record | {"entities": []} for record in files.notes("b")])
    refused(simulate(), "fix-federation", "b: ", "nothing")


def test_a_patient_in_two_hospitals(files: Any, simulate: Any, refused: Any) -> None:
    records = files.notes("b")
    records[0]["patient_id"] = files.notes("a")[0]["patient_id"]
    files.write("b", records)
    refused(simulate(), "fix-federation", "patient_id", "in a and in b")


def test_disjoint_labels(files: Any, simulate: Any, refused: Any) -> None:
    files.write("b", files.notes("b", label="Drug"))
    (files.folder / "federation.toml").write_text('labels = ["Disease", "Drug"]\n' + HOSPITALS)
    refused(simulate(), "fix-federation", "no label in common", "rename")


@pytest.mark.parametrize(
    ("args", "code", "part"),
    [
        (("--min-hospitals", 3), "fix-settings", "min_hospitals"),
        (("--min-hospitals", 2, "--fraction", 0.5), "fix-settings", "min_hospitals"),
        (("--fraction", 0), "fix-settings", "fraction"),
        (("--learning-rate", 0), "fix-settings", "learning_rate"),
        (("--trained", "lora"), "fix-settings", "trained"),
        (("--corpus", "."), "fix-settings", "--federation"),
        (("--corpus", ".", "--partition", "p.json"), "fix-settings", "--federation"),
        (("--base", "nowhere"), "replace-model", "nowhere"),
        (("--federation", "nowhere.toml"), "fix-federation", "nowhere.toml"),
        (("--federation", "."), "fix-federation", ""),
    ],
)
def test_a_bad_option(args: Any, code: str, part: str, files: Any, simulate: Any, refused: Any) -> None:
    refused(simulate(*args), code, part)


def test_neither_files_nor_corpus(tmp_path: Path, refused: Any) -> None:
    for args in ((), ("--corpus", tmp_path), ("--partition", "p.json")):
        refused(
            _clinfed("aggregator", "simulate", "--out", tmp_path / "out", *args), "fix-settings", "--corpus"
        )


def test_a_missing_corpus_or_partition(files: Any, tmp_path: Path, refused: Any) -> None:
    given = (
        "aggregator",
        "simulate",
        "--trust",
        "plain",
        "--out",
        tmp_path / "out",
        "--corpus",
        tmp_path / "c",
        "--partition",
    )
    refused(_clinfed(*given, tmp_path / "p.json"), "fix-federation", "p.json")
    partition = tmp_path / "q.json"
    partition.write_text("Zebrafinch")
    refused(_clinfed(*given, partition), "fix-federation", "q.json")
    hospitals = {"a": {"train": ["c/1"], "val": ["c/2"]}}
    partition.write_text(json.dumps({"name": "q", "labels": ["Disease"], "hospitals": hospitals}))
    refused(_clinfed(*given, partition), "fix-federation", "no corpus c")
    (tmp_path / "c").mkdir()
    files.write("../c/train", files.notes("a"))
    refused(_clinfed(*given, partition), "fix-federation", "q.json", "2 documents of a")


def test_a_missing_encoder(files: Any, tmp_path: Path, refused: Any) -> None:
    (tmp_path / "empty").mkdir()
    toml = files.folder / "federation.toml"
    given = (
        "aggregator",
        "simulate",
        "--trust",
        "plain",
        "--out",
        tmp_path / "out",
        "--federation",
        toml,
        "--encoder",
    )
    refused(_clinfed(*given, tmp_path / "empty"), "install-encoder", "config.json")


@pytest.mark.parametrize("spoil", ["model.safetensors", "config.json", "extra.bin", "manifest.json"])
def test_a_tampered_base_model(spoil: str, files: Any, simulate: Any, refused: Any) -> None:
    file = files.folder / "base" / spoil
    file.write_bytes((file.read_bytes() if file.exists() else b"") + b" Zebrafinch")
    refused(simulate(), "replace-model", spoil)


def test_a_base_of_another_kind(files: Any, simulate: Any, refused: Any) -> None:
    refused(simulate("--model", "bert"), "fix-settings", "base", "birnn")


def test_vectors_that_are_none(files: Any, tmp_path: Path, refused: Any) -> None:
    (tmp_path / "vectors.txt").write_text("Zebrafinch\n")
    toml = files.folder / "federation.toml"
    given = (
        "aggregator",
        "simulate",
        "--trust",
        "plain",
        "--out",
        tmp_path / "out",
        "--federation",
        toml,
        "--model",
        "birnn",
    )
    refused(_clinfed(*given, "--vectors", tmp_path / "none.txt"), "fix-settings", "none.txt")
    result = _clinfed(*given, "--vectors", tmp_path / "vectors.txt")
    assert result.exit_code == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("given", "taken"), [((), "bundled"), (("--vectors", "none"), None)])
def test_vectors_are_the_models_own_unless_none_are_asked_for(
    given: tuple[str, ...], taken: str | None, files: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run: list[Any] = []
    monkeypatch.setattr("server.commands.training.run_and_print", lambda settings, *_: run.append(settings))
    toml = files.folder / "federation.toml"
    fixed = ("--out", tmp_path / "out", "--federation", toml, "--model", "birnn", "--trust", "plain")
    result = _clinfed("aggregator", "simulate", *fixed, *given)
    assert result.exit_code == 0, result.output
    assert run[0].model.vectors == taken


def test_an_output_that_is_taken(files: Any, simulate: Any, tmp_path: Path) -> None:
    taken = tmp_path / "out"
    taken.write_text("mine")
    result = simulate()
    assert (result.exit_code, result.stderr.split(":")[0]) == (1, "error[choose-output]")
    result = simulate("--out", taken / "below")
    assert (result.exit_code, result.stderr.split(":")[0]) == (1, "error[choose-output]")
    assert taken.read_text() == "mine"


def test_pretrain_on_public_notes(files: Any, tmp_path: Path, refused: Any) -> None:
    out = tmp_path / "out"
    refused(_clinfed("aggregator", "pretrain", tmp_path / "none", "--out", out), "fix-federation", "none")
    (files.folder / "b.jsonl").write_text("Zebrafinch\n")
    refused(
        _clinfed("aggregator", "pretrain", files.folder / "b.jsonl", "--out", out), "fix-notes", "b.jsonl"
    )


@pytest.mark.parametrize("args", [("--rounds", 0), ("--unheard-of",), ("--model", "gpt"), ("--threads", "x")])
def test_wrong_usage(args: Any, files: Any, simulate: Any, tmp_path: Path) -> None:
    result = simulate(*args)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert not (tmp_path / "out").exists()


def test_the_installed_command(files: Any, tmp_path: Path) -> None:
    """What the tests above run in this process is what a shell runs."""
    (files.folder / "b.jsonl").write_text('{"text": "Mr Zebrafinch\n')
    clinfed = Path(sys.executable).with_name("clinfed")
    toml, out = files.folder / "federation.toml", tmp_path / "out"
    given = [
        clinfed,
        "aggregator",
        "simulate",
        "--trust",
        "plain",
        "--federation",
        toml,
        "--model",
        "birnn",
        "--out",
        out,
    ]
    done = subprocess.run(given, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error[fix-notes]: b.jsonl:1: ")
    assert "Zebrafinch" not in line
    assert not out.exists()


PRIVATE = ("--trust", "secagg", "--epsilon", 8, "--delta", 1e-5, "--sample-rate", 0.5)


@pytest.fixture
def three(files: Any) -> Any:
    """Three hospitals, as a secure sum needs."""
    files.hospitals("a", "b", "c")
    (files.folder / "federation.toml").write_text(TOP + HOSPITALS + '[hospitals.c]\nnotes = "c.jsonl"\n')
    return files


@pytest.mark.parametrize(
    ("args", "unit", "noise"),
    [
        ((), "patient", "exact"),
        (("--unit", "note", "--noise", "plain"), "note", "plain"),
        (("--unit", "sentence", "--trust", "none", "--local-steps", 1), "sentence", "local"),
    ],
)
def test_a_private_run_says_what_it_cost(
    args: Any, unit: str, noise: str, three: Any, simulate: Any, tmp_path: Path
) -> None:
    result = simulate(*PRIVATE, "--max-grad-norm", 0.2, "--cap", 20, "--json", *args)
    assert result.exit_code == 0, result.output
    tree = json.loads(result.stdout)
    for site in tree["hospitals"].values():
        assert 0 < site["epsilon"] <= 8
        assert site["epsilon_if_others_collude"] >= site["epsilon"]
        assert (site["delta"], site["unit"]) == (1e-5, unit)
        assert site["notes"] % 10 == site["patients"] % 10 == site["units"] % 10 == 0
    assert [done["loss"] for done in tree["rounds"]] == [None, None]
    assert [done["missing"] for done in tree["rounds"]] == [{}, {}]
    settings = json.loads((tmp_path / "out/run.json").read_text())
    assert all(source["by_chance"] for source in settings["hospitals"])
    private = settings["private"]
    assert (private["epsilon"], private["delta"], private["cap"]) == (8.0, 1e-5, 20.0)
    order = private["order"]
    assert (order["unit"], order["noise"], order["max_grad_norm"]) == (unit, noise, 0.2)
    assert order["sample_rate"] == 0.5
    manifest = json.loads((tmp_path / "out/model/manifest.json").read_text())
    assert str(tree["hospitals"]["a"]["epsilon"]) in json.dumps(manifest)


@pytest.mark.parametrize(
    ("args", "part"),
    [
        (("--epsilon", 8), "delta"),
        (("--delta", 1e-5), "not private"),
        (("--unit", "note"), "not private"),
        (("--sample-rate", 0.1), "not private"),
        (("--max-grad-norm", 0.1), "not private"),
        (("--noise", "plain"), "not private"),
        (("--cap", 3), "not private"),
        ((*PRIVATE, "--trust", "plain"), "trust"),
        ((*PRIVATE, "--epsilon", 0), "epsilon"),
        ((*PRIVATE, "--epsilon", "nan"), "epsilon"),
        ((*PRIVATE, "--delta", 0), "delta"),
        ((*PRIVATE, "--delta", 1), "delta"),
        ((*PRIVATE, "--sample-rate", 0), "sample_rate"),
        ((*PRIVATE, "--max-grad-norm", 0), "max_grad_norm"),
        ((*PRIVATE, "--count-norm", 0), "count_norm"),
        ((*PRIVATE, "--cap", 0), "cap"),
    ],
    ids=str,
)
def test_privacy_that_does_not_add_up(args: Any, part: str, three: Any, simulate: Any, refused: Any) -> None:
    refused(simulate(*args), "fix-settings", part)


@pytest.mark.parametrize("private", [True, False])
def test_the_demo_is_private_unless_told_otherwise(private: bool, tmp_path: Path) -> None:
    small = ("--hospitals", 3, "--patients", 8, "--rounds", 1, "--trained", "head")
    result = _clinfed(
        *("aggregator", "demo", "--out", tmp_path / "out", *small, "--no-baselines", "--json"),
        *(() if private else ("--no-privacy",)),
    )
    assert result.exit_code == 0, result.output
    tree = json.loads(result.stdout)
    order = json.loads((tmp_path / "out/run.json").read_text())["private"]
    assert (order is not None) is private
    for site in tree["hospitals"].values():
        if private:
            assert 0 < site["epsilon"] <= 8
            assert site["unit"] == "patient"
        else:
            assert site["epsilon"] is None


def test_the_demo_goes_on_from_a_base(town: Any, tmp_path: Path) -> None:
    base, out = town.base(), tmp_path / "out"
    small = ("--hospitals", 3, "--patients", 8, "--rounds", 1, "--model", "birnn", "--trained", "head")
    result = _clinfed("aggregator", "demo", "--out", out, *small, "--no-baselines", "--base", base)
    assert result.exit_code == 0, result.output
    started, ended = (load_file(folder / "model.safetensors") for folder in (base, out / "model"))
    same = {name for name, weight in started.items() if torch.equal(weight, ended[name])}
    assert same
    assert set(started) - same
