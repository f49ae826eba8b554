"""One exchange with the hospitals over a Flower Grid: push, pull until all have answered or the time is up."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flwr.app import Message, RecordDict
from flwr.common.serde import message_to_proto
from flwr.serverapp import Grid

from shared.wire import MessageType

POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Exchange:
    """What came back.

    Args:
        replies: by hospital; those that did not answer in time are absent.
        bytes_down: size of the serialized orders.
        bytes_up: size of the serialized replies.
        seconds: wall clock.
    """

    replies: dict[str, Message]
    bytes_down: int
    bytes_up: int
    seconds: float


def exchange(
    grid: Grid,
    nodes: Mapping[str, int],
    message_type: MessageType,
    content: RecordDict,
    *,
    group: str,
    deadline_seconds: float,
    on_reply: Callable[[str], None] | None = None,
) -> Exchange:
    """Sends one content to several hospitals and collects their replies.

    Args:
        grid: Flower's, or the local one.
        nodes: node id by hospital.
        message_type: such as `train.update`.
        content: the same for all.
        group: Flower's group id, here the round.
        deadline_seconds: a reply that comes later does not count.
        on_reply: called with the hospital's name at every reply.

    Returns:
        The replies and what they cost.
    """
    started = time.monotonic()
    down = 0
    orders = []
    hospitals = sorted(nodes)
    for hospital in hospitals:
        order = grid.create_message(content, message_type, nodes[hospital], group, ttl=deadline_seconds)
        down += message_to_proto(order).ByteSize()
        orders.append(order)
    ids = grid.push_messages(
        orders
    )  # Flower gives None for a message it refuses, and no ids if it refuses all
    asked = {message_id: hospital for message_id, hospital in zip(ids, hospitals, strict=False) if message_id}
    waiting = set(asked)
    replies: dict[str, Message] = {}
    up = 0
    while waiting:
        arrived = list(grid.pull_messages(sorted(waiting)))
        for reply in arrived:
            if reply.metadata.reply_to_message_id not in waiting:
                continue
            waiting.remove(reply.metadata.reply_to_message_id)
            hospital = asked[reply.metadata.reply_to_message_id]  # Flower's own errors come from no hospital
            replies[hospital] = reply
            up += message_to_proto(reply).ByteSize()
            if on_reply is not None:
                on_reply(hospital)
        if not arrived:
            if time.monotonic() - started > deadline_seconds:
                break
            time.sleep(POLL_SECONDS)
    return Exchange(replies, down, up, time.monotonic() - started)
