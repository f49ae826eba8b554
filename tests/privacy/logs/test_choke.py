"""Nobody gets past the choke point: real processes, in which `logging` is used against it."""

import json
from collections.abc import Callable
from subprocess import CompletedProcess
from textwrap import dedent, indent
from typing import Any

import pytest

START = """
import copy, logging, pickle, queue, sys, warnings
from logging import handlers
NAME = sys.stdin.read()
if {install}:
    from privacy.logs.install import install
    install(whole=True)
else:
    logging.basicConfig()
log = logging.getLogger("clinfed.test")
def record():
    return logging.LogRecord("clinfed.test", 30, __file__, 1, "chart of %s", (NAME,), None)
root = logging.getLogger().handlers[0]
"""
WAYS = {
    "argument": "log.warning('chart of %s', NAME)",
    "f-string": "log.warning(f'chart of {NAME}')",
    "by hand": "log.handle(record())",
    "to a handler": "root.handle(record())",
    "emitted": "root.emit(record())",
    "formatted": "print(logging.Formatter().format(record()))",
    "message asked for": "print(record().getMessage())",
    "unpickled": "log.handle(pickle.loads(pickle.dumps(record())))",
    "from a dictionary": "log.handle(logging.makeLogRecord({'msg': '%s', 'args': (NAME,), 'levelno': 30}))",
    "copied and changed": """
        class Copying(logging.Handler):
            def emit(self, record):
                twin = copy.copy(record)
                twin.msg = 'chart of %s'
                twin.args = (NAME,)
                root.handle(twin)
        log.addHandler(Copying())
        log.warning('x')
    """,
    "handler that hands on": """
        class Own(logging.Handler):
            def handle(self, record):
                record.msg, record.args = NAME, ()
                return root.handle(record)
        log.addHandler(Own())
        log.propagate = False
        log.warning('x')
    """,
    "factory": """
        def make(*args, **options):
            made = logging.LogRecord(*args, **options)
            made.msg = 'chart of ' + NAME
            made.args = ()
            return made
        logging.setLogRecordFactory(make)
        log.warning('x')
    """,
    "formatter of exceptions": """
        try:
            raise ValueError(NAME)
        except ValueError:
            print(logging.Formatter().formatException(sys.exc_info()))
    """,
    "handler that fails": """
        class Failing(logging.Handler):
            def emit(self, record):
                try:
                    raise OSError(NAME)
                except OSError:
                    self.handleError(record)
        log.addHandler(Failing())
        log.warning('chart of %s', NAME)
    """,
    "queue without preparation": """
        class Raw(handlers.QueueHandler):
            def prepare(self, record):
                return record
        records = queue.Queue()
        log.addHandler(Raw(records))
        log.warning('chart of %s', NAME)
        kept = records.get()
        print(kept.msg, kept.args)
    """,
    "warning": "warnings.warn(f'chart of {NAME}')",
    "uncaught": "raise ValueError(NAME)",
}


@pytest.fixture(scope="module")
def name() -> str:
    return "Zebrafinch Quillfeather"


def _program(install: bool) -> str:
    """Every way in one process; the last one ends it."""
    text = dedent(START.format(install=install))
    for way, code in WAYS.items():
        body = indent(dedent(code).strip(), "    ")
        text += f"print({way!r}, file=sys.stderr)\n"
        if way == "uncaught":
            return text + dedent(code).strip() + "\n"
        text += "logging.setLogRecordFactory(logging.LogRecord)\nlog.handlers.clear(); log.propagate = True\n"
        text += f"def way():\n{body}\nway()\n"
    return text


def test_no_way_leads_past_it(script: Callable[..., CompletedProcess[str]], name: str) -> None:
    done = script(_program(True), input=name)
    assert done.returncode == 1
    said = done.stdout + done.stderr
    for part in ("Zebrafinch", "Quillfeather"):
        assert part not in said, [line for line in said.splitlines() if part in line]
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert sum(line["message"].startswith("chart of <") for line in lines) >= 7
    assert any(line["message"] == "a handler failed" for line in lines)
    assert any("ValueError: <VALUE" in line.get("trace", "") for line in lines)


def test_without_it_every_way_leads_out(script: Callable[..., CompletedProcess[str]], name: str) -> None:
    done = script(_program(False), input=name)
    parts = done.stderr.split("\n")
    at = {way: parts.index(way) for way in WAYS if way in parts}
    assert len(at) == len(WAYS)
    ends = [*sorted(at.values())[1:], len(parts)]
    printed = ("formatted", "message asked for", "formatter of exceptions", "queue without preparation")
    for (way, start), end in zip(sorted(at.items(), key=lambda item: item[1]), ends, strict=True):
        assert "Zebrafinch" in "\n".join(parts[start:end]) or way in printed, way
    assert done.stdout.count("Zebrafinch") >= len(printed)


def test_errors_are_on_disk_before_the_process_dies(
    script: Callable[..., CompletedProcess[str]], name: str
) -> None:
    code = "from privacy.logs.install import install; install(whole=True)\nimport logging, os\n"
    code += "logging.getLogger('clinfed').error('last words'); os._exit(9)\n"
    done: Any = script(code)
    assert done.returncode == 9
    assert json.loads(done.stderr)["message"] == "last words"
