"""The ClientApp answers with numbers or with a code, whatever happens behind it."""

import importlib
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.common.serde import message_to_proto

from server.grid import RUN_ID, LocalGrid
from shared import errors
from shared.errors import ClinfedError, RejectUpdate
from shared.models.build import build_tagger
from shared.models.tagger import get_weights
from shared.sources import NoteSource
from shared.wire import Order, hello_order, order_content, read_hello, read_order, read_vector

TEXT = "Mr Zebrafinch has gout"


@pytest.fixture
def context() -> Callable[[NoteSource], Context]:
    def make(source: NoteSource) -> Context:
        config = {"source": source.model_dump_json(exclude_none=True)}
        return Context(run_id=RUN_ID, node_id=2, node_config=config, state=RecordDict(), run_config={})

    return make


@pytest.fixture
def content(town: Any) -> RecordDict:
    settings = town.settings(town.hospitals("a"))
    order = Order(round=1, rounds=1, seed=1, model=settings.model, recipe=settings.recipe)
    return order_content(order, get_weights(build_tagger(order.model)))


def _message(kind: str, content: RecordDict | None = None) -> Message:
    LocalGrid(ClientApp(), {})  # gives this process the identity that Flower's messages need
    return Message(RecordDict() if content is None else content, 2, kind)


def test_answers(town: Any, context: Any, content: RecordDict, client_app: ClientApp) -> None:
    here = context(town.hospital("a"))
    hello = read_hello(client_app(_message("query.hello", hello_order(town.model())), here))
    assert hello.hospital == "a"
    update = client_app(_message("train.update", content), here)
    counts = read_vector(client_app(_message("evaluate.update", content), here))
    assert read_vector(update).dtype == np.float32
    assert counts.shape == (4,)
    assert list(update.content.keys()) == ["answer", "vector"]
    assert dict(update.content.config_records["answer"]) == {"status": "ok"}
    assert list(here.state.keys()) == []  # nothing is left with Flower


ERRORS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ClinfedError)]


@pytest.mark.parametrize("kind", ERRORS)
@pytest.mark.parametrize("phase", ["query.hello", "train.update", "evaluate.update"])
def test_our_errors_leave_as_their_code(
    kind: type[ClinfedError],
    phase: str,
    town: Any,
    context: Any,
    content: RecordDict,
    client_app: ClientApp,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    error = kind(TEXT, where="pelican-1", remedy=TEXT)
    status = _fail(error, phase, context(town.hospital("a")), content, client_app, monkeypatch, caplog)
    assert status == kind.code


class _Odd(Exception):
    def __str__(self) -> str:
        raise ValueError(TEXT)


@pytest.mark.parametrize(
    "error",
    [
        ValueError(TEXT),
        KeyError(TEXT),
        UnicodeDecodeError("utf-8", TEXT.encode(), 0, 1, TEXT),
        RuntimeError(TEXT, {"patient": "pelican-1"}),
        MemoryError(TEXT),
        StopIteration(TEXT),
        RecursionError(TEXT),
        OSError(2, TEXT, "pelican-1"),
        AssertionError(TEXT),
        _Odd(TEXT),
    ],
)
@pytest.mark.parametrize("phase", ["query.hello", "train.update", "evaluate.update"])
def test_all_others_leave_as_one_code(
    error: Exception,
    phase: str,
    town: Any,
    context: Any,
    content: RecordDict,
    client_app: ClientApp,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    status = _fail(error, phase, context(town.hospital("a")), content, client_app, monkeypatch, caplog)
    assert status == "internal-error"


def _fail(
    error: Exception,
    phase: str,
    context: Context,
    content: RecordDict,
    app: ClientApp,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> str:
    """The status of the answer to an order that fails, once it is clear that nothing else of the error leaves."""
    caplog.set_level(logging.DEBUG)

    def fail(*_: Any) -> None:
        raise error

    for method in ("hello", "update", "evaluate"):
        monkeypatch.setattr(importlib.import_module("client.agent").Agent, method, fail)
    reply = app(
        _message(
            phase,
            hello_order(read_order(_message("train.update", content))[0].model)
            if phase == "query.hello"
            else content,
        ),
        context,
    )
    assert reply.has_content()
    wire = message_to_proto(reply).SerializeToString()
    for canary in ("Zebrafinch", "gout", "pelican"):
        assert canary.encode() not in wire
        assert canary not in caplog.text
    with pytest.raises(RejectUpdate):
        (read_hello if phase == "query.hello" else read_vector)(reply)
    return str(reply.content.config_records["answer"]["status"])


@pytest.mark.parametrize(
    "order",
    [
        RecordDict(),
        RecordDict({"order": ConfigRecord({"json": "{}"})}),
        RecordDict({"order": ConfigRecord({"json": "not JSON"})}),
    ],
)
def test_an_order_in_another_form_is_refused(
    order: RecordDict, town: Any, context: Any, client_app: ClientApp
) -> None:
    reply = client_app(_message("train.update", order), context(town.hospital("a")))
    assert reply.content.config_records["answer"]["status"] == "reject-update"


def test_weights_of_another_network_are_refused(town: Any, context: Any, client_app: ClientApp) -> None:
    settings = town.settings(town.hospitals("a"))
    order = Order(round=1, rounds=1, seed=1, model=settings.model, recipe=settings.recipe)
    weights = get_weights(build_tagger(town.model(hidden=9)))
    reply = client_app(_message("train.update", order_content(order, weights)), context(town.hospital("a")))
    assert reply.content.config_records["answer"]["status"] == "reject-update"


def test_bad_notes_and_bad_configuration_are_codes(town: Any, context: Any, client_app: ClientApp) -> None:
    path: Path = town.folder / "bad.jsonl"
    path.write_text(json.dumps({"doc_id": "1", "text": TEXT, "entities": [{"start": 0, "end": 99}]}) + "\n")
    bad = context(NoteSource(hospital="bad", notes=str(path)))
    nowhere = context(NoteSource(hospital="x"))
    broken = Context(run_id=1, node_id=2, node_config={}, state=RecordDict(), run_config={})
    statuses = [
        client_app(_message("query.hello", hello_order(town.model())), here).content.config_records["answer"][
            "status"
        ]
        for here in (bad, nowhere, broken)
    ]
    assert statuses == ["fix-notes", "fix-federation", "internal-error"]
