"""A federated run from greeting to the finished model; started again, it goes on where it stopped."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TypeVar

import torch
from flwr.app import Message, RecordDict
from flwr.serverapp import Grid
from pydantic import BaseModel, ValidationError

from privacy.secagg.identity import Roster
from privacy.site import read_roster
from server.checkpoint import RunState, load_state, save_state
from server.exchange import exchange
from server.metrics import Site
from server.plain import PlainSums
from server.private import sites_with_costs
from server.progress import Progress
from server.provision import ROSTER
from server.round import Discarded, run_round
from server.secure import SecureSums
from server.settings import RunSettings
from server.sums import LATE, Sums
from shared.errors import AskHospitals, ChooseOutput, FixFederation, RejectUpdate
from shared.files import write_text
from shared.models.build import build_tagger
from shared.models.folder import save_model
from shared.models.tagger import Tagger, get_weights, set_weights
from shared.wire import Hello, hello_order, read_hello

SETTINGS, MODEL, METRICS, EVIDENCE = "run.json", "model", "metrics.json", "evidence"
Form = TypeVar("Form", bound=BaseModel)


def open_run(folder: Path, settings: BaseModel) -> None:
    """Makes the folder of a new run, or recognizes that of the same run, unfinished.

    Raises:
        ChooseOutput: the folder holds something else, another run, or a finished one.
    """
    if (folder / METRICS).exists():
        raise ChooseOutput(
            "holds a finished run", where=str(folder), remedy="Name another folder with --out."
        )
    if (folder / SETTINGS).exists():
        if read_form(folder, type(settings)) != settings:
            raise ChooseOutput(
                "holds an unfinished run with other settings",
                where=str(folder),
                remedy="Repeat its command to go on with it, or name another folder with --out.",
            )
        return
    begun = f".{SETTINGS}.part"  # of a start that was killed before its first file was whole
    if folder.exists() and (not folder.is_dir() or any(file.name != begun for file in folder.iterdir())):
        raise ChooseOutput(
            "exists and holds something else", where=str(folder), remedy="Name another folder with --out."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / SETTINGS, settings.model_dump_json(indent=1) + "\n")
    except OSError as error:
        raise ChooseOutput(
            f"cannot be written ({error.strerror})",
            where=str(folder),
            remedy="Name another folder with --out.",
        ) from None


def read_settings(folder: Path) -> RunSettings:
    """Reads `run.json` of a federated training.

    Raises:
        ChooseOutput: it is missing or not of this version.
    """
    return read_form(folder, RunSettings)


def read_form(folder: Path, form: type[Form]) -> Form:
    """Reads `run.json` of any run.

    Raises:
        ChooseOutput: it is missing, of another kind of run, or not of this version.
    """
    try:
        return form.model_validate_json((folder / SETTINGS).read_bytes())
    except (OSError, ValidationError):
        raise ChooseOutput(
            f"holds no {SETTINGS} of this version", where=str(folder), remedy="Name another folder."
        ) from None


def run_rounds(grid: Grid, folder: Path) -> None:
    """Runs all rounds that are still to do, and writes the finished model.

    Args:
        grid: reaches the hospitals.
        folder: made by `open_run`; checkpoints and the model are written there.

    Raises:
        AskHospitals: too few hospitals are there, or answer.
        FixFederation: a hospital has none of the labels.
    """
    settings = read_settings(folder)
    torch.manual_seed(settings.seed)
    tagger = build_tagger(settings.model)
    nodes, hellos = greet(grid, settings)
    sites = {name: _site(hello, settings) for name, hello in hellos.items()}
    state = load_state(folder)
    if state is None:
        state = RunState(weights=get_weights(tagger), hospitals=sites)
    else:
        state = replace(state, hospitals=state.hospitals | sites)
        _check_fit(tagger, state, folder)
    with Progress(settings.rounds, len(state.rounds)) as progress:
        # Attempts at one secure sum are for one cohort, whoever is away when the run is started again.
        everyone = [source.hospital for source in settings.hospitals]
        sites_asked = sorted(everyone if settings.masked else nodes)
        sums = _sums(grid, nodes, hellos, settings, folder, progress)
        while len(state.rounds) < settings.rounds:
            state, discarded = run_round(sums, sites_asked, settings, state, progress)
            if discarded is not None:
                _keep_evidence(folder, state.rounds[-1].round, discarded)
            save_state(folder, state)
    state = replace(state, hospitals=sites_with_costs(settings, state))
    save_state(folder, state)
    set_weights(tagger, state.model)
    if not (folder / MODEL).exists():
        save_model(folder / MODEL, tagger, _facts(settings, state))


def greet(grid: Grid, settings: RunSettings) -> tuple[dict[str, int], dict[str, Hello]]:
    """Asks every node who it is.

    Returns:
        Node id and greeting of each hospital that answered; one that answers with an error is left out.

    Raises:
        AskHospitals: fewer hospitals than a round needs.
        FixFederation: two nodes have one name, or a hospital has none of the labels.
    """
    unit = settings.private.order.unit if settings.private else None
    nodes, hellos, failed = meet(grid, hello_order(settings.model, unit), settings.deadline_seconds)
    for name, hello in hellos.items():
        if not set(hello.labels) & set(settings.model.labels):
            raise FixFederation(
                f"its notes have none of the labels {', '.join(settings.model.labels)}",
                where=name,
                remedy="Rename its labels (rename = 'ITS=OURS'), or leave the hospital out.",
            )
    if len(nodes) < settings.min_hospitals:
        raise AskHospitals(
            f"{len(nodes)} hospitals are there, {settings.min_hospitals} are needed; "
            f"{len(failed)} did not answer, or with an error: {', '.join(failed)}",
            where="greeting",
            remedy="Run `clinfed node check` at those sites.",
        )
    return nodes, hellos


def meet(
    grid: Grid, content: RecordDict, deadline_seconds: float
) -> tuple[dict[str, int], dict[str, Hello], list[str]]:
    """Asks every node who it is.

    Args:
        grid: reaches the hospitals.
        content: of `query.hello`.
        deadline_seconds: of their answers.

    Returns:
        Node id and greeting of each hospital that answered, by name; and, in words, which nodes did not.

    Raises:
        FixFederation: two nodes have one name.
    """
    everyone = {str(node): node for node in grid.get_node_ids()}
    replies: dict[str, Message] = {}
    exchange(
        grid,
        everyone,
        "query.hello",
        dict.fromkeys(everyone, content),
        group="0",
        deadline_seconds=deadline_seconds,
        take=replies.__setitem__,
    )
    nodes: dict[str, int] = {}
    hellos: dict[str, Hello] = {}
    failed = [f"node {node} ({LATE})" for node in sorted(everyone.keys() - replies.keys(), key=int)]
    for node, reply in sorted(replies.items(), key=lambda answer: int(answer[0])):
        try:
            hello = read_hello(reply)
        except RejectUpdate as error:
            failed.append(f"node {node} ({error.what})")
            continue
        if hello.hospital in nodes:
            raise FixFederation("two nodes have this name", where=hello.hospital, remedy="Rename one.")
        nodes[hello.hospital], hellos[hello.hospital] = everyone[node], hello
    return dict(sorted(nodes.items())), hellos, failed


def check_roster(roster: Roster, hospitals: Iterable[str]) -> None:
    """Refuses hospitals whose keys nobody knows.

    Raises:
        FixFederation: one is not in the roster.
    """
    for name in hospitals:
        if name not in roster.hospitals:
            raise FixFederation("is not in the roster", where=name, remedy="Provision it, or leave it out.")


def restore(folder: Path, tagger: Tagger) -> RunState:
    """The last state of a run, its weights written into a network of its settings.

    Raises:
        ChooseOutput: the run has no checkpoint.
    """
    state = load_state(folder)
    if state is None:
        raise ChooseOutput("has no checkpoint", where=str(folder), remedy="Start the run first.")
    set_weights(tagger, state.model)
    return state


def _check_fit(tagger: Tagger, state: RunState, folder: Path) -> None:
    """Refuses a checkpoint of another network before any hospital is asked."""
    try:
        set_weights(tagger, state.weights)
    except RejectUpdate:
        raise ChooseOutput(
            "its checkpoint is that of another network",
            where=str(folder),
            remedy="Name another folder with --out.",
        ) from None


def _sums(
    grid: Grid,
    nodes: Mapping[str, int],
    hellos: Mapping[str, Hello],
    settings: RunSettings,
    folder: Path,
    progress: Progress,
) -> Sums:
    if not settings.masked:
        return PlainSums(grid, nodes, settings, progress.answered)
    roster = read_roster(folder / ROSTER)
    check_roster(roster, nodes)
    examples = {name: hello.train_examples for name, hello in hellos.items()}
    return SecureSums(grid, nodes, settings, roster, examples, folder, progress.answered)


def _keep_evidence(folder: Path, number: int, discarded: Discarded) -> None:
    """Keeps what each hospital signed, so that it can be held to what it sent."""
    (folder / EVIDENCE).mkdir(exist_ok=True)
    record = {"form": "clinfed-evidence-1", "round": number, **asdict(discarded)}
    write_text(folder / EVIDENCE / f"round-{number:04d}.json", json.dumps(record, indent=1) + "\n")


def _site(hello: Hello, settings: RunSettings) -> Site:
    return Site(
        trust=settings.trust,
        notes=hello.notes,
        patients=hello.patients,
        train_notes=hello.train_notes,
        held_out_notes=hello.held_out_notes,
        units=hello.train_examples if settings.private else None,
        unit=settings.private.order.unit if settings.private else "patient",
    )


def _facts(settings: RunSettings, state: RunState) -> dict[str, object]:
    return {
        "hospitals": len(state.hospitals),
        "rounds": len(state.rounds),
        "strategy": settings.strategy.name,
        "seed": settings.seed,
        "trust": settings.trust,
        "epsilon": max((site.epsilon for site in state.hospitals.values() if site.epsilon), default=None),
        "delta": settings.private.delta if settings.private else None,
        "unit": settings.private.order.unit if settings.private else None,
        "threads": settings.threads,
        "cores": os.cpu_count(),
    }
