"""A federation in one process: the real ServerApp and ClientApps of Flower over the local Grid."""

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flwr.app import Context, RecordDict

from privacy.site import SiteSettings
from server.grid import RUN_ID, SERVER_NODE, LocalGrid
from server.provision import node_configs
from shared.sources import NoteSource

SERVER_APP, CLIENT_APP = "server.app:app", "client.app:app"  # named as Flower names them


def run_locally(
    folder: Path, hospitals: Sequence[NoteSource], sites: Mapping[str, SiteSettings] | None, **config: bool
) -> None:
    """Runs the ServerApp on the folder of a run, until it has done what is still to do.

    Args:
        folder: made by `server.run.open_run`.
        hospitals: each with its notes.
        sites: of the hospitals; None if they send vectors in the clear.
        config: of the run besides its folder, as Flower's run configuration.

    Raises:
        ClinfedError: as named by its remedy.
    """
    sources = {source.hospital: source.model_dump_json(exclude_none=True) for source in hospitals}
    grid = LocalGrid(_load(CLIENT_APP), node_configs(sources, sites))
    context = Context(
        run_id=RUN_ID,
        node_id=SERVER_NODE,
        node_config={},
        state=RecordDict(),
        run_config={"run-folder": str(folder), **config},
    )
    _load(SERVER_APP)(grid, context)


def _load(reference: str) -> Any:
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)
