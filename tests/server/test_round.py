"""One round after the other: hospitals learn together, and one that fails is named and does not stop them."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, RecordDict

from server.checkpoint import RunState, load_state
from server.round import draw_cohort
from server.strategy import Strategy
from shared.errors import AskHospitals
from shared.training import Recipe
from shared.wire import error_content, vector_content

Honest = Callable[[], Message]


def _bytes(state: RunState) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in state.weights.items()}


def test_a_federation_learns(town: Any, federate: Any, tmp_path: Path) -> None:
    model = town.model(word_rows=512, word_width=24, hidden=24)
    settings = town.settings(town.hospitals("a", "b", "c", "d"), rounds=8, model=model)
    state = federate(settings, tmp_path / "run")
    first, last = state.rounds[0], state.rounds[-1]
    assert last.loss < first.loss / 2
    assert last.held_out.f1 > max(60.0, first.held_out.f1)
    assert set(last.held_out_by_hospital) == set(last.answered) == set("abcd")
    assert last.missing == {}
    assert [done.round for done in state.rounds] == list(range(1, 9))
    assert (tmp_path / "run/model/model.safetensors").is_file()


@pytest.mark.parametrize("name", ["FedAvgM", "FedAdam"])
def test_other_server_optimizers_run(name: Any, town: Any, federate: Any, tmp_path: Path) -> None:
    settings = town.settings(town.hospitals("a", "b"), strategy=Strategy(name=name), rounds=2)
    state = federate(settings, tmp_path / "run")
    assert state.moments.first.keys() == state.weights.keys()
    assert all(np.isfinite(array).all() for array in state.weights.values())


def test_a_fraction_draws_the_same_hospitals_again(town: Any, federate: Any, tmp_path: Path) -> None:
    names = ["a", "b", "c", "d"]
    settings = town.settings(town.hospitals(*names), fraction=0.5, rounds=3, evaluate_every=2)
    states = [federate(settings, tmp_path / run) for run in ("one", "two")]
    cohorts = [done.cohort for done in states[0].rounds]
    assert cohorts == [done.cohort for done in states[1].rounds]
    assert cohorts == [draw_cohort(names, 0.5, settings.seed, number) for number in (1, 2, 3)]
    assert all(len(cohort) == 2 for cohort in cohorts)
    assert _bytes(states[0]) == _bytes(states[1])
    assert [done.held_out is not None for done in states[0].rounds] == [
        False,
        True,
        True,
    ]  # the last one always


def test_every_hospital_is_drawn_in_the_long_run() -> None:
    names = [f"h{number}" for number in range(10)]
    drawn = [draw_cohort(names, 0.3, 7, number) for number in range(1, 40)]
    assert {len(cohort) for cohort in drawn} == {3}
    assert {name for cohort in drawn for name in cohort} == set(names)
    assert draw_cohort(names, 0.001, 7, 1)  # never nobody
    assert draw_cohort(list(reversed(names)), 1.0, 7, 1) == sorted(names)


def _raises(message: Message, context: Context, honest: Honest) -> Message:
    raise RuntimeError("Mr Zebrafinch")


def _vector(change: Callable[[Any], Any]) -> Callable[[Message, Context, Honest], Message]:
    def fault(message: Message, context: Context, honest: Honest) -> Message:
        vector = honest().content.array_records["vector"]["vector"].numpy().copy()
        return Message(vector_content(change(vector)), reply_to=message)

    return fault


def _content(make: Callable[[], RecordDict]) -> Callable[[Message, Context, Honest], Message]:
    return lambda message, context, honest: Message(make(), reply_to=message)


def _at(place: int, value: float) -> Callable[[Any], Any]:
    def change(vector: Any) -> Any:
        vector[place] = value
        return vector

    return change


def _raw(data: bytes, stype: str = "numpy.ndarray") -> RecordDict:
    array = Array("float32", (3,), stype, data)
    return RecordDict({"answer": ConfigRecord({"status": "ok"}), "vector": ArrayRecord({"vector": array})})


FAULTS = {
    "raises": (_raises, "flower-error"),
    "answers nothing": (lambda message, context, honest: None, "flower-error"),
    "a code": (_content(lambda: error_content("fix-notes")), "fix-notes"),
    "text as a code": (_content(lambda: error_content("Mr Zebrafinch has gout")), "error"),
    "NaN": (_vector(_at(0, np.nan)), "not finite"),
    "infinite": (_vector(_at(5, -np.inf)), "not finite"),
    "too short": (_vector(lambda vector: vector[:-1]), "shape"),
    "another shape": (_vector(lambda vector: vector.reshape(1, -1)), "shape"),
    "another type": (_vector(lambda vector: vector.astype(np.float64)), "float64"),
    "no examples": (_vector(_at(-2, 0.0)), "examples"),
    "too many examples": (_vector(_at(-2, 1e30)), "examples"),
    "an empty content": (_content(RecordDict), "cannot be read"),
    "a foreign content": (_content(lambda: RecordDict({"x": ConfigRecord({"a": "Zebrafinch"})})), "read"),
    "no vector": (_content(lambda: RecordDict({"answer": ConfigRecord({"status": "ok"})})), "cannot be read"),
    "no bytes": (_content(lambda: _raw(b"")), "cannot be read"),
    "bytes that are no array": (_content(lambda: _raw(b"Zebrafinch")), "cannot be read"),
    "a pickle": (_content(lambda: _raw(b"\x80\x04N.")), "cannot be read"),
    "a broken zip": (_content(lambda: _raw(b"PK\x03\x04Zebrafinch")), "cannot be read"),
    "another serialization": (_content(lambda: _raw(b"\x93NUMPY", "torch")), "cannot be read"),
}


@pytest.fixture
def honest_two(town: Any, federate: Any, tmp_path: Path) -> dict[str, bytes]:
    """What the other two hospitals reach without the third."""
    both = town.hospitals("a", "b", "c")[:2]
    return _bytes(federate(town.settings(both, rounds=1, seed=4), tmp_path / "without"))


@pytest.mark.parametrize("kind", FAULTS)
def test_a_failing_hospital_is_named_and_left_out(
    kind: str, town: Any, federate: Any, faulty: Any, honest_two: dict[str, bytes], tmp_path: Path
) -> None:
    fault, why = FAULTS[kind]
    settings = town.settings(town.hospitals("a", "b", "c"), rounds=1, seed=4)
    state = federate(settings, tmp_path / "run", app=faulty({("c", "train.update"): fault}))
    (done,) = state.rounds
    assert done.answered == ["a", "b"]
    assert list(done.missing) == ["c"]
    assert why in done.missing["c"]
    assert "Zebrafinch" not in str(done)
    assert _bytes(state) == honest_two


def test_a_late_hospital_is_named_and_left_out(
    town: Any,
    federate: Any,
    faulty: Any,
    honest_two: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr("server.grid.time", SimpleNamespace(monotonic=lambda: now[0]))

    def dawdle(message: Message, context: Context, honest: Honest) -> Message:
        now[0] += 601.0
        return honest()

    settings = town.settings(town.hospitals("a", "b", "c"), rounds=1, seed=4)
    state = federate(settings, tmp_path / "run", app=faulty({("c", "train.update"): dawdle}))
    assert list(state.rounds[0].missing) == ["c"]
    assert _bytes(state) == honest_two


@pytest.mark.parametrize(
    "fault",
    [_raises, _content(RecordDict), _content(lambda: vector_content(np.full(4, 1e30, np.float32)))],
)
def test_a_hospital_that_cannot_evaluate_is_left_out_of_the_score(
    fault: Any, town: Any, federate: Any, faulty: Any, tmp_path: Path
) -> None:
    settings = town.settings(town.hospitals("a", "b"), rounds=1)
    state = federate(settings, tmp_path / "run", app=faulty({("b", "evaluate.update"): fault}))
    assert list(state.rounds[0].held_out_by_hospital) == ["a"]
    assert state.rounds[0].answered == ["a", "b"]


def test_when_all_fail_the_run_can_go_on_later(town: Any, federate: Any, faulty: Any, tmp_path: Path) -> None:
    settings = town.settings(town.hospitals("a", "b"), rounds=3)
    whole = federate(settings, tmp_path / "whole")

    def second_round_fails(message: Message, context: Context, honest: Honest) -> Message:
        if message.metadata.group_id == "2":
            raise RuntimeError("Mr Zebrafinch")
        return honest()

    broken = faulty({(name, "train.update"): second_round_fails for name in "ab"})
    folder = tmp_path / "run"
    with pytest.raises(AskHospitals) as stop:
        federate(settings, folder, app=broken)
    assert "a (" in str(stop.value)
    assert "b (" in str(stop.value)
    assert "round 2" in str(stop.value)
    assert "Zebrafinch" not in str(stop.value)
    assert sorted(file.name for file in folder.rglob("*") if file.is_file()) == [
        "round-0001.safetensors",
        "run.json",
    ]
    assert load_state(folder) is not None
    assert _bytes(federate(settings, folder)) == _bytes(whole)
    for file in ("model/model.safetensors", "model/config.json"):
        assert (folder / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()


def test_too_few_is_as_good_as_none(town: Any, federate: Any, faulty: Any, tmp_path: Path) -> None:
    settings = town.settings(town.hospitals("a", "b"), rounds=1, min_hospitals=2)
    with pytest.raises(AskHospitals, match=r"1 of 2 hospitals .* 2 are needed: b \("):
        federate(settings, tmp_path / "run", app=faulty({("b", "train.update"): _raises}))


def test_local_steps_take_the_place_of_epochs(town: Any, federate: Any, tmp_path: Path) -> None:
    recipe = Recipe(learning_rate=0.03, batch_size=2, local_steps=1)
    state = federate(town.settings(town.hospitals("a", "b"), rounds=1, recipe=recipe), tmp_path / "run")
    assert state.rounds[0].examples > 2  # weighted by examples, however few were trained on
