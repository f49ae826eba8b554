"""The `clinfed` command: assembled from the entry points of the roles that are installed.

Every role brings a `typer.Typer` under its name in the group `clinfed.commands`. A role is imported when one of its
commands runs, so `clinfed --help` stays fast, and an image that installs one role lacks nothing of the others.
Here, too, is the one place where an error becomes a line on stderr and an exit code.
"""

import ast
import sys
import traceback
from collections.abc import Iterable
from importlib.abc import InspectLoader
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from importlib.util import find_spec
from typing import Any

import click
import typer
from packaging.requirements import Requirement
from typer.core import TyperGroup

from shared.errors import ClinfedError, FixSettings

GROUP = "clinfed.commands"
INTERNAL_ERROR = 70  # EX_SOFTWARE of sysexits.h


def main() -> None:
    """Runs `clinfed`; exits 0 on success, 1 on a `ClinfedError`, 2 on wrong usage, 70 on a defect of ours."""
    command_tree().main(prog_name="clinfed")


def command_tree(entries: Iterable[EntryPoint] | None = None) -> click.Group:
    """The whole command, each role below it loaded on use.

    Args:
        entries: the roles; those installed when None.
    """
    root = typer.main.get_group(_root)
    for entry in sorted(entry_points(group=GROUP) if entries is None else entries):
        if _exists(entry):
            root.add_command(Role(entry))
    return root


class Role(TyperGroup):
    """One role's commands, imported when one is used or its help is asked for."""

    def __init__(self, entry: EntryPoint) -> None:
        self.entry = entry
        advice = _advice(entry)
        super().__init__(
            name=entry.name, short_help=f"not installed: {advice}" if advice else _summary(entry)
        )

    def load(self) -> click.Group:
        """Imports the role.

        Raises:
            FixSettings: a package the role needs is not installed.
        """
        if advice := _advice(self.entry):
            raise FixSettings("this role is not installed", where=f"clinfed {self.name}", remedy=advice)
        try:
            role = self.entry.load()
        except ModuleNotFoundError as error:
            raise FixSettings(
                f"the package {error.name} is not installed",
                where=f"clinfed {self.name}",
                remedy=_remedy(self.entry),
            ) from error
        return typer.main.get_group(role)

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Hands over to the imported group before the first argument is read."""
        return self.load().make_context(info_name, args, parent, **extra)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the role's commands; imports the role."""
        return self.load().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One of the role's commands; imports the role."""
        return self.load().get_command(ctx, cmd_name)


class _Root(TyperGroup):
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError, EOFError):
            raise  # click knows what to print and which code to exit with
        except ClinfedError as error:
            print(f"error[{error.code}]: {error}", file=sys.stderr)  # noqa: T201
            ctx.exit(1)
        except Exception as error:
            if ctx.params["traceback"]:
                raise
            print(_places(error), file=sys.stderr)  # noqa: T201
            ctx.exit(INTERNAL_ERROR)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"clinfed {version('clinfed')}")
        raise typer.Exit


_root = typer.Typer(
    cls=_Root,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # it prints local variables, and a local variable may be a note
    rich_markup_mode=None,
)


@_root.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and exit."
    ),
    traceback: bool = typer.Option(
        False, "--traceback", help="On a defect of clinfed print the whole traceback; it may quote a note."
    ),
) -> None:
    """Federated clinical NLP: hospitals train one extractor together, and no note leaves the building."""


def _exists(entry: EntryPoint) -> bool:
    """Whether the entry's module is part of this installation; `bench` is only in a checkout."""
    try:
        return find_spec(entry.module) is not None
    except ModuleNotFoundError:
        return False


def _summary(entry: EntryPoint) -> str:
    """First paragraph of the module's docstring, read without importing the module."""
    spec = find_spec(entry.module)
    source = None
    if spec is not None and isinstance(spec.loader, InspectLoader):
        source = spec.loader.get_source(entry.module)
    return (ast.get_docstring(ast.parse(source or "")) or "").partition("\n\n")[0].replace("\n", " ")


def _advice(entry: EntryPoint) -> str:
    """How to install what the role lacks, by the metadata of its distribution; empty if it lacks nothing."""
    required = [Requirement(text) for text in (entry.dist.requires if entry.dist else None) or ()]
    role = [requirement for requirement in required if _belongs(requirement, entry.name)]
    return "" if all(map(_installed, role)) else _remedy(entry)


def _remedy(entry: EntryPoint) -> str:
    return f"pip install {entry.dist.name if entry.dist else 'clinfed'}[{entry.name}]"


def _belongs(requirement: Requirement, extra: str) -> bool:
    marker = requirement.marker
    return marker is not None and marker.evaluate({"extra": extra}) and not marker.evaluate({"extra": ""})


def _installed(requirement: Requirement) -> bool:
    try:
        version(requirement.name)
    except PackageNotFoundError:
        return False
    return True


def _places(error: BaseException) -> str:
    """What may be told of a defect: the type and the lines of code, never the message or a value."""
    frames = traceback.extract_tb(error.__traceback__)
    places = "\n".join(f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames)
    return (
        f"error[defect]: {type(error).__name__} at\n{places}\n"
        "The message is withheld because it may quote a note; `clinfed --traceback ...` shows it."
    )
