"""Flower's SecAgg+ in one process: its own client mod and its own workflow, with a wire of ours between them.

The peer that `clinfed bench secagg` compares our protocol with. Serialization is counted in bytes, never in seconds.
"""

import logging
import time
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.common.serde import message_from_proto, message_to_proto
from flwr.proto.message_pb2 import Message as ProtoMessage
from flwr.serverapp import Grid
from flwr.supercore.task_identity import TaskIdentity
from numpy.typing import NDArray

with warnings.catch_warnings():  # the legacy interface, which is all that SecAgg+ works with, warns on import
    warnings.simplefilter("ignore")
    from flwr.client.mod import secaggplus_mod
    from flwr.common import (
        Code,
        FitIns,
        FitRes,
        Parameters,
        Status,
        ndarrays_to_parameters,
        parameters_to_ndarrays,
    )
    from flwr.compat.common.recorddict_compat import fitres_to_recorddict, parameters_to_arrayrecord
    from flwr.server import LegacyContext
    from flwr.server.workflow import SecAggPlusWorkflow
    from flwr.server.workflow.constant import MAIN_CONFIGS_RECORD, MAIN_PARAMS_RECORD, Key

QUANTIZATION_RANGE = 2**22
PHASES = 4
NO_PARAMETERS = Parameters(tensors=[], tensor_type="numpy.ndarray")


@dataclass(frozen=True)
class Cost:
    """What one aggregation costs: CPU time, all threads together, and bytes of serialized messages.

    Attributes:
        client_seconds: of one hospital over all phases; the mean over those that finished.
        server_seconds: over all phases, from the first order to the decoded average; hospitals' work left out.
        bytes_up: replies of one hospital over all phases; the mean over those that finished.
        bytes_down: orders to one hospital over all phases; the mean over those that finished. The global model,
            which any protocol must send too, is not among them.
    """

    client_seconds: float
    server_seconds: float
    bytes_up: float
    bytes_down: float


