"""Listens to a whole federation: every order and every answer, and whether each holds only what it may."""

import json

import numpy as np
from flwr.app import Context, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.common.serde import message_from_proto, message_to_proto

from shared.wire import PHASES

SIZES = ("notes", "patients", "train_notes", "held_out_notes", "train_examples")
HELLO_FIELDS = {"hospital", "version", "labels", *SIZES}


class Wire:
    """Passes everything on and keeps a copy: (hospital, type, content) of orders and answers."""

    def __init__(self, app: ClientApp) -> None:
        self.orders: list[tuple[str, str, RecordDict]] = []
        self.answers: list[tuple[str, str, RecordDict]] = []
        self.app = ClientApp()

        def pass_on(message: Message, context: Context) -> Message:
            hospital = str(json.loads(str(context.node_config["source"]))["hospital"])
            kind = message.metadata.message_type
            self.orders.append((hospital, kind, message.content))
            answer = app(message, context)
            self.answers.append((hospital, kind, message_from_proto(message_to_proto(answer)).content))
            return answer

        self.app.query("hello")(pass_on)
        for phase in PHASES:
            self.app.query(phase)(pass_on)
            self.app.train(phase)(pass_on)
            self.app.evaluate(phase)(pass_on)

    def types(self, kind: str = "train") -> list[str]:
        """Phases of each exchange, in order, without repetition in a row."""
        found = [name.removeprefix(f"{kind}.") for _, name, _ in self.orders if name.startswith(kind)]
        return [phase for i, phase in enumerate(found) if i == 0 or found[i - 1] != phase]


def check_answer(kind: str, content: RecordDict, *, seeds: int = 0, rounded: bool = False) -> bool:
    """Asserts that an answer holds what it may; whether it holds a vector.

    Args:
        kind: message type.
        content: of the answer.
        seeds: bytes of seeds of noise that was not needed, in `unmask`.
        rounded: whether sizes have two digits.
    """
    fields = dict(content.config_records["answer"])
    assert fields.pop("status") == "ok"
    if kind == "query.hello":
        hello = json.loads(str(fields.pop("hello")))
        assert set(hello) == HELLO_FIELDS
        for name in SIZES if rounded else ():
            assert hello[name] >= 10
            assert len(str(hello[name]).rstrip("0")) <= 2
        assert (list(content.keys()), fields) == (["answer"], {})
        return False
    revealed = fields.pop("seeds", b"")
    assert isinstance(revealed, bytes)
    assert len(revealed) == (seeds if kind.endswith(".unmask") else 0)
    for name, value in fields.items():
        assert name in ("message", "next")
        assert isinstance(value, bytes)
        assert value.startswith(b"HSA1")
        looks_random(value[200:] if len(value) > 2000 else b"")
    if not kind.endswith(".update"):
        assert list(content.keys()) == ["answer"]
        return False
    assert list(content.keys()) == ["answer", "vector"]
    words = content.array_records["vector"]["vector"].numpy()
    assert words.dtype == np.uint32
    if words.size > 1000:
        looks_random(words.tobytes())
    return True


def check_order(kind: str, content: RecordDict) -> None:
    """Asserts that an order holds what it may: nothing that one hospital sent in the clear comes to another."""
    if kind == "query.hello":
        assert list(content.keys()) == ["order"]
        return
    (message, *_) = dict(content.config_records["sum"]).values()
    assert isinstance(message, bytes)
    expected = ["order", "weights", "sum"] if kind.endswith(".update") else ["sum"]
    assert list(content.keys()) == expected


def looks_random(data: bytes) -> None:
    """Chi-square of byte values; 255 degrees of freedom, and 450 is beyond 1 in 10^12."""
    if data:
        counts = np.bincount(np.frombuffer(data, np.uint8), minlength=256)
        expected = len(data) / 256
        assert float(((counts - expected) ** 2 / expected).sum()) < 450
