"""The agent's answers are what training by hand gives, and depend on nothing but the order and its own notes."""

import dataclasses
import importlib
import json
from typing import Any

import numpy as np
import pytest
import torch

from client.agent import Agent, derive_seed
from shared.examples import read_examples
from shared.extractor import ScoredNotes
from shared.models.build import build_tagger
from shared.models.tagger import Weights, get_weights, set_weights
from shared.sources import read_source
from shared.training import steps_a_round, train
from shared.vector import training_layout
from shared.wire import Order

agent_module = importlib.import_module("client.agent")


@pytest.fixture(autouse=True)
def _no_network_of_another_test() -> None:
    agent_module._network.cache_clear()


@pytest.fixture
def order(town: Any) -> Order:
    settings = town.settings(town.hospitals("a"))
    return Order(round=2, rounds=3, seed=11, model=settings.model, recipe=settings.recipe)


def _weights(order: Order, seed: int = 0) -> Weights:
    torch.manual_seed(seed)
    return get_weights(build_tagger(order.model))


def test_hello_says_sizes_and_labels(town: Any) -> None:
    hello = Agent(town.hospital("a", patients=8)).hello(town.model())
    assert (hello.hospital, hello.labels, hello.patients) == ("a", ["Disease"], 8)
    assert hello.notes == 12 == hello.train_notes + hello.held_out_notes
    assert 0 < hello.held_out_notes < hello.train_notes
    tagger = build_tagger(town.model())
    examples = read_examples(read_source(town.hospital("a")).train, tagger.tagset, tagger.reader)
    assert hello.train_examples == len(examples) > 0


def test_an_update_is_what_training_by_hand_gives(town: Any, order: Order) -> None:
    """Slow and obvious: a fresh network, trained outside the agent, subtracted weight by weight."""
    source = town.hospital("a")
    weights = _weights(order)
    vector = Agent(source).update(order, weights)

    torch.manual_seed(999)  # must not matter
    tagger = build_tagger(order.model)
    set_weights(tagger, weights)
    examples = read_examples(read_source(source).train, tagger.tagset, tagger.reader)
    report = train(
        tagger,
        examples,
        order.recipe,
        seed=derive_seed(11, 2, "a"),
        steps=steps_a_round(order.recipe, len(examples)),
        begin=1 / 3,
        end=2 / 3,
    )
    trained = {name: weight.detach().numpy() for name, weight in tagger.trained().items()}
    expected = np.concatenate(
        [
            *(((trained[name] - weights[name]) * len(examples)).ravel() for name in sorted(weights)),
            [len(examples), len(examples) * report.loss],
        ]
    ).astype(np.float32)
    assert vector.dtype == np.float32
    assert vector.tobytes() == expected.tobytes()
    assert np.abs(vector[:-2]).max() > 0


def test_an_evaluation_counts_the_held_out_notes(town: Any, order: Order) -> None:
    source = town.hospital("a")
    weights = _weights(order)
    counts = Agent(source).evaluate(order, weights)
    tagger = build_tagger(order.model)
    set_weights(tagger, weights)
    held_out = read_source(source).held_out
    assert counts.reshape(1, 4).tolist() == ScoredNotes(tagger, held_out).count(tagger).tolist()
    assert counts[0] == sum(len(note.entities) for note in held_out) > 0


def test_evaluation_changes_nothing(town: Any, order: Order) -> None:
    agent, weights = Agent(town.hospital("a")), _weights(order)
    before = agent.update(order, weights)
    agent.evaluate(order, weights)
    assert agent.update(order, weights).tobytes() == before.tobytes()


def test_the_same_order_gives_the_same_bytes(town: Any, order: Order) -> None:
    source, weights = town.hospital("a"), _weights(order)
    vectors = {Agent(source).update(order, weights).tobytes() for _ in range(2)}
    agent = Agent(source)
    vectors |= {agent.update(order, weights).tobytes() for _ in range(2)}
    assert len(vectors) == 1


