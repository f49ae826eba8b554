"""`clinfed aggregator glove` as a user meets it: vectors, figures on stdout, and one line for what is wrong."""

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from gensim.models import KeyedVectors

from shared.cli import command_tree
from shared.cooccurrence import triangle
from shared.vocabulary import read_vocabulary

LIST = "Mr\nKnown\nasthma\ntype 2 diabetes\nheart failure\nreports\nwell controlled\n"


def _clinfed(*args: object) -> Result:
    importlib.import_module("client.app")._agent_for.cache_clear()
    return CliRunner().invoke(command_tree(), [str(arg) for arg in args], prog_name="clinfed")


@pytest.fixture
def glove(town: Any, tmp_path: Path) -> Callable[..., Result]:
    """Runs `glove` on three hospitals and a list of words, small; a None takes an option away."""
    toml = town.toml(town.hospitals(*"abc"))
    words = town.folder / "words.txt"
    words.write_text(LIST)

    def run(*flags: object, **options: Any) -> Result:
        given = {"--out": tmp_path / "out", "--federation": toml, "--words": words, "--window": 4}
        given |= {"--dimensions": 5, "--epochs": 2}
        given |= {f"--{name.replace('_', '-')}": value for name, value in options.items()}
        pairs = [part for name, value in given.items() if value is not None for part in (name, value)]
        return _clinfed("aggregator", "glove", *pairs, *flags)

    return run


def test_glove_leaves_vectors_and_prints_figures(glove: Any, town: Any, tmp_path: Path) -> None:
    result = glove("--json")
    assert result.exit_code == 0, result.output
    tree = json.loads(result.stdout)
    assert tree == json.loads((tmp_path / "out/metrics.json").read_text())
    assert tree["form"] == "clinfed-glove-1"
    assert tree["answered"] == list("abc")
    assert tree["verdict"] is None
    assert (tree["bytes"]["up"] > 0, tree["bytes"]["down"] > 0) == (True, True)
    vocabulary = read_vocabulary(tmp_path / "out/vocabulary.txt")
    assert len(vocabulary.words) == tree["counting"]["words"]
    assert vocabulary.words[0] == "mr"
    assert tree["counting"]["pairs"] == triangle(len(vocabulary.words))
    keyed = KeyedVectors.load_word2vec_format(str(tmp_path / "out/vectors.bin"), binary=True)
    assert keyed.vectors.shape == (tree["vectors"]["words"], 5)
    assert "vectors: " in result.stderr
    written = "".join(file.read_text("latin-1") for file in (tmp_path / "out").rglob("*") if file.is_file())
    assert not [canary for canary in town.canaries if canary in written + result.output]
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "attempt",
        "counts.safetensors",
        "metrics.json",
        "roster.json",
        "run-id",
        "run.json",
        "sites",
        "vectors.bin",
        "vocabulary.txt",
    ]


def test_glove_prints_a_summary(glove: Any) -> None:
    result = glove()
    assert result.exit_code == 0, result.output
    assert "from 3 hospitals" in result.stdout
    assert "epsilon" not in result.stdout


def test_the_most_frequent_words_of_public_notes(glove: Any, town: Any, tmp_path: Path) -> None:
    public = town.write("public", town.notes("public"))
    result = glove(words=None, public_notes=public, most=7)
    assert result.exit_code == 0, result.output
    assert len(read_vocabulary(tmp_path / "out/vocabulary.txt").words) == 7


def test_a_list_of_pairs_is_counted_and_kept_for_the_sites(glove: Any, tmp_path: Path) -> None:
    pairs = tmp_path / "few.txt"
    pairs.write_text("asthma known\nKnown asthma\n\nheart failure\nmr mr\n")
    result = glove("--json", pairs=pairs)
    assert result.exit_code == 0, result.output
    counting = json.loads(result.stdout)["counting"]
    assert counting["pairs"] == 3
    assert sorted(tuple(sorted(line.split())) for line in _lines(tmp_path / "out/pairs.txt")) == [
        ("asthma", "known"),
        ("failure", "heart"),
        ("mr", "mr"),
    ]
    lists = tmp_path / "out/vocabulary.txt", "--pairs", tmp_path / "out/pairs.txt"
    assert _clinfed("node", "counting", *lists, "--window", 4).stdout.strip() == counting["digest"]


def test_the_most_frequent_pairs_of_public_notes(glove: Any, town: Any, tmp_path: Path) -> None:
    public = town.write("public", town.notes("public"))
    result = glove("--json", words=None, public_notes=public, most_pairs=9)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["counting"]["pairs"] == 9
    assert len(_lines(tmp_path / "out/pairs.txt")) == 9


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


@pytest.mark.parametrize("as_json", [False, True])
def test_a_site_sees_the_digest_that_it_approves(as_json: bool, glove: Any, tmp_path: Path) -> None:
    tree = json.loads(glove("--json").stdout)["counting"]
    result = _clinfed(
        "node", "counting", tmp_path / "out/vocabulary.txt", "--window", 4, *["--json"][: int(as_json)]
    )
    assert result.exit_code == 0, result.output
    if as_json:
        assert json.loads(result.stdout) == {
            name: tree[name] for name in ("words", "window", "pairs", "digest")
        }
    else:
        assert result.stdout == tree["digest"] + "\n"
    wider = _clinfed("node", "counting", tmp_path / "out/vocabulary.txt", "--window", 5)
    assert wider.stdout.strip() != tree["digest"]


