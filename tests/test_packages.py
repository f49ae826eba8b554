"""The five packages are ours wherever Python is started, and the README tells the truth about the command."""

import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import click
import pytest

from shared.cli import command_tree

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("shared", "privacy", "client", "server", "ui")
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def providers() -> dict[str, list[str]]:
    return dict(packages_distributions())


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_resolves_to_this_checkout(name: str, providers: dict[str, list[str]]) -> None:
    file = importlib.import_module(name).__file__
    assert file is not None, "a folder without __init__.py shadows the package"
    assert Path(file).resolve().parent == ROOT / name
    assert set(providers.get(name, [])) <= {"clinfed"}


def test_packages_resolve_alike_from_another_folder(tmp_path: Path) -> None:
    code = f"import importlib\nfor n in {PACKAGES!r}: print(importlib.import_module(n).__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert [Path(line).resolve() for line in done.stdout.splitlines()] == [
        ROOT / name / "__init__.py" for name in PACKAGES
    ]


def mentions() -> Iterator[str]:
    """Every `clinfed ...` inside a code span or a code block of the README."""
    blocks = re.findall(r"^```.*?\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    prose = re.sub(r"^```.*?^```", "", README, flags=re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.splitlines()]
    for code in [*re.findall(r"`([^`\n]+)`", prose), *lines]:
        yield from re.findall(r"(?:^|\s)(clinfed(?: [^#|]*)?)$", code.strip())


def leaf(words: list[str]) -> tuple[list[str], click.Command]:
    """The command that the words after `clinfed` lead to, and its path."""
    command: click.Command = command_tree()
    path: list[str] = []
    for word in words:
        if not isinstance(command, click.Group) or word.startswith("-"):
            break
        inner = command.get_command(click.Context(command), word)
        assert inner is not None, f"clinfed {' '.join([*path, word])} does not exist"
        command, path = inner, [*path, word]
    return path, command


def test_the_readme_mentions_commands() -> None:
    assert any(mention.startswith("clinfed aggregator demo") for mention in mentions())


@pytest.mark.parametrize("mention", sorted(set(mentions())))
def test_every_command_and_option_of_the_readme_exists(mention: str) -> None:
    _, command = leaf(mention.split()[1:])
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    assert set(re.findall(r"--[a-z][a-z-]*", mention)) <= known


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if not isinstance(command, click.Group):
        yield path
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        if inner is not None and not inner.hidden:
            yield from commands(inner, (*path, name))


def test_every_command_is_in_the_readme() -> None:
    named = {tuple(leaf(mention.split()[1:])[0]) for mention in mentions()}
    assert not set(commands(command_tree())) - named
