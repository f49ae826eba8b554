"""An order to count: its pairs survive the wire as chosen, and nothing malformed becomes a list of pairs."""

from typing import Any

import numpy as np
import pytest
from flwr.app import Message
from flwr.common.serde import message_from_proto, message_to_proto
from flwr.proto.message_pb2 import Message as ProtoMessage
from flwr.supercore.task_identity import TaskIdentity
from pydantic import ValidationError

from privacy.task import digest_task
from shared.cooccurrence import Counting, all_pairs
from shared.count_order import CountOrder, PrivateCounts, counting_of, pairs_as_weights
from shared.errors import FixSettings, RejectUpdate
from shared.vocabulary import Vocabulary
from shared.wire import CATEGORY, hello_order, order_content, read_hello_order, read_task

WORDS = tuple(f"word{number}" for number in range(40))


@pytest.fixture(autouse=True, scope="module")
def identity() -> None:
    """Flower makes messages only within a run."""
    TaskIdentity.run_id, TaskIdentity.node_id, TaskIdentity.task_id = 1, 1, 1


def travelled(content: Any, message_type: str = "query.update") -> Message:
    """The message at the other end of the wire."""
    proto = message_to_proto(Message(content, 2, message_type))
    return message_from_proto(ProtoMessage.FromString(proto.SerializeToString()))


def order_of(**changes: Any) -> CountOrder:
    return CountOrder.model_validate({"words": WORDS, "window": 5} | changes)


LISTS = {
    "all": all_pairs(Vocabulary(WORDS)),
    "one": np.array([0]),
    "the last": np.array([40 * 41 // 2 - 1]),
    "some": np.sort(np.random.default_rng(2).choice(820, 100, replace=False)),
}


@pytest.mark.parametrize("pairs", LISTS)
def test_pairs_arrive_as_they_were_chosen(pairs: str) -> None:
    counting = Counting(Vocabulary(WORDS), 5, LISTS[pairs].astype(np.int64))
    weights = pairs_as_weights(counting)
    assert bool(weights) == (pairs != "all")
    order, arrived = read_task(travelled(order_content(order_of(), weights)), CountOrder)
    assert order == order_of()
    assert counting_of(order, arrived).digest == counting.digest


def test_the_largest_rows_are_exact() -> None:
    words = tuple(f"w{number}" for number in range(1 << 16))
    last = (1 << 16) * ((1 << 16) + 1) // 2 - 1
    counting = Counting(Vocabulary(words), 5, np.array([last - 65_537, last - 1, last]))
    assert counting_of(order_of(words=words), pairs_as_weights(counting)).digest == counting.digest


def floats(*values: float) -> Any:
    return np.array(values, np.float32)


MALFORMED = {
    "one list": {"smaller": floats(0)},
    "other names": {"smaller": floats(0), "bigger": floats(1)},
    "a third": {"smaller": floats(0), "larger": floats(1), "more": floats(1)},
    "lengths": {"smaller": floats(0), "larger": floats(1, 2)},
    "a square": {"smaller": floats(0).reshape(1, 1), "larger": floats(1).reshape(1, 1)},
    "none": {"smaller": floats(), "larger": floats()},
    "negative": {"smaller": floats(-1), "larger": floats(1)},
    "beyond": {"smaller": floats(1), "larger": floats(40)},
    "fraction": {"smaller": floats(0.5), "larger": floats(1)},
    "nan": {"smaller": floats(np.nan), "larger": floats(1)},
    "infinite": {"smaller": floats(0), "larger": floats(np.inf)},
    "the wrong way round": {"smaller": floats(2), "larger": floats(1)},
    "twice": {"smaller": floats(0, 0), "larger": floats(1, 1)},
    "descending": {"smaller": floats(0, 0), "larger": floats(2, 1)},
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_pairs_are_refused(case: str) -> None:
    with pytest.raises(FixSettings):
        counting_of(order_of(), MALFORMED[case])


@pytest.mark.parametrize(
    "changes",
    [
        {"words": ()},
        {"window": 0},
        {"window": 17},
        {"parties": 4},
        {"more": 1},
        {"private": {"unit": "sentence", "noise_multiplier": 1.0}},
        {"private": {"unit": "patient", "noise_multiplier": 0.0}},
        {"private": {"unit": "patient", "noise_multiplier": 1.0, "max_norm": float("inf")}},
        {"private": {"unit": "patient", "noise_multiplier": 1.0, "grid": 1}},
    ],
    ids=str,
)
def test_orders_out_of_range_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        order_of(**changes)


@pytest.mark.parametrize("words", [("one", "one"), ("Two",), ("a b",), ("",)])
def test_a_vocabulary_in_another_form_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(FixSettings):
        counting_of(order_of(words=words), {})


def test_every_part_of_an_order_enters_the_task() -> None:
    """Two hospitals that were shown different orders find that no share opens."""
    private = PrivateCounts(unit="patient", noise_multiplier=1.0)
    pairs = {name: pairs_as_weights(Counting(Vocabulary(WORDS), 5, LISTS[name])) for name in ("all", "some")}
    orders = [
        order_of(),
        order_of(words=WORDS[::-1]),
        order_of(window=4),
        order_of(private=private),
        order_of(private=private.model_copy(update={"noise_multiplier": 2.0})),
        order_of(private=private.model_copy(update={"seed": 2})),
    ]
    tasks = [digest_task("count", order, weights) for order in orders for weights in pairs.values()]
    assert len(set(tasks)) == len(tasks)
    assert digest_task("train", order_of(), {}) not in tasks


@pytest.mark.parametrize("rows", ["all pairs in full", "a zero with a sign"])
def test_the_same_pairs_in_other_words_are_the_same_task(rows: str) -> None:
    """Or they could be summed up a second time, over other hospitals."""
    pairs = LISTS["all" if rows == "all pairs in full" else "one"]
    counting = Counting(Vocabulary(WORDS), 5, pairs.astype(np.int64))
    smaller, larger = (part.astype(np.float32) for part in counting.words_of(counting.pairs))
    if rows == "a zero with a sign":
        smaller = -smaller
    said = {"smaller": smaller, "larger": larger}
    task = digest_task("count", order_of(), pairs_as_weights(counting))
    assert digest_task("count", order_of(), said) != task
    again = pairs_as_weights(counting_of(order_of(), said))
    assert digest_task("count", order_of(), again) == task


def test_an_order_to_train_is_none_to_count() -> None:
    content = order_content(PrivateCounts(unit="note", noise_multiplier=1.0), {})
    with pytest.raises(RejectUpdate):
        read_task(travelled(content), CountOrder)


@pytest.mark.parametrize("unit", [None, "patient", "note"])
def test_a_greeting_may_go_without_a_model(unit: Any) -> None:
    assert read_hello_order(travelled(hello_order(None, unit), "query.hello")) == (None, unit)


def test_flower_carries_every_kind() -> None:
    for category in CATEGORY.values():
        assert (
            travelled(hello_order(None), f"{category}.update").metadata.message_type == f"{category}.update"
        )
