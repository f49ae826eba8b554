"""The local Grid behaves as the wire would: bytes cross, objects do not; failures and late answers are errors."""

from collections.abc import Callable, Iterable
from types import SimpleNamespace

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Error, Message, RecordDict
from flwr.app.message import make_message
from flwr.clientapp import ClientApp
from flwr.common.constant import ErrorCode
from typing_extensions import override

from server.exchange import Exchange, exchange
from server.grid import SERVER_NODE, LocalGrid

Handler = Callable[[Message, Context], Message]


def _grid(handler: Handler, hospitals: int = 2) -> LocalGrid:
    app = ClientApp()
    app.train("update")(handler)
    return LocalGrid(app, {f"h{number}": {"name": f"h{number}"} for number in range(hospitals)})


def _content() -> RecordDict:
    return RecordDict(
        {"c": ConfigRecord({"list": [1, 2]}), "w": ArrayRecord({"w": Array(np.ones(3, np.float32))})}
    )


def _echo(message: Message, context: Context) -> Message:
    return Message(RecordDict({"c": ConfigRecord({"name": context.node_config["name"]})}), reply_to=message)


def _order(grid: LocalGrid, node: int, content: RecordDict | None = None, ttl: float = 60.0) -> Message:
    return grid.create_message(content or _content(), "train.update", node, "1", ttl=ttl)


def test_nothing_but_bytes_crosses() -> None:
    """What the client changes or keeps is its own copy, on the way there and on the way back."""
    kept: list[Message] = []
    answers: list[RecordDict] = []

    def meddle(message: Message, context: Context) -> Message:
        kept.append(message)
        message.content.config_records["c"]["list"] = [9]
        message.content.array_records["w"]["w"] = Array(np.zeros(3, np.float32))
        answers.append(RecordDict({"c": ConfigRecord({"list": [3]})}))
        return Message(answers[-1], reply_to=message)

    grid, content = _grid(meddle), _content()
    order = _order(grid, 2, content)
    (reply,) = grid.send_and_receive([order])
    assert kept[0] is not order
    assert kept[0].content is not content
    assert content.config_records["c"]["list"] == [1, 2]
    assert content.array_records["w"]["w"].numpy().tolist() == [1, 1, 1]
    answers[0].config_records["c"]["list"] = [4]
    assert reply.content is not answers[0]
    assert reply.content.config_records["c"]["list"] == [3]


def test_every_hospital_has_its_own_context_and_keeps_it() -> None:
    def count(message: Message, context: Context) -> Message:
        seen = context.state.config_records.get("seen", ConfigRecord({"times": 0}))
        context.state["seen"] = ConfigRecord({"times": int(str(seen["times"])) + 1})
        return Message(RecordDict({"c": context.state.config_records["seen"]}), reply_to=message)

    grid = _grid(count)
    for expected in (1, 2):
        replies = list(grid.send_and_receive([_order(grid, node) for node in grid.get_node_ids()]))
        assert [reply.content.config_records["c"]["times"] for reply in replies] == [expected] * 2


@pytest.mark.parametrize(
    "answer",
    [
        lambda message: (_ for _ in ()).throw(ValueError("Zebrafinch")),
        lambda message: None,  # not a message: what Flower's runtime could not send either
        lambda message: "Zebrafinch",
    ],
)
def test_a_broken_client_is_an_error_without_its_text(answer: Callable[[Message], Message]) -> None:
    grid = _grid(lambda message, context: answer(message))
    (reply,) = grid.send_and_receive([_order(grid, 2)])
    assert reply.has_error()
    assert reply.error.code == ErrorCode.CLIENT_APP_RAISED_EXCEPTION
    assert "Zebrafinch" not in str(reply.error.reason)
    assert reply.metadata.src_node_id == 2


def test_an_unknown_message_type_is_an_error() -> None:
    grid = _grid(_echo)
    (reply,) = grid.send_and_receive([grid.create_message(_content(), "evaluate.update", 2, "1")])
    assert reply.error.code == ErrorCode.CLIENT_APP_RAISED_EXCEPTION


@pytest.mark.parametrize(("ttl", "late"), [(1e-9, True), (3600.0, False)])
def test_a_late_reply_is_an_error(ttl: float, late: bool) -> None:
    grid = _grid(_echo)
    (reply,) = grid.send_and_receive([_order(grid, 2, ttl=ttl)])
    assert reply.has_error() is late
    if late:
        assert reply.error.code == ErrorCode.REPLY_MESSAGE_UNAVAILABLE


