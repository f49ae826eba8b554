"""Orders and answers survive Flower's own serialization, and nothing else is taken for one."""

import json
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, Error, Message, RecordDict
from flwr.common.serde import message_from_proto, message_to_proto
from flwr.proto.message_pb2 import Message as ProtoMessage
from flwr.supercore.task_identity import TaskIdentity
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from shared.errors import RejectUpdate
from shared.models.settings import ModelSettings
from shared.private import PrivateRound
from shared.training import Recipe
from shared.units import UNITS
from shared.wire import (
    Hello,
    Order,
    answer_content,
    error_content,
    hello_content,
    hello_order,
    order_content,
    read_answer,
    read_hello,
    read_hello_order,
    read_order,
    read_seeds,
    read_vector,
    vector_content,
)

CANARY = "Zebrafinch"
HELLO = Hello(
    hospital="St. Mary's ü",
    version="0.1.0",
    labels=["Disease"],
    notes=3,
    patients=2,
    train_notes=2,
    held_out_notes=1,
    train_examples=5,
)


@pytest.fixture(autouse=True, scope="module")
def identity() -> None:
    """Flower makes messages only within a run."""
    TaskIdentity.run_id, TaskIdentity.node_id, TaskIdentity.task_id = 1, 1, 1


def travelled(content: RecordDict, message_type: str = "train.update") -> Message:
    """The message at the other end of the wire."""
    proto = message_to_proto(Message(content, 2, message_type))
    return message_from_proto(ProtoMessage.FromString(proto.SerializeToString()))


@pytest.fixture
def order(birnn_settings: Callable[..., ModelSettings]) -> Order:
    recipe = Recipe(learning_rate=1e-4, head_learning_rate=0.1, local_steps=3)
    return Order(round=2, rounds=5, seed=2**60, model=birnn_settings(labels=("Ä", "B")), recipe=recipe)


def test_an_order_arrives_as_it_was_sent(order: Order) -> None:
    weights = {
        "b": np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32),
        "a.ü": np.array([np.float32(1e-38), -0.0, 3.0], np.float32),
        "scalar": np.array(2, np.float32),
        "none": np.zeros((0, 3), np.float32),
    }
    back, arrived = read_order(travelled(order_content(order, weights)))
    assert back == order
    assert list(arrived) == list(weights)
    for name, array in weights.items():
        assert arrived[name].dtype == np.float32
        assert arrived[name].shape == array.shape
        assert arrived[name].tobytes() == array.tobytes()
        assert arrived[name].flags.writeable


@given(arrays.arrays(np.float32, st.integers(0, 50), elements=st.floats(width=32)))
def test_a_vector_arrives_bit_for_bit(vector: np.ndarray) -> None:
    back = read_vector(travelled(vector_content(vector)))
    assert back.dtype == np.float32
    assert back.tobytes() == vector.tobytes()


def test_a_greeting_arrives_as_it_was_sent() -> None:
    assert read_hello(travelled(hello_content(HELLO), "query.hello")) == HELLO


@pytest.mark.parametrize("read", [read_hello, read_vector])
@pytest.mark.parametrize("code", ["fix-notes", "internal-error", "reject-update"])
def test_an_error_code_travels(code: str, read: Callable[[Message], Any]) -> None:
    with pytest.raises(RejectUpdate, match=f"^{code}$"):
        read(travelled(error_content(code)))


@pytest.mark.parametrize("read", [read_hello, read_vector])
@pytest.mark.parametrize(
    "status",
    [
        CANARY,
        f"fix-notes {CANARY}",
        CANARY.lower(),
        "",
        "a" * 10 + "\n",
        "zebra-" * 9 + "x",
        7,
        b"x",
        [CANARY],
    ],
)
def test_a_status_that_is_no_code_is_not_passed_on(status: Any, read: Callable[[Message], Any]) -> None:
    with pytest.raises(RejectUpdate, match=r"^unknown-error$"):
        read(travelled(RecordDict({"answer": ConfigRecord({"status": status})})))


