"""The local Grid: a whole federation in one process, every message serialized as on the wire.

ServerApp and ClientApp are the real ones; only the network between them is short. Hospitals answer one after the
other, each by its own clock: one that needs longer than its order's time to live counts as late, as it would if
all ran at once.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import cast

from flwr.app import Context, Error, Message, RecordDict
from flwr.app.user_config import UserConfigValue
from flwr.clientapp import ClientApp
from flwr.common.constant import ErrorCode
from flwr.common.serde import message_from_proto, message_to_proto
from flwr.proto.message_pb2 import Message as ProtoMessage
from flwr.serverapp import Grid
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity
from typing_extensions import override

RUN_ID, SERVER_NODE, TASK_ID = 1, 1, 1
FIRST_HOSPITAL_NODE = 2


@dataclass
class _Node:
    context: Context
    inbox: dict[str, Message] = field(default_factory=dict)


class LocalGrid(Grid):
    """Delivers messages to a ClientApp in this process.

    Args:
        app: the hospitals' ClientApp, as `client.app:app` names it.
        hospitals: node configuration by name; node ids are given in this order.
    """

    def __init__(self, app: ClientApp, hospitals: Mapping[str, Mapping[str, UserConfigValue]]) -> None:
        TaskIdentity.run_id, TaskIdentity.node_id, TaskIdentity.task_id = RUN_ID, SERVER_NODE, TASK_ID
        self._app = app
        self._run = Run.create_empty(RUN_ID)
        self._next_message = 1
        self._nodes = {
            node: _Node(
                Context(
                    run_id=RUN_ID, node_id=node, node_config=dict(config), state=RecordDict(), run_config={}
                )
            )
            for node, config in enumerate(hospitals.values(), start=FIRST_HOSPITAL_NODE)
        }

    @override
    def set_run(self, run: Run) -> None:
        self._run = run

    @property
    @override
    def run(self) -> Run:
        return self._run

    @override
    def create_message(
        self,
        content: RecordDict,
        message_type: str,
        dst_node_id: int,
        group_id: str,
        ttl: float | None = None,
    ) -> Message:
        return Message(content, dst_node_id, message_type, ttl=ttl, group_id=group_id)

    @override
    def get_node_ids(self) -> Iterable[int]:
        return list(self._nodes)

    @override
    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        ids: list[str | None] = []
        for message in messages:
            node = self._nodes.get(message.metadata.dst_node_id)
            if node is None:
                ids.append(None)
                continue
            message_id = f"{self._next_message:08d}"
            self._next_message += 1
            node.inbox[message_id] = message  # serialized on delivery: the bytes of one order at a time
            ids.append(message_id)
        return cast(list[str], ids)  # with None for what cannot be delivered, as Flower's HttpGrid has it

    @override
    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Lets the next hospital that was asked work, and returns its reply."""
        wanted = set(message_ids)
        for node in self._nodes.values():
            for message_id in sorted(wanted & node.inbox.keys()):
                return [self._deliver(node, message_id)]
        return []

    @override
    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterable[Message]:
        waiting = set(self.push_messages(messages))
        replies: list[Message] = []
        while arrived := list(self.pull_messages(waiting)):
            replies.extend(arrived)
        return replies

    def _deliver(self, node: _Node, message_id: str) -> Message:
        order = message_to_proto(node.inbox.pop(message_id))
        order.metadata.message_id = message_id
        message = message_from_proto(ProtoMessage.FromString(order.SerializeToString()))
        started = time.monotonic()
        try:
            reply = message_to_proto(self._app(message, node.context))
        except Exception:  # as Flower's own runtime does, but without the exception's text
            reply = _error(ErrorCode.CLIENT_APP_RAISED_EXCEPTION, message)
        if time.monotonic() - started > message.metadata.ttl:
            reply = _error(ErrorCode.REPLY_MESSAGE_UNAVAILABLE, message)
        reply.metadata.src_node_id = message.metadata.dst_node_id  # the app cannot answer for another node
        reply.metadata.reply_to_message_id = message.metadata.message_id
        return message_from_proto(ProtoMessage.FromString(reply.SerializeToString()))


def _error(code: int, message: Message) -> ProtoMessage:
    return message_to_proto(Message(Error(code), reply_to=message))
