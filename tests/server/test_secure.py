"""Federations whose aggregator sees sums only: same model, no number in the clear, and no hang when hospitals go."""

import importlib
import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp

from privacy.secagg.identity import Identity, Roster
from privacy.secagg.packing import wire_words
from privacy.secagg.terms import Terms
from privacy.site import write_roster
from server.checkpoint import RunState
from server.provision import ROSTER
from server.secure import PRECISION, training_encoding
from shared.errors import AskHospitals
from shared.wire import PHASES, answer_content, error_content
from tests.server.wiretap import Wire, check_answer, check_order, looks_random

Honest = Callable[[], Message]


def weights_of(state: RunState) -> np.ndarray:
    """All weights in a row."""
    return np.concatenate([array.ravel() for _, array in sorted(state.weights.items())])


def test_masks_change_nothing_but_what_rounding_allows(town: Any, federate: Any, tmp_path: Path) -> None:
    hospitals = town.hospitals("a", "b", "c", "d")
    start = weights_of(federate(town.settings(hospitals, rounds=1, recipe=_still(town)), tmp_path / "start"))
    plain = federate(town.settings(hospitals, rounds=1, seed=5), tmp_path / "plain")
    masked = federate(town.settings(hospitals, rounds=1, seed=5, trust="secagg"), tmp_path / "masked")
    assert (
        np.abs(weights_of(masked) - weights_of(plain)).max() <= PRECISION + 1e-7
    )  # and float32's own rounding
    assert np.abs(weights_of(plain) - start).max() > 1e-3  # there was something to add up
    (one,), (other,) = plain.rounds, masked.rounds
    assert other.examples == one.examples
    assert other.loss == pytest.approx(one.loss, abs=1e-4)
    assert other.held_out == one.held_out
    assert one.held_out_by_hospital
    assert not other.held_out_by_hospital  # nobody knows them


def _still(town: Any) -> Any:
    return town.settings(town.hospitals("a")).recipe.model_copy(update={"learning_rate": 1e-12})


def test_two_masked_runs_agree_bit_for_bit(town: Any, federate: Any, tmp_path: Path) -> None:
    settings = town.settings(town.hospitals("a", "b", "c"), rounds=3, trust="secagg")
    states = [federate(settings, tmp_path / name) for name in ("one", "two")]
    assert weights_of(states[0]).tobytes() == weights_of(states[1]).tobytes()


def test_nothing_numeric_travels_in_the_clear(
    town: Any, federate: Any, client_app: ClientApp, tmp_path: Path
) -> None:
    """Every message of a whole run, field by field: declared sizes, bytes of the protocol, masked vectors."""
    wire = Wire(client_app)
    settings = town.settings(town.hospitals("a", "b", "c", "d"), rounds=3, trust="secagg")
    state = federate(settings, tmp_path / "run", app=wire.app)
    assert len(wire.answers) == 4 * (1 + 3 * 2 * 4 + 2)  # greeting, six sums of four phases, the first keys
    vectors = [content for _, kind, content in wire.answers if check_answer(kind, content)]
    assert len(vectors) == 4 * 3 * 2
    for _, kind, content in wire.orders:
        check_order(kind, content)
    assert {site.trust for site in state.hospitals.values()} == {"secagg"}


def test_the_search_finds_a_clear_vector(
    town: Any, federate: Any, client_app: ClientApp, tmp_path: Path
) -> None:
    """In a plain run the same search fails, so the test above can fail."""
    wire = Wire(client_app)
    federate(town.settings(town.hospitals("a", "b", "c"), rounds=1), tmp_path / "run", app=wire.app)
    clear = [content for _, kind, content in wire.answers if kind == "train.update"]
    with pytest.raises(AssertionError):
        check_answer("train.update", clear[0])
    with pytest.raises(AssertionError):
        looks_random(clear[0].array_records["vector"]["vector"].numpy().tobytes())


def test_keys_of_the_next_sum_ride_along(
    town: Any, federate: Any, client_app: ClientApp, tmp_path: Path
) -> None:
    wire = Wire(client_app)
    federate(
        town.settings(town.hospitals("a", "b", "c"), rounds=3, trust="secagg"), tmp_path / "r", app=wire.app
    )
    later = ["share", "update", "confirm", "unmask"]
    assert wire.types() == ["advertise", "encapsulate", *later * 3]
    assert wire.types("evaluate") == later * 3