@pytest.mark.parametrize("read", [read_hello, read_vector])
def test_flowers_own_error_gives_its_number_and_not_its_reason(read: Callable[[Message], Any]) -> None:
    asked = travelled(RecordDict())
    asked.metadata.__dict__["_message_id"] = "1"
    proto = message_to_proto(Message(Error(3, reason=CANARY), reply_to=asked))
    with pytest.raises(RejectUpdate, match="flower-error-3") as refusal:
        read(message_from_proto(ProtoMessage.FromString(proto.SerializeToString())))
    assert CANARY not in str(refusal.value)


def saved(array: Any, **options: Any) -> bytes:
    stream = BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def zipped() -> bytes:
    stream = BytesIO()
    np.savez(stream, vector=np.zeros(3, np.float32))
    return stream.getvalue()


HUGE = saved(np.zeros(3, np.float32)).replace(b"(3,), }" + b" " * 14, b"(999999999999999999,)}")
BYTES: list[tuple[bytes, str]] = [
    (b"", "nothing"),
    (b"\x93NUMPY", "a head without a body"),
    (saved(np.zeros(9, np.float32))[:-3], "a body that stops"),
    (saved(np.array([CANARY, None], dtype=object), allow_pickle=True), "a pickle in an array"),
    (b"\x80\x04\x95garbage", "a pickle"),
    (zipped(), "a set of arrays"),
    (b"PK\x03\x04garbage", "half a zip file"),
    (b"PK\x05\x06" + b"\0" * 18, "an empty zip file"),
    (CANARY.encode(), "text"),
    (HUGE, "more than any machine holds"),
]


@pytest.mark.parametrize(("content", "why"), BYTES, ids=[why for _, why in BYTES])
def test_bytes_that_are_no_array_are_rejected(content: bytes, why: str, order: Order) -> None:
    array = Array(dtype="float32", shape=(3,), stype="numpy.ndarray", data=content)
    answer = RecordDict({"answer": ConfigRecord({"status": "ok"}), "vector": ArrayRecord({"vector": array})})
    asked = RecordDict(
        {"order": ConfigRecord({"json": order.model_dump_json()}), "weights": ArrayRecord({"w": array})}
    )
    for read, message in ((read_vector, travelled(answer)), (read_order, travelled(asked))):
        with pytest.raises(RejectUpdate) as refusal:
            read(message)  # type: ignore[operator]
        assert CANARY not in str(refusal.value), why
        assert refusal.value.__suppress_context__ or refusal.value.__context__ is None


def test_another_serialization_is_rejected() -> None:
    array = Array(dtype="float32", shape=(1,), stype="pickle", data=b"\x80\x04N.")
    content = RecordDict({"answer": ConfigRecord({"status": "ok"}), "vector": ArrayRecord({"vector": array})})
    with pytest.raises(RejectUpdate):
        read_vector(travelled(content))


ok = ConfigRecord({"status": "ok"})
MALFORMED: list[tuple[Callable[[Message], Any], dict[str, Any]]] = [
    (read_hello, {}),
    (read_hello, {"answer": ConfigRecord({})}),
    (read_hello, {"answer": ok}),
    (read_hello, {"answer": ConfigRecord({"status": "ok", "hello": CANARY})}),
    (read_hello, {"answer": ConfigRecord({"status": "ok", "hello": '{"hospital": "Zebrafinch"}'})}),
    (read_hello, {"answer": ConfigRecord({"status": "ok", "hello": [1.0, 2.0]})}),
    (read_hello, {"answer": ArrayRecord({})}),
    (read_vector, {}),
    (read_vector, {"answer": ok}),
    (read_vector, {"answer": ok, "vector": ArrayRecord({})}),
    (read_vector, {"answer": ok, "vector": ConfigRecord({"vector": CANARY})}),
    (read_order, {}),
    (read_order, {"order": ConfigRecord({"json": CANARY}), "weights": ArrayRecord({})}),
    (read_order, {"order": ConfigRecord({"json": "{}"}), "weights": ArrayRecord({})}),
    (read_order, {"order": ConfigRecord({"json": "[" * 5000}), "weights": ArrayRecord({})}),
]