def flower_secagg(
    vectors: list[NDArray[np.float32]], *, drops: int, clip: float = 8.0
) -> tuple[NDArray[np.float64], Cost]:
    """Sums vectors with Flower's SecAgg+ on the complete graph, every hospital with weight 1.

    Args:
        vectors: one a hospital, each `(length,)`.
        drops: how many hospitals, the last ones, vanish once their seeds are shared.
        clip: entries are cut to [-clip, clip].

    Returns:
        The sum over the hospitals that stayed, `(length,)`, and what it cost.

    Raises:
        RuntimeError: Flower gave no result, or not the sum.
    """
    hospitals = [Hospital(node, vector) for node, vector in enumerate(vectors, start=1)]
    survivors = hospitals[: len(hospitals) - drops]
    wire = _Wire(hospitals, vanished={hospital.node for hospital in hospitals[len(survivors) :]})
    strategy = _Strategy(hospitals)
    workflow = SecAggPlusWorkflow(
        num_shares=1.0,  # of the hospitals: n shares; given as a whole number, n = 2 is refused
        reconstruction_threshold=(2 * len(hospitals) // 3 + 1) / len(hospitals),
        max_weight=1.0,
        clipping_range=clip,
        quantization_range=QUANTIZATION_RANGE,
    )
    context = _server_context(strategy)
    logger = logging.getLogger("flwr")
    level, logger.level = logger.level, logging.CRITICAL
    try:
        started = time.process_time()
        workflow(cast(Grid, wire), context)
        server_seconds = time.process_time() - started - wire.seconds
    finally:
        logger.level = level
    if strategy.average is None:
        raise RuntimeError("SecAgg+ halted without a result")

    total = strategy.average * len(survivors)
    plain = np.sum([np.clip(h.vector, -clip, clip, dtype=np.float64) for h in survivors], axis=0)
    quantum = 2 * clip / QUANTIZATION_RANGE
    if np.abs(total - plain).max() > 1.5 * quantum * len(survivors):  # rounds by chance, in single precision
        raise RuntimeError("SecAgg+ did not return the sum")
    cost = Cost(
        client_seconds=sum(hospital.seconds for hospital in survivors) / len(survivors),
        server_seconds=server_seconds,
        bytes_up=sum(wire.up[hospital.node] for hospital in survivors) / len(survivors),
        bytes_down=sum(wire.down[hospital.node] for hospital in survivors) / len(survivors),
    )
    return total, cost


class Hospital:
    """A Flower client for one round: what it keeps between orders (`context`), and the update it hands to the mod.

    Args:
        node: its Flower node id.
        vector: the update, `(length,)`.
        examples: its weight.
    """

    def __init__(self, node: int, vector: NDArray[np.float32], examples: int = 1) -> None:
        self.node, self.vector, self.seconds = node, vector, 0.0
        self.context = Context(run_id=1, node_id=node, node_config={}, state=RecordDict(), run_config={})
        fit = FitRes(Status(Code.OK, ""), ndarrays_to_parameters([vector]), examples, {})
        self._trained = fitres_to_recorddict(fit, keep_input=True)

    def answer(self, order: Message) -> Message:
        """Lets Flower's mod answer, and adds the CPU time to `seconds`."""
        started = time.process_time()  # not thread_time: the mod shares secrets in threads
        reply = secaggplus_mod(order, self.context, self._train)
        self.seconds += time.process_time() - started
        return reply

    def _train(self, order: Message, _: Context) -> Message:
        return Message(self._trained, reply_to=order)


class _Wire:
    """The part of a Grid that the workflow uses; `seconds` is CPU time spent here, to take off the server's."""

    def __init__(self, hospitals: list[Hospital], vanished: set[int]) -> None:
        TaskIdentity.run_id, TaskIdentity.node_id, TaskIdentity.task_id = 1, len(hospitals) + 1, 1
        self._hospitals = {hospital.node: hospital for hospital in hospitals}
        self._vanished, self._phase, self.seconds = vanished, 0, 0.0
        self.up, self.down = dict.fromkeys(self._hospitals, 0), dict.fromkeys(self._hospitals, 0)

    def send_and_receive(self, orders: Iterable[Message], *, timeout: float | None = None) -> list[Message]:
        started = time.process_time()
        self._phase += 1
        replies = []
        for order in orders:
            node = order.metadata.dst_node_id
            order, size = _carry(order)
            self.down[node] += size
            if self._phase >= PHASES - 1 and node in self._vanished:
                continue
            reply, size = _carry(self._hospitals[node].answer(order))
            self.up[node] += size
            replies.append(reply)
        self.seconds += time.process_time() - started
        return replies


class _Strategy:
    """Asks every hospital to train, and keeps what the workflow decoded."""

    def __init__(self, hospitals: list[Hospital]) -> None:
        self._hospitals = hospitals
        self.average: NDArray[np.float64] | None = None

    def configure_fit(self, *_: Any) -> list[tuple[Any, FitIns]]:
        return [(_Proxy(hospital.node), FitIns(NO_PARAMETERS, {})) for hospital in self._hospitals]

    def aggregate_fit(
        self, _: int, results: list[tuple[Any, FitRes]], __: Any
    ) -> tuple[None, dict[str, Any]]:
        (self.average,) = parameters_to_ndarrays(results[0][1].parameters)  # the same for each hospital
        return None, {}


@dataclass(frozen=True)
class _Proxy:
    node_id: int


class _Manager:
    def num_available(self) -> int:
        return 0  # for a log line only


def _carry(message: Message) -> tuple[Message, int]:
    """The message as the other side reads it, and its bytes."""
    proto = message_to_proto(message)
    return message_from_proto(ProtoMessage.FromString(proto.SerializeToString())), proto.ByteSize()


def _server_context(strategy: _Strategy) -> LegacyContext:
    state = RecordDict()
    state.config_records[MAIN_CONFIGS_RECORD] = ConfigRecord({Key.CURRENT_ROUND: 1})
    state.array_records[MAIN_PARAMS_RECORD] = parameters_to_arrayrecord(NO_PARAMETERS, keep_input=True)
    context = Context(run_id=1, node_id=0, node_config={}, state=state, run_config={})
    return LegacyContext(context, strategy=cast(Any, strategy), client_manager=cast(Any, _Manager()))
