"""Orders and answers as Flower messages: the only place that knows both forms."""

from typing import Literal

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, RecordDict
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from shared.errors import ClinfedError, RejectUpdate
from shared.models.settings import ModelSettings
from shared.models.tagger import Weights
from shared.training import Recipe
from shared.vector import Vector

OK = "ok"
CODES = {"internal-error", *(error.code for error in ClinfedError.__subclasses__())}  # no other is passed on
MessageType = Literal["query.hello", "train.update", "evaluate.update"]


class Hello(BaseModel):
    """What a hospital says of itself: declared sizes and labels, no more."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hospital: str
    version: str
    labels: list[str]
    notes: int
    patients: int
    train_notes: int
    held_out_notes: int


class Order(BaseModel):
    """What the aggregator asks of a hospital in one phase of one round.

    Args:
        round: counted from 1.
        rounds: of the whole run.
        seed: of the run; each hospital derives its own from it.
        model: the network, pinned.
        recipe: how to train.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    round: int
    rounds: int
    seed: int
    model: ModelSettings
    recipe: Recipe


def order_content(order: Order, weights: Weights) -> RecordDict:
    """The content of a `train.update` or `evaluate.update` message."""
    return RecordDict(
        {
            "order": ConfigRecord({"json": order.model_dump_json()}),
            "weights": ArrayRecord({name: Array(array) for name, array in weights.items()}),
        }
    )


def read_order(message: Message) -> tuple[Order, Weights]:
    """Reads what `order_content` wrote.

    Raises:
        RejectUpdate: the message has another form.
    """
    try:
        text = message.content.config_records["order"]["json"]
        order = Order.model_validate_json(str(text))
        arrays = message.content.array_records["weights"]
        return order, {name: array.numpy().astype(np.float32, copy=False) for name, array in arrays.items()}
    except Exception:  # whatever numpy and Flower raise on bytes from elsewhere
        raise RejectUpdate(
            "the order cannot be read",
            where=message.metadata.message_type,
            remedy="Use the same clinfed version at every site.",
        ) from None


def hello_content(hello: Hello) -> RecordDict:
    """The content of the answer to `query.hello`."""
    return RecordDict({"answer": ConfigRecord({"status": OK, "hello": hello.model_dump_json()})})


def vector_content(vector: Vector) -> RecordDict:
    """The content of an answer that carries numbers."""
    return RecordDict(
        {
            "answer": ConfigRecord({"status": OK}),
            "vector": ArrayRecord({"vector": Array(vector)}),
        }
    )


def error_content(code: str) -> RecordDict:
    """The content of an answer that carries nothing but why there is none."""
    return RecordDict({"answer": ConfigRecord({"status": code})})


def read_hello(message: Message) -> Hello:
    """Reads a hospital's greeting.

    Raises:
        RejectUpdate: the hospital answered with an error, or in another form.
    """
    _check_status(message)
    try:
        return Hello.model_validate_json(str(message.content.config_records["answer"]["hello"]))
    except (KeyError, ValidationError):
        raise RejectUpdate("the answer cannot be read", where="query.hello") from None


def read_vector(message: Message) -> NDArray[np.generic]:
    """Reads the vector of an answer, unchecked.

    Raises:
        RejectUpdate: the hospital answered with an error, or in another form.
    """
    _check_status(message)
    try:
        vector = message.content.array_records["vector"]["vector"].numpy()
    except Exception:  # whatever numpy and Flower raise on bytes from elsewhere
        raise RejectUpdate("the answer cannot be read", where=message.metadata.message_type) from None
    if not isinstance(vector, np.ndarray):  # bytes that begin as a zip file do are read as a set of arrays
        raise RejectUpdate("the answer is not an array", where=message.metadata.message_type)
    return vector


def _check_status(message: Message) -> None:
    if message.has_error():
        raise RejectUpdate(f"flower-error-{message.error.code}")
    try:
        status = str(message.content.config_records["answer"]["status"])
    except KeyError:
        raise RejectUpdate("the answer cannot be read", where=message.metadata.message_type) from None
    if status != OK:
        raise RejectUpdate(status if status in CODES else "unknown-error")
