"""A private run in a process that will be killed, and a log of what left its hospitals, on disk before anyone has it.

The process is forked from one that has imported everything (`multiprocessing`'s forkserver preloads this module).
"""

import importlib
import json
import os
from pathlib import Path

from flwr.app import Context, Message
from flwr.clientapp import ClientApp

from server.orphan import die_with_parent
from server.settings import RunSettings
from shared.wire import PHASES

PRELOAD = ["tests.server.killed", "server.simulate", "server.app", "client.app", "server.report", "altair"]

app = ClientApp()
_log = -1


def run(settings: RunSettings, folder: Path, log: Path) -> None:
    """Runs a federation whose ClientApp is the real one, and logs each vector once it has left it."""
    global _log
    die_with_parent()
    _log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    importlib.import_module("server.local").CLIENT_APP = f"{__name__}:app"
    importlib.import_module("server.simulate").simulate(settings, folder, "a test")


def _answer(message: Message, context: Context) -> Message:
    answer: Message = importlib.import_module("client.app").app(message, context)
    if answer.has_content() and "vector" in answer.content:
        hospital = json.loads(str(context.node_config["source"]))["hospital"]
        purpose = message.metadata.message_type.partition(".")[0]
        os.write(_log, f"{hospital} {purpose} {message.metadata.group_id}\n".encode())
        os.fsync(_log)
    return answer


app.query("hello")(_answer)
for phase in PHASES:
    app.train(phase)(_answer)
    app.evaluate(phase)(_answer)
