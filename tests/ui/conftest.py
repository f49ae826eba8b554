"""What the app is tried on: two small federations that really ran, and the app as a process of its own."""

import json
import os
import random
import socket
import subprocess
import sys
import time
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from server.settings import PrivacySettings, RunSettings, TestSource
    from server.simulate import simulate
    from shared.models.settings import ModelSettings
    from shared.private import PrivateRound
    from shared.sources import NoteSource
    from shared.training import Recipe

HOSPITALS = ("harbour", "hillside", "meadow")
DISEASES = ("asthma", "gout", "sepsis", "migraine", "pneumonia", "epilepsy")
SAID = ("Known {} since spring.", "Admitted with {} today.", "Treated for {} on the ward.", "Seen for {} .")
PLAIN = ("Slept well.", "Bloods were sent.", "Follow up in two weeks.")
MAIN = "import sys; from privacy.entry import main; sys.argv[0] = 'clinfed'; main()"


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two finished runs: `masked`, whose model knows a few diseases, and `private`, with ledgers."""
    folder = tmp_path_factory.mktemp("runs")
    sources = tuple(
        NoteSource(hospital=name, notes=str(_notes(folder, name)), held_out=0.25) for name in HOSPITALS
    )
    learning = Recipe(learning_rate=0.03, batch_size=8, weight_decay=0.0, max_grad_norm=5.0)
    network = ModelSettings(
        kind="birnn",
        labels=("Disease",),
        dropout=0.1,
        word_rows=64,
        word_width=8,
        hidden=8,
        character_width=4,
        character_filters=4,
    )
    common = {"test": TestSource(), "model": network, "recipe": learning, "deadline_seconds": 600.0}
    masked = RunSettings(hospitals=sources, rounds=6, trust="secagg", **common)
    order = PrivateRound(
        unit="patient",
        sample_rate=0.5,
        noise_multiplier=4.0,
        max_grad_norm=0.1,
        count_noise_multiplier=8.0,
    )
    private = RunSettings(
        hospitals=tuple(source.model_copy(update={"by_chance": True}) for source in sources),
        rounds=2,
        trust="secagg",
        strategy={"name": "FedAdam", "eta": 0.02},
        private=PrivacySettings(epsilon=8.0, delta=1e-5, cap=8.0, order=order),
        **common,
    )
    for name, settings in (("private", private), ("masked", masked)):
        simulate(settings, folder / name, f"clinfed aggregator simulate --out {name}")
    return folder


def _notes(folder: Path, hospital: str) -> Path:
    draw = random.Random(hospital)  # noqa: S311
    lines = []
    for number in range(16):
        text, entities = draw.choice(PLAIN), []
        for _ in range(3):
            before, after = draw.choice(SAID).split("{}")
            disease = draw.choice(DISEASES)
            start = len(text) + 1 + len(before)
            entities.append({"start": start, "end": start + len(disease), "label": "Disease"})
            text += f" {before}{disease}{after}"
        note = {
            "doc_id": f"{hospital}-{number}",
            "patient_id": f"p{number}",
            "text": text,
            "entities": entities,
        }
        lines.append(json.dumps(note))
    path = folder / f"{hospital}.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    def find() -> int:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            return int(taken.getsockname()[1])

    return find


class App:
    """The app in a process of its own.

    Args:
        address: of the app.
        output: file that gets standard output and error.
        process: that serves it.
    """

    def __init__(self, address: str, output: Path, process: "subprocess.Popen[bytes]") -> None:
        self.address, self.output, self.process = address, output, process


@pytest.fixture(scope="session")
def serve(
    free_port: Callable[[], int], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., App]]:
    """Starts apps, and ends them after the tests."""
    started: list[App] = []

    def start(*words: str, port: int | None = None, code: str = MAIN) -> App:
        at = port or free_port()
        folder = tmp_path_factory.mktemp("app")
        command = [sys.executable, "-c", code, "ui", "--port", str(at), *words]
        with (folder / "output.txt").open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
        app = App(f"http://127.0.0.1:{at}", folder / "output.txt", process)
        started.append(app)
        _wait_for(f"{app.address}/_stcore/health", process)
        return app

    yield start
    for app in started:
        app.process.terminate()
    for app in started:
        app.process.wait(timeout=30)


def _wait_for(address: str, process: "subprocess.Popen[bytes]") -> None:
    """Asks until a server answers; waiting between is the only way to learn of another process's socket."""
    for _ in range(600):
        try:
            with urllib.request.urlopen(address, timeout=5):  # noqa: S310
                return
        except OSError:
            assert process.poll() is None, "the server ended"
            time.sleep(0.1)
    raise AssertionError(f"nothing answers at {address}")
