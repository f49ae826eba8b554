"""Surfaces: the ways in which a value leaves a Python process without anybody meaning to.

Each is pushed once, with a patient of its own, in a process that holds only synthetic patients. Those that need
a package are skipped where it is not installed, and the drill says so.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from client.drill.canaries import Canary
from client.drill.sinks import Ports


@dataclass(frozen=True)
class Scene:
    """What a surface may use.

    Args:
        canary: who is pushed.
        folder: for files.
        ports: where the drill listens.
    """

    canary: Canary
    folder: Path
    ports: Ports

    @property
    def log(self) -> logging.Logger:
        """A logger as our modules have."""
        return logging.getLogger("clinfed.drill")


Push = Callable[[Scene], None]
SURFACES: dict[str, Push] = {}


class Missing(Exception):
    """The package of a surface is not installed."""


def surface(push: Push) -> Push:
    """Adds a surface under its function's name."""
    SURFACES[push.__name__.replace("_", " ")] = push
    return push


def all_surfaces() -> dict[str, Push]:
    """Every surface by its name, in the order in which they are pushed."""
    from client.drill import surfaces_output, surfaces_packages, surfaces_python, surfaces_records

    del surfaces_records, surfaces_python, surfaces_output, surfaces_packages  # importing them adds theirs
    return SURFACES


def push_all(canaries: list[Canary], folder: Path, ports: Ports) -> dict[str, str]:
    """Pushes every surface.

    Args:
        canaries: one for each.
        folder: for files.
        ports: where the drill listens.

    Returns:
        `pushed` or `skipped` by name; an exception that a surface lets out is a surface, too, and is logged.
    """
    outcome = {}
    for (name, push), canary in zip(all_surfaces().items(), canaries, strict=True):
        outcome[name] = "pushed"
        try:
            push(Scene(canary, folder, ports))
        except Missing:
            outcome[name] = "skipped"
        except Exception:
            logging.getLogger("clinfed.drill").exception("surface failed")
            outcome[name] = "failed"
    return outcome