def test_round_and_seed_and_hospital_matter(town: Any, order: Order) -> None:
    weights = _weights(order)
    orders = [order, order.model_copy(update={"round": 3}), order.model_copy(update={"seed": 12})]
    vectors = {Agent(town.hospital("a")).update(each, weights).tobytes() for each in orders}
    assert len(vectors) == 3
    seeds = {derive_seed(seed, number, name) for seed in (1, 11) for number in (1, 11) for name in ("a", "1")}
    assert len(seeds) == 8
    assert all(0 <= seed < 2**63 for seed in seeds)  # what torch takes


def test_one_network_for_all_agents_leaks_nothing(town: Any, order: Order) -> None:
    """Orders of three hospitals, mixed, give the vectors of agents that have the network to themselves."""
    sources = town.hospitals("a", "b", "c")
    weights = {source.hospital: _weights(order, seed) for seed, source in enumerate(sources)}
    alone: dict[str, tuple[bytes, bytes]] = {}
    for source in sources:
        agent_module._network.cache_clear()
        agent = Agent(source)
        own = weights[source.hospital]
        alone[source.hospital] = (agent.update(order, own).tobytes(), agent.evaluate(order, own).tobytes())
    agent_module._network.cache_clear()
    agents = {source.hospital: Agent(source) for source in sources}
    for name in ("c", "a", "b", "b", "c", "a"):
        others = [other for other in agents if other != name]
        agents[others[0]].evaluate(order, weights[others[0]])
        vector = agents[name].update(order, weights[name])
        agents[others[1]].update(order, weights[others[1]])
        assert (vector.tobytes(), agents[name].evaluate(order, weights[name]).tobytes()) == alone[name]


def test_a_shared_network_would_leak_if_weights_were_not_set(
    town: Any, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above can fail."""
    weights, source = _weights(order), town.hospital("b")
    alone = Agent(source).update(order, weights).tobytes()
    Agent(town.hospital("a")).update(order, weights)
    monkeypatch.setattr(agent_module, "set_weights", lambda *_: None)
    assert Agent(source).update(order, weights).tobytes() != alone


def test_notes_are_freed_once_they_are_numbers(town: Any, order: Order) -> None:
    agent, weights = Agent(town.hospital("a")), _weights(order)
    for _ in range(2):  # a second run in the same process reads them again, and lets them go again
        agent.hello(order.model)
        assert _texts(agent, town) == []
        agent.update(order, weights)
        agent.evaluate(order, weights)
        assert _texts(agent, town) == []


def _texts(agent: Agent, town: Any) -> list[str]:
    """Canaries of text in whatever the agent holds; patient ids stay, they are the unit of privacy."""
    held = [str(value) for name, value in vars(agent).items() if name != "source"]
    held += [str(vars(agent._held_out)), *(str(dataclasses.asdict(example)) for example in agent._train)]
    return [canary for canary in ("Zebrafinch", *town.diseases) if any(canary in text for text in held)]


def test_other_model_settings_read_the_notes_anew(town: Any, order: Order) -> None:
    source = town.hospital("a")
    other = order.model_copy(update={"model": town.model(word_rows=32, labels=("Disease", "Finding"))})
    agent = Agent(source)
    first = agent.update(order, _weights(order)).tobytes()
    assert agent.update(other, _weights(other)).size == _size(other)
    assert agent.update(order, _weights(order)).tobytes() == first


def _size(order: Order) -> int:
    return training_layout({name: array.shape for name, array in _weights(order).items()}).size


def test_a_failed_reading_leaves_the_agent_as_it_was(
    town: Any, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = town.hospital("a")
    other = order.model_copy(update={"model": town.model(word_rows=32)})
    agent = Agent(source)
    first = agent.update(order, _weights(order)).tobytes()
    with monkeypatch.context() as patch:
        patch.setattr(agent_module, "ScoredNotes", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            agent.update(other, _weights(other))
    assert agent.update(order, _weights(order)).tobytes() == first


def test_notes_may_come_after_a_first_failure(town: Any, order: Order) -> None:
    """A hospital that mends its file is taken in again without a restart."""
    source = town.hospital("a")
    path = town.folder / "a.jsonl"
    good = path.read_text()
    path.write_text(json.dumps({"doc_id": "x"}) + "\n")
    agent = Agent(source)
    with pytest.raises(Exception, match=r"a\.jsonl:1"):
        agent.hello(order.model)
    path.write_text(good)
    assert agent.hello(order.model).notes == 12
