"""The sum of a run that counts word pairs, on disk: taken once, and whatever comes after needs no hospital."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from server.glove_plan import Verdict
from server.metrics import Site
from shared.errors import ChooseOutput
from shared.files import write_bytes

COUNTS = "counts.safetensors"


@dataclass(frozen=True)
class Counted:
    """The sum, and how it came about.

    Args:
        integers: of each pair: steps of `Counting.steps`, or of the grid in a private run; int64, shape (pairs,).
        hospitals: by name; in a private run with what their answers cost.
        answered: hospitals whose counts are in the sum.
        missing: error code of every other.
        attempts: at the sum.
        verdict: what noised counts are good for; None without noise.
        bytes: sent to hospitals (`down`) and received (`up`).
        seconds: wall clock by phase.
    """

    integers: NDArray[np.int64]
    hospitals: dict[str, Site]
    answered: list[str]
    missing: dict[str, str]
    attempts: int
    verdict: Verdict | None
    bytes: dict[str, int]
    seconds: Mapping[str, float]

    @property
    def digest(self) -> str:
        """SHA-256 of the integers, hexadecimal."""
        return hashlib.sha256(self.integers.astype("<i8").tobytes()).hexdigest()


def save_counted(folder: Path, counted: Counted) -> None:
    """Writes the sum into the folder of its run, whole or not at all."""
    about = {
        field.name: getattr(counted, field.name)
        for field in dataclasses.fields(counted)
        if field.name not in ("integers", "hospitals", "verdict")
    }
    about["hospitals"] = {name: dataclasses.asdict(site) for name, site in counted.hospitals.items()}
    about["verdict"] = counted.verdict and dataclasses.asdict(counted.verdict)
    content = safetensors.numpy.save({"integers": counted.integers}, metadata={"about": json.dumps(about)})
    write_bytes(folder / COUNTS, content)


def load_counted(folder: Path) -> Counted | None:
    """Reads what `save_counted` wrote; None if there is no sum yet.

    Raises:
        ChooseOutput: the file cannot be read.
    """
    path = folder / COUNTS
    if not path.exists():
        return None
    try:
        with safetensors.safe_open(path, framework="numpy") as opened:
            integers = opened.get_tensor("integers")
            about = json.loads(opened.metadata()["about"])
        about["hospitals"] = {name: Site(**tree) for name, tree in about["hospitals"].items()}
        about["verdict"] = about["verdict"] and Verdict(**about["verdict"])
        return Counted(integers=integers, **about)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, AttributeError):
        raise ChooseOutput(
            "is not a sum of counts", where=str(path), remedy="Name another folder with --out."
        ) from None
