"""A finder whose answers a reader can foresee, so that these tests are about the log layer and not the detector."""

import inspect
import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess, run
from sys import executable

import pytest

from privacy.logs.records import Records
from privacy.logs.redactor import Redactor
from privacy.logs.tokens import Tokens

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Span:
    """A finding."""

    start: int
    end: int
    entity: str


class Capitals:
    """Finds words of six capitals or more, and numbers of six digits or more."""

    def find(self, text: str) -> list[Span]:
        return [Span(*m.span(), "LOUD") for m in re.finditer(r"\b[A-Z]{6,}\b|\d{6,}", text)]


@pytest.fixture
def tokens() -> Tokens:
    return Tokens(b"k" * 32, clock=lambda: 0.0)


@pytest.fixture
def redactor(tokens: Tokens) -> Redactor:
    return Redactor(tokens, Capitals())


@pytest.fixture
def records(redactor: Redactor) -> Records:
    return Records(redactor)


@pytest.fixture(autouse=True)
def untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's own `logging`: where an earlier test imported an app, the process has the log layer already."""
    owners: list[object] = [logging, logging.Logger, logging.LogRecord, logging.Formatter, *_handlers()]
    for owner in owners:
        for name, made in list(vars(owner).items()):
            module = getattr(made, "__globals__", {}).get("__name__", "")
            if hasattr(made, "__wrapped__") and module.startswith("privacy.logs"):
                monkeypatch.setattr(owner, name, inspect.unwrap(made))


def _handlers(kind: type[logging.Handler] = logging.Handler) -> Iterator[type[logging.Handler]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _handlers(below)


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., CompletedProcess[str]]:
    """Runs a program in a process of its own, from a file."""

    def start(text: str, *, file: str = "program.py", **options: object) -> CompletedProcess[str]:
        path = tmp_path / file
        path.write_text(text)
        return run(
            [executable, str(path)],
            capture_output=True,
            text=True,
            timeout=120,
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            check=False,
            **options,  # type: ignore[call-overload]
        )

    return start