def test_cohorts_that_change_make_keys_anew(
    town: Any, federate: Any, client_app: ClientApp, tmp_path: Path
) -> None:
    wire = Wire(client_app)
    settings = town.settings(
        town.hospitals("a", "b", "c", "d"), rounds=2, fraction=0.75, evaluate_every=2, trust="secagg"
    )
    state = federate(settings, tmp_path / "run", app=wire.app)
    assert [len(done.answered) for done in state.rounds] == [3, 3]


def _vanish(message: Message, context: Context, honest: Honest) -> Message:
    raise RuntimeError("Mr Zebrafinch")


def _refuse(message: Message, context: Context, honest: Honest) -> Message:
    return Message(error_content("refuse-round/signature"), reply_to=message)


def _garbled(message: Message, context: Context, honest: Honest) -> Message:
    return Message(answer_content(b"HSA1" + bytes(50), vector=np.zeros(3, np.uint32)), reply_to=message)


def _empty(message: Message, context: Context, honest: Honest) -> Message:
    return Message(RecordDict({"answer": ConfigRecord({"status": "ok"})}), reply_to=message)


@pytest.mark.parametrize(
    ("phase", "fault"), list(product(PHASES, (_vanish, _refuse, _garbled, _empty))), ids=str
)
def test_three_of_ten_fail_in_one_phase(
    phase: str, fault: Any, town: Any, federate: Any, faulty: Any, tmp_path: Path
) -> None:
    names = "abcdefghij"
    faults = {(name, f"train.{phase}"): fault for name in "ace"}
    settings = town.settings(town.hospitals(*names), rounds=1, trust="secagg")
    state = federate(settings, tmp_path / "run", app=faulty(faults))
    (done,) = state.rounds
    counted = phase in ("confirm", "unmask")  # their vectors were there before they went
    assert set(done.answered) == set(names) - (set() if counted else set("ace"))
    assert set(done.missing) == (set() if counted else set("ace"))
    assert done.attempts == 1
    assert "Zebrafinch" not in str(done)
    if fault is _vanish:
        assert_sum_of(state, federate, settings, tmp_path, set(done.answered))


def assert_sum_of(state: RunState, federate: Any, settings: Any, tmp_path: Path, hospitals: set[str]) -> None:
    """The model is the one that a plain federation of the same hospitals reaches."""
    sources = tuple(source for source in settings.hospitals if source.hospital in hospitals)
    plain = settings.model_copy(update={"hospitals": sources, "trust": "plain"})
    alone = federate(plain, tmp_path / "plain")
    assert np.abs(weights_of(state) - weights_of(alone)).max() < PRECISION + 1e-7


@pytest.mark.parametrize("phases", list(product(PHASES, repeat=3))[::23], ids=str)
def test_three_of_ten_fail_in_three_phases(
    phases: tuple[str, ...], town: Any, federate: Any, faulty: Any, tmp_path: Path
) -> None:
    faults = {(name, f"train.{phase}"): _vanish for name, phase in zip("bdf", phases, strict=True)}
    settings = town.settings(town.hospitals(*"abcdefghij"), rounds=1, trust="secagg")
    state = federate(settings, tmp_path / "run", app=faulty(faults))
    expected = set("abcdefghij") - {
        name for name, phase in zip("bdf", phases, strict=True) if phase not in ("confirm", "unmask")
    }
    assert set(state.rounds[0].answered) == expected
    assert_sum_of(state, federate, settings, tmp_path, expected)


@pytest.mark.parametrize("phase", PHASES)
def test_four_of_ten_end_the_run_with_the_reason(
    phase: str, town: Any, federate: Any, faulty: Any, tmp_path: Path
) -> None:
    faults = {(name, f"train.{phase}"): _refuse for name in "aceg"}
    settings = town.settings(town.hospitals(*"abcdefghij"), rounds=1, trust="secagg", attempts=2)
    with pytest.raises(AskHospitals, match=r"round 1: .*a \(refuse-round/signature\)"):
        federate(settings, tmp_path / "run", app=faulty(faults))
    state = federate(settings, tmp_path / "run")  # mended, it goes on
    assert state.rounds[0].answered == list("abcdefghij")


def test_a_second_attempt(town: Any, federate: Any, faulty: Any, tmp_path: Path) -> None:
    """All are disturbed once, in a phase that binds nobody yet; the next attempt has fresh keys and succeeds."""
    disturbed: set[str] = set()

    def once(message: Message, context: Context, honest: Honest) -> Message:
        name = str(context.node_config["source"])
        if name in disturbed:
            return honest()
        disturbed.add(name)
        raise RuntimeError

    settings = town.settings(town.hospitals("a", "b", "c"), rounds=1, trust="secagg")
    state = federate(settings, tmp_path / "run", app=faulty({(n, "train.share"): once for n in "abc"}))
    assert state.rounds[0].attempts == 2
    assert_sum_of(state, federate, settings, tmp_path, set("abc"))


