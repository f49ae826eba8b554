"""Private federations: central DP-SGD without a centre, overheard, and with hospitals that leave or refuse."""

import hashlib
import importlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from flwr.app import Context, Message
from flwr.clientapp import ClientApp
from numpy.typing import NDArray

from client.private import declared
from privacy.book import Cap
from privacy.dpsgd import unit_gradients
from privacy.generator import KEY, Generator, poisson_sample
from privacy.ledger import Ledger
from privacy.noise_shares import effective_multiplier
from privacy.quantise import quantise
from privacy.release import component_of, draw_noise, shares_of
from server.checkpoint import RunState
from server.private import choose_noise
from server.provision import FOLDER, LEDGER
from server.secure import surplus_noise
from server.settings import RunSettings
from server.strategy import Moments, advance
from shared.examples import read_examples
from shared.extractor import ScoredNotes
from shared.models.build import build_tagger
from shared.models.tagger import set_weights
from shared.sources import read_source
from shared.units import owners
from tests.server.wiretap import Wire, check_answer, check_order

GRID = 1 << 16
Honest = Callable[[], Message]


def ledger(folder: Path, hospital: str) -> Ledger:
    return Ledger.existing(folder / FOLDER / hospital / LEDGER)


def _vanish(message: Message, context: Context, honest: Honest) -> Message:
    raise RuntimeError("Mr Zebrafinch")


# Nothing but masked vectors and public metadata leaves


