"""One exchange with the hospitals over a Flower Grid: push, pull until all have answered or the time is up."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from flwr.app import Message, RecordDict
from flwr.common.serde import message_to_proto
from flwr.serverapp import Grid

POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Exchange:
    """What it cost.

    Args:
        answered: hospitals that did, in time.
        bytes_down: size of the serialized orders.
        bytes_up: size of the serialized replies.
        seconds: wall clock.
    """

    answered: list[str] = field(default_factory=list)
    bytes_down: int = 0
    bytes_up: int = 0
    seconds: float = 0.0


def exchange(
    grid: Grid,
    nodes: Mapping[str, int],
    message_type: str,
    contents: Mapping[str, RecordDict],
    *,
    group: str,
    deadline_seconds: float,
    take: Callable[[str, Message], None],
) -> Exchange:
    """Sends orders to several hospitals and hands over each reply as it comes.

    Args:
        grid: Flower's, or the local one.
        nodes: node id by hospital.
        message_type: such as `train.update`.
        contents: the order by hospital.
        group: Flower's group id, here the round.
        deadline_seconds: a reply that comes later does not count.
        take: called with hospital and reply; the reply is not kept here.

    Returns:
        Who answered, and what it cost.
    """
    started = time.monotonic()
    down = up = 0
    orders = []
    hospitals = sorted(contents)
    for hospital in hospitals:
        order = grid.create_message(
            contents[hospital], message_type, nodes[hospital], group, ttl=deadline_seconds
        )
        down += message_to_proto(order).ByteSize()
        orders.append(order)
    ids = grid.push_messages(orders)  # None for a message Flower refuses, and no ids if it refuses all
    asked = {message_id: hospital for message_id, hospital in zip(ids, hospitals, strict=False) if message_id}
    waiting = set(asked)
    answered = []
    while waiting:
        arrived = list(grid.pull_messages(sorted(waiting)))
        for reply in arrived:
            if reply.metadata.reply_to_message_id not in waiting:
                continue
            waiting.remove(reply.metadata.reply_to_message_id)
            hospital = asked[reply.metadata.reply_to_message_id]  # Flower's own errors come from no hospital
            up += message_to_proto(reply).ByteSize()
            answered.append(hospital)
            take(hospital, reply)
        if not arrived:
            if time.monotonic() - started > deadline_seconds:
                break
            time.sleep(POLL_SECONDS)
    return Exchange(sorted(answered), down, up, time.monotonic() - started)
