"""What tests of the aggregator share: refusals looked at from outside, and the sums as they are decoded."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from numpy.typing import NDArray


@pytest.fixture
def refused(town: Any, tmp_path: Path) -> Callable[..., None]:
    """Checks what every refusal has: its code, place and remedy on one line, and no trace of itself."""

    def check(result: Result, code: str, *parts: str) -> None:
        assert result.exit_code == 1, result.output
        assert result.stdout == ""
        (line,) = result.stderr.splitlines()
        assert line.startswith(f"error[{code}]: ")
        for part in parts:
            assert part in line
        assert line.count(". ") >= 1  # what is wrong, then what to do
        assert "Traceback" not in line
        assert not [canary for canary in town.canaries if canary in line]
        assert not (tmp_path / "out").exists()

    return check


@pytest.fixture
def totals(monkeypatch: pytest.MonkeyPatch) -> list[NDArray[np.float64]]:
    """The sums that the aggregator decodes, in order; in a training, of training and of evaluation by turns."""
    seen: list[NDArray[np.float64]] = []
    add_up = importlib.import_module("server.secure").SecureSums.add_up

    def kept(self: Any, *args: Any) -> Any:
        done = add_up(self, *args)
        seen.append(done.total)
        return done

    monkeypatch.setattr("server.secure.SecureSums.add_up", kept)
    return seen