def listen(settings: RunSettings, federate: Any, app: ClientApp, folder: Path) -> Wire:
    """Runs a federation and asserts of every message that it holds only what it may; the messages."""
    wire = Wire(app)
    federate(settings, folder, app=wire.app)
    parties = len(settings.hospitals)
    spare = parties - (settings.threshold or 2 * parties // 3 + 1)
    exact = settings.private is not None and settings.private.order.noise == "exact"
    vectors = 0
    for _, kind, content in wire.answers:
        vectors += check_answer(kind, content, seeds=KEY * spare if exact else 0, rounded=True)
    for _, kind, content in wire.orders:
        check_order(kind, content)
    assert vectors == parties * 2 * settings.rounds
    return wire


@pytest.mark.parametrize("noise", ["exact", "plain", "local"])
def test_every_message_of_a_private_run(
    noise: str, town: Any, federate: Any, client_app: ClientApp, tmp_path: Path
) -> None:
    rounds = 2 if noise == "exact" else 1
    settings = town.private(town.hospitals(*"abcde"), rounds=rounds, noise=noise, threshold=4)
    wire = listen(settings, federate, client_app, tmp_path / "run")
    assert {kind for _, kind, _ in wire.answers} >= {"query.hello", "train.unmask", "evaluate.unmask"}
    seeds = [content.config_records["answer"].get("seeds") for _, kind, content in wire.answers]
    given = [one for one in seeds if one]
    assert len(given) == (5 * 4 if noise == "exact" else 0)
    assert len(set(given)) == len(given)
    said = str([content.config_records for _, _, content in wire.answers])
    assert not [canary for canary in town.canaries if canary in said]


def test_the_search_finds_seeds_that_are_needed(
    town: Any, federate: Any, client_app: ClientApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sums = importlib.import_module("client.secure").SecureSums
    keep = sums.keep_noise

    def keep_for_all(self: Any, joined: Any, released: Any) -> None:
        everything = SimpleNamespace(removed=lambda _: range(len(released.seeds)))
        keep(self, joined, replace(released, shares=everything))

    monkeypatch.setattr(sums, "keep_noise", keep_for_all)
    settings = town.private(town.hospitals(*"abcde"), rounds=1, threshold=4)
    with pytest.raises(AssertionError):
        listen(settings, federate, client_app, tmp_path / "run")


def test_the_search_finds_exact_sizes(
    town: Any, federate: Any, client_app: ClientApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("client.agent.declared", lambda size: size)
    settings = town.private(town.hospitals(*"abc"), rounds=1)
    with pytest.raises(AssertionError):
        listen(settings, federate, client_app, tmp_path / "run")


# The sum is that of central DP-SGD


class Dice:
    """Stands in for the operating system's generator: every fresh seed is known afterwards, and whose it was."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, app: ClientApp) -> None:
        self.drawn: dict[tuple[str, str, str], list[bytes]] = defaultdict(list)
        self.asked = ("", "", "")
        self._count = 0

        def fresh(seed: bytes | None = None) -> Generator:
            if seed is None:
                self._count += 1
                seed = hashlib.sha256(f"dice {self._count}".encode()).digest()
                self.drawn[self.asked].append(seed)
            return Generator(seed)

        for module in ("privacy.release", "client.private", "privacy.local_dpsgd"):
            monkeypatch.setattr(f"{module}.Generator", fresh)
        self.app = ClientApp()

        def answer(message: Message, context: Context) -> Message:
            hospital = str(json.loads(str(context.node_config["source"]))["hospital"])
            kind = message.metadata.message_type
            self.asked = (hospital, kind, message.metadata.group_id)
            return app(message, context)

        self.app.query("hello")(answer)
        for phase in ("advertise", "encapsulate", "share", "update", "confirm", "unmask"):
            self.app.train(phase)(answer)
            self.app.evaluate(phase)(answer)


def noise_left(
    seed: bytes, settings: RunSettings, multiplier: float, survivors: int, size: int
) -> NDArray[np.int64]:
    """What of one hospital's noise is in the sum: the components that nobody took away."""
    private = settings.private
    assert private is not None
    n = len(settings.hospitals)
    shares = shares_of(
        private.order.noise, multiplier, GRID, hospitals=n, threshold=settings.threshold or n, colluders=1
    )
    source = Generator(seed)
    seeds = [source.bytes(KEY) for _ in shares.sigmas]
    kept = shares.removed(survivors).start if len(shares.sigmas) > 1 else 1
    left = np.zeros(size, dtype=np.int64)
    for part in range(kept):
        left += component_of(shares, part, seeds[part], size)
    return left


@pytest.mark.parametrize(
    ("unit", "noise"), [("patient", "exact"), ("patient", "plain"), ("note", "exact"), ("sentence", "exact")]
)
def test_the_model_is_that_of_central_dpsgd_on_pooled_notes(
    unit: str,
    noise: str,
    town: Any,
    federate: Any,
    client_app: ClientApp,
    totals: list[NDArray[np.float64]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Slow and obvious: all units in one place, chosen and noised as the hospitals' own dice fell; equal integers.

    Units are computed alone: what blocks add up depends, within its bound, on a hospital's random order.
    """
    dice = Dice(monkeypatch, client_app)
    changes = {"threshold": 3, "count_norm": 4.0, "max_examples": 2, "alone": True}
    settings = town.private(town.hospitals(*"abc"), rounds=2, unit=unit, noise=noise, **changes)
    state = federate(settings, tmp_path / "run", app=dice.app)
    private = settings.private.order

    tagger = build_tagger(settings.model)
    pooled, held_out = {}, {}
    for source in settings.hospitals:
        notes = read_source(source)
        examples = read_examples(notes.train, tagger.tagset, tagger.reader)
        pooled[source.hospital] = (examples, owners(unit, examples))
        held_out[source.hospital] = notes.held_out

    importlib.import_module("torch").manual_seed(settings.seed)
    weights = importlib.import_module("shared.models.tagger").get_weights(build_tagger(settings.model))
    units = sum(declared(len(set(unit_of))) for _, unit_of in pooled.values())
    moments = Moments()
    size = sum(array.size for array in weights.values())
    for number in range(1, 3):
        set_weights(tagger, weights)
        tagger.eval()
        taken, of_unit, noised = [], [], np.zeros(size, dtype=np.int64)
        for hospital, (examples, unit_of) in pooled.items():
            choice, noise_seed = dice.drawn[hospital, "train.update", str(number)]
            generator = Generator(choice)
            for own in poisson_sample(len(set(unit_of)), private.sample_rate, generator).tolist():
                indices = [index for index, one in enumerate(unit_of) if one == own]
                if len(indices) > private.max_examples:
                    order = np.argsort(generator.words(len(indices)), kind="stable")
                    indices = [indices[place] for place in sorted(order[: private.max_examples])]
                taken += [examples[index] for index in indices]
                of_unit += [hash((hospital, own))] * len(indices)
            noised += noise_left(noise_seed, settings, private.noise_multiplier, 3, size)
        for _, gradient in unit_gradients(tagger, taken, of_unit, alone=True):
            noised += quantise(gradient, private.max_grad_norm, GRID)
        assert (totals[2 * number - 2] == noised).all()

        mean, at = {}, 0
        for name, array in weights.items():
            part = noised[at : at + array.size].reshape(array.shape)
            step = (part.astype(np.float64) * (private.max_grad_norm / GRID)).astype(np.float32)
            mean[name] = (-step / (private.sample_rate * units)).astype(np.float32)
            at += array.size
        weights, moments = advance(settings.strategy, weights, mean, moments, number, 2)

        set_weights(tagger, moments.average or weights)
        counted = np.zeros(4, dtype=np.int64)
        for hospital, notes in held_out.items():
            for row in ScoredNotes(tagger, notes).count_by_unit(tagger, unit):
                counted += quantise(row.astype(np.float32), private.count_norm, GRID)
            (seed,) = dice.drawn[hospital, "evaluate.update", str(number)]
            counted += noise_left(seed, settings, private.count_noise_multiplier, 3, 4)
        assert (totals[2 * number - 1] == counted).all()
    for name, array in state.weights.items():
        assert array.tobytes() == weights[name].tobytes()


# Noise in the sum, whoever leaves


PATTERNS = [(n, t, d) for n, t, d in ((5, 4, 1), (5, 3, 1), (4, 3, 0), (5, 4, 2))]


@pytest.mark.parametrize("noise", ["exact", "plain"])
@pytest.mark.parametrize(("hospitals", "threshold", "colluders"), PATTERNS)
def test_noise_in_the_sum_for_every_drop_out(
    noise: Any, hospitals: int, threshold: int, colluders: int
) -> None:
    """Every set of survivors, of whom up to two may keep their seeds to themselves."""
    multiplier, size = 1.3, 20_000
    shares = shares_of(noise, multiplier, GRID, hospitals=hospitals, threshold=threshold, colluders=colluders)
    drawn = {str(hospital): draw_noise(shares, size) for hospital in range(hospitals)}
    spread = 6 / np.sqrt(2 * size)
    for left in range(threshold, hospitals + 1):
        for survivors in combinations(sorted(drawn), left):
            for silent in [(), survivors[:1], survivors[-2:]]:
                removed = shares.removed(left)
                seeds = {
                    name: b"".join(drawn[name].seeds[part] for part in removed)
                    for name in survivors
                    if name not in silent and removed
                }
                total = sum(drawn[name].values for name in survivors)
                found = float((total - surplus_noise(shares, left, seeds, size)).std()) / GRID
                kept = sum(sigma**2 for sigma in shares.sigmas[: removed.start]) * left
                unrevealed = sum(shares.sigmas[part] ** 2 for part in removed) * len(silent)
                assert found == pytest.approx(np.sqrt(kept + unrevealed) / GRID, rel=spread)
                honest = np.sqrt(kept * (left - colluders) / left) / GRID  # if colluders tell theirs
                assert honest >= multiplier
                if noise == "exact":
                    assert honest <= multiplier * (1 + 1e-6)


def test_seeds_of_another_length_leave_the_noise_in() -> None:
    shares = shares_of("exact", 1.0, GRID, hospitals=5, threshold=4, colluders=1)
    for seeds in (b"", bytes(KEY - 1), bytes(2 * KEY), b"Mr Zebrafinch"):
        assert not surplus_noise(shares, 5, {"a": seeds}, 10).any()
    assert surplus_noise(shares, 5, {"a": bytes(KEY)}, 10).any()


LEAVING = {
    "nobody": {},
    "before the task": {("b", "train.share"): _vanish},
    "instead of a vector": {("b", "train.update"): _vanish},
    "after masking": {("b", "train.confirm"): _vanish},
    "without its seeds": {("b", "train.unmask"): _vanish},
}


@pytest.mark.parametrize(
    ("leaves", "noise"),
    [*((leaves, "exact") for leaves in LEAVING), ("nobody", "plain"), ("instead of a vector", "plain")],
)
def test_noise_in_the_sum_of_a_federation(
    leaves: str,
    noise: str,
    town: Any,
    federate: Any,
    faulty: Any,
    totals: list[NDArray[np.float64]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody is sampled, so the sum is noise: as much as the accountant was told, and no more than who left takes."""
    settings = town.private(
        town.hospitals(*"abcde"), rounds=1, noise=noise, threshold=4, sample_rate=1e-9, evaluate_every=1
    )
    monkeypatch.setattr("server.round._implausible", lambda *_: None)
    state = federate(settings, tmp_path / "run", app=faulty(LEAVING[leaves]))
    gone = leaves in ("before the task", "instead of a vector")
    assert len(state.rounds[0].answered) == (4 if gone else 5)
    size = totals[0].size
    found = float(totals[0].std()) / GRID
    asked = settings.private.order.noise_multiplier
    spread = 6 / np.sqrt(2 * size)
    if noise == "plain":
        expected = asked * np.sqrt(len(state.rounds[0].answered) / 3)
    else:  # one colluder is provided for, so that the sum holds its noise beside what is asked for
        here = 4 if gone else 5
        expected = asked * np.sqrt(here / (here - 1))
        if leaves in ("after masking", "without its seeds"):  # its spare noise stays in the sum
            expected = asked * np.sqrt(5 / 4 + 1 / 12)
    assert found == pytest.approx(expected, rel=spread)
    assert found >= asked * (1 - spread)


# Budgets


def test_a_hospital_whose_budget_is_spent_refuses_and_the_others_go_on(
    town: Any, federate: Any, client_app: ClientApp, tmp_path: Path
) -> None:
    settings = town.private(
        town.hospitals(*"abcd"), rounds=4, threshold=3, noise_multiplier=1.5, count_noise_multiplier=12.0
    )
    wire = Wire(client_app)
    state = federate(settings, tmp_path / "run", app=wire.app, caps={"c": 3.5})
    refused = [done.round for done in state.rounds if "c" in done.missing]
    assert refused
    assert refused == list(range(refused[0], 5))
    assert refused[0] > 1
    for done in state.rounds:
        assert done.missing == ({"c": "refuse-round/budget"} if done.round in refused else {})
        assert set(done.answered) == set("abd") | (set() if done.round in refused else {"c"})
        assert done.discarded is None
    assert (tmp_path / "run/model").is_dir()
    book = ledger(tmp_path / "run", "c").book()
    assert book.cap.epsilon == 3.5
    assert 0 < book.spent().world.value <= 3.5
    assert len([one for one in book.reservations if one.purpose.startswith("train")]) == refused[0] - 1
    others = [ledger(tmp_path / "run", name).spent().world.value for name in "abd"]
    assert len(set(others)) == 1
    assert others[0] > 3.5
    said = state.hospitals["c"].epsilon
    assert said is not None
    assert said < state.hospitals["a"].epsilon


def test_the_ledgers_hold_what_the_run_says(town: Any, federate: Any, tmp_path: Path) -> None:
    settings = town.private(town.hospitals(*"abcd"), rounds=3, threshold=3, evaluate_every=2)
    state = federate(settings, tmp_path / "run")
    for name, site in state.hospitals.items():
        book = ledger(tmp_path / "run", name).book()
        purposes = [one.purpose.partition(".")[0] for one in book.reservations]
        assert purposes == ["train", "train", "evaluate", "train", "evaluate"]
        assert all(one.released for one in book.reservations)
        spent = book.spent()
        assert site.epsilon == pytest.approx(spent.world.value, abs=1e-3)
        assert site.epsilon_if_others_collude == pytest.approx(spent.others_collude.value, abs=1e-3)
        assert site.epsilon_if_others_collude > site.epsilon
        assert (site.delta, site.unit, site.units) == (1e-5, "patient", 10)


def test_a_vector_that_never_arrived_is_charged(
    town: Any, federate: Any, faulty: Any, tmp_path: Path
) -> None:
    """Lost on the way, it was computed nonetheless; nothing is given back."""

    def lose(message: Message, context: Context, honest: Honest) -> Message:
        honest()
        raise RuntimeError

    settings = town.private(town.hospitals(*"abcd"), rounds=1, threshold=3)
    state = federate(settings, tmp_path / "run", app=faulty({("d", "train.update"): lose}))
    assert set(state.rounds[0].missing) == {"d"}
    (lost, _) = ledger(tmp_path / "run", "d").history()
    assert lost.purpose == "train.h0.25"


def test_a_second_attempt_is_charged_again(town: Any, federate: Any, faulty: Any, tmp_path: Path) -> None:
    disturbed: set[str] = set()

    def once(message: Message, context: Context, honest: Honest) -> Message:
        name = str(context.node_config["source"])
        if name in disturbed:
            return honest()
        disturbed.add(name)
        raise RuntimeError

    settings = town.private(town.hospitals(*"abc"), rounds=1)
    faults = {(name, "train.confirm"): once for name in "abc"}
    state = federate(settings, tmp_path / "run", app=faulty(faults))
    assert state.rounds[0].attempts == 2
    for name, site in state.hospitals.items():
        history = ledger(tmp_path / "run", name).history()
        assert [one.purpose for one in history] == ["train.h0.25"] * 2 + ["evaluate.h0.25"]
        assert site.epsilon == pytest.approx(ledger(tmp_path / "run", name).spent().world.value, abs=1e-3)


# Local noise


def test_with_trust_none_each_hospitals_own_noise_is_enough(
    town: Any, federate: Any, totals: list[NDArray[np.float64]], tmp_path: Path
) -> None:
    settings = town.private(
        town.hospitals(*"abc"),
        rounds=2,
        noise="local",
        noise_multiplier=1.5,
        count_noise_multiplier=2.5,
        strategy={"name": "FedAvg"},
        recipe={"learning_rate": 0.01, "local_steps": 3, "weight_decay": 0.0},
    )
    state = federate(settings, tmp_path / "run")
    assert settings.trust == "none"
    for done in state.rounds:
        assert done.answered == list("abc")
        assert done.attempts == 1
        assert done.loss is None
        assert done.held_out is not None
        assert not done.held_out_by_hospital
    for name, site in state.hospitals.items():
        spent = ledger(tmp_path / "run", name).spent()
        assert spent.world == spent.others_collude
        assert site.epsilon == site.epsilon_if_others_collude == pytest.approx(spent.world.value, abs=1e-3)
        for one in ledger(tmp_path / "run", name).history():
            assert one.alone == one.release.noise_multiplier
            trains = one.purpose.startswith("train")
            assert one.release.noise_multiplier == (1.5 if trains else 2.5)
            assert one.release.steps == (3 if trains else 1)
    assert float(totals[1].std()) > 0  # and all three hospitals' noise is in the counts


def test_each_step_of_local_training_has_all_of_its_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = shares_of("local", 1.5, GRID, hospitals=1, threshold=1, colluders=0)
    assert effective_multiplier(shares.sigmas[0], GRID) == pytest.approx(1.5, rel=1e-12)
    assert float(draw_noise(shares, 50_000).values.std()) / GRID == pytest.approx(1.5, rel=0.02)


# A run that was stopped


@contextmanager
def stop_after(rounds: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The run is stopped between that round and the next."""
    run = importlib.import_module("server.run")
    save_state = run.save_state

    def save(folder: Path, state: RunState) -> None:
        save_state(folder, state)
        if len(state.rounds) == rounds:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run, "save_state", save)
        with pytest.raises(KeyboardInterrupt):
            yield


@pytest.mark.parametrize("stops", [(1, 3)])
def test_stopped_and_started_again_gives_the_same_model(
    stops: tuple[int, ...],
    town: Any,
    federate: Any,
    client_app: ClientApp,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the same dice: moments, average and rounds are those of a run that nobody stopped, to the last bit."""
    strategy = {"name": "FedAdam", "eta": 0.02, "tau": 1e-8, "warmup": 0.25, "averaged": 0.5}
    settings = town.private(town.hospitals(*"abc"), rounds=4, strategy=strategy)
    states = []
    for folder, chosen in ((tmp_path / "whole", ()), (tmp_path / "stopped", stops)):
        with monkeypatch.context() as patch:
            app = Dice(patch, client_app).app
            for rounds in chosen:
                with stop_after(rounds, monkeypatch):
                    federate(settings, folder, app=app)
            states.append(federate(settings, folder, app=app))
        importlib.import_module("client.app")._agent_for.cache_clear()
    one, other = states
    for part in ("first", "second", "average"):
        whole, stopped = getattr(one.moments, part), getattr(other.moments, part)
        assert whole.keys() == stopped.keys() == one.weights.keys()
        assert all(whole[name].tobytes() == stopped[name].tobytes() for name in whole)
    assert all(one.weights[name].tobytes() == other.weights[name].tobytes() for name in one.weights)
    assert [done.held_out for done in one.rounds] == [done.held_out for done in other.rounds]
    assert one.model is one.moments.average
    assert (tmp_path / "stopped/model").is_dir()


# Planning


def test_the_noise_that_is_chosen_keeps_a_whole_run_to_its_epsilon(
    town: Any, federate: Any, tmp_path: Path
) -> None:
    chosen = choose_noise(
        unit="patient",
        epsilon=3.0,
        delta=1e-5,
        noise="exact",
        sample_rate=0.5,
        max_grad_norm=0.1,
        max_examples=32,
        count_norm=16.0,
        rounds=3,
        steps_a_round=1,
        evaluations=3,
    )
    settings = town.private(town.hospitals(*"abc"), rounds=3).model_copy(update={"private": chosen})
    state = federate(settings, tmp_path / "run")
    assert [done.missing for done in state.rounds] == [{}] * 3
    for name in "abc":
        book = ledger(tmp_path / "run", name).book()
        assert book.cap == Cap("patient", 3.0, 1e-5)
        assert 1.0 < book.spent().world.value <= 3.0


def test_a_plain_order_to_hospitals_with_a_budget_is_refused(
    town: Any, federate: Any, client_app: ClientApp, tmp_path: Path
) -> None:
    """An aggregator that forgets the noise learns nothing, and no ledger changes."""
    settings = town.private(town.hospitals(*"abc"), rounds=1)
    federate(settings, tmp_path / "honest")
    before = {name: ledger(tmp_path / "honest", name).book() for name in "abc"}
    from server.grid import LocalGrid
    from server.provision import node_configs, provision

    sources = {s.hospital: s.model_dump_json(exclude_none=True) for s in settings.hospitals}
    sites = provision(tmp_path / "honest", list(sources), town.policy(), Cap("patient", 1e3, 1e-5))
    lying = settings.model_copy(update={"private": None, "attempts": 1})
    server = importlib.import_module("server.run")
    server.open_run(tmp_path / "lying", lying)
    (tmp_path / "lying/roster.json").write_bytes((tmp_path / "honest/roster.json").read_bytes())
    with pytest.raises(Exception, match="not-private"):
        server.run_rounds(LocalGrid(client_app, node_configs(sources, sites)), tmp_path / "lying")
    assert {name: ledger(tmp_path / "honest", name).book() for name in "abc"} == before
