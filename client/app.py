"""The Flower ClientApp: it passes orders to the hospital's agent and answers back, and holds nothing itself.

Whatever goes wrong leaves the hospital as a code: Flower would send an exception's text to the aggregator.
"""

import privacy.logs.first  # noqa: F401 - before anything else, so that nothing is logged unredacted

# isort: split
import json
import logging
import traceback
from collections.abc import Callable
from functools import cache

from flwr.app import Context, Message, RecordDict
from flwr.clientapp import ClientApp

from client.agent import Agent
from client.counts import count
from client.secure import SecureSums, encode_and_mask, mask_integers, sum_of_terms
from privacy.secagg.client import ClientSum, MaskedVector
from privacy.site import SiteSettings
from privacy.task import digest_task
from shared.count_order import CountOrder, counting_of, pairs_as_weights
from shared.errors import ClinfedError, FixSettings
from shared.models.tagger import Weights
from shared.refusal import Reason, RefuseRound
from shared.sources import NoteSource
from shared.wire import (
    Kind,
    Order,
    answer_content,
    code_of,
    error_content,
    hello_content,
    is_secure,
    read_hello_order,
    read_order,
    read_sum,
    read_task,
    vector_content,
)

AGENTS_KEPT = 32  # in one process with their notes at hand; the others read them again when asked
_recent: list[Agent] = []

log = logging.getLogger("clinfed.client")
app = ClientApp()


@app.query("hello")
def hello(message: Message, context: Context) -> Message:
    """Answers `query.hello`."""
    return _answer(message, lambda: hello_content(_agent(context).hello(*read_hello_order(message))))


@app.train("update")
def update(message: Message, context: Context) -> Message:
    """Answers `train.update`."""
    return _answer(message, lambda: _vector(message, _agent(context), "train"))


@app.evaluate("update")
def evaluate(message: Message, context: Context) -> Message:
    """Answers `evaluate.update`."""
    return _answer(message, lambda: _vector(message, _agent(context), "evaluate"))


@app.query("update")
def count_pairs(message: Message, context: Context) -> Message:
    """Answers `query.update`: counts of word pairs."""
    return _answer(message, lambda: _counts(message, _agent(context)))


@app.train("advertise")
@app.evaluate("advertise")
@app.query("advertise")
def advertise(message: Message, context: Context) -> Message:
    """Answers `advertise` of every category, as the functions below do for their phases."""
    return _answer(message, lambda: answer_content(_secure(context).advertise(read_sum(message)[0])))


@app.train("encapsulate")
@app.evaluate("encapsulate")
@app.query("encapsulate")
def encapsulate(message: Message, context: Context) -> Message:
    """Makes KEM secrets."""
    return _answer(message, lambda: answer_content(_secure(context).encapsulate(read_sum(message)[0])))


@app.train("share")
@app.evaluate("share")
@app.query("share")
def share(message: Message, context: Context) -> Message:
    """Shares seeds."""
    return _answer(message, lambda: answer_content(_secure(context).share(read_sum(message)[0])))


@app.train("confirm")
@app.evaluate("confirm")
@app.query("confirm")
def confirm(message: Message, context: Context) -> Message:
    """Signs the set of hospitals in the sum."""
    return _answer(message, lambda: answer_content(*_secure(context).confirm(*read_sum(message))))


@app.train("unmask")
@app.evaluate("unmask")
@app.query("unmask")
def unmask(message: Message, context: Context) -> Message:
    """Reveals shares."""

    def work() -> RecordDict:
        answer, following, seeds = _secure(context).unmask(*read_sum(message))
        return answer_content(answer, following, seeds=seeds)

    return _answer(message, work)


def _vector(message: Message, agent: Agent, purpose: Kind) -> RecordDict:
    """Computes what was asked for, and masks it wherever the site has a key: no message can talk it out of that."""
    order, weights = read_order(message)
    compute = agent.update if purpose == "train" else agent.evaluate
    if agent.secure is None:
        if order.private is not None:
            raise RefuseRound(Reason.NO_BUDGET)
        return vector_content(compute(order, weights))
    if not is_secure(message):
        raise RefuseRound(Reason.UNMASKED)
    joined = agent.secure.receive(read_sum(message)[0], purpose, digest_task(purpose, order, weights))
    if agent.private is None and order.private is None:
        masked = encode_and_mask(joined, compute(order, weights))
    else:
        masked = _masked_privately(agent, agent.secure, joined, order, weights)
    return answer_content(masked.commitment, vector=masked.words)


def _counts(message: Message, agent: Agent) -> RecordDict:
    """Counts of word pairs, which leave masked or not at all.

    The task is that of what is counted, however the message puts it: the same pairs in other words would be a task
    that was not confirmed yet, and could be summed up over another set of hospitals.
    """
    order, weights = read_task(message, CountOrder)
    if agent.secure is None or not is_secure(message):
        raise RefuseRound(Reason.UNMASKED)
    counting = counting_of(order, weights)
    task = digest_task("count", order, pairs_as_weights(counting))
    joined = agent.secure.receive(read_sum(message)[0], "count", task)
    masked = count(agent, agent.secure, joined, order.private, counting)
    return answer_content(masked.commitment, vector=masked.words)


def _masked_privately(
    agent: Agent, secure: SecureSums, joined: ClientSum, order: Order, weights: Weights
) -> MaskedVector:
    """The same for a private order: charged, noised, masked, and only then noted as released."""
    about = sum_of_terms(joined)
    if joined.terms.purpose == "train" and order.private is not None and order.private.noise == "local":
        vector, reservation = agent.private_training(order, weights, about)
        masked = encode_and_mask(joined, vector)
    else:
        release = agent.private_update if joined.terms.purpose == "train" else agent.private_evaluation
        released = release(order, weights, about)
        masked, reservation = mask_integers(joined, released.vector), released.reservation
        secure.keep_noise(joined, released)
    agent.note_release(reservation)
    return masked


def _answer(message: Message, work: Callable[[], RecordDict]) -> Message:
    try:
        content = work()
    except ClinfedError as error:
        log.error("%s: %s", message.metadata.message_type, code_of(error))
        content = error_content(code_of(error))
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        log.error("%s: %s, line %s", message.metadata.message_type, type(error).__name__, place.lineno)
        content = error_content("internal-error")
    return Message(content, reply_to=message)


def _agent(context: Context) -> Agent:
    """The site's agent; in a local federation, those that were asked least recently forget what they read."""
    agent = _agent_for(str(context.node_config["source"]), str(context.node_config.get("site", "")))
    if agent in _recent:
        _recent.remove(agent)
    _recent.append(agent)
    if len(_recent) > AGENTS_KEPT:
        _recent.pop(0).forget()
    return agent


def _secure(context: Context) -> SecureSums:
    secure = _agent(context).secure
    if secure is None:
        raise FixSettings("this site has no key for secure sums", where="site", remedy="Provision this site.")
    return secure


@cache
def _agent_for(source: str, site: str) -> Agent:
    notes = NoteSource.model_validate(json.loads(source))
    if not site:
        return Agent(notes)
    settings = SiteSettings.model_validate(json.loads(site))
    return Agent(notes, SecureSums(notes.hospital, settings), settings.budget, settings.countings)
