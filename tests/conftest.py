"""Tiny hospitals for every test of a federation: files of notes, settings that train in moments, real apps.

Every note, patient id and document id holds a canary: a string that must not be found where a note may not go.
"""

import importlib
import json
import random
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

with (
    warnings.catch_warnings()
):  # what other people's packages warn of while they are imported is not ours to mend
    warnings.simplefilter("ignore")
    from flwr.app import Context, Message, RecordDict
    from flwr.clientapp import ClientApp

    from privacy.book import Cap
    from privacy.secagg.policy import SitePolicy
    from server.checkpoint import RunState, load_state
    from server.grid import RUN_ID, SERVER_NODE, LocalGrid
    from server.provision import node_configs, provision
    from server.settings import PrivacySettings, RunSettings, TestSource
    from shared.models.build import build_tagger
    from shared.models.folder import save_model
    from shared.models.settings import ModelSettings
    from shared.private import PrivateRound
    from shared.sources import NoteSource
    from shared.training import Recipe
    from shared.wire import PHASES


torch.set_num_threads(1)  # sums come in one order only

CANARIES = ("Zebrafinch", "pelican-", "docudoc-")  # in every text, patient id and document id
DISEASES = ("asthma", "gout", "sepsis", "heart failure", "type 2 diabetes", "migraine")
SAID = (
    "Seen on the ward with {} since Monday.",
    "Known {} , well controlled.",
    "No change in {} today.",
    "Mr Zebrafinch reports {} .",
)
PLAIN = ("Mr Zebrafinch slept well.", "Bloods were sent.", "Follow up in two weeks with the team.")

Fault = Callable[[Message, Context, Callable[[], Message]], Message]


@dataclass(frozen=True)
class Town:
    """Makes hospitals in one folder, and runs federations of them."""

    folder: Path
    canaries: tuple[str, ...] = CANARIES
    diseases: tuple[str, ...] = DISEASES

    def notes(
        self, name: str, *, patients: int = 8, label: str = "Disease", seed: int = 0
    ) -> list[dict[str, Any]]:
        """Records of a hospital: one or two notes a patient, some without a disease."""
        draw = random.Random(f"{name}/{seed}")  # noqa: S311
        records = []
        for patient in range(patients):
            for number in range(1 + patient % 2):
                text, entities = draw.choice(PLAIN), []
                for _ in range(draw.randint(1, 3)):
                    before, after = draw.choice(SAID).split("{}")
                    disease = draw.choice(DISEASES)
                    start = len(text) + 1 + len(before)
                    entities.append({"start": start, "end": start + len(disease), "label": label})
                    text += f" {before}{disease}{after}"
                records.append(
                    {
                        "doc_id": f"docudoc-{name}-{patient}-{number}",
                        "patient_id": f"pelican-{name}-{patient}",
                        "text": text,
                        "entities": entities,
                    }
                )
        return records

    def write(self, name: str, records: list[dict[str, Any]]) -> Path:
        """Writes records as JSONL."""
        path = self.folder / f"{name}.jsonl"
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        return path

    def hospital(self, name: str, **notes: Any) -> NoteSource:
        """A hospital with a file of its own."""
        path = self.write(name, self.notes(name, **notes))
        return NoteSource(hospital=name, notes=str(path), held_out=0.25)

    def hospitals(self, *names: str) -> tuple[NoteSource, ...]:
        """Hospitals of different size."""
        return tuple(self.hospital(name, patients=6 + 2 * size) for size, name in enumerate(names))

    def model(self, **changes: Any) -> ModelSettings:
        """The smallest network that still learns."""
        small: dict[str, Any] = {
            "kind": "birnn",
            "labels": ("Disease",),
            "dropout": 0.1,
            "word_rows": 64,
            "word_width": 8,
            "hidden": 8,
            "character_width": 4,
            "character_filters": 4,
        }
        return ModelSettings(**small | changes)

    def settings(self, hospitals: tuple[NoteSource, ...], **changes: Any) -> RunSettings:
        """Settings of a run that takes moments."""
        quick: dict[str, Any] = {
            "hospitals": hospitals,
            "test": TestSource(),
            "model": self.model(),
            "recipe": Recipe(learning_rate=0.03, batch_size=8, weight_decay=0.0, max_grad_norm=5.0),
            "rounds": 2,
            "deadline_seconds": 600.0,
            "trust": "plain",
        }
        return RunSettings(**quick | changes)

    def private(self, hospitals: tuple[NoteSource, ...], **changes: Any) -> RunSettings:
        """Settings of a private run that takes moments; fields of the private order may be given, too."""
        asked: dict[str, Any] = {
            "unit": "patient",
            "sample_rate": 0.5,
            "noise_multiplier": 1.0,
            "max_grad_norm": 0.1,
            "count_noise_multiplier": 1.0,
        }
        asked |= {name: changes.pop(name) for name in PrivateRound.model_fields.keys() & changes.keys()}
        cap = changes.pop("cap", 1e3)
        by_chance = tuple(source.model_copy(update={"by_chance": True}) for source in hospitals)
        quick: dict[str, Any] = {
            "trust": "none" if asked.get("noise") == "local" else "secagg",
            "strategy": {"name": "FedAdam", "eta": 0.02},
            "private": PrivacySettings(epsilon=8.0, delta=1e-5, cap=cap, order=PrivateRound(**asked)),
        }
        return self.settings(by_chance, **quick | changes)

    def policy(self) -> SitePolicy:
        """The limits of every site."""
        return SitePolicy()

    def base(self, name: str = "base") -> Path:
        """The folder of an untrained tiny model, so that commands, too, are quick (`--base`)."""
        folder = self.folder / name
        torch.manual_seed(3)
        save_model(folder, build_tagger(self.model()), {})
        return folder

    def toml(self, hospitals: tuple[NoteSource, ...], *, more: str = "") -> Path:
        """A `federation.toml` beside the files of the hospitals."""
        path = self.folder / "federation.toml"
        entries = "".join(
            f'[hospitals.{source.hospital}]\nnotes = "{Path(str(source.notes)).name}"\nheld_out = 0.25\n'
            for source in hospitals
        )
        path.write_text(f'labels = ["Disease"]\n{entries}{more}')
        return path


