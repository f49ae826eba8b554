"""A run that was killed and started again ends with the bytes of one that was not; nothing else is overwritten.

The processes that are killed are forked from one that has imported everything, so that each costs moments; one test
starts and kills the command itself.
"""

import importlib
import multiprocessing
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from server.baselines import train_baseline
from server.checkpoint import FOLDER, load_state
from server.metrics import to_json
from server.orphan import die_with_parent
from server.settings import RunSettings
from server.simulate import simulate
from shared.errors import ChooseOutput

PATIENCE_SECONDS = 300.0  # of a loaded machine; no test waits so long unless something is wrong
CLINFED = str(Path(sys.executable).with_name("clinfed"))


def _wait_until(happened: Callable[[], bool], alive: Callable[[], bool]) -> None:
    """Polls, since the file system tells nobody."""
    started = time.monotonic()
    while not happened():
        assert alive(), "the run ended before it could be killed"
        assert time.monotonic() - started < PATIENCE_SECONDS
        time.sleep(0.001)


def _checkpoint(folder: Path, number: int) -> Callable[[], bool]:
    return (folder / FOLDER / f"round-{number:04d}.safetensors").exists


@pytest.fixture(scope="session")
def forks() -> Any:
    """Makes processes that have already imported the federation."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["server.simulate", "server.app", "client.app", "server.report", "altair"])
    return context


@pytest.fixture
def kill_when(forks: Any) -> Callable[..., None]:
    """Starts a run in a process of its own and kills it, without notice, as soon as something has happened."""

    def run(settings: RunSettings, folder: Path, happened: Callable[[], bool]) -> None:
        process = forks.Process(target=simulate, args=(settings, folder, "a test"))
        process.start()
        _wait_until(happened, process.is_alive)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert process.exitcode == -signal.SIGKILL

    return run


def _model(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (folder / "model").iterdir()}


@pytest.fixture
def settings(town: Any) -> RunSettings:
    """Five rounds of some tenths of a second, with a server optimizer that remembers."""
    made: RunSettings = town.settings(
        town.hospitals("a", "b"), rounds=5, strategy={"name": "FedAdam"}, fraction=0.5, seed=9
    )
    slow = made.recipe.model_copy(update={"local_epochs": 8})
    return made.model_copy(update={"recipe": slow})


@pytest.fixture
def whole(settings: RunSettings, tmp_path: Path) -> dict[str, bytes]:
    """The model of a run that nobody killed."""
    simulate(settings, tmp_path / "whole", "a test")
    return _model(tmp_path / "whole")


@pytest.mark.parametrize(
    "kills",
    [
        ("begin", 1, 2, 4),  # at the start, then again and again
        (3,),
        ("model",),
    ],
)
def test_killed_and_started_again_gives_the_same_bytes(
    kills: tuple[int | str, ...],
    settings: RunSettings,
    whole: dict[str, bytes],
    kill_when: Callable[..., None],
    tmp_path: Path,
) -> None:
    folder = tmp_path / "run"
    for when in kills:
        happened = {"begin": (folder / "run.json").exists, "model": (folder / "model").exists}.get(
            str(when), _checkpoint(folder, int(when) if isinstance(when, int) else 0)
        )
        kill_when(settings, folder, happened)
        assert not (folder / "metrics.json").exists()
    metrics = simulate(settings, folder, "a test")
    assert _model(folder) == whole
    assert [done.round for done in metrics.rounds] == [1, 2, 3, 4, 5]
    assert (folder / "report.html").is_file()
    with pytest.raises(ChooseOutput, match="holds a finished run"):
        simulate(settings, folder, "a test")


def _confirmed(folder: Path, sums: int) -> Callable[[], bool]:
    """Whether the last hospital has signed so many sums: from then on it signs no other set for that task."""
    file = folder / "sites" / "c" / "memory.sqlite"

    def happened() -> bool:
        if not file.exists():
            return False
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
            try:
                (found,) = database.execute("SELECT count(*) FROM confirmed").fetchone()
            except sqlite3.OperationalError:  # made, and still empty or locked
                return False
        return bool(found >= sums)

    return happened


def test_killed_in_the_middle_of_secure_sums_gives_the_same_bytes(
    town: Any, kill_when: Callable[..., None], tmp_path: Path
) -> None:
    """Killed between confirming and checkpoint, when the hospitals are bound to the set they signed."""
    settings = town.settings(town.hospitals("a", "b", "c"), rounds=3, seed=9, trust="secagg")
    simulate(settings, tmp_path / "whole", "a test")
    folder = tmp_path / "run"
    for sums in (1, 2, 3, 5):
        kill_when(settings, folder, _confirmed(folder, sums))
    simulate(settings, folder, "a test")
    assert _model(folder) == _model(tmp_path / "whole")


def test_the_command_killed_and_repeated(town: Any, tmp_path: Path) -> None:
    """The same through `clinfed`, as a user would meet it."""
    toml, base, folder = town.toml(town.hospitals("a", "b")), town.base(), tmp_path / "run"
    command = [
        CLINFED,
        "aggregator",
        "simulate",
        "--trust",
        "plain",
        "--federation",
        str(toml),
        "--model",
        "birnn",
    ]
    command += ["--base", str(base), "--rounds", "3", "--local-epochs", "9", "--out", str(folder)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        _wait_until(_checkpoint(folder, 1), lambda: process.poll() is None)
        process.kill()
    assert not (folder / "metrics.json").exists()
    left = load_state(folder)
    assert left is not None
    importlib.import_module("client.app")._agent_for.cache_clear()
    again = importlib.import_module("server.run").read_settings(folder)
    simulate(again, folder, "a test")  # goes on
    simulate(again, tmp_path / "whole", "a test")  # was never killed
    assert _model(folder) == _model(tmp_path / "whole")


def test_a_kill_during_the_baselines_leaves_no_worker_and_no_trace(
    town: Any, forks: Any, tmp_path: Path
) -> None:
    """What is trained is kept, what is not is trained at the next start, and the workers go with their run."""
    settings = town.settings(town.hospitals("a", "b"), rounds=1, baselines=True)
    folder = tmp_path / "run"
    process = forks.Process(target=simulate, args=(settings, folder, "a test"))
    process.start()
    parent = psutil.Process(process.pid)

    def workers() -> list[psutil.Process]:
        return [child for child in parent.children() if "spawn_main" in " ".join(child.cmdline())]

    _wait_until(lambda: bool(workers()), process.is_alive)
    seen = parent.children(recursive=True)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    _, alive = psutil.wait_procs(seen, timeout=PATIENCE_SECONDS)
    for orphan in alive:
        orphan.kill()
    assert alive == []

    names = ["pooled", "a", "b"]
    for name in names[:2]:  # as if they had been ready when it was killed
        train_baseline(folder, name)
    files = {name: folder / "baselines" / f"{name}.json" for name in names}
    before = {name: files[name].stat().st_mtime_ns for name in names[:2]}
    metrics = simulate(settings, folder, "a test")  # a worker trains the third
    assert metrics.pooled is not None
    assert metrics.local_only is not None
    assert set(metrics.local_only.hospitals) == {"a", "b"}
    assert {name: files[name].stat().st_mtime_ns for name in before} == before  # not trained again
    of_worker = files["b"].read_bytes()
    train_baseline(folder, "b")
    assert files["b"].read_bytes() == of_worker
    tree = to_json(metrics)
    assert {"local_only", "federated", "pooled", "rounds", "bytes", "seconds", "hospitals"} <= tree.keys()
    assert {"federated_minus_local_only", "pooled_minus_federated"} <= tree.keys()


def _idle(began: Any) -> None:
    """A worker that never gets work, and its parent, which says when it is there."""
    worker = multiprocessing.get_context("fork").Process(target=_wait_for_ever, args=(began,), daemon=False)
    worker.start()
    worker.join()


def _wait_for_ever(began: Any) -> None:
    die_with_parent()
    began.put(os.getpid())
    signal.pause()


def test_a_worker_goes_when_its_parent_is_killed() -> None:
    spawn = multiprocessing.get_context("fork")
    began = spawn.SimpleQueue()
    parent = spawn.Process(target=_idle, args=(began,))
    parent.start()
    worker = psutil.Process(began.get())
    parent.kill()
    parent.join()
    _, alive = psutil.wait_procs([worker], timeout=60)
    for orphan in alive:
        orphan.kill()
    assert alive == []
    began.close()


def test_other_settings_do_not_go_on(settings: RunSettings, tmp_path: Path) -> None:
    short = settings.model_copy(update={"rounds": 1, "evaluate_every": 3})
    simulate(short, tmp_path / "run", "a test")
    (tmp_path / "run/metrics.json").unlink()  # as if it had been killed at the end
    before = {file: file.read_bytes() for file in (tmp_path / "run").rglob("*") if file.is_file()}
    with pytest.raises(ChooseOutput, match="other settings"):
        simulate(settings, tmp_path / "run", "a test")
    assert {file: file.read_bytes() for file in (tmp_path / "run").rglob("*") if file.is_file()} == before


def _cut(file: Path, _: Path) -> None:
    file.write_bytes(file.read_bytes()[:-7])


def _empty(file: Path, _: Path) -> None:
    file.write_bytes(b"")


def _foreign(file: Path, model: Path) -> None:
    shutil.copy(model, file)


def _folder(file: Path, _: Path) -> None:
    file.unlink()
    file.mkdir()


def _noise(file: Path, _: Path) -> None:
    file.write_bytes(bytes(range(256)) * 40)


@pytest.mark.parametrize("damage", [_cut, _empty, _foreign, _folder, _noise])
def test_a_damaged_checkpoint_is_said_to_be_one(
    damage: Callable[[Path, Path], None], settings: RunSettings, federate: Any, tmp_path: Path
) -> None:
    """And without it the run goes on from the round before."""
    folder = tmp_path / "run"
    brief = settings.recipe.model_copy(update={"local_epochs": 1})
    quick = settings.model_copy(update={"rounds": 2, "recipe": brief})
    federate(quick, folder)
    expected = _model(folder)
    newest = folder / FOLDER / "round-0002.safetensors"
    damage(newest, folder / "model/model.safetensors")
    with pytest.raises(ChooseOutput, match=r"round-0002.*is not a checkpoint.*Delete it"):
        federate(quick, folder)
    if newest.is_dir():
        newest.rmdir()
    else:
        newest.unlink()
    shutil.rmtree(folder / "model")
    federate(quick, folder)
    assert _model(folder) == expected


def test_the_checkpoint_of_another_network_is_refused(town: Any, federate: Any, tmp_path: Path) -> None:
    hospitals = town.hospitals("a", "b")
    small, large = (town.settings(hospitals, rounds=1, model=town.model(hidden=h)) for h in (8, 9))
    federate(small, tmp_path / "small")
    folder = tmp_path / "large"
    (tmp_path / "small/model").rename(tmp_path / "model")
    shutil.copytree(tmp_path / "small", folder)
    (folder / "run.json").write_text(large.model_dump_json())
    with pytest.raises(ChooseOutput, match="another network"):
        federate(large, folder)


def test_only_the_last_checkpoints_are_kept(settings: RunSettings, federate: Any, tmp_path: Path) -> None:
    brief = settings.recipe.model_copy(update={"local_epochs": 1})
    federate(settings.model_copy(update={"rounds": 4, "recipe": brief}), tmp_path / "run")
    names = sorted(file.name for file in (tmp_path / "run" / FOLDER).iterdir())
    assert names == ["round-0003.safetensors", "round-0004.safetensors"]
