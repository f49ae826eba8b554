"""The state of a run after a round, in one file that is there whole or not at all."""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy
from safetensors import SafetensorError

from server.metrics import Round, Site, round_from_json
from server.strategy import Arrays, Moments
from shared.errors import ChooseOutput
from shared.files import write_bytes
from shared.models.tagger import Weights

FOLDER = "checkpoints"
KEPT = 2


@dataclass(frozen=True)
class RunState:
    """Everything the next round needs.

    Args:
        weights: the global model's trained weights.
        moments: of the server optimizer.
        rounds: done so far.
        hospitals: that take part, by name.
    """

    weights: Weights
    moments: Moments = field(default_factory=Moments)
    rounds: tuple[Round, ...] = ()
    hospitals: dict[str, Site] = field(default_factory=dict)

    @property
    def model(self) -> Weights:
        """What is scored and handed out: the mean of the last rounds' models if the strategy keeps one."""
        return self.moments.average or self.weights


def save_state(run: Path, state: RunState) -> None:
    """Writes the checkpoint of the newest round, and forgets all but the last two."""
    folder = run / FOLDER
    folder.mkdir(exist_ok=True)
    arrays: Arrays = {}
    for prefix, part in (
        ("weights", state.weights),
        ("first", state.moments.first),
        ("second", state.moments.second),
        ("average", state.moments.average),
    ):
        arrays |= {f"{prefix}/{name}": np.ascontiguousarray(array) for name, array in part.items()}
    history = {
        "rounds": [dataclasses.asdict(done) for done in state.rounds],
        "hospitals": {name: dataclasses.asdict(site) for name, site in state.hospitals.items()},
    }
    content = safetensors.numpy.save(arrays, metadata={"history": json.dumps(history)})
    write_bytes(folder / f"round-{len(state.rounds):04d}.safetensors", content)
    for old in sorted(folder.glob("round-*.safetensors"))[:-KEPT]:
        old.unlink()


def load_state(run: Path) -> RunState | None:
    """Reads the newest checkpoint of a run; None if there is none yet.

    Raises:
        ChooseOutput: the checkpoint cannot be read.
    """
    files = sorted((run / FOLDER).glob("round-*.safetensors"))
    if not files:
        return None
    try:
        with safetensors.safe_open(files[-1], framework="numpy") as opened:
            arrays = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
            history = json.loads(opened.metadata()["history"])
        rounds = tuple(round_from_json(tree) for tree in history["rounds"])
        hospitals = {name: Site(**tree) for name, tree in history["hospitals"].items()}
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, AttributeError):
        raise ChooseOutput(
            "is not a checkpoint", where=str(files[-1]), remedy="Delete it to go on from the round before."
        ) from None

    def part(prefix: str) -> Arrays:
        return {
            name.removeprefix(f"{prefix}/"): array
            for name, array in arrays.items()
            if name.startswith(f"{prefix}/")
        }

    return RunState(
        weights=dict(sorted(part("weights").items())),
        moments=Moments(part("first"), part("second"), part("average")),
        rounds=rounds,
        hospitals=hospitals,
    )
