"""The command is assembled from roles, loads them late, and says nothing a note may hide in."""

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from textwrap import dedent

import click
import pytest
from click.testing import CliRunner

from shared.cli import INTERNAL_ERROR, command_tree

NOTE = "Mrs Elsie Harrow has glioma"

ROLE = f'''
"""Does odd things."""
import sys
import typer
from shared.errors import FixNotes
sys.modules[__name__].loaded = True
app = typer.Typer()

@app.command()
def fine(count: int = 1) -> None:
    print("fine", count)

@app.command()
def refuse() -> None:
    raise FixNotes("offset 7 is past the end", where="notes.jsonl:3", remedy="Mend the line")

@app.command()
def crash() -> None:
    note = {NOTE!r}
    raise ValueError(note)
'''


@pytest.fixture
def roles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[EntryPoint]]:
    """A distribution as pip would leave it: one role complete, one lacking a package, one without its module."""
    modules = {
        "odd_role": ROLE,
        "lame_role": '"""Never seen."""\nimport nowhere_to_be_found\n',
        "late_role": '"""Imports late."""\nimport nowhere_to_be_found\n',
    }
    for name, source in modules.items():
        (tmp_path / f"{name}.py").write_text(source)
    metadata = tmp_path / "oddments-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        "Metadata-Version: 2.4\nName: oddments\nVersion: 1.0\n"
        "Requires-Dist: click; extra == 'odd'\n"
        "Requires-Dist: nowhere-to-be-found; extra == 'lame'\n"
    )
    (metadata / "entry_points.txt").write_text(
        dedent(
            """
            [clinfed.test]
            odd = odd_role:app
            lame = lame_role:app
            late = late_role:app
            absent = absent_role:app
            absent2 = absent_package.commands:app
            """
        )
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield list(entry_points(group="clinfed.test"))
    for name in modules:
        sys.modules.pop(name, None)


def test_help_lists_roles_without_importing_them(roles: list[EntryPoint]) -> None:
    result = CliRunner().invoke(command_tree(roles), ["--help"])
    assert result.exit_code == 0
    assert "Does odd things." in result.output
    assert "not installed: pip install oddments[lame]" in result.output
    assert "Imports late." in result.output
    assert "absent" not in result.output
    assert "odd_role" not in sys.modules


def test_help_of_a_role_lists_its_commands(roles: list[EntryPoint]) -> None:
    result = CliRunner().invoke(command_tree(roles), ["odd", "--help"])
    assert result.exit_code == 0
    assert "refuse" in result.output
    assert "odd_role" in sys.modules


@pytest.mark.parametrize(
    ("args", "code", "stdout", "stderr"),
    [
        (["odd", "fine", "--count", "3"], 0, "fine 3\n", ""),
        (
            ["odd", "refuse"],
            1,
            "",
            "error[fix-notes]: notes.jsonl:3: offset 7 is past the end. Mend the line\n",
        ),
        (
            ["lame", "anything"],
            1,
            "",
            "error[fix-settings]: clinfed lame: this role is not installed. pip install oddments[lame]\n",
        ),
        (
            ["late", "anything"],
            1,
            "",
            "error[fix-settings]: clinfed late: the package nowhere_to_be_found is not installed."
            " pip install oddments[late]\n",
        ),
    ],
    ids=["success", "typed error", "extra not installed", "import fails"],
)
def test_exit_code_and_streams(
    roles: list[EntryPoint], args: list[str], code: int, stdout: str, stderr: str
) -> None:
    result = CliRunner().invoke(command_tree(roles), args)
    assert (result.exit_code, result.stdout, result.stderr) == (code, stdout, stderr)


@pytest.mark.parametrize(
    "args",
    [
        ["nosuch"],
        ["--nosuch"],
        ["absent", "x"],
        ["odd", "nosuch"],
        ["odd", "fine", "--count", "many"],
        ["odd", "fine", "extra"],
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_2(roles: list[EntryPoint], args: list[str]) -> None:
    assert CliRunner().invoke(command_tree(roles), args).exit_code == 2


def test_a_defect_tells_places_and_never_the_message(roles: list[EntryPoint]) -> None:
    result = CliRunner().invoke(command_tree(roles), ["odd", "crash"])
    assert result.exit_code == INTERNAL_ERROR
    assert "ValueError" in result.stderr
    assert "odd_role.py:20 in crash" in result.stderr
    assert "Elsie" not in result.output


def test_the_message_of_a_defect_is_shown_when_asked_for(roles: list[EntryPoint]) -> None:
    result = CliRunner().invoke(command_tree(roles), ["--traceback", "odd", "crash"])
    assert isinstance(result.exception, ValueError)
    assert str(result.exception) == NOTE


def test_version() -> None:
    result = CliRunner().invoke(command_tree(), ["--version"])
    assert result.exit_code == 0
    assert result.output.startswith("clinfed ")


def test_the_installed_command_starts_without_tensors() -> None:
    code = "import sys\nsys.argv = ['clinfed', '--help']\nfrom shared.cli import main\ntry:\n    main()\nfinally:\n"
    code += "    print([m for m in ('torch', 'flwr', 'transformers', 'altair') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_every_role_of_this_checkout_loads() -> None:
    tree = command_tree()
    for name in tree.list_commands(click.Context(tree)):
        role = tree.get_command(click.Context(tree), name)
        said = CliRunner().invoke(tree, [name, "--help"])
        assert said.exit_code == 0, said.output
        if name != "ui":  # a command of its own
            assert isinstance(role, click.Group)
            assert role.list_commands(click.Context(role))