@pytest.mark.parametrize("phase", PHASES[1:])
def test_an_agent_that_starts_anew_in_the_middle_drops_out(
    phase: str, town: Any, federate: Any, faulty: Any, tmp_path: Path
) -> None:
    def restart(message: Message, context: Context, honest: Honest) -> Message:
        importlib.import_module("client.app")._agent(context).secure._sums.clear()
        return honest()

    names = "abcd"
    settings = town.settings(town.hospitals(*names), rounds=1, trust="secagg")
    state = federate(settings, tmp_path / "run", app=faulty({("b", f"train.{phase}"): restart}))
    counted = phase in ("confirm", "unmask")
    assert set(state.rounds[0].answered) == set(names) - (set() if counted else {"b"})
    if not counted:
        assert state.rounds[0].missing == {"b": "refuse-round/state-lost"}


def test_who_was_away_is_back_in_the_next_round(
    town: Any, federate: Any, faulty: Any, tmp_path: Path
) -> None:
    def first_round(message: Message, context: Context, honest: Honest) -> Message:
        if message.metadata.group_id == "1":
            raise RuntimeError
        return honest()

    settings = town.settings(town.hospitals("a", "b", "c", "d"), rounds=2, trust="secagg")
    state = federate(settings, tmp_path / "run", app=faulty({("d", "train.update"): first_round}))
    assert [done.answered for done in state.rounds] == [["a", "b", "c"], ["a", "b", "c", "d"]]


def test_who_is_away_at_the_start_counts_as_a_drop_out(
    town: Any, federate: Any, faulty: Any, client_app: ClientApp, tmp_path: Path
) -> None:
    """The cohort stays the same, so that those who signed for a task can sign for it again."""
    settings = town.settings(town.hospitals("a", "b", "c", "d"), rounds=2, trust="secagg")
    wire = Wire(faulty({("d", "query.hello"): _vanish}))
    state = federate(settings, tmp_path / "run", app=wire.app)
    assert [done.answered for done in state.rounds] == [["a", "b", "c"]] * 2
    assert state.rounds[0].cohort == list("abcd")
    assert state.rounds[0].missing == {"d": "absent"}
    (sent, *_) = [
        c.config_records["sum"]["message"] for _, kind, c in wire.orders if kind == "train.advertise"
    ]
    assert len(Terms.from_bytes(sent).cohort) == 4
    assert wire.types().count("advertise") == 1


def test_a_site_with_a_key_never_answers_in_the_clear(
    town: Any, federate: Any, client_app: ClientApp, tmp_path: Path
) -> None:
    """An aggregator that calls its run plain gets a code, and the run stops."""
    settings = town.settings(town.hospitals("a", "b", "c"), rounds=1, trust="secagg")
    federate(settings, tmp_path / "honest")
    from server.grid import LocalGrid
    from server.provision import node_configs, provision

    sources = {s.hospital: s.model_dump_json(exclude_none=True) for s in settings.hospitals}
    sites = provision(tmp_path / "honest", list(sources), town.policy())
    grid = LocalGrid(client_app, node_configs(sources, sites))
    lying = settings.model_copy(update={"trust": "plain"})
    with pytest.raises(AskHospitals, match=r"a \(refuse-round/unmasked\)"):
        federate(lying, tmp_path / "lying", grid=grid)


def test_a_sum_that_cannot_be_honest_is_discarded(
    town: Any, federate: Any, faulty: Any, tmp_path: Path
) -> None:
    """A hospital poisons round 2: the model stays as it was, evidence is kept, and the run goes on."""
    agent = importlib.import_module("client.agent").Agent

    def poison(message: Message, context: Context, honest: Honest) -> Message:
        if message.metadata.group_id != "2":
            return honest()
        update = agent.update

        def poisoned(self: Any, *args: Any) -> Any:
            vector = update(self, *args)
            vector[:-2] = 1e3
            return vector

        agent.update = poisoned
        try:
            return honest()
        finally:
            agent.update = update

    settings = town.settings(town.hospitals("a", "b", "c"), rounds=3, trust="secagg")
    state = federate(settings, tmp_path / "run", app=faulty({("b", "train.update"): poison}))
    assert [done.discarded is None for done in state.rounds] == [True, False, True]
    assert "norm" in str(state.rounds[1].discarded)
    record = json.loads((tmp_path / "run/evidence/round-0002.json").read_text())
    assert [item["hospital"] for item in record["evidence"]] == ["a", "b", "c"]
    assert all(item["truthful"] and bytes.fromhex(item["commitment"]) for item in record["evidence"])
    assert state.rounds[1].held_out == state.rounds[0].held_out  # the same model