@pytest.mark.parametrize("trust", ["secagg", "none"])
def test_noise_is_spent_only_anyway(trust: str, glove: Any, tmp_path: Path) -> None:
    private = {"epsilon": 3, "delta": 1e-5, "trust": trust}
    result = glove(**private)
    assert result.exit_code == 1
    line = result.stderr.splitlines()[-1]
    assert line.startswith("error[fix-settings]: epsilon: ")
    assert "--anyway" in line
    assert not (tmp_path / "out/metrics.json").exists()
    result = glove("--anyway", **private)
    assert result.exit_code == 0, result.output
    assert "Nothing was measured near" in result.stderr
    assert "at delta 1e-05 spent of each patient" in result.stdout
    tree = json.loads((tmp_path / "out/metrics.json").read_text())
    assert tree["verdict"]["worth_it"] is False
    for site in tree["hospitals"].values():
        assert 2.5 < site["epsilon"] <= 3
        assert (site["epsilon_if_others_collude"] > site["epsilon"]) == (trust == "secagg")


def test_a_finished_run_stays(glove: Any, tmp_path: Path) -> None:
    assert glove().exit_code == 0
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    for options in ({}, {"window": 5}):
        result = glove(**options)
        assert result.exit_code == 1
        assert result.stderr.startswith("error[choose-output]: ")
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before


def test_the_folder_of_another_kind_of_run(glove: Any, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/run.json").write_text('{"rounds": 3}')
    assert glove().stderr.startswith("error[choose-output]: ")


WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "no hospitals": ({"federation": None}, "fix-settings", "--federation FILE"),
    "two kinds of hospitals": ({"corpus": "x", "partition": "y"}, "fix-settings", "aggregator glove"),
    "no partition": ({"federation": None, "corpus": "x"}, "fix-settings", "--partition FILE"),
    "a list of pairs that is missing": ({"pairs": "none.txt"}, "fix-settings", "two words"),
    "pairs of a list's words by number": ({"most_pairs": 5}, "fix-settings", "--pairs FILE"),
    "pairs twice": (
        {"words": None, "public_notes": "x", "pairs": "y", "most_pairs": 5},
        "fix-settings",
        "--most-pairs N",
    ),
    "no words": ({"words": None}, "fix-settings", "--public-notes PATH"),
    "words twice": ({"public_notes": "x"}, "fix-settings", "--words FILE"),
    "a list that is missing": ({"words": "none.txt"}, "fix-settings", "none.txt"),
    "notes that are missing": ({"words": None, "public_notes": "none"}, "fix-notes", "none"),
    "a federation that is missing": ({"federation": "none.toml"}, "fix-federation", "none.toml"),
    "too many words": ({"most": 70_000}, "fix-settings", "words"),
    "too many dimensions": ({"dimensions": 5000}, "fix-settings", "dimensions"),
    "no delta": ({"epsilon": 1}, "fix-settings", "--delta"),
    "no epsilon": ({"delta": 1e-5}, "fix-settings", "--epsilon"),
    "a unit without noise": ({"unit": "note"}, "fix-settings", "--epsilon"),
    "a cap without noise": ({"cap": 3}, "fix-settings", "--epsilon"),
    "epsilon 0": ({"epsilon": 0, "delta": 1e-5}, "fix-settings", "epsilon"),
    "delta 2": ({"epsilon": 1, "delta": 2}, "fix-settings", "delta"),
    "a cap below 0": ({"epsilon": 1, "delta": 1e-5, "cap": -1}, "fix-settings", "cap"),
    "more than there are to stay": ({"threshold": 4}, "fix-settings", "threshold"),
    "too many colluders": ({"colluders": 2}, "fix-settings", "colluders"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_said_before_anything_is_written(what: str, glove: Any, refused: Any) -> None:
    options, code, part = WRONG[what]
    refused(glove(**options), code, part)


def test_two_hospitals_are_too_few(glove: Any, town: Any, refused: Any) -> None:
    refused(glove(federation=town.toml(town.hospitals("a", "b"))), "fix-settings", "3 to 255")


def test_a_patient_in_two_hospitals_is_refused(glove: Any, town: Any, refused: Any) -> None:
    hospitals = town.hospitals(*"abc")
    town.write("b", [*town.notes("b"), town.notes("a")[0]])
    refused(glove(federation=town.toml(hospitals)), "fix-federation", "a patient is in a and in b")


def test_notes_without_labels_are_counted(glove: Any, town: Any) -> None:
    hospitals = town.hospitals(*"abc")
    town.write("b", [record | {"entities": []} for record in town.notes("b")])
    result = glove("--json", federation=town.toml(hospitals))
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["answered"] == list("abc")


def test_anyway_is_for_noise(glove: Any, refused: Any) -> None:
    refused(glove("--anyway"), "fix-settings", "--epsilon")


@pytest.mark.parametrize(
    "options",
    [{"window": 17}, {"window": 0}, {"unit": "sentence"}, {"trust": "plain"}, {"most_pairs": 0}],
    ids=str,
)
def test_wrong_usage(options: Any, glove: Any, tmp_path: Path) -> None:
    result = glove(**options)
    assert result.exit_code == 2
    assert not (tmp_path / "out").exists()


def test_lists_that_name_terms_give_their_words(tmp_path: Path, glove: Any) -> None:
    assert glove().exit_code == 0
    words = read_vocabulary(tmp_path / "out/vocabulary.txt").words
    assert {"type", "2", "diabetes", "heart", "failure"} <= set(words)
    assert "type 2 diabetes" not in words
