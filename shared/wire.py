"""Orders and answers as Flower messages: the only place that knows both forms.

A phase of a secure sum carries its bytes in one field, `message`; while the sum of the next task is prepared on the
way, the bytes of that ride along as `next`. In `update`, the model goes down beside the order and the vector comes
up; in `unmask`, seeds of noise that turned out to be too much may come with the answer.
"""

from typing import Any, Literal, TypeVar

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, RecordDict
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import ClinfedError, RejectUpdate
from shared.models.settings import ModelSettings
from shared.models.tagger import Weights
from shared.private import PrivateRound
from shared.refusal import Reason, RefuseRound
from shared.training import Recipe
from shared.units import UNITS, Unit
from shared.vector import Vector

OK = "ok"
CODES = {
    "internal-error",
    *(error.code for error in ClinfedError.__subclasses__()),
    *(f"{RefuseRound.code}/{reason}" for reason in Reason),
}  # no other is passed on
Phase = Literal["advertise", "encapsulate", "share", "update", "confirm", "unmask"]
PHASES: tuple[Phase, ...] = ("advertise", "encapsulate", "share", "update", "confirm", "unmask")
Kind = Literal["train", "evaluate", "count"]
# Flower's categories of messages; it knows no other.
CATEGORY: dict[Kind, str] = {"train": "train", "evaluate": "evaluate", "count": "query"}
Form = TypeVar("Form", bound=BaseModel)


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
    train_examples: int = Field(ge=1)
    """Windows that training goes over, by which updates are weighted; in a private run, units that are trained on."""


class Order(BaseModel):
    """What the aggregator asks of a hospital in one phase of one round.

    Args:
        round: counted from 1.
        rounds: of the whole run.
        seed: of the run; each hospital derives its own from it.
        model: the network, pinned.
        recipe: how to train.
        private: how to make the answer private; None if it need not be, which hospitals with a budget refuse.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    round: int
    rounds: int
    seed: int
    model: ModelSettings
    recipe: Recipe
    private: PrivateRound | None = None


def order_content(order: BaseModel, weights: Weights) -> RecordDict:
    """The content of a `train.update`, `evaluate.update` or `query.update` message."""
    return RecordDict(
        {
            "order": ConfigRecord({"json": order.model_dump_json()}),
            "weights": ArrayRecord({name: Array(array) for name, array in weights.items()}),
        }
    )


def with_sum(content: RecordDict, message: bytes) -> RecordDict:
    """The same content for one hospital of a secure sum; the model's arrays are shared, not copied."""
    return RecordDict({**content, "sum": ConfigRecord({"message": message})})


def read_order(message: Message) -> tuple[Order, Weights]:
    """Reads what `order_content` wrote of an order to train or to evaluate.

    Raises:
        RejectUpdate: the message has another form.
    """
    return read_task(message, Order)


def read_task(message: Message, form: type[Form]) -> tuple[Form, Weights]:
    """Reads what `order_content` wrote.

    Args:
        message: of `update`.
        form: of the order.

    Raises:
        RejectUpdate: the message has another form.
    """
    try:
        text = message.content.config_records["order"]["json"]
        order = form.model_validate_json(str(text))
        arrays = message.content.array_records["weights"]
        return order, {name: array.numpy().astype(np.float32, copy=False) for name, array in arrays.items()}
    except Exception:  # whatever numpy and Flower raise on bytes from elsewhere
        raise _unreadable_order(message) from None


def sum_content(message: bytes, following: bytes | None = None) -> RecordDict:
    """The content of an order in a phase of a secure sum, apart from `update`.

    Args:
        message: of the sum.
        following: of the sum after it, if its keys are exchanged on the way.
    """
    return RecordDict({"sum": ConfigRecord(_fields(message, following))})


def read_sum(message: Message) -> tuple[bytes, bytes | None]:
    """Reads what `sum_content`, or `order_content` with a sum, wrote.

    Raises:
        RejectUpdate: the message has another form.
    """
    try:
        return _read_fields(message.content.config_records["sum"])
    except (KeyError, TypeError):
        raise _unreadable_order(message) from None


def is_secure(message: Message) -> bool:
    """Whether an order belongs to a secure sum."""
    return "sum" in message.content


def hello_order(model: ModelSettings | None, unit: Unit | None = None) -> RecordDict:
    """The content of `query.hello`: the model, for which hospitals count their examples, and the unit of privacy.

    Without a model, hospitals count notes, or units.
    """
    text = "" if model is None else model.model_dump_json()
    return RecordDict({"order": ConfigRecord({"model": text, "unit": unit or ""})})


def read_hello_order(message: Message) -> tuple[ModelSettings | None, Unit | None]:
    """Reads what `hello_order` wrote.

    Raises:
        RejectUpdate: the message has another form.
    """
    try:
        order = message.content.config_records["order"]
        text, unit = order["model"], order["unit"]
        model = None if text == "" else ModelSettings.model_validate_json(str(text))
    except (KeyError, ValidationError):
        raise _unreadable_order(message) from None
    if unit == "":
        return model, None
    for known in UNITS:
        if unit == known:
            return model, known
    raise _unreadable_order(message)


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


def answer_content(
    message: bytes,
    following: bytes | None = None,
    vector: NDArray[np.uint32] | None = None,
    seeds: bytes = b"",
) -> RecordDict:
    """The content of an answer in a phase of a secure sum.

    Args:
        message: of the sum.
        following: of the sum after it, if its keys are exchanged on the way.
        vector: in `update`, masked.
        seeds: in `unmask`, of noise that was not needed.
    """
    fields = _fields(message, following) | ({"seeds": seeds} if seeds else {})
    content = RecordDict({"answer": ConfigRecord({"status": OK, **fields})})
    if vector is not None:
        content["vector"] = ArrayRecord({"vector": Array(vector)})
    return content


def read_answer(message: Message) -> tuple[bytes, bytes | None]:
    """Reads an answer in a phase of a secure sum.

    Raises:
        RejectUpdate: the hospital answered with an error, or in another form.
    """
    _check_status(message)
    try:
        return _read_fields(message.content.config_records["answer"])
    except (KeyError, TypeError):
        raise RejectUpdate("the answer cannot be read", where=message.metadata.message_type) from None


def read_seeds(message: Message) -> bytes:
    """Reads the seeds of an answer in `unmask`, unchecked; empty if there are none."""
    seeds = message.content.config_records["answer"].get("seeds", b"")
    return seeds if isinstance(seeds, bytes) else b""


def error_content(error: str) -> RecordDict:
    """The content of an answer that carries nothing but why there is none."""
    return RecordDict({"answer": ConfigRecord({"status": error})})


def code_of(error: ClinfedError) -> str:
    """What of an error leaves the hospital."""
    return f"{error.code}/{error.reason}" if isinstance(error, RefuseRound) else error.code


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


def _fields(message: bytes, following: bytes | None) -> dict[str, Any]:
    return {"message": message} if following is None else {"message": message, "next": following}


def _read_fields(record: ConfigRecord) -> tuple[bytes, bytes | None]:
    message, following = record["message"], record.get("next")
    if not isinstance(message, bytes) or not (following is None or isinstance(following, bytes)):
        raise TypeError
    return message, following


def _unreadable_order(message: Message) -> RejectUpdate:
    return RejectUpdate(
        "the order cannot be read",
        where=message.metadata.message_type,
        remedy="Use the same clinfed version at every site.",
    )