def test_without_the_check_the_poison_gets_in(
    town: Any, federate: Any, faulty: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.round._implausible", lambda *_: None)
    agent = importlib.import_module("client.agent").Agent
    honest_update = agent.update

    def poisoned(self: Any, *args: Any) -> Any:
        vector = honest_update(self, *args)
        if self.source.hospital == "b":
            vector[:-2] = 1e3
        return vector

    monkeypatch.setattr(agent, "update", poisoned)
    settings = town.settings(town.hospitals("a", "b", "c"), rounds=1, trust="secagg")
    state = federate(settings, tmp_path / "run")
    assert state.rounds[0].update_norm > 0.1 * np.sqrt(weights_of(state).size)


def test_a_hospital_outside_the_roster_takes_no_part(town: Any, federate: Any, tmp_path: Path) -> None:
    settings = town.settings(town.hospitals("a", "b", "c"), rounds=1, trust="secagg")
    folder = tmp_path / "run"
    federate(settings, folder)
    (folder / ROSTER).unlink()
    write_roster(folder / ROSTER, Roster({name: Identity.new(name).public_key for name in "ab"}))
    with pytest.raises(Exception, match="roster"):
        federate(settings, folder)


def test_evaluation_is_secure_too(
    town: Any, federate: Any, faulty: Any, client_app: ClientApp, tmp_path: Path
) -> None:
    settings = town.settings(town.hospitals("a", "b", "c", "d"), rounds=1)
    plain = federate(settings, tmp_path / "plain")
    state = federate(settings.model_copy(update={"trust": "secagg"}), tmp_path / "run")
    assert state.rounds[0].held_out.strict["Disease"].gold == plain.rounds[0].held_out.strict["Disease"].gold
    faults = {(name, "evaluate.unmask"): _vanish for name in "ab"}
    state = federate(settings.model_copy(update={"trust": "secagg"}), tmp_path / "few", app=faulty(faults))
    assert state.rounds[0].held_out is None  # the round stands, without a score


@pytest.mark.parametrize(
    ("examples", "bits"), [([100] * 4, 24), ([100] * 10, 24), ([100] * 20, 28), ([1] * 9 + [10_000], 32)]
)
def test_the_ring_is_as_small_as_precision_allows(examples: list[int], bits: int) -> None:
    encoding = training_encoding(1002, len(examples), examples, 1.0)
    assert encoding.bits == bits
    assert [segment.length for segment in encoding.segments] == [1000, 1, 1]
    least = sum(sorted(examples)[: 2 * len(examples) // 3 + 1])
    error = len(examples) / (2 * encoding.segments[0].scale) / least
    assert bits == 32 or error <= PRECISION
    assert wire_words(1002, bits) * 4 <= 1002 * bits / 8 + 32  # the last group may be part empty


def test_the_terms_are_those_of_the_settings(
    town: Any, federate: Any, client_app: ClientApp, tmp_path: Path
) -> None:
    wire = Wire(client_app)
    settings = town.settings(town.hospitals("a", "b", "c", "d", "e"), rounds=1, trust="secagg", threshold=5)
    federate(settings, tmp_path / "run", app=wire.app)
    (sent, *_) = [
        c.config_records["sum"]["message"] for _, kind, c in wire.orders if kind == "train.advertise"
    ]
    terms = Terms.from_bytes(sent)
    assert (terms.threshold, terms.colluders, terms.hybrid, len(terms.cohort)) == (5, 1, True, 5)
    assert terms.purpose == "train"


def test_attempts_are_never_numbered_twice(town: Any, federate: Any, tmp_path: Path) -> None:
    """A run whose aggregator lost its checkpoint but not its folder asks with fresh numbers."""
    settings = town.settings(town.hospitals("a", "b", "c"), rounds=2, trust="secagg")
    folder = tmp_path / "run"
    whole = weights_of(federate(settings, folder)).tobytes()
    for file in (folder / "checkpoints").iterdir():
        file.unlink()
    assert weights_of(federate(settings, folder)).tobytes() == whole