def test_each_hospital_has_a_clock_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second is not late because the first took long."""
    now = [0.0]
    monkeypatch.setattr("server.grid.time", SimpleNamespace(monotonic=lambda: now[0]))

    def work(message: Message, context: Context) -> Message:
        now[0] += 50.0
        return _echo(message, context)

    grid = _grid(work, 3)
    replies = list(grid.send_and_receive([_order(grid, node) for node in grid.get_node_ids()]))
    assert [reply.has_error() for reply in replies] == [False] * 3


def test_push_gives_ids_and_pull_gives_each_reply_once() -> None:
    grid = _grid(_echo)
    ids = list(grid.push_messages([_order(grid, 2), _order(grid, 3), _order(grid, 2)]))
    assert len(set(ids)) == 3
    got: list[str] = []
    while replies := list(grid.pull_messages(ids)):
        got += [reply.metadata.reply_to_message_id for reply in replies]
    assert sorted(got) == sorted(ids)
    assert list(grid.pull_messages(ids)) == []


def test_pull_takes_only_what_it_is_asked_for() -> None:
    grid = _grid(_echo)
    first, second = grid.push_messages([_order(grid, 2), _order(grid, 2)])
    (reply,) = grid.pull_messages([second])
    assert reply.metadata.reply_to_message_id == second
    assert list(grid.pull_messages(["unheard of"])) == []
    assert len(list(grid.pull_messages([first]))) == 1


def test_what_cannot_be_delivered_has_no_id() -> None:
    """As Flower's HttpGrid: None in its place."""
    grid = _grid(_echo)
    ids = list(grid.push_messages([_order(grid, 2), _order(grid, 99), _order(grid, 3)]))
    assert [message_id is None for message_id in ids] == [False, True, False]
    nodes = {"a": 2, "ghost": 99, "c": 3}
    replies, _ = _ask(grid, nodes)
    assert sorted(replies) == ["a", "c"]


def _ask(
    grid: LocalGrid, nodes: dict[str, int], deadline_seconds: float = 60.0
) -> tuple[dict[str, Message], Exchange]:
    replies: dict[str, Message] = {}
    done = exchange(
        grid,
        nodes,
        "train.update",
        dict.fromkeys(nodes, _content()),
        group="1",
        deadline_seconds=deadline_seconds,
        take=replies.__setitem__,
    )
    return replies, done


def test_a_client_cannot_answer_for_another() -> None:
    def forge(message: Message, context: Context) -> Message:
        reply = _echo(message, context)
        if context.node_id == 3:
            reply.metadata.__dict__["_src_node_id"] = 2
            reply.metadata.__dict__["_reply_to_message_id"] = "00000001"
        return reply

    grid = _grid(forge)
    replies, _ = _ask(grid, {"a": 2, "b": 3})
    assert {h: r.content.config_records["c"]["name"] for h, r in replies.items()} == {
        "a": "h0",
        "b": "h1",
    }


def test_an_exchange_counts_bytes_and_calls_back() -> None:
    replies, answers = _ask(_grid(_echo), {"a": 2, "b": 3})
    assert list(replies) == answers.answered == ["a", "b"]
    assert answers.bytes_down > 2 * len(_content().array_records["w"]["w"].data)
    assert answers.bytes_up > 0


class _Silent(LocalGrid):
    """A network on which nothing comes back."""

    @override
    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        return []


def test_an_exchange_ends_at_its_deadline() -> None:
    app = ClientApp()
    replies, answers = _ask(_Silent(app, {"a": {}}), {"a": 2}, deadline_seconds=1e-9)
    assert replies == {}
    assert answers.answered == []


class _Apologetic(LocalGrid):
    """Puts its own error in place of a reply, from the aggregator's node, as Flower's HttpGrid does."""

    @override
    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        replies = []
        for reply in super().pull_messages(message_ids):
            metadata = reply.metadata
            metadata.__dict__["_src_node_id"] = SERVER_NODE
            replies += [make_message(metadata=metadata, error=Error(ErrorCode.MESSAGE_UNAVAILABLE)), reply]
        return replies


def test_an_error_of_flowers_own_is_the_answer_of_the_hospital_that_was_asked() -> None:
    app = ClientApp()
    app.train("update")(_echo)
    grid = _Apologetic(app, {name: {"name": name} for name in "ab"})
    replies, _ = _ask(grid, {"a": 2, "b": 3})
    assert sorted(replies) == ["a", "b"]
    assert all(reply.has_error() for reply in replies.values())  # what came second does not replace it
