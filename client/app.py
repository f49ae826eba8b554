"""The Flower ClientApp: it passes orders to the hospital's agent and answers back, and holds nothing itself.

Whatever goes wrong leaves the hospital as a code: Flower would send an exception's text to the aggregator.
"""

import json
import logging
import traceback
from collections.abc import Callable
from functools import lru_cache

from flwr.app import Context, Message, RecordDict
from flwr.clientapp import ClientApp

from client.agent import Agent
from shared.errors import ClinfedError
from shared.sources import NoteSource
from shared.wire import error_content, hello_content, read_order, vector_content

AGENTS_KEPT = 32  # of a local federation in one process; the others read their notes again when asked

log = logging.getLogger("clinfed.client")
app = ClientApp()


@app.query("hello")
def hello(message: Message, context: Context) -> Message:
    """Answers `query.hello`."""
    return _answer(message, lambda: hello_content(_agent(context).hello()))


@app.train("update")
def update(message: Message, context: Context) -> Message:
    """Answers `train.update`."""
    return _answer(message, lambda: vector_content(_agent(context).update(*read_order(message))))


@app.evaluate("update")
def evaluate(message: Message, context: Context) -> Message:
    """Answers `evaluate.update`."""
    return _answer(message, lambda: vector_content(_agent(context).evaluate(*read_order(message))))


def _answer(message: Message, work: Callable[[], RecordDict]) -> Message:
    try:
        content = work()
    except ClinfedError as error:
        log.error("%s: %s", message.metadata.message_type, error.code)
        content = error_content(error.code)
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        log.error("%s: %s, line %s", message.metadata.message_type, type(error).__name__, place.lineno)
        content = error_content("internal-error")
    return Message(content, reply_to=message)


def _agent(context: Context) -> Agent:
    return _agent_for(str(context.node_config["source"]))


@lru_cache(maxsize=AGENTS_KEPT)
def _agent_for(source: str) -> Agent:
    return Agent(NoteSource.model_validate(json.loads(source)))