@pytest.fixture
def town(tmp_path: Path) -> Town:
    folder = tmp_path / "town"
    folder.mkdir()
    return Town(folder)


@pytest.fixture
def client_app() -> Iterator[ClientApp]:
    """The hospitals' real ClientApp, with no agent of another test in memory."""
    module = importlib.import_module("client.app")
    module._agent_for.cache_clear()
    module._recent.clear()
    yield module.app
    module._agent_for.cache_clear()
    module._recent.clear()


def hospital_of(context: Context) -> str:
    """Which hospital a context belongs to."""
    return str(json.loads(str(context.node_config["source"]))["hospital"])


@pytest.fixture
def faulty(client_app: ClientApp) -> Callable[[Mapping[tuple[str, str], Fault]], ClientApp]:
    """The real ClientApp, but a hospital misbehaves at a message type: `{("a", "train.update"): fault}`."""

    def make(faults: Mapping[tuple[str, str], Fault]) -> ClientApp:
        app = ClientApp()

        def answer(message: Message, context: Context) -> Message:
            def honest() -> Message:
                return client_app(message, context)

            fault = faults.get((hospital_of(context), message.metadata.message_type))
            return honest() if fault is None else fault(message, context, honest)

        app.query("hello")(answer)
        for phase in PHASES:
            app.query(phase)(answer)
            app.train(phase)(answer)
            app.evaluate(phase)(answer)
        return app

    return make


@pytest.fixture
def federate(client_app: ClientApp) -> Callable[..., RunState]:
    """Runs the real ServerApp of a run over the local Grid, and returns the last checkpoint.

    Hospitals in `caps` have a privacy budget of their own size.
    """

    def run(
        settings: RunSettings,
        folder: Path,
        *,
        app: ClientApp | None = None,
        grid: LocalGrid | None = None,
        caps: Mapping[str, float] | None = None,
    ) -> RunState:
        server = importlib.import_module("server.run")
        server.open_run(folder, settings)
        sources = {s.hospital: s.model_dump_json(exclude_none=True) for s in settings.hospitals}
        sites, private = None, settings.private
        if settings.masked:
            cap = private and Cap(private.order.unit, private.cap or private.epsilon, private.delta)
            sites = provision(folder, list(sources), SitePolicy(), cap)
        for name, most in (caps or {}).items():
            assert sites is not None
            budget = sites[name].budget
            assert budget is not None
            smaller = budget.model_copy(update={"epsilon": most})
            sites[name] = sites[name].model_copy(update={"budget": smaller})
        configs = node_configs(sources, sites)
        context = Context(
            run_id=RUN_ID,
            node_id=SERVER_NODE,
            node_config={},
            state=RecordDict(),
            run_config={"run-folder": str(folder)},
        )
        importlib.import_module("server.app").app(grid or LocalGrid(app or client_app, configs), context)
        state = load_state(folder)
        assert state is not None
        return state

    return run