@pytest.mark.parametrize(("read", "records"), MALFORMED)
def test_a_message_of_another_form_is_rejected(
    read: Callable[[Message], Any], records: dict[str, Any]
) -> None:
    with pytest.raises(RejectUpdate) as refusal:
        read(travelled(RecordDict(records)))
    assert CANARY not in str(refusal.value)


def test_an_order_without_weights_or_with_strings_for_weights_is_rejected(order: Order) -> None:
    config = ConfigRecord({"json": order.model_dump_json()})
    strings = ArrayRecord({"w": Array(np.array([CANARY]))})
    for records in ({"order": config}, {"order": config, "weights": strings}):
        with pytest.raises(RejectUpdate) as refusal:
            read_order(travelled(RecordDict(records)))
        assert CANARY not in str(refusal.value)


def test_a_greeting_with_more_in_it_is_rejected() -> None:
    """No note can ride along in a field that nobody asked for."""
    content = hello_content(HELLO)
    said = str(content.config_records["answer"]["hello"])
    content.config_records["answer"]["hello"] = said[:-1] + f',"text":"{CANARY}"}}'
    with pytest.raises(RejectUpdate):
        read_hello(travelled(content, "query.hello"))


PRIVATE = PrivateRound(
    unit="note",
    noise="plain",
    sample_rate=0.1,
    noise_multiplier=1.7,
    max_grad_norm=0.3,
    count_noise_multiplier=2.5,
)


def test_a_private_order_arrives_as_it_was_sent(order: Order) -> None:
    asked = order.model_copy(update={"private": PRIVATE})
    back, _ = read_order(travelled(order_content(asked, {})))
    assert back == asked
    assert back.private == PRIVATE
    assert order.private is None


@pytest.mark.parametrize(
    "change",
    [
        {"unit": "ward"},
        {"noise": "none"},
        {"sample_rate": 0.0},
        {"sample_rate": 1.1},
        {"noise_multiplier": 0.0},
        {"noise_multiplier": float("inf")},
        {"noise_multiplier": float("nan")},
        {"noise_multiplier": None},
        {"count_noise_multiplier": -1.0},
        {"max_grad_norm": 0.0},
        {"count_norm": float("inf")},
        {"max_examples": 0},
        {"grid": 1},
        {"grid": 1 << 25},
        {"epsilon": 8.0},
    ],
    ids=str,
)
def test_a_private_order_out_of_range_is_rejected(change: dict[str, Any], order: Order) -> None:
    tree = order.model_dump(mode="json") | {"private": PRIVATE.model_dump(mode="json") | change}
    content = ConfigRecord({"json": json.dumps(tree)})
    with pytest.raises(RejectUpdate):
        read_order(travelled(RecordDict({"order": content, "weights": ArrayRecord({})})))


@pytest.mark.parametrize("unit", [None, *UNITS])
def test_a_greeting_is_asked_for_with_its_unit(unit: Any, order: Order) -> None:
    assert read_hello_order(travelled(hello_order(order.model, unit), "query.hello")) == (order.model, unit)


@pytest.mark.parametrize("unit", ["ward", "Patient", "patient ", 1, b"note"])
def test_a_greeting_with_another_unit_is_rejected(unit: Any, order: Order) -> None:
    content = hello_order(order.model)
    content.config_records["order"]["unit"] = unit
    with pytest.raises(RejectUpdate):
        read_hello_order(travelled(content, "query.hello"))


@pytest.mark.parametrize("seeds", [b"", bytes(range(64))])
def test_seeds_travel_with_the_answer_and_nothing_else_is_taken_for_them(seeds: bytes) -> None:
    message = travelled(answer_content(b"HSA1", b"next", seeds=seeds))
    assert read_seeds(message) == seeds
    assert read_answer(message) == (b"HSA1", b"next")
    for other in ("seeds", 7, 1.5, [1]):
        content = answer_content(b"HSA1")
        content.config_records["answer"]["seeds"] = other
        assert read_seeds(travelled(content)) == b""
